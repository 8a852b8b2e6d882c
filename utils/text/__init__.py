"""Sentences as data: read by an encoder that knows the language, written by a model, filtered, told
apart."""

from utils.text.agreement import judge_written, mood_model
from utils.text.apart import write_apart
from utils.text.classifier import Classifier
from utils.text.diversity import distinct, self_similarity
from utils.text.encoder import Encoder, open_encoder
from utils.text.filters import (
    LabelJudge,
    jaccard,
    leaks,
    news,
    pairs_within,
    personal_data,
    repeats_meaning,
    repeats_words,
    runs,
    toxic_words,
    well_formed,
    words,
)
from utils.text.grounded import (
    BEGINNINGS,
    FACT_EXAMPLE,
    FACTS,
    OTHER_FACTS,
    PASSAGE,
    PASSAGE_EXAMPLE,
    load_questions,
)
from utils.text.models import open_model
from utils.text.planted import PARAPHRASES, PLANTED, replaced, tried
from utils.text.rows import row_as_sentence
from utils.text.sentences import real_sentences, validation_sentences, write_sentence
from utils.text.support import (
    FILTERS,
    equal_part,
    examples_for,
    load_handwritten,
    load_readings,
    load_replies,
    load_support,
    losses,
    refused_by,
    remembering,
)
from utils.text.templates import fill_templates
from utils.text.writer import (
    ANSWERING,
    ASKING,
    DIALOGUE,
    OPENINGS,
    REPLYING,
    drawn_examples,
    one_sentence,
    prompt_of,
    write_message,
)

__all__ = [
    "ANSWERING",
    "ASKING",
    "BEGINNINGS",
    "DIALOGUE",
    "FACTS",
    "FACT_EXAMPLE",
    "FILTERS",
    "OPENINGS",
    "OTHER_FACTS",
    "PARAPHRASES",
    "PASSAGE",
    "PASSAGE_EXAMPLE",
    "PLANTED",
    "REPLYING",
    "Classifier",
    "Encoder",
    "LabelJudge",
    "distinct",
    "drawn_examples",
    "equal_part",
    "examples_for",
    "fill_templates",
    "jaccard",
    "judge_written",
    "leaks",
    "load_handwritten",
    "load_questions",
    "load_readings",
    "load_replies",
    "load_support",
    "losses",
    "mood_model",
    "news",
    "one_sentence",
    "open_encoder",
    "open_model",
    "pairs_within",
    "personal_data",
    "prompt_of",
    "real_sentences",
    "refused_by",
    "remembering",
    "repeats_meaning",
    "repeats_words",
    "replaced",
    "row_as_sentence",
    "runs",
    "self_similarity",
    "toxic_words",
    "tried",
    "validation_sentences",
    "well_formed",
    "words",
    "write_apart",
    "write_message",
    "write_sentence",
]
