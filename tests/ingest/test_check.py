"""Judging one file: what is stored as it is, what is stored anew, and how."""

from __future__ import annotations

import hashlib
import os
from datetime import datetime

import cv2
import numpy as np
import pytest
from PIL import ExifTags, Image

from ingest.appearance import describe
from ingest.check import check_file, encode_jpeg, shrink, stored_size
from shards.decode import (
    MAX_IMAGE_BYTES,
    DecodeError,
    Header,
    decode_image,
    decode_reduced,
    read_header,
)


@pytest.fixture
def check(tmp_path):
    """check(data, short_side) -> Checked, of a file with these bytes."""

    def run(data: bytes, short_side: int | None = 256):
        path = tmp_path / "picture"
        path.write_bytes(data)
        return check_file(os.fspath(path), short_side)

    return run


def test_small_upright_jpeg_is_stored_byte_for_byte(check, draw, encode) -> None:
    data = encode(draw(1))
    checked = check(data)
    assert checked.jpeg == data
    assert checked.sha256 == hashlib.sha256(data).hexdigest()
    assert checked.header == Header("JPEG", "RGB", 64, 48, 1)
    assert (checked.width, checked.height) == (64, 48)
    assert checked.appearance == describe(decode_image(data))


def test_large_jpeg_is_scaled_to_the_short_side(check, draw, encode) -> None:
    checked = check(encode(draw(1, height=120, width=160)), short_side=48)
    assert checked.header == Header("JPEG", "RGB", 160, 120, 1)
    assert (checked.width, checked.height) == (64, 48)
    assert read_header(checked.jpeg) == Header("JPEG", "RGB", 64, 48, 1)
    assert np.abs(decode_image(checked.jpeg).astype(int) - draw(1)).mean() < 4


def test_a_picture_just_as_small_as_asked_is_not_scaled(check, draw, encode) -> None:
    data = encode(draw(1))
    assert check(data, short_side=48).jpeg == data


def test_turned_jpeg_is_stored_upright(check, draw, encode) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    checked = check(encode(draw(1), exif=exif))
    assert checked.header == Header("JPEG", "RGB", 64, 48, 6)
    assert (checked.width, checked.height) == (48, 64)
    assert read_header(checked.jpeg) == Header("JPEG", "RGB", 48, 64, 1)
    upright = np.rot90(draw(1), -1)
    assert np.abs(decode_image(checked.jpeg).astype(int) - upright).mean() < 6


@pytest.mark.parametrize(
    ("format", "mode"), [("PNG", "RGB"), ("PNG", "RGBA"), ("WEBP", "RGB"), ("JPEG", "L"),
                         ("JPEG", "CMYK")]
)  # fmt: skip
def test_everything_else_is_stored_as_an_rgb_jpeg(check, draw, encode, format, mode) -> None:
    checked = check(encode(Image.fromarray(draw(1)).convert(mode), format))
    assert checked.header == Header(format, mode, 64, 48, 1)
    assert read_header(checked.jpeg) == Header("JPEG", "RGB", 64, 48, 1)


def test_encoding_keeps_small_coloured_spots(draw) -> None:
    image = np.full((32, 32, 3), (40, 140, 40), dtype=np.uint8)
    image[16, 16] = (200, 60, 40)
    assert np.abs(decode_image(encode_jpeg(image))[16, 16].astype(int) - [200, 60, 40]).max() < 25


@pytest.mark.parametrize(
    ("size", "scaled"), [((100, 200), (50, 100)), ((201, 100), (100, 50)), ((60, 3000), (50, 2500))]
)
def test_scaling_keeps_the_proportions(size, scaled) -> None:
    assert stored_size(Header("JPEG", "RGB", *size, 1), 50) == scaled
    assert stored_size(Header("JPEG", "RGB", *size, 6), 50) == scaled[::-1]


