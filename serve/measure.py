"""Measure how a model answers quickest on this machine: alone, and many pictures side by side.

In: a Model and pictures. Out: Lanes and their Speed. Batches are not tried: a bundle's graph takes
one picture of any size, and even where the size is fixed a batch of 8 answered fewer pictures a
second than as many single ones on as many cores (EfficientNet-Lite0 129 against 205, Swin-Tiny 16.6
against 20.6; two cores, float32, 2026-11-22).
"""

from __future__ import annotations

import functools
import io
import itertools
import statistics
import threading
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from PIL import Image

from serve.golden import Golden
from serve.lanes import Lanes
from serve.model import Model
from serve.speed import Speed

SLICE_S = 0.2
"""For one way to answer. A small network answers 20 pictures in it, a large one a few."""

LEAST_PICTURES = 3
"""However long they take."""

CLEARLY = 1.1
"""How many times as quick something has to be that costs the other pictures something: threads of
a lone picture still run when the next one comes, and spinning ones even after it is answered."""


def measure(model: Model, golden: Sequence[Golden], cores: int) -> Lanes:
    """The model in the lanes that answer quickest on so many cores; takes about a second on two.

    `model` has one thread.
    """
    pictures = [one.data for one in golden] or [noise()]

    @functools.cache
    def opened(threads: int, spinning: bool) -> Model:
        return model if threads == 1 else model.with_threads(threads, spinning=spinning)

    lone_threads, spinning, lone_s = 1, False, alone(model, pictures)
    for spins in (False, True) if cores > 1 else ():
        seconds = alone(opened(cores, spins), pictures)
        if seconds * CLEARLY < lone_s:
            lone_threads, spinning, lone_s = cores, spins, seconds
    tried = [
        (side_by_side(opened(threads, False), pictures, lanes), lanes, threads)
        for lanes, threads in shares(cores)
    ]
    rate, lanes, threads = max(tried)
    speed = Speed(lanes, threads, lone_threads, spinning, round(rate, 1), round(1000 * lone_s, 1))
    return Lanes(opened(threads, False), opened(lone_threads, spinning), speed)


def shares(cores: int) -> list[tuple[int, int]]:
    """(lanes, threads of each) that take up all cores. A lane of all of them is for one picture."""
    return [
        (cores // threads, threads)
        for threads in (1, 2, 4)
        if threads <= cores // 2 or threads == 1
    ]


def alone(model: Model, pictures: Sequence[bytes]) -> float:
    """Median seconds of decoding and answering one picture after the other."""
    took: list[float] = []
    _answer(model, pictures[0])  # a session's first answer is slow
    end = time.perf_counter() + SLICE_S
    for data in itertools.cycle(pictures):
        started = time.perf_counter()
        if started >= end and len(took) >= LEAST_PICTURES:
            return statistics.median(took)
        _answer(model, data)
        took.append(time.perf_counter() - started)
    raise AssertionError("cycle() of one picture or more never ends")


def side_by_side(model: Model, pictures: Sequence[bytes], lanes: int) -> float:
    """Pictures a second in so many threads."""
    counts = [0] * lanes
    _answer(model, pictures[0])
    started = time.perf_counter()
    end = started + SLICE_S

    def work(lane: int) -> None:
        for data in itertools.cycle([*pictures[lane:], *pictures[:lane]]):
            if time.perf_counter() >= end and counts[lane]:
                return
            _answer(model, data)
            counts[lane] += 1

    threads = [threading.Thread(target=work, args=(lane,)) for lane in range(lanes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - started)


def guess(speed: Speed, old: Model, new: Model, golden: Sequence[Golden]) -> Speed:
    """What `measure` would say of `new`, from what it said of `old`, while pictures are answered.

    Both answer the same pictures, in as many threads, and the processor time of each is what is
    compared: unlike the clock's, it hardly depends on how much else there is to do.
    """
    if speed.pictures_per_s is None or speed.lone_ms is None:
        return speed
    pictures = [one.data for one in golden][:LEAST_PICTURES] or [noise()]
    times = _processor_s(new, pictures) / max(_processor_s(old, pictures), 1e-6)
    return replace(
        speed,
        pictures_per_s=round(speed.pictures_per_s / times, 1),
        lone_ms=round(speed.lone_ms * times, 1),
    )


def _processor_s(model: Model, pictures: Sequence[bytes]) -> float:
    _answer(model, pictures[0])
    started = time.thread_time()
    for data in pictures:
        _answer(model, data)
    return time.thread_time() - started


def _answer(model: Model, data: bytes) -> None:
    model.run(model.decode(data))


def noise() -> bytes:
    """A JPEG of 640x480, for bundles without golden pictures."""
    grain = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(grain).save(out, "JPEG")
    return out.getvalue()
