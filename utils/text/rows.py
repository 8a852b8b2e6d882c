"""Rows of a table as sentences, for networks that read."""

from __future__ import annotations

from collections.abc import Mapping


def row_as_sentence(row: Mapping[str, object]) -> str:
    """A row of screen time in words, without its app: that is to be told from the sentence."""
    return (
        f"The phone showed {row['Notifications']} notifications, the app was opened "
        f"{row['Times opened']} times and used for {row['Usage']} minutes."
    )
