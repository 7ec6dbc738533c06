"""Random light on a batch of training pictures. Crops and turns are the loader's."""

from __future__ import annotations

import torch

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in a grey value (ITU-R BT.601)."""


def jitter_light(
    levels: torch.Tensor, generator: torch.Generator, strength: float = 0.3
) -> torch.Tensor:
    """Change brightness, contrast and saturation of each picture by up to `strength`.

    Float levels 0-255 (N, 3, H, W) -> the same. No hue: the colour of a lesion tells diseases
    apart.
    """
    shape = (len(levels), 1, 1, 1)
    brightness, contrast, saturation = (
        1 + strength * (2 * torch.rand(shape, generator=generator).to(levels.device) - 1)
        for _ in range(3)
    )
    luma = torch.tensor(LUMA, device=levels.device).reshape(1, 3, 1, 1)
    levels = levels * brightness
    grey = (levels * luma).sum(dim=1, keepdim=True)
    levels = grey + (levels - grey) * saturation
    mean = grey.mean(dim=(2, 3), keepdim=True)
    return (mean + (levels - mean) * contrast).clamp(0, 255)
