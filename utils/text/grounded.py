"""A passage whose facts are known, to ask about."""

import pandas as pd

from utils.tables import DATA

# Answer -> the sentence that holds it
FACTS = {
    "30 days": "The notice period is 30 days.",
    "five working days": "A new router is sent within five working days.",
    "4 euros": "The late fee is 4 euros.",
    "8 in the evening": "The hotline is open until 8 in the evening.",
    "250 megabits": "The fastest line carries 250 megabits.",
    "two weeks": "A parcel can be returned within two weeks.",
}
# Six more of the same kinds, not in the passage
OTHER_FACTS = {
    "14 days": "The trial period is 14 days.",
    "three days": "A broken cable is replaced within three days.",
    "3 euros": "The price of a second phone number is 3 euros.",
    "7 in the evening": "The shop in the town is open until 7 in the evening.",
    "50 megabits": "The line for students carries 50 megabits.",
    "one hour": "An order can be changed within one hour.",
}
# How a question begins that asks for such an answer, in the order of both
BEGINNINGS = (
    "How long is",
    "How soon is",
    "How much is",
    "Until when is",
    "How fast is",
    "Within what time can",
)
PASSAGE = " ".join(FACTS.values())
# What prompts show: a passage with a question to it, and a fact with a question to it
PASSAGE_EXAMPLE = (
    "Passage: Tea costs 2 euros. The shop opens at nine.\n"
    "Question: How much does tea cost?\nAnswer: 2 euros\n\n"
)
FACT_EXAMPLE = "Text: Tea costs 2 euros.\nAnswer: 2 euros\nQuestion: How much does tea cost?\n\n"


def load_questions() -> pd.DataFrame:
    """32 questions that a language model wrote about the facts, read by the author.

    Columns: ``form`` (who chose the answer and the words), ``question``, ``answer``, and ``right``:
    whether the passage gives this answer to this question (see data/support.md).
    """
    return pd.read_csv(DATA / "support_questions.csv")
