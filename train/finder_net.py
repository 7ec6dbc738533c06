"""The network that finds leaves: a picture in, boxes with their certainty out.

After Liu et al., "Training-Time-Friendly Network for Real-Time Object Detection" (TTFNet, 2020): a
map says where the middle of a leaf is, as in Zhou et al., "Objects as Points" (CenterNet, 2019),
and at each place how far it is to the leaf's four sides. It needs no anchors, and learns from few
pictures in minutes. Maps of three sizes are added up as in Lin et al., "Feature Pyramid Networks"
(2017).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from train.backbones import Backbone
from train.finder_boxes import overlaps
from train.preprocess import Preprocess

REDUCTIONS = (8, 16, 32)
"""Of the maps that are used, by how much they are smaller than the picture."""

WIDTH = 64
"""Channels of the maps that are added up."""

RARE = -2.19
"""Where the map of middles begins: a probability of 0.1, as in CenterNet; from 0.5 the many empty
places would drown everything else in the first steps."""

NEAR = -1.1
"""Where distances begin: a quarter of the picture, the median in PlantDoc."""

CANDIDATES = 50
"""The largest number of boxes that a picture can get. PlantDoc has at most 42 (its test 27)."""

SAME_LEAF = 0.5
"""Of two boxes that overlap by more, the less certain one is left out."""


@dataclass(frozen=True)
class Found:
    """The leaves of one picture, the most certain one first."""

    boxes: np.ndarray
    """float32 (M, 4), see train/finder_boxes.py."""

    scores: np.ndarray
    """float32 (M,), from 0 to 1; no calibrated probabilities."""

    def over(self, threshold: float) -> Found:
        """The leaves that are at least so certain."""
        keep = self.scores >= threshold
        return Found(self.boxes[keep], self.scores[keep])


class LeafFinder(nn.Module):
    """Pixels (N, 3, S, S) -> middles (N, 1, S/8, S/8), as logits, and distances (N, 4, S/8, S/8),
    as shares of the picture from 0 to 1: to the left, upper, right and lower side."""

    def __init__(self, backbone: Backbone, size: int) -> None:
        """`backbone`: any of timm's whose maps have REDUCTIONS; its last part is cut off."""
        super().__init__()
        self.size = size
        self.preprocess = Preprocess(size, backbone.mean, backbone.std)
        self.backbone = backbone.network
        network = cast(Any, backbone.network)  # timm's networks share no base class that has these
        stages = {each["reduction"]: number for number, each in enumerate(network.feature_info)}
        self.stages = [stages[reduction] for reduction in REDUCTIONS]
        network.prune_intermediate_layers(self.stages, prune_norm=True)
        widths = [network.feature_info[stage]["num_chs"] for stage in self.stages]
        self.lateral = nn.ModuleList(nn.Conv2d(width, WIDTH, 1) for width in widths)
        self.join = nn.Sequential(*_separable(), *_separable())
        self.middle = nn.Conv2d(WIDTH, 1, 1)
        self.sides = nn.Conv2d(WIDTH, 4, 1)
        nn.init.constant_(cast(torch.Tensor, self.middle.bias), RARE)
        nn.init.constant_(cast(torch.Tensor, self.sides.bias), NEAR)

    def train(self, mode: bool = True) -> LeafFinder:
        """As nn.Module does it, but the backbone's batch norms keep their statistics: they were
        made of a million pictures, and a step here has sixteen."""
        super().train(mode)
        self.backbone.eval()
        return self

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        maps = cast(Any, self.backbone).forward_intermediates(
            pixels, indices=self.stages, intermediates_only=True, stop_early=True
        )
        total = self.lateral[-1](maps[-1])
        for lateral, one in zip(reversed(self.lateral[:-1]), reversed(maps[:-1]), strict=True):
            total = lateral(one) + functional.interpolate(total, scale_factor=2.0)
        joined = self.join(total)
        return self.middle(joined), self.sides(joined).sigmoid()

    @torch.inference_mode()
    def find(self, image: np.ndarray) -> Found:
        """The leaves in one picture, upright RGB uint8 (H, W, 3) of any size; all, however
        uncertain."""
        middle, sides = self(self.preprocess(torch.from_numpy(image)))
        return read_maps(middle[0, 0].sigmoid().numpy(), sides[0].numpy())


def _separable() -> tuple[nn.Module, ...]:
    """A convolution of 3x3 in two cheap steps (Howard et al., "MobileNets", 2017)."""
    return (
        nn.Conv2d(WIDTH, WIDTH, 3, padding=1, groups=WIDTH, bias=False),
        nn.Conv2d(WIDTH, WIDTH, 1, bias=False),
        nn.BatchNorm2d(WIDTH),
        nn.ReLU(inplace=True),
    )


def cell_centres(side: int) -> np.ndarray:
    """Where the places of a map lie, float32 (side,), as shares of the picture."""
    return np.asarray((np.arange(side) + 0.5) / side, np.float32)


def read_maps(middle: np.ndarray, sides: np.ndarray) -> Found:
    """Probabilities (H, W) and distances (4, H, W) -> boxes.

    A middle is a place that no neighbour tops, as in CenterNet. A large leaf has a flat top, so of
    boxes that overlap only the most certain is kept.
    """
    height, width = middle.shape
    padded = np.pad(middle, 1, constant_values=-1)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))
    peaks = np.where(middle >= windows.max(axis=(2, 3)), middle, -1).reshape(-1)
    best = np.argsort(-peaks, kind="stable")[:CANDIDATES]
    best = best[peaks[best] > 0]
    x, y = cell_centres(width)[best % width], cell_centres(height)[best // width]
    left, top, right, bottom = sides.reshape(4, -1)[:, best]
    boxes = np.stack([x - left, y - top, x + right, y + bottom], axis=1).clip(0, 1)
    kept = keep_apart(boxes)
    return Found(boxes[kept], peaks[best][kept])


def keep_apart(boxes: np.ndarray) -> list[int]:
    """Which of the boxes, the most certain first, do not overlap one before them that is kept."""
    overlap = overlaps(boxes, boxes)
    kept: list[int] = []
    for index in range(len(boxes)):
        if not (overlap[index, kept] > SAME_LEAF).any():
            kept.append(index)
    return kept
