"""Which arithmetic is faster on this machine. In: a Training. Out: its precision set."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from train.loop import Training

WARM_UP_STEPS = 3
TIMED_STEPS = 5


def choose_precision(training: Training) -> None:
    """Set the precision to the faster one on this machine.

    bfloat16 wins where the processor has units for it, float32 where it only imitates them.
    """
    rates = {}
    for precision in (torch.float32, torch.bfloat16):
        training.precision = precision
        rates[precision] = pictures_per_second(training)
    by_name = {precision_name(p): round(rate, 1) for p, rate in rates.items()}
    training.log({"stage": "pictures/s", **by_name})
    training.precision = max(rates, key=lambda precision: rates[precision])


def precision_name(precision: torch.dtype) -> str:
    """`torch.bfloat16` -> `bfloat16`."""
    return str(precision).removeprefix("torch.")


def pictures_per_second(training: Training) -> float:
    """Speed of forward and backward on a real batch; the weights stay as they are."""
    model = training.model.train()
    batch = next(training.train.epoch(0))
    state = {key: value.clone() for key, value in model.state_dict().items()}
    started = 0.0
    for step in range(WARM_UP_STEPS + TIMED_STEPS):
        if step == WARM_UP_STEPS:
            started = time.perf_counter()
        # .item() waits for a GPU to finish.
        loss = training.loss(training.pixels(batch), batch)
        loss.backward()
        loss.item()
    rate = TIMED_STEPS * len(batch.keys) / (time.perf_counter() - started)
    model.zero_grad()
    model.load_state_dict(state)  # the batch statistics have moved
    return rate
