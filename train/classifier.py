"""The whole network: preprocessing, backbone, heads over the label tree."""

from __future__ import annotations

from typing import get_args

import torch
from torch import nn

from catalog.taxonomy import LabelTree
from train.backbones import Backbone
from train.freezing import keep_still
from train.hierarchy import FlatHeads, HierarchicalHeads, LogProbs
from train.preprocess import Preprocess
from train.recipe import Heads
from train.twins import Projector


class Classifier(nn.Module):
    """Upright RGB uint8 (H, W, 3) of any size -> log-probabilities over the label tree."""

    def __init__(
        self,
        backbone: Backbone,
        tree: LabelTree,
        eval_size: int,
        heads: Heads = "hierarchical",
        projector: int | None = None,
    ) -> None:
        """Species, then condition given the species; or, as a baseline, one flat softmax.

        `projector`: the width of one, for a loss that compares crops (train/twins.py).
        """
        super().__init__()
        if heads not in get_args(Heads):
            raise ValueError(f"heads {heads!r} are not one of {', '.join(get_args(Heads))}")
        make = HierarchicalHeads if heads == "hierarchical" else FlatHeads
        self.preprocess = Preprocess(eval_size, backbone.mean, backbone.std)
        self.backbone = backbone.network
        self.heads = make(backbone.num_features, tree)
        self.projector = Projector(backbone.num_features, projector) if projector else None
        self.frozen: frozenset[str] = frozenset()
        """Names of the backbone's modules that stay in evaluation mode; see train/freezing.py."""

    def train(self, mode: bool = True) -> Classifier:
        """As nn.Module does it, but for the frozen part."""
        super().train(mode)
        keep_still(self.backbone, self.frozen)
        return self

    def forward(self, image: torch.Tensor) -> tuple[LogProbs, torch.Tensor]:
        """One picture -> (LogProbs of N = 1, features float32 (1, D))."""
        return self.classify(self.preprocess(image))

    def classify(self, pixels: torch.Tensor) -> tuple[LogProbs, torch.Tensor]:
        """Normalised pixels (N, 3, H, W) -> (LogProbs, features float32 (N, D))."""
        features = self.backbone(pixels).float()
        # Under autocast the heads' products too would be rounded to 8 bits, and with them the
        # small probabilities.
        if torch.is_autocast_enabled(pixels.device.type):
            with torch.autocast(pixels.device.type, enabled=False):
                return self.heads(features), features
        return self.heads(features), features
