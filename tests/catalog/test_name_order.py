"""The order of names, and which names follow each other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.name_order import follow_each_other, natural_key


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
    assert follow_each_other(natural_key(first), natural_key(second)) is expected


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
