"""Judge one file. In: a path. Out: Checked (bytes to store and what is known), or DecodeError."""

from __future__ import annotations

import hashlib
import io
import os
import stat
from dataclasses import dataclass

import numpy as np
from PIL import Image

from ingest.appearance import Appearance, describe
from shards.decode import MAX_IMAGE_BYTES, DecodeError, Header, decode_pixels, read_header

JPEG_QUALITY = 90
"""Where a picture must be encoded anew; above it files grow faster than detail."""


@dataclass(frozen=True)
class Checked:
    """A picture that is fit to be a sample."""

    jpeg: bytes
    """What goes into the shard: upright RGB JPEG, at most `short_side` on its short side."""

    sha256: str
    """Of the source file."""

    header: Header
    width: int
    height: int
    appearance: Appearance


def check_file(path: str, short_side: int) -> Checked:
    """Read, decode and, where needed, turn upright, scale and encode one picture.

    A baseline RGB JPEG that is upright and small enough is stored as it is, byte for byte.
    Raises DecodeError with the reason if it cannot be a sample.
    """
    data = _read(path)
    header = read_header(data)
    image = decode_pixels(data, header)
    keep = header.format == "JPEG" and header.mode == "RGB" and header.orientation == 1
    if min(image.shape[:2]) > short_side:
        image, keep = scale_to_short_side(image, short_side), False
    return Checked(
        jpeg=data if keep else encode_jpeg(image),
        sha256=hashlib.sha256(data).hexdigest(),
        header=header,
        width=image.shape[1],
        height=image.shape[0],
        appearance=describe(image),
    )


def _read(path: str) -> bytes:
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):  # reading a pipe would wait for ever
            raise DecodeError("unreadable", "not a regular file")
        if status.st_size > MAX_IMAGE_BYTES:
            raise DecodeError("too_large", f"{status.st_size:,} bytes")
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise DecodeError("unreadable", error.strerror or str(error)) from error


def scale_to_short_side(image: np.ndarray, short_side: int) -> np.ndarray:
    """Shrink uint8 (H, W, 3) with an antialiased filter so that its short side is `short_side`."""
    height, width = image.shape[:2]
    scale = short_side / min(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS))


def encode_jpeg(image: np.ndarray) -> bytes:
    """Encode uint8 (H, W, 3) without chroma subsampling: lesions are small and coloured."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return buffer.getvalue()
