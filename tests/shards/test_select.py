"""Selections: which rows a condition finds, in which order, with which class; and their bytes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest

from catalog.lake import Lake, create_lake
from catalog.taxonomy import LabelTree
from leaflake import UsageError
from shards.format import ShardWriter
from shards.select import Selection, read_encoded, select, select_from

TREE = LabelTree.from_pairs([("apple", "scab"), ("tomato", "healthy"), ("tomato", "late_blight")])

ROWS = [
    # key, dataset, species, condition, split, shard, offset, length
    ("000001-00000", "field", "tomato", "late_blight", "train", 1, 512, 7),
    ("000000-00001", "lab", "apple", "scab", "val", 0, 2560, 5),
    ("000000-00000", "lab", "tomato", "healthy", "train", 0, 512, 6),
    ("000000-00002", "lab", "tomato", None, None, 0, 4608, 4),
    ("000000-00003", "lab", None, None, None, 0, 6656, 4),
]


@pytest.fixture(scope="module")
def lake(tmp_path_factory) -> Iterable[Lake]:
    """Five rows in two shards whose tars hold what the rows say."""
    with create_lake(tmp_path_factory.mktemp("select") / "lake") as lake:
        (lake.path / "shards").mkdir()
        for shard, contents in enumerate([[b"tomato", b"apple", b"leaf", b"rock"], [b"blight\n"]]):
            writer = ShardWriter(lake.shard_path(shard))
            for index, data in enumerate(contents):
                writer.add(f"{shard:06d}-{index:05d}", data, {})
            writer.close()
        with lake.commit("rows") as connection:
            connection.executemany(
                'INSERT INTO samples ("key", dataset, species, "condition", split, shard, '
                '"offset", length) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
                ROWS,
            )
        yield lake


def test_a_selection_is_in_the_order_of_the_disk(lake) -> None:
    found = select(lake, "true", TREE)
    assert found.keys == ("000000-00000", "000000-00001", "000001-00000")
    assert found.datasets == ("lab", "lab", "field")
    assert found.class_index.tolist() == [1, 0, 2]
    assert found.shard.tolist() == [0, 0, 1]
    assert found.offset.tolist() == [512, 2560, 512]
    assert found.length.tolist() == [6, 5, 7]
    assert found.shards_folder == lake.path / "shards"
    assert len(found) == 3
    arrays = (found.class_index, found.shard, found.offset, found.length)
    assert {array.dtype for array in arrays} == {np.dtype(np.int64)}


@pytest.mark.parametrize(
    ("where", "keys"),
    [
        ("split = 'train'", ("000000-00000", "000001-00000")),
        ("dataset = 'lab' OR split = 'train'", ("000000-00000", "000000-00001", "000001-00000")),
        ("species = 'apple' -- only", ("000000-00001",)),
        ('"condition" LIKE \'%blight\'', ("000001-00000",)),
    ],
)  # fmt: skip
def test_any_condition_is_a_selection(lake, where, keys) -> None:
    assert select(lake, where, TREE).keys == keys


def test_a_picture_of_a_known_species_with_an_unknown_condition_comes_if_asked_for(lake) -> None:
    found = select(lake, "shard = 0", TREE, species_only=True)
    assert found.keys == ("000000-00000", "000000-00001", "000000-00002")
    assert found.class_index.tolist() == [1, 0, TREE.num_classes + 1]


def test_a_selection_from_a_place_counts_every_class_of_the_lake_in_a_split_or_not(
    tmp_path,
) -> None:
    with create_lake(tmp_path / "lake") as lake, lake.commit("rows") as connection:
        connection.executemany(
            'INSERT INTO samples ("key", dataset, species, "condition", split, shard, '
            "\"offset\", length) VALUES ('a', 'lab', ?, ?, ?, 0, 0, 0)",
            [("apple", "scab", None), ("tomato", "healthy", "train")],
        )
    found, tree = select_from(str(tmp_path / "lake"), "split = 'train'")
    assert tree == LabelTree.from_pairs([("apple", "scab"), ("tomato", "healthy")])
    assert found.class_index.tolist() == [1]


@pytest.mark.parametrize("where", ["splitt = 'train'", "split = ", "1) OR (", "species > 5 +"])
def test_bad_sql_is_wrong_use(lake, where) -> None:
    with pytest.raises(UsageError) as refused:
        select(lake, where, TREE)
    assert str(refused.value).startswith(f"--where {where!r}: ")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("where", ["false", "species IS NULL", "split = 'Train'"])
def test_an_empty_selection_is_wrong_use(lake, where) -> None:
    with pytest.raises(UsageError) as refused:
        select(lake, where, TREE)
    assert str(refused.value) == (
        f"{lake.path}: no labelled sample matches {where!r}. Nothing was written."
    )


def test_the_encoded_bytes_are_read_in_the_order_of_the_selection(lake) -> None:
    assert list(read_encoded(select(lake, "true", TREE))) == [b"tomato", b"apple", b"blight\n"]


def test_rows_are_taken_and_read_in_any_order(lake) -> None:
    found = select(lake, "true", TREE).take(np.array([2, 0, 1]))
    assert found.keys == ("000001-00000", "000000-00000", "000000-00001")
    assert found.datasets == ("field", "lab", "lab")
    assert found.class_index.tolist() == [2, 1, 0]
    assert list(read_encoded(found)) == [b"blight\n", b"tomato", b"apple"]
    assert list(read_encoded(found.take(np.array([1, 0])))) == [b"tomato", b"blight\n"]


def test_a_lake_with_a_class_that_the_tree_lacks_is_refused_with_its_name(lake) -> None:
    smaller = LabelTree.from_pairs([("apple", "scab"), ("tomato", "healthy")])
    with pytest.raises(UsageError) as refused:
        select(lake, "true", smaller)
    assert str(refused.value) == (
        f"{lake.path}: holds pictures of the class tomato, late_blight, which the run's label tree "
        "lacks: this is not the lake that the run was trained on. Name that one with --lake. "
        "Nothing was written."
    )


LOST = (
    "pictures are in it. Bring the file back from a copy. Without one: leaflake sql --lake LAKE "
    '"delete from samples where shard = 0", and ingest their folders again.'
)


def test_a_shard_that_was_cut_off_is_named(tmp_path) -> None:
    tar = tmp_path / "000000.tar"
    tar.write_bytes(b"short")
    row = np.array([0])
    selection = Selection(("a",), ("lab",), row, row, row, np.array([6]), tmp_path)
    with pytest.raises(UsageError) as refused:
        read_encoded(selection)
    assert str(refused.value) == (
        f"{tar}: is too short ({tar}: 5 of 6 bytes at offset 0); 1 of the selected {LOST}"
    )


def test_a_shard_that_is_gone_is_named(lake, tmp_path) -> None:
    selection = replace(select(lake, "true", TREE), shards_folder=tmp_path)
    with pytest.raises(UsageError) as refused:
        read_encoded(selection)
    assert str(refused.value) == (
        f"{tmp_path / '000000.tar'}: is missing; 2 of the selected {LOST}"
    )
