"""Barlow Twins: what a network can learn from pictures without labels. In: features of two crops of
each picture. Out: one number, small if both crops look alike to the network and no two of its
outputs say the same.

Zbontar et al., "Barlow Twins: Self-Supervised Learning via Redundancy Reduction" (2021).
"""

from __future__ import annotations

import torch
from torch import nn

from train.backbones import Backbone
from train.distributed import Team
from train.freezing import keep_still
from train.preprocess import Preprocess

VIEWS = 2
"""Crops of a picture; they stand side by side in a batch."""

LEAST_VARIANCE = 1e-5
"""Of an output over a batch, as in batch normalisation: a batch of one picture has none."""


class Projector(nn.Sequential):
    """Features (N, D) -> embeddings (N, width), which the loss compares and nobody keeps.

    Three linear layers of one width, the first two with batch normalisation and ReLU (section 2.2).
    """

    def __init__(self, num_features: int, width: int) -> None:
        super().__init__(
            nn.Linear(num_features, width, bias=False),
            nn.BatchNorm1d(width),
            nn.ReLU(inplace=True),
            nn.Linear(width, width, bias=False),
            nn.BatchNorm1d(width),
            nn.ReLU(inplace=True),
            nn.Linear(width, width, bias=False),
        )


class TwinNetwork(nn.Module):
    """A backbone that learns without labels, and its projector.

    Both crops of all pictures go through it together, so that batch normalisation sees twice as
    many as in the paper, which lets the first crops through and then the second ones.
    """

    def __init__(self, backbone: Backbone, size: int, width: int) -> None:
        super().__init__()
        self.preprocess = Preprocess(size, backbone.mean, backbone.std)
        self.backbone = backbone.network
        self.projector = Projector(backbone.num_features, width)
        self.frozen: frozenset[str] = frozenset()

    def train(self, mode: bool = True) -> TwinNetwork:
        """As nn.Module does it, but for the frozen part; see train/freezing.py."""
        super().train(mode)
        keep_still(self.backbone, self.frozen)
        return self

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Normalised pixels (N, 3, H, W) -> embeddings float32 (N, width)."""
        embeddings: torch.Tensor = self.projector(self.backbone(pixels))
        return embeddings.float()


def twins_loss(embeddings: torch.Tensor, off_diagonal: float, team: Team) -> torch.Tensor:
    """Equation 1, with the weight `off_diagonal` (lambda), over the embeddings' width.

    Embeddings float32 (2 N, width), rows 2 i and 2 i + 1 of one picture -> a scalar. Divided by the
    width it is near one at the start whatever the width is, so that it can stand beside a
    cross-entropy; alone it moves AdamW's weights all the same.
    """
    cross = cross_correlation(embeddings, team)
    diagonal = cross.diagonal()
    invariance = (1 - diagonal).square().sum()
    redundancy = cross.square().sum() - diagonal.square().sum()
    return (invariance + off_diagonal * redundancy) / len(cross)


def cross_correlation(embeddings: torch.Tensor, team: Team) -> torch.Tensor:
    """Equation 2, (width, width), over the pictures of all processes.

    Each process normalises its own pictures. The correlation of N pictures is known to about
    1 / sqrt(N), so that small batches push outputs apart that are not alike; the paper's figure 2
    finds 256 pictures nearly as good as 1024.
    """
    with torch.autocast(embeddings.device.type, enabled=False):
        first, second = (normalised(embeddings[view::VIEWS].float()) for view in range(VIEWS))
        pictures = team.sums([len(first)])[0]
        return team.total(first.T @ second) / pictures


def normalised(values: torch.Tensor) -> torch.Tensor:
    """Each column (N, D) -> with mean 0 and variance 1 over the batch."""
    centred = values - values.mean(dim=0)
    return centred * (centred.square().mean(dim=0) + LEAST_VARIANCE).rsqrt()


@torch.no_grad()
def found_twins(embeddings: torch.Tensor) -> int:
    """Of how many crops (2 N, width) the likest other crop of the batch is the picture's own.

    By the angle. A network that calls everything alike finds none but by chance.
    """
    directions = torch.nn.functional.normalize(embeddings.float(), dim=1)
    alike = directions @ directions.T
    alike.fill_diagonal_(-torch.inf)
    places = torch.arange(len(embeddings), device=embeddings.device)
    return int((alike.argmax(dim=1) == places ^ 1).sum())
