"""How long answers take, in turn. In: callables. Out: milliseconds of each."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime

SHAPE = (600, 800, 3)
"""What is left of a phone's photograph after an app has scaled it for upload."""

WARM_UP = 10


def time_in_turn(
    contestants: Mapping[str, Callable[[], object]], repeats: int
) -> dict[str, np.ndarray]:
    """float64 (repeats,) milliseconds of each contestant; one answers after the other, so that a
    slow moment of the machine hits all alike."""
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for repeat in range(WARM_UP + repeats):
        for name, answer in contestants.items():
            started = time.perf_counter()
            answer()
            if repeat >= WARM_UP:
                times[name].append((time.perf_counter() - started) * 1000)
    return {name: np.array(found) for name, found in times.items()}


def time_files(
    bundle: Path, files: tuple[str, ...], repeats: int = 100
) -> dict[str, dict[str, float]]:
    """`median` and `p99` in milliseconds of each ONNX file, for one picture of SHAPE."""
    image = np.random.default_rng(0).integers(0, 256, SHAPE, dtype=np.uint8)
    contestants = {}
    for name in files:
        session = onnxruntime.InferenceSession(
            str(bundle / name), providers=["CPUExecutionProvider"]
        )
        contestants[name] = partial(session.run, None, {"image": image})
    return {
        name: {"median": float(np.median(found)), "p99": float(np.percentile(found, 99))}
        for name, found in time_in_turn(contestants, repeats).items()
    }
