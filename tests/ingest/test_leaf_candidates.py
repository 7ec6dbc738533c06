"""Which pairs are worth a close look."""

from __future__ import annotations

import numpy as np
from leaf_pictures import draw_mottled, turn

from ingest.leaf_candidates import nearest_pairs
from ingest.leaf_features import RECORD, describe
from ingest.leaf_match import as_leaf


def test_of_a_small_class_all_pairs_are() -> None:
    leaves = [as_leaf(describe(draw_mottled(seed))) for seed in range(3)]
    assert nearest_pairs(leaves, nearest=2).tolist() == [[0, 1], [0, 2], [1, 2]]
    assert nearest_pairs(leaves[:1]).shape == (0, 2)
    assert nearest_pairs([]).shape == (0, 2)


def test_the_second_shot_is_among_the_nearest() -> None:
    images = [draw_mottled(seed) for seed in range(10)]
    images += [turn(image, 50) for image in images]
    leaves = [as_leaf(describe(image)) for image in images]
    pairs = nearest_pairs(leaves, nearest=3).tolist()
    assert all([seed, seed + 10] in pairs for seed in range(10))
    assert len(pairs) <= 60
    assert pairs == sorted(pairs)


def test_pictures_without_features_are_compared_by_colour() -> None:
    records = np.zeros(5, RECORD)
    for row, colour in enumerate([3, 3, 9, 9, 9]):
        records[row]["colours"][colour] = 255
    pairs = nearest_pairs([as_leaf(record) for record in records], nearest=1).tolist()
    assert [0, 1] in pairs
    assert all(0 not in pair and 1 not in pair for pair in pairs if pair != [0, 1])
