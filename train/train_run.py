"""One training run: a recipe and a lake in, a complete run folder out."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from tqdm import tqdm

from catalog.lake import open_lake
from catalog.moment import Moment
from catalog.organise import label_tree
from catalog.storage import Place
from leaflake import UsageError
from shards.crop import Crops
from shards.loader import Loader
from shards.select import Selection, select
from shards.workers import Workers
from train.backbones import load_backbone
from train.classifier import Classifier
from train.loop import Row, Training, fit
from train.metrics import no_plant_mask
from train.pin import pin_memory
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
    with open_loaders(recipe, train, val) as (crops, still, judged):
        path = start_run(runs, recipe, tree, lake_path, snapshot, backbone.weights)
        print(
            f"{recipe.name}: {recipe.backbone} ({backbone.weights} weights), {len(train):,} train "
            f"and {len(val):,} val pictures, {tree.num_species} species, "
            f"{tree.num_classes} classes"
        )

        def log(row: Row) -> None:
            append_row(path, {"seconds": round(time.time() - started, 1), **row})
            tqdm.write(describe(row), file=sys.stderr)  # lifts the bar first

        training = Training(
            recipe=recipe,
            tree=tree,
            model=Classifier(backbone, tree, recipe.eval_size),
            train=crops,
            still=still,
            val=judged,
            log=log,
            keep=partial(save_weights, path),
        )
        best = fit(training)
    minutes = (time.time() - started) / 60
    precision = precision_name(training.precision)
    finish_run(path, training.model, {"minutes": minutes, "precision": precision, "val": best})
    print(f"val, epoch {best['epoch']}: {describe_figures(best)}; {minutes:.1f} minutes in all")
    return path


@contextmanager
def open_loaders(
    recipe: Recipe, train: Selection, val: Selection
) -> Iterator[tuple[Loader, Loader, Loader]]:
    """Random crops of `train`, its whole pictures, and those of `val`: with the same workers, and
    the bytes of `train` once. Raises UsageError if they do not fit into memory."""
    with ExitStack() as stack:
        loader = partial(
            Loader,
            batch_size=recipe.batch_size,
            seed=recipe.seed,
            workers=stack.enter_context(Workers(recipe.workers)),
            cache=recipe.cache,
            leave_bytes=int(recipe.leave_gb * 1e9),
            pin=pin_memory if recipe.device == "cuda" else None,
        )
        yield (
            stack.enter_context(
                loader(train, size=recipe.train_size, crops=Crops(), max_repeat=recipe.max_repeat)
            ),
            stack.enter_context(loader(train, size=recipe.train_size)),
            stack.enter_context(loader(val, size=recipe.eval_size)),
        )


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
    said = f"{stage}: loss {row['loss']:.3f}; val {describe_figures(row)}"
    if "pictures_per_s" in row:
        waiting = 100 * float(row["waiting_share"])
        said += f"; {row['pictures_per_s']} pictures/s, {waiting:.1f} % waiting for them"
    return said


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
