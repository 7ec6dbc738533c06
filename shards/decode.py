"""THE decoder: encoded bytes -> upright RGB uint8 (H, W, 3), with limits read from the header.

Ingestion, training, export and the server all call `decode_image`, so one picture is the same
pixels everywhere.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import simplejpeg
from PIL import ExifTags, Image

from shards.exif import read_exif, read_time, sound_orientation
from shards.jpeg_frame import count_scans, has_impossible_run, read_frame
from shards.other_formats import name_other

MAX_IMAGE_BYTES = 32 * 2**20
"""No phone makes a larger JPEG (50 megapixels at quality 95 are about 25 MB)."""

MAX_IMAGE_PIXELS = 100_000_000
"""Decoded as RGB this is 300 MB, the most that one picture may ever cost us."""

STRIP_PIXELS = 4_000_000
"""Of a picture in another mode than RGB, how much is converted at a time: 16 MB a copy."""

MIN_SIDE = 12
"""Below this nothing of a leaf is left; real symptom crops go down to 15 pixels."""

MAX_SCANS = 100
"""Of a JPEG; encoders write about ten. One costs its sender 142 bytes and us 6 ms of processor time
at 100 megapixels: 32 MiB of them would take 23 minutes (2026-11-22)."""

FORMATS = ("JPEG", "PNG", "WEBP", "MPO")
"""By content, never by extension. MPO is what some phones write: JPEGs one after another, of
which the first is the photograph."""

FORMATS_OF_PILLOW = ("JPEG", "PNG", "WEBP")
"""Of its readers, the ones that may see a file. That of JPEG knows MPO too."""

EXIF_IN_PNG = (b"eXIf", b"Raw profile type", b"XML:com.adobe.xmp")
"""Where a PNG may keep it. Looking for EXIF that is not there, Pillow decodes the whole picture."""

JPEG_MODES = {1: "L", 3: "RGB", 4: "CMYK"}
"""Colour components -> Pillow's name for them."""

REASONS = {
    "empty": "the file has no bytes",
    "not_an_image": "the content is not a picture",
    "unsupported": "a picture, but not JPEG, PNG or WebP",
    "animated": "more than one frame, so no single picture is meant",
    "too_large": f"over {MAX_IMAGE_BYTES // 2**20} MiB or {MAX_IMAGE_PIXELS // 10**6} megapixels",
    "too_small": f"a side under {MIN_SIDE} pixels",
    "truncated": "the file ends before the picture does",
    "corrupt": "the decoder found damaged data",
    "unreadable": "the operating system could not read the file",
}
"""Every reason for which a file is turned away, and what it means."""


class DecodeError(ValueError):
    """`data` is not a picture that we accept; `reason` is a key of REASONS."""

    def __init__(self, reason: str, detail: str = "") -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(REASONS[reason] + (f" ({detail})" if detail else ""))


@dataclass(frozen=True)
class Header:
    """What the first bytes of a picture say, before a pixel is decoded."""

    format: str
    """One of FORMATS."""

    mode: str
    """Pillow's name for the stored colours: RGB, L, CMYK, RGBA, P, ..."""

    width: int
    """Pixels as stored, before the EXIF orientation is applied."""

    height: int

    orientation: int
    """EXIF orientation, 1 to 8; 1 where it is absent or nonsense."""

    captured: datetime | None = None
    """When the picture was taken, by its camera's clock (EXIF DateTimeOriginal, no time zone)."""


def decode_image(data: bytes) -> np.ndarray:
    """Decode one JPEG, PNG or WebP file to upright RGB.

    Returns uint8 (H, W, 3), values 0-255, EXIF orientation applied, alpha laid on white.
    Raises DecodeError if `data` is not an image, is truncated or damaged, or declares more than
    MAX_IMAGE_PIXELS (checked before any pixel is decoded).
    """
    return decode_pixels(data, read_header(data))


def read_header(data: bytes) -> Header:
    """Read format and size, and refuse what is beyond the limits. Decodes no pixel."""
    if not data:
        raise DecodeError("empty")
    if len(data) > MAX_IMAGE_BYTES:
        raise DecodeError("too_large", f"{len(data):,} bytes")
    frame = read_frame(data)
    if frame and frame.plain:
        _refuse_size(frame.width, frame.height)
        if not frame.sequential:  # where each scan has bits for every block, or is refused
            _refuse_scans(data)
        exif = read_exif(frame.exif)
        return Header("JPEG", JPEG_MODES[frame.components], frame.width, frame.height, *exif)
    with _open(data) as image:
        _refuse_size(*image.size)
        if image.format in ("JPEG", "MPO"):
            _refuse_scans(data)
        if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
            raise DecodeError("animated", f"{getattr(image, 'n_frames', 1)} frames")
        return Header(image.format or "", image.mode, *image.size, *_read_exif(image, data))


def decode_pixels(data: bytes, header: Header) -> np.ndarray:
    """The second half of `decode_image`, for who has read the header already."""
    return decode_reduced(data, header, max(header.width, header.height))


