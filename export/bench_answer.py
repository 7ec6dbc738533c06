"""How long one answer takes: PyTorch and both ONNX files, in one run on the same pictures.

In: a run and its bundle. Out: a table, and one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from export.bundle import FP32, INT8
from export.manifest import read_manifest
from train.run_folder import read_run

REPEATS = 200
WARM_UP = 10
SHAPE = (600, 800, 3)
"""What is left of a phone's photograph after an app has scaled it for upload."""


def bench_answer(run: Path, bundle: Path) -> dict[str, dict[str, float]]:
    """Median and 99th percentile in milliseconds, batch 1, from decoded picture to answer."""
    manifest = read_manifest(bundle)
    model = read_run(run).load_model()
    sessions = {name: onnxruntime.InferenceSession(bundle / name) for name in (FP32, INT8)}
    image = np.random.default_rng(0).integers(0, 256, SHAPE, dtype=np.uint8)

    def with_torch() -> None:
        with torch.inference_mode():
            model(torch.from_numpy(image))

    contestants: dict[str, Callable[[], object]] = {"torch": with_torch}
    for name, session in sessions.items():
        contestants[name] = partial(session.run, None, {"image": image})
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for repeat in range(WARM_UP + REPEATS):
        for name, answer in contestants.items():  # in turn, so that a slow moment hits all alike
            started = time.perf_counter()
            answer()
            if repeat >= WARM_UP:
                times[name].append((time.perf_counter() - started) * 1000)
    print(f"{manifest.name}, one picture of {SHAPE[1]}x{SHAPE[0]}, {REPEATS} times")
    return {
        name: {"median_ms": float(np.median(found)), "p99_ms": float(np.percentile(found, 99))}
        for name, found in times.items()
    }


def main() -> None:
    """Command line: python -m export.bench_answer RUN BUNDLE."""
    parser = argparse.ArgumentParser(prog="python -m export.bench_answer", description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("bundle", type=Path)
    args = parser.parse_args()
    result = bench_answer(args.run, args.bundle)
    for name, found in result.items():
        print(f"{name:<18} median {found['median_ms']:6.1f} ms   p99 {found['p99_ms']:6.1f} ms")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
