"""How often the attacks' intervals hold the truth, as stored."""

from __future__ import annotations

import numpy as np
import pytest

from tests.benchmarks import coverage
from tests.benchmarks.freshness import older_rows
from utils.results import load_results

LEAST, MOST = 0.90, 0.99


def test_the_stored_lines_are_whole_and_of_this_code():
    lines = load_results(coverage.COVERAGE)
    assert not lines.duplicated(coverage.KEY).any() and older_rows(coverage.COVERAGE) == ""
    assert set(lines[coverage.KEY].itertuples(index=False, name=None)) == set(coverage.worlds())
    assert (lines["worlds"] == coverage.WORLDS).all()


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    held = load_results(coverage.COVERAGE)["held"]
    assert held.min() >= LEAST and held.max() <= MOST


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_intervals_of_another_width_are_found_out(factor):
    interval, truth = coverage.membership_world(coverage.AUC, 0.5, 200, 500)

    def wrong(rng):
        low, high = interval(rng)
        middle, half = (low + high) / 2, factor * (high - low) / 2
        return np.array([middle - half, middle + half])

    share, _ = coverage.share_held(wrong, truth, 200)
    assert not LEAST <= share <= MOST
