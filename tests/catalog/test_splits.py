"""Splits: shares, units that stay whole, splits that stay, and what is kept out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.groups import SPLITS, Contents
from catalog.splits import SENT_SHARES, SHARES, assign_splits


@dataclass(frozen=True)
class One:
    """One content, as the tests write it."""

    label: int = 0
    unit: int | None = None
    """By default one of its own."""

    split: str | None = None
    pictures: int = 1
    is_tied: bool = False
    is_free: bool = True
    is_sent: bool = False


def splits(ones: list[One]) -> list[str | None]:
    split = np.array([1 + SPLITS.index(one.split) if one.split else 0 for one in ones], np.int8)
    label = np.array([one.label for one in ones], np.int32)
    known = Contents(
        label,
        split,
        np.array([one.is_free for one in ones], bool) & (label >= 0) & (split == 0),
        np.array([one.pictures for one in ones], np.int64),
        np.array([one.is_sent for one in ones], bool),
    )
    names = [one.unit for one in ones]
    unit = [place if name is None else names.index(name) for place, name in enumerate(names)]
    tied = np.array([one.is_tied for one in ones], bool)
    given_splits = assign_splits(known, np.array(unit, np.int64), tied)
    assert given_splits.dtype == np.int8
    return [SPLITS[number - 1] if number else None for number in given_splits.tolist()]


def test_nothing_gets_nothing() -> None:
    assert splits([]) == []
    assert splits([One(label=-1)]) == [None]


def test_shares_of_a_large_class_are_right_to_a_picture() -> None:
    assert SHARES == {"train": 0.75, "val": 0.10, "test": 0.15}
    assert Counter(splits([One()] * 200)) == {"train": 150, "val": 20, "test": 30}


def test_shares_hold_for_every_class_by_itself() -> None:
    ones = [One(label=label) for label in (0, 1, 2) for _ in range(40)]
    counts = Counter(zip((one.label for one in ones), splits(ones), strict=True))
    assert {count for (_, split), count in counts.items() if split == "train"} == {30}
    assert {count for (_, split), count in counts.items() if split == "val"} == {4}
    assert {count for (_, split), count in counts.items() if split == "test"} == {6}


def test_shares_count_pictures_not_units() -> None:
    ones = [One(pictures=place % 7 + 1) for place in range(60)]
    counts: Counter[str | None] = Counter()
    for one, split in zip(ones, splits(ones), strict=True):
        counts[split] += one.pictures
    for split, share in SHARES.items():
        assert abs(counts[split] - share * sum(counts.values())) <= 7, counts


def test_new_units_fill_what_lacks_most() -> None:
    counts = Counter(splits([One(split="train")] * 75 + [One()] * 25)[75:])
    assert counts == {"val": 10, "test": 15}


def test_what_people_sent_has_shares_of_its_own_whatever_its_class_has_already() -> None:
    assert SENT_SHARES == {"train": 0.60, "val": 0.10, "test": 0.30}
    there = [One(split=split) for split in ["train"] * 75 + ["val"] * 10 + ["test"] * 15]
    sent = [One(is_sent=True)] * 50
    assert Counter(splits(there + sent)[100:]) == {"train": 30, "val": 5, "test": 15}
    assert Counter(splits(sent)) == {"train": 30, "val": 5, "test": 15}


def test_what_is_not_sent_is_counted_without_what_is() -> None:
    sent = [One(is_sent=True, split="test")] * 100
    assert Counter(splits(sent + [One()] * 40)[100:]) == {"train": 30, "val": 4, "test": 6}


def test_a_unit_of_which_a_part_was_sent_counts_as_the_lakes_own() -> None:
    mixed = [One(unit=unit, is_sent=sent) for unit in range(40) for sent in (False, True)]
    assert Counter(splits(mixed)) == {"train": 60, "val": 8, "test": 12}


def test_new_pictures_follow_the_unit_that_they_join() -> None:
    many = [One(split="test")] * 50  # test has far too many
    assert splits([One(unit=1, split="test"), One(unit=1), *many])[:2] == ["test"] * 2


def test_a_tied_picture_is_in_no_split_though_its_unit_is() -> None:
    ones = [One(unit=1, split="test"), One(unit=1, is_tied=True), *[One()] * 5]
    assert splits(ones)[:2] == ["test", None]


def test_one_without_a_label_or_that_may_not_is_in_no_split() -> None:
    ones = [One(label=-1, unit=1), One(unit=1), One(unit=1, is_free=False), *[One()] * 5]
    assert (splits(ones)[0], splits(ones)[2]) == (None, None)
    assert None not in splits(ones)[3:]


@pytest.mark.parametrize("kept_out", [One(is_tied=True), One(is_free=False), One(label=-1)])
def test_what_is_kept_out_does_not_make_a_class_large_enough(kept_out) -> None:
    assert splits([One(), One(), kept_out]) == [None] * 3


def test_a_class_of_two_units_is_kept_out_also_beside_a_large_one() -> None:
    two = [One(unit=5), One(unit=5), One(unit=6)]
    assert splits(two) == [None] * 3
    beside = [One(label=1, unit=5), One(label=1), *(One(unit=unit) for unit in range(5, 15))]
    assert splits(beside)[:2] == [None, None]
    assert None not in splits(beside)[2:]


def test_a_class_that_shrank_keeps_its_splits() -> None:
    assert splits([One(split="val"), One()]) == ["val", None]


@given(st.lists(st.tuples(st.integers(1, 5), st.booleans()), min_size=3, max_size=30))
def test_a_class_of_three_units_or_more_is_in_all_three_splits(rows) -> None:
    ones = [One(pictures=size, is_sent=sent) for size, sent in rows]
    assert set(splits(ones)) == {"train", "val", "test"}


ROWS = st.lists(
    st.builds(
        One,
        label=st.integers(-1, 2),
        unit=st.integers(0, 20),
        pictures=st.integers(1, 4),
        is_tied=st.booleans(),
        is_free=st.booleans(),
        is_sent=st.booleans(),
    ),
    max_size=60,
)


@given(ROWS)
def test_a_unit_is_never_divided(ones) -> None:
    found: dict[int, set[str | None]] = {}
    for one, split in zip(ones, splits(ones), strict=True):
        found.setdefault(one.unit, set()).add(split)
    assert all(len(of_unit - {None}) <= 1 for of_unit in found.values())


@given(ROWS, ROWS)
def test_a_split_once_given_stays_when_pictures_are_added(before, added) -> None:
    old = [
        One(one.label, one.unit, split, one.pictures, one.is_tied, one.is_free)
        for one, split in zip(before, splits(before), strict=True)
    ]
    after = splits([*added, *old])[len(added) :]
    assert all(one.split in (None, now) for one, now in zip(old, after, strict=True))
    assert splits(old) == [one.split for one in old]  # and nothing changes when nothing is added
