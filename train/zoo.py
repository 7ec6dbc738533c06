"""`just zoo`: what does a backbone cost, and what is it good for, on the pictures of a lake?

In: a lake and minutes. Out: a run of each backbone, trained and evaluated alike, and their
comparison (train/compare.py) in OUT/compare/. What is done already is skipped.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import torch

from catalog.lake import open_lake
from catalog.storage import Place, as_place
from leaflake import UsageError
from train.backbones import load_backbone
from train.compare_cli import run_compare
from train.evaluate import evaluate
from train.plain_cnn import PLAIN_CNN
from train.recipe import LITE0, SWIN_TINY, Recipe
from train.recipes import cpu
from train.run_folder import find_finished
from train.train_cli import minutes
from train.train_run import train_run

BACKBONES = (
    PLAIN_CNN,
    "mobilenetv2_100",
    LITE0,
    *(f"efficientnet_b{size}" for size in range(5)),
    "convnext_tiny",
    SWIN_TINY,
    "vit_small_patch16_224",
    "vgg19",
)

REFUSED = "refused"

SIZE = 224
"""Pixels. For all alike, and the side that Swin-Tiny and ViT-Small are made for."""


def main() -> int:
    """Arguments, and the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lake", type=as_place, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder of runs")
    parser.add_argument("--minutes", type=minutes, default=5.0, help="of fine-tuning, for each")
    parser.add_argument("--only", metavar="NAME,...", help="some of the backbones, or others")
    parser.add_argument("--size", type=int, default=SIZE, help="of the pictures, pixels")
    parser.add_argument("--random", action="store_true", help="do not try to download weights")
    args = parser.parse_args()
    names = tuple(args.only.split(",")) if args.only else BACKBONES
    try:
        runs = train_zoo(args.lake, args.out, names, args.minutes, args.size, args.random)
        return run_compare(argparse.Namespace(runs=runs, out=args.out / "compare"))
    except UsageError as error:
        print(f"zoo: {error}", file=sys.stderr)
        return 2


def train_zoo(
    lake: Place, out: Path, names: tuple[str, ...], minutes: float, size: int, random: bool
) -> list[Path]:
    """Train and evaluate each. Returns the runs' folders.

    Where weights cannot be downloaded, that network and all after it begin with random ones, and
    the first refusal is shown. Raises UsageError for an unknown name or a lake that is none.
    """
    for name in names:
        load_backbone(name, pretrained=False)  # refuses an unknown name before the first hour
    with open_lake(lake) as opened:
        snapshot = opened.pictures_snapshot
    runs, may_download = [], not random
    for number, name in enumerate(names, start=1):
        print(f"\n== {number}/{len(names)}: {name}", flush=True)
        recipe = zoo_recipe(name, minutes, size)
        random_recipe = replace(recipe, pretrained=False, heads_first=False)
        done = [find_finished(out, one, lake, snapshot) for one in (recipe, random_recipe)]
        path = next((one for one in done if one), None)
        if path is None:
            weights = initial_weights(name, may_download)
            may_download = may_download and weights != REFUSED
            chosen = random_recipe if weights in ("none", REFUSED) else recipe
            path = train_run(chosen, lake, out, at=snapshot)
        if not (path / "evaluation.json").is_file():
            evaluate(path, lake_path=lake, write=False)
        runs.append(path)
    return runs


def zoo_recipe(name: str, minutes: float, size: int) -> Recipe:
    """The same settings for every backbone: those of the recipe `cpu`, at one size.

    On a processor without the choice of precision, which takes minutes for the largest networks.
    """
    on_gpu = torch.cuda.is_available()
    return replace(
        cpu(),
        name=f"zoo-{name}",
        backbone=name,
        device="any",
        minutes=minutes,
        train_size=size,
        eval_size=size,
        first_size=None,
        frozen_stages=0,
        mixup=0.0,
        cutmix=0.0,
        batch_size=64 if on_gpu else 16,
        learning_rate=2e-4,
        precision="auto" if on_gpu else "float32",
    )


def initial_weights(name: str, may_download: bool) -> str:
    """Where the network's weights would come from: `none` if it has none, REFUSED if they could
    not be downloaded, which is said."""
    try:
        return load_backbone(name, pretrained=may_download or name == LITE0).weights
    except UsageError as error:
        print(f"{error} This network and those after it begin with random ones.", file=sys.stderr)
        return REFUSED


if __name__ == "__main__":
    sys.exit(main())
