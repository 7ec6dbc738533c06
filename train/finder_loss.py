"""What the leaf finder is trained to say, and how far it is from that. In: boxes and maps.

Liu et al., "Training-Time-Friendly Network for Real-Time Object Detection" (2020), sections 3.2 to
3.4. Its constants too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional
from torchvision.ops import generalized_box_iou_loss

from train.finder_boxes import areas
from train.finder_net import cell_centres

SPREAD = 0.54
"""How far around a leaf's middle places count, as a share of the box (alpha and beta there)."""

SIDES_WEIGHT = 5.0
"""Of the distances' loss beside that of the middles."""


@dataclass(frozen=True)
class Targets:
    """What the maps of one batch should be; all float32."""

    middle: torch.Tensor
    """(N, 1, H, W), 1 at the middle of a leaf and falling off around it."""

    boxes: torch.Tensor
    """(N, H, W, 4), the box that a place belongs to; 0 where it belongs to none."""

    weight: torch.Tensor
    """(N, H, W), how much a place's box counts; those of one leaf add up to the logarithm of its
    size, so that a large leaf does not count a hundred times as much as a small one."""


def make_targets(boxes: list[np.ndarray], side: int) -> Targets:
    """Of each picture's boxes, for maps of side x side places."""
    parts = [_one_target(each, side) for each in boxes]
    middle, of_place, weight = (
        torch.from_numpy(np.stack([part[index] for part in parts])) for index in range(3)
    )
    return Targets(middle[:, None], of_place, weight)


def _one_target(boxes: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    centres = cell_centres(side)
    middle = np.zeros((side, side), np.float32)
    of_place = np.zeros((side, side, 4), np.float32)
    weight = np.zeros((side, side), np.float32)
    # A small leaf before a large one keeps its places.
    for box in boxes[np.argsort(-areas(boxes), kind="stable")]:
        across, along = (_bell(centres, box[axis], box[axis + 2]) for axis in (0, 1))
        bell = along[:, None] * across[None]
        middle = np.maximum(middle, bell)
        inside = bell > 0
        of_place[inside] = box
        size = np.log(1 + side * side * areas(box[None])[0])
        weight[inside] = size * bell[inside] / bell.sum()
    return middle, of_place, weight


def _bell(centres: np.ndarray, low: float, high: float) -> np.ndarray:
    """Gaussian around the place that holds the middle, where it is 1; 0 beyond SPREAD."""
    place = min(int((low + high) / 2 * len(centres)), len(centres) - 1)
    reach = SPREAD * (high - low) / 2
    away = np.abs(centres - centres[place])
    bell = np.exp(-0.5 * (away / max(reach / 3, 1e-6)) ** 2)  # sigma is a sixth of the whole
    return np.asarray(np.where((away <= reach) | (away == 0), bell, 0), np.float32)


def finder_loss(middle: torch.Tensor, sides: torch.Tensor, targets: Targets) -> torch.Tensor:
    """Of a batch, a scalar: what LeafFinder says against what it should."""
    return middle_loss(middle, targets.middle) + SIDES_WEIGHT * sides_loss(sides, targets)


def middle_loss(logits: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Focal loss for places that are nearly right, a mean over leaves (Law and Deng, "CornerNet",
    2018, equation 1)."""
    at_middle = wanted == 1
    probability = logits.sigmoid()
    right = functional.logsigmoid(logits) * (1 - probability) ** 2
    wrong = functional.logsigmoid(-logits) * probability**2 * (1 - wanted) ** 4
    return -torch.where(at_middle, right, wrong).sum() / at_middle.sum().clamp(min=1)


def sides_loss(sides: torch.Tensor, targets: Targets) -> torch.Tensor:
    """1 - generalised IoU (Rezatofighi et al., 2019) of the boxes, a weighted mean over places."""
    counted = targets.weight > 0
    if not counted.any():
        return sides.sum() * 0
    centres = torch.from_numpy(cell_centres(sides.shape[-1]))
    y, x = torch.meshgrid(centres, centres, indexing="ij")
    left, top, right, bottom = sides.unbind(dim=1)
    boxes = torch.stack([x - left, y - top, x + right, y + bottom], dim=3)[counted]
    losses = generalized_box_iou_loss(boxes, targets.boxes[counted])
    weight = targets.weight[counted]
    return (losses * weight).sum() / weight.sum()
