"""Groups of rows: known answers, very wide ones, combinations that never occurred, no columns."""

from __future__ import annotations

import numpy as np
import pytest

from utils import saving
from utils.encoding.groups import ROWS_PER_GROUP, Groups, rows_of

CODES = np.array([[1, 0], [0, 2], [1, 0], [-1, 1], [0, 2], [1, 0]])


def test_combinations_are_sorted_counted_and_numbered():
    groups = Groups.fit(CODES)
    assert groups.combinations.tolist() == [[-1, 1], [0, 2], [1, 0]]
    assert groups.counts.tolist() == [1, 2, 3]
    assert len(groups) == 3
    assert groups.number(CODES).tolist() == [2, 1, 2, 0, 1, 2]


def test_a_combination_that_never_occurred_has_no_number():
    groups = Groups.fit(CODES)
    fresh = np.array([[1, 2], [0, 2], [-1, 0], [9, 9]])  # each value alone occurred in most
    assert groups.number(fresh).tolist() == [-1, 1, -1, -1]


def test_rows_of_a_table_the_groups_were_not_fitted_to():
    groups = Groups.fit(CODES)
    fresh = np.array([[1, 2], [1, 0], [0, 2], [1, 0]])
    found = {tuple(combination): rows.tolist() for combination, rows in groups.rows(fresh)}
    assert found == {(-1, 1): [], (0, 2): [2], (1, 0): [1, 3]}


def test_64_columns_of_two_values():
    """The product of the numbers of values, 2**64, fits no integer."""
    codes = np.random.default_rng(0).integers(0, 2, (500, 64))
    codes[250:] = codes[:250]
    groups = Groups.fit(codes)
    assert len(groups) == 250
    numbers = groups.number(codes)
    assert np.array_equal(numbers[:250], numbers[250:])
    assert np.array_equal(groups.combinations[numbers], codes)
    assert (groups.number(1 - codes) == -1).all()


def test_columns_of_very_many_values():
    codes = np.array([[0, 0, 0], [2**30, 2**30, 2**30], [2**30, 0, 2**30], [0, 0, 0]])
    assert Groups.fit(codes).number(codes).tolist() == [0, 2, 1, 0]


def test_without_columns_all_rows_are_one_group():
    nothing = np.zeros((5, 0), int)
    groups = Groups.fit(nothing)
    assert (len(groups), groups.counts.tolist()) == (1, [5])
    assert groups.number(nothing).tolist() == [0] * 5
    ((combination, rows),) = groups.rows(nothing)
    assert combination.tolist() == [] and rows.tolist() == [0, 1, 2, 3, 4]
    assert groups.crowded


@pytest.mark.parametrize("rows", [2 * ROWS_PER_GROUP - 1, 2 * ROWS_PER_GROUP])
def test_groups_are_crowded_from_enough_rows_each_on_average(rows):
    codes = np.append(0, np.ones(rows - 1, int))[:, None]
    assert Groups.fit(codes).crowded == (rows >= 2 * ROWS_PER_GROUP)


def test_rows_of_keeps_their_order_and_leaves_out_other_numbers():
    numbers = np.array([2, 0, -1, 2, 5, 0, 2])
    found = [rows.tolist() for rows in rows_of(numbers, 4)]
    assert found == [[1, 5], [], [0, 3, 6], []]


@pytest.mark.parametrize("numbers", [[], [-1, -1], [7]])
def test_rows_of_numbers_that_are_not_asked_for(numbers):
    assert [len(rows) for rows in rows_of(np.array(numbers, int), 3)] == [0, 0, 0]
    assert rows_of(np.array(numbers, int), 0) == []


def test_groups_survive_a_file(tmp_path):
    saving.write(tmp_path / "groups", {"groups": Groups.fit(CODES)})
    loaded = saving.read(tmp_path / "groups")["groups"]
    assert loaded.number(CODES).tolist() == [2, 1, 2, 0, 1, 2]
