"""Which contents belong together: strongest links first, limits, units, ties, who leaves."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from catalog.groups import (
    KINDS,
    MAX_GROUP,
    MAX_NUMBERED,
    SURE_KINDS,
    Contents,
    Groups,
    Links,
    find_groups,
    find_withdrawn,
)

TRAIN, VAL, TEST = 1, 2, 3

Link = tuple[int, int, str, float]


def contents(classes: list[int], splits: list[int] | None = None) -> Contents:
    class_index = np.array(classes, dtype=np.int32)
    split = np.array(splits or [0] * len(classes), dtype=np.int8)
    is_free = (class_index >= 0) & (split == 0)
    sent = np.zeros(len(classes), dtype=bool)
    return Contents(class_index, split, is_free, np.ones(len(classes), dtype=np.int64), sent)


def links(*rows: Link) -> Links:
    first, second, kind, distance = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Links(
        np.array(first, dtype=np.int64),
        np.array(second, dtype=np.int64),
        np.array([KINDS.index(name) for name in kind], dtype=np.int8),
        np.array(distance, dtype=np.float64),
    )


def listed(found: Groups) -> tuple[list[int], list[int], list[int]]:
    """Groups, units, and the positions of the tied."""
    return found.group.tolist(), found.unit.tolist(), np.flatnonzero(found.is_tied).tolist()


def chain(size: int, kind: str) -> Links:
    return links(*((i, i + 1, kind, 1.0) for i in range(size - 1)))


def test_contents_without_links_are_groups_of_one() -> None:
    assert listed(find_groups(contents([0, 0, -1]), links())) == ([0, 1, 2], [0, 1, 2], [])
    assert listed(find_groups(contents([]), links())) == ([], [], [])


def test_a_group_is_named_by_its_smallest_content_whatever_the_order_of_the_links() -> None:
    rows: list[Link] = [(3, 4, "burst", 2.0), (4, 1, "same_thing", 0.1), (2, 0, "shots", 0.0)]
    expected = ([0, 1, 0, 1, 1], [0, 1, 0, 1, 1], [])
    assert listed(find_groups(contents([0] * 5), links(*rows))) == expected
    assert listed(find_groups(contents([0] * 5), links(*rows[::-1]))) == expected


def test_a_group_ends_at_twenty_and_the_strongest_links_come_first() -> None:
    burst = [(i, i + 1, "burst", 3.0) for i in range(1, MAX_GROUP)]
    found = find_groups(contents([0] * 21), links((0, 1, "burst", 9.0), *burst))
    assert listed(found)[0] == [0] + [1] * 20  # the link of distance 9 came last
    found = find_groups(contents([0] * 21), links((0, 1, "same_thing", 9.0), *burst))
    assert listed(found)[0] == [0] * 20 + [20]  # a stronger kind goes before any distance


def test_a_group_may_hold_one_in_twenty_of_a_large_class() -> None:
    found = find_groups(contents([0] * 600), chain(600, "burst"))
    assert max(Counter(found.group.tolist()).values()) == 30


def test_of_two_classes_in_a_group_the_smaller_limit_holds_also_of_none() -> None:
    for other in (1, -1):
        found = find_groups(contents([0] * 600 + [other] * 30), chain(630, "burst"))
        sizes = Counter(found.group[600:].tolist())
        assert max(sizes.values()) <= MAX_GROUP


def test_a_folder_numbered_without_gaps_is_cut_where_neighbours_differ_most() -> None:
    numbered: list[Link] = [(i, i + 1, "numbered", 30.0 + (i == 4)) for i in range(11)]
    found = find_groups(contents([0] * 12), links(*numbered))
    assert found.group.tolist() == [0] * 5 + [5] * 7
    assert MAX_NUMBERED == 9


def test_near_copies_that_the_limit_cuts_apart_are_one_unit() -> None:
    for kind in KINDS:
        found = find_groups(contents([0] * 25), chain(25, kind))
        assert len(set(found.group.tolist())) > 1
        assert (len(set(found.unit.tolist())) == 1) is (kind in SURE_KINDS)


def test_one_that_would_join_two_splits_is_tied() -> None:
    known = contents([0, 0, 0], [TRAIN, TEST, 0])
    found = find_groups(known, links((2, 0, "near_copy", 1.0), (2, 1, "burst", 9.0)))
    assert listed(found) == ([0, 1, 0], [0, 1, 0], [2])


def test_of_new_ones_in_between_two_splits_those_are_tied_where_they_meet() -> None:
    known = contents([0] * 5, [TRAIN, 0, 0, 0, VAL])
    distances = [(0, 1, 1.0), (1, 2, 2.0), (2, 3, 9.0), (3, 4, 3.0)]
    found = find_groups(known, links(*((a, b, "burst", d) for a, b, d in distances)))
    assert listed(found) == ([0, 0, 0, 3, 3], [0, 0, 0, 3, 3], [2, 3])


def test_old_ones_of_two_splits_are_not_tied_and_stay_apart() -> None:
    known = contents([0, 0, 0], [TRAIN, TEST, 0])
    found = find_groups(known, links((0, 1, "burst", 1.0), (1, 2, "burst", 2.0)))
    assert listed(found) == ([0, 1, 1], [0, 1, 1], [])


def test_without_a_label_nothing_is_tied() -> None:
    known = contents([0, 0, -1], [TRAIN, TEST, 0])
    found = find_groups(known, links((0, 2, "burst", 1.0), (1, 2, "burst", 2.0)))
    assert listed(found) == ([0, 1, 0], [0, 1, 0], [])


def test_what_the_limit_parts_is_no_tie_but_a_near_copy_is() -> None:
    """Twenty in train, twenty in test, and one more of each that are linked."""
    known = contents([0] * 40, [TRAIN] * 20 + [TEST] * 19 + [0])
    within: list[Link] = [(i, i + 1, "shots", 0.0) for i in range(39) if i != 19]
    weak = find_groups(known, links(*within, (19, 39, "burst", 1.0)))
    assert listed(weak)[2] == []
    sure = find_groups(known, links(*within, (19, 39, "near_copy", 1.0)))
    assert listed(sure)[2] == [39]


def test_of_two_near_copies_in_two_splits_the_one_of_train_leaves_then_val() -> None:
    split = np.array([TRAIN, VAL, TEST, VAL, TRAIN, 0], dtype=np.int8)
    rows: list[Link] = [
        (0, 1, "near_copy", 1.0),
        (1, 2, "shots", 0.0),  # 1 leaves for 2, so 0 may stay
        (3, 4, "near_copy", 1.0),
        (5, 0, "near_copy", 1.0),
        (0, 2, "burst", 0.0),
    ]
    for some in (rows, rows[::-1]):
        leaving = find_withdrawn(split, links(*some))
        assert leaving.tolist() == [False, True, False, False, True, False]


@st.composite
def scenes(draw) -> tuple[Contents, Links]:
    count = draw(st.integers(1, 40))
    classes = draw(st.lists(st.integers(-1, 1), min_size=count, max_size=count))
    splits = [draw(st.integers(0, 3)) if label >= 0 else 0 for label in classes]
    place = st.integers(0, count - 1)
    row = st.tuples(place, place, st.sampled_from(KINDS), st.integers(0, 3).map(float))
    rows = [(min(r[:2]), max(r[:2]), *r[2:]) for r in draw(st.lists(row, max_size=80))]
    return contents(classes, splits), links(*(row for row in rows if row[0] != row[1]))


@given(scenes())
def test_no_group_is_too_large_and_no_unit_has_two_splits(scene) -> None:
    known, found_links = scene
    found = find_groups(known, found_links)
    assert max(Counter(found.group.tolist()).values()) <= MAX_GROUP
    for unit in np.unique(found.unit):
        assert len(set(known.split[found.unit == unit].tolist()) - {0}) <= 1
    for group in np.unique(found.group):
        assert len(set(found.unit[found.group == group].tolist())) == 1
        assert group == np.flatnonzero(found.group == group)[0]
    assert not (found.is_tied & ~known.is_free).any()


@given(scenes())
def test_sure_links_between_two_units_have_nobody_who_could_still_get_a_split(scene) -> None:
    known, found_links = scene
    found = find_groups(known, found_links)
    sure = np.isin(found_links.kind, [KINDS.index(kind) for kind in SURE_KINDS])
    for end in (found_links.first[sure], found_links.second[sure]):
        apart = found.unit[found_links.first[sure]] != found.unit[found_links.second[sure]]
        assert not (known.is_free & ~found.is_tied)[end[apart]].any()


@given(scenes(), st.randoms())
def test_the_order_of_the_links_does_not_matter(scene, random) -> None:
    known, found_links = scene
    order = list(range(len(found_links.kind)))
    random.shuffle(order)
    shuffled = Links(
        found_links.second[order],
        found_links.first[order],
        found_links.kind[order],
        found_links.distance[order],
    )
    assert listed(find_groups(known, shuffled)) == listed(find_groups(known, found_links))
