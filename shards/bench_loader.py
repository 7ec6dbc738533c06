"""`just bench-loader`: how fast loaders read real pictures, on one plot.

In: a lake, and a Python that has the rivals. Out: a table, bench-loader/results.json and .svg.
Everybody decodes, crops to 8 to 100 % of the area at 224 pixels and flips, into uint8 batches of
64, with the same number of workers, the data in memory; each in a process of its own, warmed up,
one after another, several rounds, of which the median counts.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np

from leaflake import UsageError
from shards import rival_loaders
from shards.bench_plot import bars
from shards.crop import Crops
from shards.loader import Loader
from shards.rival_loaders import AREA, ASPECT, BATCH, RIVALS, SIZE, measure
from shards.select import Selection, read_encoded, select_from

CROPS = Crops(AREA, ASPECT, turns=2)
KEEPS_PIXELS = "ffcv_raw"
"""The only one that stores pixels instead of JPEGs."""

OURS = ("ceiling_decode", "ceiling_crop", "leaflake", "leaflake_stream")


def main() -> int:
    """Arguments, and the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lake", type=Path)
    parser.add_argument("--where", default="true", help="which pictures")
    parser.add_argument("--rivals", metavar="PYTHON", help="a Python that has the rivals")
    parser.add_argument("--out", type=Path, default=Path("bench-loader"))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10.0, help="that each is timed")
    parser.add_argument("--only", help="some of them, with commas between")
    parser.add_argument("--one", choices=OURS, help=argparse.SUPPRESS)
    parser.add_argument("--repeat", type=int, default=1, help="pictures taken so many times")
    args = parser.parse_args()
    if args.one:
        print(json.dumps(run_one(args)), flush=True)
        return 0
    try:
        report(args)
    except UsageError as error:
        print(f"bench-loader: {error}", file=sys.stderr)
        return 2
    return 0


def run_one(args: argparse.Namespace) -> dict[str, float]:
    """One of ours, in this process."""
    selection, _ = select_from(args.lake, args.where)
    if args.one.startswith("ceiling"):
        from shards.loader_ceilings import bare_cropping, bare_decoding

        work = bare_cropping if args.one == "ceiling_crop" else bare_decoding
        batches = work(list(read_encoded(selection)), args.workers, SIZE, CROPS)
        return measure(batches, args.seconds / 3, args.seconds)
    selection = selection.take(np.tile(np.arange(len(selection)), args.repeat))
    loader = Loader(
        selection, size=SIZE, batch_size=BATCH, crops=CROPS, workers=args.workers,
        cache=args.one == "leaflake",
    )  # fmt: skip
    if loader.cache:
        loader.cache.wait()
    batches = (len(batch.keys) for epoch in range(10**9) for batch in loader.epoch(epoch))
    return measure(batches, args.seconds / 3, args.seconds)


def report(args: argparse.Namespace) -> None:
    """Run all, and write the table and the plot."""
    args.out.mkdir(parents=True, exist_ok=True)
    selection, _ = select_from(args.lake, args.where)
    pictures = write_folders(selection, args.out / "pictures")
    names = [*OURS, *(RIVALS if args.rivals else [])]
    if args.only:
        names = [name for name in args.only.split(",") if name in names]
    for name in names:
        if name in RIVALS:
            run(rival_command(args, name, pictures, seconds=0), name)
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for _ in range(args.rounds):
        for name in names:
            if name in RIVALS:
                command = rival_command(args, name, pictures, args.seconds)
            else:
                command = [
                    sys.executable, "-m", "shards.bench_loader", str(args.lake), "--one", name,
                    "--where", args.where, "--workers", str(args.workers),
                    "--seconds", str(args.seconds), "--repeat", str(args.repeat),
                ]  # fmt: skip
            result = run(command, name)
            if result:
                found[name].append(result)
                print(f"{name:<16}{result['pictures_per_s']:>9,.0f}", file=sys.stderr, flush=True)
    medians = {name: median(results) for name, results in found.items() if results}
    print(table(medians, len(selection), int(selection.length.sum())))
    (args.out / "results.json").write_text(json.dumps(found, indent=1) + "\n")
    rates = {name: result["pictures_per_s"] for name, result in medians.items()}
    title = f"pictures a second, {args.workers} workers, {len(selection):,} JPEGs in memory"
    (args.out / "results.svg").write_text(bars(rates, title, highlight="leaflake"))
    print(f"plot: {args.out / 'results.svg'}")


def rival_command(args: argparse.Namespace, name: str, pictures: Path, seconds: float) -> list[str]:
    """`-P`, as this folder has a select.py, which is also a name of the standard library."""
    own = args.out / name
    numbers = [args.workers, seconds / 3, seconds]
    return [
        args.rivals, "-P", rival_loaders.__file__, name, str(pictures), str(own),
        *map(str, numbers),
    ]  # fmt: skip


def run(command: list[str], name: str) -> dict[str, float] | None:
    """The last line of its output as JSON; None if it cannot run here, which is said."""
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        last = (result.stderr.strip().splitlines() or ["no message"])[-1]
        print(f"{name} cannot run here: {last}", file=sys.stderr)
        return None
    lines = result.stdout.strip().splitlines()
    return json.loads(lines[-1]) if lines and lines[-1].startswith("{") else None


def write_folders(selection: Selection, folder: Path) -> Path:
    """Class folders of JPEGs, which the rivals start from."""
    if not folder.exists():
        temporary = folder.with_name(folder.name + ".tmp")
        data = read_encoded(selection)
        for key, label, jpeg in zip(selection.keys, selection.class_index, data, strict=True):
            path = temporary / f"{label:04d}" / f"{key}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(jpeg)
        temporary.rename(folder)
    return folder


def median(results: list[dict[str, float]]) -> dict[str, float]:
    """Of every figure."""
    return {key: statistics.median(result[key] for result in results) for key in results[0]}


def table(medians: dict[str, dict[str, float]], pictures: int, encoded_bytes: int) -> str:
    """For people, fastest first, with what the goals ask."""
    lines = [
        f"{pictures:,} pictures, {encoded_bytes / 1e6:,.0f} MB",
        f"{'loader':<16}{'pictures/s':>11}{'CPU s/1,000':>13}{'PSS MB':>9}",
    ]
    order = sorted(medians, key=lambda name: -medians[name]["pictures_per_s"])
    for name in order:
        figures = medians[name]
        lines.append(
            f"{name:<16}{figures['pictures_per_s']:>11,.0f}{figures['cpu_s_per_1000']:>13.2f}"
            f"{figures['pss_mb']:>9,.0f}"
        )
    rates = {name: figures["pictures_per_s"] for name, figures in medians.items()}
    jpeg_rivals = [rate for name, rate in rates.items() if name in RIVALS and name != KEEPS_PIXELS]
    if "leaflake" in rates and jpeg_rivals:
        lines.append(
            f"to the fastest rival that keeps JPEGs: {rates['leaflake'] / max(jpeg_rivals):.2f} x"
        )
    if "leaflake" in rates and "ceiling_crop" in rates:
        lines.append(f"of the ceiling: {rates['leaflake'] / rates['ceiling_crop']:.0%}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
