"""Reading pieces of shards. In: where pictures lie. Out: runs that one read fetches; bytes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from catalog.storage import Place, join, read_ranges

READ_BYTES = 8 * 2**20
"""Of one read: large enough for the speed of a disk or a far store, small enough for a smooth
progress bar."""

MAX_GAP = 64 * 2**10
"""Bytes between two pictures that are read and thrown away, which is cheaper than another read."""

MAX_PICTURES = 500
"""Of one read. With the gaps between them Linux takes at most 1,024 buffers (IOV_MAX)."""


def neighbours(
    shard: np.ndarray, offset: np.ndarray, length: np.ndarray
) -> Iterator[tuple[int, int]]:
    """Cut pictures that lie at `offset` in `shard`, int64 (M,) each, into what one read fetches.

    Yields the bounds of each run of them. What lies between two is skipped if it is many bytes.
    """
    ends = offset + length
    gap = offset[1:] - ends[:-1]
    apart = np.flatnonzero((shard[1:] != shard[:-1]) | (gap < 0) | (gap > MAX_GAP)) + 1
    for start, stop in zip([0, *apart], [*apart, len(shard)], strict=True):
        while start < stop:
            full = np.searchsorted(ends[start:stop], offset[start] + READ_BYTES, side="right")
            end = min(start + max(int(full), 1), start + MAX_PICTURES, stop)
            yield start, end
            start = end


def shard_path(folder: Place, shard: int) -> Place:
    """Where the tar of a shard lies."""
    return join(folder, f"{shard:06d}.tar")


def read_range(folder: Place, shard: int, offset: int, length: int) -> bytes:
    """Bytes of a shard. Raises FileNotFoundError without it, EOFError if it ends before them."""
    return read_ranges(shard_path(folder, shard), [(offset, length)])[0]
