"""The whole network: preprocessing, backbone, hierarchical heads."""

from __future__ import annotations

import torch
from torch import nn

from catalog.taxonomy import LabelTree
from train.backbones import Backbone
from train.hierarchy import HierarchicalHeads, LogProbs
from train.preprocess import Preprocess


class Classifier(nn.Module):
    """Upright RGB uint8 (H, W, 3) of any size -> log-probabilities over the label tree."""

    def __init__(self, backbone: Backbone, tree: LabelTree, eval_size: int) -> None:
        super().__init__()
        self.preprocess = Preprocess(eval_size, backbone.mean, backbone.std)
        self.backbone = backbone.network
        self.heads = HierarchicalHeads(backbone.num_features, tree)

    def forward(self, image: torch.Tensor) -> tuple[LogProbs, torch.Tensor]:
        """One picture -> (LogProbs of N = 1, features float32 (1, D))."""
        return self.classify(self.preprocess(image))

    def classify(self, pixels: torch.Tensor) -> tuple[LogProbs, torch.Tensor]:
        """Normalised pixels (N, 3, H, W) -> (LogProbs, features float32 (N, D))."""
        features = self.backbone(pixels).float()
        return self.heads(features), features
