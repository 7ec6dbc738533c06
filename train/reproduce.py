"""`just reproduce RUN`: does a run give its figures again, with its own code, packages and lake?

In: a run. Out: a worktree of its commit and an environment with its versions below OUT, and its
figures of val (metrics.json) and test (evaluation.json) once more, compared. The run is only read,
and its lake too. Exit status: 0 all are equal, 1 some are not, 2 it could not be done.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catalog.lake import open_lake
from catalog.storage import Place, as_place, resolved
from leaflake import UsageError
from train.reproduce_environment import Environment, check_out, install

FIGURES = Path(__file__).with_name("reproduce_figures.py")

TOLERANCE = 1e-6
"""Relative difference below which two figures are equal: sums of float32 in another order."""

SHOWN = 20
"""Differences that are printed."""


@dataclass(frozen=True)
class Comparison:
    """Figures of one kind, then and now."""

    name: str

    figures: int
    """How many there were."""

    differ: tuple[str, ...]
    """A line for each that is another one now."""

    def __str__(self) -> str:
        return f"{self.name}: {self.figures - len(self.differ):,} of {self.figures:,} figures equal"


def main() -> int:
    """Arguments, and the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, metavar="RUN")
    parser.add_argument("--lake", type=as_place, metavar="DIR", help="if it was moved since")
    parser.add_argument("--out", type=Path, default=Path("reproduce"), help="default: reproduce/")
    parser.add_argument("--here", action="store_true", help="with the packages of this environment")
    parser.add_argument(
        "--python", type=Path, default=Path(sys.executable), help="what makes the environment"
    )
    parser.add_argument("--torch-index", default="", help="wheel index to take PyTorch from")
    args = parser.parse_args()
    try:
        return reproduce(
            args.run,
            args.out,
            lake_path=args.lake,
            python=args.python,
            here=args.here,
            torch_index=args.torch_index,
        )
    except UsageError as error:
        print(f"reproduce: {error}", file=sys.stderr)
        return 2


def reproduce(
    path: Path,
    out: Path,
    *,
    lake_path: Place | None = None,
    python: Path = Path(sys.executable),
    here: bool = False,
    torch_index: str = "",
    repository: Path = Path(__file__).parents[1],
) -> int:
    """Compute the figures of a run again, and print what became of them.

    With `here` the packages are those of `python`, and only the code is the run's. Raises
    UsageError if `path` is no complete run, or its commit, snapshot or packages cannot be had.
    """
    config, metrics = _read(path / "config.json"), _read(path / "metrics.json")
    lake = resolved(lake_path or as_place(config["lake"]))
    with open_lake(lake, at=config["snapshot"]):
        pass  # refuses a lake that is no more, before anything is installed
    work = out.resolve() / path.resolve().name
    check_out(repository, config["commit"], work / "code")
    if not here:
        python = install(config, work / "venv", work / "code", python, torch_index)
    environment = Environment(python, work / "code")
    copy = _copy(path, work / "run" / path.resolve().name)
    threads = int(config["hardware"]["threads"])
    said = environment.run(["-P", FIGURES, copy, os.fspath(lake)], threads)
    now = json.loads(said.splitlines()[-1])
    for note in differences(config, now):
        print(note)
    val = compare("val", metrics["val"], now["val"])
    _show(val)
    if not (path / "evaluation.json").is_file():
        print("test: not compared, the run was never evaluated (leaflake evaluate)")
        return int(bool(val.differ))
    evaluate = ["-m", "leaflake", "evaluate", copy, "--lake", os.fspath(lake), "--no-write"]
    environment.run(evaluate, threads)
    test = compare("test", _read(path / "evaluation.json"), _read(copy / "evaluation.json"))
    _show(test)
    return int(bool(val.differ or test.differ))


def _show(found: Comparison) -> None:
    print(found)
    for line in found.differ[:SHOWN]:
        print(f"  {line}")
    if len(found.differ) > SHOWN:
        print(f"  and {len(found.differ) - SHOWN:,} more")


def compare(name: str, then: Mapping[str, Any], now: Mapping[str, Any]) -> Comparison:
    """Every figure of `then`, however deep, beside that of `now`; the best epoch is no figure."""
    before, after = dict(_flat(then)), dict(_flat(now))
    before.pop("epoch", None)
    differ = []
    for key, value in before.items():
        other = after.get(key, "missing")
        if not _equal(value, other):
            differ.append(f"{key}: {value} then, {other} now")
    return Comparison(name, len(before), tuple(differ))


def _equal(value: Any, other: Any) -> bool:
    if isinstance(value, int | float) and isinstance(other, int | float):
        return math.isclose(value, other, rel_tol=TOLERANCE)
    return bool(value == other)


def differences(config: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """What is another than when the run was trained, a line for each kind."""
    for name in ("versions", "hardware"):
        then, today = config[name], now[name]
        changed = [
            f"{key} {today[key]} instead of {value}"
            for key, value in then.items()
            if key in today and today[key] != value
        ]
        if changed:
            yield f"other {name} than the run's: {', '.join(changed)}"


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, one in items:
            yield from _flat(one, f"{path}/{key}" if path else str(key))
    else:
        yield path, value


def _copy(path: Path, copy: Path) -> Path:
    """What an evaluation needs of a run, where it may write."""
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir(parents=True)
    for name in ("config.json", "metrics.json", "best.safetensors"):
        shutil.copyfile(path / name, copy / name)
    if (path / "finder").is_dir():  # of a run that was trained with one
        shutil.copytree(path / "finder", copy / "finder")
    return copy


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise UsageError(
            f"{path.parent}: not a complete run, there is no {path.name} in it. Name a folder that "
            "`leaflake train` made. Nothing was written."
        )
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


if __name__ == "__main__":
    sys.exit(main())
