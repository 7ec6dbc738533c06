"""Better and worse mean: beyond what chance does with so few pictures of so few things."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from retrain.paired import Paired, compare


def right(text: str) -> np.ndarray:
    """`+` is right, `-` wrong."""
    return np.array([letter == "+" for letter in text])


def each_its_own(count: int) -> np.ndarray:
    return np.array([str(n) for n in range(count)], dtype=object)


def test_six_of_six_are_beyond_chance_and_five_of_five_are_not() -> None:
    six = compare(right("------"), right("++++++"), each_its_own(6))
    assert six == Paired(6, 0.0, 1.0, 1.0, 1.0, 6, 0)
    assert six.is_better and not six.is_worse
    five = compare(right("-----"), right("+++++"), each_its_own(5))
    assert (five.low, five.is_better) == (1.0, False)


def test_the_other_way_round_is_worse() -> None:
    found = compare(right("++++++++"), right("------++"), each_its_own(8))
    assert (found.difference, found.won, found.lost) == (-0.75, 0, 6)
    assert found.is_worse and not found.is_better


def test_pictures_of_one_thing_count_once() -> None:
    groups = np.array(["one leaf"] * 20, dtype=object)
    found = compare(right("-" * 20), right("+" * 20), groups)
    assert (found.won, found.lost, found.is_better) == (1, 0, False)


def test_as_many_won_as_lost_is_neither() -> None:
    found = compare(right("+-" * 20), right("-+" * 20), each_its_own(40))
    assert (found.difference, found.won, found.lost) == (0.0, 20, 20)
    assert not found.is_better and not found.is_worse


def test_no_picture_says_nothing() -> None:
    found = compare(right(""), right(""), each_its_own(0))
    assert math.isnan(found.champion)
    assert not found.is_better and not found.is_worse


@given(
    st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 9)), min_size=1, max_size=60)
)
def test_who_is_better_is_worse_from_the_other_side(rows) -> None:
    old, new, groups = (np.array(column) for column in zip(*rows, strict=True))
    one, other = compare(old, new, groups), compare(new, old, groups)
    assert (one.won, one.lost) == (other.lost, other.won)
    assert one.is_better == other.is_worse
    assert one.low <= one.high
    assert abs(one.low + other.high) < 1e-12
