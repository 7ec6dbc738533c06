"""How fast this machine trains, so that a run fits its minutes. In: a Training. Out: decisions."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from train.loop import Training

TIMED_STEPS = 6
"""Steps that the speed is measured on, after as many that warm caches up."""

SHARE_OF_STEP = 0.85
"""Of an epoch's time, what forward and backward take; the rest is decoding, the optimiser, weight
averaging and judging on val (measured on two cores: 46.8 against 42 pictures/s over an epoch)."""


def faster_precision(training: Training) -> torch.dtype:
    """bfloat16 where the processor has units for it, float32 where it only imitates them."""
    rates = {}
    for precision in (torch.float32, torch.bfloat16):
        training.precision = precision
        rates[precision] = pictures_per_second(training)
    by_name = {str(p).removeprefix("torch."): round(rate, 1) for p, rate in rates.items()}
    training.log({"stage": "pictures/s", **by_name})
    return max(rates, key=lambda precision: rates[precision])


def affordable_epochs(training: Training) -> int:
    """How many epochs fit into the recipe's minutes; at least one."""
    recipe = training.recipe
    rate = pictures_per_second(training) * SHARE_OF_STEP
    affordable = int(recipe.minutes * 60 * rate / len(training.train.selection))
    return max(1, min(recipe.max_epochs, affordable))


def pictures_per_second(training: Training) -> float:
    """Speed of forward and backward on a real batch; the weights stay as they are."""
    model = training.model.train()
    batch = next(training.train.epoch(0))
    state = {key: value.clone() for key, value in model.state_dict().items()}
    started = 0.0
    for step in range(2 * TIMED_STEPS):
        if step == TIMED_STEPS:
            started = time.perf_counter()
        # .item() waits for a GPU to finish.
        loss = training.loss(training.pixels(batch), batch)
        loss.backward()
        loss.item()
    rate = TIMED_STEPS * len(batch.keys) / (time.perf_counter() - started)
    model.zero_grad()
    model.load_state_dict(state)  # the batch statistics have moved
    return rate
