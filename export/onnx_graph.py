"""A trained classifier as one ONNX graph, from uint8 picture to log-probabilities."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import onnx
import torch
from torch import nn

from train.classifier import Classifier

INPUT = {
    "name": "image",
    "dtype": "uint8",
    "shape": ["height", "width", 3],
    "meaning": "upright RGB, values 0-255, any size from 12x12",
}
OPSET = 18
"""The first with ScatterElements(max), which the softmax within a species' block needs."""

MAX_SIDE = 2**16
"""Bound of height and width that the exporter is told; decoders refuse less."""


class OnePicture(nn.Module):
    """The classifier as a graph has it: one picture, no batch dimension in the outputs."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        log_probs, features = self.classifier(image)
        return log_probs.species[0], log_probs.joint[0], features[0]


def output_descriptions(model: Classifier) -> dict[str, dict[str, object]]:
    """Shape and meaning of each output, for the manifest."""
    num_classes, num_features = model.heads.condition_head.weight.shape
    return {
        "species_log_probs": {
            "shape": [model.heads.num_species],
            "meaning": "log p(species), calibrated",
        },
        "joint_log_probs": {
            "shape": [num_classes],
            "meaning": "log p(species, condition), calibrated",
        },
        "features": {"shape": [num_features], "meaning": "what the heads see"},
    }


def export_onnx(model: Classifier, path: Path) -> None:
    """Write the float32 graph of `model` to `path`, weights inside."""
    model = model.float().eval().to(memory_format=torch.contiguous_format)
    sides = {0: torch.export.Dim("height", min=2, max=MAX_SIDE)}
    sides[1] = torch.export.Dim("width", min=2, max=MAX_SIDE)
    example = torch.zeros((240, 320, 3), dtype=torch.uint8)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own deprecations
        program = torch.onnx.export(
            OnePicture(model),
            (example,),
            input_names=[str(INPUT["name"])],
            output_names=list(output_descriptions(model)),
            opset_version=OPSET,
            dynamic_shapes=(sides,),
            dynamo=True,
            verbose=False,
        )
    assert program is not None  # the dynamo exporter always returns one
    program.save(str(path), external_data=False)
    onnx.checker.check_model(str(path))
