"""Rounds of retraining on real pictures: one is killed and goes on to win, one loses.

    python -m retrain.three_rounds SRC --later DATASET... --out DIR      (just retrain-rounds SRC)

SRC is a folder of datasets. All but the later ones become a lake, and a first model goes into
production. Then the later datasets come in. A challenger's training is killed by SIGKILL:
production must be as it was. The same command goes on, and the challenger, which begins with the
first model's weights and knows the new pictures, must win. Last comes a challenger that hardly
learnt: it must lose, and nothing may move. Every second photograph of no plant goes into the lake,
and the rejection rule learns from the others.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from export.manifest import read_manifest

LATER = "plantdoc_800"
"""Of Leaflake's own leaves: photographs from the field, the hardest of them."""

KILL_S = 1800.0
"""Until when an epoch must be over."""

MODULE = "leaflake"

SMALLER = ("--set", "train_size=160", "--set", "eval_size=192")
"""Pictures of all three trainings, which so take a third of the time. What has to win needs epochs
enough to settle, as eight bits spoil weights that still move."""

LOSER = ("--epochs", "1", "--seed", "1", "--anyway")


@dataclass(frozen=True)
class Production:
    """What is in production."""

    link: str
    """What the link says."""

    sha256: str
    """Of the manifest, after every file of the bundle was checked."""

    @classmethod
    def read(cls, models: Path) -> Production:
        """Raises UsageError if it is not whole."""
        link = models / "production"
        return cls(os.readlink(link), read_manifest(link.resolve()).sha256)


def main(arguments: Sequence[str] | None = None) -> int:
    """The rounds; exit status 1 if one of them did not end as it must."""
    parser = argparse.ArgumentParser(prog="just retrain-rounds", description=__doc__)
    parser.add_argument("src", type=Path, metavar="SRC")
    parser.add_argument("--later", nargs="+", default=[LATER], metavar="DATASET")
    parser.add_argument("--out", type=Path, default=Path("retrain-rounds"), help="a new folder")
    parser.add_argument("--first-epochs", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=10, help="of the challenger that wins")
    parser.add_argument("--not-plants", type=Path, help="photographs of anything but plants")
    args = parser.parse_args(arguments)
    if args.out.exists() or not all((args.src / name).is_dir() for name in args.later):
        parser.error(f"{args.out} must not exist, and {args.src} have {', '.join(args.later)}")
    if args.not_plants and not any(args.not_plants.glob("*.*")):
        parser.error(f"--not-plants {args.not_plants}: no such folder, or no photograph in it")
    return go_round(args)


def go_round(args: argparse.Namespace) -> int:
    """Lake, first model, a killed round that goes on, a round that is lost."""
    lake, models, pictures = (args.out / name for name in ("lake", "models", "pictures"))
    not_plants = ("--not-plants", args.out / "not_plants") if args.not_plants else ()
    retrain = ("retrain", "--lake", lake, "--models", models, *SMALLER, "--no-browser", *not_plants)
    shutil.copytree(args.src, pictures, ignore=shutil.ignore_patterns(*args.later))
    if args.not_plants:
        share_out(args.not_plants, pictures / "others" / "not_plants", args.out / "not_plants")
    leaflake("ingest", pictures, "--lake", lake)
    leaflake(*retrain, "--epochs", args.first_epochs)
    first = Production.read(models)

    for name in args.later:
        shutil.copytree(args.src / name, pictures / name)
    leaflake("ingest", pictures, "--lake", lake)
    init = models / "runs" / Path(first.link).name
    winner = (*retrain, "--epochs", args.epochs, "--init", init)
    epochs = kill_in_training(winner, models / "runs")
    killed = Production.read(models)
    status, told = leaflake(*winner), newest_round(models)
    won = Production.read(models)
    lost_status, told_then = leaflake(*retrain, *LOSER), newest_round(models)
    after = Production.read(models)

    ends = {
        f"killed after {epochs} epochs: production is as it was": killed == first,
        f"the same command again: {told}": status == 0 and won.link != first.link,
        f"trained too little: {told_then}": lost_status == 1 and after == won,
    }
    for words, as_it_must in ends.items():
        print(f"{'yes' if as_it_must else 'NO '}  {words}")
    return 0 if all(ends.values()) else 1


def share_out(photographs: Path, *folders: Path) -> None:
    """Copy the files of `photographs` one after another into the folders in turn."""
    for folder in folders:
        folder.mkdir(parents=True)
    files = sorted(path for path in photographs.iterdir() if path.is_file())
    for number, path in enumerate(files):
        shutil.copy2(path, folders[number % len(folders)])


def leaflake(*command: object) -> int:
    """Run one command of the console; the exit status. Raises CalledProcessError for another one
    than 0 and 1, with which `leaflake retrain` says that nothing was promoted."""
    print("$ leaflake", *command, flush=True)
    status = subprocess.run([sys.executable, "-m", MODULE, *map(str, command)]).returncode
    if status > 1:
        raise subprocess.CalledProcessError(status, "leaflake")
    return status


def kill_in_training(command: Sequence[object], runs: Path) -> int:
    """Start it, and end it with all its processes once its new run has an epoch behind it; how many
    it had."""
    print("$ leaflake", *command, "   # to be killed", flush=True)
    before = set(runs.iterdir())
    words = [sys.executable, "-m", MODULE, *map(str, command)]
    process = subprocess.Popen(words, start_new_session=True)
    end = time.monotonic() + KILL_S
    while process.poll() is None and time.monotonic() < end:
        if epochs := sum(map(count_epochs, set(runs.iterdir()) - before)):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return epochs
        time.sleep(0.2)
    raise TimeoutError(f"no epoch was over in {KILL_S:.0f} s, or the round had ended")


def count_epochs(run: Path) -> int:
    """Epochs of fine-tuning that a run has behind it."""
    path = run / "metrics.jsonl"
    rows = path.read_bytes().splitlines(keepends=True) if path.is_file() else []
    whole = [json.loads(row) for row in rows if row.endswith(b"\n")]
    return sum(row["stage"] == "fine-tune" for row in whole)


def newest_round(models: Path) -> str:
    """How the newest round ended, in a sentence."""
    rounds = (models / "rounds").glob("*/round.json")
    path = max(rounds, key=lambda each: each.stat().st_mtime)
    said = json.loads(path.read_text(encoding="utf-8"))
    return (
        f"{said['challenger']} {'promoted' if said['promote'] else 'not promoted'}: {said['why']}"
    )


if __name__ == "__main__":
    sys.exit(main())
