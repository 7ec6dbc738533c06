"""The one preprocessing: upright RGB uint8 of any size -> what the backbone sees.

It is part of the exported graph, so server and training cannot drift apart.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

BLOCK = 16
"""Lines of the small picture that one product makes; see `resample`."""


class Preprocess(nn.Module):
    """Squeeze a picture to a square and normalise it.

    Forward: image uint8 (H, W, 3), values 0-255 -> pixels float32 (1, 3, size, size).
    The resize is matrix products with triangle weights, which is what antialiased bilinear resizing
    is: https://github.com/python-pillow/Pillow/blob/main/src/libImaging/Resample.c
    (half-pixel centres, support max(scale, 1), rows that sum to one). Written so, it exports to
    ONNX without a Resize operator, whose antialiasing runtimes disagree on.
    """

    def __init__(self, size: int, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("mean", 255 * torch.tensor(mean).reshape(1, 3, 1, 1))
        self.register_buffer("std", 255 * torch.tensor(std).reshape(1, 3, 1, 1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.normalise(self.levels(image))

    def levels(self, image: torch.Tensor, edges: torch.Tensor | None = None) -> torch.Tensor:
        """A picture as float levels 0-255 (1, 3, size, size), not rounded.

        `edges` float32 (4,): left, top, right and bottom of the part to squeeze, in pixels and
        fractions of them; None: the whole.
        """
        size, (height, width) = self.size, image.shape[:2]
        across, down = (None, None) if edges is None else (edges[0::2], edges[1::2])
        rows = resample(image.reshape(height, width * 3), size, down)  # (size, W * 3)
        columns = rows.reshape(size, width, 3).permute(1, 2, 0).reshape(width, 3 * size)
        levels = resample(columns, size, across).reshape(size, 3, size).permute(1, 2, 0)
        # Not rounded to whole levels as an 8-bit resize would: a sum of x.4999 here and x.5001 in
        # another runtime would be a level apart (0.0025 of a probability, on 1 of 659 pictures).
        return levels.unsqueeze(0)

    def part(self, image: np.ndarray) -> np.ndarray:
        """What is seen of a picture, uint8 (H, W, 3): all of it."""
        return image

    def normalise(self, levels: torch.Tensor) -> torch.Tensor:
        """Float levels 0-255 (N, 3, H, W) -> pixels."""
        mean, std = self.get_buffer("mean"), self.get_buffer("std")
        return (levels - mean) / std


def resample(lines: torch.Tensor, size: int, between: torch.Tensor | None = None) -> torch.Tensor:
    """Lines (length, M) of any type -> float32 (size, M), antialiased along the first axis.

    `between` float32 (2,): first and last edge of the part that is taken; None: all lines.

    One product with a (size, length) matrix would multiply by zero nearly everywhere. So each BLOCK
    of the result is a product with those lines alone that have a weight in it: for 800x600 pixels
    and size 224 the whole resize takes 0.7 ms instead of 7.4 in ONNX Runtime (two threads, the
    least of 90; 2026-11-22), where EfficientNet-Lite0 in INT8 takes some 5 of one core.
    """
    index, weights = triangle_windows(size, lines.shape[0], between)
    blocks, window = index.shape
    taken = lines.index_select(0, index.reshape(-1)).to(torch.float32)
    products = weights @ taken.reshape(blocks, window, -1)  # (blocks, BLOCK, M)
    return products.reshape(blocks * BLOCK, -1)[:size]


def triangle_windows(
    size: int, length: int, between: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Which lines make each block of BLOCK, int64 (blocks, window), and with which weights, float32
    (blocks, BLOCK, window), each row summing to one.

    `length` is the picture's side in pixels; it may be symbolic during export. Of a part between
    two edges, float32 (2,), the outermost lines also see the pixels beyond them, as in Pillow's
    `resize(box=...)`. The window is as wide as the whole picture needs it, so that no shape depends
    on where the part lies.
    """
    if between is None:
        between = torch.cat([torch.zeros(1), torch.ones(1) * length])
    # Positions in units of the picture's pixels, pixel j having its centre at j.
    scale = (between[1:] - between[:1]) / size
    support = torch.clamp(scale, min=1.0)
    blocks = -(-size // BLOCK)
    # The last block may be longer than what is left, and repeats the last line.
    line = torch.arange(blocks * BLOCK).clamp(max=size - 1).to(torch.float32)
    centre = ((line + 0.5) * scale + between[:1] - 0.5).reshape(blocks, BLOCK, 1)
    # From the first centre less the support to the last one plus it, rounded up.
    window = BLOCK * length // size + 2 * (length // size) + 5
    first = torch.ceil(centre[:, 0] - support)  # (blocks, 1)
    position = first + torch.arange(window, dtype=torch.float32)  # (blocks, window)
    weights = torch.clamp(1 - (position[:, None] - centre).abs() / support, min=0.0)
    # Beyond the picture's edges there is nothing.
    weights = weights * ((position >= 0) & (position <= length - 1))[:, None]
    index = position.clamp(0, length - 1).to(torch.int64)
    return index, weights / weights.sum(dim=2, keepdim=True)
