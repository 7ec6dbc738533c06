"""Which samples: a SQL condition on the catalog. In: a lake and a WHERE. Out: a Selection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np

from catalog.lake import Lake
from catalog.taxonomy import LabelTree
from leaflake import UsageError
from shards.format import read_bytes


@dataclass(frozen=True)
class Selection:
    """Rows of the catalog that a loader reads, in the order of their place on disk."""

    keys: tuple[str, ...]
    datasets: tuple[str, ...]

    class_index: np.ndarray
    """int64 (N,), positions in the label tree."""

    shard: np.ndarray
    """int64 (N,)."""

    offset: np.ndarray
    """int64 (N,), first byte of the JPEG in its tar."""

    length: np.ndarray
    """int64 (N,), bytes of the JPEG."""

    shards_folder: Path

    def __len__(self) -> int:
        return len(self.keys)


def select(lake: Lake, where: str, tree: LabelTree) -> Selection:
    """The labelled samples of `lake` for which the SQL condition `where` holds.

    Raises UsageError if DuckDB cannot make sense of `where`, or nothing matches.
    """
    try:
        # The line break is for a `where` that ends in a comment.
        rows = lake.connection.execute(
            'SELECT "key", dataset, species, "condition", shard, "offset", length FROM samples '
            f'WHERE species IS NOT NULL AND "condition" IS NOT NULL AND ({where}\n) '
            'ORDER BY shard, "offset"'
        ).fetchall()
    except duckdb.Error as error:
        raise UsageError(f"--where {where!r}: {str(error).splitlines()[0]}") from None
    if not rows:
        raise UsageError(f"{lake.path}: no labelled sample matches {where!r}. Nothing was written.")
    place = np.array([row[4:7] for row in rows], dtype=np.int64).reshape(-1, 3)
    return Selection(
        keys=tuple(row[0] for row in rows),
        datasets=tuple(row[1] for row in rows),
        class_index=np.array([tree.class_index(row[2], row[3]) for row in rows], dtype=np.int64),
        shard=place[:, 0],
        offset=place[:, 1],
        length=place[:, 2],
        shards_folder=lake.path / "shards",
    )


def read_encoded(selection: Selection) -> Sequence[bytes]:
    """The encoded bytes of every picture, read shard by shard in order."""
    data: list[bytes] = []
    for shard in np.unique(selection.shard):
        with (selection.shards_folder / f"{shard:06d}.tar").open("rb") as tar:
            for index in np.flatnonzero(selection.shard == shard):
                data.append(
                    read_bytes(tar, int(selection.offset[index]), int(selection.length[index]))
                )
    return data
