"""One training step with hierarchical heads, and one with timm's flat classifier.

In: a timm name. Out: seconds of each round. Both steps are forward, loss with smoothing, backward
and AdamW, on the same pixels; a round takes one of each, and every other round the other first.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import timm
import timm.loss
import timm.optim
import torch

from catalog.taxonomy import LabelTree
from train.backbones import load_backbone
from train.classifier import Classifier
from train.losses import Loss

CLASSES, SPECIES = 11_499, 2_000
"""Of the collection that Leaflake is made for."""

SIZE = 224
SMOOTHING = 0.1
WARM_UP = 2

OURS, TIMM = "Leaflake, hierarchical heads", "timm, flat classifier"


@dataclass(frozen=True)
class Steps:
    """What each round measured, by contestant."""

    seconds: dict[str, list[float]]
    """By the clock."""

    cpu_seconds: dict[str, list[float]]
    """Of all threads. On a machine that others use too the steadier of the two."""


def time_steps(name: str, batch: int, rounds: int, precision: str) -> Steps:
    """Time one step of each contestant in every round."""
    chance = torch.Generator().manual_seed(0)
    pixels = torch.randn(batch, 3, SIZE, SIZE, generator=chance)
    pixels = pixels.contiguous(memory_format=torch.channels_last)
    truth = torch.randint(CLASSES, (batch,), generator=chance)
    dtype = getattr(torch, precision)
    steps = {
        OURS: hierarchical_step(name, pixels, truth, dtype),
        TIMM: flat_step(name, pixels, truth, dtype),
    }
    found = Steps({who: [] for who in steps}, {who: [] for who in steps})
    for number in range(WARM_UP + rounds):
        for who in sorted(steps, reverse=number % 2 == 1):
            started, cpu = time.perf_counter(), time.process_time()
            steps[who]()
            if number >= WARM_UP:
                found.seconds[who].append(time.perf_counter() - started)
                found.cpu_seconds[who].append(time.process_time() - cpu)
    return found


def hierarchical_step(
    name: str, pixels: torch.Tensor, truth: torch.Tensor, dtype: torch.dtype
) -> Callable[[], None]:
    """One step of a fresh network over `long_tail`."""
    tree = long_tail(CLASSES, SPECIES)
    model = Classifier(load_backbone(name, pretrained=False), tree, SIZE)
    criterion = Loss(tree, smoothing=SMOOTHING)

    def loss() -> torch.Tensor:
        with autocast(dtype):
            found, _ = model.classify(pixels)
        result: torch.Tensor = criterion(found, truth)
        return result

    return step_of(model, loss)


def flat_step(
    name: str, pixels: torch.Tensor, truth: torch.Tensor, dtype: torch.dtype
) -> Callable[[], None]:
    """One step of timm's own network."""
    model = timm.create_model(name, num_classes=CLASSES)
    criterion = timm.loss.LabelSmoothingCrossEntropy(SMOOTHING)

    def loss() -> torch.Tensor:
        with autocast(dtype):
            result: torch.Tensor = criterion(model(pixels), truth)
        return result

    return step_of(model, loss)


def step_of(model: torch.nn.Module, loss: Callable[[], torch.Tensor]) -> Callable[[], None]:
    """Forward, backward, update."""
    model.to(memory_format=torch.channels_last).train()
    optimiser = timm.optim.create_optimizer_v2(model, opt="adamw", lr=1e-5, weight_decay=0.05)

    def step() -> None:
        optimiser.zero_grad()
        loss().backward()
        optimiser.step()

    return step


def autocast(dtype: torch.dtype) -> torch.autocast:
    """Of the processor; off for float32."""
    return torch.autocast("cpu", dtype=dtype, enabled=dtype != torch.float32)


def long_tail(num_classes: int, num_species: int) -> LabelTree:
    """A tree of so many; few species have many conditions and most have few, as in collections."""
    share = 1 / np.arange(1, num_species + 1)
    others = num_classes - num_species  # each species has one condition at least
    edges = np.floor(np.cumsum(share / share.sum()) * others + 0.5).astype(int)
    sizes = 1 + np.diff(edges, prepend=0)
    return LabelTree.from_pairs(
        (f"species_{species:04d}", f"condition_{condition:04d}")
        for species, size in enumerate(sizes)
        for condition in range(size)
    )
