"""Which way to fit thresholds holds on pictures that it did not see?

In: a run. Out: a table. What the run says of val and test is dealt again and again, group by group,
to a part as large as val, from which thresholds are fitted, and a part that they are held against.

652 and 956 pictures of a run of the recipe `cpu`, 78 classes, 200 rounds (2026-11-22; the columns
are explained at EXPLANATION):

                               conditions  right  species  right  answered  right  held  short
    the target, as a probability     50.1   98.6     32.7   98.3      83.7   98.5 100.0    0.1
    one a rank, species by all       82.6   95.4     15.3   80.6      99.1   93.1   5.0    3.3
    one a rank, no margin            82.6   95.4      8.9   94.9      92.5   95.3  63.0    1.8
    one a rank                       81.3   95.8      9.1   95.8      91.2   95.7  77.5    1.5
    each node alone                  82.6   93.2      8.4   94.7      92.2   93.4   3.5    2.8
    pooled, no margin                80.6   95.8      9.9   95.8      91.6   95.8  76.5    1.3
    pooled, parent 30                79.1   95.2      9.9   97.2      89.8   95.4  69.5    1.4
    pooled, parent 60                79.2   95.9      9.8   96.7      89.9   95.9  81.0    1.2
    pooled, parent 240               80.3   96.0      9.7   96.0      90.9   96.0  84.0    1.3
    pooled (what export does)        79.7   96.1      9.9   96.3      90.5   96.1  86.0    1.2
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from catalog.lake import open_lake
from catalog.storage import Place, as_place
from catalog.taxonomy import LabelTree
from export.calibrate import PARENT, TARGET_ACCURACY, Rank, Thresholds, best_of, fit_thresholds
from export.calibrate import node_thresholds as fit_nodes
from export.given import describe_given, give_answers
from leaflake import UsageError
from train.calibration import fit_temperatures, with_temperatures
from train.judged import judge, read_pictures
from train.metrics import Predictions, species_hits
from train.run_folder import read_run

ROUNDS = 200
FEWEST = 5
"""Answers of a species below which its accuracy says nothing."""

ALONE, ALIKE = 1.0, 1e9
"""Answers for which a node's parent counts: nearly none, or all there are."""

Fit = Callable[[Predictions, LabelTree], Thresholds]
Row = dict[str, float]


def by_all_pictures(predictions: Predictions, tree: LabelTree) -> Thresholds:
    """A species' threshold from all pictures, also those whose condition is answered."""
    found = fit_thresholds(predictions, tree, margin=0, parent=ALIKE)
    best = best_of(predictions, tree)
    root = np.zeros(tree.num_species, dtype=np.int64)
    species = fit_nodes(
        best.species_probability,
        species_hits(predictions, tree),
        [Rank(best.species, root)],
        TARGET_ACCURACY,
        margin=0,
        parent=ALIKE,
    )
    return Thresholds(found.target, species, found.condition)


def at_its_word(predictions: Predictions, tree: LabelTree) -> Thresholds:
    """The target itself, everywhere."""
    target = TARGET_ACCURACY
    return Thresholds(target, np.full(tree.num_species, target), np.full(tree.num_classes, target))


WAYS: dict[str, Fit] = {
    "the target, as a probability": at_its_word,
    "one a rank, species by all": by_all_pictures,
    "one a rank, no margin": partial(fit_thresholds, margin=0, parent=ALIKE),
    "one a rank": partial(fit_thresholds, parent=ALIKE),
    "each node alone": partial(fit_thresholds, parent=ALONE),
    "pooled, no margin": partial(fit_thresholds, margin=0),
    **{
        f"pooled, parent {round(PARENT * times)}": partial(fit_thresholds, parent=PARENT * times)
        for times in (0.25, 0.5, 2)
    },
    "pooled (what export does)": fit_thresholds,
}


