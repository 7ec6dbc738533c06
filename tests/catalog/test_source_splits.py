"""The split by source: crews that stay whole, shares, classes that keep pictures to learn from."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.groups import SPLITS
from catalog.source_splits import MAX_HELD_OUT, Credits, assign_source_splits
from catalog.splits import SHARES


@dataclass(frozen=True)
class One:
    """One content, as the tests write it."""

    sources: str
    """A letter each."""

    label: int = 0
    unit: int | None = None
    """By default one of its own."""

    side: str | None = None
    """What it has already."""

    pictures: int = 1
    has_split: bool = True


def number(split: str | None) -> int:
    return 1 + SPLITS.index(split) if split else 0


def sides(ones: list[One]) -> list[str | None]:
    names = [one.unit for one in ones]
    found = assign_source_splits(
        np.array([one.label for one in ones], np.int32),
        np.array([one.pictures for one in ones], np.int64),
        np.array([i if name is None else names.index(name) for i, name in enumerate(names)], int),
        Credits(
            np.array([i for i, one in enumerate(ones) for _ in one.sources], np.int64),
            np.array([ord(source) for one in ones for source in one.sources], np.uint64),
        ),
        np.array([one.has_split for one in ones], np.int8),
        np.array([number(one.side) for one in ones], np.int8),
    )
    assert found.dtype == np.int8
    return [SPLITS[place - 1] if place else None for place in found.tolist()]


def test_nothing_gets_nothing() -> None:
    assert sides([]) == []
    assert sides([One("a", has_split=False)]) == [None]


def test_a_class_of_one_source_is_in_train() -> None:
    assert sides([One("a")] * 30) == ["train"] * 30


def test_of_two_sources_the_larger_is_learnt_from_and_the_other_judges() -> None:
    assert sides([*[One("a")] * 4, *[One("b")] * 5]) == ["test"] * 4 + ["train"] * 5


def test_a_third_source_chooses_between_models() -> None:
    assert sides([One("a", pictures=60), One("b", pictures=12), One("c", pictures=9)]) == [
        "train",
        "test",
        "val",
    ]


def test_single_downloads_have_the_shares_of_the_first_split() -> None:
    ones = [One(chr(1000 + place)) for place in range(200)]
    assert Counter(sides(ones)) == {split: share * 200 for split, share in SHARES.items()}


def test_a_photographer_is_held_out_where_there_is_room_and_downloads_even_out() -> None:
    ones = [*[One("a")] * 60, *[One("b")] * 14, *(One(chr(1000 + place)) for place in range(26))]
    found = sides(ones)
    assert set(found[:60]) == {"train"}
    assert set(found[60:74]) == {"test"}
    assert Counter(found) == {"train": 75, "val": 10, "test": 15}


def test_a_photographer_of_several_classes_lies_on_one_side() -> None:
    ones = [One("a", label=0), One("a", label=1), One("b", label=0, pictures=9)]
    assert sides(ones) == ["train"] * 3  # the other class has nobody else


def test_whoever_took_most_of_some_class_is_in_train_and_others_judge_the_rest() -> None:
    ones = [One("a", label=0, pictures=4), One("a", label=1), One("b", label=0, pictures=3)]
    assert sides(ones) == ["train", "train", "test"]


def test_no_more_than_half_of_a_class_is_held_out() -> None:
    ones = [One("a", pictures=10), One("b", pictures=9), One("c", pictures=9)]
    assert sides(ones) == ["train", "test", "train"]


def test_what_shares_a_unit_is_one_crew() -> None:
    tied = [One("a", unit=7), One("b", unit=7)]
    ones = [*tied, One("a"), One("b"), *[One("c")] * 9]
    assert sides(ones) == ["test"] * 4 + ["train"] * 9


def test_copies_of_two_sources_make_them_one_crew() -> None:
    assert sides([One("ab"), One("a"), One("b"), *[One("c")] * 9]) == ["test"] * 3 + ["train"] * 9


def test_a_long_chain_of_units_is_one_crew() -> None:
    chain = [One(chr(1000 + place + end), unit=place) for place in range(99) for end in (0, 1)]
    assert len(set(sides([*chain, *[One("z")] * 300]))) == 2


def test_what_has_no_split_ties_no_crews_and_gets_no_side() -> None:
    ones = [One("ab", has_split=False, side="test"), One("a"), One("b", pictures=9)]
    assert sides(ones) == [None, "test", "train"]


def test_new_pictures_follow_their_photographer() -> None:
    many = [One("b", side="train")] * 9
    assert sides([One("a", side="val"), *[One("a")] * 3, *many])[:4] == ["val"] * 4


@pytest.mark.parametrize(("one", "other"), [("test", "train"), ("val", "train"), ("test", "val")])
def test_a_tie_of_two_sides_takes_both_towards_train(one, other) -> None:
    ones = [One("a", side=one), One("b", side=other), One("z", side="train", pictures=9)]
    assert sides([*ones, One("ab")])[:2] == [other, other]


def test_a_class_that_lost_its_train_pictures_gets_some_back() -> None:
    held_out = [One("a", side="test"), One("b", side="test", pictures=2), One("c", side="val")]
    assert sides(held_out) == ["test", "train", "val"]


def test_a_new_source_of_a_class_that_nobody_judged_does() -> None:
    assert sides([One("a", side="train", pictures=9), One("b")]) == ["train", "test"]


ROWS = st.lists(
    st.builds(
        One,
        st.text("abcdefghij", min_size=1, max_size=2),
        label=st.integers(0, 3),
        unit=st.none() | st.integers(0, 9),
        pictures=st.integers(1, 4),
        has_split=st.booleans(),
    ),
    max_size=40,
)


@given(ROWS)
def test_no_source_and_no_unit_is_on_two_sides(ones) -> None:
    found: dict[object, set[str | None]] = {}
    for one, side in zip(ones, sides(ones), strict=True):
        assert (side is not None) == one.has_split
        for shared in [*one.sources, *([] if one.unit is None else [one.unit])]:
            found.setdefault(shared, set()).add(side)
    assert all(len(of_it - {None}) <= 1 for of_it in found.values())


@given(ROWS)
def test_half_of_every_class_is_in_train(ones) -> None:
    total: Counter[int] = Counter()
    held_out: Counter[int] = Counter()
    for one, side in zip(ones, sides(ones), strict=True):
        total[one.label] += one.pictures * (side is not None)
        held_out[one.label] += one.pictures * (side in ("val", "test"))
    assert all(held_out[label] <= MAX_HELD_OUT * total[label] for label in total)


@given(ROWS, ROWS)
def test_a_side_once_given_stays_but_towards_train_when_pictures_are_added(before, added) -> None:
    old = [replace(one, side=side) for one, side in zip(before, sides(before), strict=True)]
    assert sides(old) == [one.side for one in old]  # nothing changes when nothing is added
    moved = zip((one.side for one in old), sides([*old, *added]), strict=False)
    assert all(was == now or number(was) > number(now) > 0 for was, now in moved)
