"""Does a killed ingest end with the same lake? Prints the verdict.

    python -m ingest.kills --kills 100 --out DIR

Two lakes take in the same drawn collections, one after another. One is left in peace; in the other
every `leaflake ingest` and its workers get SIGKILL at a random moment and start again, until they
are through. At the end shards and sidecars must be the same byte for byte, and every table the same
row for row.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from catalog.lake import open_lake
from ingest.draw_scale import draw_collection
from ingest.ingest_cli import positive

MOST_OF_A_RUN = 1.1
"""Kills come anywhere in a run's usual time, and sometimes too late."""

TIMES = {"ingests": ("started", "seconds", "durations")}
"""Columns that say when a row was made, and differ therefore."""


@dataclass(frozen=True)
class Verdict:
    """What the kills did."""

    kills: int
    runs: int
    """Ingests that came to their end, each of new pictures."""

    differences: tuple[str, ...]
    """What is not the same in the two lakes; nothing should be."""


def main(argv: list[str] | None = None) -> int:
    """Kill, compare, print. Returns 0 if the lakes are the same, else 1."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--kills", type=positive, default=100, metavar="N")
    parser.add_argument("--pictures", type=positive, default=3_000, metavar="N", help="an ingest")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    try:
        verdict = kill_and_compare(args.out, args.kills, args.pictures, args.seed)
    except subprocess.CalledProcessError as error:
        print(f"an ingest that nobody killed failed:\n{error.stderr.decode()}", file=sys.stderr)
        return 1
    print(
        f"{verdict.kills} kills in {verdict.runs} ingests of {args.pictures:,} pictures each: ",
        end="",
    )
    if not verdict.differences:
        print("the lake is the same as the one that was left in peace")
        return 0
    print("NOT the same:", *verdict.differences, sep="\n  ")
    return 1


def kill_and_compare(out: Path, kills: int, pictures: int, seed: int) -> Verdict:
    """Kill so many times, in as many ingests of `pictures` new pictures as that takes.

    Raises CalledProcessError if an ingest fails that nobody killed.
    """
    moments = random.Random(seed)
    calm, troubled = out / "calm", out / "troubled"
    for lake in (calm, troubled):
        shutil.rmtree(lake, ignore_errors=True)
    killed = runs = 0
    while killed < kills:
        source = out / f"part-{runs:03d}"
        folders = max(1, pictures // 100)
        draw_collection(source, pictures=pictures, folders=folders, seed=runs, prefix=source.name)
        began = time.monotonic()
        _finish(source, calm)
        usual_s = time.monotonic() - began
        while killed < kills and _kill(
            source, troubled, moments.uniform(0, MOST_OF_A_RUN * usual_s)
        ):
            killed += 1
            print(f"kill {killed} of {kills}, ingest {runs + 1}", file=sys.stderr)
        _finish(source, troubled)
        runs += 1
    return Verdict(killed, runs, tuple(differences(calm, troubled)))


def differences(one: Path, other: Path) -> Iterator[str]:
    """What differs between two lakes of the same pictures, in words."""
    yield from _differing_files(one / "shards", other / "shards")
    if (one / "taxonomy.json").read_bytes() != (other / "taxonomy.json").read_bytes():
        yield "taxonomy.json differs"
    ours, theirs = _tables(one), _tables(other)
    if ours.keys() != theirs.keys():
        yield f"tables differ: {sorted(ours)} and {sorted(theirs)}"
        return
    for name in ours:
        if not ours[name].equals(theirs[name]):
            yield f"table {name} differs ({len(ours[name])} and {len(theirs[name])} rows)"


def _differing_files(one: Path, other: Path) -> Iterator[str]:
    names = [{path.name for path in folder.iterdir()} for folder in (one, other)]
    for name in sorted(names[0] | names[1]):
        if name not in names[0] or name not in names[1]:
            yield f"shards/{name} is in one lake only"
        elif (one / name).read_bytes() != (other / name).read_bytes():
            yield f"shards/{name} differs"


def _tables(path: Path) -> dict[str, pa.Table]:
    """Every table of a lake, sorted, without the times of its runs."""
    with open_lake(path) as lake:
        ask = lake.connection.execute
        query = "SELECT table_name FROM duckdb_tables() WHERE database_name = 'lake' ORDER BY ALL"
        found = {}
        for (name,) in ask(query).fetchall():
            left_out = f"EXCLUDE ({', '.join(TIMES[name])})" if name in TIMES else ""
            rows = ask(f"SELECT * {left_out} FROM {name} ORDER BY ALL")
            found[name] = rows.to_arrow_table()
        return found


def _command(source: Path, lake: Path) -> list[str]:
    command = [sys.executable, "-m", "leaflake", "ingest", str(source), "--lake", str(lake)]
    return [*command, "--workers", "2"]


def _finish(source: Path, lake: Path) -> None:
    subprocess.run(_command(source, lake), check=True, capture_output=True)


def _kill(source: Path, lake: Path, after_s: float) -> bool:
    """Start an ingest and kill it and its workers after a while. Returns False if it was through
    by then. Raises CalledProcessError if it failed by itself."""
    process = subprocess.Popen(
        _command(source, lake),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,  # a process group of its own, with its workers
    )
    try:
        _, said = process.communicate(timeout=after_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return True
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args, stderr=said)
    return False


if __name__ == "__main__":
    sys.exit(main())
