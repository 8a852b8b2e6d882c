"""Our attacks beside anonymeter's, as stored: both find the same where both mean the same."""

from __future__ import annotations

import pytest

from tests.benchmarks import anonymeter as bench
from tests.benchmarks.freshness import older_rows
from utils.results import COPY, load_results, means_over_seeds

SAME = {  # attack -> by how much the shares of hits may differ, means over the seeds
    bench.CATEGORY: 0.03,
    bench.NUMBER: 0.03,  # the distances are not the same
    bench.LINKING: 0.03,
    bench.SINGLING: 0.1,  # each draws 100 sentences of its own: three standard errors
}


def means():
    return means_over_seeds(load_results(bench.ANONYMETER), ["attack", "table", "synthetic"])


def test_the_stored_runs_are_whole_and_of_this_code():
    runs = load_results(bench.ANONYMETER)
    assert not runs.duplicated(bench.KEY).any() and older_rows(bench.ANONYMETER) == ""
    assert len(runs) == sum(len(bench.CASES[name].guesses) + 3 for name, _, _ in bench.TASKS)


@pytest.mark.parametrize("attack", SAME)
@pytest.mark.parametrize("share", ["hit", "luck"])
def test_both_hit_alike_where_both_mean_the_same(attack, share):
    found = means().loc[attack]
    apart = (found[f"ours_{share}"] - found[f"theirs_{share}"]).abs()
    assert len(apart) == 16 and apart.max() <= SAME[attack], apart.idxmax()


def test_both_find_a_copy_and_one_that_was_moved_a_little():
    found = means().xs(bench.NUMBERS, level="table")
    for attack in (bench.CATEGORY, bench.NUMBER, bench.LINKING):
        for side in bench.SIDES:
            assert found.loc[(attack, COPY), f"{side}_risk"] > 0.99
            assert found.loc[(attack, bench.NOISY), f"{side}_risk"] > 0.8


def test_theirs_counts_negative_guesses_as_hits():
    found = means().loc[bench.SIGNED].drop(index=COPY, level="synthetic")
    assert (found["theirs_luck"] > 0.45).all() and (found["ours_luck"] < 0.05).all()
