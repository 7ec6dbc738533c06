"""How good a run is on the test split. In: a run and its lake. Out: figures, pages, predictions.

Test is opened here alone. Everything that a run's folder gets is written when all is known,
evaluation.json last.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catalog.lake import Lake, open_lake
from catalog.moment import Moment
from catalog.storage import Place
from leaflake import UsageError
from train.breakdown import (
    LABORATORY,
    answers,
    by_condition,
    by_dataset,
    by_species,
    kind_masks,
    summary,
)
from train.calibration import fit_temperatures, with_temperatures
from train.classifier import Classifier
from train.confusion import condition_confusions, species_confusion
from train.data import train_where
from train.evaluation_plots import calibration_plot, coverage_plot
from train.folds import judge_in_folds, load_untrained
from train.judged import Judged, Pictures, judge, read_pictures
from train.metrics import no_plant_mask
from train.mistakes import mistakes_page
from train.predictions_table import Prediction, predictions_of, write_predictions
from train.run_folder import Run, read_run

TITLES = (
    "Which species is taken for which",
    "Which disease is taken for which",
    "Are probabilities what they say?",
    "What is won by not answering",
)
"""Of the drawings on the page of mistakes, in the order of _pages."""


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found."""

    figures: dict[str, Any]
    """What evaluation.json holds: what was asked, then rows `all`, `laboratory` and `other`, then
    `datasets`, `species` and `conditions`, each name -> row."""

    notes: tuple[str, ...]
    """What a person should know of it, a sentence each."""


def evaluate(
    run_path: Path,
    *,
    lake_path: Place | None = None,
    at: Moment | None = None,
    laboratory: tuple[str, ...] = LABORATORY,
    train_too: bool = False,
    write: bool = True,
) -> Evaluation:
    """Ask a run about test, in the split column that it was trained by.

    The labels are those of the run's snapshot, and figures and pages go to its folder. What the
    model says of test and val, and with `train_too` of train (train/folds.py), goes into the lake's
    table `predictions` if `write`. With `at` the labels are those of that moment, and nothing is
    written. Raises UsageError if the run or lake is none, the lake has classes that the run has
    not, or test holds a picture that the run was trained or chosen by.
    """
    run = read_run(run_path)
    place = lake_path or run.lake
    untrained = load_untrained(run) if train_too else None  # refuses before the long part
    test, val, train = _read_splits(run, place, at, train_too)
    model = run.load_model()
    on_val, on_test = judge(model, val, "val"), judge(model, test, "test")
    temperatures = fit_temperatures(on_val.predictions, run.tree)
    scaled = {
        "test": _scaled(on_test, run, temperatures),
        "val": _scaled(on_val, run, temperatures),
    }
    about = {
        "run": run.path.name,
        "split": run.recipe.split,
        "snapshot": run.snapshot if at is None else str(at),
        "temperatures": {"species": temperatures[0], "condition": temperatures[1]},
    }
    figures = {**about, **_rows(run, on_test, scaled["test"], laboratory)}
    if at is not None:
        return Evaluation(figures, ("With --at nothing is written.",))
    _write_files(run, _pages(run, model, on_test, scaled["test"], laboratory), figures)
    if not write:
        return Evaluation(figures, ("Nothing was written to the lake (--no-write).",))
    rows = [row for split, one in scaled.items() for row in predictions_of(run, split, one)]
    if train is not None and untrained is not None:
        rows += predictions_of(
            run, "train", judge_in_folds(untrained, train, run.tree), judge="folds"
        )
    return Evaluation(figures, (_record(place, run, rows),))


def _read_splits(
    run: Run, place: Place, at: Moment | None, train_too: bool
) -> tuple[Pictures, Pictures, Pictures | None]:
    """Test at the moment that is asked for, val and perhaps train as the run saw them."""
    column = run.recipe.split
    with open_lake(place, at=run.snapshot) as lake:
        val = read_pictures(lake, f"{column} = 'val'", run.tree)
        train = read_pictures(lake, f"{column} = 'train'", run.tree) if train_too else None
        if at is None:
            return read_pictures(lake, f"{column} = 'test'", run.tree), val, train
        seen = _contents(lake, f"({train_where(column)}) OR {column} = 'val'")
    with open_lake(place, at=at) as lake:
        if mixed := seen & _contents(lake, f"{column} = 'test'"):
            raise UsageError(
                f"{place}: {len(mixed):,} pictures of test at {at} were in train or val when "
                f"{run.path.name} was trained (snapshot {run.snapshot}), so that it would be "
                "judged on what it has seen. Train anew, or leave out --at. Nothing was written."
            )
        return read_pictures(lake, f"{column} = 'test'", run.tree), val, train


def _contents(lake: Lake, where: str) -> set[str]:
    """sha256 of the samples for which the SQL condition holds."""
    query = f"SELECT DISTINCT sha256 FROM samples WHERE {where}"
    return {row[0] for row in lake.connection.execute(query).fetchall()}


def _scaled(judged: Judged, run: Run, temperatures: tuple[float, float]) -> Judged:
    said = with_temperatures(judged.predictions, run.tree, temperatures)
    return judged.with_predictions(said)


def _rows(run: Run, raw: Judged, scaled: Judged, laboratory: tuple[str, ...]) -> dict[str, Any]:
    return {
        **summary(raw, scaled, run.tree, laboratory),
        "datasets": by_dataset(raw, run.tree),
        "species": by_species(raw, run.tree, laboratory),
        "conditions": by_condition(raw, run.tree, laboratory),
    }


def _record(place: Place, run: Run, rows: list[Prediction]) -> str:
    """Write to the lake; what came of it, in a sentence."""
    try:
        return write_predictions(place, run.path.name, rows)
    except UsageError as error:
        return f"The predictions are not in the lake: {error}"


def _pages(
    run: Run, model: Classifier, raw: Judged, scaled: Judged, laboratory: tuple[str, ...]
) -> dict[str, str]:
    """File name -> text."""
    tree = run.tree
    plants = ~no_plant_mask(raw.predictions.class_index, tree)
    kinds = kind_masks(raw.pictures.datasets, laboratory)
    answered = {
        kind: answers(scaled.predictions.subset(mask & plants), tree)
        for kind, mask in kinds.items()
        if (mask & plants).any()
    }
    before = answers(raw.predictions.subset(plants), tree)
    drawings = {
        "confusion-species.svg": species_confusion(raw.predictions, tree),
        "confusion-diseases.svg": condition_confusions(raw.predictions, tree),
        "calibration.svg": calibration_plot(before, answered["all"]),
        "coverage.svg": coverage_plot(answered),
    }
    shown = dict(zip(TITLES, drawings.values(), strict=True))
    page = mistakes_page(run.path.name, scaled, model, tree, laboratory, shown)
    return {**drawings, "mistakes.html": page}


def _write_files(run: Run, pages: Mapping[str, str], figures: Mapping[str, Any]) -> None:
    text = json.dumps(figures, indent=1) + "\n"
    for name, content in {**pages, "evaluation.json": text}.items():
        temporary = run.path / f"{name}.tmp"
        temporary.write_text(content, encoding="utf-8")
        temporary.rename(run.path / name)
