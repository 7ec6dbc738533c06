"""What a picture looks like in numbers: hash under turning and copying, layout, sharpness."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from catalog.near_copies import NEAR_COPY_BITS, turned_hashes
from ingest.appearance import describe, perceptual_hash
from ingest.check import shrink
from shards.decode import decode_image, upright


@given(st.integers(0, 2**32 - 1), st.integers(1, 8))
def test_hash_of_a_turned_or_mirrored_picture_is_among_the_turned_hashes(seed, orientation) -> None:
    grey = np.random.default_rng(seed).integers(0, 256, (32, 32), dtype=np.uint8)
    turned = upright(grey[:, :, None], orientation)[:, :, 0]
    eight = turned_hashes(np.array([perceptual_hash(grey)], dtype=np.uint64))[:, 0]
    assert perceptual_hash(turned) in eight.tolist()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_hash_of_a_turned_photograph_is_near_one_of_the_turned_hashes(draw, orientation) -> None:
    image = draw(3, height=90, width=120)
    eight = turned_hashes(np.array([describe(image).phash], dtype=np.uint64))[:, 0]
    turned = np.uint64(describe(upright(image, orientation)).phash)
    assert np.bitwise_count(eight ^ turned).min() <= 2  # resizing rounds rows before columns


@pytest.mark.parametrize("seed", range(8))
def test_hash_hardly_changes_with_recompression_and_scaling(draw, encode, seed) -> None:
    image = draw(seed, height=120, width=160)
    hashes = [
        describe(copy).phash
        for copy in (
            decode_image(encode(image, quality=40)),
            shrink(image, 80, 60),
            decode_image(encode(shrink(image, 64, 48), "WEBP", quality=50)),
        )
    ]
    distances = [(one ^ describe(image).phash).bit_count() for one in hashes]
    assert max(distances) <= NEAR_COPY_BITS


def test_hashes_of_different_scenes_are_far_apart(draw) -> None:
    hashes = [describe(draw(seed)).phash for seed in range(12)]
    distances = [(a ^ b).bit_count() for i, a in enumerate(hashes) for b in hashes[:i]]
    assert min(distances) > NEAR_COPY_BITS


def test_hash_of_a_ramp_by_hand() -> None:
    # Falling from left to right: all odd horizontal frequencies of row 0 are positive.
    ramp = np.tile(np.arange(31, -1, -1), (32, 1))
    low_row = perceptual_hash(ramp) & 0xFF
    assert low_row & 0b1010_1010 == 0b1010_1010
    assert perceptual_hash(31 - ramp) & 0b1010_1010 == 0


def test_the_constant_bit_is_always_0(draw) -> None:
    assert [describe(draw(seed)).phash & 1 for seed in range(8)] == [0] * 8


def test_layout_is_the_mean_colour_of_every_cell() -> None:
    image = np.zeros((40, 80, 3), np.uint8)
    image[:10, :20] = (250, 10, 20)
    image[30:, 60:] = (1, 2, 3)
    image[0:10, 20:40:2] = (100, 100, 100)
    layout = np.frombuffer(describe(image).layout, np.uint8).reshape(4, 4, 3)
    expected = np.zeros((4, 4, 3), np.uint8)
    expected[0, 0], expected[3, 3], expected[0, 1] = (250, 10, 20), (1, 2, 3), (50, 50, 50)
    assert np.array_equal(layout, expected)


def test_brightness_is_the_mean_grey_value() -> None:
    image = np.zeros((20, 20, 3), np.uint8)
    image[:10] = 200
    assert describe(image).brightness == 100.0


def test_sharpness_by_hand_and_lower_for_a_blurred_picture(draw) -> None:
    spot = np.zeros((5, 5, 3), np.uint8)
    spot[2, 2] = 10  # Laplacian inside: -40 in the middle, 10 on four sides, 0 in four corners
    assert describe(spot).sharpness == pytest.approx((1600 + 4 * 100) / 9)
    assert describe(np.full((20, 20, 3), 77, np.uint8)).sharpness == 0.0
    blurred = np.asarray(Image.fromarray(draw(1)).filter(ImageFilter.GaussianBlur(3)))
    assert describe(blurred).sharpness < describe(draw(1)).sharpness


def test_saturation_by_hand() -> None:
    image = np.zeros((20, 20, 3), np.uint8)
    image[:10] = (50, 200, 20)  # 180 from smallest to largest, on one half
    assert describe(image).saturation == 90.0


def test_grey_stored_as_rgb_has_hardly_any_saturation(draw, encode) -> None:
    grey = Image.fromarray(draw(1)).convert("L").convert("RGB")
    assert describe(np.asarray(grey)).saturation == 0.0
    assert describe(decode_image(encode(grey))).saturation < 1
    assert describe(draw(1)).saturation > 30


@pytest.mark.parametrize(("levels", "bits"), [(1, 0.0), (2, 1.0), (16, 4.0), (256, 8.0)])
def test_entropy_of_as_many_greys_equally_often(levels, bits) -> None:
    ramp = np.arange(256) // (256 // levels)
    image = np.tile(ramp, (16, 1))[:, :, None].repeat(3, axis=2).astype(np.uint8)
    assert describe(image).entropy == pytest.approx(bits)


@pytest.mark.parametrize("size", [(12, 12), (12, 400), (31, 33), (257, 255)])
def test_pictures_of_any_shape_are_described(size) -> None:
    image = np.full((*size, 3), (10, 20, 30), np.uint8)
    appearance = describe(image)
    assert appearance.layout == bytes([10, 20, 30] * 16)
    assert (appearance.saturation, appearance.sharpness, appearance.entropy) == (20.0, 0.0, 0.0)


def test_hashes_of_copies_of_real_pictures_are_near_and_of_others_far(shared_data, encode) -> None:
    hashes = []
    for path in sorted((shared_data / "leaves").glob("*/*/*"))[::130]:
        image = decode_image(path.read_bytes())
        height, width = image.shape[:2]
        copy = shrink(decode_image(encode(image, quality=40)), width * 3 // 5, height * 3 // 5)
        turned = upright(copy, 6)
        one = describe(image).phash
        eight = turned_hashes(np.array([one], dtype=np.uint64))[:, 0]
        assert (one ^ describe(copy).phash).bit_count() <= NEAR_COPY_BITS
        assert np.bitwise_count(eight ^ np.uint64(describe(turned).phash)).min() <= NEAR_COPY_BITS
        hashes.append(one)
    distances = [(a ^ b).bit_count() for i, a in enumerate(hashes) for b in hashes[:i]]
    assert min(distances) > NEAR_COPY_BITS
