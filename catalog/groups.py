"""Which pictures belong together. In: contents (pictures of different bytes) and links between
them. Out: groups, and units of groups that have to lie in one split.

A group is made by the strongest links first, as long as it stays small. Groups that the limit cut
apart although they hold one picture in substance are one unit. No link brings pictures of two
splits together: a picture without a split that would do so is tied.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

KINDS = ("shots", "near_copy", "same_thing", "burst", "numbered")
"""Of links, the strongest first."""

SURE_KINDS = ("shots", "near_copy")
"""The same picture, or the same thing by its source's own word: never in two splits, also where a
group has to end between them."""

MAX_GROUP = 20
"""Chains of look-alikes end here, so that no class collapses into one group. Copies don't count."""

MAX_CLASS_SHARE = 0.05
"""Of the different pictures of a class: what a group may hold where that is more than MAX_GROUP."""

MAX_NUMBERED = 9
"""Neighbours whose names follow each other are taken for shots of one thing whatever they look
like, since a leaf turned in another light looks like another leaf: of 1,581 such pairs in four
laboratory sets a third differ in under 25 bits, and of the others most show one leaf to the eye. In
a folder that is numbered without gaps, the chain is cut where neighbours differ most, into groups
of three leaves of three shots."""

SPLITS = ("train", "val", "test")
"""By number: 1, 2, 3; 0 is none. Of two near copies in two splits the one of the higher stays."""


@dataclass(frozen=True)
class Contents:
    """What is known of N pictures of different bytes, in order of their sha256."""

    class_index: np.ndarray
    """int32 (N,): its class, in order of the labels; -1 if it has no label, or two."""

    split: np.ndarray
    """int8 (N,): the split that it has already, by number."""

    is_free: np.ndarray
    """bool (N,): has no split and may get one."""

    num_pictures: np.ndarray
    """int64 (N,): samples of these bytes."""

    is_sent: np.ndarray
    """bool (N,): all of these are of people who corrected an answer."""


@dataclass(frozen=True)
class Links:
    """L pairs of contents."""

    first: np.ndarray
    """int64 (L,), position in the contents."""

    second: np.ndarray
    """int64 (L,)"""

    kind: np.ndarray
    """int8 (L,), position in KINDS."""

    distance: np.ndarray
    """float64 (L,), comparable within a kind."""


@dataclass(frozen=True)
class Groups:
    """What belongs together, each named by the smallest content in it."""

    group: np.ndarray
    """int64 (N,)"""

    unit: np.ndarray
    """int64 (N,): all groups of a unit lie in one split."""

    is_tied: np.ndarray
    """bool (N,): would bring two splits together."""


def find_groups(contents: Contents, links: Links) -> Groups:
    """Deterministic in what the contents and links are, never in their order."""
    linked = np.unique(np.r_[links.first, links.second])
    first, second = np.searchsorted(linked, links.first), np.searchsorted(linked, links.second)
    order = np.lexsort(
        (np.maximum(first, second), np.minimum(first, second), links.distance, links.kind)
    )
    sets = _DisjointSets(_largest_group(contents)[linked].tolist(), contents.split[linked].tolist())
    numbered = KINDS.index("numbered")
    torn, cut = [], []
    sure = np.isin(links.kind, [KINDS.index(kind) for kind in SURE_KINDS])
    rows = zip(
        first[order].tolist(),
        second[order].tolist(),
        (links.kind[order] == numbered).tolist(),
        sure[order].tolist(),
        strict=True,
    )
    for one, other, is_numbered, is_sure in rows:
        if not sets.fits(one, other, MAX_NUMBERED if is_numbered else None):
            if is_sure:
                cut.append((one, other))
        elif not sets.join(one, other):
            torn.append((one, other))
    group = sets.roots()
    torn += [(one, other) for one, other in cut if not sets.join(one, other)]
    unit = sets.roots()
    tied = np.zeros(len(contents.split), dtype=bool)
    tied[linked[np.array(torn, dtype=np.int64).ravel()]] = True
    return Groups(
        _spread(linked, group, len(tied)), _spread(linked, unit, len(tied)), tied & contents.is_free
    )


def find_withdrawn(split: np.ndarray, links: Links) -> np.ndarray:
    """bool (N,): contents that have to leave their split, int8 (N,), because a sure link joins them
    to one of a higher split. Pictures that come never do this to others, since they have no split;
    a relabelling can."""
    withdrawn = np.zeros(len(split), dtype=bool)
    for kind in SURE_KINDS:
        sure = links.kind == KINDS.index(kind)
        first, second = links.first[sure], links.second[sure]
        for stays in (SPLITS.index("test") + 1, SPLITS.index("val") + 1):
            for one, other in ((first, second), (second, first)):
                holds = (split[one] == stays) & ~withdrawn[one]
                withdrawn[other[holds & (split[other] > 0) & (split[other] < stays)]] = True
    return withdrawn


def _largest_group(contents: Contents) -> np.ndarray:
    """int64 (N,): how many different pictures a group with this one may have."""
    has_class = contents.class_index >= 0
    sizes = np.bincount(contents.class_index[has_class], minlength=1)
    largest = np.maximum(MAX_GROUP, (sizes * MAX_CLASS_SHARE).astype(np.int64))
    return np.where(has_class, largest[contents.class_index], MAX_GROUP)


def _spread(linked: np.ndarray, roots: list[int], size: int) -> np.ndarray:
    """Contents that no link names are a group of one."""
    spread = np.arange(size)
    spread[linked] = linked[np.array(roots, dtype=np.int64)]
    return spread


class _DisjointSets:
    """Union-find whose root is always the smallest index. Each set knows its size, how large it may
    become, and its split."""

    def __init__(self, largest: list[int], split: list[int]) -> None:
        self._parent = list(range(len(largest)))
        self._size = [1] * len(largest)
        self._largest = largest
        self._split = split

    def root(self, index: int) -> int:
        parent = self._parent
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    def roots(self) -> list[int]:
        return [self.root(index) for index in range(len(self._parent))]

    def fits(self, one: int, other: int, limit: int | None) -> bool:
        """Whether the sets of the two are one, or would be small enough together."""
        first, second = self.root(one), self.root(other)
        size = self._size[first] + self._size[second]
        largest = min(self._largest[first], self._largest[second])
        return first == second or size <= min(largest, limit or largest)

    def join(self, one: int, other: int) -> bool:
        """Make one set of two; not if they have two splits."""
        first, second = sorted((self.root(one), self.root(other)))
        if first == second:
            return True
        if 0 != self._split[first] != self._split[second] != 0:
            return False
        self._parent[second] = first
        self._size[first] += self._size[second]
        self._largest[first] = min(self._largest[first], self._largest[second])
        self._split[first] = self._split[first] or self._split[second]
        return True
