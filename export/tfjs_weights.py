"""The weights of a TF.js graph model: read, quantised, written in shards. Needs numpy only.

The format: https://github.com/tensorflow/tfjs/blob/master/tfjs-core/src/io/types.ts. A group of
shards is one run of bytes, cut anywhere; `model.json` lists the weights in it by name, in order,
with shape, dtype and quantisation. TF.js turns every weight into float32 when it loads it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

MODEL_NAME = "model.json"
SHARD_BYTES = 4_000_000
"""At most so much a file: caches and proxies refuse larger ones first."""

Kind = Literal["float32", "float16", "uint8"]
"""How a float weight is stored."""

BYTES: dict[Kind, int] = {"float32": 4, "float16": 2, "uint8": 1}

SHRINK = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.55, 0.5, 0.4, 0.3)
"""Of each half of a weight's range, what uint8 codes span; values outside are clipped."""

Quantisation = dict[str, Any]
"""As in `model.json`: `dtype`, and for uint8 `scale` and `min`, so that w = code * scale + min."""


@dataclass(frozen=True)
class GraphModel:
    """A `tfjs_graph_model` folder in memory."""

    topology: dict[str, Any]
    """All of model.json but the manifest of weights."""

    weights: dict[str, np.ndarray]
    """Name -> float32 or int32 values of the weight's shape, in the order of the file."""


def read_model(folder: Path) -> GraphModel:
    """Read a folder that the converter or `write_model` wrote, quantised weights decoded."""
    topology = json.loads((folder / MODEL_NAME).read_text(encoding="utf-8"))
    weights: dict[str, np.ndarray] = {}
    for group in topology.pop("weightsManifest"):
        data = b"".join((folder / path).read_bytes() for path in group["paths"])
        offset = 0
        for entry in group["weights"]:
            quantisation = entry.get("quantization", {})
            stored = np.dtype(quantisation.get("dtype", entry["dtype"]))
            count = math.prod(entry["shape"])
            values = np.frombuffer(data, stored, count, offset).reshape(entry["shape"])
            offset += values.nbytes
            weights[entry["name"]] = decode(values, quantisation)
    return GraphModel(topology, weights)


def write_model(folder: Path, model: GraphModel, kinds: Mapping[str, Kind]) -> int:
    """Write `model` to a new or empty folder; gives the bytes of all files together.

    `kinds` says how a weight is stored; the others stay as they are. The shards come first;
    model.json is written to a name of its own and renamed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    entries: list[dict[str, Any]] = []
    parts: list[bytes] = []
    for name, values in model.weights.items():
        entry: dict[str, Any] = {"name": name, "shape": list(values.shape)}
        entry["dtype"] = values.dtype.name
        stored, quantisation = encode(values, kinds[name]) if name in kinds else (values, {})
        if quantisation:
            entry["quantization"] = quantisation
        entries.append(entry)
        parts.append(stored.tobytes())
    group = {"paths": _write_shards(folder, b"".join(parts)), "weights": entries}
    text = json.dumps({**model.topology, "weightsManifest": [group]}, separators=(",", ":"))
    temporary = folder / (MODEL_NAME + ".tmp")
    temporary.write_text(text + "\n", encoding="utf-8")
    temporary.rename(folder / MODEL_NAME)
    return sum(map(len, parts)) + (folder / MODEL_NAME).stat().st_size


def _write_shards(folder: Path, data: bytes) -> list[str]:
    total = max(1, math.ceil(len(data) / SHARD_BYTES))
    names = [f"group1-shard{number}of{total}.bin" for number in range(1, total + 1)]
    for index, name in enumerate(names):
        (folder / name).write_bytes(data[index * SHARD_BYTES : (index + 1) * SHARD_BYTES])
    return names


def encode(values: np.ndarray, kind: Kind) -> tuple[np.ndarray, Quantisation]:
    """Float32 values -> what is stored, and how to read it; float32 itself needs no note."""
    if kind == "float32":
        return values, {}
    if kind == "float16":
        return values.astype(np.float16), {"dtype": "float16"}
    low, scale = uint8_range(values)
    codes = np.clip(np.round((values - low) / scale), 0, 255).astype(np.uint8)
    return codes, {"dtype": "uint8", "scale": scale, "min": low}


def decode(stored: np.ndarray, quantisation: Quantisation) -> np.ndarray:
    """The inverse of `encode`, as TF.js does it: a double product, rounded to float32."""
    if not quantisation:
        return stored
    if quantisation["dtype"] == "float16":
        return stored.astype(np.float32)
    return (stored * quantisation["scale"] + quantisation["min"]).astype(np.float32)


def stored_values(values: np.ndarray, kind: Kind) -> np.ndarray:
    """What is left of float32 `values` when they are stored as `kind` and read again."""
    return decode(*encode(values, kind))


def uint8_range(values: np.ndarray) -> tuple[float, float]:
    """The lowest value and the step of the codes, for the least squared error.

    A few outliers stretch the range and coarsen all other values; clipping them costs less. First
    the upper end is drawn in, then the lower.
    """
    low, high = float(values.min()), float(values.max())
    if low == high:
        return low, 1.0
    middle = (low + high) / 2
    high = min((middle + share * (high - middle) for share in SHRINK), key=_error(values, low=low))
    low = min((middle + share * (low - middle) for share in SHRINK), key=_error(values, high=high))
    return low, (high - low) / 255


def _error(
    values: np.ndarray, *, low: float | None = None, high: float | None = None
) -> Callable[[float], float]:
    """The other end of the range -> the sum of squared errors."""

    def error(end: float) -> float:
        start = end if low is None else low
        scale = ((end if high is None else high) - start) / 255
        codes = np.clip(np.round((values - start) / scale), 0, 255)
        return float(np.square(codes * scale + start - values).sum())

    return error
