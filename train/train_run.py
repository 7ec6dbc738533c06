"""One training run: a recipe and a lake in, a complete run folder out."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from tqdm import tqdm

from catalog.lake import open_lake
from catalog.moment import Moment
from catalog.organise import label_tree
from catalog.storage import Place
from leaflake import UsageError
from shards.loader import CropRange, Loader
from shards.select import read_encoded, select
from train.backbones import load_backbone
from train.classifier import Classifier
from train.loop import Row, Training, fit
from train.metrics import no_plant_mask
from train.recipes import Recipe
from train.run_folder import append_row, finish_run, save_weights, start_run
from train.speed import precision_name


def train_run(recipe: Recipe, lake_path: Place, runs: Path, *, at: Moment | None = None) -> Path:
    """Train on the lake as it is, or was `at` a moment. Returns the complete run's folder.

    The lake is closed before training starts, so that others may write to it.
    Raises UsageError before anything is written if there is no lake, a split is empty or the
    device is missing.
    """
    _refuse_missing_device(recipe)
    started = time.time()
    with open_lake(lake_path, at=at) as lake:
        tree, snapshot = label_tree(lake.connection), lake.snapshot
        train = select(lake, "split = 'train'", tree)
        val = select(lake, "split = 'val'", tree)
    if no_plant_mask(val.class_index, tree).all():
        raise UsageError(
            f"{lake_path}: val holds no picture of a plant, so nothing could be judged. "
            "Add pictures to the classes. Nothing was written."
        )
    backbone = load_backbone(recipe.backbone)
    path = start_run(runs, recipe, tree, lake_path, snapshot, backbone.weights)
    print(
        f"{recipe.name}: {recipe.backbone} ({backbone.weights} weights), {len(train):,} train and "
        f"{len(val):,} val pictures, {tree.num_species} species, {tree.num_classes} classes"
    )

    def log(row: Row) -> None:
        append_row(path, {"seconds": round(time.time() - started, 1), **row})
        tqdm.write(describe(row), file=sys.stderr)  # lifts the bar first

    loader = partial(
        Loader, batch_size=recipe.batch_size, seed=recipe.seed, threads=os.cpu_count() or 1
    )
    train_data = read_encoded(train)
    training = Training(
        recipe=recipe,
        tree=tree,
        model=Classifier(backbone, tree, recipe.eval_size),
        train=loader(train, size=recipe.train_size, crops=CropRange(), data=train_data),
        still=loader(train, size=recipe.train_size, data=train_data),
        val=loader(val, size=recipe.eval_size),
        log=log,
        keep=partial(save_weights, path),
    )
    best = fit(training)
    minutes = (time.time() - started) / 60
    precision = precision_name(training.precision)
    finish_run(path, training.model, {"minutes": minutes, "precision": precision, "val": best})
    print(f"val, epoch {best['epoch']}: {describe_figures(best)}; {minutes:.1f} minutes in all")
    return path


SPOKEN = {
    "species_top1": "species",
    "condition_top1": "disease",
    "condition_top3": "disease top-3",
    "joint_top1": "both",
}


def describe(row: Row) -> str:
    """One row of metrics.jsonl for people."""
    if row["stage"] == "pictures/s":
        rates = [f"{name} {rate}" for name, rate in row.items() if name != "stage"]
        return f"training steps, pictures/s: {', '.join(rates)}"
    stage = f"epoch {row['epoch']}" if "epoch" in row else "heads on frozen features"
    return f"{stage}: loss {row['loss']:.3f}; val {describe_figures(row)}"


def describe_figures(found: Mapping[str, float | int | str]) -> str:
    """Accuracies for people, as per cent."""
    return ", ".join(
        f"{spoken} {100 * float(found[key]):.1f} %"
        for key, spoken in SPOKEN.items()
        if key in found
    )


def _refuse_missing_device(recipe: Recipe) -> None:
    import torch

    if recipe.device == "cuda" and not torch.cuda.is_available():
        raise UsageError(
            f"recipe {recipe.name}: PyTorch {torch.__version__} sees no GPU. Install the build for "
            "yours (just torch_index=URL setup), or train with: just train cpu. "
            "Nothing was written."
        )
