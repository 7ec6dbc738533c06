"""What a server could reach at most: ONNX Runtime and the decoder in a bare loop.

In: a bundle and pictures. Out: for one loop and for a loop on each core, pictures a second and the
processor time of each.

    python -m serve.bench_ceiling BUNDLE CORES SECONDS PICTURE...
"""

from __future__ import annotations

import itertools
import json
import multiprocessing
import sys
import time
from collections.abc import Sequence
from multiprocessing.synchronize import Barrier
from pathlib import Path

from serve.model import INPUT, OUTPUTS, Model

WARM_UP_S = 0.5


def one_loop(model: Model, pictures: Sequence[bytes], seconds: float) -> tuple[float, float]:
    """One after another, decode and run and nothing else: pictures a second, and milliseconds of
    processor time of each."""
    done = 0
    started, used = time.perf_counter(), time.process_time()
    for data in itertools.cycle(pictures):
        model.session.run(OUTPUTS, {INPUT: model.decode(data)})
        done += 1
        if time.perf_counter() >= started + seconds:
            break
    took, used = time.perf_counter() - started, time.process_time() - used
    return done / took, 1000 * used / done


def alone(
    bundle: Path, pictures: Sequence[bytes], cores: int, seconds: float
) -> tuple[float, float]:
    """One loop, with the better number of threads for each picture."""
    model = Model.load(bundle, threads=1)
    found = []
    for threads in {1, cores}:
        choice = model.with_threads(threads, spinning=True)
        one_loop(choice, pictures, WARM_UP_S)
        found.append(one_loop(choice, pictures, seconds))
    return max(found)


def side_by_side(
    bundle: Path, pictures: Sequence[bytes], cores: int, seconds: float
) -> tuple[float, float]:
    """A loop on each core. Processes, as threads would share one interpreter."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(cores)
    with context.Pool(cores, _take, (barrier,)) as pool:
        jobs = [(bundle, list(pictures), seconds)] * cores
        found = pool.starmap(_loop_with_others, jobs, chunksize=1)
    return sum(rate for rate, _ in found), sum(used for _, used in found) / cores


_barrier: Barrier


def _take(barrier: Barrier) -> None:
    """Give a process of the pool what cannot be sent to it later."""
    global _barrier
    _barrier = barrier


def _loop_with_others(bundle: Path, pictures: list[bytes], seconds: float) -> tuple[float, float]:
    model = Model.load(bundle, threads=1).with_threads(1, spinning=False)
    one_loop(model, pictures, WARM_UP_S)
    _barrier.wait()
    return one_loop(model, pictures, seconds)


def main() -> None:
    """Both, as one line of JSON."""
    bundle, cores, seconds, *paths = sys.argv[1:]
    pictures = [Path(path).read_bytes() for path in paths]
    common = Path(bundle), pictures, int(cores), float(seconds)
    print(json.dumps({"alone": alone(*common), "side_by_side": side_by_side(*common)}), flush=True)


if __name__ == "__main__":
    main()
