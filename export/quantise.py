"""The INT8 graph: static QDQ, per channel, calibrated on train pictures.

Calibrating takes most of the time, so `calibrate` does it once, and what it gives writes as many
files with as many choices of nodes left in float as a search (int8_search.py) wants to try.

Weights have all of their 8 bits. Processors of the x86 family without VNNI (before Intel's Cascade
Lake and Alder Lake, and AMD's Zen 4) add the products of two pairs up in 16 bits, where they may
saturate; weights of 7 bits could not. But rounding the weights is most of what INT8 costs: with 7
bits EfficientNet-Lite0 lost 1.1 points of species and condition together instead of 0.3 (652 val
pictures, 2026-11-22). So the file is for processors that have VNNI, and for ARM; on others
`leaflake verify` shows whether the golden pictures still get their answers, and
`server.fp32.onnx` is there. An export on such a processor judges its files with what saturates, and
so returns those layers to float32 (4 and 10 of 49 in two runs, 2026-11-23).

What the ranges come from matters little: 50 pictures instead of 200, moving averages, symmetric
ranges gave a divergence of 0.0070 to 0.0081 nats instead of 0.0073.
"""

from __future__ import annotations

import ast
import logging
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
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
"""Where torch's exporter notes the modules that a node came from, from the outermost inwards."""

BACKBONE_SCOPE = "classifier.backbone"
"""Only the backbone is worth 8 bits: resizing, softmax and the rejection rule need exactness, and
cost little."""


BOUNDING = ("Clip", "Relu")
"""Activations that a range of 8 bits does by itself: outside it there is nothing."""

COMPUTE = ("Conv", "Gemm", "MatMul")
"""Types of nodes that take the time. What lies between two of them, such as the sum of a shortcut,
computes with 8 bits as well, without being named."""

FLOAT_OUTPUTS = ("Gemm", "MatMul")
"""Types that read 8 bits and write float32. In transformers layer norms, softmax and GELU follow,
which have no 8 bits: Swin-Tiny took 39 ms of one core so, 47 ms with outputs in 8 bits, 44 ms with
all types of nodes in 8 bits, and 72 ms in float32, and was more exact (2026-11-22)."""


@dataclass(frozen=True)
class Calibrated:
    """A float32 graph made ready for 8 bits, with the range of every tensor."""

    prepared: Path
    """The graph with constants folded and layers fused."""

    ranges: Path
    """What ONNX Runtime's calibration found."""

    layers: Mapping[str, tuple[str, ...]]
    """Each node of `prepared` that computes with 8 bits, by name and in the graph's order, and the
    nodes that do so with it: itself, and an activation that becomes the bounds of its range."""

    def write(self, int8: Path, keep_float: Collection[str] = ()) -> None:
        """Write the INT8 graph to `int8`, the nodes `keep_float` as they were."""
        chosen = {
            node for name, own in self.layers.items() if name not in keep_float for node in own
        }
        graph = onnx.load(str(self.prepared), load_external_data=False).graph
        temporary = int8.with_name(int8.name + ".tmp")
        with _errors_only():
            quantize_static(
                str(self.prepared),
                str(temporary),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                calibrate_method=CalibrationMethod.MinMax,
                extra_options={"OpTypesToExcludeOutputQuantization": list(FLOAT_OUTPUTS)},
                nodes_to_exclude=[one.name for one in graph.node if one.name not in chosen],
                calibration_cache_path=str(self.ranges),
            )
        temporary.rename(int8)


class PictureReader(CalibrationDataReader):
    """Hands decoded pictures to the calibration, one at a time."""

    def __init__(self, images: Iterable[np.ndarray]) -> None:
        self._images: Iterator[np.ndarray] = iter(images)

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next picture as the graph's input, or None at the end."""
        image = next(self._images, None)
        return None if image is None else {"image": image}


