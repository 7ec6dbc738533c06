"""What an ingest leaves in the catalog besides samples: the run, datasets, folders, the tree."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from catalog.lake import create_lake, open_lake
from ingest.run import Ingested, ingest


def ask(lake: Path, query: str) -> list[tuple]:
    with open_lake(lake) as opened:
        return opened.connection.sql(query).fetchall()


@pytest.fixture
def lake(tmp_path) -> Path:
    return tmp_path / "lake"


@pytest.fixture
def collection(tmp_path, write, dozen) -> Path:
    """A collection of one dataset, with a SOURCES.tsv."""
    table = b"dataset\tspecies\tshots\nleaves\tmango\t^([a-c])\n"
    pictures = {f"leaves/{name}": data for name, data in dozen.items()}
    return write(tmp_path / "all", {"SOURCES.tsv": table, **pictures})


def test_the_run_has_its_settings_sizes_versions_and_durations(collection, lake, dozen) -> None:
    ingest([collection], lake, short_side=None, workers=2, seed=7)
    ((seconds, source_bytes, stored, settings, durations, versions),) = ask(
        lake,
        "SELECT seconds, source_bytes, stored_bytes, settings, durations, versions FROM ingests",
    )
    assert source_bytes == sum(map(len, dozen.values()))
    assert stored == (lake / "shards/000000.tar").stat().st_size
    assert json.loads(settings) == {
        "short_side": None,
        "species": None,
        "seed": 7,
        "workers": 2,
        "engine": "LocalProcesses",
    }
    parts = json.loads(durations)
    assert list(parts) == ["scan", "plan", "pack", "commit"]
    assert sum(parts.values()) == pytest.approx(seconds)
    assert {"python", "duckdb", "pyarrow"} <= set(json.loads(versions))


def test_a_dataset_is_a_row_and_the_newest_ingests_word_stands(collection, lake) -> None:
    ingest([collection], lake)
    path = str(collection / "leaves")
    assert ask(lake, "FROM datasets") == [("leaves", path, "mango", "^([a-c])")]
    (collection / "SOURCES.tsv").write_text("dataset\tspecies\nleaves\tmango\n")
    # No picture is new, but what is said of them is.
    assert ingest([collection], lake) == Ingested(files=0, shards=0, snapshot=3)
    assert ask(lake, "FROM datasets") == [("leaves", path, "mango", None)]
    assert ask(lake, "SELECT count(*) FROM samples") == [(12,)]
    assert ask(lake, "SELECT files, shards, stored_bytes FROM ingests ORDER BY started")[1:] == [
        (0, 0, 0)
    ]
    assert ingest([collection], lake) == Ingested(files=0, shards=0, snapshot=3)


def test_a_new_class_folder_without_a_file_becomes_a_row(collection, lake) -> None:
    ingest([collection], lake)
    (collection / "leaves/Mango healthy").mkdir()
    done = ingest([collection], lake)
    assert (done, done.empty_folders) == (Ingested(files=0, shards=0, snapshot=3), 1)
    assert ask(
        lake, "SELECT species, \"condition\" FROM folders WHERE folder = 'Mango healthy'"
    ) == [("mango", "healthy")]


def test_a_label_tree_that_a_killed_run_did_not_write_is_written_by_the_next(
    collection, lake
) -> None:
    ingest([collection], lake)
    text = (lake / "taxonomy.json").read_text()
    (lake / "taxonomy.json").unlink()
    assert ingest([collection], lake).files == 0
    assert (lake / "taxonomy.json").read_text() == text


def test_a_lake_whose_making_was_interrupted_is_gone_on_with(collection, lake, monkeypatch) -> None:
    def cut_off(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("catalog.lake.define_all", cut_off)
    with pytest.raises(KeyboardInterrupt):
        create_lake(lake)
    monkeypatch.undo()
    assert (lake / "catalog.ducklake").exists()
    assert ingest([collection], lake) == Ingested(files=12, shards=1, snapshot=2)


def test_a_commit_that_fails_leaves_the_lake(collection, lake, write, monkeypatch) -> None:
    ingest([collection], lake)
    write(collection, {"leaves/Tomato___healthy/page.html": b"<html>"})

    def fail(*_: object) -> None:
        raise RuntimeError("broken")

    with monkeypatch.context() as patch:
        patch.setattr("ingest.commit.organise_incoming", fail)
        with pytest.raises(RuntimeError, match="broken"):
            ingest([collection], lake)
    assert ask(lake, "SELECT count(*) FROM rejections") == [(0,)]
    assert ingest([collection], lake).totals.found_complete == 1
    assert ask(lake, "SELECT reason FROM rejections") == [("not_an_image",)]
