"""What a network sees on its way to the features: means and maxima of its intermediate maps.

In: a backbone and pixels. Out: features, and one row of numbers for each picture. A network that
was tuned to tell leaves apart forgets in its last layers what it needs not know of tigers and
teapots; its early and middle ones still tell.
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import nn

MAX_STAGES = 5
"""Of networks that name more places than this, such as the blocks of a ViT, some are taken."""

AGREE = 1e-3
"""Largest difference of the features on the way past the taps, in standard deviations."""


class Seen(NamedTuple):
    """What the network made of N pictures."""

    pooled: torch.Tensor
    """float32 (N, T): of each stage's map the channels' means, then their maxima; T may be 0."""

    features: torch.Tensor
    """float32 (N, D), what the heads see."""

    species: torch.Tensor
    """float32 (N, S), log p(species)."""

    energy: torch.Tensor
    """float32 (N,), as train.hierarchy.LogProbs has it."""

    def rows(self, chosen: np.ndarray) -> Seen:
        """The pictures at int (M,) `chosen`, or where bool (N,) `chosen` is true."""
        index = torch.from_numpy(chosen)
        return Seen(*(part[index] for part in self))

    def everything(self) -> torch.Tensor:
        """(N, T + D): pooled, then features."""
        return torch.cat([self.pooled, self.features], dim=1)


def look(
    network: nn.Module, pixels: torch.Tensor, stages: tuple[int, ...]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Pixels (N, 3, H, W) -> (pooled (N, T), features (N, D)), float32.

    `stages` are positions among those that timm's `forward_intermediates` gives; with none it is
    the plain network.
    """
    if not stages:
        features = network(pixels).float()
        return features[:, :0], features
    timm_network = cast(Any, network)  # timm's networks share no base class that has these two
    last, maps = timm_network.forward_intermediates(pixels, indices=list(stages))
    features = timm_network.forward_head(last).float()
    pooled = [part for one in maps for part in (one.mean(dim=(2, 3)), one.amax(dim=(2, 3)))]
    return torch.cat(pooled, dim=1).float(), features


def choose_stages(network: nn.Module, size: int) -> tuple[int, ...]:
    """The stages to tap, evenly spread over the network; none where it cannot be tapped.

    `size` is the side of the pixels in use. A network can be tapped if it is one of timm's, and its
    features come out the same on that way.
    """
    info = getattr(network, "feature_info", None)
    if not info or not hasattr(network, "forward_intermediates"):
        return ()
    count = len(info)
    wanted = min(MAX_STAGES, count)
    stages = tuple(round((i + 1) * count / wanted) - 1 for i in range(wanted))
    pixels = torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        plain = network(pixels).float()
        pooled, features = look(network, pixels, stages)
    same = torch.allclose(features, plain, atol=AGREE * float(plain.std()) + 1e-6)
    return stages if same and bool(pooled.isfinite().all()) else ()
