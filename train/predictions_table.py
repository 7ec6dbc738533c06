"""What a run says of pictures, as rows of the lake's table `predictions`.

In: Judged pictures. Out: one snapshot that replaces the run's rows; labels, groups and splits stay
as they are.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime

import duckdb
import numpy as np
import pyarrow as pa

from catalog.lake import Lake, open_lake
from catalog.storage import Place
from train.judged import Judged
from train.run_folder import Run

DIGITS = 4
"""Of a probability that count: on another processor those behind them differ, and evaluating a run
twice shall not change the lake. Not decimals: the smallest tell wrong labels apart."""


@dataclass(frozen=True)
class Prediction:
    """One row; see catalog/schema.sql. Its column `evaluated` is filled in when it is written."""

    run: str
    key: str
    split: str
    judge: str
    species: str
    condition: str
    predicted_species: str
    predicted_condition: str
    species_probability: float
    probability: float
    label_probability: float
    snapshot: int


COLUMNS = ", ".join(f'"{field.name}"' for field in fields(Prediction))


def predictions_of(
    run: Run, split: str, judged: Judged, judge: str = "network"
) -> list[Prediction]:
    """One row a picture, with the probabilities that `judged` has."""
    tree, said = run.tree, judged.predictions
    labels = [
        (species.species_id, condition.condition_id)
        for species, condition in (tree.label(index) for index in range(tree.num_classes))
    ]
    class_species = tree.class_species()
    rows = np.arange(len(said.class_index))
    best = said.joint.argmax(axis=1)
    of_species = np.exp(said.species[rows, np.array(class_species)[best]].astype(np.float64))
    of_best = np.exp(said.joint[rows, best].astype(np.float64))
    of_label = np.exp(said.joint[rows, said.class_index].astype(np.float64))
    return [
        Prediction(
            run=run.path.name,
            key=key,
            split=split,
            judge=judge,
            species=labels[said.class_index[row]][0],
            condition=labels[said.class_index[row]][1],
            predicted_species=labels[best[row]][0],
            predicted_condition=labels[best[row]][1],
            species_probability=_rounded(of_species[row]),
            probability=_rounded(of_best[row]),
            label_probability=_rounded(of_label[row]),
            snapshot=run.snapshot,
        )
        for row, key in enumerate(judged.pictures.selection.keys)
    ]


def write_predictions(place: Place, run: str, rows: list[Prediction]) -> str:
    """Open the lake and replace what it has of the run. Returns what was done, in a sentence.

    Raises UsageError if the lake can only be read.
    """
    with open_lake(place, read_only=False) as lake:
        if not replace_predictions(lake, run, rows):
            return f"The lake has these {len(rows):,} predictions already."
        return f"{len(rows):,} predictions are in the lake, snapshot {lake.snapshot}."


def replace_predictions(lake: Lake, run: str, rows: list[Prediction]) -> bool:
    """Write the rows of a run in place of those that it had; False, and nothing is written, if they
    are the same and no other run was evaluated since."""
    lake.connection.register("said", pa.Table.from_pylist([asdict(row) for row in rows]))
    if _has(lake, run):
        return False

    def replace(connection: duckdb.DuckDBPyConnection) -> None:
        connection.execute("DELETE FROM predictions WHERE run = ?", [run])
        connection.execute(
            f"INSERT INTO predictions ({COLUMNS}, evaluated) "
            f'SELECT {COLUMNS}, ?::TIMESTAMP FROM said ORDER BY "key"',
            [datetime.now(UTC).replace(tzinfo=None)],
        )

    lake.change(f"predictions of {run} for {len(rows):,} pictures", replace)
    return True


def _rounded(probability: float) -> float:
    return float(f"{probability:.{DIGITS}g}")


def _has(lake: Lake, run: str) -> bool:
    """Whether the registered rows are the run's, and the run is the one that was evaluated last."""
    row = lake.connection.execute(
        f"SELECT NOT EXISTS (SELECT {COLUMNS} FROM said EXCEPT ALL SELECT {COLUMNS} "
        "FROM predictions WHERE run = $1) AND (SELECT count(*) FROM said) = "
        "(SELECT count(*) FROM predictions WHERE run = $1) AND $1 = "
        "(SELECT arg_max(run, (evaluated, run)) FROM predictions)",
        [run],
    ).fetchone()
    return bool(row and row[0])
