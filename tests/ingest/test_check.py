"""Judging one file: what is stored as it is, what is stored anew, and how."""

from __future__ import annotations

import hashlib
import os

import numpy as np
import pytest
from PIL import Image

from ingest.appearance import describe
from ingest.check import check_file, encode_jpeg, scale_to_short_side
from shards.decode import MAX_IMAGE_BYTES, DecodeError, Header, decode_image, read_header


@pytest.fixture
def check(tmp_path):
    """check(data, short_side) -> Checked, of a file with these bytes."""

    def run(data: bytes, short_side: int = 256):
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
    ("shape", "scaled"),
    [((100, 200, 3), (50, 100, 3)), ((201, 100, 3), (100, 50, 3)), ((60, 3000, 3), (50, 2500, 3))],
)
def test_scaling_keeps_the_proportions(shape, scaled) -> None:
    assert scale_to_short_side(np.zeros(shape, np.uint8), 50).shape == scaled


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
