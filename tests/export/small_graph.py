"""A graph as export writes it, small enough to look through: two convolutions and a head."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from export.quantise import SCOPES_KEY
from export.released import OUTPUT_NAMES

NAMES = ("fine", "fine_bounds", "spoilt", "pool")
"""Nodes of the backbone. Of what `spoilt` writes the third channel is a thousand times the others,
and the head multiplies it by zero: with one range for all, 8 bits leave nothing of the others."""

FINE = np.array([[2, -1, -1], [-1, 2, -1], [-1, -1, 2], [-2, 1, 1]], dtype=np.float32) / 2
"""The pattern of `fine`'s weights. No two products of a pixel with them add up to more than 16 bits
hold, so that processors without VNNI, where such a sum saturates, compute the same as others."""


def scoped(node: onnx.NodeProto, module: str) -> onnx.NodeProto:
    """The node, as torch's exporter notes where it came from."""
    node.metadata_props.add(key=SCOPES_KEY, value=repr(["", f"classifier.{module}", "op"]))
    return node


def small_graph() -> onnx.ModelProto:
    """image uint8 (H, W, 3) -> two species, the same as classes, three features, two scores."""
    random = np.random.default_rng(0)
    fine = random.uniform(0.02, 0.04, (4, 1, 1, 1)).astype(np.float32) * FINE[:, :, None, None]
    spoilt = random.normal(0, 1, (3, 4, 1, 1)).astype(np.float32)
    spoilt[2] *= 1000
    head = np.array([[1, -1], [-1, 1], [0, 0]], dtype=np.float32)
    node, scope = helper.make_node, "backbone.stem"
    nodes = [
        node("Cast", ["image"], ["float"], name="cast", to=TensorProto.FLOAT),
        node("Transpose", ["float"], ["planes"], name="planes", perm=[2, 0, 1]),
        node("Unsqueeze", ["planes", "first"], ["pixels"], name="batch"),
        scoped(node("Conv", ["pixels", "fine_w"], ["a"], name="fine"), scope),
        scoped(node("Clip", ["a", "zero", "six"], ["b"], name="fine_bounds"), scope),
        scoped(node("Conv", ["b", "spoilt_w"], ["c"], name="spoilt"), scope),
        scoped(node("ReduceMean", ["c", "sides"], ["pooled"], name="pool", keepdims=0), "backbone"),
        scoped(node("MatMul", ["pooled", "head_w"], ["logits"], name="head"), "heads"),
        node("LogSoftmax", ["logits"], ["log_probs"], name="softmax", axis=1),
        *(
            node("Squeeze", [source, "first"], [name], name=f"to_{name}")
            for name, source in zip(
                OUTPUT_NAMES, ("log_probs", "log_probs", "pooled", "logits"), strict=True
            )
        ),
    ]
    values = {
        "first": np.array([0]), "sides": np.array([2, 3]), "zero": np.float32(0),
        "six": np.float32(6), "fine_w": fine, "spoilt_w": spoilt, "head_w": head,
    }  # fmt: skip
    sizes = dict(zip(OUTPUT_NAMES, (2, 2, 3, 2), strict=True))
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["height", "width", 3])],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, [size]) for n, size in sizes.items()],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in values.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def write_small_graph(folder: Path) -> Path:
    """The same in a file."""
    path = folder / "small.fp32.onnx"
    onnx.save(small_graph(), path)
    return path


def in_8_bits(path: Path) -> list[str]:
    """Names of the nodes that read what was in 8 bits, in order."""
    nodes = onnx.load(path).graph.node
    from_8_bits = {node.output[0] for node in nodes if node.op_type == "DequantizeLinear"}
    return [
        node.name
        for node in nodes
        if node.op_type in ("Conv", "MatMul") and from_8_bits.issuperset(node.input[:2])
    ]
