from dataclasses import replace

import pytest

from catalog.lake import create_lake
from leaflake import UsageError
from train.data import open_data, part_size
from train.recipes import cpu

# key, condition, split, source_split, status, group_id, source
ROWS = [
    ("train", "rust", "train", "train", "ok", "g1", "me"),
    ("val", "rust", "val", "val", "ok", "g2", "you"),
    ("test", "rust", "test", "test", "ok", "g3", "you"),
    ("free", None, None, None, "ok", "g4", "me"),
    ("in val's group", None, None, None, "ok", "g2", "me"),
    ("near test", None, None, None, "ok", "g5", "me"),
    ("near train", None, None, None, "ok", "g6", "me"),
    ("withdrawn", None, None, None, "withdrawn", "g7", "me"),
    ("of val's source", None, None, None, "ok", "g8", "you"),
]
LINKS = [("near test", "test"), ("train", "near train")]


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "lake"
    with create_lake(path) as lake, lake.commit("rows") as connection:
        for n, (key, condition, split, source_split, status, group, source) in enumerate(ROWS):
            connection.execute(
                'INSERT INTO samples ("key", species, "condition", split, source_split, status, '
                'group_id, source, sha256, shard, "offset", length) '
                "VALUES (?, 'apple', ?, ?, ?, ?, ?, ?, ?, 0, ?, 1)",
                [key, condition, split, source_split, status, group, source, f"sha {key}", n],
            )
        for pair in LINKS:
            connection.execute('INSERT INTO links ("key", other) VALUES (?, ?)', pair)
    return path


@pytest.mark.parametrize(
    ("split", "keys"),
    [
        ("split", ("train", "free", "near train", "of val's source")),
        ("source_split", ("train", "free", "near train")),
    ],
)
def test_pictures_known_to_the_species_alone_train_if_nothing_ties_them_to_val_or_test(
    lake, split, keys
):
    data = open_data(replace(cpu(), split=split), lake, None)
    assert data.train.keys == keys
    assert data.train.class_index.tolist() == [0] + [1] * (len(keys) - 1)  # one class: 1 is apple
    assert data.val.keys == ("val",)


def test_a_column_that_the_lake_lacks_is_refused(lake):
    with pytest.raises(UsageError, match="colour_split"):
        open_data(replace(cpu(), split="colour_split"), lake, None)


def test_a_step_is_cut_into_equal_parts_for_all_processes(monkeypatch):
    recipe = replace(cpu(), batch_size=32, accumulate=2)
    assert part_size(recipe) == 16
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert part_size(recipe) == 4
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(UsageError, match=r"32 pictures.* 3 processes, 2 parts each"):
        part_size(recipe)