def bench_thresholds(run_path: Path, *, lake: Place | None = None, rounds: int = ROUNDS) -> None:
    """Print a line for each way: per cent, the mean over `rounds`."""
    run = read_run(run_path)
    column = run.recipe.split
    with open_lake(lake or run.lake, at=run.snapshot) as opened:
        val, test = (read_pictures(opened, f"{column} = '{name}'", run.tree) for name in SPLITS)
    model = run.load_model()
    said = [judge(model, one, name).predictions for one, name in ((val, "val"), (test, "test"))]
    groups = np.concatenate([val.groups, test.groups])
    both = _joined(said)
    names = np.unique(groups)
    of_val = len(np.unique(val.groups)) / len(names)
    found: dict[str, list[Row]] = {name: [] for name in WAYS}
    for seed in range(rounds):
        dealt = np.random.default_rng(seed).random(len(names)) < of_val
        is_val = dealt[np.searchsorted(names, groups)]
        for name, row in _round(both.subset(is_val), both.subset(~is_val), run.tree).items():
            found[name].append(row)
    print(f"{run.path.name}: {len(val)} + {len(test)} pictures dealt {rounds} times; per cent")
    print(f"{'':<30}" + "".join(f"{column:>12}" for column in COLUMNS))
    for name, rows in found.items():
        means = [np.nanmean([row[column] for row in rows]) for column in COLUMNS]
        print(f"{name:<30}" + "".join(f"{100 * mean:12.1f}" for mean in means))
    print(EXPLANATION)


SPLITS = ("val", "test")
COLUMNS = ("conditions", "right", "species", "right ", "answered", "right  ", "held", "short")
EXPLANATION = f"""
conditions, species, answered: share of the pictures that get such an answer, and how many of
them are right. held: share of the rounds in which {TARGET_ACCURACY:.0%} of all answers are right.
short: answers that are missing to {TARGET_ACCURACY:.0%} within their species, of all answers."""


def _round(val: Predictions, test: Predictions, tree: LabelTree) -> dict[str, Row]:
    """Temperatures and thresholds from `val`, figures of `test`."""
    temperatures = fit_temperatures(val, tree)
    val, test = (with_temperatures(one, tree, temperatures) for one in (val, test))
    return {name: _figures(test, tree, fit(val, tree)) for name, fit in WAYS.items()}


def _figures(test: Predictions, tree: LabelTree, thresholds: Thresholds) -> Row:
    given = give_answers(test, tree, thresholds)
    told = describe_given(given)
    right = told.get("right", np.nan)
    species = test.species.argmax(axis=1)[given.names]
    answers = np.bincount(species, minlength=tree.num_species)
    hits = np.bincount(species, given.is_right[given.names], tree.num_species)
    missing = np.where(answers >= FEWEST, np.maximum(TARGET_ACCURACY * answers - hits, 0), 0)
    condition, species_told = told["kinds"]["condition"], told["kinds"]["species"]
    values = (
        *(condition["share"], condition.get("right", np.nan)),
        *(species_told["share"], species_told.get("right", np.nan)),
        *(told["answered"], right, float(right >= TARGET_ACCURACY)),
        missing.sum() / max(1, answers.sum()),
    )
    return dict(zip(COLUMNS, values, strict=True))


def _joined(said: list[Predictions]) -> Predictions:
    fields = ("species", "condition", "joint", "class_index")
    return Predictions(*(np.concatenate([getattr(one, name) for one in said]) for name in fields))


def main() -> int:
    """Command line: python -m export.bench_thresholds RUN."""
    parser = argparse.ArgumentParser(
        prog="python -m export.bench_thresholds",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", type=Path, metavar="RUN")
    parser.add_argument("--lake", type=as_place, metavar="DIR", help="if it was moved since")
    parser.add_argument("--rounds", type=int, default=ROUNDS, metavar="N")
    args = parser.parse_args()
    try:
        bench_thresholds(args.run, lake=args.lake, rounds=args.rounds)
    except UsageError as error:
        print(f"export.bench_thresholds: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
