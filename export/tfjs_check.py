"""Does the browser say what the run says? In: a run and its TF.js folder. Out: a table.

Pictures of the run's lake go through torch here and, in headless Chromium, through the page's
decoding and resize and TF.js on the wasm backend; beside it, in turn, onnxruntime-web with the same
network in float32. ONNX Runtime with the very weights that TF.js reads tells the converter's faults
from what quantisation costs.

An EfficientNet-Lite0 of 104 classes, 653 val pictures, 2 cores that seven other jobs shared
(2026-11-22, `just check-tfjs RUN DIR --pictures 653`): TF.js 95.5 % species and 87.1 % both, as
torch with 95.5 % and 87.0 %; 0.9 % changed answers, at most 0.06 of probability, and 6e-6 from ONNX
Runtime with its weights; first answer after 0.44 s, then 71 ms (30 at best), resize included.
onnxruntime-web: 1.1 s, 96 ms (42). A machine of one's own is needed for better figures.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from catalog.lake import open_lake
from catalog.storage import Place, as_place
from catalog.taxonomy import LabelTree
from export.tfjs import picture_levels
from export.tfjs_browser import Found, Task, ask_browser, find_browser
from export.tfjs_compare import (
    Compared,
    as_predictions,
    compare,
    faults,
    largest_difference,
    stored_kinds,
)
from export.tfjs_core import export_core
from export.tfjs_plan import Core, ask_core
from export.tfjs_tools import RUNTIMES, TOOLS, ToolFailedError, find_tools
from export.tfjs_weights import MODEL_NAME, read_model
from leaflake import UsageError
from shards.decode import decode_image
from shards.select import read_encoded, select
from train.classifier import Classifier
from train.leaf_preprocess import see_whole
from train.predict import predict_pictures
from train.run_folder import read_run

LOOKED_INTO = 50
"""Pictures of which the resized levels are compared, and TF.js with ONNX Runtime."""


@dataclass(frozen=True)
class Checked:
    """What a check found."""

    bytes: int
    """Of all files of the TF.js folder."""

    pictures: int
    compared: dict[str, Compared]
    """torch, tfjs, ort -> that runtime against torch."""

    same_weights: float
    """Largest difference in probability from ONNX Runtime with the weights that TF.js reads."""

    levels: float
    """Largest difference of the page's decoding and resize from the run's, of 255."""

    times: dict[str, Any]
    """As the page posted them: `first_ms` and `warm_ms` of each runtime, `resize_ms`."""

    faults: list[str]
    """What is beyond the bounds."""


def check_run(
    run_path: Path,
    folder: Path,
    *,
    lake: Place | None = None,
    split: str = "val",
    pictures: int = 500,
    threads: int = 1,
    tools: Path = TOOLS,
) -> Checked:
    """`check_model` with a run's network, on `pictures` of a split of its lake.

    Raises UsageError if the tools, a browser or the TF.js model are missing.
    """
    find_tools(tools)
    find_browser()
    if not (folder / MODEL_NAME).is_file():
        raise UsageError(
            f"{folder}: not a TF.js model, there is no {MODEL_NAME} in it. Name a folder that "
            "export.tfjs wrote. Nothing was checked."
        )
    run = read_run(run_path)
    with open_lake(lake or run.lake, at=run.snapshot) as opened:
        chosen = select(opened, f"split = '{split}'", run.tree)
    spread = np.linspace(0, len(chosen) - 1, min(pictures, len(chosen))).round().astype(int)
    chosen = chosen.take(spread)
    return check_model(
        see_whole(run.load_model()),
        folder,
        read_encoded(chosen),
        chosen.class_index,
        run.tree,
        threads=threads,
        tools=tools,
    )


def check_model(
    model: Classifier,
    folder: Path,
    encoded: Sequence[bytes],
    class_index: np.ndarray,
    tree: LabelTree,
    *,
    threads: int = 1,
    tools: Path = TOOLS,
) -> Checked:
    """Ask torch, TF.js and onnxruntime-web for their answers to the `encoded` pictures.

    `folder` holds the TF.js model of `model`, temperatures included. Raises UsageError if it is
    another network's, ToolFailedError if the browser failed.
    """
    said = {"torch": predict_pictures(model, encoded, class_index, "torch")}
    with tempfile.TemporaryDirectory(prefix="leaflake-tfjs-") as work:
        onnx_path = Path(work) / "core.onnx"
        export_core(model, onnx_path)
        found = ask_browser(
            Task(model.preprocess.size, len(encoded), threads=threads, levels=LOOKED_INTO),
            encoded.__getitem__,
            model=folder,
            npm=tools / RUNTIMES,
            core=onnx_path,
        )
        for runtime, answers in found.answers.items():
            rows = np.stack([answers[number] for number in range(len(encoded))])
            said[runtime] = as_predictions(rows, class_index, tree)
        same, levels = _look_into(
            model, encoded[:LOOKED_INTO], found, Core(onnx_path), folder, said["tfjs"].joint
        )
    compared = {name: compare(one, said["torch"], tree) for name, one in said.items()}
    total = sum(path.stat().st_size for path in folder.iterdir())
    return Checked(
        bytes=total,
        pictures=len(encoded),
        compared=compared,
        same_weights=same,
        levels=levels,
        times=found.times,
        faults=faults(compared, same, levels, total),
    )


def _look_into(
    model: Classifier,
    encoded: Sequence[bytes],
    found: Found,
    core: Core,
    folder: Path,
    tfjs_joint: np.ndarray,
) -> tuple[float, float]:
    """TF.js against ONNX Runtime with its weights, and the page's levels against the run's."""
    kinds = stored_kinds(core.weights(), read_model(folder).weights)
    levels = [picture_levels(model, decode_image(data)) for data in encoded]  # (1, 3, size, size)
    joint = ask_core(core.session(kinds), levels).joint
    resized = [
        np.abs(found.levels[number].reshape(*one.shape[2:], 3) - one[0].transpose(1, 2, 0)).max()
        for number, one in enumerate(levels)
    ]
    return largest_difference(tfjs_joint[: len(joint)], joint), float(max(resized))


def main() -> int:
    """Command line: python -m export.tfjs_check RUN DIR."""
    parser = argparse.ArgumentParser(prog="python -m export.tfjs_check", description=__doc__)
    parser.add_argument("run", type=Path, metavar="RUN")
    parser.add_argument("folder", type=Path, metavar="DIR", help="what export.tfjs wrote")
    parser.add_argument("--lake", type=as_place, metavar="DIR", help="if it was moved since")
    parser.add_argument("--split", choices=("train", "val", "test"), default="val")
    parser.add_argument("--pictures", type=int, default=500)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    options = {key: value for key, value in vars(args).items() if key not in ("run", "folder")}
    try:
        checked = check_run(args.run, args.folder, **options)
    except UsageError as error:
        print(f"export.tfjs_check: {error}", file=sys.stderr)
        return 2
    except ToolFailedError as error:
        print(f"export.tfjs_check: {error}", file=sys.stderr)
        return 1
    print_table(checked)
    return 1 if checked.faults else 0


def print_table(checked: Checked) -> None:
    """Each runtime's figures, what is beyond the bounds, and one line of JSON."""
    for name, one in checked.compared.items():
        print(
            f"{name:<6} species {100 * one.species_top1:.2f} %, both {100 * one.joint_top1:.2f} %; "
            f"{100 * one.changed:.2f} % changed answers, at most {one.largest_difference:.2g} "
            "from torch"
        )
    for name, warm in checked.times["warm_ms"].items():
        first = checked.times["first_ms"][name]
        # The least says what the runtime needs, the others also what else the machine did.
        least, median, p99 = np.percentile(warm, [0, 50, 99])
        print(
            f"{name:<6} first answer {first:.0f} ms; warm median {median:.1f} ms, "
            f"p99 {p99:.1f}, least {least:.1f}"
        )
    print(
        f"{checked.bytes:,} bytes; {checked.pictures} pictures; TF.js at most "
        f"{checked.same_weights:.2g} from ONNX Runtime with its weights; the page's decoding and "
        f"resize at most {checked.levels:.2g} levels from the run's; the resize takes "
        f"{_median(checked, 'resize_ms'):.1f} ms"
    )
    for fault in checked.faults:
        print(f"beyond the bounds: {fault}")
    shown = {"warm_ms": None, "resize_ms": None}
    print(json.dumps(asdict(checked) | {"times": {**checked.times, **shown}}))


def _median(checked: Checked, name: str) -> float:
    return float(np.median(checked.times[name]))


if __name__ == "__main__":
    sys.exit(main())
