"""What an attacker learns from a synthetic table: who was in training, which rows belong together,
what the other cells are."""

from utils.attacks.attribute import attribute_inference
from utils.attacks.evidence import Evidence, by_unit
from utils.attacks.linkage import linkability
from utils.attacks.membership import (
    calibrated_distance_belief,
    density_ratio_belief,
    distance_belief,
    shadow_belief,
)
from utils.attacks.rates import Rate, Risk
from utils.attacks.report import PrivacyReport, privacy_report
from utils.attacks.singling_out import singling_out
from utils.attacks.white_box import white_box_belief

__all__ = [
    "Evidence",
    "PrivacyReport",
    "Rate",
    "Risk",
    "attribute_inference",
    "by_unit",
    "calibrated_distance_belief",
    "density_ratio_belief",
    "distance_belief",
    "linkability",
    "privacy_report",
    "shadow_belief",
    "singling_out",
    "white_box_belief",
]
