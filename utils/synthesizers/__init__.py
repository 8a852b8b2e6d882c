"""All generators under one interface: fit, sample, save, load."""

from utils.synthesizers.autoregressive import AutoregressiveSynthesizer
from utils.synthesizers.base import SYNTHESIZERS, Synthesizer
from utils.synthesizers.copula import CopulaSynthesizer
from utils.synthesizers.diffusion import DiffusionSynthesizer
from utils.synthesizers.gan import GANSynthesizer
from utils.synthesizers.language_model import LanguageModelSynthesizer
from utils.synthesizers.marginals import MarginalSynthesizer
from utils.synthesizers.mixture import MixtureSynthesizer
from utils.synthesizers.rules import RuleSynthesizer
from utils.synthesizers.trees import TreeSynthesizer
from utils.synthesizers.vae import VAESynthesizer

__all__ = [
    "SYNTHESIZERS",
    "AutoregressiveSynthesizer",
    "CopulaSynthesizer",
    "DiffusionSynthesizer",
    "GANSynthesizer",
    "LanguageModelSynthesizer",
    "MarginalSynthesizer",
    "MixtureSynthesizer",
    "RuleSynthesizer",
    "Synthesizer",
    "TreeSynthesizer",
    "VAESynthesizer",
]
