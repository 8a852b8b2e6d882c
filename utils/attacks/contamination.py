"""Has a language model read these rows before? It is asked to complete them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from utils.language_model import LanguageModel

SHOWN = "{name} is {cell}"
ASKED = "Complete the row with one of the two values. Answer with JSON only.\n\n"


def sentence(row: pd.Series) -> str:
    """A row as text, such as "age is 39, sex is Male"."""
    return ", ".join(SHOWN.format(name=name, cell=cell) for name, cell in row.items())


def completed_rightly(
    model: LanguageModel,
    rows: pd.DataFrame,
    column: str,
    wrong: Sequence,
    shown: pd.DataFrame | None = None,
) -> np.ndarray:
    """Whether the model completes each row with its own value rather than with another one.

    In go the row's other cells as a sentence, and two values for ``column``; the model, at
    temperature 0, takes one of them (Bordt et al. 2024, "feature completion", made a choice of two,
    so that chance is one half). Better than chance is no proof of having read the rows: the value
    may follow from the others. Ask about new rows of the same kind, too.

    rows : (n, d).  wrong : n other values for the column, each unlike the row's own; drawn from
    other rows, so that neither of the two is the likelier by itself.  shown : a row of these for
    each of rows stands before it, as (n, d); None shows nothing.

    Returns bool (n,). Raises ValueError where a wrong value is the row's own, LanguageModelError
    where the service fails.
    """
    own = [str(cell) for cell in rows[column]]
    other = [str(cell) for cell in wrong]
    if len(own) != len(other) or any(a == b for a, b in zip(own, other)):
        raise ValueError(f"Each row needs one wrong value of {column!r}, unlike its own.")
    last = [name for name in rows if name != column] + [column]
    before = [""] * len(own)
    if shown is not None:
        before = [f"{sentence(row)}.\n" for _, row in shown[last].iterrows()]
    prompts = [
        start + sentence(row).removesuffix(f" {cell}")
        for start, (_, row), cell in zip(before, rows[last].iterrows(), own)
    ]
    chosen = [_chosen(model, text, pair) for text, *pair in zip(prompts, own, other)]
    return np.array([found == cell for found, cell in zip(chosen, own)], dtype=bool)


def _chosen(model: LanguageModel, text: str, values: list[str]) -> str:
    """The one of two values with which the model goes on."""
    values = sorted(values)
    if not model.takes_grammar:
        schema = {"type": "string", "enum": values}
        return model.answer(ASKED + text, schema, temperature=0).text.strip().strip('"')
    quoted = [value.replace("\\", "\\\\").replace('"', '\\"') for value in values]
    grammar = "root ::= " + " | ".join(f'" {value}."' for value in quoted)
    reply = model.continue_text(text, grammar, temperature=0)
    return reply.text.removesuffix(".").removeprefix(" ")
