"""The pictures that champion and challenger are compared on. In: a lake. Out: Exam.

`test` is the test split as it was when the champion was made, by the keys of its snapshot: no
later change of the splits makes it easier. `newest` are test pictures that came since. Both models
are held against the labels that the lake has of them now, and no picture is in it that one of the
two has learnt from or was chosen by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from catalog.lake import Lake, open_lake
from catalog.storage import Place
from catalog.taxonomy import NO_PLANT, LabelTree
from export.manifest import Manifest
from export.material import spread
from leaflake import UsageError
from shards.select import every_class, read_encoded
from train.data import train_where
from train.judged import Pictures, read_pictures

MOST = 4000
"""Pictures of each part: some minutes at most for two models on two cores."""

TEST, NEWEST, ALL = "test", "newest", "all"
PARTS = {TEST: "the frozen test split", NEWEST: "newer test pictures", ALL: "both together"}


@dataclass(frozen=True)
class Exam:
    """N pictures that neither model has learnt from."""

    keys: tuple[str, ...]
    encoded: tuple[bytes, ...]

    labels: tuple[tuple[str, str], ...]
    """Species id and condition id of each, as the lake has them now."""

    groups: np.ndarray
    """object (N,): pictures of one thing share it."""

    is_newest: np.ndarray
    """bool (N,): of the newer pictures; the others are of the frozen test split."""

    frozen: int
    """Pictures of the champion's test split, when it was made."""

    seen: int
    """Of these, how many are left out because the challenger has learnt from them."""

    def part(self, name: str) -> np.ndarray:
        """bool (N,): the pictures of one of PARTS."""
        masks = {TEST: ~self.is_newest, NEWEST: self.is_newest}
        return masks.get(name, np.ones(len(self.keys), dtype=bool))

    @property
    def is_plant(self) -> np.ndarray:
        """bool (N,)."""
        return np.array([species != NO_PLANT for species, _ in self.labels], dtype=bool)

    @property
    def species(self) -> np.ndarray:
        """object (N,), species ids."""
        return np.array([species for species, _ in self.labels], dtype=object)


@dataclass(frozen=True)
class _Role:
    """What a model did with the lake's pictures."""

    snapshot: int
    split: str
    """The column."""


def read_exam(lake_path: Place, champion: Manifest, snapshot: int, split: str) -> Exam:
    """Read the pictures for a challenger that was trained at `snapshot` by the column `split`.

    Raises UsageError if the champion is of another lake, or nothing can be compared.
    """
    was = _role_of(champion)
    with open_lake(lake_path, at=was.snapshot) as lake:
        frozen = _column(lake, '"key"', f"{was.split} = 'test'")
        champion_saw = _column(lake, "sha256", _learnt(was.split))
    expected = champion.figures.get("pictures", {}).get("test")
    with open_lake(lake_path, at=snapshot) as lake:
        challenger_saw = _column(lake, "sha256", _learnt(split))
        tree = every_class(lake)
        _register(lake, frozen=frozen, seen=challenger_saw, seen_before=champion_saw)
        was_test = '"key" IN (FROM frozen)'
        unseen = "sha256 NOT IN (FROM seen)"
        kept = _pictures(lake, f"{was_test} AND {unseen}", tree)
        new = (
            f"NOT {was_test} AND {split} = 'test' AND {unseen} AND sha256 NOT IN (FROM seen_before)"
        )
        newer = _pictures(lake, new, tree)
        seen = len(_column(lake, '"key"', f"{was_test} AND NOT ({unseen})"))
    if not kept or (expected is not None and expected != len(frozen)):
        raise UsageError(
            f"{lake_path}: has {len(frozen):,} pictures of test at snapshot {was.snapshot}, "
            f"{sum(map(len, kept)):,} of them for a comparison, and {champion.name} was made with "
            f"{expected or 'some'}. Is it the lake that it was trained on? What is in production "
            "stays there."
        )
    pictures = [*kept, *newer]
    return Exam(
        tuple(key for one in pictures for key in one.selection.keys),
        tuple(data for one in pictures for data in read_encoded(one.selection)),
        tuple(label for one in pictures for label in _labels(one, tree)),
        np.concatenate([one.groups for one in pictures]),
        np.repeat([False] * len(kept) + [True] * len(newer), [len(one) for one in pictures]),
        len(frozen),
        seen,
    )


def _role_of(champion: Manifest) -> _Role:
    made = champion.provenance
    try:
        return _Role(int(made["snapshot"]), str(made["split"]))
    except (KeyError, TypeError, ValueError):
        raise UsageError(
            f"{champion.name}: its manifest does not say of which snapshot and split it is, so "
            "that no test pictures are known that it has not learnt from. Export it anew. "
            "What is in production stays there."
        ) from None


def _learnt(split: str) -> str:
    """SQL for the pictures that a model has learnt from or was chosen by."""
    return f"({train_where(split)}) OR {split} = 'val'"


def _column(lake: Lake, column: str, where: str) -> list[str]:
    query = f"SELECT DISTINCT {column} FROM samples WHERE {_LABELLED} AND ({where})"
    return [row[0] for row in lake.connection.execute(query).fetchall()]


_LABELLED = 'species IS NOT NULL AND ("condition" IS NOT NULL OR split IS NULL)'
"""A picture of which only the species is known may be learnt from, and is in no split."""


def _register(lake: Lake, **columns: Sequence[str]) -> None:
    """Make tables of one column."""
    for name, values in columns.items():
        lake.connection.register(name, pa.table({"value": pa.array(values, pa.string())}))


def _pictures(lake: Lake, where: str, tree: LabelTree) -> list[Pictures]:
    """At most MOST of the labelled pictures, evenly taken; [] where there is none."""
    labelled = f'species IS NOT NULL AND "condition" IS NOT NULL AND ({where})'
    if not _column(lake, '"key"', labelled):
        return []
    found = read_pictures(lake, labelled, tree)
    return [found.take(spread(len(found), MOST))]


def _labels(pictures: Pictures, tree: LabelTree) -> list[tuple[str, str]]:
    labels = (tree.label(index) for index in pictures.selection.class_index.tolist())
    return [(species.species_id, condition.condition_id) for species, condition in labels]
