"""How good a run is on the test split. In: a run and its lake. Out: figures, by kind of dataset."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from catalog.lake import open_lake
from catalog.moment import Moment
from catalog.storage import Place
from catalog.taxonomy import LabelTree
from shards.decode import decode_image
from shards.select import read_encoded, select
from train.classifier import Classifier
from train.metrics import Predictions, figures
from train.run_folder import Run, read_run

LABORATORY = ("pv_*", "leaffliction", "cherry_ci", "plantvillage*")
"""Datasets of single leaves on a board, in any case. They are easy, so they never stand alone in a
report."""

SUMMARY_ROWS = ("all", "laboratory", "other")


def predict_pictures(
    model: Classifier, encoded: Sequence[bytes], class_index: np.ndarray, what: str
) -> Predictions:
    """What the model says of whole pictures, one by one, through its own preprocessing.

    This is exactly what a server does with them, in float32. Only one is decoded at a time.
    """
    rows: list[list[np.ndarray]] = []
    model.eval()
    with torch.inference_mode():
        for data in tqdm(encoded, desc=what, unit="picture"):
            log_probs, _ = model(torch.from_numpy(decode_image(data)))
            parts = (log_probs.species, log_probs.condition, log_probs.joint)
            rows.append([part[0].numpy() for part in parts])
    species, condition, joint = (np.stack([row[i] for row in rows]) for i in range(3))
    return Predictions(species, condition, joint, class_index)


def evaluate(
    run_path: Path,
    *,
    lake_path: Place | None = None,
    at: Moment | None = None,
    laboratory: tuple[str, ...] = LABORATORY,
) -> dict[str, dict[str, float | int]]:
    """Figures of the test split: `all`, `laboratory` and `other` datasets, and each dataset.

    The labels are those of the run's snapshot, and the figures go to its evaluation.json; with
    `at` the labels are those of that moment, and nothing is written. Raises UsageError if the run
    or lake is none, or the lake has classes that the run has not.
    """
    run = read_run(run_path)
    with open_lake(lake_path or run.lake, at=run.snapshot if at is None else at) as lake:
        test = select(lake, "split = 'test'", run.tree)
    predictions = predict_pictures(run.load_model(), read_encoded(test), test.class_index, "test")
    result = by_dataset(run.tree, predictions, np.array(test.datasets), laboratory)
    if at is None:
        _write(run, result)
    return result


def by_dataset(
    tree: LabelTree, predictions: Predictions, datasets: np.ndarray, laboratory: tuple[str, ...]
) -> dict[str, dict[str, float | int]]:
    """The figures of all pictures, of laboratory and other sets, and of each dataset.

    A dataset that is called like one of SUMMARY_ROWS has the row `dataset all`, for example.
    """
    names = sorted(set(datasets.tolist()))
    easy = [name for name in names if is_laboratory(name, laboratory)]
    masks = {"all": np.ones(len(datasets), dtype=bool)}
    if easy and len(easy) < len(names):
        masks |= {"laboratory": np.isin(datasets, easy), "other": ~np.isin(datasets, easy)}
    if len(names) > 1:
        for name in names:
            row = f"dataset {name}" if name in SUMMARY_ROWS else name
            masks[row] = datasets == name
    return {name: figures(predictions.subset(mask), tree) for name, mask in masks.items()}


def is_laboratory(dataset: str, patterns: tuple[str, ...]) -> bool:
    """Whether the name fits one of the shell-style patterns; case does not count."""
    return any(fnmatch.fnmatchcase(dataset.lower(), pattern.lower()) for pattern in patterns)


def _write(run: Run, result: dict[str, Any]) -> None:
    temporary = run.path / "evaluation.json.tmp"
    temporary.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    temporary.rename(run.path / "evaluation.json")
