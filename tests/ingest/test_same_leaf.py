"""Order and appearance together decide which pictures show one leaf."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from leaf_pictures import draw_mottled, turn

from ingest.leaf_features import RECORD, describe
from ingest.leaf_store import feature_file
from ingest.same_leaf import ALONE_SCORE, LINKS, LeafClass, find_links, neighbour_score

ORDERED = [0.0] * 150
"""What chance pairs score in a folder of unlike leaves."""


@pytest.mark.parametrize(
    ("near", "far", "needed"),
    [
        ([6.0, 7.0, 8.0, 0.0], ORDERED, 5.0),  # three of four reach 5, none by chance
        ([6.0] * 10, [6.0] * 150, ALONE_SCORE),  # as many by chance: the order says nothing
        ([20.0] * 10, [6.0] * 70 + [0.0] * 80, 6.0),  # 39 % at 5, so 16 % at 6
        ([0.0] * 10, ORDERED, ALONE_SCORE),
        ([], ORDERED, ALONE_SCORE),
        ([6.0, 6.0], [], 5.0),  # nothing is far apart in a small folder
    ],
)
def test_neighbours_need_what_chance_seldom_reaches(near, far, needed) -> None:
    assert neighbour_score(near, far) == needed


@pytest.fixture
def three_shots(tmp_path) -> LeafClass:
    """Four leaves: the first in shots 0 and 4, the second in shots 1 and 5, two alone."""
    first, second = draw_mottled(1), draw_mottled(2)
    images = [first, second, draw_mottled(3), draw_mottled(4), turn(first, 60), turn(second, -30)]
    records = np.zeros(len(images), RECORD)
    for row, image in enumerate(images):
        records[row] = describe(image)
    np.save(feature_file(tmp_path, 0), records)
    return make_class(tmp_path, is_new=(True,) * 6)


def make_class(features: Path, is_new: tuple[bool, ...]) -> LeafClass:
    return LeafClass(
        keys=tuple(f"000000-{row:05d}" for row in range(6)),
        folder_index=(0, 0, 0, 1, 1, 1),
        num_neighbours=(0, 0, 0, 0, 0, 0),
        is_new=is_new,
        features=features,
    )


def test_shots_of_one_leaf_are_linked_across_folders(three_shots) -> None:
    links = find_links(three_shots)
    assert links.schema == LINKS
    assert links.select(["key", "other"]).to_pylist() == [
        {"key": "000000-00000", "other": "000000-00004"},
        {"key": "000000-00001", "other": "000000-00005"},
    ]
    assert 0 < max(links["distance"].to_pylist()) <= 1 / ALONE_SCORE


def test_pairs_of_old_pictures_are_passed_over(three_shots) -> None:
    is_new = (False, False, False, False, True, False)
    links = find_links(make_class(three_shots.features, is_new))
    assert links.select(["key", "other"]).to_pylist() == [
        {"key": "000000-00000", "other": "000000-00004"}
    ]


def test_a_class_of_one_has_no_links(three_shots) -> None:
    alone = LeafClass(("000000-00000",), (0,), (0,), (True,), three_shots.features)
    assert find_links(alone).equals(LINKS.empty_table())
