"""Train, val and test. In: for each content its class, unit and present split. Out: its split.

A unit (catalog/groups.py) lies in one split. A split once given is never changed: new pictures of a
known unit follow it, and new units fill whichever split of their class is furthest below its share.
What people sent with a correction is counted apart, and has shares of its own.
"""

from __future__ import annotations

import numpy as np

from catalog.groups import SPLITS, Contents

SHARES = {"train": 0.75, "val": 0.10, "test": 0.15}
"""Test is large enough that one point of accuracy over 1,000 pictures means something."""

SENT_SHARES = {"train": 0.60, "val": 0.10, "test": 0.30}
"""Of fifty corrections fifteen are what a new model is compared with the old one on. Of seven, not
even six that it alone has right would be beyond chance; and no pictures are more like those that
are asked about next."""

MIN_UNITS = 3
"""A class with fewer cannot be in every split; its pictures are kept out and listed."""


def assign_splits(contents: Contents, unit: np.ndarray, is_tied: np.ndarray) -> np.ndarray:
    """int8 (N,): the split of every content by number, 0 for none.

    `unit` int64 (N,) is the smallest position in the unit; `is_tied` bool (N,) keeps out.
    """
    counted = np.flatnonzero((contents.split > 0) | (contents.is_free & ~is_tied))
    counted = counted[contents.class_index[counted] >= 0]
    unit_split = np.zeros(len(unit), dtype=np.int8)
    np.maximum.at(unit_split, unit, contents.split)
    unit_size = np.bincount(unit[counted], contents.num_pictures[counted], len(unit))
    is_sent = np.ones(len(unit), dtype=bool)
    is_sent[unit[counted[~contents.is_sent[counted]]]] = False

    # One row a class and unit in it, sorted by both.
    pairs, row_of = np.unique(
        contents.class_index[counted].astype(np.int64) * len(unit) + unit[counted],
        return_inverse=True,
    )
    pictures = np.bincount(row_of, contents.num_pictures[counted], len(pairs))
    classes, starts = np.unique(pairs // max(len(unit), 1), return_index=True)
    ends = np.r_[starts[1:], len(pairs)]
    is_large = np.zeros(contents.class_index.max(initial=-1) + 1, dtype=bool)
    has_enough = ends - starts >= MIN_UNITS
    is_large[classes[has_enough]] = True
    for start, end in zip(starts[has_enough], ends[has_enough], strict=True):
        # Pictures of one leaf under two labels are rare; the first class places their unit.
        units = pairs[start:end] % len(unit)
        _fill(units, unit_size[units], pictures[start:end], is_sent[units], unit_split)

    split = contents.split.copy()
    gets = counted[(contents.split[counted] == 0) & is_large[contents.class_index[counted]]]
    split[gets] = unit_split[unit[gets]]
    return split


def _fill(
    units: np.ndarray,
    sizes: np.ndarray,
    pictures: np.ndarray,
    is_sent: np.ndarray,
    unit_split: np.ndarray,
) -> None:
    """Give every unit of one class that has no split the one that lacks most.

    A split that has nothing of the class yet comes first when the units run out, so that a class
    of MIN_UNITS new units is in all three.
    """
    of_class = unit_split[units]
    counts = {
        sent: np.bincount(of_class[mask], pictures[mask], len(SPLITS) + 1)[1:].tolist()
        for sent, mask in ((False, ~is_sent), (True, is_sent))
    }
    shares = {
        sent: [own[name] for name in SPLITS] for sent, own in ((False, SHARES), (True, SENT_SHARES))
    }
    fresh = np.flatnonzero(of_class == 0)
    # Large units first, so that the small ones can even out; then by sha256, never by order.
    fresh = fresh[np.lexsort((units[fresh], -sizes[fresh], is_sent[fresh]))]
    rows = zip(sizes[fresh].tolist(), is_sent[fresh].tolist(), strict=True)
    given = []
    for left, (size, sent) in zip(range(len(fresh), 0, -1), rows, strict=True):
        own = counts[sent]
        total = sum(own) + size
        empty = [
            place for place in range(len(SPLITS)) if not any(c[place] for c in counts.values())
        ]
        places = empty if len(empty) >= left else range(len(SPLITS))
        lacks = [share * total - count for share, count in zip(shares[sent], own, strict=True)]
        place = max(places, key=lacks.__getitem__)
        given.append(place + 1)
        own[place] += size
    unit_split[units[fresh]] = given
