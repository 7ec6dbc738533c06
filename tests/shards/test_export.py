"""`leaflake shards export`: plain WebDataset tars that other people's tools read."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from catalog.lake import open_lake
from ingest.run import ingest
from leaflake import main


@pytest.fixture(scope="module")
def template(tmp_path_factory, write, dozen) -> Path:
    """The dozen in a lake: 4 apple scab, 4 tomato healthy, 4 tomato late blight; snapshot 2."""
    folder = tmp_path_factory.mktemp("export")
    ingest([write(folder / "leaves", dozen)], folder / "lake")
    return folder / "lake"


@pytest.fixture
def lake(template, tmp_path) -> Path:
    return shutil.copytree(template, tmp_path / "lake")


def export(lake: Path, out: Path, *arguments: str) -> int:
    return main(["shards", "export", "--lake", str(lake), "--out", str(out), *arguments])


def stored(lake: Path, where: str) -> list[tuple[str, str, str, bytes]]:
    """(key, species, condition, bytes) of the samples, in the order of the shards."""
    with open_lake(lake) as opened:
        rows = opened.connection.execute(
            f'SELECT "key", species, "condition", "offset", length FROM samples WHERE {where} '
            'ORDER BY shard, "offset"'
        ).fetchall()
    data = (lake / "shards/000000.tar").read_bytes()
    return [(k, s, c, data[offset : offset + length]) for k, s, c, offset, length in rows]


def read(*tars: Path) -> list[dict]:
    """Samples as the webdataset package reads them."""
    webdataset = pytest.importorskip("webdataset")
    return list(webdataset.WebDataset([str(tar) for tar in tars], shardshuffle=False))


def test_webdataset_reads_the_selection_with_its_labels(lake, tmp_path, capsys) -> None:
    out = tmp_path / "plain/tomato"
    assert export(lake, out, "--where", "species = 'tomato'", "--samples-per-shard", "5") == 0
    assert capsys.readouterr().out == (
        f"{out}: 8 pictures of 2 classes in 2 tars, from snapshot 2\n"
    )
    tars = [out / "tomato-000000.tar", out / "tomato-000001.tar"]
    assert sorted(out.iterdir()) == [out / "classes.json", *tars]
    assert [len(read(tar)) for tar in tars] == [5, 3]
    found = [(s["__key__"], s["jpg"], json.loads(s["json"])) for s in read(*tars)]
    assert found == [
        (
            key,
            data,
            {
                "key": key,
                "dataset": "leaves",
                "species": species,
                "condition": condition,
                "class_index": ["healthy", "late_blight"].index(condition) + 1,
            },
        )
        for key, species, condition, data in stored(lake, "species = 'tomato'")
    ]


def test_classes_are_counted_alike_in_every_selection(lake, tmp_path) -> None:
    where = {"apple": "species = 'apple'", "two": "\"condition\" = 'healthy' -- as they say"}
    for name, condition in where.items():
        assert export(lake, tmp_path / name, "--where", condition) == 0
    apple, two = (json.loads((tmp_path / name / "classes.json").read_text()) for name in where)
    assert (apple["where"], apple["snapshot"], apple["samples"]) == (where["apple"], 2, 4)
    assert apple["classes"] == [
        {
            "class_index": 0,
            "species": "apple",
            "condition": "scab",
            "name": "Apple, Scab",
            "samples": 4,
        },
        {
            "class_index": 1,
            "species": "tomato",
            "condition": "healthy",
            "name": "Tomato, Healthy",
            "samples": 0,
        },
        {
            "class_index": 2,
            "species": "tomato",
            "condition": "late_blight",
            "name": "Tomato, Late blight",
            "samples": 0,
        },
    ]
    assert [one["samples"] for one in two["classes"]] == [0, 4, 0]
    for one, other in zip(apple["classes"], two["classes"], strict=True):
        assert {**one, "samples": 0} == {**other, "samples": 0}


def test_an_older_snapshot_has_its_own_labels(lake, tmp_path) -> None:
    update = "UPDATE samples SET \"condition\" = 'rust' WHERE species = 'apple'"
    assert main(["sql", "--lake", str(lake), update]) == 0
    assert export(lake, tmp_path / "now", "--where", "species = 'apple'") == 0
    assert export(lake, tmp_path / "then", "--where", "species = 'apple'", "--at", "2") == 0
    conditions = {
        name: {json.loads(sample["json"])["condition"] for sample in read(tar)}
        for name in ("now", "then")
        for tar in [tmp_path / name / f"{name}-000000.tar"]
    }
    assert conditions == {"now": {"rust"}, "then": {"scab"}}


def test_a_second_export_has_the_same_bytes(lake, tmp_path) -> None:
    for folder in ("one", "other"):
        assert export(lake, tmp_path / folder / "all") == 0
    one, other = (
        {p.name: p.read_bytes() for p in (tmp_path / folder / "all").iterdir()}
        for folder in ("one", "other")
    )
    assert one == other
    assert sorted(one) == ["all-000000.tar", "classes.json"]


def test_a_folder_that_holds_something_is_refused_and_left_alone(lake, tmp_path, capsys) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    assert export(lake, out) == 2
    assert capsys.readouterr().err == (
        f"leaflake shards: {out}: is not empty, it holds mine.txt. Name a new folder, or delete "
        "what an interrupted export left. Nothing was written.\n"
    )
    assert [p.name for p in out.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("colour = 'green'", 'Referenced column "colour" not found'),
        ("species = 'moon flower'", "no labelled sample matches"),
    ],
)
def test_a_selection_of_nothing_writes_nothing(lake, tmp_path, capsys, where, said) -> None:
    assert export(lake, tmp_path / "out", "--where", where) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_export_that_stops_half_way_is_not_complete(lake, tmp_path, capsys) -> None:
    tar = lake / "shards/000000.tar"
    tar.write_bytes(tar.read_bytes()[:20_000])
    assert export(lake, tmp_path / "out", "--samples-per-shard", "1") == 2
    assert "is too short" in capsys.readouterr().err
    assert not (tmp_path / "out/classes.json").exists()
    assert export(lake, tmp_path / "out") == 2  # only once somebody has cleared it away


def test_without_an_action_it_says_what_to_do(capsys) -> None:
    assert main(["shards"]) == 2
    assert "say what to do, like: leaflake shards export" in capsys.readouterr().err


def test_a_shard_of_no_samples_is_wrong_use(lake, tmp_path, capsys) -> None:
    with pytest.raises(SystemExit) as stopped:
        export(lake, tmp_path / "out", "--samples-per-shard", "0")
    assert stopped.value.code == 2
    assert "0 is not 1 or more" in capsys.readouterr().err
