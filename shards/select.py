"""Which samples: a SQL condition on the catalog. In: a lake and a WHERE. Out: a Selection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa

from catalog.lake import Lake, open_lake
from catalog.moment import Moment
from catalog.storage import Place, as_place, read_ranges
from catalog.taxonomy import LabelTree
from leaflake import UsageError
from shards.reads import shard_path

UNLABELLED = -1
"""Class of a picture of which nothing is said."""


@dataclass(frozen=True)
class Selection:
    """Rows of the catalog that a loader reads; `select` gives them by their place on disk."""

    keys: tuple[str, ...]
    datasets: tuple[str, ...]

    class_index: np.ndarray
    """int64 (N,), positions in the label tree; its number of classes plus the position of the
    species, where only that is known; UNLABELLED where nothing is."""

    shard: np.ndarray
    """int64 (N,)."""

    offset: np.ndarray
    """int64 (N,), first byte of the JPEG in its tar."""

    length: np.ndarray
    """int64 (N,), bytes of the JPEG."""

    shards_folder: Place

    region: np.ndarray | None = None
    """float32 (N, 4): the part of each picture that is looked at, its left, top, right and bottom
    as shares of the picture; None: all of each."""

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
            region=None if self.region is None else self.region[indices],
        )

    def labelled(self) -> Selection:
        """Itself, or its part of which something is known."""
        known = self.class_index != UNLABELLED
        return self if known.all() else self.take(np.flatnonzero(known))

    def beside(self, other: Selection) -> Selection:
        """Both, of one lake, by their place on disk; regions are for who has put all together."""
        both = {
            name: np.concatenate([getattr(self, name), getattr(other, name)])
            for name in ("class_index", "shard", "offset", "length")
        }
        keys, datasets = self.keys + other.keys, self.datasets + other.datasets
        whole = Selection(keys, datasets, **both, shards_folder=self.shards_folder)
        return whole.take(np.lexsort((whole.offset, whole.shard)))


def select(lake: Lake, where: str, tree: LabelTree, *, species_only: bool = False) -> Selection:
    """The labelled samples of `lake` for which the SQL condition `where` holds.

    With `species_only` also those of a known species with an unknown condition.
    Raises UsageError if DuckDB cannot make sense of `where`, nothing matches, or a sample is of a
    class that `tree` lacks.
    """
    labelled = "species IS NOT NULL" + ("" if species_only else ' AND "condition" IS NOT NULL')
    found = _rows(lake, labelled, where)
    if not found.num_rows:
        raise UsageError(f"{lake.path}: no labelled sample matches {where!r}. Nothing was written.")
    # By code and not as text: a million and a half Python strings a column would be 80 MB each.
    species, of_species = _coded(found["species"])
    conditions, of_condition = _coded(found["condition"])
    labels, of_label = np.unique(of_species * len(conditions) + of_condition, return_inverse=True)
    class_index = [
        _class_index(
            lake, tree, species[label // len(conditions)], conditions[label % len(conditions)]
        )
        for label in labels
    ]
    return _selection(lake, found, np.array(class_index, dtype=np.int64)[of_label])


def select_unlabelled(lake: Lake, where: str) -> Selection:
    """The samples for which `where` holds, whatever is known of them, as UNLABELLED. There may be
    none. Raises UsageError if DuckDB cannot make sense of `where`."""
    found = _rows(lake, "true", where)
    return _selection(lake, found, np.full(found.num_rows, UNLABELLED, dtype=np.int64))


def _rows(lake: Lake, kind: str, where: str) -> pa.Table:
    """What a Selection needs of the samples of which both conditions hold, by place on disk."""
    try:
        # The line break is for a `where` that ends in a comment.
        return lake.connection.execute(
            'SELECT "key", dataset, species, "condition", shard, "offset", length FROM samples '
            f'WHERE {kind} AND ({where}\n) ORDER BY shard, "offset"'
        ).to_arrow_table()
    except duckdb.Error as error:
        raise UsageError(f"--where {where!r}: {str(error).splitlines()[0]}") from None


def _selection(lake: Lake, found: pa.Table, class_index: np.ndarray) -> Selection:
    datasets, of_dataset = _coded(found["dataset"])
    shard, offset, length = (
        found[name].to_numpy().astype(np.int64) for name in ("shard", "offset", "length")
    )
    return Selection(
        keys=tuple(found["key"].to_pylist()),
        datasets=tuple(map(datasets.__getitem__, of_dataset.tolist())),
        class_index=class_index,
        shard=shard,
        offset=offset,
        length=length,
        shards_folder=lake.shards_folder,
    )


def _coded(column: pa.ChunkedArray) -> tuple[list[str], np.ndarray]:
    """The different texts of a column, one of which may be None, and int64 (N,) which of them."""
    codes = column.combine_chunks().dictionary_encode("encode")
    return codes.dictionary.to_pylist(), codes.indices.to_numpy().astype(np.int64)


def every_class(lake: Lake) -> LabelTree:
    """The tree of every species and condition that a sample has, in a split or not."""
    return LabelTree.from_pairs(
        lake.connection.execute(
            'SELECT DISTINCT species, "condition" FROM samples '
            'WHERE species IS NOT NULL AND "condition" IS NOT NULL'
        ).fetchall()
    )


def select_from(place: Place, where: str, at: Moment | None = None) -> tuple[Selection, LabelTree]:
    """`select` from the lake at `place`, as it was `at` a moment, and the tree of its classes."""
    with open_lake(as_place(place), at=at) as lake:
        tree = every_class(lake)
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


def _class_index(lake: Lake, tree: LabelTree, species: str, condition: str | None) -> int:
    try:
        if condition is None:
            return tree.num_classes + tree.species_index(species)
        return tree.class_index(species, condition)
    except KeyError:
        raise UsageError(
            f"{lake.path}: holds pictures of the class {species}, {condition}, which the run's "
            "label tree lacks: this is not the lake that the run was trained on. Name that one "
            "with --lake. Nothing was written."
        ) from None
