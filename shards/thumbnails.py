"""Small pictures for a page. In: an open lake and keys. Out: thumbnails as `data:` URIs."""

from __future__ import annotations

import base64
import io
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from PIL import Image
from tqdm import tqdm

from catalog.lake import Lake
from catalog.storage import read_ranges
from leaflake import UsageError
from shards.decode import decode_image

SIDE = 144
"""Pixels of the longer side: sharp at the 120 that the page shows on a desk, and 4 kB."""

QUALITY = 72


@dataclass(frozen=True)
class Thumbnail:
    """One sample as a page shows it."""

    key: str
    uri: str
    """`data:image/jpeg;base64,...`"""

    width: int
    height: int
    species: str | None
    condition: str | None
    split: str | None
    dataset: str
    folder: str
    source_path: str


def read_thumbnails(lake: Lake, keys: Iterable[str]) -> dict[str, Thumbnail]:
    """Key -> thumbnail, of every sample that is named; each shard is opened once.

    Raises UsageError if a shard is missing or too short.
    """
    rows = lake.connection.execute(
        'SELECT shard, "offset", length, "key", species, "condition", split, dataset, folder, '
        'source_path FROM samples WHERE "key" IN (SELECT unnest(?)) ORDER BY shard, "offset"',
        [sorted(set(keys))],
    ).fetchall()
    by_shard = defaultdict(list)
    for row in rows:
        by_shard[row[0]].append(row[1:])
    found = {}
    with tqdm(total=len(rows), unit="picture", desc="report") as bar:
        for shard, samples in by_shard.items():
            place = lake.shard_path(shard)
            try:
                encoded = read_ranges(place, [(row[0], row[1]) for row in samples])
            except (FileNotFoundError, EOFError) as error:
                raise UsageError(
                    f"{place}: cannot be read ({error}). `leaflake catalog check --lake "
                    f"{lake.path}` says what is missing and what to do. Nothing was written."
                ) from None
            for (_, _, key, *about), data in zip(samples, encoded, strict=True):
                uri, size = _shrink(data)
                found[key] = Thumbnail(key, uri, *size, *about)
            bar.update(len(samples))
    return found


def _shrink(data: bytes) -> tuple[str, tuple[int, int]]:
    """The `data:` URI of a small copy, and its (width, height)."""
    picture = Image.fromarray(decode_image(data))
    picture.thumbnail((SIDE, SIDE), Image.Resampling.BILINEAR)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=QUALITY, optimize=True)
    text = base64.b64encode(file.getvalue()).decode("ascii")
    return f"data:image/jpeg;base64,{text}", picture.size
