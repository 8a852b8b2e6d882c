"""Sentences as data: read by an encoder that knows the language, told apart, written anew."""

from utils.text.agreement import judge_written, mood_model
from utils.text.classifier import Classifier
from utils.text.encoder import Encoder, open_encoder
from utils.text.models import open_model
from utils.text.rows import row_as_sentence
from utils.text.sentences import real_sentences, validation_sentences, write_sentence

__all__ = [
    "Classifier",
    "Encoder",
    "judge_written",
    "mood_model",
    "open_encoder",
    "open_model",
    "real_sentences",
    "row_as_sentence",
    "validation_sentences",
    "write_sentence",
]
