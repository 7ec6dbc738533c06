"""The view `wanted` and its command, over rows that are written out here."""

from __future__ import annotations

import csv
import io
import math
import shutil
from pathlib import Path
from typing import Any

import pytest

from catalog.lake import Lake, create_lake, open_lake
from catalog.wanted import wanted
from leaflake import main
from train.breakdown import LABORATORY, is_laboratory

COLUMNS = [
    *("rank", "species", "condition", "other"),
    *("score", "rare", "laboratory", "unsure", "disputed", "met"),
    *("pictures", "things", "field_things", "judged", "wrong", "corrections", "senders", "why"),
]


def insert(lake: Lake, table: str, *rows: dict[str, Any]) -> None:
    for row in rows:
        names = ", ".join(f'"{name}"' for name in row)
        marks = ", ".join("?" for _ in row)
        lake.connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", [*row.values()])


def sample(key: str, condition: str, group: str, dataset: str = "field", **more: Any) -> dict:
    own = {"key": key, "species": "tomato", "condition": condition, "group_id": group}
    return {**own, "dataset": dataset, **more}


def prediction(key: str, condition: str, said: str, probability: float, run: str = "new") -> dict:
    return {
        **{"run": run, "key": key, "species": "tomato", "condition": condition},
        **{"predicted_species": "tomato", "predicted_condition": said},
        **{"probability": probability, "evaluated": f"2026-01-0{1 + (run == 'new')}"},
    }


def correction(number: int, sender: str | None, condition: str | None, **more: Any) -> dict:
    said = {"species": None if condition is None else "tomato", "condition": condition}
    was = {"predicted_species": "tomato", "predicted_condition": "healthy"}
    return {"feedback_id": str(number), "sender": sender, **said, **was, **more}


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> Path:
    """Healthy: seven things in the field. Rust: two things, four pictures, in the laboratory.
    Blight: three things, one of them from the laboratory alone."""
    path = tmp_path_factory.mktemp("wanted") / "lake"
    with create_lake(path) as lake:
        insert(
            lake,
            "samples",
            *[sample(f"h{i}", "healthy", f"h{i}") for i in range(7)],
            *[sample(f"r{i}", "rust", f"r{i % 2}", "PV_lab") for i in range(4)],
            *[sample(f"b{i}", "blight", f"b{i}") for i in range(2)],
            sample("b2", "blight", "b2", "leaffliction"),
            sample("u", "unknown", "u"),
            {"key": "n", "species": "no_plant", "condition": "background", "group_id": "n"},
            {"key": "x", "group_id": "x"},
        )
    return path


@pytest.fixture
def path(template, tmp_path) -> Path:
    """A copy of it for one test."""
    return shutil.copytree(template, tmp_path / "lake")


def rows(lake: Lake) -> dict[str, dict[str, Any]]:
    """Condition, or the sender's words -> row."""
    found = wanted(lake)
    assert found.columns == COLUMNS
    named = [dict(zip(COLUMNS, row, strict=True)) for row in found.fetchall()]
    return {row["condition"] or row["other"]: row for row in named}


def test_without_a_model_and_corrections_rare_and_laboratory_classes_come_first(path) -> None:
    with open_lake(path) as lake:
        found = wanted(lake).fetchall()
        assert lake.connection.execute("FROM lake.wanted").fetchall() == found
    rare = round(1 - math.log(3) / math.log(4), 3)
    nothing = (0, 0, 0, 0)
    rust = "different things: 2, of the middle class 3; from outside laboratories: 0"
    assert found == [
        (1, "tomato", "rust", None, 1 + rare, rare, 1.0, 0.0, 0.0, 0.0, 4, 2, 0, *nothing, rust),
        (2, "tomato", "blight", None, 0.333, 0, 0.333, 0, 0, 0, 3, 3, 2, *nothing, ""),
        (3, "tomato", "healthy", None, 0, 0, 0, 0, 0, 0, 7, 7, 7, *nothing, ""),
    ]


