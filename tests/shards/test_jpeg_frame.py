"""JPEG segments: size and scan by hand, what is left to Pillow, and bits that prove damage."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from shards.jpeg_frame import (
    IMPOSSIBLE_RUN,
    JpegFrame,
    count_scans,
    has_impossible_run,
    read_frame,
)

SOI, EOI = b"\xff\xd8", b"\xff\xd9"
JFIF = b"JFIF\0\1\1\0\0\1\0\1\0\0"


def segment(marker: int, content: bytes = b"") -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def start_of_frame(marker: int = 0xC0, precision: int = 8, components: int = 3) -> bytes:
    size = struct.pack(">BHHB", precision, 30, 40, components)
    return segment(marker, size + bytes(3 * components))


def jpeg(*segments: bytes, scan: bytes = b"\x12\x34") -> bytes:
    return SOI + b"".join(segments) + segment(0xDA, bytes(10)) + scan + EOI


def test_frame_of_a_hand_made_jpeg() -> None:
    data = jpeg(segment(0xE0, JFIF), segment(0xE1, b"Exif\0\0MM"), start_of_frame())
    assert read_frame(data) == JpegFrame(
        40, 30, 3, sequential=True, plain=True, exif=b"Exif\0\0MM", scan=len(data) - 4
    )


@pytest.mark.parametrize(("marker", "sequential"), [(0xC0, True), (0xC1, True), (0xC2, False)])
def test_kind_of_frame(marker, sequential) -> None:
    frame = read_frame(jpeg(start_of_frame(marker)))
    assert frame is not None and frame.sequential == sequential


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_components_of_a_real_jpeg(encode, draw, mode) -> None:
    image = Image.fromarray(draw(1)).convert(mode)
    frame = read_frame(encode(image))
    assert frame is not None
    assert (frame.width, frame.height, frame.components) == (64, 48, len(image.getbands()))


FOR_PILLOW = {
    "no JPEG": b"\x89PNG\r\n\x1a\n" + bytes(40),
    "two bytes": SOI,
    "no frame": jpeg(),
    "no scan": SOI + start_of_frame(),
    "cut in a segment": SOI + start_of_frame()[:6],
    "bytes between segments": jpeg(start_of_frame() + b"\0\0"),
    "12 bits": jpeg(start_of_frame(precision=12)),
    "two components": jpeg(start_of_frame(components=2)),
    "lossless": jpeg(start_of_frame(0xC3)),
    "arithmetic coding": jpeg(start_of_frame(0xC9)),
    "no width": jpeg(segment(0xC0, struct.pack(">BHHB", 8, 30, 0, 3) + bytes(9))),
}


@pytest.mark.parametrize("what", FOR_PILLOW)
def test_the_unusual_is_left_to_pillow(what) -> None:
    assert read_frame(FOR_PILLOW[what]) is None


@pytest.mark.parametrize(
    "segments",
    [
        [segment(0xE2, b"MPF\0II*\0")],
        [segment(0xE1, b'<x tiff:Orientation="6"/>')],
        [segment(0xE1, b"Exif\0\0MM")] * 2,
    ],
    ids=["several pictures", "orientation in XMP", "two EXIF segments"],
)
def test_a_file_that_says_more_is_not_plain(segments) -> None:
    frame = read_frame(jpeg(*segments, start_of_frame()))
    assert frame is not None and not frame.plain
    assert has_impossible_run(jpeg(*segments, start_of_frame(), scan=IMPOSSIBLE_RUN))


def test_48_one_bits_in_a_sequential_scan_are_damage() -> None:
    assert has_impossible_run(jpeg(start_of_frame(), scan=b"\x12" + IMPOSSIBLE_RUN + b"\x34"))


SOUND = {
    "40 one-bits": jpeg(start_of_frame(), scan=b"\xff\x00" * 5),
    "correction bits of a progressive scan": jpeg(start_of_frame(0xC2), scan=IMPOSSIBLE_RUN),
    "before the scan": jpeg(segment(0xE2, IMPOSSIBLE_RUN), start_of_frame()),
    "appended behind the picture": jpeg(start_of_frame()) + IMPOSSIBLE_RUN,
    "no JPEG": IMPOSSIBLE_RUN,
}


@pytest.mark.parametrize("what", SOUND)
def test_such_bits_elsewhere_are_no_damage(what) -> None:
    assert not has_impossible_run(SOUND[what])


SCAN = segment(0xDA, bytes(10))


@pytest.mark.parametrize(
    ("data", "scans"),
    [
        (jpeg(start_of_frame()), 1),
        (jpeg(start_of_frame(), scan=b"\x12" + SCAN + b"\x34" + SCAN), 3),
        # Stuffed bytes, restarts and fill bytes end no scan; tables between scans are no scans.
        (jpeg(start_of_frame(), scan=b"\xff\0\xda\xff\xd0\xff\xff\xda" + bytes(12)), 2),
        (jpeg(start_of_frame(), scan=b"\x12" + segment(0xC4, b"\xff\xda\xff\xda") + SCAN), 2),
        # A thumbnail has a scan of its own, and so has what lies behind the picture's end.
        (jpeg(segment(0xE1, b"Exif\0\0" + jpeg()), start_of_frame()) + jpeg(), 1),
        (SOI + start_of_frame(), 0),
        (b"", 0),
    ],
)
def test_scans_of_the_first_picture_are_counted(data, scans) -> None:
    assert count_scans(data, most=10) == scans


def test_scans_are_counted_no_further_than_asked() -> None:
    assert count_scans(jpeg(start_of_frame(), scan=SCAN * 1000), most=5) == 6


@given(st.lists(st.sampled_from([b"\xff", b"\xda", b"\xd9", b"\0", b"\xd0", b"\1", SCAN])))
def test_any_bytes_have_a_number_of_scans(parts) -> None:
    assert 0 <= count_scans(SOI + b"".join(parts), most=3) <= 4
