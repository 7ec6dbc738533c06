"""Does ingestion hold 1.47 million pictures? Prints one table, and writes it as JSON.

    python -m ingest.bench_scale --pictures 1470000 --folders 11499 --out DIR

For 20,000, for 200,000 and for all pictures it draws a collection (once; it stays in DIR), ingests
it into a lake of its own, ingests once more with nothing new, and once with 1,000 new pictures.
Then it asks the largest lake the questions of catalog/documented_queries.sql.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from catalog.describe import documented_queries
from catalog.lake import open_lake
from ingest.draw_scale import draw_collection
from ingest.ingest_cli import positive
from ingest.process_memory import peak_by_process
from leaflake import UsageError

STEPS = (20_000, 200_000)
"""Sizes before the one that is asked for, to see whether time grows in a straight line."""

FULL = (1_470_000, 11_499)
"""Pictures and folders of the collection that must work."""

NUM_NEW = 1_000
NEW_FOLDERS = 20
REPEATS = 5


@dataclass(frozen=True)
class IngestRun:
    """One `leaflake ingest`, as seen from outside."""

    seconds: float
    """From start to end of the process."""

    peak_mb: dict[str, float]
    """Most memory that was resident, in the first process and in the largest worker."""


@dataclass(frozen=True)
class Step:
    """One size."""

    pictures: int
    folders: int
    pictures_per_s: float
    """Over the whole run, from scan to commit."""

    first: IngestRun
    nothing_new: IngestRun
    with_new: IngestRun
    num_new: int
    durations: dict[str, float]
    """Stage of the first run -> seconds."""

    counts: dict[str, int]
    """What the lake holds."""

    lake_bytes: int


def main(argv: list[str] | None = None) -> int:
    """Draw, measure, print. Returns 0, or 2 if the settings make no sense."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--pictures", type=positive, default=FULL[0], metavar="N")
    parser.add_argument("--folders", type=positive, metavar="N", help="default: in proportion")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--workers", type=positive, default=2, metavar="N")
    args = parser.parse_args(argv)
    folders = args.folders or max(1, args.pictures * FULL[1] // FULL[0])
    try:
        report = measure(args.out, args.pictures, folders, args.workers)
    except UsageError as error:
        print(f"bench_scale: {error}", file=sys.stderr)
        return 2
    path = args.out / "scale.json"
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(table(report))
    print(path)
    return 0


def measure(out: Path, pictures: int, folders: int, workers: int) -> dict:
    """Every step, and the queries on the last one's lake. Raises UsageError if `folders` is more
    than `pictures`."""
    if folders > pictures:
        raise UsageError(
            f"--folders {folders}: more than the {pictures} pictures; every folder gets one at "
            "least. Nothing was written."
        )
    sizes = [*(size for size in STEPS if size < pictures), pictures]
    steps = [_step(out, size, max(1, folders * size // pictures), workers) for size in sizes]
    return {
        "machine": f"{os.cpu_count()} cores, {platform.platform()}",
        "workers": workers,
        "steps": [asdict(step) for step in steps],
        "queries_ms": time_queries(_lake(out, pictures)),
    }


def _lake(out: Path, pictures: int) -> Path:
    return out / f"lake-{pictures}"


def _step(out: Path, pictures: int, folders: int, workers: int) -> Step:
    source, fresh = out / f"pictures-{pictures}", out / f"new-{pictures}"
    lake = _lake(out, pictures)
    num_new = min(NUM_NEW, pictures)
    draw_collection(source, pictures=pictures, folders=folders, workers=workers)
    # Datasets of their own name: one that both had would be refused.
    new_folders = min(NEW_FOLDERS, num_new)
    draw_collection(fresh, pictures=num_new, folders=new_folders, seed=1, prefix="new")
    shutil.rmtree(lake, ignore_errors=True)
    first = run_ingest([source], lake, workers)
    nothing_new = run_ingest([source], lake, workers)
    with open_lake(lake) as opened:
        ask = opened.connection.execute
        (durations,) = ask("SELECT durations FROM ingests").fetchall()[0]
        names = ("samples", "rejections", "folders")
        counts = {name: ask(f"SELECT count(*) FROM {name}").fetchall()[0][0] for name in names}
    lake_bytes = sum(path.stat().st_size for path in lake.rglob("*") if path.is_file())
    with_new = run_ingest([source, fresh], lake, workers)
    return Step(
        pictures=pictures,
        folders=folders,
        pictures_per_s=pictures / first.seconds,
        first=first,
        nothing_new=nothing_new,
        with_new=with_new,
        num_new=num_new,
        durations=json.loads(durations),
        counts=counts,
        lake_bytes=lake_bytes,
    )


def run_ingest(sources: list[Path], lake: Path, workers: int) -> IngestRun:
    """Run the command as a person would. Raises CalledProcessError if it fails."""
    command = [sys.executable, "-m", "leaflake", "ingest", *map(str, sources)]
    command += ["--lake", str(lake), "--workers", str(workers)]
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        peaks = peak_by_process(process)
    seconds = time.perf_counter() - began
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    workers_mb = [peak for pid, peak in peaks.items() if pid != process.pid]
    return IngestRun(seconds, {"first": peaks[process.pid], "worker": max(workers_mb, default=0.0)})


def time_queries(lake: Path) -> dict[str, float]:
    """Title of a documented query -> milliseconds, the median of REPEATS after one that is not
    counted."""
    found: dict[str, float] = {}
    with open_lake(lake) as opened:
        for query in documented_queries():
            times = []
            for _ in range(REPEATS + 1):
                began = time.perf_counter()
                opened.connection.execute(query.sql).fetchall()
                times.append(1000 * (time.perf_counter() - began))
            found[query.title] = statistics.median(times[1:])
    return found


def table(report: dict) -> str:
    """The report for people."""
    lines = [f"{report['machine']}; {report['workers']} workers"]
    heads = ("pictures", "folders", "pictures/s", "seconds", "nothing new", "new ones", "MB first")
    lines.append("".join(f"{head:>13}" for head in (*heads, "MB worker")))
    for step in report["steps"]:
        runs = [step[name] for name in ("first", "nothing_new", "with_new")]
        cells = [
            f"{step['pictures']:,}",
            f"{step['folders']:,}",
            f"{step['pictures_per_s']:,.0f}",
            *(f"{run['seconds']:.1f}" for run in runs),
            *(f"{max(run['peak_mb'][who] for run in runs):,.0f}" for who in ("first", "worker")),
        ]
        lines.append("".join(f"{cell:>13}" for cell in cells))
        stages = ", ".join(f"{name} {s:.1f} s" for name, s in step["durations"].items())
        lines.append(f"{'':>13}  {stages}; {step['num_new']:,} new ones")
    for title, milliseconds in report["queries_ms"].items():
        lines.append(f"{milliseconds:8.1f} ms  {title}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
