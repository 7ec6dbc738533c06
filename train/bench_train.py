"""`just bench-train`: what training costs, against timm's own, both measured in one run.

Step: a step of the network with hierarchical heads against one with timm's flat classifier, with
the same backbone and 11,499 classes, in 2,000 species. Loop: Leaflake's whole training loop against
that of timm's train.py (train/rival_timm.py) on the same JPEGs, with the same backbone and
settings. Both take turns, and the medians count. Out: two tables and bench-train/results.json.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from leaflake import UsageError
from train.bench_loop import time_loops
from train.bench_step import Steps, time_steps
from train.recipe import LITE0, SWIN_TINY

GOAL = 1.03
"""Of the step, times timm's."""

Rounds = Mapping[str, Sequence[float]]
"""Contestant -> what each round measured."""


def main() -> int:
    """Arguments, and the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lake", type=Path, nargs="?", help="for the loop; without: only steps")
    parser.add_argument("--out", type=Path, default=Path("bench-train"))
    parser.add_argument(
        "--steps",
        type=step_kinds,
        default=f"{LITE0}=32,{SWIN_TINY}=8",
        metavar="NAME=PICTURES,...",
        help="backbones, and how many pictures a step of each has (default: %(default)s)",
    )
    parser.add_argument("--rounds", type=int, default=10, help="of the steps")
    parser.add_argument("--backbone", default=LITE0, help="for the loop")
    parser.add_argument("--loop-rounds", type=int, default=3)
    parser.add_argument("--pictures", type=int, default=960, help="of an epoch of the loop")
    parser.add_argument("--threads", type=int, help="of the steps (default: PyTorch's)")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    args = parser.parse_args()
    try:
        report(args)
    except UsageError as error:
        print(f"bench-train: {error}", file=sys.stderr)
        return 2
    return 0


def step_kinds(text: str) -> list[tuple[str, int]]:
    """`swin_tiny_patch4_window7_224=8,...` -> names and batch sizes."""
    kinds = []
    for part in text.split(","):
        name, _, batch = part.partition("=")
        if not name or not batch.isdecimal() or int(batch) < 1:
            raise argparse.ArgumentTypeError(f"{part!r} is not NAME=PICTURES, such as {LITE0}=32")
        kinds.append((name, int(batch)))
    return kinds


def report(args: argparse.Namespace) -> None:
    """Measure, print and write."""
    if args.threads:
        torch.set_num_threads(args.threads)
    found: dict[str, object] = {
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads, "
        f"{torch.backends.cpu.get_cpu_capability()}, {args.precision}"
    }
    print(found["machine"])
    for name, batch in args.steps if args.rounds else []:
        steps = time_steps(name, batch, args.rounds, args.precision)
        found[f"step {name}"] = {"batch": batch, **asdict(steps)}
        print(step_table(name, batch, steps), flush=True)
    if args.lake:
        rates = time_loops(
            args.lake,
            args.out,
            backbone=args.backbone,
            pictures=args.pictures,
            rounds=args.loop_rounds,
            precision=args.precision,
        )
        found[f"loop {args.backbone}"] = {"pictures": args.pictures, **rates}
        print(loop_table(args.backbone, rates))
    args.out.mkdir(parents=True, exist_ok=True)
    temporary = args.out / "results.json.tmp"
    temporary.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    temporary.rename(args.out / "results.json")


def step_table(name: str, batch: int, steps: Steps) -> str:
    """Medians in milliseconds, and the ratios."""
    lines = [f"a step of {name}, {batch} pictures, 11,499 classes"]
    for who, seconds in steps.seconds.items():
        clock, cpu = (1000 * statistics.median(t) for t in (seconds, steps.cpu_seconds[who]))
        lines.append(f"  {who:<28} {clock:9.1f} ms, {cpu:9.1f} ms of CPU time")
    return "\n".join(
        [
            *lines,
            f"  ratio {ratio(steps.seconds)}; goal: at most {GOAL}",
            f"  of CPU time {ratio(steps.cpu_seconds)}",
        ]
    )


def loop_table(name: str, rates: Mapping[str, Rounds]) -> str:
    """Medians in pictures a second and CPU time, and the ratios."""
    lines = [f"the whole loop, {name}"]
    for who, fast in rates["pictures_per_s"].items():
        rate, cpu = (statistics.median(r) for r in (fast, rates["cpu_s_per_1000"][who]))
        lines.append(f"  {who:<28} {rate:9.1f} pictures/s, {cpu:9.1f} s of CPU time for 1,000")
    return "\n".join(
        [
            *lines,
            f"  ratio {ratio(rates['pictures_per_s'])}; goal: at least 1",
            f"  of CPU time {ratio(rates['cpu_s_per_1000'])}",
        ]
    )


def ratio(rounds: Rounds) -> str:
    """Of the first contestant's median to the second's; and between which bounds the middle half
    of the rounds' own ratios lies, which says how steady the machine was."""
    ours, theirs = rounds.values()
    each = sorted(a / b for a, b in zip(ours, theirs, strict=True))
    low, high = each[len(each) // 4], each[-1 - len(each) // 4]
    medians = statistics.median(ours) / statistics.median(theirs)
    return f"{medians:.3f} (of {len(each)} rounds the middle half {low:.3f} to {high:.3f})"


if __name__ == "__main__":
    sys.exit(main())
