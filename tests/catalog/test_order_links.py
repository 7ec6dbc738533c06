"""Bursts, numbered names and a source's own rule, in one folder."""

from __future__ import annotations

import re

import pytest

from catalog.order_links import BURST_BITS, Pair, Shot, folder_pairs

BASE = 0x0F0F_3C3C_A5A4_9668
FAR = 0x5A5A_F00F_1234_9876


def bits(count: int) -> int:
    return ((1 << count) - 1) << 1


def shot(
    key: str, path: str, phash: int = BASE, *, at: float | None = None, sha256: str | None = None
) -> Shot:
    return Shot(key, sha256 or f"sha {key}", f"/set/Apple___scab/{path}", phash, at)


def pairs(*shots: Shot, pattern: str | None = None) -> list[tuple[str, str, str, float]]:
    found = folder_pairs(shots, re.compile(pattern) if pattern else None)
    return [(pair.key, pair.other, pair.kind, pair.distance) for pair in found]


def test_an_empty_folder_has_no_pairs() -> None:
    assert pairs() == pairs(shot("a", "1.jpg")) == []


@pytest.mark.parametrize(
    ("distance", "expected"),
    [(BURST_BITS, [("a", "b", "burst", 18.0)]), (BURST_BITS + 1, [])],
)
def test_neighbours_in_file_order_that_look_alike_are_a_burst(distance, expected) -> None:
    assert pairs(shot("a", "one.jpg"), shot("b", "two.jpg", BASE ^ bits(distance))) == expected


def test_neighbours_whose_names_count_on_are_numbered_whatever_they_look_like() -> None:
    difference = float((BASE ^ FAR).bit_count())
    assert pairs(shot("b", "IMG_9.jpg"), shot("a", "IMG_10.jpg", FAR)) == [
        ("a", "b", "numbered", difference)
    ]


def test_only_neighbours_are_a_burst_in_any_order_of_the_rows() -> None:
    shots = [
        shot("a", "IMG_10.jpg"),
        shot("b", "IMG_20.jpg", FAR),
        shot("c", "IMG_30.jpg", BASE ^ bits(4)),
        shot("d", "IMG_5.jpg", BASE ^ bits(4)),
    ]
    assert pairs(*shots) == pairs(*shots[::-1]) == [("a", "d", "burst", 4.0)]


def test_neighbours_in_time_that_look_alike_are_a_burst_whatever_their_names() -> None:
    shots = [
        shot("a", "leaf.jpg", at=100.0),
        shot("b", "middle.jpg", FAR, at=500.0),
        shot("c", "other.jpg", BASE ^ bits(3), at=110.0),
        shot("d", "plain.jpg", FAR ^ bits(40)),
        shot("e", "quite.jpg", BASE ^ bits(5), at=121.0),
    ]
    assert pairs(*shots) == [("a", "c", "burst", 3.0)]  # 10 s; 11 s are too many


def test_neighbours_in_time_have_to_look_alike() -> None:
    assert pairs(shot("a", "x.jpg", at=1.0), shot("b", "y.jpg", FAR, at=2.0)) == []


def test_neighbours_by_name_and_time_are_one_pair() -> None:
    assert pairs(shot("a", "x.jpg", at=1.0), shot("b", "y.jpg", at=2.0)) == [
        ("a", "b", "burst", 0.0)
    ]


def test_copies_of_the_same_bytes_need_no_pair() -> None:
    shots = [shot("a", "x1.jpg", sha256="s"), shot("b", "x1 (1).jpg", sha256="s")]
    assert pairs(*shots, pattern=r"(x\d)") == []


def test_names_in_which_the_pattern_captures_the_same_text_are_shots_of_one_thing() -> None:
    shots = [
        shot("a", "leaf7 top.jpg", FAR),
        shot("b", "leaf7 under.jpg", BASE),
        shot("c", "leaf8 top.jpg", FAR ^ bits(50)),
        shot("d", "side of leaf7.jpg", BASE ^ bits(30)),
        shot("e", "meadow.jpg", BASE ^ bits(62)),
    ]
    assert pairs(*shots, pattern=r"(leaf\d+)") == [
        ("a", "b", "shots", 0.0),
        ("b", "d", "shots", 0.0),
    ]


def test_a_pattern_looks_at_the_name_only_and_nothing_captured_is_no_thing() -> None:
    far = [FAR, FAR ^ bits(30)]
    assert pairs(shot("a", "x.jpg", far[0]), shot("b", "y.jpg", far[1]), pattern="(Apple)") == []
    assert pairs(shot("a", "x.jpg", far[0]), shot("b", "y.jpg", far[1]), pattern="(z*)") == []


def test_a_pair_can_have_two_reasons() -> None:
    found = folder_pairs([shot("a", "1_a.jpg"), shot("b", "1_b.jpg")], re.compile(r"(\d+)_"))
    assert found == [Pair("a", "b", "burst", 0.0), Pair("a", "b", "shots", 0.0)]
