"""Which pictures show one thing. In: arrays of what is known of each picture. Out: group numbers.

Three rules make a group: the same bytes; nearly the same picture, also turned or mirrored (within
one species); and a burst: neighbours in natural file order in one folder that look alike.
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

BURST_NUMBERED_BITS = 24
"""Neighbours whose file numbers follow each other: even a turned camera shows one leaf mostly."""

BURST_NUMBER_GAP = 2
"""Laboratories took up to three shots of a leaf; one of them may have been sorted out."""

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
    for first, second in _bursts(pictures):
        sets.join(first, second, limit=MAX_GROUP)
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


def _bursts(pictures: Sequence[Picture]) -> Iterable[tuple[int, int]]:
    for indices in _by(pictures, lambda picture: f"{picture.dataset}/{picture.folder}"):
        ordered = sorted(indices, key=lambda index: natural_key(pictures[index].source_path))
        for first, second in zip(ordered, ordered[1:], strict=False):
            one, other = pictures[first], pictures[second]
            follow = _follow_each_other(one.source_path, other.source_path)
            limit = BURST_NUMBERED_BITS if follow else BURST_BITS
            if (one.phash ^ other.phash).bit_count() <= limit:
                yield first, second


def _follow_each_other(one: str, other: str) -> bool:
    """Whether two names are the same but for one number, which differs by at most the gap."""
    first, second = natural_key(one), natural_key(other)
    if len(first) != len(second):
        return False
    different = [(a, b) for a, b in zip(first, second, strict=True) if a != b]
    if len(different) != 1:
        return False
    (kind_a, number_a, _), (kind_b, number_b, _) = different[0]
    return kind_a == kind_b == 0 and abs(number_a - number_b) <= BURST_NUMBER_GAP


def _by(pictures: Sequence[Picture], key: Callable[[Picture], str]) -> Iterable[list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for index, picture in enumerate(pictures):
        found[key(picture)].append(index)
    return found.values()


class _DisjointSets:
    """Union-find whose root is always the smallest index, with the size of each set."""

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
        self._size[first] = size
