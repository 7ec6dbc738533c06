"""Splits: shares, groups that stay whole, splits that stay, and what is kept out."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from catalog.splits import SHARES, Assignment, Member, assign_splits


def member(
    name: str,
    *,
    label: str | None = "apple/scab",
    group: str | None = None,
    split: str | None = None,
    before: str | None = None,
    conflict: bool = False,
) -> Member:
    return Member(label, group or f"group {name}", f"sha {name}", split, before, conflict)


def splits(members: list[Member]) -> list[str | None]:
    return [assignment.split for assignment in assign_splits(members)]


def taken_over(members: list[Member]) -> list[Member]:
    """The members as they are on the next run, with what they were given."""
    return [
        replace(one, split=given.split, previous_group_id=given.group_id)
        for one, given in zip(members, assign_splits(members), strict=True)
    ]


def test_shares_of_a_large_class_are_right_to_a_picture() -> None:
    assert SHARES == {"train": 0.75, "val": 0.10, "test": 0.15}
    counts = Counter(splits([member(str(number)) for number in range(200)]))
    assert counts == {"train": 150, "val": 20, "test": 30}


def test_shares_hold_for_every_class_by_itself() -> None:
    members = [
        member(f"{label} {number}", label=label)
        for label in ("apple/scab", "apple/healthy", "pear/healthy")
        for number in range(40)
    ]
    counts = Counter(zip((one.label for one in members), splits(members), strict=True))
    assert {count for (_, split), count in counts.items() if split == "train"} == {30}
    assert {count for (_, split), count in counts.items() if split == "val"} == {4}
    assert {count for (_, split), count in counts.items() if split == "test"} == {6}


def test_shares_count_pictures_not_groups() -> None:
    members = [member(f"{g} {i}", group=f"group {g}") for g in range(60) for i in range(g % 7 + 1)]
    counts = Counter(splits(members))
    total = len(members)
    for split, share in SHARES.items():
        assert abs(counts[split] - share * total) <= 7, counts


@given(
    st.lists(
        st.tuples(
            st.integers(0, 30),
            st.sampled_from(["a/x", "a/y", "b/x", None]),
            st.booleans(),
        ),
        max_size=80,
    )
)
def test_a_group_is_never_divided(rows) -> None:
    members = [
        member(str(number), group=str(group), label=label, conflict=conflict)
        for number, (group, label, conflict) in enumerate(rows)
    ]
    found = defaultdict(set)
    for one, given_split in zip(members, splits(members), strict=True):
        if given_split:
            found[one.group_id].add(given_split)
    assert all(len(of_group) == 1 for of_group in found.values())


def test_order_of_the_members_does_not_matter() -> None:
    members = [member(str(number), group=f"group {number // 3}") for number in range(60)]
    assert splits(members[::-1])[::-1] == splits(members)


@given(st.integers(0, 40), st.integers(0, 40))
def test_a_split_once_given_stays_when_pictures_are_added(before, added) -> None:
    old = taken_over([member(f"old {n}", group=f"old {n // 2}") for n in range(before)])
    new = [member(f"new {n}") for n in range(added)]
    assigned = assign_splits(new + old)[len(new) :]
    for one, now in zip(old, assigned, strict=True):
        assert now.group_id == one.group_id
        if one.split:
            assert now == Assignment(one.split, "ok", one.group_id)


def test_new_pictures_follow_the_group_that_they_join() -> None:
    old = [member(name, split="test", before="group a", group="group a") for name in "ab"]
    many = [member(str(number), split="test") for number in range(50)]  # test has far too many
    assert splits([*old, member("new", group="group a"), *many])[:3] == ["test"] * 3


def test_new_groups_fill_what_lacks_most() -> None:
    old = [member(f"old {n}", split="train") for n in range(75)]
    counts = Counter(splits([*old, *(member(f"new {n}") for n in range(25))])[75:])
    assert counts == {"val": 10, "test": 15}


def test_a_group_that_joins_two_splits_keeps_the_old_and_keeps_the_new_out() -> None:
    members = [
        member("a", group="joined", split="train", before="group a"),
        member("b", group="joined", split="test", before="group b"),
        member("new", group="joined"),
    ]
    assert assign_splits(members) == [
        Assignment("train", "ok", "group a"),
        Assignment("test", "ok", "group b"),
        Assignment(None, "tie", "tie-joined"),
    ]


def test_a_tie_stays_a_tie_on_the_next_run() -> None:
    members = [
        member("a", group="joined", split="train", before="group a"),
        member("b", group="joined", split="test", before="group b"),
        member("new", group="joined", before="tie-joined"),
    ]
    assert assign_splits(members)[2] == Assignment(None, "tie", "tie-joined")


def test_a_conflict_is_kept_out_and_says_so() -> None:
    members = [
        member("same", group="g", conflict=True),
        member("same", group="g", label="apple/healthy", conflict=True),
        *(member(str(number)) for number in range(5)),
    ]
    assert assign_splits(members)[:2] == [Assignment(None, "conflict", "g")] * 2
    assert None not in splits(members)[2:]


def test_conflicts_do_not_make_a_class_large_enough() -> None:
    members = [
        member("a"),
        member("b"),
        member("c", conflict=True),
        member("c", label="apple/healthy", conflict=True),
    ]
    assert assign_splits(members) == [
        Assignment(None, "ok", "group a"),
        Assignment(None, "ok", "group b"),
        Assignment(None, "conflict", "group c"),
        Assignment(None, "conflict", "group c"),
    ]


def test_a_picture_without_a_label_is_in_no_split() -> None:
    members = [member("unlabelled", label=None), *(member(str(number)) for number in range(5))]
    assert assign_splits(members)[0] == Assignment(None, "ok", "group unlabelled")


def test_a_class_of_two_groups_is_kept_out() -> None:
    members = [member(f"{g} {i}", group=f"g{g}") for g, i in [(0, 0), (0, 1), (0, 2), (1, 0)]]
    assert splits(members) == [None] * 4


@given(st.lists(st.integers(1, 5), min_size=3, max_size=30))
def test_a_class_of_three_groups_or_more_is_in_all_three_splits(sizes) -> None:
    members = [member(f"{g} {i}", group=f"g{g}") for g, n in enumerate(sizes) for i in range(n)]
    assert set(splits(members)) == {"train", "val", "test"}
