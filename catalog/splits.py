"""Train, val and test. In: for each picture its class, group and present split. Out: its split.

A group lies in one split. A split once given is never changed: new pictures of a known group follow
it, and new groups fill whichever split of their class is furthest below its share.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

SHARES = {"train": 0.75, "val": 0.10, "test": 0.15}
"""Test is large enough that one point of accuracy over 1,000 pictures means something."""

MIN_GROUPS = 3
"""A class with fewer groups cannot be in every split; it is kept out and listed."""

TIE = "tie"


@dataclass(frozen=True)
class Member:
    """What splitting looks at."""

    label: str | None
    """Class of the picture; None keeps it out."""

    group_id: str
    """Group as it is now that new pictures have come."""

    sha256: str
    split: str | None
    """Split that it has already."""

    previous_group_id: str | None
    """Group under which it got that split."""

    is_conflict: bool
    """The same bytes carry two labels: kept out until somebody decides."""


@dataclass(frozen=True)
class Assignment:
    """The answer for one picture."""

    split: str | None
    status: str
    """ok, conflict, or tie: the group would join two splits."""

    group_id: str
    """Of a tie, the old pictures keep their groups, and the new ones are in none of them."""


def assign_splits(members: Sequence[Member]) -> list[Assignment]:
    """One Assignment a member, in the same order."""
    groups: dict[str, list[Member]] = defaultdict(list)
    for member in members:
        groups[member.group_id].append(member)
    group_split = {group_id: _present_split(group) for group_id, group in groups.items()}
    by_label: dict[str, list[str]] = defaultdict(list)
    num_groups: dict[str, int] = defaultdict(int)
    for group_id, group in groups.items():
        labels = sorted({m.label for m in group if m.label and not m.is_conflict})
        for label in labels:
            num_groups[label] += 1
        if labels:
            # Pictures of one leaf under two labels are rare; the first label places the group.
            by_label[labels[0]].append(group_id)
    for label, group_ids in by_label.items():
        if num_groups[label] >= MIN_GROUPS:
            _fill(group_ids, groups, group_split)
    return [_assignment(member, group_split[member.group_id]) for member in members]


def _present_split(group: Sequence[Member]) -> str | None:
    present = {member.split for member in group if member.split}
    return TIE if len(present) > 1 else next(iter(present), None)


def _fill(
    group_ids: Sequence[str], groups: dict[str, list[Member]], group_split: dict[str, str | None]
) -> None:
    """Give every group of one class that has no split the one that lacks most.

    A split that has nothing of the class yet comes first when the groups run out, so that a class
    of MIN_GROUPS groups of its own is in all three.
    """
    counts = dict.fromkeys(SHARES, 0)
    for group_id in group_ids:
        split = group_split[group_id]
        if split in counts:
            counts[split] += len(groups[group_id])
    # Large groups first, so that the small ones can even out; then by content, never by order.
    fresh = [g for g in group_ids if group_split[g] is None]
    fresh.sort(key=lambda g: (-len(groups[g]), _content_hash(groups[g])))
    for position, group_id in enumerate(fresh):
        total = sum(counts.values()) + len(groups[group_id])
        empty = [name for name in SHARES if not counts[name]]
        open_splits = empty if len(empty) >= len(fresh) - position else list(SHARES)
        lacks = {name: SHARES[name] * total - counts[name] for name in open_splits}
        split = max(lacks, key=lacks.__getitem__)
        group_split[group_id] = split
        counts[split] += len(groups[group_id])


def _content_hash(group: Sequence[Member]) -> str:
    return hashlib.sha256(min(member.sha256 for member in group).encode()).hexdigest()


def _assignment(member: Member, group_split: str | None) -> Assignment:
    if member.is_conflict:
        return Assignment(None, "conflict", member.group_id)
    if group_split == TIE:
        if member.split:
            return Assignment(member.split, "ok", member.previous_group_id or member.group_id)
        return Assignment(None, TIE, f"{TIE}-{member.group_id}")
    return Assignment(group_split if member.label else None, "ok", member.group_id)
