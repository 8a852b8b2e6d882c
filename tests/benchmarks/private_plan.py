"""Which private networks and other libraries are run, on which tables and with which seeds."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tests.benchmarks.tables import YEAR
from utils.course.places import build_folder

EPSILONS = (0.5, 1.0, 3.0, 10.0, np.inf)  # the last: the same method without noise
NETWORKS = ("vae", "autoregressive")  # trained by noisy steps
# table -> epsilons and seeds with which networks are run
NETWORK_RUNS: dict[str, tuple[tuple, tuple]] = {
    YEAR: (EPSILONS, (0, 1, 2)),
    "Adult": ((1.0, 10.0), (0,)),
}


@dataclass(frozen=True)
class PrivatePeer:
    """A synthesizer of another library.

    library : its module is ``peers/fit_LIBRARY.py``, its pins are ``requirements_LIBRARY.txt``, and
    its environment is ``build/LIBRARY``.  name : as that module knows it.  seeds : table -> those
    that are run; where a fit takes minutes, few or none.
    """

    library: str
    name: str
    seeds: dict[str, tuple[int, ...]] = field(hash=False)

    @property
    def python(self) -> Path:
        """The interpreter of its environment, which `make bench-private` builds."""
        return build_folder() / self.library / "bin" / "python"


PEERS = {
    "dpmm MST": PrivatePeer("dpmm", "MST", {YEAR: (0, 1, 2)}),
    "opendp AIM": PrivatePeer("opendp", "AIM", {YEAR: (0,)}),
}
