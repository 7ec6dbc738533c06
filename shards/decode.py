"""THE decoder: encoded bytes -> upright RGB uint8 (H, W, 3), with limits read from the header.

Ingestion, training, export and the server all call `decode_image`, so one picture is the same
pixels everywhere.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import simplejpeg
from PIL import ExifTags, Image

MAX_IMAGE_BYTES = 32 * 2**20
"""No phone makes a larger JPEG (50 megapixels at quality 95 are about 25 MB)."""

MAX_IMAGE_PIXELS = 100_000_000
"""Decoded as RGB this is 300 MB, the most that one picture may ever cost us."""

MIN_SIDE = 12
"""Below this nothing of a leaf is left; real symptom crops go down to 15 pixels."""

FORMATS = ("JPEG", "PNG", "WEBP", "MPO")
"""By content, never by extension. MPO is what some phones write: JPEGs one after another, of
which the first is the photograph."""

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
    with _open(data) as image:
        width, height = image.size
        if width * height > MAX_IMAGE_PIXELS:
            raise DecodeError("too_large", f"{width}x{height}")
        if min(width, height) < MIN_SIDE:
            raise DecodeError("too_small", f"{width}x{height}")
        if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
            raise DecodeError("animated", f"{getattr(image, 'n_frames', 1)} frames")
        return Header(image.format or "", image.mode, width, height, _orientation(image))


def decode_pixels(data: bytes, header: Header) -> np.ndarray:
    """The second half of `decode_image`, for who has read the header already."""
    if header.format in ("JPEG", "MPO") and header.mode in ("RGB", "L"):
        image = _decode_jpeg(data)
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


def _open(data: bytes) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(data))
    except Image.DecompressionBombError as error:
        raise DecodeError("too_large", "declares a decompression bomb") from error
    except (OSError, ValueError, SyntaxError) as error:  # Pillow raises all three for bad headers
        raise DecodeError("not_an_image") from error
    if image.format not in FORMATS:
        raise DecodeError("unsupported", f"{image.format}")
    return image


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except (OSError, ValueError, SyntaxError, KeyError):  # damaged EXIF says nothing
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _decode_jpeg(data: bytes) -> np.ndarray:
    try:
        # strict: a warning of libjpeg-turbo is damage that one can see.
        return np.asarray(simplejpeg.decode_jpeg(data, colorspace="RGB", strict=True))
    except ValueError as error:
        raise jpeg_error(error) from error


def jpeg_error(error: ValueError) -> DecodeError:
    """What an error of simplejpeg means."""
    # "Premature end of data segment" is damage within the file.
    reason = "truncated" if "premature end of jpeg file" in str(error).lower() else "corrupt"
    return DecodeError(reason, str(error).strip())


def _decode_other(data: bytes) -> np.ndarray:
    try:
        with _open(data) as image:
            image.load()
            if image.mode.startswith("I"):  # 16-bit grey, which Pillow clips instead of scaling
                image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
            if image.has_transparency_data:
                canvas = Image.new("RGBA", image.size, "white")
                image = Image.alpha_composite(canvas, image.convert("RGBA"))
            return np.asarray(image.convert("RGB"))
    except (OSError, ValueError, SyntaxError) as error:
        reason = "truncated" if "truncated" in str(error).lower() else "corrupt"
        raise DecodeError(reason, str(error)) from error
