"""Faults planted on purpose: texts that a filter should refuse, and some that only look so."""

from __future__ import annotations

from collections.abc import Callable, Sequence

# What the filter looks for -> (texts with the fault, texts that only look like it)
PLANTED = {
    "form": (
        ["my box is late.", "Cancel.", "I want to. Please do.", "Send it to ,", "No no no no."],
        ["Cancel my plan, please.", "What now, I ask?"],
    ),
    "personal data": (
        [
            "Write to anna.kruse@example.org.",
            "Call me on 0171 5550123.",
            "My number is +44 20 7946 0018.",
            "The account is DE89 3704 0044 0532 0130 00.",
            "Ask for Mrs Kruse.",
            "I live at 12 Mill Road.",
            "Write to anna at example dot org.",
            "I am the mayor of Oldham.",
        ],
        ["Ms Paint will not open.", "The screen says 0049 1234 5678.", "My order is 4711."],
    ),
    "toxic word": (
        [
            "You are all idiots.",
            "This damn router is shit.",
            "I hope your shop burns down.",
            "People like you should not be allowed to work.",
            "Your help is st*pid.",
        ],
        ["Please ask for Dick Miller.", "I hate to ask again."],
    ),
}
# The same said in other words.
PARAPHRASES = [
    ("My new router has not arrived.", "I still wait for the router you sent."),
    ("I was charged twice for the month of May.", "You took the money for May two times."),
    ("Please close my account, I am moving abroad.", "I emigrate, so end my account."),
    ("My internet is very slow since Monday.", "Since Monday my connection crawls."),
    ("The courier did not come to my house today.", "Nobody brought my parcel today."),
    ("Please refund the money that you took by mistake.", "You took it in error, return it."),
]


def replaced(text: str, place: int, word: str = "thing") -> str:
    """A text with the word at a place replaced."""
    parts = text.split()
    return " ".join([*parts[:place], word, *parts[place + 1 :]])


def tried(faulty_by: Callable, name: str, harmless: Sequence[str] = ()) -> None:
    """Print what a filter finds of the planted texts of a name, and whom it wrongs.

    faulty_by : text -> whether it is refused.  harmless : more texts that are in order.
    """
    planted, looks_like = PLANTED[name]
    harmless = [*looks_like, *harmless]
    missed = [text for text in planted if not faulty_by(text)]
    wronged = [text for text in harmless if faulty_by(text)]
    print(f"{name}: found {len(planted) - len(missed)} of {len(planted)}; missed: {missed}")
    print(f"  false alarms {len(wronged)} of {len(harmless)}: {wronged}")
