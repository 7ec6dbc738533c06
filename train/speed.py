"""How fast this machine trains, so that a run fits its minutes. In: a Training. Out: decisions."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from train.loop import Training

WARM_UP_STEPS = 3
TIMED_STEPS = 5

SHARE_OF_STEP = 0.85
"""Of an epoch's time, what forward and backward take; the rest is decoding, the optimiser, weight
averaging and judging on val (measured on two cores: 46.8 against 42 pictures/s over an epoch)."""


def choose_precision(training: Training) -> float:
    """Set the precision to the faster one, and return its pictures/s.

    bfloat16 wins where the processor has units for it, float32 where it only imitates them.
    """
    rates = {}
    for precision in (torch.float32, torch.bfloat16):
        training.precision = precision
        rates[precision] = pictures_per_second(training)
    by_name = {str(p).removeprefix("torch."): round(rate, 1) for p, rate in rates.items()}
    training.log({"stage": "pictures/s", **by_name})
    training.precision = max(rates, key=lambda precision: rates[precision])
    return rates[training.precision]


def affordable_epochs(training: Training, rate: float) -> int:
    """How many epochs fit into the recipe's minutes at `rate` pictures/s a step; at least one."""
    recipe = training.recipe
    pictures = recipe.minutes * 60 * rate * SHARE_OF_STEP
    affordable = int(pictures / len(training.train.selection))
    return max(1, min(recipe.max_epochs, affordable))


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
