"""Which arithmetic is faster on this machine. In: a Training. Out: its precision set."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from train.pretraining import Pretraining
    from train.training import Training

WARM_UP_STEPS = 3
TIMED_STEPS = 5


def choose_precision(training: Training | Pretraining) -> None:
    """Set the precision to the recipe's, or to the faster one on this machine.

    bfloat16 wins where the processor has units for it, float32 where it only imitates them. GPUs
    that lack it have float16.
    """
    if training.recipe.precision != "auto":
        training.precision = getattr(torch, training.recipe.precision)
        return
    rates = {}
    for precision in (torch.float32, half_precision(training.device)):
        training.precision = precision
        rates[precision] = training.team.sums([pictures_per_second(training)])[0]
    by_name = {precision_name(p): round(rate, 1) for p, rate in rates.items()}
    training.log({"stage": "pictures/s", **by_name})
    training.precision = max(rates, key=lambda precision: rates[precision])


def half_precision(device: torch.device) -> torch.dtype:
    """bfloat16, except on a GPU that only imitates it."""
    if device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.float16
    return torch.bfloat16


def precision_name(precision: torch.dtype) -> str:
    """`torch.bfloat16` -> `bfloat16`."""
    return str(precision).removeprefix("torch.")


def pictures_per_second(training: Training | Pretraining) -> float:
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
