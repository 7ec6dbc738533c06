from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pytest

from catalog.lake import create_lake, open_lake
from catalog.taxonomy import LabelTree
from leaflake import UsageError
from shards.select import Selection
from train.judged import Judged, Pictures
from train.metrics import Predictions
from train.predictions_table import Prediction, predictions_of, write_predictions
from train.recipes import cpu
from train.run_folder import Run

TREE = LabelTree.from_pairs([("apple", "healthy"), ("apple", "rust"), ("corn", "rust")])

ROW = Prediction(
    run="cpu-1",
    key="k0",
    split="test",
    judge="network",
    species="apple",
    condition="rust",
    predicted_species="corn",
    predicted_condition="rust",
    species_probability=0.7,
    probability=0.7,
    label_probability=0.12,
    snapshot=7,
)


def test_a_row_has_label_answer_and_the_probabilities_of_both():
    species = np.log(np.array([[0.3, 0.7]]))
    condition = np.log(np.array([[0.6, 0.4, 1.0]]))
    joint = condition + species[:, list(TREE.class_species())]
    nothing = np.zeros(1, np.int64)
    truth = np.array([1])
    selection = Selection(("k0",), ("d",), truth, nothing, nothing, nothing, Path("shards"))
    pictures = Pictures(selection, np.array(["g"], dtype=object), ("f",), ("p",))
    run = Run(Path("runs/cpu-1"), cpu(), TREE, Path("lake"), 7, {}, {})
    judged = Judged(pictures, Predictions(species, condition, joint, truth))
    assert predictions_of(run, "test", judged) == [ROW]


@pytest.fixture
def lake(tmp_path) -> Path:
    create_lake(tmp_path / "lake").connection.close()
    return tmp_path / "lake"


def rows_in(lake: Path) -> list[tuple]:
    with open_lake(lake) as opened:
        return opened.connection.execute(
            'SELECT run, "key", label_probability FROM predictions ORDER BY ALL'
        ).fetchall()


def test_a_run_that_is_evaluated_again_replaces_its_rows_alone(lake):
    other = replace(ROW, run="cpu-2")
    said = write_predictions(lake, "cpu-1", [ROW, replace(ROW, key="k1")])
    assert said == "2 predictions are in the lake, snapshot 2."
    write_predictions(lake, "cpu-2", [other])
    write_predictions(lake, "cpu-1", [replace(ROW, label_probability=0.5)])
    assert rows_in(lake) == [("cpu-1", "k0", 0.5), ("cpu-2", "k0", 0.12)]
    with open_lake(lake, at=2) as opened:
        assert opened.connection.execute("SELECT count(*) FROM predictions").fetchone() == (2,)


def test_the_same_rows_again_make_no_snapshot_unless_another_run_came_between(lake):
    rows = [ROW, replace(ROW, key="k1", label_probability=3.2e-9)]
    write_predictions(lake, "cpu-1", rows)
    assert write_predictions(lake, "cpu-1", rows) == "The lake has these 2 predictions already."
    with open_lake(lake) as opened:
        assert opened.snapshot == 2
    write_predictions(lake, "cpu-2", [replace(ROW, run="cpu-2")])
    assert write_predictions(lake, "cpu-1", rows).endswith("snapshot 4.")


def test_labels_and_splits_stay_as_they_are(lake):
    # `leaflake sql` would give this picture a group and keep it out of the splits.
    with create_lake(lake) as opened, opened.commit("sample") as connection:
        connection.execute("INSERT INTO samples (\"key\", split) VALUES ('k0', 'test')")
    write_predictions(lake, "cpu-1", [ROW])
    with open_lake(lake) as opened:
        found = opened.connection.execute('SELECT "key", split, group_id FROM samples').fetchall()
    assert found == [("k0", "test", None)]


def test_a_lake_without_the_table_gets_it(lake):
    with open_lake(lake, read_only=False) as opened:
        for view in ("suspect_labels", "label_disagreements", "wanted"):
            opened.connection.execute(f"DROP VIEW {view}")
        opened.connection.execute("DROP TABLE predictions")
    assert write_predictions(lake, "cpu-1", [ROW]).startswith("1 predictions are in the lake")


def test_a_lake_that_can_only_be_read_is_refused(lake, monkeypatch):
    def cannot_write(*_, **__):
        raise duckdb.IOException('Cannot open file "catalog.ducklake": Permission denied')

    monkeypatch.setattr("catalog.lake.attach", cannot_write)
    with pytest.raises(UsageError, match="Permission denied"):
        write_predictions(lake, "cpu-1", [ROW])
