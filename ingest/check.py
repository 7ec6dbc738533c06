"""Judge one file. In: a path. Out: Checked (bytes to store and what is known), or DecodeError."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass

import cv2
import numpy as np
import simplejpeg

from ingest.appearance import Appearance, describe
from shards.decode import (
    MAX_IMAGE_BYTES,
    DecodeError,
    Header,
    decode_pixels,
    decode_reduced,
    read_header,
)
from shards.inbox_tar import read_picture

cv2.setNumThreads(1)  # workers are processes; OpenCV's threads would not survive their fork

JPEG_QUALITY = 90
"""Where a picture must be encoded anew; above it files grow faster than detail."""

BLUR, BLUR_GROWTH = 0.06, 0.3
"""Standard deviation, in pixels, of the blur before shrinking: BLUR + BLUR_GROWTH * ratio. A wider
one blurs photographs, a narrower one lets fine stripes through (tried from 0.3 to 0.6 at each of
seven ratios from 1.05 to 1.97, 2026-11-22)."""


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


def check_file(path: str, short_side: int | None) -> Checked:
    """Read, decode and, where needed, turn upright, scale and encode one picture.

    An RGB JPEG that is upright and small enough is stored as it is, byte for byte.
    `short_side` None keeps the original size.
    Raises DecodeError with the reason if it cannot be a sample.
    """
    data = _read(path)
    header = read_header(data)
    size = stored_size(header, short_side)
    if size == _upright_size(header):
        image = decode_pixels(data, header)
        keep = may_be_kept(header)
    else:
        image, keep = decode_reduced(data, header, min(size)), False
        if image.shape[1::-1] != size:
            image = shrink(image, *size)
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
        in_tar = read_picture(path)  # of an inbox
        if in_tar is not None:
            return in_tar
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):  # reading a pipe would wait for ever
            raise DecodeError("unreadable", "not a regular file")
        if status.st_size > MAX_IMAGE_BYTES:
            raise DecodeError("too_large", f"{status.st_size:,} bytes")
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise DecodeError("unreadable", error.strerror or str(error)) from error


def may_be_kept(header: Header) -> bool:
    """Whether its bytes can go into the shard as they are, if its size can."""
    return header.format == "JPEG" and header.mode == "RGB" and header.orientation == 1


def stored_size(header: Header, short_side: int | None) -> tuple[int, int]:
    """(width, height) in the shard: upright, and at most `short_side` on the short side."""
    width, height = _upright_size(header)
    if short_side is None or min(width, height) <= short_side:
        return width, height
    scale = short_side / min(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _upright_size(header: Header) -> tuple[int, int]:
    turned = header.orientation >= 5
    return (header.height, header.width) if turned else (header.width, header.height)


def shrink(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """Scale uint8 (H, W, 3) down to (height, width, 3) without aliasing.

    From twice the size on, as means of areas. Below, as cubic interpolation behind a Gaussian blur
    that grows with the ratio: on photographs that is 1 to 5 dB nearer to Lanczos than means of
    areas, in half their time and an eighth of Lanczos'; of stripes that are too fine to be stored,
    as little is left as behind Pillow's HAMMING (2026-11-22).
    """
    ratio = max(image.shape[0] / height, image.shape[1] / width)
    if ratio >= 2:
        return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(image, (3, 3), BLUR + BLUR_GROWTH * ratio)
    return cv2.resize(blurred, (width, height), interpolation=cv2.INTER_CUBIC)


def encode_jpeg(image: np.ndarray) -> bytes:
    """Encode uint8 (H, W, 3) without chroma subsampling: lesions are small and coloured."""
    return simplejpeg.encode_jpeg(image, quality=JPEG_QUALITY, colorsubsampling="444")
