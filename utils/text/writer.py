"""Short messages written by a language model: a prompt of examples, a grammar, one sentence."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

import numpy as np

from utils.language_model import LanguageModel, LanguageModelError

# Words that a customer begins with. A model that is left alone soon speaks for the company.
OPENINGS = ("My", "I", "Please", "Why", "When", "How", "The", "Can", "We", "Where")
# What support begins with, what a customer who was asked begins with, and a question.
REPLYING = ("I am sorry", "Thank you", "Please", "We", "Your", "Could you", "You can")
ANSWERING = ("My", "I", "Yes", "No", "It", "When", "How", "Can", "The")
ASKING = ("What", "How", "When", "Which")
DIALOGUE = """Customer: My parcel was left at the wrong door.
Support: I am sorry. Which address stands on it?
Customer: It says number 7, but I live at number 9.
Support: Thank you. The courier will bring it today.

"""
SHORTEST, LONGEST = 10, 100  # characters after the opening
TEMPERATURE = 0.8
MOST_TOKENS = 50  # of a message
EXAMPLES = 4  # in a prompt
_SCHEMA = {
    "type": "object",
    "properties": {"message": {"type": "string"}},
    "required": ["message"],
    "additionalProperties": False,
}


def one_sentence(openings: Sequence[str] = OPENINGS, ends: str = ".?!") -> str:
    """A GBNF grammar: a blank, one of the openings, plain characters, an end mark of ``ends``, a
    line end."""
    first = " | ".join(f'"{opening} "' for opening in openings)
    return f'root ::= " " ({first}) [a-zA-Z0-9 ,\']{{{SHORTEST},{LONGEST}}} [{ends}] "\\n"'


def prompt_of(label: str, examples: Sequence[str]) -> str:
    """A list of messages about a label that breaks off where the next one begins."""
    lines = "".join(f"- {example}\n" for example in examples)
    return f"Messages of customers about {label}:\n{lines}-"


def write_message(
    model: LanguageModel, label: str, examples: Sequence[str], seed: int | None = None
) -> str:
    """A new message about a label, after examples of it.

    A service that draws by no grammar is asked for JSON with one text instead, of which the first
    sentence is taken. Raises LanguageModelError as the model does, and for a reply
    without a message.
    """
    prompt = prompt_of(label, examples)
    options = {"most_tokens": MOST_TOKENS, "temperature": TEMPERATURE, "seed": seed}
    if model.takes_grammar:
        return model.continue_text(prompt, one_sentence(), **options).text.strip()
    question = f"{prompt}\nWrite the next message of the list, one sentence."
    reply = model.answer(question, schema=_SCHEMA, **options).text
    try:
        message = json.loads(reply)["message"].strip()
    except (ValueError, TypeError, KeyError, AttributeError):
        raise LanguageModelError(
            f"The reply holds no message: {reply[:80]!r}. Ask with another seed."
        ) from None
    return re.split(r"(?<=[.?!])\s", message, maxsplit=1)[0]


def drawn_examples(pool: Sequence[str], seed: int, count: int = EXAMPLES) -> list[str]:
    """So many examples of a pool in random order; the same seed gives the same."""
    order = np.random.default_rng(seed).permutation(len(pool))[:count]
    return [pool[place] for place in order]
