"""How fast folders become shards: Leaflake, three rivals, and the same work in bare processes.

In: a folder of pictures, and a Python that has the rivals. Out: two tables, and one line of JSON.

The same work: read, decode, turn upright, scale to 256 pixels on the short side where a picture is
larger, encode as JPEG of quality 90 without chroma subsampling, hash, write to shards. Every rival
writes its index, Leaflake its sidecars, for which it also describes and judges each picture.
Everybody gets the same pictures and as many processes. Imports are not counted; the median of
several rounds is, each of which runs all one after another.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from unittest import mock

from ingest import bench_rivals, check
from ingest.bench_rivals import measure
from ingest.check import encode_jpeg, shrink, stored_size
from ingest.engines import LocalProcesses, Pack
from ingest.pack import Packed, pack_shard
from ingest.plan import ShardPlan
from shards.decode import DecodeError, decode_image, decode_reduced, read_header

PICTURES = 12_000
"""Twelve shards, six for each of two workers, so that starting them (0.4 s) weighs little."""

LARGE, SMALL = 800, 256
"""Sides of the second collection, a third and two thirds; the pictures that real collections hold
are larger than those in the folder may be."""

DOCUMENTED = ("LitData optimize", "MosaicML MDSWriter", "webdataset ShardWriter")
"""The rivals as their documentation shows them; "to rival" is to the fastest of these."""

ENCODES_ANEW = "Leaflake, all encoded anew"
KEEPS = "Leaflake, keeps small upright JPEGs"
BARE = "bare Leaflake decode, resize, encode"


@dataclass(frozen=True)
class Result:
    """One run of one contestant."""

    pictures: int
    seconds: float

    cpu_s: float
    """Of all its processes."""

    commit_s: float = 0.0
    """What the catalog takes after that (groups, splits, snapshot), which rivals do not do."""


def bench_ingest(
    folder: Path, rivals_python: str, pictures: int, rounds: int, workers: int
) -> None:
    """Make the two collections in a scratch folder, run everybody on them, print the tables."""
    with tempfile.TemporaryDirectory(prefix="bench-ingest-") as name:
        scratch = Path(name)
        for title, collection in make_collections(folder, scratch, pictures, workers).items():
            results = run_rounds(collection, scratch, rivals_python, rounds, workers)
            print(f"\n{title}; {workers} workers, median of {rounds} rounds")
            print(table(results))
            print(json.dumps({name: [vars(r) for r in runs] for name, runs in results.items()}))


def make_collections(folder: Path, scratch: Path, pictures: int, workers: int) -> dict[str, Path]:
    """Title -> a dataset of the folder's pictures as they are, and one of two sizes made of it.

    Pictures are taken again where the folder has too few.
    """
    sound = [path for path in sorted(folder.glob("**/*")) if path.is_file() and _is_sound(path)]
    if not sound:
        raise SystemExit(f"{folder}: no picture in it. Name a folder of pictures.")
    random.Random(0).shuffle(sound)
    chosen = list(itertools.islice(itertools.cycle(sound), pictures))
    classes = [scratch / "real" / path.parent.name / f"{n}.jpg" for n, path in enumerate(chosen)]
    for path, copy in zip(chosen, classes, strict=True):
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    with ProcessPoolExecutor(workers) as pool:
        parts = [classes[worker::workers] for worker in range(workers)]
        list(pool.map(_draw_sizes, parts, [scratch / "sizes"] * workers))
    return {
        f"{len(chosen):,} pictures as they are": scratch / "real",
        f"{len(chosen):,} pictures, a third {LARGE}x{LARGE}, two thirds {SMALL}x{SMALL}": scratch
        / "sizes",
    }


def _is_sound(path: Path) -> bool:
    try:
        decode_image(path.read_bytes())
    except DecodeError:
        return False
    return True


def _draw_sizes(paths: Sequence[Path], out: Path) -> None:
    """The same pictures at the two sizes, which one it is by their number."""
    from PIL import Image

    for path in paths:
        side = SMALL if int(path.stem) % 3 else LARGE
        copy = out / path.parent.name / path.name
        copy.parent.mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(decode_image(path.read_bytes()))
        image.resize((side, side)).save(copy, quality=check.JPEG_QUALITY)


def run_rounds(
    collection: Path, scratch: Path, rivals_python: str, rounds: int, workers: int
) -> dict[str, list[Result]]:
    """Name -> its results, each contestant in a fresh process, interleaved."""
    paths = scratch / "paths.json"
    paths.write_text(json.dumps(sorted(str(path) for path in collection.glob("*/*"))))
    commands = {name: [rivals_python, bench_rivals.__file__, name] for name in bench_rivals.RIVALS}
    commands |= {name: [sys.executable, "-m", __spec__.name, "--run", name] for name in OURS}
    results: dict[str, list[Result]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            out = scratch / "out"
            out.mkdir()
            done = subprocess.run(
                [*command, str(paths), str(out), str(workers)],
                capture_output=True,
                text=True,
            )
            if done.returncode:
                raise SystemExit(f"{name} ended with status {done.returncode}:\n{done.stderr}")
            results[name].append(Result(**json.loads(done.stdout.splitlines()[-1])))
            shutil.rmtree(out)
    return results


def table(results: dict[str, list[Result]]) -> str:
    """One line a contestant: rate, CPU time, and how it stands to fastest rival and ceiling."""
    rates = {
        name: _median(runs, lambda r: r.pictures / r.seconds) for name, runs in results.items()
    }
    rival = max(rates[name] for name in DOCUMENTED)
    lines = [f"{'':38}{'pictures/s':>11}{'CPU s/1,000':>13}{'to rival':>10}{'to ceiling':>12}"]
    for name, runs in results.items():
        cpu = _median(runs, lambda r: 1000 * r.cpu_s / r.pictures)
        commit = _median(runs, lambda r: r.commit_s)
        lines.append(
            f"{name:38}{rates[name]:11,.0f}{cpu:13.2f}{rates[name] / rival:10.2f}"
            f"{rates[name] / rates[BARE]:12.2f}"
            + (f"   and {commit:.1f} s for the catalog" if commit else "")
        )
    return "\n".join(lines)


def _median(runs: Iterable[Result], of: Callable[[Result], float]) -> float:
    return statistics.median(of(run) for run in runs)


def leaflake(paths: Sequence[str], out: Path, workers: int, pack: Pack) -> dict[str, float]:
    """Scan, plan and pack; then, measured apart, the rest of an ingest."""
    from ingest.progress import pack_all  # not above: workers import this file, and not those
    from ingest.run import ingest, prepare

    source, lake = Path(paths[0]).parents[1], out / "lake"

    def make_shards() -> None:
        work = prepare([source], lake)
        (lake / "shards").mkdir(parents=True)
        pack_all(pack, work.plans, LocalProcesses(workers))

    result = measure(make_shards, len(paths))
    done = ingest([source], lake)  # finds every shard complete
    if done.totals.samples != len(paths):
        raise SystemExit(f"{done.totals.samples} of {len(paths)} pictures became samples")
    return {**result, "commit_s": done.durations["commit"]}


def pack_anew(plan: ShardPlan) -> Packed:
    """Pack a shard without keeping any JPEG as it is."""
    with mock.patch.object(check, "may_be_kept", lambda header: False):
        return pack_shard(plan)


def bare(paths: Sequence[str], out: Path, workers: int) -> dict[str, float]:
    """The picture's part alone, with Leaflake's libraries, in processes which keep nothing."""

    def run() -> None:
        with ProcessPoolExecutor(workers) as pool:
            list(pool.map(_scale_all, [paths[worker::workers] for worker in range(workers)]))

    return measure(run, len(paths))


def _scale_all(paths: Sequence[str]) -> None:
    for path in paths:
        data = Path(path).read_bytes()
        header = read_header(data)
        size = stored_size(header, bench_rivals.SHORT_SIDE)
        image = decode_reduced(data, header, min(size))
        encode_jpeg(shrink(image, *size) if image.shape[1::-1] != size else image)


OURS: dict[str, Callable[[Sequence[str], Path, int], dict[str, float]]] = {
    BARE: bare,
    ENCODES_ANEW: partial(leaflake, pack=pack_anew),
    KEEPS: partial(leaflake, pack=pack_shard),
}


def main() -> None:
    """Command line: python -m ingest.bench_ingest FOLDER --rivals PYTHON."""
    if sys.argv[1:2] == ["--run"]:
        name, paths, out, workers = sys.argv[2:]
        print(json.dumps(OURS[name](json.loads(Path(paths).read_text()), Path(out), int(workers))))
        return
    parser = argparse.ArgumentParser(prog="python -m ingest.bench_ingest", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rivals", required=True, help="a Python that has what bench_rivals needs")
    parser.add_argument("--pictures", type=int, default=PICTURES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    bench_ingest(args.folder, args.rivals, args.pictures, args.rounds, args.workers)


if __name__ == "__main__":
    main()
