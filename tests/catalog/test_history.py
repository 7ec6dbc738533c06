"""`leaflake catalog history`: what each snapshot changed, and why."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from catalog.history import Rows, history
from catalog.lake import create_lake, open_lake
from leaflake import main


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> Path:
    """Snapshots: 1 empty, 2 adds, 3 changes some and adds a folder, 4 removes; few and many rows,
    since DuckLake keeps few in its database and many in Parquet."""
    path = tmp_path_factory.mktemp("history") / "lake"
    with create_lake(path) as lake:
        with lake.commit("ingest of 103 files") as connection:
            for first, count in ((0, 3), (3, 100)):
                connection.execute(
                    'INSERT INTO samples ("key", width) '
                    f"SELECT i::VARCHAR, i FROM range({first}, {first + count}) AS numbers(i)"
                )
        with lake.commit("labels\nof 1 folder,\tdecided \x1b by a person") as connection:
            connection.execute("UPDATE samples SET width = 0 WHERE width BETWEEN 1 AND 4")
            connection.execute("INSERT INTO folders (dataset) VALUES ('lab')")
        with lake.commit("delete from samples " + "x" * 200) as connection:
            connection.execute("DELETE FROM samples WHERE width > 100")
    return path


@pytest.fixture
def path(template, tmp_path) -> Path:
    return shutil.copytree(template, tmp_path / "lake")


ROWS = {
    0: {},
    1: {},
    2: {"samples": Rows(added=103)},
    3: {"folders": Rows(added=1), "samples": Rows(changed=4)},
    4: {"samples": Rows(removed=2)},
}


def test_rows_are_counted_by_table_and_kind_of_change(path) -> None:
    with open_lake(path) as lake:
        changes = history(lake)
    assert {change.snapshot: change.rows for change in changes} == ROWS
    assert [change.author for change in changes] == [None, *["leaflake"] * 4]
    assert changes[2].message == "ingest of 103 files"
    times = [change.time for change in changes]
    assert times == sorted(times)
    assert {str(time.tzinfo) for time in times} == {"UTC"}


def test_an_older_snapshot_has_the_history_up_to_it(path) -> None:
    with open_lake(path, at=3) as lake:
        assert [change.snapshot for change in history(lake)] == [0, 1, 2, 3]


def test_history_as_a_table(path, capsys) -> None:
    assert main(["catalog", "history", "--lake", str(path)]) == 0
    out = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME", capsys.readouterr().out)
    assert [re.sub("  +", "  ", line) for line in out.splitlines()] == [
        "snapshot  time (UTC)  rows  message",
        "0  TIME  -  -",
        "1  TIME  -  empty lake",
        "2  TIME  samples +103  ingest of 103 files",
        "3  TIME  folders +1, samples ~4  labels of 1 folder, decided \\x1b by a person",
        f"4  TIME  samples -2  delete from samples {'x' * 77}...",
    ]


def test_history_as_json(path, capsys) -> None:
    assert main(["catalog", "history", "--lake", str(path), "--at", "3", "--json"]) == 0
    *_, last = map(json.loads, capsys.readouterr().out.splitlines())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", last.pop("time"))
    assert last == {
        "snapshot": 3,
        "author": "leaflake",
        "message": "labels\nof 1 folder,\tdecided \x1b by a person",
        "rows": {
            "folders": {"added": 1, "changed": 0, "removed": 0},
            "samples": {"added": 0, "changed": 4, "removed": 0},
        },
    }


def test_history_of_no_lake_is_wrong_use(tmp_path, capsys) -> None:
    assert main(["catalog", "history", "--lake", str(tmp_path)]) == 2
    assert "not a lake" in capsys.readouterr().err
