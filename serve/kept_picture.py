"""A picture as it is kept: its pixels and nothing else. In: encoded bytes. Out: a JPEG."""

from __future__ import annotations

import numpy as np
import simplejpeg
from PIL import Image

from shards.decode import decode_reduced, read_header

SHORT_SIDE = 1024
"""Pixels; four times what the lake keeps, so that there is room to find the leaf. A larger picture
is divided by a whole number, and then has less than twice as many."""

JPEG_QUALITY = 95
"""Ingestion encodes it once more, smaller and at 90: that is the loss that should count."""


def make_keepable(data: bytes) -> bytes:
    """Decode, turn upright, reduce where it is large, encode anew.

    No byte of the file that came is kept: no EXIF, with its place, time and camera, no thumbnail of
    what was cropped away, no film behind the picture. Raises DecodeError if it is no picture.
    """
    header = read_header(data)
    image = decode_reduced(data, header, SHORT_SIDE)
    factor = min(image.shape[:2]) // SHORT_SIDE
    if factor > 1:  # what the JPEG decoder cannot reduce, or not so far
        image = np.asarray(Image.fromarray(image).reduce(factor))
    return bytes(simplejpeg.encode_jpeg(image, quality=JPEG_QUALITY, colorsubsampling="444"))
