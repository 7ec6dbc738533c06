"""Neighbours by name, and pairs that are none."""

from __future__ import annotations

import numpy as np
import pytest

from catalog.name_order import natural_key
from ingest.leaf_order import count_neighbours, far_pairs, neighbour_pairs, number_gap


@pytest.mark.parametrize(
    ("one", "other", "gap"),
    [
        ("IMG_9.jpg", "IMG_12.jpg", 3),
        ("IMG_12.jpg", "IMG_9.jpg", 3),
        ("IMG_9.jpg", "DSC_9.jpg", None),
        ("1_2.jpg", "2_3.jpg", None),
        ("IMG_9.jpg", "IMG_9 copy.jpg", None),
        ("IMG_9.jpg", "IMG_09.jpg", None),
    ],
)
def test_the_gap_between_names(one, other, gap) -> None:
    assert number_gap(natural_key(one), natural_key(other)) == gap


def neighbours_of(*names: str) -> list[int]:
    return count_neighbours([natural_key(name) for name in names])


def test_neighbours_are_three_files_and_three_numbers_apart_at_most() -> None:
    assert neighbours_of("1.jpg", "2.jpg", "3.jpg", "4.jpg", "5.jpg") == [0, 1, 2, 3, 3]
    assert neighbours_of("1.jpg", "2.jpg", "5.jpg", "9.jpg", "10.jpg") == [0, 1, 1, 0, 1]


def test_without_numbers_neighbours_are_three_files_apart() -> None:
    assert neighbours_of("ant.jpg", "bee.jpg", "cat.jpg", "dog.jpg", "eel.jpg") == [0, 1, 2, 3, 3]


def test_pairs_of_neighbours() -> None:
    pairs = neighbour_pairs(np.array([0, 1, 2, 0, 1]))
    assert pairs.tolist() == [[0, 1], [1, 2], [0, 2], [3, 4]]
    assert neighbour_pairs(np.array([], dtype=int)).shape == (0, 2)


def test_far_pairs_are_no_neighbours_and_the_same_every_time() -> None:
    pairs = far_pairs(90, 150)
    assert 100 < len(pairs) <= 150
    assert (pairs[:, 1] - pairs[:, 0]).min() > 3
    assert np.array_equal(pairs, far_pairs(90, 150))
    assert far_pairs(4, 150).shape == (0, 2)
    assert far_pairs(0, 150).shape == (0, 2)
