"""A report on a lake as one HTML file. In: an open lake. Out: the file.

It lives beside the tar reader and the decoder, since it shows pictures; its numbers are the
catalog's (catalog/report.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from catalog.lake import Lake
from catalog.report import Figures, figures
from catalog.storage import publish
from leaflake import UsageError
from shards.report_page import page
from shards.thumbnails import read_thumbnails


@dataclass(frozen=True)
class Report:
    """What was written."""

    pictures: int
    """Embedded ones."""

    bytes: int


def write_report(lake: Lake, out: Path) -> Report:
    """Write the page to `out`, which gets its name when it is complete.

    Raises UsageError if the folder of `out` is missing, or a shard is.
    """
    if not out.parent.is_dir():
        raise UsageError(f"{out.parent}: there is no such folder. Nothing was written.")
    found = figures(lake)
    thumbnails = read_thumbnails(lake, _keys(found))
    data = page(str(lake.path), found, thumbnails).encode("utf-8", errors="replace")
    with publish(out) as file:
        file.write(data)
    return Report(len(thumbnails), len(data))


def _keys(found: Figures) -> Iterator[str]:
    """Of every sample that the page shows."""
    return chain(
        chain.from_iterable(one.keys for one in found.classes),
        (key for one in found.flags for key, _ in one.worst),
        (key for first, last, _ in found.duplicates for key in (first, last)),
        chain.from_iterable(found.near_copies),
        chain.from_iterable(found.conflicts),
        chain.from_iterable(keys for _, keys in found.review),
    )