def test_no_short_side_keeps_the_size(check, draw, encode) -> None:
    image = draw(1, height=300, width=400)
    assert check(encode(image), None).jpeg == encode(image)
    stored = check(encode(image, "PNG"), None)
    assert (stored.width, stored.height) == (400, 300)


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
@pytest.mark.parametrize("side", [49, 60, 80, 95, 96, 97, 130, 200, 500])
def test_any_size_is_scaled_to_exactly_the_stored_size(check, draw, encode, side, format) -> None:
    checked = check(encode(draw(1, height=side, width=side * 3 // 2), format), 48)
    assert (checked.width, checked.height) == (round(side * 3 // 2 * 48 / side), 48)
    assert read_header(checked.jpeg).width == checked.width


def decibels(one: np.ndarray, other: np.ndarray) -> float:
    """Peak signal-to-noise ratio."""
    return float(10 * np.log10(255**2 / np.mean((one.astype(float) - other) ** 2)))


def lanczos(image: np.ndarray, width: int, height: int) -> np.ndarray:
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS))


@pytest.mark.parametrize("ratio", [1.05, 1.3, 1.5, 1.9, 2.0, 2.7, 3.1, 7.5])
def test_shrunk_photographs_are_as_near_to_lanczos_as_those_of_area(shared_data, ratio) -> None:
    ours, area = [], []
    for path in sorted((shared_data / "leaves/plantdoc_800").glob("*/*"))[::30]:
        image = decode_image(path.read_bytes())
        size = (round(image.shape[1] / ratio), round(image.shape[0] / ratio))
        ours.append(decibels(shrink(image, *size), lanczos(image, *size)))
        means = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        area.append(decibels(means, lanczos(image, *size)))
    assert min(ours) > 28
    assert np.mean(ours) >= np.mean(area)


@pytest.mark.parametrize("side", [300, 400, 520, 700, 1100])
def test_reduced_decoding_and_shrinking_is_near_full_decoding_and_shrinking(side) -> None:
    random = np.random.default_rng(5)
    patches = random.integers(0, 256, (9, 9, 3), dtype=np.uint8)
    image = cv2.resize(patches, (side, side), interpolation=cv2.INTER_CUBIC)
    image = np.clip(image + random.normal(0, 6, image.shape), 0, 255).astype(np.uint8)
    data = encode_jpeg(image)
    reduced = shrink(decode_reduced(data, read_header(data), 128), 128, 128)
    assert decibels(reduced, shrink(decode_image(data), 128, 128)) > 38


@pytest.mark.parametrize("ratio", [1.5, 1.9, 2.4, 3.3])
def test_stripes_finer_than_the_stored_pixels_become_grey(ratio) -> None:
    # Period 2; without a filter they would come out as broad bands of black and white.
    stripes = np.zeros((240, 240, 3), np.uint8)
    stripes[:, ::2] = 255
    side = round(240 / ratio)
    bands = cv2.resize(stripes, (side, side), interpolation=cv2.INTER_CUBIC)
    shrunk = shrink(stripes, side, side)
    assert abs(shrunk.mean() - 127.5) < 1.5
    assert shrunk.std() < 0.6 * bands.std()


def test_the_time_of_exposure_comes_along(check, draw, encode) -> None:
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2021:07:03 14:05:59"
    assert check(encode(draw(1), exif=exif)).header.captured == datetime(2021, 7, 3, 14, 5, 59)


def test_text_is_refused_with_its_reason(check) -> None:
    with pytest.raises(DecodeError) as refused:
        check(b"<html>")
    assert refused.value.reason == "not_an_image"


def test_folder_in_place_of_a_file_is_unreadable(tmp_path) -> None:
    with pytest.raises(DecodeError) as refused:
        check_file(os.fspath(tmp_path), 256)
    assert (refused.value.reason, refused.value.detail) == ("unreadable", "not a regular file")


def test_a_pipe_is_unreadable_instead_of_waiting_for_ever(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(DecodeError) as refused:
        check_file(str(tmp_path / "pipe.jpg"), 256)
    assert (refused.value.reason, refused.value.detail) == ("unreadable", "not a regular file")


def test_a_file_over_the_limit_is_refused_before_it_is_read(tmp_path):
    with (tmp_path / "huge.jpg").open("wb") as file:
        file.truncate(MAX_IMAGE_BYTES + 1)  # sparse: takes no room
    with pytest.raises(DecodeError) as refused:
        check_file(str(tmp_path / "huge.jpg"), 256)
    assert (refused.value.reason, refused.value.detail) == ("too_large", "33,554,433 bytes")
