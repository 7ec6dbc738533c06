"""Leaflake's training loop and timm's, on the same JPEGs with the same settings.

In: a lake. Out: pictures a second of each round, and the CPU time that they took. Each runs in a
process of its own, one after the other, every other round the other first, for two epochs, of which
the second is timed; neither judges on val.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch

from catalog.lake import open_lake
from catalog.storage import as_place
from catalog.taxonomy import LabelTree
from shards.select import Selection, every_class, read_encoded, select
from train.backbones import load_backbone
from train.classifier import Classifier
from train.data import open_loaders
from train.fine_tune import FineTune
from train.kept_memory import keep_freed_memory
from train.recipe import Precision, Recipe
from train.recipes import cpu
from train.rival_timm import Meter, Settings
from train.training import Training

OURS, TIMM = "Leaflake", "timm's train.py, rewritten"


def time_loops(
    lake: Path, out: Path, *, backbone: str, pictures: int, rounds: int, precision: Precision
) -> dict[str, dict[str, list[float]]]:
    """`pictures_per_s` and `cpu_s_per_1000` -> contestant -> each round. The JPEGs go to OUT."""
    settings = shared_settings(backbone, precision)
    selection, tree = some_pictures(lake, pictures)
    folder = write_folder(selection, tree, out / f"pictures-{len(selection)}")
    commands = {
        OURS: ["train.bench_loop", str(lake), str(pictures)],
        TIMM: ["train.rival_timm", str(folder)],
    }
    found: dict[str, dict[str, list[float]]] = {}
    for number in range(rounds):
        for who in sorted(commands, reverse=number % 2 == 1):
            command = [sys.executable, "-m", *commands[who], json.dumps(asdict(settings))]
            said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            for name, rate in json.loads(said.splitlines()[-1]).items():
                found.setdefault(name, {one: [] for one in commands})[who].append(rate)
    return found


def shared_settings(backbone: str, precision: Precision) -> Settings:
    """Those of the recipe `cpu`, as timm's script takes them."""
    recipe = cpu()
    return Settings(
        backbone=backbone,
        size=recipe.train_size,
        batch_size=recipe.batch_size,
        workers=2,
        learning_rate=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        smoothing=recipe.smoothing,
        ema_decay=recipe.ema_decay,
        precision=precision,
        area=(recipe.min_area, 1.0),
    )


def some_pictures(lake: Path, pictures: int) -> tuple[Selection, LabelTree]:
    """So many of the train split, chosen at random; all, if it has fewer. A multiple of the batch,
    as timm leaves out what is over."""
    with open_lake(as_place(lake)) as opened:
        tree = every_class(opened)
        train = select(opened, "split = 'train'", tree)
    count = min(pictures, len(train)) // cpu().batch_size * cpu().batch_size
    chosen = np.random.default_rng(0).permutation(len(train))[:count]
    return train.take(np.sort(chosen)), tree


def write_folder(selection: Selection, tree: LabelTree, folder: Path) -> Path:
    """The same bytes as a folder of class folders, which is written once."""
    if folder.is_dir():
        return folder
    temporary = folder.with_name(folder.name + ".tmp")
    for key, index, data in zip(
        selection.keys, selection.class_index, read_encoded(selection), strict=True
    ):
        species, condition = tree.label(int(index))
        of_class = temporary / f"{species.species_id}.{condition.condition_id}"
        of_class.mkdir(parents=True, exist_ok=True)
        (of_class / f"{key}.jpg").write_bytes(data)
    temporary.rename(folder)
    return folder


@dataclass
class TimedTraining(Training):
    """Measures each epoch when it ends, instead of judging the weights."""

    epochs: list[dict[str, float]] = field(default_factory=list)
    meter: Meter = field(default_factory=Meter)

    def judge(self, model: Classifier) -> dict[str, float | int]:
        self.epochs.append(self.meter.rates(len(self.train.selection)))
        self.meter = Meter()
        return {"joint_top1": 0.0}


def measure(lake: Path, pictures: int, settings: Settings) -> dict[str, float]:
    """The rates of the second epoch of Leaflake's loop."""
    selection, tree = some_pictures(lake, pictures)
    recipe = our_recipe(settings)
    with open_loaders(recipe, selection, selection, lake) as (crops, still, val):
        training = TimedTraining(
            recipe=recipe,
            tree=tree,
            model=Classifier(load_backbone(recipe.backbone, pretrained=False), tree, settings.size),
            train=crops,
            still=still,
            val=val,
            log=lambda row: None,
            keep=lambda state: None,
            precision=getattr(torch, settings.precision),
        )
        keep_freed_memory()  # as train/loop.py does
        FineTune(training).run()
    return training.epochs[1]


def our_recipe(settings: Settings) -> Recipe:
    """The recipe `cpu` with the shared settings, for two epochs."""
    return replace(
        cpu(),
        backbone=settings.backbone,
        train_size=settings.size,
        eval_size=settings.size,
        first_size=None,
        frozen_stages=0,
        mixup=0.0,
        cutmix=0.0,
        batch_size=settings.batch_size,
        workers=settings.workers,
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        smoothing=settings.smoothing,
        ema_decay=settings.ema_decay,
        precision=settings.precision,
        max_epochs=2,
        minutes=None,
    )


if __name__ == "__main__":
    place, count, shared = sys.argv[1:]
    print(json.dumps(measure(Path(place), int(count), Settings(**json.loads(shared)))))
