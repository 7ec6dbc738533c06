"""The decoder: every reason for a refusal, upright pictures, conversions, and any bytes at all."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Callable
from datetime import datetime
from functools import cache

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageOps

import shards.decode
from ingest.check import check_file
from shards.decode import (
    REASONS,
    DecodeError,
    Header,
    decode_image,
    decode_reduced,
    read_header,
    upright,
)

ORIENTATION = 0x0112


def encode(image: np.ndarray | Image.Image, format: str = "JPEG", **options: object) -> bytes:
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    out = io.BytesIO()
    picture.save(out, format, **options)
    return out.getvalue()


@cache
def noise(height: int = 40, width: int = 56) -> np.ndarray:
    return np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8)


def png_chunk(kind: bytes, data: bytes) -> bytes:
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def hand_made_png(width: int, height: int, pixels: bytes = b"", depth: int = 8) -> bytes:
    """A PNG (RGB) whose header declares any size, whether or not pixels follow."""
    header = struct.pack(">IIBBBBB", width, height, depth, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + png_chunk(b"IDAT", zlib.compress(pixels))
        + png_chunk(b"IEND", b"")
    )


def two_frames(format: str) -> bytes:
    first, second = Image.fromarray(noise()), Image.fromarray(noise()[::-1])
    return encode(first, format, save_all=True, append_images=[second])


def overwritten(data: bytes, start: int, count: int = 8) -> bytes:
    """`data` with `count` bytes turned over from `start` on."""
    return (
        data[:start] + bytes(b ^ 0xFF for b in data[start : start + count]) + data[start + count :]
    )


def corrupt_jpeg() -> bytes:
    """A scan that ends early and goes on as another image: libjpeg says "extraneous bytes"."""
    data = encode(noise())
    middle = len(data) // 2
    return data[:middle] + b"\xff\xd0" + data[middle + 2 :]


def impossible_jpeg() -> bytes:
    """40 bytes in the middle overwritten with FF 00: libjpeg-turbo decodes it without a warning."""
    data = encode(noise())
    middle = len(data) // 2
    return data[:middle] + b"\xff\x00" * 20 + data[middle + 40 :]


BAD_FILES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "zero bytes": ("empty", lambda: b""),
    "text": ("not_an_image", lambda: b"<!DOCTYPE html><p>404 Not Found</p>" * 30),
    "a JPEG's first two bytes": ("not_an_image", lambda: b"\xff\xd8"),
    "a GIF": ("unsupported", lambda: encode(noise(), "GIF")),
    "an animated GIF": ("unsupported", lambda: two_frames("GIF")),
    "a TIFF": ("unsupported", lambda: encode(noise(), "TIFF")),
    "a BMP": ("unsupported", lambda: encode(noise(), "BMP")),
    "an iPhone's HEIC": ("unsupported", lambda: b"\0\0\0\x18ftypheic" + bytes(100)),
    "a film": ("not_an_image", lambda: b"\0\0\0\x18ftypmp42" + bytes(100)),
    "a text that begins like a BMP": ("not_an_image", lambda: b"BMW and other cars" * 9),
    "an EPS, which is a program": ("not_an_image", lambda: encode(noise(), "EPS")),
    "an animated WebP": ("animated", lambda: two_frames("WEBP")),
    "an APNG": ("animated", lambda: two_frames("PNG")),
    "400 megapixels in a header": ("too_large", lambda: hand_made_png(20_000, 20_000)),
    "just over the limit in a header": ("too_large", lambda: hand_made_png(10_001, 10_000)),
    "eleven pixels high": ("too_small", lambda: encode(noise(11, 40))),
    "eleven pixels wide": ("too_small", lambda: encode(noise(40, 11), "PNG")),
    "two thirds of a JPEG": ("truncated", lambda: encode(noise())[: -len(encode(noise())) // 3]),
    "two thirds of a PNG": ("truncated", lambda: encode(noise(), "PNG")[:-2400]),
    "two thirds of a WebP": ("truncated", lambda: encode(noise(), "WEBP")[:-900]),
    "a JPEG with a foreign marker": ("corrupt", corrupt_jpeg),
    "a JPEG with 160 one-bits": ("corrupt", impossible_jpeg),
    "a PNG with bytes turned over": ("corrupt", lambda: overwritten(encode(noise(), "PNG"), 900)),
}


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("what", BAD_FILES)
def test_bad_file_is_rejected_with_its_reason(what) -> None:
    reason, make = BAD_FILES[what]
    with pytest.raises(DecodeError) as refused:
        decode_image(make())
    assert refused.value.reason == reason
    assert str(refused.value).startswith(REASONS[reason])


def test_file_over_the_byte_limit_is_too_large(monkeypatch) -> None:
    data = encode(noise())
    monkeypatch.setattr(shards.decode, "MAX_IMAGE_BYTES", len(data) - 1)
    with pytest.raises(DecodeError) as refused:
        decode_image(data)
    assert (refused.value.reason, refused.value.detail) == ("too_large", f"{len(data):,} bytes")


def test_file_that_cannot_be_read_is_unreadable(tmp_path) -> None:
    with pytest.raises(DecodeError) as refused:
        check_file(str(tmp_path / "gone.jpg"), 256)
    assert refused.value.reason == "unreadable"
    assert refused.value.detail == "No such file or directory"


def test_every_reason_has_a_test_above() -> None:
    assert {reason for reason, _ in BAD_FILES.values()} | {"unreadable"} == set(REASONS)


def test_too_many_pixels_are_refused_before_any_is_decoded(monkeypatch) -> None:
    def decode(*_: object) -> None:
        raise AssertionError("a pixel was decoded")

    monkeypatch.setattr(shards.decode, "decode_pixels", decode)
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", decode)
    with pytest.raises(DecodeError, match="megapixels"):
        decode_image(hand_made_png(20_000, 20_000))


def test_the_limits_themselves_are_allowed(monkeypatch) -> None:
    assert decode_image(encode(noise(12, 12), "PNG")).shape == (12, 12, 3)
    monkeypatch.setattr(shards.decode, "MAX_IMAGE_PIXELS", 40 * 56)
    assert decode_image(encode(noise(), "PNG")).shape == (40, 56, 3)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_gives_the_same_upright_picture_as_pillow(format, orientation) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    options = {"lossless": True} if format == "WEBP" else {}
    data = encode(noise(), format, exif=exif, **options)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))
    image = decode_image(data)
    assert image.shape == ((40, 56, 3) if orientation < 5 else (56, 40, 3))
    # Pillow and simplejpeg bring libjpeg-turbo builds of their own; they agree to one level.
    assert np.abs(image.astype(int) - expected).max() <= (1 if format == "JPEG" else 0)


def test_upright_turns_a_picture_of_four_corners_by_hand() -> None:
    corners = np.array([[1, 2], [3, 4]], dtype=np.uint8)[:, :, None].repeat(3, axis=2)
    turned = {o: upright(corners, o)[:, :, 0].tolist() for o in range(1, 9)}
    assert turned == {
        1: [[1, 2], [3, 4]],
        2: [[2, 1], [4, 3]],
        3: [[4, 3], [2, 1]],
        4: [[3, 4], [1, 2]],
        5: [[1, 3], [2, 4]],
        6: [[3, 1], [4, 2]],
        7: [[4, 2], [3, 1]],
        8: [[2, 4], [1, 3]],
    }


@pytest.mark.parametrize("nonsense", [0, 9, 65_535])
def test_nonsense_orientation_is_read_as_1(nonsense) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = nonsense
    assert read_header(encode(noise(), exif=exif)) == Header("JPEG", "RGB", 56, 40, 1)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "MPO"])
def test_the_time_of_exposure_is_read(format) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 1  # Pillow writes no EXIF that holds nothing but a list of its own
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2021:07:03 14:05:59"
    captured = datetime(2021, 7, 3, 14, 5, 59)
    assert read_header(encode(noise(), format, exif=exif)) == Header(
        format if format != "MPO" else "JPEG", "RGB", 56, 40, 1, captured
    )


def test_orientation_in_xmp_alone_is_applied() -> None:
    packet = b'http://ns.adobe.com/xap/1.0/\0<x:xmpmeta tiff:Orientation="6"/>'
    data = encode(noise())
    with_xmp = data[:2] + b"\xff\xe1" + struct.pack(">H", len(packet) + 2) + packet + data[2:]
    assert read_header(with_xmp) == Header("JPEG", "RGB", 56, 40, 6)


def test_reading_the_header_of_a_png_decodes_no_pixel(monkeypatch) -> None:
    def decode(*_: object) -> None:
        raise AssertionError("a pixel was decoded")

    data = encode(noise(), "PNG")
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", decode)
    assert read_header(data) == Header("PNG", "RGB", 56, 40, 1)


@cache
def scene(height: int, width: int) -> np.ndarray:
    """Soft patches with some grain, like a photograph."""
    random = np.random.default_rng(3)
    patches = Image.fromarray(random.integers(0, 256, (12, 16, 3), dtype=np.uint8))
    soft = np.asarray(patches.resize((width, height), Image.Resampling.BICUBIC))
    return np.clip(soft + random.normal(0, 8, soft.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("short_side", "shape"),
    [(400, (400, 600, 3)), (201, (400, 600, 3)), (200, (200, 300, 3)), (101, (200, 300, 3)),
     (100, (100, 150, 3)), (50, (50, 75, 3)), (20, (50, 75, 3)), (500, (400, 600, 3))],
)  # fmt: skip
def test_reduced_decoding_leaves_at_least_the_short_side(short_side, shape) -> None:
    data = encode(scene(400, 600))
    assert decode_reduced(data, read_header(data), short_side).shape == shape


def test_reduced_decoding_rounds_odd_sides_up_and_turns_upright() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    data = encode(scene(401, 603), exif=exif)
    assert decode_reduced(data, read_header(data), 200).shape == (302, 201, 3)


@pytest.mark.parametrize("format", ["PNG", "WEBP"])
def test_other_formats_are_not_reduced(format) -> None:
    data = encode(scene(400, 600), format)
    assert np.array_equal(decode_reduced(data, read_header(data), 50), decode_image(data))


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("factor", [2, 4, 8])
def test_reduced_decoding_is_near_the_means_of_the_full_pixels(factor, subsampling) -> None:
    data = encode(scene(400, 600), quality=90, subsampling=subsampling)
    reduced = decode_reduced(data, read_header(data), 400 // factor)
    size = (600 // factor, 400 // factor)
    means = Image.fromarray(decode_image(data)).resize(size, Image.Resampling.BOX)
    # At an eighth, libjpeg takes 4:2:2 chroma at half the width; these patches are gaudy.
    limit = 8 if (factor, subsampling) == (8, 1) else 3
    assert np.abs(reduced.astype(int) - np.asarray(means)).mean() < limit


def test_damage_is_found_in_reduced_decoding_too() -> None:
    data = encode(scene(400, 600))
    header = read_header(data)
    for bad, reason in [(data[: len(data) // 2], "truncated"),
                        (data[:9000] + b"\xff\x00" * 20 + data[9040:], "corrupt")]:  # fmt: skip
        with pytest.raises(DecodeError) as refused:
            decode_reduced(bad, header, 100)
        assert refused.value.reason == reason


def test_overwritten_bytes_of_a_real_jpeg_are_corrupt(shared_data) -> None:
    data = (shared_data / "messy/Tomato___Early_blight/flipped_bytes.jpg").read_bytes()
    with pytest.raises(DecodeError) as refused:
        decode_image(data)
    assert refused.value.reason == "corrupt"


def test_headers_of_real_jpegs_are_as_pillow_reads_them(shared_data) -> None:
    for path in sorted((shared_data / "leaves").glob("*/*/*"))[::50]:
        header = read_header(path.read_bytes())
        with Image.open(path) as image:
            orientation = image.getexif().get(ORIENTATION, 1)
            expected = (image.format, image.mode, *image.size, orientation or 1)
        found = (header.format, header.mode, header.width, header.height, header.orientation)
        assert found == expected


def plain(mode: str, colour: object) -> Image.Image:
    return Image.new(mode, (20, 16), colour)


def palette() -> Image.Image:
    image = Image.new("P", (20, 16), 0)
    image.putpalette([10, 20, 30] + [0, 0, 0] * 255)
    return image


CONVERSIONS = {
    "grey JPEG": (encode(plain("L", 90)), "L", [90, 90, 90]),
    "CMYK JPEG": (encode(plain("CMYK", (0, 255, 255, 0)), quality=100), "CMYK", [255, 0, 0]),
    "grey PNG": (encode(plain("L", 90), "PNG"), "L", [90, 90, 90]),
    "black and white PNG": (encode(plain("1", 1), "PNG"), "1", [255, 255, 255]),
    "palette PNG": (encode(palette(), "PNG"), "P", [10, 20, 30]),
    "palette PNG, clear": (encode(palette(), "PNG", transparency=0), "P", [255, 255, 255]),
    "RGB PNG, one colour clear": (
        encode(plain("RGB", (10, 20, 30)), "PNG", transparency=(10, 20, 30)),
        "RGB",
        [255, 255, 255],
    ),
    "clear RGBA PNG": (encode(plain("RGBA", (9, 9, 9, 0)), "PNG"), "RGBA", [255, 255, 255]),
    "half clear RGBA PNG": (
        encode(plain("RGBA", (0, 100, 200, 128)), "PNG"),
        "RGBA",
        [127, 177, 227],
    ),
    "half clear LA PNG": (encode(plain("LA", (100, 128)), "PNG"), "LA", [177, 177, 177]),
    "clear WebP": (
        encode(plain("RGBA", (9, 9, 9, 0)), "WEBP", lossless=True),
        "RGBA",
        [255, 255, 255],
    ),
    "16-bit grey PNG": (
        encode(np.full((16, 20), 0x5A7F, dtype=np.uint16), "PNG"),
        "I;16",
        [0x5A, 0x5A, 0x5A],
    ),
    "16-bit RGB PNG": (
        hand_made_png(
            20, 16, (b"\0" + struct.pack(">3H", 0x1234, 0x8000, 0xFFFF) * 20) * 16, depth=16
        ),
        "RGB",
        [0x12, 0x80, 0xFF],
    ),
}


@pytest.mark.parametrize("what", CONVERSIONS)
def test_every_kind_of_colour_becomes_rgb_with_alpha_on_white(what) -> None:
    data, mode, colour = CONVERSIONS[what]
    assert read_header(data).mode == mode
    image = decode_image(data)
    assert (image.dtype, image.shape) == (np.uint8, (16, 20, 3))
    assert np.unique(image.reshape(-1, 3), axis=0).tolist() == [colour]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P", "L", "1", "I;16"])
def test_strips_of_a_picture_are_converted_like_the_whole(monkeypatch, mode) -> None:
    grey = Image.fromarray(noise(31, 47)).convert("L")
    picture = Image.merge("RGBA", [grey, grey.rotate(90), grey.rotate(180), grey.rotate(270)])
    picture = grey.convert("I;16") if mode == "I;16" else picture.convert(mode)
    data = encode(picture, "PNG", **({"transparency": 7} if mode in ("P", "L") else {}))
    whole = decode_image(data)
    monkeypatch.setattr(shards.decode, "STRIP_PIXELS", 4 * 47)
    assert (decode_image(data) == whole).all()


def test_mpo_gives_its_first_picture() -> None:
    first, second = plain("RGB", (200, 30, 30)), plain("RGB", (30, 30, 200))
    data = encode(first, "MPO", save_all=True, append_images=[second])
    assert read_header(data) == Header("MPO", "RGB", 20, 16, 1)
    assert np.abs(decode_image(data).astype(int) - [200, 30, 30]).max() <= 2


def test_mpo_in_a_jpg_name_is_a_sample_stored_anew_as_one_jpeg(tmp_path) -> None:
    path = tmp_path / "phone.jpg"
    first, second = plain("RGB", (200, 30, 30)), plain("RGB", (30, 30, 200))
    path.write_bytes(encode(first, "MPO", save_all=True, append_images=[second]))
    checked = check_file(os.fspath(path), 256)
    assert checked.header.format == "MPO"
    assert read_header(checked.jpeg) == Header("JPEG", "RGB", 20, 16, 1)


def test_jpeg_of_more_scans_than_any_encoder_writes_is_refused_before_they_are_decoded() -> None:
    data = encode(noise(), progressive=True)
    last = data.rindex(b"\xff\xda")
    scan = data[last:-2]
    many = data[:-2] + scan * 1000 + data[-2:]
    with pytest.raises(DecodeError, match=r"over 100 scans"):
        read_header(many)
    cmyk = encode(Image.fromarray(noise()).convert("CMYK"), progressive=True)
    with pytest.raises(DecodeError, match=r"over 100 scans"):
        decode_image(cmyk[:-2] + cmyk[cmyk.rindex(b"\xff\xda") : -2] * 1000 + cmyk[-2:])


def test_progressive_jpeg_decodes_like_a_baseline_one() -> None:
    baseline = decode_image(encode(noise()))
    assert np.array_equal(decode_image(encode(noise(), progressive=True)), baseline)


def assert_decodes_or_refuses(data: bytes) -> None:
    try:
        image = decode_image(data)
    except DecodeError as error:
        assert error.reason in REASONS
        return
    assert image.dtype == np.uint8
    assert image.ndim == 3 and image.shape[2] == 3 and image.flags.c_contiguous


@given(st.binary(max_size=300))
@example(b"\xff\xd8\xff")
@example(b"\x89PNG\r\n\x1a\n")
@example(b"RIFF\x00\x00\x00\x00WEBPVP8 ")
def test_any_bytes_decode_or_are_refused(data) -> None:
    assert_decodes_or_refuses(data)


@cache
def sound_files() -> list[bytes]:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    exif[0x010F] = "maker"
    grey = Image.fromarray(noise()).convert("L")
    return [
        encode(noise(), exif=exif),
        encode(noise(), progressive=True),
        encode(grey),
        encode(Image.fromarray(noise()).convert("CMYK")),
        encode(noise(), "PNG", exif=exif),
        encode(grey.convert("P"), "PNG", transparency=3),
        encode(noise(), "WEBP", exif=exif),
        encode(Image.fromarray(noise()), "MPO", save_all=True, append_images=[grey]),
    ]


@pytest.mark.filterwarnings("ignore")  # Pillow warns of much that it then reads
@settings(max_examples=300, deadline=None)
@given(
    which=st.integers(0, 7),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=8),
    kept=st.one_of(st.just(1.0), st.floats(0, 1)),
    near_start=st.booleans(),
)
def test_damaged_pictures_decode_or_are_refused(which, changes, kept, near_start) -> None:
    data = bytearray(sound_files()[which])
    reach = min(len(data), 200) if near_start else len(data)
    for place, value in changes:
        data[int(place * reach)] = value
    assert_decodes_or_refuses(bytes(data[: int(kept * len(data))]))
