"""Boxes and turns of many pictures at once; ffcv itself is not needed."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shards.crop import WAYS, Crops, crop_box, decoder_scale
from shards.ffcv_places import crop_boxes, epoch_places
from shards.order import Epoch

SIDES = st.integers(1, 3_000)


def stored(height: int, width: int) -> np.ndarray:
    """Three pictures as a .beton describes them."""
    found = np.zeros(3, [("mode", "<u1"), ("width", "<u2"), ("height", "<u2"), ("data_ptr", "<u8")])
    found["width"], found["height"], found["data_ptr"] = width, height, [100, 200, 300]
    return found


def plan(index: list[int], draws: np.ndarray) -> Epoch:
    rows = np.array(index)
    return Epoch(rows, draws, np.array([0, len(rows)]), read=rows)


@given(seed=st.integers(0, 10**9), height=SIDES, width=SIDES)
def test_boxes_are_those_of_single_pictures(seed, height, width) -> None:
    draws = np.random.default_rng(seed).random((20, 5), dtype=np.float32)
    sides = np.full(20, height, np.uint16), np.full(20, width, np.uint16)
    for crops in (Crops(), Crops(area=(0.08, 1.0), aspect=(0.5, 2.0))):
        found = np.array(crop_boxes(draws, *sides, crops)).T
        expected = [crop_box(draw, height, width, crops) for draw in draws]
        assert list(map(tuple, found.tolist())) == expected


@given(seed=st.integers(0, 10**9), height=SIDES, width=SIDES, turns=st.integers(1, 8))
def test_scales_and_turns_are_those_of_single_pictures(seed, height, width, turns) -> None:
    draws = np.random.default_rng(seed).random((3, 5), dtype=np.float32)
    crops, length = Crops(turns=turns), np.array([7, 8, 9])
    found = epoch_places(stored(height, width), length, plan([2, 0, 2], draws), crops, 64)["f0"]
    assert found["data_ptr"].tolist() == [300, 100, 300]
    assert found["length"].tolist() == [9, 7, 9]
    assert found["variant"].tolist() == [WAYS[int(draw[4] * turns)] for draw in draws]
    boxes = [crop_box(draw, height, width, crops) for draw in draws]
    sides = [min(right - left, bottom - top) for left, top, right, bottom in boxes]
    assert found["scale"].tolist() == [decoder_scale(side, 64) for side in sides]


def test_whole_pictures_are_neither_turned_nor_scaled_by_the_decoder() -> None:
    draws = np.full((1, 5), 0.9, np.float32)
    places = epoch_places(stored(800, 600), np.array([7, 8, 9]), plan([1], draws), None, 64)
    assert places["f0"].tolist() == [(200, 8, 600, 800, 0, 0, 0, 0, 1, 0)]
