"""Which samples: a SQL condition on the catalog. In: a lake and a WHERE. Out: a Selection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import numpy as np

from catalog.lake import Lake, open_lake
from catalog.moment import Moment
from catalog.organise import label_tree
from catalog.storage import Place, as_place, read_ranges
from catalog.taxonomy import LabelTree
from leaflake import UsageError
from shards.reads import shard_path


@dataclass(frozen=True)
class Selection:
    """Rows of the catalog that a loader reads; `select` gives them by their place on disk."""

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

    shards_folder: Place

    def __len__(self) -> int:
        return len(self.keys)

    def take(self, indices: np.ndarray) -> Selection:
        """The rows at int (M,) `indices`, in their order."""
        return Selection(
            keys=tuple(self.keys[index] for index in indices),
            datasets=tuple(self.datasets[index] for index in indices),
            class_index=self.class_index[indices],
            shard=self.shard[indices],
            offset=self.offset[indices],
            length=self.length[indices],
            shards_folder=self.shards_folder,
        )


def select(lake: Lake, where: str, tree: LabelTree) -> Selection:
    """The labelled samples of `lake` for which the SQL condition `where` holds.

    Raises UsageError if DuckDB cannot make sense of `where`, nothing matches, or a sample is of a
    class that `tree` lacks.
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
        class_index=np.array(
            [_class_index(lake, tree, row[2], row[3]) for row in rows], dtype=np.int64
        ),
        shard=place[:, 0],
        offset=place[:, 1],
        length=place[:, 2],
        shards_folder=lake.shards_folder,
    )


def select_from(place: Place, where: str, at: Moment | None = None) -> tuple[Selection, LabelTree]:
    """`select` from the lake at `place`, as it was `at` a moment, and its label tree of then."""
    with open_lake(as_place(place), at=at) as lake:
        tree = label_tree(lake.connection)
        return select(lake, where, tree), tree


def read_encoded(selection: Selection) -> Sequence[bytes]:
    """The encoded bytes of every picture, in the selection's order; read shard by shard.

    Raises UsageError if a shard is missing or too short.
    """
    data = [b""] * len(selection)
    for shard in np.unique(selection.shard):
        indices = np.flatnonzero(selection.shard == shard)
        for index, encoded in zip(indices, _read_shard(selection, shard, indices), strict=True):
            data[index] = encoded
    return data


def _read_shard(selection: Selection, shard: int, indices: np.ndarray) -> list[bytes]:
    tar = shard_path(selection.shards_folder, shard)
    offsets, lengths = selection.offset[indices].tolist(), selection.length[indices].tolist()
    try:
        return read_ranges(tar, list(zip(offsets, lengths, strict=True)))
    except (FileNotFoundError, EOFError) as error:
        what = "is missing" if isinstance(error, FileNotFoundError) else f"is too short ({error})"
        raise UsageError(
            f"{tar}: {what}; {len(indices):,} of the selected pictures are in it. Bring the file "
            f"back from a copy. Without one: leaflake sql --lake LAKE "
            f'"delete from samples where shard = {shard}", and ingest their folders again.'
        ) from None


def _class_index(lake: Lake, tree: LabelTree, species: str, condition: str) -> int:
    try:
        return tree.class_index(species, condition)
    except KeyError:
        raise UsageError(
            f"{lake.path}: holds pictures of the class {species}, {condition}, which the run's "
            "label tree lacks: this is not the lake that the run was trained on. Name that one "
            "with --lake. Nothing was written."
        ) from None
