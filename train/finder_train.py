"""Train the leaf finder. In: a lake, boxes that people drew, photographs without plants. Out: a
folder with the finder and its figures on the test split, beside plain baselines.

Learnt from 986 PlantDoc pictures with 3,613 drawn boxes, 2,298 laboratory leaves and 223
backgrounds, in 8 minutes at 192 pixels on one thread of a busy machine (240 steps), it finds on 184
PlantDoc pictures that it never saw the main leaf of 81 %, with an overlap of 0.5 at least, and 54 %
of all 552 boxes; green excess 24 and 19 %, the centre crop 43 and 14 %. (`just train leaf-finder
--minutes 8 --size 192 --boxes plantdoc_boxes.tsv --backgrounds not_plants`, 2026-11-22.)
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from catalog.lake import open_lake
from catalog.moment import Moment
from catalog.organise import label_tree
from catalog.storage import Place, resolved
from shards.decode import decode_image
from train.augment import jitter_light
from train.backbones import load_backbone
from train.breakdown import LABORATORY
from train.finder_boxes import read_boxes
from train.finder_data import Example, Sources, batches, cropped, pasted
from train.finder_file import FinderSettings, write_finder
from train.finder_lake import SplitPictures, read_backgrounds, read_split
from train.finder_loss import finder_loss, make_targets
from train.finder_net import REDUCTIONS, Found, LeafFinder
from train.finder_score import (
    Finder,
    best_threshold,
    centre_crop,
    count,
    figures,
    find_all,
    green_excess,
    whole_picture,
)
from train.freezing import freeze_first
from train.hardware import describe_hardware
from train.kept_memory import keep_freed_memory
from train.run_folder import PACKAGES, code_commit

WARMUP = 0.1
"""Share of the time over which the learning rate rises."""

JUDGED_PASTED = 100
"""Pictures with pasted leaves on which a finder is judged."""

CLIP = 10.0
"""Largest norm of a gradient: a first step on sixteen new pictures may be wild."""

SAY_EVERY_S = 15.0

Table = dict[str, dict[str, dict[str, tuple[float, float, float]]]]
"""Kind of pictures -> way of finding -> figure -> value and interval."""


def train_finder(
    lake_path: Place,
    out: Path,
    settings: FinderSettings,
    *,
    boxes: Path | None = None,
    backgrounds: Path | None = None,
    laboratory: tuple[str, ...] = LABORATORY,
    init: Path | None = None,
    at: Moment | None = None,
) -> Path:
    """Train and judge. Returns the finder's folder, OUT/leaf-finder-TIME.

    Learns from train, takes its threshold from val and its figures from test. Raises UsageError
    before anything is written if there is too little to learn from.
    """
    keep_freed_memory()
    drawn = read_boxes(boxes) if boxes else {}
    photographs = read_backgrounds(backgrounds) if backgrounds else ()
    with open_lake(lake_path, at=at) as lake:
        tree, snapshot = label_tree(lake.connection), lake.snapshot
        train, val, test = (
            read_split(
                lake, split, tree, drawn=drawn, laboratory=laboratory, backgrounds=photographs
            )
            for split in ("train", "val", "test")
        )
    print(f"leaf-finder: train {train.describe()}; val {val.describe()}; test {test.describe()}")
    torch.manual_seed(settings.seed)
    backbone = load_backbone(settings.backbone, init=init)
    freeze_first(backbone.network, settings.frozen_stages)
    network = LeafFinder(backbone, settings.size)
    started = time.monotonic()
    steps = learn(network, train.sources, settings)
    threshold, table = judge_finder(network, val, test, settings)
    path = out / f"leaf-finder-{datetime.now(UTC).strftime('%Y%m%d-%H%M%S')}"
    about: dict[str, Any] = {
        "lake": str(resolved(lake_path)),
        "snapshot": snapshot,
        "initial_weights": backbone.weights,
        "commit": code_commit(),
        "versions": {name: version(name) for name in PACKAGES},
        "hardware": describe_hardware(),
        "pictures": {"train": train.describe(), "val": val.describe(), "test": test.describe()},
        "seconds": round(time.monotonic() - started, 1),
        "steps": steps,
        "threshold": threshold,
        "test": table,
    }
    write_finder(path, network, settings, about)
    return path


def learn(network: LeafFinder, sources: Sources, settings: FinderSettings) -> int:
    """Train in place until time or steps are over, one step at least. Returns how many."""
    network.train().to(memory_format=torch.channels_last)
    groups = weight_groups(network, settings)
    weights = [one for group in groups for one in group["params"]]
    optimiser = torch.optim.AdamW(groups, lr=0.0, weight_decay=settings.weight_decay)
    chance = torch.Generator().manual_seed(settings.seed)
    started, steps, progress, said = time.monotonic(), 0, 0.0, 0.0
    losses: list[float] = []
    with tqdm(desc="leaf-finder", unit="step", disable=None) as bar:
        for images, boxes in batches(sources, settings.size, settings.batch_size, settings.seed):
            for group in optimiser.param_groups:
                group["lr"] = group["highest"] * rate_share(progress)
            levels = images.to(torch.float32, memory_format=torch.channels_last)
            draws = torch.rand((len(levels), 3), generator=chance)
            levels = jitter_light(levels, draws, settings.light)
            targets = make_targets(boxes, settings.size // REDUCTIONS[0])
            middle, sides = network(network.preprocess.normalise(levels))
            loss = finder_loss(middle, sides, targets)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(weights, CLIP)
            optimiser.step()
            losses.append(loss.item())
            steps += 1
            bar.update()
            elapsed = time.monotonic() - started
            progress = elapsed / 60 / settings.minutes
            if settings.max_steps is not None:
                progress = max(progress, steps / settings.max_steps)
            if elapsed - said > SAY_EVERY_S or progress >= 1:
                said = elapsed
                pictures = steps * settings.batch_size
                tqdm.write(
                    f"step {steps}: loss {np.mean(losses):.3f}, {pictures / elapsed:.0f} "
                    f"pictures/s, {max(0.0, elapsed / progress - elapsed):.0f} s left",
                    file=sys.stderr,
                )
                losses.clear()
            if progress >= 1:
                break
    network.eval()
    return steps


def weight_groups(network: LeafFinder, settings: FinderSettings) -> list[dict[str, Any]]:
    """The weights that learn, with the highest learning rate of each part."""
    parts: dict[bool, list[torch.nn.Parameter]] = {True: [], False: []}
    for name, weight in network.named_parameters():
        if weight.requires_grad:
            parts[name.startswith("backbone.")].append(weight)
    slow = settings.learning_rate * settings.backbone_share
    return [
        {"params": parts[True], "highest": slow},
        {"params": parts[False], "highest": settings.learning_rate},
    ]


def rate_share(progress: float) -> float:
    """Learning rate as a share of the highest: straight up, then straight to zero."""
    return min(progress / WARMUP, (1 - progress) / (1 - WARMUP))


def judge_finder(
    network: LeafFinder, val: SplitPictures, test: SplitPictures, settings: FinderSettings
) -> tuple[float, Table]:
    """The threshold by val, and the figures of test: of pictures with drawn boxes, and of leaves
    pasted on backgrounds that were not seen."""
    examples, _ = drawn_examples(val) if val.sources.drawn else pasted_examples(val, settings)
    threshold = best_threshold(find_all(network.find, examples), examples)

    def finder(image: np.ndarray) -> Found:
        return network.find(image).over(threshold)

    ways: dict[str, Finder] = {
        "leaf finder": finder,
        "green excess": green_excess,
        "centre crop": centre_crop,
        "whole picture": whole_picture,
    }
    kinds = {"drawn": drawn_examples(test), "pasted": pasted_examples(test, settings)}
    return threshold, {
        kind: {name: judge_way(way, *those) for name, way in ways.items()}
        for kind, those in kinds.items()
        if those[0]
    }


def judge_way(
    way: Finder, examples: list[Example], groups: np.ndarray
) -> dict[str, tuple[float, float, float]]:
    """Figures of one way of finding."""
    pairs = zip(find_all(way, examples), examples, strict=True)
    return figures([count(found, example.boxes) for found, example in pairs], groups)


def drawn_examples(split: SplitPictures) -> tuple[list[Example], np.ndarray]:
    """Whole pictures with the boxes that people drew, and their groups."""
    examples = [Example(decode_image(data), boxes) for data, boxes in split.sources.drawn]
    return examples, split.groups


def pasted_examples(
    split: SplitPictures, settings: FinderSettings
) -> tuple[list[Example], np.ndarray]:
    """JUDGED_PASTED pictures with pasted leaves, each its own group; none where the split has no
    leaves or no backgrounds."""
    sources = split.sources
    if not (sources.leaves and sources.backgrounds):
        return [], np.empty(0, object)
    examples = []
    for number in range(JUDGED_PASTED):
        random = np.random.default_rng((settings.seed, number))
        background = decode_image(sources.backgrounds[random.integers(len(sources.backgrounds))])
        canvas = cropped(background, np.empty((0, 4), np.float32), settings.size, random).image
        one = pasted(canvas, sources, random)
        if len(one.boxes):
            examples.append(one)
    return examples, np.array([str(number) for number in range(len(examples))], object)
