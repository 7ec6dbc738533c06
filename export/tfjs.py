"""The browser's model: a run -> a TF.js graph model of at most MAX_BYTES.

torch -> ONNX (tfjs_core.py) -> TF.js in float32 (tfjs_convert.py, in an environment of its own)
-> each weight stored in as few bytes as the answers bear (tfjs_plan.py, tfjs_weights.py). That the
browser then says the same is for `python -m export.tfjs_check` to show.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from catalog.lake import open_lake
from catalog.storage import Place, as_place
from export.reject import Rejection
from export.released import OUTPUT_NAMES
from export.tfjs_core import OUTPUTS, export_core
from export.tfjs_plan import Core, choose_kinds, measure_harm
from export.tfjs_tools import TOOLS, ToolFailedError, find_tools
from export.tfjs_weights import GraphModel, Kind, read_model, write_model
from leaflake import UsageError
from shards.decode import decode_image
from shards.select import Selection, read_encoded, select
from train.classifier import Classifier
from train.leaf_preprocess import see_whole
from train.run_folder import read_run

MAX_BYTES = 4_500_000
"""All files together: what somebody in a field downloads before the first answer."""

HARM_PICTURES = 50
"""How many train pictures each weight is tried on."""


@dataclass(frozen=True)
class BrowserModel:
    """What an export made."""

    bytes: int
    """Of all files together."""

    kinds: dict[str, Kind]
    """How each of the larger weights is stored, by its name in torch."""

    harm: dict[str, float]
    """What storing that weight alone as uint8 does: mean divergence of the answers, nats."""

    versions: dict[str, str]
    """Of the converter's packages."""


def export_tfjs(
    model: Classifier,
    out: Path,
    levels: Sequence[np.ndarray],
    *,
    rejection: Rejection | None = None,
    tools: Path = TOOLS,
) -> BrowserModel:
    """Write the TF.js model of `model`, temperatures included, to the empty or new folder `out`.

    With a rejection rule the model has its scores as a fourth output.
    `levels` are train pictures as `picture_levels` gives them, on which the weights are tried.
    Raises UsageError if the converter is not installed, or `model` cannot fit into MAX_BYTES.
    """
    python = find_tools(tools)
    refuse_large(model)
    with tempfile.TemporaryDirectory(prefix="leaflake-tfjs-") as folder:
        work = Path(folder)
        export_core(model, work / "core.onnx", rejection)
        versions = _convert(python, work)
        core, converted = Core(work / "core.onnx"), read_model(work / "tfjs")
        names = same_weights(core.weights(), converted.weights)
        outputs = OUTPUT_NAMES if rejection else OUTPUTS
        weights = flatten_biases(converted)
        named = GraphModel(name_outputs(converted.topology, outputs), weights)
        smallest = write_model(work / "smallest", named, dict.fromkeys(names.values(), "uint8"))
        spare = MAX_BYTES - smallest
        if spare < 0:
            raise UsageError(
                f"{smallest:,} bytes with one a weight, but at most {MAX_BYTES:,} are allowed: the "
                "label tree is too large for a browser's model. Nothing was written."
            )
        harm = measure_harm(core, levels)
        kinds = choose_kinds(harm, {name: one.size for name, one in core.weights().items()}, spare)
        out.mkdir(parents=True, exist_ok=True)
        total = write_model(out, named, {names[name]: kind for name, kind in kinds.items()})
    return BrowserModel(total, kinds, harm, versions)


def refuse_large(model: Classifier) -> None:
    """Raise UsageError for a network that has more weights than MAX_BYTES has bytes."""
    parts = (model.backbone, model.heads)
    backbone, heads = (sum(one.numel() for one in part.parameters()) for part in parts)
    if backbone + heads > MAX_BYTES:
        raise UsageError(
            f"the network has {backbone:,} weights and its heads {heads:,}, but the browser's "
            f"model may have {MAX_BYTES:,} bytes. Train a smaller network, such as `leaflake train "
            "cpu`, or fewer classes. Nothing was written."
        )


