"""The INT8 graph: static QDQ, per channel, calibrated on train pictures."""

from __future__ import annotations

import ast
import logging
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

SCOPES_KEY = "pkg.torch.onnx.name_scopes"
"""Where torch's exporter notes the module that a node came from."""

BACKBONE_SCOPE = "classifier.backbone"
"""Only the backbone is worth 8 bits: resizing and softmax need exactness, and cost little."""


class PictureReader(CalibrationDataReader):
    """Hands decoded pictures to the calibration, one at a time."""

    def __init__(self, images: Iterable[np.ndarray]) -> None:
        self._images: Iterator[np.ndarray] = iter(images)

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next picture as the graph's input, or None at the end."""
        image = next(self._images, None)
        return None if image is None else {"image": image}


def quantise(fp32: Path, int8: Path, images: Iterable[np.ndarray]) -> None:
    """Write the INT8 twin of `fp32` to `int8`; `images` are uint8 (H, W, 3), of any sizes."""
    logging.getLogger().setLevel(logging.ERROR)  # the tool warns on the root logger
    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        # Folds batch norms into convolutions; symbolic shapes fail on the free-size resize.
        quant_pre_process(str(fp32), str(prepared), skip_symbolic_shape=True)
        # Of some graphs it keeps the names of nodes alone, so the scopes are read before.
        inside = nodes_inside(onnx.load(str(fp32)), BACKBONE_SCOPE)
        outside = [n.name for n in onnx.load(str(prepared)).graph.node if n.name not in inside]
        quantize_static(
            str(prepared),
            str(int8),
            PictureReader(images),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            nodes_to_exclude=outside,
        )


def nodes_inside(graph: onnx.ModelProto, scope: str) -> set[str]:
    """Names of the nodes that came from the module `scope`."""
    return {node.name for node in graph.graph.node if scope in _scopes(node)}


def _scopes(node: onnx.NodeProto) -> list[str]:
    for entry in node.metadata_props:
        if entry.key == SCOPES_KEY:
            return list(ast.literal_eval(entry.value))
    return []
