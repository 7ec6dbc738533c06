"""`just bench-loader-scale`: does the loader hold as many pictures? In: a lake. Out: a table, JSON.

The lake's shards are copied as often as it takes, so that every picture has a place of its own in a
real tar, and the cache is filled from the disk, not from the system's file cache. Each size in a
process of its own: the time until the first batch and until the cache is full (by itself, nobody
asking for batches), then the rate.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from leaflake import UsageError
from shards.bench_measure import measure
from shards.bench_runs import CROPS, NotRun, batch_sizes, run
from shards.bench_table import verdict
from shards.cache import in_gb
from shards.loader import LEAVE_BYTES, Loader
from shards.memory import available_bytes
from shards.reads import shard_path
from shards.rival_loaders import BATCH, SIZE
from shards.select import Selection, select_from

SIZES = (10_000, 100_000, 1_000_000)
SPARE_BYTES = 10**9
"""Of disk, to be left free."""

WINDOWS = 3
"""Of so many times the rate is taken in one run; the median counts."""

WARM_UP = 10_000
"""Pictures before that. Not a whole epoch: where it is long, reaching pages of the cache for the
first time is part of the work."""

RATE_GOAL = 0.95
"""The slowest size's rate over the smallest size's, at least."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Arguments, and the exit status."""
    parser = argparse.ArgumentParser(prog="just bench-loader-scale", description=__doc__)
    parser.add_argument("lake", type=Path)
    parser.add_argument("--where", default="true", help="which pictures are repeated")
    parser.add_argument("--pictures", type=int, nargs="+", default=SIZES, help="the sizes")
    parser.add_argument("--out", type=Path, default=Path("bench-loader"))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=10.0, help="that each rate is timed")
    parser.add_argument("--keep", action="store_true", help="leave the shards for the next time")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    try:
        selection, _ = select_from(args.lake, args.where)
        shards = args.out / "scale-shards"
        if args.one:
            rows = repeated(selection, args.one, shards)
            print(json.dumps(fill_and_read(rows, args.workers, args.seconds)), flush=True)
        else:
            bench(args, selection, shards)
    except UsageError as error:
        print(f"bench-loader-scale: {error}", file=sys.stderr)
        return 2
    return 0


def bench(args: argparse.Namespace, selection: Selection, shards: Path) -> None:
    """Copy shards, run all sizes, print the table and write scale.json."""
    sizes = sorted(set(args.pictures))
    if sizes[0] < BATCH:
        raise UsageError(
            f"--pictures {sizes[0]}: fewer than one batch of {BATCH}. Nothing was written."
        )
    encoded_bytes = int(selection.length.sum()) * sizes[-1] // len(selection)
    check_memory(encoded_bytes, available_bytes())
    shards.mkdir(parents=True, exist_ok=True)
    try:
        copy_shards(selection, sizes[-1], shards)
        runs: dict[int, list[dict[str, float]]] = {size: [] for size in sizes}
        for _ in range(args.rounds):
            for size in sizes:
                result = _run_size(args, size)
                runs[size].append(result)
                said = (
                    f"in memory after {result['full_s']:.1f} s, {result['pictures_per_s']:,.0f}/s"
                )
                print(f"{size:>10,} pictures: {said}", file=sys.stderr, flush=True)
    finally:
        if not args.keep:
            shutil.rmtree(shards)
    medians = {
        size: {key: statistics.median(one[key] for one in found) for key in found[0]}
        for size, found in runs.items()
    }
    print(table(medians))
    results = args.out / "scale.json"
    temporary = results.with_name(results.name + ".tmp")
    temporary.write_text(json.dumps({"workers": args.workers, "runs": runs}, indent=1) + "\n")
    temporary.rename(results)


def _run_size(args: argparse.Namespace, size: int) -> dict[str, float]:
    command = [
        sys.executable, "-m", "shards.bench_loader_scale", str(args.lake), "--one", str(size),
        "--where", args.where, "--out", str(args.out), "--workers", str(args.workers),
        "--seconds", str(args.seconds),
    ]  # fmt: skip
    try:
        result = run(command)
    except NotRun as error:
        raise UsageError(f"{size:,} pictures: {error}. No result was written.") from None
    assert result is not None  # only a rival that prepares its data prints none
    return result


def repeated(selection: Selection, count: int, folder: Path) -> Selection:
    """`count` rows, the selection's again and again, each time in copies of its shards."""
    again, row = np.divmod(np.arange(count), len(selection))
    shards, place = np.unique(selection.shard, return_inverse=True)
    rows = selection.take(row)
    return replace(rows, shard=again * len(shards) + place[row], shards_folder=folder)


