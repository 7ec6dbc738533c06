"""`just label-efficiency`: what are labels worth, and what helps where there are few?

In: a lake and minutes. Out: a run for each share of the labels and each way of learning, trained
and evaluated alike, their figures as a table, and OUT/label-efficiency.png. What is done already is
skipped, so it can be stopped and started again.

    supervised   the labelled pictures alone
    longer       the same, with the pretraining's minutes besides: what those are worth otherwise
    pretrained   the same, after Barlow Twins on all pictures of train without labels
    joint        labels and Barlow Twins at once, these on all pictures of train
    distilled    learns from the labels and, on all pictures of train, from the answers of the run
                 `pretrained` (Chen et al., "Big self-supervised models are strong semi-supervised
                 learners", 2020, section 2)
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from catalog.lake import open_lake
from catalog.storage import Place, as_place
from leaflake import UsageError
from train.evaluate import evaluate
from train.label_plot import Cell, draw_cells, read_cell, table
from train.label_share import label_share_where
from train.recipe import Precision, Recipe
from train.recipes import barlow_twins, cpu
from train.run_folder import find_finished
from train.train_cli import minutes
from train.train_run import train_run

SHARES = (5, 10, 25, 100)
"""Per cent of the labels."""

WAYS = ("supervised", "longer", "pretrained", "joint", "distilled")


Settings = dict[str, Any]
"""Of a recipe."""


@dataclass(frozen=True)
class Study:
    """What all its runs have in common."""

    lake: Place
    snapshot: int
    out: Path
    """Folder of the runs."""

    minutes: float
    """Of each run with labels, its heads' stage left out."""

    pretrain_minutes: float
    """Of the one run without."""

    size: int
    """Of crops and of pictures to judge, pixels."""

    seed: int
    random: bool
    """Whether the networks begin with random weights, and not with ImageNet's."""

    def run(self, recipe: Recipe) -> Path:
        """Train, if that is not done; its folder."""
        print(f"\n== {recipe.name}", flush=True)
        done = find_finished(self.out, recipe, self.lake, self.snapshot)
        return done or train_run(recipe, self.lake, self.out, at=self.snapshot)

    def cell(self, share: int, way: str) -> Path:
        """Train and evaluate one cell, after what it needs; its run's folder."""
        init = str(self.run(self.pretraining())) if way == "pretrained" else None
        teacher = str(self.cell(share, "pretrained")) if way == "distilled" else None
        path = self.run(self.recipe(share, way, init, teacher))
        if not (path / "evaluation.json").is_file():
            evaluate(path, lake_path=self.lake, write=False)
        return path

    def pretraining(self) -> Recipe:
        """Without labels."""
        return replace(
            barlow_twins(),
            name="labels-none",
            minutes=self.pretrain_minutes,
            train_size=self.size,
            eval_size=self.size,
            pretrained=not self.random,
            precision=precision(),
            seed=self.seed,
            max_epochs=10**6,  # the minutes end it
        )

    def recipe(self, share: int, way: str, init: str | None, teacher: str | None) -> Recipe:
        """The settings of the recipe `cpu` at one size, for as many minutes whatever the share.

        Beside pictures without labels, those with one come as often as if all had one.
        """
        beside: Settings = {"unlabelled": "true", "max_repeat": 100 / share}
        ways: dict[str, Settings] = {
            "supervised": {},
            "longer": {"minutes": self.minutes + self.pretrain_minutes},
            "pretrained": {"init": init},
            "joint": {"twins": 0.5, **beside},
            "distilled": {"teacher": teacher, **beside},
        }
        common = replace(
            cpu(),
            name=f"labels-{share}-{way}",
            device="any",
            minutes=self.minutes,
            train_size=self.size,
            eval_size=self.size,
            first_size=None,
            pretrained=not self.random,
            precision=precision(),
            seed=self.seed,
            labels=label_share_where(share / 100, self.seed),
            max_epochs=math.ceil(cpu().max_epochs * 100 / share),
            heads_first=not self.random or way == "pretrained",
        )
        return replace(common, **ways[way])


def precision() -> Precision:
    """Without the choice on a processor, which would take a part of each run's minutes."""
    return "auto" if torch.cuda.is_available() else "float32"


def main(argv: Sequence[str] | None = None) -> int:
    """Arguments, and the exit status."""
    args = read_arguments(argv)
    try:
        with open_lake(args.lake) as opened:
            snapshot = opened.pictures_snapshot
        study = Study(
            args.lake, snapshot, args.out, args.minutes, args.pretrain_minutes or args.minutes,
            args.size, args.seed, args.random,
        )  # fmt: skip
        cells = []
        for share in args.shares:
            for way in args.ways:
                cells.append(read_cell(study.cell(share, way), share, way))
                write_cells(cells, args.out)
    except UsageError as error:
        print(f"label-efficiency: {error}", file=sys.stderr)
        return 2
    print(f"\n{table(cells)}\n{args.out / 'label-efficiency.png'}")
    return 0


def write_cells(cells: Sequence[Cell], out: Path) -> None:
    """The figures and the picture of what is done so far."""
    draw_cells(cells, out / "label-efficiency.png")
    temporary = out / "label-efficiency.json.tmp"
    rows = [cell.row() for cell in cells]
    temporary.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    temporary.rename(out / "label-efficiency.json")


def read_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Of the command line."""
    parser = argparse.ArgumentParser(
        prog="just label-efficiency",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--lake", type=as_place, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder of runs")
    parser.add_argument("--minutes", type=minutes, default=20.0, help="of each run")
    parser.add_argument(
        "--pretrain-minutes", type=minutes, help="of the run without labels (default: the same)"
    )
    parser.add_argument(
        "--shares", type=shares, default=SHARES, metavar="N,...", help="per cent of the labels"
    )
    parser.add_argument("--ways", type=ways, default=WAYS, metavar="WAY,...", help=", ".join(WAYS))
    parser.add_argument("--size", type=int, default=128, help="of the pictures, pixels")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of labels, and the runs")
    parser.add_argument("--random", action="store_true", help="begin with random weights")
    return parser.parse_args(argv)


def shares(text: str) -> tuple[int, ...]:
    """Whole per cents, 1 to 100, with commas between them."""
    try:
        found = tuple(int(one) for one in text.split(","))
    except ValueError:
        found = (0,)
    if not all(1 <= one <= 100 for one in found):
        raise argparse.ArgumentTypeError(f"{text!r} are not whole per cents from 1 to 100")
    return found


def ways(text: str) -> tuple[str, ...]:
    """Some of WAYS, with commas between them."""
    found = tuple(text.split(","))
    if unknown := [one for one in found if one not in WAYS]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is not one of {', '.join(WAYS)}")
    return found


if __name__ == "__main__":
    sys.exit(main())
