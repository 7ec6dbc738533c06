"""A released network as one ONNX graph, from uint8 picture to log-probabilities and scores."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import onnx
import torch

from export.manifest import REJECTIONS
from export.released import OUTPUT_NAMES, Released
from train.finder_crop import MARGIN
from train.leaf_preprocess import LeafPreprocess

INPUT = {
    "name": "image",
    "dtype": "uint8",
    "shape": ["height", "width", 3],
    "meaning": "upright RGB, values 0-255, any size from 12x12",
}
REDUCE_TO = 4
"""A decoder may bring a large JPEG down to a short side of so many times the network's square. The
resize then still takes the mean of some 16 pixels for each of its own, as before; and of a leaf
that fills a quarter of each side, where the graph crops, it has each pixel that it needs."""

OPSET = 18
"""The first with ScatterElements(max), which the softmax within a species' block needs."""

MAX_SIDE = 2**16
"""Bound of height and width that the exporter is told; decoders refuse less."""


def describe_input(released: Released) -> dict[str, object]:
    """The graph's one input, for the manifest."""
    preprocess = released.classifier.preprocess
    size = preprocess.size
    found: dict[str, object] = {**INPUT, "eval_size": size, "reduce_to": REDUCE_TO * size}
    if isinstance(preprocess, LeafPreprocess):
        found["crop"] = {
            "finder": preprocess.digest,
            "size": preprocess.finder.size,
            "threshold": preprocess.threshold,
            "margin": MARGIN,
        }
    return found


def describe_outputs(released: Released) -> dict[str, dict[str, object]]:
    """Shape and meaning of each output, for the manifest."""
    heads = released.classifier.heads
    num_classes, num_features = heads.condition_head.weight.shape
    meanings: list[tuple[int, str]] = [
        (heads.num_species, "log p(species), calibrated"),
        (num_classes, "log p(species, condition), calibrated"),
        (num_features, "what the heads see"),
        (len(REJECTIONS), f"scores of {' and '.join(REJECTIONS)}; the higher, the rather reject"),
    ]
    return {
        name: {"dtype": "float32", "shape": [length], "meaning": meaning}
        for name, (length, meaning) in zip(OUTPUT_NAMES, meanings, strict=True)
    }


def export_onnx(released: Released, path: Path) -> None:
    """Write the float32 graph to `path`, weights inside."""
    model = released.float().eval().to(memory_format=torch.contiguous_format)
    sides = {0: torch.export.Dim("height", min=2, max=MAX_SIDE)}
    sides[1] = torch.export.Dim("width", min=2, max=MAX_SIDE)
    example = torch.zeros((240, 320, 3), dtype=torch.uint8)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own deprecations
        program = torch.onnx.export(
            model,
            (example,),
            input_names=[str(INPUT["name"])],
            output_names=list(OUTPUT_NAMES),
            opset_version=OPSET,
            dynamic_shapes=(sides,),
            dynamo=True,
            verbose=False,
        )
    assert program is not None  # the dynamo exporter always returns one
    program.save(str(path), external_data=False)
    onnx.checker.check_model(str(path))
