"""Random crops: boxes that stay inside, pixels that are the decoder's, and how far they are off."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from shards.crop import Cropper, Crops, crop_box, decoder_scale, jpeg_shape, resize, squeeze, turn
from shards.decode import DecodeError, decode_image

WHOLE = Crops(area=(1.0, 1.0), aspect=(1.0, 1.0), turns=1)
MIDDLE = np.array([0.5, 0.5, 0.5, 0.5, 0.0], np.float32)


def as_array(data: bytes) -> np.ndarray:
    return np.frombuffer(data, np.uint8)


def crop(data: bytes, size: int, crops: Crops = WHOLE, draws: np.ndarray = MIDDLE) -> np.ndarray:
    out = np.zeros((size, size, 3), np.uint8)
    Cropper().crop(as_array(data), draws, crops, out)
    return out


ranges = st.tuples(st.floats(0.05, 1), st.floats(0.05, 1)).map(sorted).map(tuple)
aspects = st.tuples(st.floats(0.2, 5), st.floats(0.2, 5)).map(sorted).map(tuple)
unit = st.floats(0, 1, exclude_max=True, width=32)


@given(st.tuples(*[unit] * 5), st.integers(1, 5_000), st.integers(1, 5_000), ranges, aspects)
def test_a_crop_stays_inside_and_is_not_empty(draws, height, width, area, aspect) -> None:
    box = crop_box(np.array(draws, np.float32), height, width, Crops(area, aspect))
    left, top, right, bottom = box
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height
    assert all(isinstance(value, int) for value in box)


def test_crops_of_a_square_cover_the_share_that_was_asked() -> None:
    draws = np.random.default_rng(0).random((500, 5))
    boxes = [crop_box(row, 1_000, 1_000, Crops()) for row in draws]
    shares = np.array([(r - left) * (b - t) / 1e6 for left, t, r, b in boxes])
    assert 0.349 <= shares.min() < 0.37
    assert 0.95 < shares.max() <= 1.0


def test_a_crop_reaches_every_edge() -> None:
    draws = np.random.default_rng(0).random((500, 5))
    boxes = np.array([crop_box(row, 20, 20, Crops((0.2, 0.3))) for row in draws])
    assert boxes.min(axis=0)[:2].tolist() == [0, 0]
    assert boxes.max(axis=0)[2:].tolist() == [20, 20]


def test_the_decoder_scales_only_what_stays_at_least_as_large_as_the_square() -> None:
    found = {side: decoder_scale(side, 100) for side in (50, 100, 199, 200, 399, 400, 799, 900)}
    assert found == {50: 1, 100: 1, 199: 1, 200: 2, 399: 2, 400: 4, 799: 4, 900: 8}


def test_a_crop_in_its_own_size_is_what_the_decoder_gives(draw, encode) -> None:
    data = encode(draw(1, height=60, width=60))
    assert np.array_equal(crop(data, 60), decode_image(data))


def test_the_memory_of_a_large_picture_serves_a_small_one(draw, encode) -> None:
    cropper = Cropper()
    out = np.zeros((40, 40, 3), np.uint8)
    for seed, side in enumerate((40, 90, 50, 40)):
        data = encode(draw(seed, height=side, width=side))
        cropper.crop(as_array(data), MIDDLE, WHOLE, out)
        assert np.array_equal(out, crop(data, 40))


@pytest.mark.parametrize(("side", "size", "mean"), [
    (60, 100, 0.3),  # grows: the same weights
    (100, 90, 1.0),  # bilinear without widening its triangle
    (100, 60, 1.6),
    (100, 51, 2.2),
    (100, 30, 2.0),  # decoded at 1/2, then the mean of an area
    (200, 24, 2.0),  # decoded at 1/8
])  # fmt: skip
def test_a_scaled_crop_differs_little_from_the_triangle_weights(draw, encode, side, size, mean):
    differences = []
    for seed in range(20):
        data = encode(draw(seed, height=side, width=side), quality=95)
        exact = np.asarray(
            Image.fromarray(decode_image(data)).resize((size, size), Image.Resampling.BILINEAR)
        )
        differences.append(np.abs(crop(data, size).astype(int) - exact).mean())
    assert np.mean(differences) < mean


def test_a_crop_takes_its_box(encode) -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    image[32:, :32] = (10, 200, 30)
    quarter = Crops(area=(0.25, 0.25), aspect=(1.0, 1.0), turns=1)
    lower_left = np.array([0, 0, 0, 0.999, 0], np.float32)
    found = crop(encode(image, quality=100, subsampling=0), 32, quarter, lower_left)
    assert np.abs(found.astype(int) - (10, 200, 30)).max() <= 2


@pytest.mark.parametrize(("turns", "variants"), [(1, {0}), (2, {0, 2}), (8, set(range(8)))])
def test_as_many_turns_come_as_are_admitted(draw, encode, turns, variants) -> None:
    data = encode(draw(3, height=30, width=30))
    crops = Crops((1.0, 1.0), (1.0, 1.0), turns)
    expected = set()
    for variant in variants:
        out = np.empty((30, 30, 3), np.uint8)
        turn(decode_image(data), variant, out)
        expected.add(out.tobytes())
    draws = np.random.default_rng(0).random((60, 5), dtype=np.float32)
    assert {crop(data, 30, crops, row).tobytes() for row in draws} == expected


def test_the_eight_turns_by_hand() -> None:
    corners = np.array([[1, 2], [3, 4]], dtype=np.uint8)[:, :, None].repeat(3, axis=2)
    found = []
    for variant in range(8):
        out = np.zeros((2, 2, 3), np.uint8)
        turn(corners.copy(), variant, out)
        found.append(out[:, :, 0].tolist())
    assert found == [
        [[1, 2], [3, 4]],
        [[3, 4], [1, 2]],
        [[2, 1], [4, 3]],
        [[4, 3], [2, 1]],
        [[1, 3], [2, 4]],
        [[2, 4], [1, 3]],
        [[3, 1], [4, 2]],
        [[4, 2], [3, 1]],
    ]


def test_squeezing_to_the_same_size_changes_nothing(draw) -> None:
    image = draw(1, height=16, width=16)
    assert np.array_equal(squeeze(image, 16), image)


def test_resizing_fills_the_memory_it_was_given(draw) -> None:
    batch = np.zeros((3, 20, 20, 3), np.uint8)
    resize(draw(1)[5:40, 3:50], batch[1])
    assert batch[1].any() and not batch[[0, 2]].any()
    assert np.array_equal(batch[1], cv2.resize(draw(1)[5:40, 3:50], (20, 20)))


def test_grey_pictures_become_colour(encode) -> None:
    data = encode(Image.new("L", (20, 20), 77))
    assert np.unique(crop(data, 20)).tolist() == [77]


@pytest.mark.parametrize(("damage", "reason"), [
    (lambda data: data[: len(data) // 2], "truncated"),
    (lambda data: b"no picture", "corrupt"),
])  # fmt: skip
def test_damage_is_named(draw, encode, damage, reason) -> None:
    with pytest.raises(DecodeError) as found:
        crop(damage(encode(draw(1, height=90, width=90))), 20)
    assert found.value.reason == reason


def test_too_many_pixels_are_refused_before_any_is_decoded(draw, encode) -> None:
    data = bytearray(encode(draw(1)))
    size = data.index(b"\xff\xc0") + 5  # of the frame header: height, then width
    data[size : size + 4] = b"\x7f\xff\x7f\xff"
    with pytest.raises(DecodeError) as found:
        jpeg_shape(as_array(bytes(data)))
    assert (found.value.reason, found.value.detail) == ("too_large", "32767x32767")
