"""Leaf finders for tests: one that says what it is told, and a tiny one on disk."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from train.backbones import load_backbone
from train.finder_file import FinderSettings, TrainedFinder, read_finder, write_finder
from train.finder_net import LeafFinder

TINY = FinderSettings(backbone="test_efficientnet", size=64)


class Told(nn.Module):
    """A network that finds the same in every picture."""

    def __init__(self, middle: torch.Tensor, sides: torch.Tensor) -> None:
        """Logits (H, W) and distances (4, H, W)."""
        super().__init__()
        self.size = 32
        self.preprocess = lambda image: image
        self.maps = middle[None, None], sides[None]

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.maps


def one_leaf(box: tuple[float, float, float, float], logit: float = 2.0) -> Told:
    """Certain of a leaf with that box, whose middle is the upper left of four places."""
    middle = torch.full((2, 2), -9.0)
    middle[0, 0] = logit
    left, top, right, bottom = box
    sides = torch.zeros(4, 2, 2) + 0.01
    sides[:, 0, 0] = torch.tensor([0.25 - left, 0.25 - top, right - 0.25, bottom - 0.25])
    return Told(middle, sides)


def write_tiny_finder(path: Path, threshold: float = 0.01) -> TrainedFinder:
    """A folder with a finder of random weights."""
    torch.manual_seed(0)
    network = LeafFinder(load_backbone(TINY.backbone, pretrained=False), TINY.size)
    write_finder(path, network, TINY, {"threshold": threshold})
    return read_finder(path)
