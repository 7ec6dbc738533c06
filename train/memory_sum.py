"""What a run needs of memory, beside what there is. In: a network and its data. Out: a table.

The activations are counted on two pictures, forward, so they are known before the run needs them.
On machines whose processor and GPU share the memory, as Strix Halo, all of it is one sum, and the
GPU's part is limited by GTT besides, which Linux sets to about half of the memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch.autograd.graph import saved_tensors_hooks

from leaflake import UsageError
from shards.memory import available_bytes
from shards.select import Selection
from train.classifier import Classifier
from train.recipe import Recipe
from train.twins import TwinNetwork

DRM = Path("/sys/class/drm")

TRIAL_PICTURES = 2

SCRATCH = 1.25
"""Of the activations: in the backward pass each gradient replaces what was kept, but some kernels
need more at once. A step's peak over what was kept was 0.98 (EfficientNet-Lite0, 32 pictures of 192
pixels) and 1.21 (Swin-Tiny, 8 of 224), both float32 on a processor, 2026-11-22."""

WORKER_BYTES = 50 * 10**6
"""Of one decoding process."""

ADAMW_COPIES = 5
"""Weights, gradients, AdamW's two moments, the average."""


@dataclass(frozen=True)
class Needs:
    """Bytes."""

    weights: int
    """With gradients, the optimiser's moments and the average."""

    activations: int
    """Kept for the backward pass of one part of a step, and scratch."""

    cache: int
    """Encoded pictures; 0 for a stream."""

    workers: int
    """Processes that decode, and the batches in flight."""

    @property
    def training(self) -> int:
        """What lies where the network is."""
        return self.weights + self.activations

    @property
    def loading(self) -> int:
        """What lies in the processor's memory."""
        return self.cache + self.workers


@dataclass(frozen=True)
class Room:
    """Bytes that there are."""

    processor: int | None
    """Free now; None: the system does not say."""

    gpu: int | None
    """Free now on the GPU, also through GTT; None: training is on the processor."""

    shared: bool
    """Whether the GPU takes its memory from the processor's."""


def sum_needs(
    recipe: Recipe,
    model: Classifier | TwinNetwork,
    selections: tuple[Selection, ...],
    part_pictures: int,
    workers: int,
    precision: torch.dtype,
) -> Needs:
    """Of one process. `part_pictures` are computed at once, `workers` processes decode."""
    values = sum(weight.numel() for weight in model.parameters())
    per_picture = activation_bytes(model, recipe.train_size, precision)
    side = max(recipe.train_size, recipe.eval_size)
    batch = part_pictures * side * side * 3
    in_flight = 3 * (workers + 4)  # of three loaders, see shards/loader.py
    return Needs(
        weights=values * 4 * ADAMW_COPIES,
        activations=int(SCRATCH * part_pictures * per_picture),
        cache=sum(int(s.length.sum()) for s in selections) if recipe.cache else 0,
        workers=workers * WORKER_BYTES + in_flight * batch,
    )


def activation_bytes(model: Classifier | TwinNetwork, size: int, precision: torch.dtype) -> int:
    """What one picture's forward pass keeps for the backward pass; weights do not count."""
    device = next(model.parameters()).device
    weights = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    pixels = torch.zeros(TRIAL_PICTURES, 3, size, size, device=device)
    state = {key: value.clone() for key, value in model.state_dict().items()}
    mixed = precision != torch.float32
    model.train()
    with (
        saved_tensors_hooks(keep, lambda tensor: tensor),
        torch.autocast(device.type, dtype=precision, enabled=mixed),
    ):
        answer = model.classify(pixels) if isinstance(model, Classifier) else model(pixels)
        del answer
    model.load_state_dict(state)  # the batch statistics have moved
    return sum(kept.values()) // TRIAL_PICTURES


def find_room(device: torch.device, drm: Path = DRM) -> Room:
    """What is free on this machine."""
    if device.type != "cuda":
        return Room(available_bytes(), None, shared=False)
    free, total = torch.cuda.mem_get_info(device)
    gtt = gtt_bytes(drm)
    shared = torch.cuda.get_device_properties(device).is_integrated == 1
    if shared and gtt is not None:
        free = max(free, gtt - (total - free))
    return Room(available_bytes(), free, shared)


def gtt_bytes(drm: Path = DRM) -> int | None:
    """How much of the processor's memory an AMD GPU may take; None: there is none.

    https://docs.kernel.org/gpu/amdgpu/driver-misc.html#mem-info-gtt-total
    """
    found = [int(path.read_text()) for path in sorted(drm.glob("card*/device/mem_info_gtt_total"))]
    return max(found, default=None)


def check_needs(needs: Needs, room: Room, recipe: Recipe) -> str:
    """The sum for people. Raises UsageError if it does not fit."""
    table = (
        f"memory: network and optimiser {_gb(needs.weights)}, activations "
        f"{_gb(needs.activations)}, cache {_gb(needs.cache)}, decoding {_gb(needs.workers)}"
    )
    if room.gpu is None or room.shared:
        wanted = [("all together", needs.training + needs.loading, room.processor)]
    else:
        wanted = [("decoding and cache", needs.loading, room.processor)]
    if room.gpu is not None:
        wanted.append(("the GPU's part", needs.training, room.gpu))
    said = []
    for what, need, free in wanted:
        if free is None:
            continue
        said.append(f"{what} {_gb(need)} of {_gb(free)} that are free")
        if need > free:
            raise UsageError(f"{table}; {said[-1]}. {_advice(recipe, what)} Nothing was written.")
    return "; ".join([table, *said])


def _advice(recipe: Recipe, what: str) -> str:
    more = f"Let accumulate be {2 * recipe.accumulate} in train/recipes.py, which halves the"
    more += " activations and trains the same"
    if what == "the GPU's part":
        return f"{more}; on Strix Halo, GTT can be raised by the kernel's option ttm.pages_limit."
    return f"{more}, or read without a cache: --stream."


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
