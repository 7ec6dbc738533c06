"""Whether a network's arithmetic can be trusted here. In: a network. Out: the layer that fails.

Attention on ROCm has given NaN for some shapes, head size 32 (Swin-Tiny's) among them; a run of ten
hours should learn of that in its first minute. On a GPU with ROCm it is asked before every run.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import nn

from leaflake import UsageError
from train.classifier import Classifier

STEPS = 20
PICTURES = 8


def check_arithmetic(
    model: Classifier, size: int, device: torch.device, precision: torch.dtype
) -> str:
    """Train a copy of `model` for some steps on noise; what is to be said about it.

    If fused attention fails, timm's plain attention takes its place in `model`. Raises UsageError
    if that fails as well, or something else does.
    """
    broken = first_broken_layer(model, size, device, precision)
    if broken is None:
        return f"{STEPS} steps on noise: all numbers finite"
    fused = [layer for layer in model.modules() if getattr(layer, "fused_attn", False)]
    for layer in fused:
        vars(layer)["fused_attn"] = False
    still = first_broken_layer(model, size, device, precision) if fused else broken
    if still is not None:
        raise UsageError(
            f"{STEPS} steps on noise: {still} on {describe(device)} in {precision}. A run would "
            "fail, or learn nothing. Use another build of PyTorch, or precision float32 in "
            "train/recipes.py. Nothing was written."
        )
    return f"{STEPS} steps on noise: {broken}; with attention that is not fused all are finite"


def first_broken_layer(
    model: Classifier, size: int, device: torch.device, precision: torch.dtype
) -> str | None:
    """The layer whose answer, or gradient, was first not finite, and at which step; or None."""
    network = copy.deepcopy(model).to(device).to(memory_format=torch.channels_last).train()
    found: list[str] = []
    for name, layer in network.named_modules():
        if not list(layer.children()) or hasattr(layer, "fused_attn"):
            layer.register_forward_hook(_watch(name, "answer", found))
    chance = torch.Generator().manual_seed(0)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-4)
    mixed = precision != torch.float32
    for step in range(1, STEPS + 1):
        noise = torch.randn(PICTURES, 3, size, size, generator=chance).to(device)
        with torch.autocast(device.type, dtype=precision, enabled=mixed):
            answer, _ = network.classify(noise)
        loss = -answer.joint[:, step % answer.joint.shape[1]].mean()
        loss.backward()
        for name, weight in network.named_parameters():
            if weight.grad is not None and not torch.isfinite(weight.grad).all():
                found.append(f"the gradient of {name}")
        if found or not torch.isfinite(loss):
            return f"{found[0] if found else 'the loss'} is not finite at step {step}"
        optimiser.step()
        optimiser.zero_grad()
    return None


def _watch(name: str, what: str, found: list[str]) -> Callable[..., None]:
    def hook(layer: nn.Module, given: object, answer: object) -> None:
        if isinstance(answer, torch.Tensor) and not torch.isfinite(answer).all():
            found.append(f"the {what} of {name}")

    return hook


def describe(device: torch.device) -> str:
    """The device's name for people."""
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)} (ROCm {torch.version.hip})"
    return "the processor"
