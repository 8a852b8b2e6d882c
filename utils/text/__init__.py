"""Sentences as data: read by an encoder that knows the language."""

from utils.text.encoder import Encoder, open_encoder

__all__ = ["Encoder", "open_encoder"]