def quantise(
    fp32: Path, int8: Path, images: Iterable[np.ndarray], *, keep_float: Collection[str] = ()
) -> None:
    """Write the INT8 twin of `fp32` to `int8`; `images` are uint8 (H, W, 3), of any sizes.

    `keep_float` are nodes that stay in float32, by their names in `quantisable`.
    """
    with tempfile.TemporaryDirectory(prefix="leaflake-int8-") as folder:
        calibrate(fp32, images, Path(folder)).write(int8, keep_float)


def quantisable(fp32: Path) -> list[str]:
    """Names of the nodes that `quantise` brings to 8 bits, in the graph's order; those of their
    activations are not among them."""
    with tempfile.TemporaryDirectory(prefix="leaflake-int8-") as folder:
        return list(_prepare(fp32, Path(folder) / "prepared.onnx"))


def calibrate(fp32: Path, images: Iterable[np.ndarray], folder: Path) -> Calibrated:
    """Prepare the graph `fp32` and find the ranges of its tensors; keeps two files in `folder`."""
    prepared, ranges = folder / "prepared.onnx", folder / "ranges.json"
    layers = _prepare(fp32, prepared)
    with _errors_only(), tempfile.TemporaryDirectory(prefix="leaflake-int8-") as work:
        # The tool has no public way to calibrate alone: this writes a file as well.
        quantize_static(
            str(prepared),
            str(Path(work) / "first.onnx"),
            PictureReader(images),
            calibrate_method=CalibrationMethod.MinMax,
            calibration_cache_path=str(ranges),
        )
    return Calibrated(prepared, ranges, layers)


def _prepare(fp32: Path, prepared: Path) -> dict[str, tuple[str, ...]]:
    """Write `fp32`, folded and fused, to `prepared`. Gives its layers as Calibrated has them."""
    with _errors_only():
        # Symbolic shapes fail on the free-size resize.
        quant_pre_process(str(fp32), str(prepared), skip_symbolic_shape=True)
    # It keeps the scopes of some nodes only, so they are read before.
    named = nodes_inside(onnx.load(str(fp32)), BACKBONE_SCOPE)
    model = onnx.load(str(prepared))
    return layers_of(model, between(model, named))


def nodes_inside(graph: onnx.ModelProto, scope: str) -> set[str]:
    """Names of the nodes that came from the module `scope` or one within it."""
    return {
        node.name
        for node in graph.graph.node
        if any(one == scope or one.startswith(f"{scope}.") for one in _scopes(node))
    }


def between(model: onnx.ModelProto, named: Collection[str]) -> list[str]:
    """The nodes in `named`, and those on a way from one of them to another, in order.

    Fusing gives nodes new names, as it does with all linear layers of a Swin.
    """
    nodes = model.graph.node  # ONNX wants them sorted: none reads what a later one writes
    after, before = set(), set()
    reached: set[str] = set()
    for node in nodes:
        if node.name in named or not reached.isdisjoint(node.input):
            after.add(node.name)
            reached.update(filter(None, node.output))  # "" is an output that is left out
    wanted: set[str] = set()
    for node in reversed(nodes):
        if node.name in named or not wanted.isdisjoint(node.output):
            before.add(node.name)
            wanted.update(filter(None, node.input))
    return [node.name for node in nodes if node.name in after & before]


def layers_of(model: onnx.ModelProto, names: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Of the nodes `names` those that COMPUTE, each with itself and the bounding activations that
    read what it writes."""
    nodes = [node for node in model.graph.node if node.name in names]
    readers: dict[str, list[str]] = {}
    for node in nodes:
        if node.op_type in BOUNDING:
            readers.setdefault(node.input[0], []).append(node.name)
    return {
        node.name: (node.name, *readers.get(node.output[0], ()))
        for node in nodes
        if node.op_type in COMPUTE
    }


def _scopes(node: onnx.NodeProto) -> list[str]:
    for entry in node.metadata_props:
        if entry.key == SCOPES_KEY:
            return list(ast.literal_eval(entry.value))
    return []


@contextmanager
def _errors_only() -> Iterator[None]:
    """The tool warns on the root logger."""
    logger = logging.getLogger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
