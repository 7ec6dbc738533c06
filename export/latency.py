"""How long answers take, in turn. In: callables. Out: milliseconds of each."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np

from export.onnx_session import open_session

SHAPE = (600, 800, 3)
"""What is left of a phone's photograph after an app has scaled it for upload."""

BURST = 20
"""Answers of one contestant before the next has its turn."""

WARM_UP = 3
"""Answers of each turn that do not count: the caches still hold what the one before used."""

REST_S = 0.3
"""Between turns. The threads of PyTorch and others go on waiting busily for a while (OpenMP's
blocktime is 0.2 s), and would take the cores from the next one."""


def time_in_turn(
    contestants: Mapping[str, Callable[[], object]], repeats: int
) -> dict[str, np.ndarray]:
    """float64 (repeats,) milliseconds of each contestant, in turns of BURST, so that a slow minute
    of the machine hits all alike."""
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for begun in range(0, repeats, BURST):
        for name, answer in contestants.items():
            time.sleep(REST_S)
            for number in range(WARM_UP + min(BURST, repeats - begun)):
                started = time.perf_counter()
                answer()
                if number >= WARM_UP:
                    times[name].append((time.perf_counter() - started) * 1000)
    return {name: np.array(found) for name, found in times.items()}


def time_files(
    bundle: Path, files: tuple[str, ...], repeats: int = 100
) -> dict[str, dict[str, float]]:
    """`median` and `p99` in milliseconds of each ONNX file, for one picture of SHAPE."""
    image = np.random.default_rng(0).integers(0, 256, SHAPE, dtype=np.uint8)
    contestants = {}
    for name in files:
        session = open_session(bundle / name)
        contestants[name] = partial(session.run, None, {"image": image})
    return {
        name: {"median": float(np.median(found)), "p99": float(np.percentile(found, 99))}
        for name, found in time_in_turn(contestants, repeats).items()
    }
