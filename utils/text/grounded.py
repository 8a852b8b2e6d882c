"""A passage whose facts are known, to ask about."""

# Answer -> the sentence that holds it
FACTS = {
    "30 days": "The notice period is 30 days.",
    "five working days": "A new router is sent within five working days.",
    "4 euros": "The late fee is 4 euros.",
    "8 in the evening": "The hotline is open until 8 in the evening.",
    "250 megabits": "The fastest line carries 250 megabits.",
    "two weeks": "A parcel can be returned within two weeks.",
}
PASSAGE = " ".join(FACTS.values())
# What prompts show: a passage with a question to it, and a fact with a question to it
PASSAGE_EXAMPLE = (
    "Passage: Tea costs 2 euros. The shop opens at nine.\n"
    "Question: How much does tea cost?\nAnswer: 2 euros\n\n"
)
FACT_EXAMPLE = "Text: Tea costs 2 euros.\nAnswer: 2 euros\nQuestion: How much does tea cost?\n\n"
