"""Which pictures show one thing. In: arrays of what is known of each picture. Out: group numbers.

Three rules make a group: the same bytes; nearly the same picture, also turned or mirrored (within
one species); and a burst: neighbours in natural file order in one folder, whose names follow each
other or that look alike.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

MAX_GROUP = 20
"""Chains of look-alikes end here, so that no class collapses into one group. Copies don't count."""

NEAR_COPY_BITS = 10
"""Of 63. Scaled, recompressed or turned copies differ in 0 to 8; two leaves on the same grey board
seldom in under 12 (looked at by eye, 6,500 pictures of 15 datasets)."""

BURST_BITS = 18
"""Neighbours in file order; under it nearly every pair shows one leaf."""

MAX_NUMBERED = 9
"""Neighbours whose names follow each other are taken for shots of one thing whatever they look
like, since a leaf turned in another light looks like another leaf: of 1,581 such pairs in four
laboratory sets a third differ in under 25 bits, and of the others most show one leaf to the eye. In
a folder that is numbered without gaps, the chain is cut where neighbours differ most, into groups
of three leaves of three shots."""

NUMBER_GAP = 2
"""Laboratories took up to three shots of a leaf; one of them may have been sorted out."""

CLOCK_GAP_S = 10
"""Between two shots of one thing, where the name is a time: 20211008_124302."""

_UUID_PREFIX = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}_*")
"""PlantVillage puts a random identity before the camera's own file name."""


@dataclass(frozen=True)
class Picture:
    """What grouping looks at."""

    sha256: str
    species: str | None
    dataset: str
    folder: str
    source_path: str
    phash: int
    """64 bits as ingest.appearance makes them."""


def group_pictures(pictures: Sequence[Picture]) -> list[int]:
    """For each picture the index of the first picture of its group.

    Exact copies are always together, the looser rules only up to MAX_GROUP different pictures.
    Deterministic in the order of `pictures`.
    """
    sets = _DisjointSets(len(pictures))
    for indices in _by(pictures, lambda picture: picture.sha256):
        for index in indices[1:]:
            sets.join(indices[0], index, limit=None)
    for first, second in _near_copies(pictures):
        sets.join(first, second, limit=MAX_GROUP)
    for first, second, limit in _bursts(pictures):
        sets.join(first, second, limit=limit)
    return [sets.root(index) for index in range(len(pictures))]


def turned_hashes(phash: np.ndarray) -> np.ndarray:
    """The hashes (8, N) of the pictures turned by 90 degrees and mirrored, from uint64 (N,).

    Mirroring a picture negates the DCT coefficients of odd frequency, transposing it transposes
    them, so no picture has to be read again.
    """
    bits = np.unpackbits(
        phash.astype("<u8").view(np.uint8).reshape(-1, 8), axis=1, bitorder="little"
    )
    block = bits.reshape(-1, 8, 8).astype(bool)  # (N, v, u)
    odd = np.arange(8) % 2 == 1
    variants = []
    for transposed in (block, block.transpose(0, 2, 1)):
        for flip_rows in (False, True):
            for flip_columns in (False, True):
                negated = (odd[:, None] & flip_rows) ^ (odd[None, :] & flip_columns)
                variants.append(_pack(transposed ^ negated))
    return np.stack(variants)


def natural_key(path: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key under which `IMG_9` comes before `IMG_10`; a random identity in front is dropped."""
    stem = _UUID_PREFIX.sub("", os.path.splitext(os.path.basename(path))[0])
    return tuple(
        (0, int(part), "") if part.isdecimal() else (1, 0, part)
        for part in re.split(r"(\d+)", stem)
    )


def _pack(block: np.ndarray) -> np.ndarray:
    packed = np.packbits(block.reshape(-1, 64), axis=1, bitorder="little")
    return packed.view("<u8").ravel() & ~np.uint64(1)  # the constant coefficient says nothing


def _near_copies(pictures: Sequence[Picture]) -> Iterable[tuple[int, int]]:
    for indices in _by(pictures, lambda picture: picture.species or ""):
        hashes = np.array([pictures[index].phash for index in indices], dtype=np.uint64)
        variants = turned_hashes(hashes)
        for row, index in enumerate(indices):
            distance = np.bitwise_count(variants[:, row, None] ^ hashes[None, row + 1 :])
            for offset in np.flatnonzero((distance <= NEAR_COPY_BITS).any(axis=0)):
                yield index, indices[row + 1 + int(offset)]


def _bursts(pictures: Sequence[Picture]) -> Iterable[tuple[int, int, int]]:
    """(first, second, largest group that the pair may make), the most alike pairs first."""
    found = []
    for indices in _by(pictures, lambda picture: f"{picture.dataset}/{picture.folder}"):
        ordered = sorted(indices, key=lambda index: natural_key(pictures[index].source_path))
        for first, second in zip(ordered, ordered[1:], strict=False):
            one, other = pictures[first], pictures[second]
            distance = (one.phash ^ other.phash).bit_count()
            if distance <= BURST_BITS:
                found.append((distance, first, second, MAX_GROUP))
            elif follow_each_other(one.source_path, other.source_path):
                found.append((distance, first, second, MAX_NUMBERED))
    found.sort()
    return [(first, second, limit) for _, first, second, limit in found]


def follow_each_other(one: str, other: str) -> bool:
    """Whether two names are the same but for one number that counts on, or a time that goes on."""
    first, second = natural_key(one), natural_key(other)
    if len(first) != len(second):
        return False
    places = [i for i, (a, b) in enumerate(zip(first, second, strict=True)) if a != b]
    if len(places) != 1:
        return False
    (kind_a, a, _), (kind_b, b, _) = first[places[0]], second[places[0]]
    if kind_a or kind_b:
        return False
    if _is_clock(first, places[0]):
        return abs(_seconds(a) - _seconds(b)) <= CLOCK_GAP_S
    return abs(a - b) <= NUMBER_GAP


def _is_clock(key: tuple[tuple[int, int, str], ...], place: int) -> bool:
    """Whether the number at `place` is HHMMSS after a date YYYYMMDD: 20211008_124302."""
    date = key[place - 2][1] if place >= 2 else 0
    return 19_000_000 < date < 21_000_000 and key[place][1] < 240_000


def _seconds(clock: int) -> int:
    """HHMMSS -> seconds since midnight."""
    return clock // 10_000 * 3_600 + clock // 100 % 100 * 60 + clock % 100


def _by(pictures: Sequence[Picture], key: Callable[[Picture], str]) -> Iterable[list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for index, picture in enumerate(pictures):
        found[key(picture)].append(index)
    return found.values()


class _DisjointSets:
    """Union-find whose root is always the smallest index, with the number of different pictures in
    each set."""

    def __init__(self, size: int) -> None:
        self._parent = list(range(size))
        self._size = [1] * size

    def root(self, index: int) -> int:
        while self._parent[index] != index:
            self._parent[index] = self._parent[self._parent[index]]
            index = self._parent[index]
        return index

    def join(self, one: int, other: int, limit: int | None) -> None:
        first, second = sorted((self.root(one), self.root(other)))
        size = self._size[first] + self._size[second]
        if first == second or (limit is not None and size > limit):
            return
        self._parent[second] = first
        if limit is not None:  # exact copies count as one
            self._size[first] = size