def copy_shards(selection: Selection, count: int, folder: Path) -> None:
    """Have the tars of `repeated` in `folder`; those that are there are kept.

    Raises UsageError if the disk has no room.
    """
    originals = [shard_path(selection.shards_folder, n) for n in np.unique(selection.shard)]
    wanted = int(repeated(selection, count, folder).shard.max()) + 1
    copies = {}
    for n in range(wanted):
        original = originals[n % len(originals)]
        if not isinstance(original, Path):
            raise UsageError(f"{original}: the lake must lie on a disk. Nothing was written.")
        copy = folder / f"{n:06d}.tar"
        if not copy.exists() or copy.stat().st_size != original.stat().st_size:
            copies[copy] = original
    check_disk(folder, sum(original.stat().st_size for original in copies.values()))
    for copy, original in copies.items():
        temporary = copy.with_name(copy.name + ".tmp")
        shutil.copyfile(original, temporary)
        temporary.rename(copy)


def check_disk(folder: Path, num_bytes: int, free: int | None = None) -> None:
    """Raises UsageError if the copies do not fit."""
    free = shutil.disk_usage(folder).free if free is None else free
    if num_bytes + SPARE_BYTES > free:
        raise UsageError(
            f"{folder}: {in_gb(free)} are free, and the copies of the shards take "
            f"{in_gb(num_bytes)}, with {in_gb(SPARE_BYTES)} to spare. Name another folder with "
            "--out, or smaller sizes with --pictures. No shard was written."
        )


def check_memory(encoded_bytes: int, free: int | None) -> None:
    """Raises UsageError if the largest cache does not fit, before shards are copied for it."""
    if free is not None and encoded_bytes + LEAVE_BYTES > free:
        raise UsageError(
            f"the largest cache takes {in_gb(encoded_bytes)} of memory, and {in_gb(LEAVE_BYTES)} "
            f"are to be left; {in_gb(free)} are free. Name smaller sizes with --pictures. Nothing "
            "was written."
        )


def forget_files(folder: Path) -> None:
    """Take files out of the system's file cache, so that reading them is reading the disk."""
    os.sync()  # only what has been written can be forgotten
    for path in sorted(folder.glob("*.tar")):
        fd = os.open(path, os.O_RDONLY)
        try:
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(fd)


def fill_and_read(
    selection: Selection, workers: int, seconds: float, warm_up: int = WARM_UP
) -> dict[str, float]:
    """Of one size: start-up and rate, in this process and its workers."""
    assert isinstance(selection.shards_folder, Path)
    forget_files(selection.shards_folder)
    started = time.perf_counter()
    loader = Loader(selection, size=SIZE, batch_size=BATCH, crops=CROPS, workers=workers)
    with loader:
        batches = batch_sizes(loader)
        next(batches)
        first_batch_s = time.perf_counter() - started
        assert loader.cache is not None
        loader.cache.wait()
        full_s = time.perf_counter() - started
        runs = [measure(batches, warm_up, seconds) for _ in range(WINDOWS)]
    return {
        "encoded_bytes": float(selection.length.sum()),
        "first_batch_s": first_batch_s,
        "full_s": full_s,
        "pictures_per_s": statistics.median(run["pictures_per_s"] for run in runs),
        "cpu_s_per_1000": statistics.median(run["cpu_s_per_1000"] for run in runs),
        "pss_mb": runs[-1]["pss_mb"],
    }


def table(medians: Mapping[int, Mapping[str, float]]) -> str:
    """One line a size, and how the largest stands to the smallest."""
    head = f"{'first batch s':>15}{'full s':>9}{'MB/s':>8}{'pictures/s':>12}"
    lines = [f"{'pictures':>10}{'GB':>8}{head}{'CPU s/1,000':>13}{'PSS MB':>9}"]
    for size, row in medians.items():
        speed = row["encoded_bytes"] / row["full_s"] / 1e6
        lines.append(
            f"{size:>10,}{row['encoded_bytes'] / 1e9:>8.2f}{row['first_batch_s']:>15.2f}"
            f"{row['full_s']:>9.2f}{speed:>8,.0f}{row['pictures_per_s']:>12,.0f}"
            f"{row['cpu_s_per_1000']:>13.3f}{row['pss_mb']:>9,.0f}"
        )
    smallest, largest = medians[min(medians)], medians[max(medians)]
    share = min(row["pictures_per_s"] for row in medians.values()) / smallest["pictures_per_s"]
    growth = {key: largest[key] / smallest[key] for key in ("encoded_bytes", "full_s")}
    return "\n".join(
        [
            *lines,
            f"the slowest rate is {share:.1%} of the smallest size's (goal {RATE_GOAL:.0%}: "
            f"{verdict(share >= RATE_GOAL)})",
            f"{growth['encoded_bytes']:.1f} times the bytes are in memory after "
            f"{growth['full_s']:.1f} times as long (goal: no longer: "
            f"{verdict(growth['full_s'] <= growth['encoded_bytes'])})",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
