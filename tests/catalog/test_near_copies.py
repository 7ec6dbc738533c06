"""Near copies: how many bits, which colours, every turn, and what is compared with what."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.near_copies import (
    LAYOUT_BYTES,
    NEAR_COPY_BITS,
    NEAR_COPY_DISTANCE,
    near_copies,
    turned_hashes,
)

BASE = 0x0F0F_3C3C_A5A4_9668
FAR = 0x5A5A_F00F_1234_9876
"""A hash about half of whose bits differ from BASE, however it is turned."""

GREY = np.full(LAYOUT_BYTES, 100, np.uint8)


def bits(count: int) -> int:
    """A mask of `count` bits, none of them bit 0."""
    return ((1 << count) - 1) << 1


def pairs(
    hashes: list[int], layouts: list[np.ndarray] | None = None, touched: list[int] | None = None
) -> list[tuple[int, int, float]]:
    is_touched = np.full(len(hashes), touched is None)
    is_touched[touched or []] = True
    layout = np.stack(layouts or [GREY] * len(hashes)) if hashes else np.zeros((0, 48), np.uint8)
    found = near_copies(np.array(hashes, np.uint64), layout, is_touched)
    return list(
        zip(found.first.tolist(), found.second.tolist(), found.distance.tolist(), strict=True)
    )


def test_no_picture_no_pair() -> None:
    assert pairs([]) == []
    assert pairs([BASE]) == []
    assert pairs([BASE, BASE], touched=[]) == []


@pytest.mark.parametrize(
    ("distance", "expected"),
    [(0, [(0, 1, 0.0)]), (NEAR_COPY_BITS, [(0, 1, 10.0)]), (NEAR_COPY_BITS + 1, [])],
)
def test_hashes_may_differ_in_ten_bits(distance, expected) -> None:
    assert pairs([BASE, BASE ^ bits(distance)]) == expected


@pytest.mark.parametrize(("step", "expected"), [(8, [(0, 1, 12.0)]), (9, [])])
def test_bits_and_colours_count_together(step, expected) -> None:
    """Half of the cells brighter and half darker: each is off by its step from the mean."""
    other = GREY.reshape(4, 4, 3).copy()
    other[:2] += step
    other[2:] -= step
    found = pairs([BASE, BASE ^ bits(4)], [GREY, other.ravel()])
    assert NEAR_COPY_DISTANCE == 12.0
    assert found == expected


def test_a_brighter_copy_is_a_near_copy() -> None:
    assert pairs([BASE, BASE ^ bits(3)], [GREY, GREY + 60]) == [(0, 1, 3.0)]


@pytest.mark.parametrize("variant", range(8))
def test_a_turned_copy_is_found_with_its_colours_turned_alike(variant) -> None:
    layout = np.random.default_rng(3).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    turned = layout.transpose(1, 0, 2) if variant >= 4 else layout
    turned = turned[::-1] if variant % 4 >= 2 else turned
    turned = turned[:, ::-1] if variant % 2 else turned
    hashes = turned_hashes(np.array([BASE], dtype=np.uint64))[:, 0]
    layouts = [layout.ravel(), GREY, turned.ravel()]
    assert pairs([BASE, FAR, int(hashes[variant])], layouts) == [(0, 2, 0.0)]
    unturned = [layout.ravel(), GREY, layout.ravel()]
    expected = [(0, 2, 0.0)] if variant == 0 else []
    assert pairs([BASE, FAR, int(hashes[variant])], unturned) == expected


def test_pictures_of_the_same_looks_are_a_chain_and_the_first_stands_for_all() -> None:
    near = BASE ^ bits(2)
    assert pairs([BASE, near, BASE, BASE, near]) == [
        (0, 1, 2.0),
        (0, 2, 0.0),
        (1, 4, 0.0),
        (2, 3, 0.0),
    ]


def test_pairs_of_pictures_that_were_not_touched_are_left_alone() -> None:
    hashes = [BASE, BASE ^ bits(1), BASE ^ bits(2), FAR, FAR ^ bits(1)]
    assert pairs(hashes, touched=[1]) == [(0, 1, 1.0), (1, 2, 1.0)]


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 7), st.integers(0, 2)), max_size=12),
    st.sets(st.integers(0, 11)),
)
def test_what_touched_pictures_add_is_what_a_comparison_of_all_would_find(rows, touched) -> None:
    """Pairs that have a touched look at one end are the same, to the last bit of the distance."""
    eight = turned_hashes(np.array([BASE], np.uint64))[:, 0]
    hashes = [int(eight[turn]) ^ bits(count) for count, turn, _ in rows]
    rng = np.random.default_rng(1)
    palettes = [GREY, *(GREY + rng.integers(0, 12, LAYOUT_BYTES, dtype=np.uint8) for _ in "ab")]
    layouts = [palettes[shade] for _, _, shade in rows]
    some = [place for place in touched if place < len(rows)]
    looks = {(hashes[place], layouts[place].tobytes()) for place in some}
    seen = [(h, layout.tobytes()) in looks for h, layout in zip(hashes, layouts, strict=True)]
    whole = pairs(hashes, layouts) if rows else []
    assert pairs(hashes, layouts, some) == [p for p in whole if seen[p[0]] or seen[p[1]]]


def test_many_pictures_are_compared_in_parts_as_one_by_one(monkeypatch) -> None:
    rng = np.random.default_rng(0)
    base = rng.integers(0, 2**63, 12, dtype=np.uint64) << np.uint64(1)
    hashes = [int(base[i % 12]) ^ (2 << int(rng.integers(0, 62))) for i in range(50)]
    whole = pairs(hashes)
    monkeypatch.setattr("catalog.near_copies._ROWS", 3)
    monkeypatch.setattr("catalog.near_copies._COLUMNS", 7)
    assert pairs(hashes) == whole
    assert len(whole) > 50


def test_the_first_of_the_eight_is_the_picture_itself() -> None:
    hashes = np.array([BASE, FAR], dtype=np.uint64)
    turned = turned_hashes(hashes)
    assert (turned.shape, turned.dtype) == ((8, 2), np.uint64)
    assert np.array_equal(turned[0], hashes)


@given(st.integers(0, 2**63 - 1).map(lambda h: h << 1))
def test_the_eight_of_any_of_the_eight_are_the_same_eight(phash) -> None:
    eight = turned_hashes(np.array([phash], dtype=np.uint64))[:, 0]
    again = turned_hashes(eight)
    assert all(set(again[:, k].tolist()) == set(eight.tolist()) for k in range(8))


def test_the_hashes_used_here_are_far_apart_in_every_turn() -> None:
    turned = turned_hashes(np.array([BASE], dtype=np.uint64))
    assert np.bitwise_count(turned ^ np.uint64(FAR)).min() > 18
