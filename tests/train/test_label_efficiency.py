"""Few labels: which are chosen, the study on a tiny lake, its table and its plot."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from catalog.lake import create_lake, open_lake
from shards.format import ShardWriter
from train import label_efficiency
from train.label_plot import Cell, table
from train.label_share import label_share_where


def insert(connection, rows: list[tuple]) -> None:
    connection.executemany(
        'INSERT INTO samples ("key", species, "condition", split, group_id, sha256, status, '
        'dataset, shard, "offset", length) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?)',
        rows,
    )


@pytest.fixture(scope="module")
def groups(tmp_path_factory):
    """40 groups of two pictures of apple rust, 4 of apple scab, one of pear, and some of test."""
    path = tmp_path_factory.mktemp("groups") / "lake"
    classes = [("apple", "rust", 40), ("apple", "scab", 4), ("pear", None, 1)]
    with create_lake(path) as lake, lake.commit("rows") as connection:
        rows = []
        for species, condition, count in classes:
            for n in range(2 * count):
                key = f"{species} {condition} {n}"
                group, split = f"{species} {condition} {n // 2}", "train" if condition else None
                rows.append((key, species, condition, split, group, key, "ok", "set", 0, 1))
        rows.append(("t", "apple", "rust", "test", "group of test", "t", "ok", "set", 0, 1))
        insert(connection, rows)
    return path


def chosen(lake, share: float, seed: int = 0) -> dict[str, int]:
    where = label_share_where(share, seed)
    with open_lake(lake) as opened:
        rows = opened.connection.execute(
            f"SELECT group_id, count(*) FROM samples WHERE {where} GROUP BY group_id ORDER BY 1"
        ).fetchall()
    return dict(rows)


def by_class(groups: dict[str, int]) -> dict[str, int]:
    names = [group.rpartition(" ")[0] for group in groups]
    return {name: names.count(name) for name in sorted(set(names))}


def test_each_class_keeps_the_share_of_its_groups_and_one_at_least(groups):
    assert by_class(chosen(groups, 0.1)) == {"apple rust": 4, "apple scab": 1, "pear None": 1}
    assert by_class(chosen(groups, 0.5)) == {"apple rust": 20, "apple scab": 2, "pear None": 1}
    assert set(chosen(groups, 0.5).values()) == {2}  # groups are whole
    assert len(chosen(groups, 1)) == 46  # no condition at all: `train` is asked for besides


def test_a_larger_share_holds_the_smaller_and_a_seed_chooses_always_alike(groups):
    small, large = chosen(groups, 0.1), chosen(groups, 0.25)
    assert small.keys() < large.keys()
    assert chosen(groups, 0.1) == small
    assert chosen(groups, 0.1, seed=1) != small


@pytest.fixture(scope="module")
def lake(tmp_path_factory, draw, encode):
    """30 pictures of two classes in train, val and test."""
    path = tmp_path_factory.mktemp("study") / "lake"
    with create_lake(path) as lake:
        (path / "shards").mkdir()
        writer = ShardWriter(lake.shard_path(0))
        rows = []
        for n in range(30):
            key, split = f"000000-{n:05d}", ("train", "train", "train", "val", "test")[n % 5]
            place = writer.add(key, encode(draw(n % 2, 40, 40)), {})
            condition = ("healthy", "rust")[n % 2]
            rows.append((key, "apple", condition, split, key, key, "ok", "set", *place))
        writer.close()
        with lake.commit("rows") as connection:
            insert(connection, rows)
    return path


def test_the_study_trains_each_cell_once_and_what_it_needs(
    lake, small_recipe, tmp_path, monkeypatch, capsys
):
    made = []
    train_run = label_efficiency.train_run

    def counted(recipe, *place, **moment):
        made.append(recipe)
        return train_run(recipe, *place, **moment)

    small = small_recipe(max_epochs=1, projector=8)
    alone = replace(small, twins=1.0, unlabelled="true", heads_first=False, max_epochs=1)
    monkeypatch.setattr(label_efficiency, "train_run", counted)
    monkeypatch.setattr(label_efficiency, "cpu", lambda: small)
    monkeypatch.setattr(label_efficiency, "barlow_twins", lambda: alone)
    command = [
        *("--lake", str(lake), "--out", str(tmp_path), "--minutes", "0.004", "--size", "32"),
        *("--shares", "25", "--pretrain-minutes", "0.006"),
    ]
    assert label_efficiency.main([*command, "--ways", "distilled,joint"]) == 0
    names = ["labels-none", "labels-25-pretrained", "labels-25-distilled", "labels-25-joint"]
    assert [recipe.name for recipe in made] == names
    none, pretrained, distilled, joint = made
    assert none.twins == 1 and none.labels == "true"
    assert pretrained.init.startswith(str(tmp_path / "labels-none-"))
    assert distilled.teacher.startswith(str(tmp_path / "labels-25-pretrained-"))
    assert (joint.unlabelled, joint.max_repeat, joint.twins) == ("true", 4, 0.5)
    assert {one.labels for one in made[1:]} == {label_share_where(0.25, 0)}
    assert label_efficiency.main(command) == 0  # all ways
    assert [recipe.name for recipe in made] == [*names, "labels-25-supervised", "labels-25-longer"]
    supervised, longer = made[4:]
    assert longer == replace(supervised, name="labels-25-longer", minutes=0.01)
    printed = capsys.readouterr().out.splitlines()
    assert printed[-1] == str(tmp_path / "label-efficiency.png")
    cells = json.loads((tmp_path / "label-efficiency.json").read_text())
    assert [cell["way"] for cell in cells] == list(label_efficiency.WAYS)
    assert {cell["pictures"] for cell in cells} == {6}
    assert (tmp_path / "label-efficiency.png").read_bytes().startswith(b"\x89PNG")


def test_the_table_marks_the_best_way_of_each_share():
    def cell(share: int, way: str, both: float) -> Cell:
        return Cell(share, way, "run", 100, 0.9, both, both - 0.05, both + 0.05, 1.0)

    found = [cell(5, "supervised", 0.5), cell(5, "joint", 0.625), cell(100, "supervised", 0.9)]
    assert table(found).splitlines()[1:] == [
        "labels        supervised              joint",
        "   5 %  50.0 (45.0-55.0)  62.5* (57.5-67.5)",
        " 100 %  90.0 (85.0-95.0)                  -",
    ]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (["--shares", "5,0"], "'5,0' are not whole per cents from 1 to 100"),
        (["--shares", "x"], "'x' are not whole per cents from 1 to 100"),
        (["--ways", "joint,magic"], "'magic' is not one of supervised, longer, pretrained"),
    ],
)
def test_other_shares_and_ways_are_refused(given, why, capsys):
    with pytest.raises(SystemExit):
        label_efficiency.main(["--lake", "x", "--out", "y", *given])
    assert why in capsys.readouterr().err


def test_without_a_lake_it_says_so(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    given = ["--lake", str(tmp_path / "empty"), "--out", str(tmp_path / "out")]
    assert label_efficiency.main(given) == 2
    assert "not a lake" in capsys.readouterr().err
