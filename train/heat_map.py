"""Where a network looked. In: a classifier, a picture and a class. Out: a heat map.

Grad-CAM (Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
Localization", 2017, equations 1 and 2) on the last feature map. It shows where in the picture the
evidence for one answer lay, about as finely as that map is: 7 x 7 places of most networks.
"""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from train.classifier import Classifier


def heat_map(model: Classifier, image: np.ndarray, class_index: int) -> np.ndarray | None:
    """Evidence for a class in upright RGB uint8 (H, W, 3): float32 (h, w), 0 to 1.

    The places are those of the last feature map, whatever the shape of the picture, which the
    network saw squeezed to a square. None where no place speaks for the class, and for a network
    without a feature map.
    """
    model.eval()
    found: list[torch.Tensor] = []

    def keep(module: nn.Module, inputs: Any, output: Any) -> None:
        if isinstance(output, torch.Tensor) and is_map(output):
            found[:] = [output]

    watched = _watched(model.backbone)
    handles = [module.register_forward_hook(keep) for module in watched]
    try:
        with torch.enable_grad():
            # With a gradient of its own, so that frozen networks have one too.
            pixels = model.preprocess(torch.from_numpy(image)).requires_grad_()
            log_probs, _ = model.classify(pixels)
    finally:
        for handle in handles:
            handle.remove()
    if not found:
        return None
    (gradient,) = torch.autograd.grad(log_probs.joint[0, class_index], found[0])
    places, slopes = (_channels_last(one.detach(), model.backbone) for one in (found[0], gradient))
    weights = slopes.mean(dim=(0, 1))  # (C,), equation 1
    evidence = torch.relu(places @ weights)  # (h, w), equation 2
    highest = float(evidence.max())
    return (evidence / highest).numpy() if highest > 0 else None


def is_map(output: torch.Tensor) -> bool:
    """Whether an output has places: of one picture (1, C, h, w), (1, h, w, C) or (1, tokens, C)."""
    if len(output) != 1 or not output.is_floating_point() or not output.requires_grad:
        return False
    return output.ndim == 3 or (output.ndim == 4 and min(output.shape[1:]) > 1)


def _watched(backbone: nn.Module) -> list[nn.Module]:
    """The modules of which the last that gives a map is meant.

    Where the answer is read off the class token, the other tokens of the last layer say nothing
    more, so that of such a network it is the input of the last attention
    (https://github.com/jacobgil/pytorch-grad-cam, "Chosing the target layer").
    """
    if getattr(backbone, "global_pool", None) == "token" and hasattr(backbone, "blocks"):
        return [cast(Any, backbone).blocks[-1].norm1]
    return list(backbone.modules())


def _channels_last(output: torch.Tensor, backbone: nn.Module) -> torch.Tensor:
    """(h, w, C) of one picture's map."""
    if output.ndim == 3:
        tokens = output[0, getattr(backbone, "num_prefix_tokens", 0) :]
        side = math.isqrt(len(tokens))  # pictures come to the network as squares
        return tokens[: side * side].reshape(side, side, -1)
    if getattr(backbone, "output_fmt", "NCHW") == "NHWC":
        return output[0]
    return output[0].permute(1, 2, 0)
