"""The rival of a language model that costs nothing: four sentences a label with blanks to fill."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd

TEMPLATES = {
    "slow internet": (
        "My {0} is too slow {1}.",
        "The {0} drops {1}.",
        "Why is the {0} so slow {1}?",
        "Please check my {0}, nothing loads {1}.",
    ),
    "billing": (
        "Why was I charged for {0} {1}?",
        "There is an error in {0} {1}.",
        "Please refund {0} {1}.",
        "I have a question about {0} {1}.",
    ),
    "cancel": (
        "I want to cancel my {0} {1}.",
        "Please end my {0} {1}.",
        "How can I leave my {0} {1}?",
        "Do not renew my {0} {1}.",
    ),
    "delivery": (
        "My {0} has not arrived {1}.",
        "Where is the {0} that you sent {1}?",
        "The {0} came damaged {1}.",
        "Please deliver my {0} {1}.",
    ),
}
FILLINGS = {
    "slow internet": (
        ("internet", "connection", "wifi", "line"),
        ("in the evening", "since Monday", "at home", "every day"),
    ),
    "billing": (
        ("the bill", "the invoice", "a fee", "the payment"),
        ("of May", "of last month", "on my account", "of this year"),
    ),
    "cancel": (
        ("contract", "plan", "subscription", "account"),
        ("in June", "at the end of the month", "early", "today"),
    ),
    "delivery": (
        ("router", "parcel", "phone", "order"),
        ("last week", "today", "at my door", "on Friday"),
    ),
}


def fill_templates(count: int, seed: int) -> pd.DataFrame:
    """So many different sentences of each label, at most 64, drawn among all fillings.

    Returns a DataFrame with ``label`` and ``text``.
    """
    rng, parts = np.random.default_rng(seed), []
    for label, sentences in TEMPLATES.items():
        things, times = FILLINGS[label]
        ways = [form.format(*words) for form, *words in product(sentences, things, times)]
        chosen = rng.permutation(len(ways))[:count]
        parts.append(pd.DataFrame({"label": label, "text": [ways[place] for place in chosen]}))
    return pd.concat(parts, ignore_index=True)
