"""`leaflake augment`: arguments, and what was made."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

from leaflake import UsageError

if TYPE_CHECKING:
    from train.offline_augment import Augmented

EXAMPLE = """example:
  leaflake augment --input-folder photos/ --output-folder more/ --label-file labels.csv \\
      --new-label-and-weights-file more.csv
  leaflake augment --print-steps > steps.toml

The label file is CSV with the columns path (in the input folder), label and, if it has one, split
(train, val or test). Pictures of val and test are copied as they are; of the others, those of small
classes come several times, changed by chance as in training. A class of n pictures gets
min(n_max, n * max_augment), n_max being the size of the largest. The new file has the columns path,
label, weight and split: a picture weighs pictures / (classes * pictures of its class), so that all
classes count alike. sheet.html in the output folder shows what the steps do. Run it again to go on
where it was stopped; the new label file is written last."""

NEEDED = ("input_folder", "output_folder", "label_file", "new_label_and_weights_file")


def add_augment(parser: argparse.ArgumentParser) -> None:
    """Arguments of `leaflake augment`."""
    parser.epilog = EXAMPLE
    about = (
        ("IN", "folder of pictures"),
        ("OUT", "new folder, or one that was begun"),
        ("CSV", "path,label or path,label,split"),
        ("CSV", "path,label,weight, which is written last"),
    )
    for name, (metavar, text) in zip(NEEDED, about, strict=True):
        spellings = (f"--{name.replace('_', '-')}", f"--{name}")
        parser.add_argument(*spellings, type=Path, metavar=metavar, help=text)
    parser.add_argument(
        "--steps", type=Path, metavar="TOML", help="which steps, in which order, with which numbers"
    )
    parser.add_argument(
        "--print-steps", "--print_steps", action="store_true", help="print the file of all steps"
    )
    parser.add_argument(
        "--max-augment",
        "--max_augment",
        type=times,
        metavar="TIMES",
        help="that a class may grow at most (default: 10)",
    )
    parser.add_argument("--seed", type=seed, default=0, metavar="N", help="default: 0")
    parser.add_argument(
        "--train-only",
        "--train_only",
        action="store_true",
        help="pass over val and test instead of copying them",
    )


def run_augment(args: argparse.Namespace) -> int:
    """Augment, and print how many pictures there are; or print the steps."""
    if args.print_steps:
        from train.offline_list import print_steps
        from train.offline_steps import all_steps

        print(print_steps(all_steps()), end="")
        return 0
    missing = [f"--{name.replace('_', '-')}" for name in NEEDED if getattr(args, name) is None]
    if missing:
        raise UsageError(f"{', '.join(missing)} missing. Nothing was written.")
    from train.offline_augment import augment_pictures
    from train.offline_list import read_steps

    options = {} if args.max_augment is None else {"max_augment": args.max_augment}
    done = augment_pictures(
        *(getattr(args, name) for name in NEEDED),
        steps=read_steps(args.steps) if args.steps else None,
        seed=args.seed,
        train_only=args.train_only,
        **options,
    )
    for line in describe(done, args):
        print(line)
    return 0


def describe(done: Augmented, args: argparse.Namespace) -> list[str]:
    """What was made, a line each."""
    lines = [
        f"{done.kept:,} pictures of {done.classes} classes to learn from, {done.largest:,} of the "
        f"largest; {done.copies:,} augmented ones; {done.others:,} of val and test as they are"
    ]
    if done.rejected:
        lines.append(f"no picture, and left out: {done.rejected:,}; see rejected.tsv")
    if not done.has_splits:
        lines.append(
            "note: the labels have no column split, so all were taken to learn from. Judge a model "
            "on none of them, as copies of one picture would be on both sides."
        )
    lines.append(f"{args.new_label_and_weights_file}: labels and weights")
    lines.append(f"{args.output_folder / 'sheet.html'}: what the steps do")
    return lines


def times(text: str) -> float:
    """A finite number from 1."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 1 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1")
    return value


def seed(text: str) -> int:
    """A whole number from 0."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0")
    return int(text)
