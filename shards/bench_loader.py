"""`just bench-loader`: how fast loaders read real pictures, in one table and one plot.

In: a lake, and a Python that has the rivals. Out: the table, results.json and results.svg.
Everybody decodes, crops to 8 to 100 % of the area at 224 pixels and flips, into uint8 batches of
64, with the same number of workers, the data in memory; each in a process of its own, warmed up
for an epoch, one after another, several rounds, of which the median counts.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from leaflake import UsageError
from shards.bench_plot import plot
from shards.bench_runs import NotRun, identity, run, run_one, write_folders
from shards.bench_table import CEILINGS, OURS, TITLES, goals, table
from shards.cache import in_gb
from shards.rival_loaders import RIVALS
from shards.select import Selection, select_from

DISK_FACTOR = 20
"""Bytes on disk over encoded ones: seven copies of the pictures, of which raw pixels take ten."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Arguments, and the exit status."""
    parser = argparse.ArgumentParser(prog="just bench-loader", description=__doc__)
    parser.add_argument("lake", type=Path)
    parser.add_argument("--where", default="true", help="which pictures")
    parser.add_argument("--rivals", metavar="PYTHON", help="a Python that has the rivals")
    parser.add_argument("--out", type=Path, default=Path("bench-loader"))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0, help="that each is timed")
    parser.add_argument("--only", help=f"some of {', '.join(TITLES)}, with commas between")
    parser.add_argument("--one", choices=[*OURS, *CEILINGS], help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    try:
        if args.one:
            selection, _ = select_from(args.lake, args.where)
            print(json.dumps(run_one(args.one, selection, args.workers, args.seconds)), flush=True)
        else:
            bench(args)
    except UsageError as error:
        print(f"bench-loader: {error}", file=sys.stderr)
        return 2
    return 0


def bench(args: argparse.Namespace) -> None:
    """Run all, and write the table and the plot."""
    names = chosen(args.only, with_rivals=bool(args.rivals))
    selection, _ = select_from(args.lake, args.where)
    work = args.out / identity(selection)
    check_disk(args.out, int(selection.length.sum()))
    pictures = write_folders(selection, work / "pictures")
    absent: dict[str, str] = {}
    for name in names:  # their own data first, so that rounds are short
        if name in RIVALS:
            _try(name, rival_command(args, name, pictures, seconds=0), absent)
    runs: dict[str, list[dict[str, float]]] = {}
    for _ in range(args.rounds):
        for name in names:
            if name in absent:
                continue
            if name in RIVALS:
                command = rival_command(args, name, pictures, args.seconds)
            else:
                command = our_command(args, name)
            if result := _try(name, command, absent):
                runs.setdefault(name, []).append(result)
                rate = f"{result['pictures_per_s']:>9,.0f} pictures/s"
                print(f"{TITLES[name]:<36}{rate}", file=sys.stderr, flush=True)
    report(args, selection, runs, absent)


def report(
    args: argparse.Namespace,
    selection: Selection,
    runs: Mapping[str, list[dict[str, float]]],
    absent: Mapping[str, str],
) -> None:
    """Print the table and what could not run; write results.json and results.svg."""
    if not runs:
        raise UsageError("nobody could run, see above. No result was written.")
    encoded_bytes = int(selection.length.sum())
    today = datetime.now(UTC).date().isoformat()
    megabytes = f"{encoded_bytes / 1e6:,.0f} MB"
    head = f"{len(selection):,} JPEGs of {megabytes} in memory, {args.workers} workers"
    measured = (
        f"rounds: {args.rounds}, the median of {args.seconds:g} s each; {today}, {processor()}"
    )
    medians = {name: median(results) for name, results in runs.items()}
    print(f"{head}; {measured}\n{table(medians)}")
    for line in goals(medians):
        print(f"Leaflake: {line}")
    for name, reason in absent.items():
        print(f"not run: {TITLES[name]}: {reason}")
    results: dict[str, Any] = {
        "date": today, "processor": processor(), "pictures": len(selection),
        "encoded_bytes": encoded_bytes, "workers": args.workers, "seconds": args.seconds,
        "runs": runs, "not_run": absent,
    }  # fmt: skip
    _write(args.out / "results.json", json.dumps(results, indent=1) + "\n")
    _write(args.out / "results.svg", plot(medians, head, measured))
    print(f"plot: {args.out / 'results.svg'}")


def chosen(only: str | None, with_rivals: bool) -> list[str]:
    """Who takes part. Raises UsageError for a name that nobody has."""
    names = [name for name in TITLES if with_rivals or name not in RIVALS]
    if only is None:
        return names
    wanted = only.split(",")
    unknown = [name for name in wanted if name not in names]
    if unknown:
        raise UsageError(
            f"--only {only}: {', '.join(unknown)} is none of {', '.join(names)}"
            + ("" if with_rivals else " (rivals need --rivals PYTHON)")
            + ". Nothing was written."
        )
    return [name for name in names if name in wanted]


def check_disk(out: Path, encoded_bytes: int, free: int | None = None) -> None:
    """Raises UsageError if the copies of the rivals may not fit; makes the folder `out`."""
    out.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(out).free if free is None else free
    needed = DISK_FACTOR * encoded_bytes
    if needed > free:
        raise UsageError(
            f"{out}: {in_gb(free)} are free, and the rivals' own copies of {in_gb(encoded_bytes)} "
            f"of pictures take up to {in_gb(needed)}, raw pixels most of it. Name another folder "
            "with --out, or fewer pictures with --where. No picture was written."
        )


def rival_command(args: argparse.Namespace, name: str, pictures: Path, seconds: float) -> list[str]:
    """One of them in a process of its own."""
    return [
        args.rivals, "-P", "-m", "shards.rival_loaders", name, str(pictures),
        str(pictures.with_name(name)), str(args.workers), str(seconds),
    ]  # fmt: skip


def our_command(args: argparse.Namespace, name: str) -> list[str]:
    """One of ours in a process of its own."""
    return [
        sys.executable, "-m", "shards.bench_loader", str(args.lake), "--one", name,
        "--where", args.where, "--workers", str(args.workers), "--seconds", str(args.seconds),
    ]  # fmt: skip


def _try(name: str, command: list[str], absent: dict[str, str]) -> dict[str, float] | None:
    """The result; None if there is none, with the reason in `absent` where it cannot run."""
    try:
        return run(command)
    except NotRun as error:
        needs = RIVALS[name].debian if name in RIVALS else ()
        absent[name] = error.with_packages(needs)
        print(f"{TITLES[name]} cannot run here: {absent[name]}", file=sys.stderr, flush=True)
        return None


def median(results: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Of every figure."""
    return {key: statistics.median(result[key] for result in results) for key in results[0]}


def processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Its name, as far as the system says."""
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return "unknown processor"


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.rename(path)


if __name__ == "__main__":
    sys.exit(main())
