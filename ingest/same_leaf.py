"""Which pictures of a class show one leaf. In: their keys, names and features. Out: links.

Order and appearance decide together: neighbours in file order need less likeness than two pictures
from anywhere in the class, as far as the order of their folder says something.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from ingest.leaf_candidates import nearest_pairs
from ingest.leaf_match import Leaf, as_leaf, score
from ingest.leaf_order import far_pairs, neighbour_pairs
from ingest.leaf_store import read_records

ALONE_SCORE = 10.0
"""From it appearance alone says that two pictures show one leaf. Of 97,200 pairs of laboratory
pictures far apart in their class 9 reached it, of which 3 do show one leaf (2026-11-22)."""

APART_SCORE = 14.0
"""From it, where order says something and speaks against it: pictures of one folder that are no
neighbours. A wrong link there joins two whole runs of neighbours."""

NEIGHBOUR_SCORES = (5.0, 6.0, 7.0, 8.0, 9.0)
"""Neighbours in file order need less, where order says something: the first of these that few pairs
reach by chance."""

MAX_CHANCE = 0.2
"""Of the neighbours in one folder that are linked, so many may be by chance: as pairs from anywhere
in the folder reach the score. In a folder whose names say nothing, neighbours are such pairs."""

CHANCE_PAIRS = 150
"""That are looked at to see what chance does."""

CHANCE_FALL = 0.42
"""From one score to the next, the share of pairs that reach it by chance: 7.3, 3.1, 1.2, 0.5 % from
5 on, over 97,200 pairs of laboratory pictures far apart in their class."""

CHANCE_PRIOR = (0.5, 30.0)
"""Pairs that reach the first score, of so many, which are added to those that were seen."""

LINKS = pa.schema([("key", pa.string()), ("other", pa.string()), ("distance", pa.float64())])


@dataclass(frozen=True)
class LeafClass:
    """Pictures that are compared with each other."""

    keys: tuple[str, ...]
    """Sorted by folder, and within it in natural order of the files' names."""

    folder_index: tuple[int, ...]
    """Number of the folder that each lies in."""

    num_neighbours: tuple[int, ...]
    """How many of those just before each are its neighbours."""

    is_new: tuple[bool, ...]
    """Pairs of two old pictures were compared before, and are passed over."""

    features: Path
    """The folder with the features."""


def find_links(leaf_class: LeafClass) -> pa.Table:
    """The LINKS of one class, sorted. Their distance is one over the score."""
    keys, is_new = leaf_class.keys, leaf_class.is_new
    leaves = [as_leaf(record) for record in read_records(leaf_class.features, keys)]
    found: dict[tuple[int, int], float] = {}
    num_neighbours = np.array(leaf_class.num_neighbours)
    least = np.full(len(keys), ALONE_SCORE)
    for positions in _by_folder(leaf_class.folder_index):
        links, needed = _neighbour_links(leaves, positions, num_neighbours[positions])
        found |= links
        least[positions] = ALONE_SCORE if needed >= ALONE_SCORE else APART_SCORE
    folder = leaf_class.folder_index
    for one, other in nearest_pairs(leaves).tolist():
        if (one, other) not in found and (is_new[one] or is_new[other]):
            enough = least[one] if folder[one] == folder[other] else ALONE_SCORE
            likeness = score(leaves[one], leaves[other], enough)
            if likeness:
                found[one, other] = likeness
    rows = [
        (*sorted((keys[one], keys[other])), 1 / likeness)
        for (one, other), likeness in found.items()
        if is_new[one] or is_new[other]
    ]
    columns = zip(*sorted(rows), strict=True) if rows else ((), (), ())
    return pa.table(list(columns), schema=LINKS)


def _by_folder(folder_index: Sequence[int]) -> list[np.ndarray]:
    """The positions of every folder's pictures, in order."""
    index = np.array(folder_index)
    return [np.flatnonzero(index == number) for number in np.unique(index)]


def _neighbour_links(
    leaves: Sequence[Leaf], positions: np.ndarray, num_neighbours: np.ndarray
) -> tuple[dict[tuple[int, int], float], float]:
    """Pair of positions -> score, for the neighbours in one folder that show one leaf; and the
    score that they needed."""
    near = positions[neighbour_pairs(num_neighbours)]
    far = positions[far_pairs(len(positions), CHANCE_PAIRS)]
    least = NEIGHBOUR_SCORES[0]
    scores = {(a, b): score(leaves[a], leaves[b], least) for a, b in near.tolist()}
    chance = [score(leaves[a], leaves[b], least) for a, b in far.tolist()]
    needed = neighbour_score(list(scores.values()), chance)
    return {pair: likeness for pair, likeness in scores.items() if likeness >= needed}, needed


def neighbour_score(near: Sequence[float], far: Sequence[float]) -> float:
    """What two neighbours have to reach, from the scores of all neighbours in a folder and of pairs
    that are far apart in it; ALONE_SCORE where order says nothing."""
    if not near:
        return ALONE_SCORE
    reached, seen = CHANCE_PRIOR
    first = NEIGHBOUR_SCORES[0]
    chance = (sum(value >= first for value in far) + reached) / (len(far) + seen)
    for number, needed in enumerate(NEIGHBOUR_SCORES):
        share = sum(value >= needed for value in near) / len(near)
        if chance * CHANCE_FALL**number <= MAX_CHANCE * share:
            return needed
    return ALONE_SCORE
