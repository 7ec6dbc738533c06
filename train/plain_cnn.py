"""A small network without any idea younger than 2015: what larger ones are held against."""

from __future__ import annotations

import torch
from torch import nn

PLAIN_CNN = "plain_cnn"

WIDTHS = (32, 64, 128, 256, 512)
"""Channels after each halving of the picture's side."""


class PlainCnn(nn.Module):
    """Pixels (N, 3, H, W), sides from 32 -> features (N, 512). 4.7 million weights, no skips.

    Each stage is two convolutions of 3x3, batch norm (Ioffe and Szegedy, "Batch Normalization",
    2015) and ReLU, then the maximum of each 2x2, as in VGG; at the end the mean of all places.
    """

    num_features = WIDTHS[-1]

    def __init__(self) -> None:
        super().__init__()
        stages = [
            layer
            for before, width in zip((3, *WIDTHS), WIDTHS, strict=False)
            for layer in (*_convolve(before, width), *_convolve(width, width), nn.MaxPool2d(2))
        ]
        self.stages = nn.Sequential(*stages)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.stages(pixels).mean(dim=(2, 3))


def _convolve(before: int, width: int) -> tuple[nn.Module, ...]:
    convolution = nn.Conv2d(before, width, 3, padding=1, bias=False)  # the norm has the bias
    nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
    return convolution, nn.BatchNorm2d(width), nn.ReLU(inplace=True)
