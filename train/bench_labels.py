"""Does the view suspect_labels find wrong labels? Plants some, and looks.

    python -m train.bench_labels RUN [--lake LAKE]        (just bench-labels RUN)

In: a run and its lake, which is only read. Out: a table. Five labels in a hundred are made wrong,
half of them to another condition of the same plant, where it has one, the others to any other
class. Test is judged by the run's network, train in folds (train/folds.py), as `leaflake evaluate
--all` does it; the rows go into a lake of their own, and its view is asked.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from catalog.lake import Lake, create_lake, open_lake
from catalog.storage import as_place
from catalog.taxonomy import LabelTree
from shards.select import read_encoded
from train.calibration import fit_temperatures, with_temperatures
from train.evaluation_table import aligned
from train.folds import calibrated_folds, load_untrained
from train.judged import Judged, Pictures, judge, read_pictures
from train.predict import extract_features
from train.predictions_table import predictions_of, replace_predictions
from train.run_folder import Run, read_run

TOP = 10
PLANTED = 5
AMONG = 100


@dataclass(frozen=True)
class Trial:
    """One planting."""

    planted: int
    pictures: int
    in_top: int
    """Of the first TOP suspects, how many were planted."""

    in_first: int
    """Of the first `planted` suspects, how many were."""


def plant(
    class_index: np.ndarray, positions: np.ndarray, tree: LabelTree, random: np.random.Generator
) -> np.ndarray:
    """A copy of int64 (N,) with wrong classes at int (M,) `positions`."""
    class_species = np.array(tree.class_species())
    wrong = class_index.copy()
    for position in positions.tolist():
        true = class_index[position]
        same = np.flatnonzero(class_species == class_species[true])
        others = same[same != true] if random.random() < 0.5 else np.array([], np.int64)
        if not len(others):
            others = np.flatnonzero(np.arange(tree.num_classes) != true)
        wrong[position] = random.choice(others)
    return wrong


def try_view(lake: Lake, run: Run, judged: Judged, positions: np.ndarray) -> Trial:
    """Make `lake` hold these pictures and what is said of them, and ask it for suspects."""
    pictures = judged.pictures
    labels = [run.tree.label(index) for index in pictures.selection.class_index.tolist()]
    samples = pa.table(
        {
            "key": list(pictures.selection.keys),
            "dataset": list(pictures.selection.datasets),
            "folder": list(pictures.folders),
            "species": [species.species_id for species, _ in labels],
            "condition": [condition.condition_id for _, condition in labels],
        }
    )
    lake.connection.register("given", samples)
    with lake.commit("samples") as connection:
        connection.execute("DELETE FROM samples")
        connection.execute("INSERT INTO samples BY NAME SELECT * FROM given")
    replace_predictions(lake, run.path.name, predictions_of(run, "test", judged))
    rows = lake.connection.execute('SELECT "key" FROM suspect_labels ORDER BY rank').fetchall()
    planted = {pictures.selection.keys[position] for position in positions.tolist()}
    is_planted = [key in planted for (key,) in rows]
    return Trial(
        len(planted), len(pictures), sum(is_planted[:TOP]), sum(is_planted[: len(planted)])
    )


def with_labels(judged: Judged, class_index: np.ndarray) -> Judged:
    """The same pictures and answers under other labels."""
    selection = replace(judged.pictures.selection, class_index=class_index)
    return Judged(
        replace(judged.pictures, selection=selection),
        replace(judged.predictions, class_index=class_index),
    )


def subset(judged: Judged, indices: np.ndarray) -> Judged:
    """The pictures at int (M,) `indices`."""
    return Judged(judged.pictures.take(indices), judged.predictions.subset(indices))


def hundreds(
    lake: Lake, run: Run, judged: Judged, draws: int, random: np.random.Generator
) -> Iterator[Trial]:
    """AMONG pictures with PLANTED wrong labels, drawn again and again."""
    for _ in range(draws):
        chosen = subset(judged, random.choice(len(judged.pictures), AMONG, replace=False))
        positions = np.arange(PLANTED)
        labels = plant(chosen.pictures.selection.class_index, positions, run.tree, random)
        yield try_view(lake, run, with_labels(chosen, labels), positions)


def bench(run: Run, test: Judged, train: Pictures, features: np.ndarray, draws: int) -> str:
    """The table."""
    random = np.random.default_rng(0)
    with (
        tempfile.TemporaryDirectory(prefix="leaflake-") as folder,
        create_lake(Path(folder)) as lake,
    ):
        trials = list(hundreds(lake, run, test, draws, random))
        whole = _whole("test", lake, run, test, random)
        positions = _positions(len(train), random)
        labels = plant(train.selection.class_index, positions, run.tree, random)
        planted = replace(train, selection=replace(train.selection, class_index=labels))
        judged = calibrated_folds(features, planted, run.tree)
        in_folds = _line("train, in folds", try_view(lake, run, judged, positions))
    all_found = sum(trial.in_top == PLANTED for trial in trials)
    found = f"{np.mean([trial.in_top for trial in trials]):.2f}, all {PLANTED} in {all_found}"
    first = f"{np.mean([trial.in_first for trial in trials]):.2f}"
    heads = ["labels of", "pictures", "planted", f"in the top {TOP}", "in as many as planted"]
    drawn = [f"test, mean of {draws}", str(AMONG), str(PLANTED), found, first]
    return aligned([heads, drawn, whole, in_folds])


def _whole(
    name: str, lake: Lake, run: Run, judged: Judged, random: np.random.Generator
) -> list[str]:
    positions = _positions(len(judged.pictures), random)
    labels = plant(judged.pictures.selection.class_index, positions, run.tree, random)
    return _line(name, try_view(lake, run, with_labels(judged, labels), positions))


def _positions(count: int, random: np.random.Generator) -> np.ndarray:
    return random.choice(count, count * PLANTED // AMONG, replace=False)


def _line(name: str, trial: Trial) -> list[str]:
    return [
        name,
        f"{trial.pictures:,}",
        f"{trial.planted:,}",
        str(trial.in_top),
        f"{trial.in_first:,}",
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print."""
    parser = argparse.ArgumentParser(prog="python -m train.bench_labels", description=__doc__)
    parser.add_argument("run", type=Path, metavar="RUN")
    parser.add_argument("--lake", type=as_place, metavar="DIR", help="if it was moved since")
    parser.add_argument("--draws", type=int, default=50)
    args = parser.parse_args(arguments)
    run = read_run(args.run)
    untrained = load_untrained(run)
    column = run.recipe.split
    with open_lake(args.lake or run.lake, at=run.snapshot) as lake:
        val, test, train = (
            read_pictures(lake, f"{column} = '{split}'", run.tree)
            for split in ("val", "test", "train")
        )
    model = run.load_model()
    temperatures = fit_temperatures(judge(model, val, "val").predictions, run.tree)
    on_test = judge(model, test, "test")
    scaled = with_temperatures(on_test.predictions, run.tree, temperatures)
    features = extract_features(untrained, read_encoded(train.selection), "features")
    print(bench(run, on_test.with_predictions(scaled), train, features, args.draws))
    return 0


if __name__ == "__main__":
    sys.exit(main())
