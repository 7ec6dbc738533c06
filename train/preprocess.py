"""The one preprocessing: upright RGB uint8 of any size -> what the backbone sees.

It is part of the exported graph, so server and training cannot drift apart.
"""

from __future__ import annotations

import torch
from torch import nn


class Preprocess(nn.Module):
    """Squeeze a picture to a square and normalise it.

    Forward: image uint8 (H, W, 3), values 0-255 -> pixels float32 (1, 3, size, size).
    The resize is two matrix products with triangle weights, which is what antialiased bilinear
    resizing is: https://github.com/python-pillow/Pillow/blob/main/src/libImaging/Resample.c
    (half-pixel centres, support max(scale, 1), rows that sum to one). Written so, it exports to
    ONNX without a Resize operator, whose antialiasing runtimes disagree on.
    """

    def __init__(self, size: int, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("mean", 255 * torch.tensor(mean).reshape(1, 3, 1, 1))
        self.register_buffer("std", 255 * torch.tensor(std).reshape(1, 3, 1, 1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        rows = triangle_weights(self.size, image.shape[0])  # (size, H)
        columns = triangle_weights(self.size, image.shape[1])  # (size, W)
        planes = image.permute(2, 0, 1).to(torch.float32)  # (3, H, W)
        # Not rounded to whole levels as an 8-bit resize would: a sum of x.4999 here and x.5001 in
        # another runtime would be a level apart (0.0025 of a probability, on 1 of 659 pictures).
        return self.normalise((rows @ planes @ columns.T).unsqueeze(0))  # (1, 3, size, size)

    def normalise(self, levels: torch.Tensor) -> torch.Tensor:
        """Float levels 0-255 (N, 3, H, W) -> pixels."""
        mean, std = self.get_buffer("mean"), self.get_buffer("std")
        return (levels - mean) / std


def triangle_weights(size: int, length: int) -> torch.Tensor:
    """Resampling weights float32 (size, length), each row summing to one.

    `length` is the picture's side in pixels; it may be symbolic during export.
    """
    # Positions in units of the picture's pixels, pixel j having its centre at j.
    scale = torch.ones(1) * length / size
    support = torch.clamp(scale, min=1.0)
    centre = (torch.arange(size, dtype=torch.float32)[:, None] + 0.5) * scale - 0.5
    position = torch.arange(length, dtype=torch.float32)[None, :]
    weights = torch.clamp(1 - (position - centre).abs() / support, min=0.0)
    return weights / weights.sum(dim=1, keepdim=True)
