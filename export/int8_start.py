"""How many of a graph's first layers stay in float32, because eight bits are slower there.

In: a calibrated graph. Out: names of layers. The first layers have the largest maps and the fewest
channels: there turning numbers into eight bits and back costs more than computing with eight bits
saves. With the first three of EfficientNet-Lite0's 49 in float32 a picture of 800x600 took 4.8 ms
of one core, with none 5.5, with the first four 5.9, and all in float32 8.6 (lower quartiles of 100,
2026-11-22). Which they are depends on the network and on the processor, so it is measured.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np

from export.latency import SHAPE, time_in_turn
from export.onnx_session import open_session
from export.quantise import Calibrated
from export.said import OUTPUTS

MOST = 6
"""Layers that are tried; behind them the maps are small."""

REPEATS = 40
"""Timed answers of each try."""

CLEARLY = 0.97
"""Of the time that eight bits for all take, what a try must stay below: less is chance."""

Timed = Callable[[Mapping[str, Callable[[], object]], int], Mapping[str, np.ndarray]]
"""As time_in_turn: milliseconds (repeats,) of each contestant."""


def quickest_start(graph: Calibrated, folder: Path, timed: Timed = time_in_turn) -> tuple[str, ...]:
    """The first layers without whose eight bits the graph is quickest on one core; mostly few, and
    none if eight bits pay from the first layer on. `folder` is for files that may be deleted."""
    names = tuple(graph.layers)
    starts = {str(count): names[:count] for count in range(min(MOST, len(names) - 1) + 1)}
    image = np.random.default_rng(0).integers(0, 256, SHAPE, dtype=np.uint8)
    contestants = {}
    for count, start in starts.items():
        path = folder / f"first-{count}.onnx"
        graph.write(path, start)
        session = open_session(path, threads=1)
        contestants[count] = partial(session.run, OUTPUTS, {"image": image})
    # A machine that does something else as well makes most answers slow, but hardly a quarter fast.
    times = {
        count: float(np.percentile(found, 25))
        for count, found in timed(contestants, REPEATS).items()
    }
    quickest = min(times, key=lambda count: times[count])
    return starts[quickest] if times[quickest] < CLEARLY * times["0"] else ()