def _convert(python: Path, work: Path) -> dict[str, str]:
    """core.onnx -> the folder tfjs in `work`, in the other environment; gives its versions."""
    script = Path(__file__).with_name("tfjs_convert.py")
    (work / "between").mkdir()
    command = [python, script, work / "core.onnx", work / "tfjs", work / "between"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    if done.returncode:
        raise ToolFailedError(f"{script.name} failed:\n{done.stderr[-4000:]}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def same_weights(
    ours: Mapping[str, np.ndarray], theirs: Mapping[str, np.ndarray]
) -> dict[str, str]:
    """Our names of weights -> the names that the converter gave to the same values.

    It keeps no names and reorders axes, so the values in ascending order tell which is which.
    Raises ValueError if one of ours is not among theirs, bit for bit.
    """
    by_size = defaultdict(list)
    for name, values in theirs.items():
        by_size[values.size].append((name, np.sort(values, axis=None)))
    found: dict[str, str] = {}
    for name, values in ours.items():
        ordered = np.sort(values, axis=None)
        same = [other for other, its in by_size[values.size] if np.array_equal(ordered, its)]
        if len(same) != 1:
            raise ValueError(f"{name}: {len(same)} weights of the converted model have its values")
        found[name] = same[0]
    return found


def flatten_biases(model: GraphModel) -> dict[str, np.ndarray]:
    """The weights, with those of shape (1, n) that are biases of a fused product as (n,).

    The converter fuses `x @ w + b` also where it has given b a second axis, which TF.js refuses.
    """
    nodes = model.topology["modelTopology"]["node"]
    biases = {node["input"][2] for node in nodes if node["op"] == "_FusedMatMul"}
    return {
        name: values.reshape(-1) if name in biases and values.shape[:1] == (1,) else values
        for name, values in model.weights.items()
    }


def name_outputs(topology: Mapping[str, Any], outputs: Sequence[str] = OUTPUTS) -> dict[str, Any]:
    """The model's outputs, in the order of `outputs`, under those names instead of output_0, ...

    All else in an order of its own: the converter's is another in every run.
    """
    signature = dict(topology["signature"])
    described = signature["outputs"]
    if sorted(described) != [f"output_{index}" for index in range(len(outputs))]:
        raise ValueError(f"outputs {sorted(described)} instead of output_0, ...")
    signature["outputs"] = {name: described[f"output_{i}"] for i, name in enumerate(outputs)}
    return {
        **json.loads(json.dumps(topology, sort_keys=True)),
        "signature": signature,
        # By these GraphModel.predict calls what it returns.
        "userDefinedMetadata": {"structuredOutputKeys": list(outputs)},
    }


def picture_levels(model: Classifier, image: np.ndarray) -> np.ndarray:
    """Image uint8 (H, W, 3) -> what the core takes: levels float32 (1, 3, size, size), 0-255."""
    with torch.inference_mode():
        return np.asarray(model.preprocess.levels(torch.from_numpy(image)).numpy())


def spread_over_classes(selection: Selection, count: int) -> Selection:
    """At most `count` pictures, spread evenly over the classes, in class order."""
    order = np.argsort(selection.class_index, kind="stable")
    chosen = np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int)
    return selection.take(order[chosen])


def export_run(run_path: Path, out: Path, *, lake: Place | None = None) -> BrowserModel:
    """Write the TF.js model of a run to `out`, a folder that does not exist or is empty."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out}: exists already. Name a new folder. Nothing was written.")
    find_tools(TOOLS)
    run = read_run(run_path)
    model = see_whole(run.load_model())
    refuse_large(model)
    with open_lake(lake or run.lake, at=run.snapshot) as opened:
        train = select(opened, "split = 'train'", run.tree)
    encoded = read_encoded(spread_over_classes(train, HARM_PICTURES))
    levels = [picture_levels(model, decode_image(data)) for data in encoded]
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{out.name}.", suffix=".tmp", dir=out.parent) as work:
        made = export_tfjs(model, Path(work) / "browser", levels)
        (Path(work) / "browser").rename(out)
    return made


def main() -> int:
    """Command line: python -m export.tfjs RUN --out DIR."""
    parser = argparse.ArgumentParser(prog="python -m export.tfjs", description=__doc__)
    parser.add_argument("run", type=Path, metavar="RUN")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--lake", type=as_place, metavar="DIR", help="if it was moved since")
    args = parser.parse_args()
    try:
        made = export_run(args.run, args.out, lake=args.lake)
    except UsageError as error:
        print(f"export.tfjs: {error}", file=sys.stderr)
        return 2
    except ToolFailedError as error:
        print(f"export.tfjs: {error}", file=sys.stderr)
        return 1
    for name in sorted(made.harm, key=lambda name: -made.harm[name]):
        print(f"{made.kinds[name]:<8} {name}: as uint8 alone {made.harm[name]:.2g} nats")
    print(f"{args.out}: {made.bytes:,} bytes; prove it with `just check-tfjs RUN {args.out}`")
    return 0


if __name__ == "__main__":
    sys.exit(main())
