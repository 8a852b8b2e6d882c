"""What takes a promise back without an error: a warning, and how to say that it is known."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


class PrivacyWarning(UserWarning):
    """A fit with a promise of privacy that does not hold as it was made: says why, and the cure."""


@contextmanager
def for_study() -> Iterator[None]:
    """``with for_study(): model.fit(table, schema)`` - a fit for study or a test, not for release.

    Known seeds, and ranges that are those of the rows, are not warned of inside. As with
    ``warnings.catch_warnings``, on which it stands, this holds for all threads of the process.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PrivacyWarning)
        yield


def warn_of_seed(random_state: int | None, stacklevel: int) -> None:
    """PrivacyWarning for a seed that somebody may know."""
    if random_state is not None:
        warnings.warn(
            f"Whoever knows random_state={random_state!r} can take the noise off again, and no "
            "promise holds: for a release pass random_state=None, for study fit inside "
            "`with utils.privacy.for_study():`.",
            PrivacyWarning,
            stacklevel + 1,
        )
