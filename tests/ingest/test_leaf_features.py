"""What is kept of a picture: keypoints, descriptors, colours, all in bytes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from leaf_pictures import draw_mottled

from ingest.leaf_features import MAX_KEYPOINTS, RECORD, describe, unpack_keypoints


def test_a_record_is_13858_bytes_and_a_million_and_a_half_are_20_gb() -> None:
    assert RECORD.itemsize == 2 + 200 * 4 + 200 * 64 + 256


def test_a_plain_picture_has_colours_and_no_keypoints() -> None:
    record = describe(np.full((40, 60, 3), 255, dtype=np.uint8))
    assert (int(record["is_there"]), int(record["num_keypoints"])) == (1, 0)
    # White is L 255, a 128, b 128 of OpenCV's: bins 3 of 4, 4 of 8, 3 of 8.
    assert np.flatnonzero(record["colours"]).tolist() == [(3 * 8 + 4) * 8 + 3]
    assert record["colours"].max() == 255


def test_colours_are_square_roots_of_shares() -> None:
    image = np.zeros((40, 40, 3), dtype=np.uint8)
    image[:10] = 255
    colours = describe(image)["colours"]
    assert sorted(colours[colours > 0].tolist()) == [128, 221]  # 0.25 and 0.75


def test_keypoints_are_where_the_spots_are() -> None:
    image = np.full((100, 120, 3), 200, dtype=np.uint8)
    image[38:46, 68:76] = 0
    points, descriptors = unpack_keypoints(describe(image))
    distance = np.hypot(points[:, 0] - 71.5, points[:, 1] - 41.5)
    assert distance.min() < 2
    assert descriptors.shape == (len(points), 128)
    assert descriptors.max() <= 15


def test_a_large_picture_is_described_as_its_small_copy() -> None:
    points, _ = unpack_keypoints(describe(draw_mottled(1, side=512)))
    assert len(points) <= MAX_KEYPOINTS
    assert points[:, :2].max() <= 255


@pytest.mark.parametrize("shape", [(1, 1), (1, 4_000), (4_000, 1), (13, 12), (300, 20)])
def test_any_size_is_described(shape) -> None:
    assert int(describe(np.zeros((*shape, 3), dtype=np.uint8))["is_there"]) == 1


@given(st.integers(0, 2**32 - 1))
def test_the_same_pixels_give_the_same_bytes(seed) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    assert describe(noise).tobytes() == describe(noise.copy()).tobytes()


@given(st.integers(0, MAX_KEYPOINTS), st.integers(0, 2**32 - 1))
def test_any_record_can_be_unpacked(num_keypoints, seed) -> None:
    data = np.random.default_rng(seed).bytes(RECORD.itemsize)
    record = np.frombuffer(data, RECORD).copy()[0]
    record["num_keypoints"] = num_keypoints
    points, descriptors = unpack_keypoints(record)
    assert (points.shape[1], descriptors.shape[1]) == (4, 128)
    assert descriptors[:, ::2].tolist() == (record["descriptors"] >> 4)[: len(points)].tolist()
    assert descriptors[:, 1::2].tolist() == (record["descriptors"] & 15)[: len(points)].tolist()