def test_what_the_newest_run_is_unsure_of_or_gets_wrong_counts(path) -> None:
    with create_lake(path) as lake:
        insert(
            lake,
            "predictions",
            prediction("h0", "healthy", "healthy", 0.9),
            prediction("h1", "healthy", "healthy", 0.5),
            prediction("h2", "healthy", "rust", 0.4),
            prediction("h3", "rust", "healthy", 0.9),  # it was relabelled since
            prediction("b0", "blight", "rust", 0.1, run="old"),
        )
        found = rows(lake)
    healthy = found["healthy"]
    assert (healthy["unsure"], healthy["disputed"]) == (0.4, 0.25)
    assert (healthy["judged"], healthy["wrong"]) == (3, 1)
    assert healthy["why"] == "taken for something else: 1 of 3"
    assert (found["blight"]["unsure"], found["blight"]["judged"]) == (0, 0)


def test_what_people_send_counts_by_senders_and_unknown_plants_are_listed(path) -> None:
    with create_lake(path) as lake:
        insert(
            lake,
            "feedback",
            correction(0, "a", "blight"),
            correction(1, "a", "blight", predicted_condition="blight"),
            correction(2, None, "blight"),
            correction(3, None, "blight"),
            correction(4, "b", "wilt"),
            correction(5, "b", "unknown"),
            correction(6, "a", None, other=" =Quince tree "),
            correction(7, "b", None, other="quince TREE"),
            correction(8, "b", None, other="+1-2"),
            {**correction(9, "b", "background"), "species": "no_plant"},
        )
        found = rows(lake)
    assert list(found) == ["quince tree", "wilt", "blight", "rust", "healthy"]
    blight, wilt, quince = found["blight"], found["wilt"], found["quince tree"]
    assert (blight["corrections"], blight["senders"], blight["met"]) == (4, 2, 0.667)
    assert blight["disputed"] == 0.6  # three of four contradict, and one more in the sum
    assert (wilt["species"], wilt["pictures"], wilt["rare"], wilt["met"]) == ("tomato", 0, 1, 0.5)
    assert (quince["species"], quince["senders"], quince["why"]) == (
        None,
        2,
        "not in the label tree; senders: 2",
    )


def test_an_older_lake_and_an_older_snapshot_answer_too(path, capsys) -> None:
    with create_lake(path) as lake:
        for view in ("corrections", "senders", "wanted", "suspect_labels", "label_disagreements"):
            lake.connection.execute(f"DROP VIEW {view}")
        lake.connection.execute("DROP TABLE feedback")
        lake.connection.execute("DROP TABLE predictions")
        before = lake.snapshot
    for more in ([], ["--at", str(before)]):
        assert main(["catalog", "wanted", "--lake", str(path), "--format", "csv", *more]) == 0
        table = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
        assert [row["condition"] for row in table] == ["rust", "blight", "healthy"]
        assert list(table[0]) == COLUMNS
    with open_lake(path) as lake:
        assert lake.snapshot == before


def test_a_table_has_what_a_terminal_has_room_for(path, capsys) -> None:
    assert main(["catalog", "wanted", "--lake", str(path), "--top", "1"]) == 0
    printed = capsys.readouterr().out
    assert "from outside laboratories: 0" in printed
    assert "blight" not in printed
    assert "field_things" not in printed


@pytest.mark.parametrize("top", ["0", "-1", "x"])
def test_a_top_that_is_no_number_from_1_on_is_refused(path, top, capsys) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["catalog", "wanted", "--lake", str(path), f"--top={top}"])
    assert stopped.value.code == 2
    assert "is not a number from 1 on" in capsys.readouterr().err


def test_an_empty_lake_wants_nothing(tmp_path) -> None:
    with create_lake(tmp_path / "lake") as lake:
        assert wanted(lake).fetchall() == []


def test_laboratories_are_those_of_evaluation(tmp_path) -> None:
    names = ["pv_lab", "PV_x", "pvlab", "leaffliction", "leaffliction2", "cherry_ci"]
    names += ["PlantVillage", "plantvillage-2", "plantdoc_800", "my_pv_lab"]
    with create_lake(tmp_path / "lake") as lake:
        insert(lake, "samples", *[sample(name, name, name, name) for name in names])
        found = {name: bool(row["laboratory"]) for name, row in rows(lake).items()}
    assert found == {name: is_laboratory(name, LABORATORY) for name in names}
