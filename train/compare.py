"""Runs side by side. In: run folders. Out: accuracy, speed and size of each; a table and a plot.

Accuracy is read from the run, of the test split where it was evaluated and else of val; speed is
measured here and now, as the machine that will answer is what counts.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from leaflake import UsageError
from train.classifier import Classifier
from train.run_folder import Run, read_run

ROUNDS = 5
ROUND_S = 1.0
"""Each model is timed in so many rounds of at least so many seconds, taking turns."""

SIDE = 256
"""Of the picture that is answered, pixels."""

SHARES = {"species_top1": "species", "condition_top3": "disease top-3", "joint_top1": "both"}


@dataclass(frozen=True)
class Contestant:
    """One run."""

    run: str
    backbone: str
    heads: str
    weights: str
    """Where they came from before training; `none`: random."""

    split: str
    """Whose figures these are: test, or val if the run was not evaluated."""

    snapshot: str
    """Of which lake the figures are."""

    shares: dict[str, float]
    """Of SHARES, as far as the split has them, 0-1."""

    parameters: int
    file_bytes: int
    """Of best.safetensors."""

    pictures_per_s: float
    """Answers to one picture at a time, resizing included, in float32."""


def compare(paths: Sequence[Path]) -> list[Contestant]:
    """Read and time the runs; the best by both species and condition first.

    Raises UsageError if a folder is no complete run or named twice.
    """
    names = [path.resolve() for path in paths]
    for path in names:
        if names.count(path) > 1:
            raise UsageError(f"{path}: named twice. Name each run once. Nothing was written.")
    runs = [read_run(path) for path in paths]
    models = [run.load_model() for run in runs]
    rates = answer_rates(models)
    found = [
        contestant(run, model, rate) for run, model, rate in zip(runs, models, rates, strict=True)
    ]
    return sorted(found, key=lambda one: (-one.shares.get("joint_top1", 0), one.run))


def contestant(run: Run, model: Classifier, pictures_per_s: float) -> Contestant:
    """What is known of a run."""
    split, figures = judged_figures(run)
    return Contestant(
        run=run.path.resolve().name,
        backbone=run.recipe.backbone,
        heads=run.recipe.heads,
        weights=run.config["initial_weights"],
        split=split,
        snapshot=f"{run.lake}, snapshot {run.snapshot}, {run.recipe.split}",
        shares={key: float(figures[key]) for key in SHARES if key in figures},
        parameters=sum(weight.numel() for weight in model.parameters()),
        file_bytes=(run.path / "best.safetensors").stat().st_size,
        pictures_per_s=pictures_per_s,
    )


def judged_figures(run: Run) -> tuple[str, dict[str, Any]]:
    """Of test, if `leaflake evaluate` was asked, else of val."""
    evaluation = run.path / "evaluation.json"
    if evaluation.is_file():
        return "test", json.loads(evaluation.read_text(encoding="utf-8"))["all"]
    return "val", run.metrics["val"]


def answer_rates(models: Sequence[Classifier]) -> list[float]:
    """Pictures a second of each, the median of the rounds."""
    levels = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    image = torch.from_numpy(levels)
    rounds: list[list[float]] = [[] for _ in models]
    with torch.inference_mode():
        for model in models:
            model(image)
        for _ in range(ROUNDS):
            for model, rates in zip(models, rounds, strict=True):
                rates.append(_rate(model, image))
    return [statistics.median(rates) for rates in rounds]


def _rate(model: Classifier, image: torch.Tensor) -> float:
    started, answers = time.perf_counter(), 0
    while (seconds := time.perf_counter() - started) < ROUND_S:
        model(image)
        answers += 1
    return answers / seconds


def notes(found: Sequence[Contestant]) -> list[str]:
    """What keeps the figures from being comparable."""
    said = []
    if len({one.split for one in found}) > 1:
        unjudged = ", ".join(one.run for one in found if one.split == "val")
        said.append(f"note: of val, as leaflake evaluate was not asked yet: {unjudged}")
    if len({one.snapshot for one in found}) > 1:
        said.append("note: the runs are of different pictures:")
        said += [f"note:   {one.run}: {one.snapshot}" for one in found]
    return said


COLUMNS = ("run", "backbone", "heads", "weights", "split", *SHARES.values())
MEASURES = ("million weights", "MB", "pictures/s")


def table(found: Sequence[Contestant]) -> str:
    """As aligned text."""
    rows: list[tuple[str, ...]] = [(*COLUMNS, *MEASURES)]
    for one in found:
        shares = [f"{100 * one.shares[key]:.1f} %" if key in one.shares else "-" for key in SHARES]
        measures = (one.parameters / 1e6, one.file_bytes / 1e6, one.pictures_per_s)
        words = (one.run, one.backbone, one.heads, _first_word(one.weights), one.split)
        rows.append((*words, *shares, *(f"{value:.1f}" for value in measures)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    is_word = len(COLUMNS) - len(SHARES)
    return "\n".join(
        "  ".join(
            cell.ljust(width) if place < is_word else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _first_word(weights: str) -> str:
    """Without the checksum of a file, and of its path the name alone."""
    return Path(weights.partition(" ")[0]).name
