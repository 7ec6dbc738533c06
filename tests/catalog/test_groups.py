"""Which pictures belong together: copies, turned copies, bursts, and where chains end."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.groups import (
    BURST_BITS,
    MAX_GROUP,
    MAX_NUMBERED,
    NEAR_COPY_BITS,
    Picture,
    follow_each_other,
    group_pictures,
    natural_key,
    turned_hashes,
)

FAR = 0x5A5A_F00F_1234_9876
"""A hash about half of whose bits differ from BASE, however it is turned."""

BASE = 0x0F0F_3C3C_A5A4_9668


def bits(count: int) -> int:
    """A mask of `count` bits, none of them bit 0."""
    return ((1 << count) - 1) << 1


def picture(
    sha256: str,
    phash: int = BASE,
    *,
    path: str | None = None,
    folder: str = "Apple___scab",
    species: str | None = "apple",
) -> Picture:
    return Picture(sha256, species, "set", folder, f"/{folder}/{path or sha256 + '.jpg'}", phash)


def far_apart(count: int, seed: int = 0) -> list[int]:
    """Hashes of which no two are near, turned or not (checked below)."""
    rng = np.random.default_rng(seed)
    return [int(h) & ~1 for h in rng.integers(0, 2**63, count, dtype=np.uint64)]


def test_pictures_that_share_nothing_are_groups_of_one() -> None:
    hashes = far_apart(4)
    pictures = [picture(name, h) for name, h in zip("abcd", hashes, strict=True)]
    assert group_pictures(pictures) == [0, 1, 2, 3]


def test_no_picture_no_group() -> None:
    assert group_pictures([]) == []


def test_same_bytes_are_together_under_any_label_and_folder() -> None:
    pictures = [
        picture("one", FAR),
        picture("two", BASE, folder="Apple_rust"),
        picture("two", BASE, folder="Chilli___leaf_curl", species="chilli"),
        picture("two", BASE, folder="unreadable", species=None),
    ]
    assert group_pictures(pictures) == [0, 1, 1, 1]


@pytest.mark.parametrize(("distance", "groups"), [(NEAR_COPY_BITS, [0, 0]), (11, [0, 1])])
def test_near_copies_of_one_species_are_together_across_folders(distance, groups) -> None:
    pictures = [picture("a"), picture("b", BASE ^ bits(distance), folder="another")]
    assert group_pictures(pictures) == groups


def test_near_copies_of_two_species_stay_apart() -> None:
    assert group_pictures([picture("a"), picture("b", folder="Pear", species="pear")]) == [0, 1]


@pytest.mark.parametrize("variant", range(8))
def test_turned_copy_is_with_the_picture_that_it_was_turned_from(variant) -> None:
    turned = int(turned_hashes(np.array([BASE], dtype=np.uint64))[variant, 0])
    pictures = [picture("a"), picture("b", FAR), picture("c", turned, folder="another")]
    assert group_pictures(pictures) == [0, 1, 0]


def test_the_first_of_the_eight_is_the_picture_itself() -> None:
    hashes = np.array(far_apart(5), dtype=np.uint64)
    turned = turned_hashes(hashes)
    assert (turned.shape, turned.dtype) == ((8, 5), np.uint64)
    assert np.array_equal(turned[0], hashes)


@given(st.integers(0, 2**63 - 1).map(lambda h: h << 1))
def test_the_eight_of_any_of_the_eight_are_the_same_eight(phash) -> None:
    eight = turned_hashes(np.array([phash], dtype=np.uint64))[:, 0]
    again = turned_hashes(eight)
    assert all(set(again[:, k].tolist()) == set(eight.tolist()) for k in range(8))


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("IMG_0009.jpg", "IMG_0010.jpg", True),
        ("IMG_0009.jpg", "IMG_0011.jpg", True),
        ("IMG_0009.jpg", "IMG_0012.jpg", False),
        ("IMG_0009.jpg", "DSC_0010.jpg", False),
        ("1_of_3.jpg", "2_of_4.jpg", False),
        ("leaf one.jpg", "leaf two.jpg", False),
        ("20211008_124358.jpg", "20211008_124405.jpg", True),  # 7 s, over the full minute
        ("20211008_124358.jpg", "20211008_124409.jpg", False),  # 11 s
        ("IMG_20211008_115958.jpg", "IMG_20211008_120001.jpg", True),  # over the full hour
        ("20211008_124358.jpg", "20211009_124358.jpg", True),  # one number that counts on
    ],
)
def test_names_follow_each_other_by_a_number_or_by_the_clock(first, second, expected) -> None:
    assert follow_each_other(first, second) is expected


@pytest.mark.parametrize(("distance", "groups"), [(BURST_BITS, [0, 0]), (BURST_BITS + 1, [0, 1])])
def test_neighbours_in_file_order_that_look_alike_are_a_burst(distance, groups) -> None:
    pictures = [
        picture("a", path="leaf one.jpg"),
        picture("b", BASE ^ bits(distance), path="leaf two.jpg"),
    ]
    assert group_pictures(pictures) == groups


def test_neighbours_whose_names_follow_each_other_are_a_burst_whatever_they_look_like() -> None:
    pictures = [picture("a", path="IMG_9.jpg"), picture("b", FAR, path="IMG_10.jpg")]
    assert group_pictures(pictures) == [0, 0]


def test_a_folder_numbered_without_gaps_is_cut_where_neighbours_differ_most() -> None:
    # Five pictures of one look, then MAX_NUMBERED - 1 of looks of their own; the first five stay.
    looks = [BASE] * 5 + far_apart(MAX_NUMBERED - 1)
    pictures = [picture(f"{i:02d}", look, path=f"IMG_{i}.jpg") for i, look in enumerate(looks)]
    groups = group_pictures(pictures)
    assert groups[:5] == [0] * 5
    assert max(groups.count(group) for group in groups) <= MAX_NUMBERED
    assert len(set(groups)) == 2


def test_a_burst_ends_at_the_folder() -> None:
    other = BASE ^ bits(BURST_BITS)
    pictures = [picture("a", path="1.jpg"), picture("b", other, path="2.jpg", folder="another")]
    assert group_pictures(pictures) == [0, 1]


def test_only_neighbours_are_a_burst() -> None:
    pictures = [
        picture("a", path="a.jpg"),
        picture("b", FAR, path="b.jpg"),
        picture("c", BASE ^ bits(BURST_BITS), path="c.jpg"),
    ]
    assert group_pictures(pictures) == [0, 1, 2]


def test_a_burst_is_found_in_any_order_of_the_pictures() -> None:
    other = BASE ^ bits(BURST_BITS)
    pictures = [
        picture("a", path="IMG_10.jpg"),
        picture("b", FAR, path="IMG_2.jpg"),
        picture("c", other, path="IMG_9.jpg"),
    ]
    assert group_pictures(pictures) == [0, 1, 0]


def test_look_alikes_end_at_the_largest_group() -> None:
    pictures = [picture(f"{number:03d}") for number in range(MAX_GROUP + 5)]
    groups = group_pictures(pictures)
    assert groups[:MAX_GROUP] == [0] * MAX_GROUP
    assert groups[MAX_GROUP:] == [MAX_GROUP] * 5


def test_exact_copies_are_together_however_many() -> None:
    assert group_pictures([picture("same")] * (MAX_GROUP + 5)) == [0] * (MAX_GROUP + 5)


def test_natural_order_counts_instead_of_spelling() -> None:
    names = ["IMG_10.jpg", "IMG_9.jpg", "IMG_9 (2).jpg", "img.jpg", "IMG_009b.jpg", "10.jpg"]
    assert sorted(names, key=natural_key) == [
        "10.jpg",
        "IMG_9.jpg",
        "IMG_9 (2).jpg",
        "IMG_009b.jpg",
        "IMG_10.jpg",
        "img.jpg",
    ]


def test_random_identity_in_front_of_a_name_is_dropped() -> None:
    name = "0a41c25a-f9a6-4c34-8e5c-7f89a6ac4c40___FREC_C.Rust 9807.JPG"
    assert natural_key("/some/folder/" + name) == natural_key("FREC_C.Rust 9807.jpg")


@given(st.lists(st.text(max_size=12), max_size=8))
def test_any_names_can_be_put_in_order(names) -> None:
    assert sorted(sorted(names, key=natural_key), key=natural_key) == sorted(names, key=natural_key)


def test_the_hashes_used_here_are_far_apart_in_every_turn() -> None:
    for hashes in ([BASE, FAR], far_apart(4)):
        turned = turned_hashes(np.array(hashes, dtype=np.uint64))
        distance = np.bitwise_count(turned[:, :, None] ^ np.array(hashes, dtype=np.uint64))
        distance[:, range(len(hashes)), range(len(hashes))] = 64
        assert distance.min() > BURST_BITS