def decode_reduced(data: bytes, header: Header, short_side: int) -> np.ndarray:
    """Decode as `decode_pixels` does, but a large JPEG at a half, a quarter or an eighth.

    The short side is the smallest of these that is at least `short_side`; libjpeg-turbo averages
    while it decodes, so nothing aliases. Other formats come in full. Only for pictures that are
    scaled anyway: the pixels are not quite those of decoding in full and scaling then.
    """
    if header.format in ("JPEG", "MPO") and header.mode in ("RGB", "L"):
        image = _decode_jpeg(data, header, short_side)
    else:
        image = _decode_other(data)
    return upright(image, header.orientation)


def upright(image: np.ndarray, orientation: int) -> np.ndarray:
    """Turn (H, W, 3) as EXIF orientation 1-8 asks (Exif 2.32, tag 0x0112)."""
    if orientation >= 5:
        image = image.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return np.ascontiguousarray(image)


def _refuse_size(width: int, height: int) -> None:
    if width * height > MAX_IMAGE_PIXELS:
        raise DecodeError("too_large", f"{width}x{height}")
    if min(width, height) < MIN_SIDE:
        raise DecodeError("too_small", f"{width}x{height}")


def _refuse_scans(data: bytes) -> None:
    if count_scans(data, MAX_SCANS) > MAX_SCANS:
        raise DecodeError("corrupt", f"over {MAX_SCANS} scans")


def _open(data: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS_OF_PILLOW)
    except Image.DecompressionBombError as error:
        raise DecodeError("too_large", "declares a decompression bomb") from error
    except (OSError, ValueError, SyntaxError) as error:  # Pillow raises all three for bad headers
        if name := name_other(data):
            raise DecodeError("unsupported", name) from None
        raise DecodeError("truncated" if _is_cut_webp(data) else "not_an_image") from error


def _is_cut_webp(data: bytes) -> bool:
    """Whether the RIFF header (RFC 9649, 2.4) promises more bytes than there are."""
    is_webp = data[:4] == b"RIFF" and data[8:12] == b"WEBP"
    return is_webp and 8 + int.from_bytes(data[4:8], "little") > len(data)


def _read_exif(image: Image.Image, data: bytes) -> tuple[int, datetime | None]:
    """(orientation, captured) as Header has them; damaged EXIF says nothing."""
    if image.format == "PNG" and not any(name in data for name in EXIF_IN_PNG):
        return 1, None
    try:
        exif = image.getexif()
        orientation = exif.get(ExifTags.Base.Orientation)
        captured = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.DateTimeOriginal)
    except (OSError, ValueError, SyntaxError, KeyError):
        return 1, None
    return sound_orientation(orientation), read_time(captured)


def _decode_jpeg(data: bytes, header: Header, short_side: int) -> np.ndarray:
    if has_impossible_run(data):
        raise DecodeError("corrupt", "bits that no encoder writes")
    factor = _reduction(min(header.width, header.height), short_side)
    smallest = {"min_factor": factor, "min_height": -(-header.height // factor)}
    try:
        # strict: a warning of libjpeg-turbo is damage that one can see.
        image = simplejpeg.decode_jpeg(
            data, colorspace="RGB", strict=True, **(smallest if factor > 1 else {})
        )
    except ValueError as error:
        raise jpeg_error(error) from error
    return np.asarray(image)


def jpeg_error(error: ValueError) -> DecodeError:
    """What an error of simplejpeg means."""
    # "Premature end of data segment" is damage within the file.
    reason = "truncated" if "premature end of jpeg file" in str(error).lower() else "corrupt"
    return DecodeError(reason, str(error).strip())


def _reduction(side: int, short_side: int) -> int:
    """By how much libjpeg-turbo may divide `side` so that `short_side` is left.

    It knows all eighths, but has fast code for these alone (3/8 took 1.66 ms where 1/2 took 1.27,
    800x800; 2026-11-22).
    """
    return next(factor for factor in (8, 4, 2, 1) if side >= short_side * factor or factor == 1)


def _decode_other(data: bytes) -> np.ndarray:
    try:
        with _open(data) as image:
            image.load()
            return _to_rgb(image)
    except (OSError, ValueError, SyntaxError) as error:
        cut = "truncated" in str(error).lower() or _is_cut_webp(data)
        raise DecodeError("truncated" if cut else "corrupt", str(error)) from error


def _to_rgb(image: Image.Image) -> np.ndarray:
    """uint8 (H, W, 3) of a loaded picture of any mode.

    Strip by strip, as each step on the way (alpha, white below it, both laid together) is a copy:
    the process that decoded a PNG of 10000x9990 with alpha grew to 2.2 GB, and grows to 0.8 GB.
    (2026-11-22; `resource.getrusage` after decode_image.)
    """
    whole = np.empty((image.height, image.width, 3), np.uint8)
    rows = max(1, STRIP_PIXELS // image.width)
    for top in range(0, image.height, rows):
        bottom = min(top + rows, image.height)
        strip = image.crop((0, top, image.width, bottom))
        if strip.mode.startswith("I"):  # 16-bit grey, which Pillow clips instead of scaling
            strip = Image.fromarray((np.asarray(strip) >> 8).astype(np.uint8))
        if strip.has_transparency_data:
            canvas = Image.new("RGBA", strip.size, "white")
            strip = Image.alpha_composite(canvas, strip.convert("RGBA"))
        whole[top:bottom] = np.asarray(strip.convert("RGB"))
    return whole
