"""`leaflake train`: arguments, and the whole of one run."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

EXAMPLE = """example:
  leaflake train cpu --lake lake/ --out runs/
  leaflake train cpu --lake lake/ --out runs/ --minutes 5

Prints the run's folder as its last line."""

RECIPE_NAMES = ("cpu", "rtx-3090", "strix-halo")


def add_train(parser: argparse.ArgumentParser) -> None:
    """Arguments of `leaflake train`."""
    parser.epilog = EXAMPLE
    parser.add_argument("recipe", choices=RECIPE_NAMES, help="see train/recipes.py")
    parser.add_argument("--lake", type=Path, required=True, metavar="DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="RUNS", help="folder of runs")
    parser.add_argument(
        "--minutes", type=float, help="time for fine-tuning (default: the recipe's)"
    )
    parser.add_argument("--epochs", type=int, help="at most so many (default: as time allows)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--reuse", action="store_true", help="if such a run is done, only name it")


def run_train(args: argparse.Namespace) -> int:
    """Train, and print the val figures and the run's folder."""
    from catalog.lake import open_lake
    from catalog.organise import label_tree
    from leaflake import UsageError
    from shards.select import select
    from train.recipes import RECIPES
    from train.run_folder import find_finished

    recipe = replace(RECIPES[args.recipe](), seed=args.seed)
    if args.minutes is not None:
        recipe = replace(recipe, minutes=args.minutes)
    if args.epochs is not None:
        recipe = replace(recipe, max_epochs=args.epochs)
    with open_lake(args.lake) as lake:
        finished = find_finished(args.out, recipe, lake.path, lake.snapshot) if args.reuse else None
        if finished:
            print(f"trained before on snapshot {lake.snapshot}", file=sys.stderr)
            print(finished)
            return 0
        tree, snapshot = label_tree(lake.connection), lake.snapshot
        train = select(lake, "split = 'train'", tree)
        val = select(lake, "split = 'val'", tree)
    if recipe.device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise UsageError(
                f"recipe {recipe.name}: PyTorch {torch.__version__} sees no GPU. Install the build "
                "for yours (just setup TORCH_INDEX=...), or train with: just train cpu"
            )
    print(_train(recipe, tree, train, val, args.lake, snapshot, args.out))
    return 0


def _train(
    recipe: Any, tree: Any, train: Any, val: Any, lake: Path, snapshot: int, runs: Path
) -> Path:
    import os
    import time

    from train.backbones import load_backbone
    from train.classifier import Classifier
    from train.loop import Training, fit, make_loader
    from train.run_folder import append_row, finish_run, start_run

    started = time.time()
    backbone = load_backbone(recipe.backbone)
    path = start_run(runs, recipe, tree, lake, snapshot, backbone.weights)
    print(
        f"{recipe.name}: {recipe.backbone} ({backbone.weights} weights), {len(train):,} train and "
        f"{len(val):,} val pictures, {tree.num_species} species, {tree.num_classes} classes"
    )

    def log(row: dict[str, Any]) -> None:
        append_row(path, {"seconds": round(time.time() - started, 1), **row})
        print(_describe(row), file=sys.stderr)

    threads = os.cpu_count() or 1
    training = Training(
        recipe=recipe,
        tree=tree,
        model=Classifier(backbone, tree, recipe.eval_size),
        train=make_loader(recipe, train, training=True, threads=threads),
        val=make_loader(recipe, val, training=False, threads=threads),
        log=log,
    )
    best = fit(training)
    minutes = (time.time() - started) / 60
    finish_run(path, training.model, {"minutes": minutes, "val": best})
    print(f"val, best epoch {best['epoch']}: {_describe(best)}; {minutes:.1f} minutes")
    return path


def _describe(row: dict[str, Any]) -> str:
    parts = [f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items()]
    return ", ".join(parts)
