"""Which neighbours in one folder show one thing. In: names, times and hashes. Out: pairs.

Neighbours are neighbours in natural order of their names, or in order of their EXIF times.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from catalog.name_order import CLOCK_GAP_S, follow_each_other, natural_key

BURST_BITS = 18
"""Neighbours in file order; under it nearly every pair shows one leaf."""


@dataclass(frozen=True, order=True)
class Shot:
    """What the order rules look at. Of two of the same path the smaller key comes first."""

    key: str
    sha256: str
    source_path: str

    phash: int
    """64 bits as ingest.appearance makes them."""

    captured_s: float | None
    """Seconds by the camera's own clock."""


@dataclass(frozen=True, order=True)
class Pair:
    """Two pictures of one folder that show one thing, named by their keys, the smaller first."""

    key: str
    other: str

    kind: str
    """burst, numbered or shots."""

    distance: float
    """Bits in which the hashes differ; of shots, 0."""


def folder_pairs(shots: Sequence[Shot], pattern: re.Pattern[str] | None) -> list[Pair]:
    """All pairs of one folder, each once, in order. Copies of the same bytes need no pair.

    The first group of `pattern` in a file's name, where it matches, names the thing shown.
    """
    named = sorted((natural_key(shot.source_path), shot.source_path, shot) for shot in shots)
    pairs = {
        _pair(one, other, "burst" if bits <= BURST_BITS else "numbered", bits)
        for (first, _, one), (second, _, other) in zip(named, named[1:], strict=False)
        if (bits := (one.phash ^ other.phash).bit_count()) <= BURST_BITS
        or follow_each_other(first, second)
    }
    ordered = [shot for _, _, shot in named]
    pairs.update(_pair(one, other, "burst", bits) for one, other, bits in _timed(ordered))
    if pattern is not None:
        pairs.update(_pair(one, other, "shots", 0) for one, other in _same_text(ordered, pattern))
    bytes_of = {shot.key: shot.sha256 for shot in shots}
    return sorted(pair for pair in pairs if bytes_of[pair.key] != bytes_of[pair.other])


def _pair(one: Shot, other: Shot, kind: str, distance: float) -> Pair:
    return Pair(min(one.key, other.key), max(one.key, other.key), kind, float(distance))


def _timed(ordered: Sequence[Shot]) -> Iterator[tuple[Shot, Shot, int]]:
    """Neighbours in time that look alike, with the bits in which they differ."""
    timed = [(shot.captured_s, shot) for shot in ordered if shot.captured_s is not None]
    timed.sort(key=lambda pair: pair[0])
    for (before, one), (after, other) in zip(timed, timed[1:], strict=False):
        bits = (one.phash ^ other.phash).bit_count()
        if after - before <= CLOCK_GAP_S and bits <= BURST_BITS:
            yield one, other, bits


def _same_text(ordered: Sequence[Shot], pattern: re.Pattern[str]) -> Iterator[tuple[Shot, Shot]]:
    """Every shot of a thing with the one before it."""
    last: dict[str, Shot] = {}
    for shot in ordered:
        match = pattern.search(shot.source_path.rpartition("/")[2])
        if match is not None and (text := match.group(1)):
            if text in last:
                yield last[text], shot
            last[text] = shot
