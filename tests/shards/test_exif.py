"""EXIF: orientation and time by hand and as Pillow reads them, and any bytes at all."""

from __future__ import annotations

import struct
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image

from shards.exif import read_exif, read_time

ORIENTATION, DATE_TIME_ORIGINAL = 0x0112, 0x9003


def made_by_pillow(orientation: int, time: str) -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    exif[ExifTags.Base.Make] = "maker"
    exif.get_ifd(ExifTags.IFD.Exif)[DATE_TIME_ORIGINAL] = time
    return exif.tobytes()


@pytest.mark.parametrize("order", ["<", ">"])
def test_orientation_and_time_by_hand_in_both_byte_orders(order) -> None:
    def entry(tag: int, kind: int, count: int, value: int) -> bytes:
        small = (
            struct.pack(order + "HH", value, 0) if kind == 3 else struct.pack(order + "I", value)
        )
        return struct.pack(order + "HHI", tag, kind, count) + small

    first = struct.pack(order + "H", 2) + entry(0x0112, 3, 1, 6) + entry(0x8769, 4, 1, 38)
    inner = struct.pack(order + "H", 1) + entry(0x9003, 2, 20, 56)
    start = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "I", 8)
    tiff = start + first + bytes(4) + inner + bytes(4) + b"2021:07:03 14:05:59\0"
    assert read_exif(b"Exif\0\0" + tiff) == (6, datetime(2021, 7, 3, 14, 5, 59))


@given(
    st.integers(0, 20),
    st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)).map(lambda t: t.replace(microsecond=0)),
)
def test_what_pillow_writes_is_read(orientation, time) -> None:
    segment = made_by_pillow(orientation, f"{time:%Y:%m:%d %H:%M:%S}".rjust(19, "0"))
    assert read_exif(segment) == (orientation if 1 <= orientation <= 8 else 1, time)


NO_TIME = [
    "",
    "    :  :     :  :  ",
    "0000:00:00 00:00:00",
    "2021:13:03 14:05:59",
    "2021:07:03",
    "x y",
]


@pytest.mark.parametrize("text", NO_TIME)
def test_a_time_that_nobody_knows_is_none(text) -> None:
    assert read_time(text) is None
    assert read_exif(made_by_pillow(3, text)) == (3, None)


@pytest.mark.parametrize("value", [None, 5, b"2021:07:03 14:05:59"])
def test_a_time_that_is_no_text_is_none(value) -> None:
    assert read_time(value) is None


@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_say_nothing(data) -> None:
    for start in (b"", b"Exif\0\0II*\0", b"Exif\0\0MM\0*\0\0\0\x08"):
        orientation, _ = read_exif(start + data)
        assert 1 <= orientation <= 8


@given(st.data())
def test_cut_exif_is_read_or_says_nothing(data) -> None:
    whole = made_by_pillow(8, "2021:07:03 14:05:59")
    cut = data.draw(st.integers(0, len(whole)))
    assert read_exif(whole[:cut])[0] in (1, 8)
