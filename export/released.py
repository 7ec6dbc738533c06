"""The released network: a classifier and its rejection rule, which every file of a bundle computes.

In: one upright picture, or normalised pixels. Out: the four outputs that OUTPUT_NAMES names.
"""

from __future__ import annotations

import torch
from torch import nn

from export.reject import Rejection
from export.reject_taps import Seen, look
from train.classifier import Classifier

OUTPUT_NAMES = ("species_log_probs", "joint_log_probs", "features", "rejection")

Outputs = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]


class Released(nn.Module):
    """Upright RGB uint8 (H, W, 3) -> log p(species) (S,), log p(species, condition) (C,), features
    (D,) and the two scores of the rejection rule (2,), in the order of export.reject.REJECTIONS;
    all float32."""

    def __init__(self, classifier: Classifier, rejection: Rejection) -> None:
        super().__init__()
        self.classifier = classifier
        self.rejection = rejection

    def forward(self, image: torch.Tensor) -> Outputs:
        species, joint, features, scores = self.from_pixels(self.classifier.preprocess(image))
        return species[0], joint[0], features[0], scores[0]

    def from_pixels(self, pixels: torch.Tensor) -> Outputs:
        """The same of normalised pixels (N, 3, H, W), each with a first axis N."""
        backbone, stages = self.classifier.backbone, self.rejection.stages
        pooled, features = look(backbone, pixels, stages)
        log_probs = self.classifier.heads(features)
        scores = self.rejection(Seen(pooled, features, log_probs.species, log_probs.energy))
        return log_probs.species, log_probs.joint, features, scores
