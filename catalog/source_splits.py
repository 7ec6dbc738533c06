"""A second train, val and test, whose sides share no photographer. In: contents, units, sources.

Sources that a unit (catalog/groups.py) ties are one crew, and a crew lies on one side. A side once
given stays when pictures are added, but for one way: to train. A crew goes there when pictures
that came tie it to another one, and when a class would otherwise have no picture to learn from; a
model that was trained before has seen neither.

A class is judged where pictures of it are held out. Whoever took most of it goes to train, so a
class of a single crew is not judged.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from catalog.groups import SPLITS
from catalog.splits import SHARES

MAX_HELD_OUT = 0.5
"""Of the pictures of a class: with more of them in val and test, what is judged is how well it is
learnt from the rest of the pictures, no longer what it is to meet another photographer."""

TRAIN = SPLITS.index("train") + 1

_CHUNK = 65_536
"""Crews whose rows are Python objects at a time: a lake of downloads has a million."""


@dataclass(frozen=True)
class Credits:
    """C statements of who took what; a content of several copies may have several."""

    content: np.ndarray
    """int64 (C,), position in the contents."""

    source: np.ndarray
    """uint64 (C,), alike for one source. Two that were alike by chance would be one crew."""


def assign_source_splits(
    class_index: np.ndarray,
    num_pictures: np.ndarray,
    unit: np.ndarray,
    credits: Credits,
    split: np.ndarray,
    source_split: np.ndarray,
) -> np.ndarray:
    """int8 (N,): the side of every content by number; 0 exactly where `split`, int8 (N,), is 0.

    `source_split` int8 (N,) is what it was. `class_index` int32 (N,) is at least 0 where there is a
    split, `num_pictures` and `unit` are int64 (N,) as in catalog/groups.py.
    """
    held = split > 0
    if not held.any():
        return np.zeros(len(split), dtype=np.int8)
    crew = _find_crews(unit, held, credits)
    num_crews = int(crew.max()) + 1
    at = np.flatnonzero(held)
    side = np.full(num_crews, len(SPLITS) + 1, dtype=np.int8)
    known = at[source_split[at] > 0]
    np.minimum.at(side, crew[known], source_split[known])  # train is the smallest
    side[side > len(SPLITS)] = 0
    _Sides(crew[at], class_index[at], num_pictures[at], side).fill()
    result = np.zeros(len(split), dtype=np.int8)
    result[at] = side[crew[at]]
    return result


def _find_crews(unit: np.ndarray, held: np.ndarray, credits: Credits) -> np.ndarray:
    """int64 (N,): numbered from 0 in order of their first content, whatever they are called; -1
    where `held` is false."""
    holds = held[credits.content]
    content = credits.content[holds]
    _, source = np.unique(credits.source[holds], return_inverse=True)
    order = np.argsort(unit[content], kind="stable")
    tied = unit[content[order[:-1]]] == unit[content[order[1:]]]
    first, second = source[order[:-1]][tied], source[order[1:]][tied]
    root = _connected(int(source.max()) + 1, first, second)
    by_content = np.full(len(held), -1, dtype=np.int64)
    by_content[content] = root[source]  # of several sources any: they are one crew
    _, start, which = np.unique(by_content[held], return_index=True, return_inverse=True)
    rank = np.empty(len(start), dtype=np.int64)
    rank[np.argsort(start)] = np.arange(len(start))
    by_content[held] = rank[which]
    return by_content


def _connected(size: int, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """int64 (size,): the smallest member of what each is connected to."""
    root = np.arange(size)
    while True:
        one, other = root[first], root[second]
        apart = one != other
        if not apart.any():
            return root
        first, second = first[apart], second[apart]
        np.minimum.at(root, np.maximum(one, other)[apart], np.minimum(one, other)[apart])
        while not np.array_equal(up := root[root], root):
            root = up


class _Sides:
    """How many pictures of each class each side has, while crews are given theirs."""

    def __init__(
        self, crew: np.ndarray, class_index: np.ndarray, pictures: np.ndarray, side: np.ndarray
    ) -> None:
        """int64 (M,), int32 (M,) and int64 (M,) of contents; int8 of each crew, to be filled."""
        self._side = side
        num_classes = int(class_index.max()) + 1
        pairs, row_of = np.unique(crew * num_classes + class_index, return_inverse=True)
        self._crew, self._class = np.divmod(pairs, num_classes)  # one row a crew and class in it
        self._pictures = np.bincount(row_of, pictures, len(pairs)).astype(np.int64)
        self._total = np.bincount(self._class, self._pictures, num_classes).astype(np.int64)

    def fill(self) -> None:
        """Give every crew without a side one."""
        most_of_it = self._pictures > MAX_HELD_OUT * self._total[self._class]
        main = self._crew[most_of_it]
        self._side[main[self._side[main] == 0]] = TRAIN
        self._fill_others()
        self._give_back()

    def _fill_others(self) -> None:
        """Large crews first, so that the small ones can even out."""
        counts = [list(row) for row in self._counts().tolist()]
        total = self._total.tolist()
        left = np.bincount(self._class[self._side[self._crew] == 0], minlength=len(total)).tolist()
        size = np.bincount(self._crew, self._pictures)
        fresh = np.flatnonzero(self._side == 0)
        fresh = fresh[np.argsort(-size[fresh], kind="stable")]
        for crew, rows in self._rows_of(fresh):
            place = _best_place(rows, counts, total, left)
            for class_index, pictures in rows:
                counts[class_index][place] += pictures
                left[class_index] -= 1
            self._side[crew] = place + 1

    def _rows_of(self, crews: np.ndarray) -> Iterator[tuple[int, list[tuple[int, int]]]]:
        """Each crew, and its classes with the pictures of them."""
        for chunk in np.split(crews, range(_CHUNK, len(crews), _CHUNK)):
            start, end = (np.searchsorted(self._crew, chunk, side) for side in ("left", "right"))
            for crew, low, high in zip(chunk.tolist(), start.tolist(), end.tolist(), strict=True):
                classes = self._class[low:high].tolist()
                yield crew, list(zip(classes, self._pictures[low:high].tolist(), strict=True))

    def _give_back(self) -> None:
        """Where a relabelling or a deletion left a class without train pictures, its largest crew
        goes there; ties go to the one whose content comes first."""
        counts = self._counts()
        order = np.lexsort((self._crew, -self._pictures, self._class))
        lacks = (counts[:, 0] == 0) & (counts.sum(axis=1) > 0)
        _, first = np.unique(self._class[order], return_index=True)
        largest = order[first]
        self._side[self._crew[largest[lacks[self._class[largest]]]]] = TRAIN

    def _counts(self) -> np.ndarray:
        """int64 (classes, splits)"""
        num_splits = len(SPLITS) + 1
        cell = self._class * num_splits + self._side[self._crew]
        counts = np.bincount(cell, self._pictures, len(self._total) * num_splits)
        return counts.reshape(-1, num_splits)[:, 1:].astype(np.int64)


def _best_place(
    rows: list[tuple[int, int]], counts: list[list[int]], total: list[int], left: list[int]
) -> int:
    """Where a crew with `rows` of (class, pictures) is needed most; 0 is train.

    What counts is which part of its share of each class a side lacks, with half of the crew in it,
    so that a photographer goes where there is room for most of the pictures, and single downloads
    even out; and whether the side would stay empty because the crews run out. Nothing is held out
    of a class of which too much is held out already.
    """
    scores = [0.0] * len(SPLITS)
    may_hold_out = True
    for class_index, pictures in rows:
        there, whole = counts[class_index], total[class_index]
        if sum(there[1:]) + pictures > MAX_HELD_OUT * whole:
            may_hold_out = False
            break
        runs_out = left[class_index] <= there.count(0)
        for place, name in enumerate(SPLITS):
            lack = 1 - (there[place] + pictures / 2) / (SHARES[name] * whole)
            scores[place] += pictures * (lack + (runs_out and not there[place]))
    return scores.index(max(scores)) if may_hold_out else 0
