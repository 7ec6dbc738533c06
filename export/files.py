"""The bundle's model files: each is made, then asked. In: a Release and Material. Out: Asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from export.held import Asked
from export.int8_search import BOUNDS, Drop, drop_of, search_int8
from export.material import BROWSER_PICTURES, Material, read_spread, spread
from export.onnx_graph import export_onnx
from export.parity import BOUNDS as PARITY
from export.parity import FEW, FP32, GOLDEN, INT8, compare, faults
from export.release import Release
from export.said import ask_onnx
from export.said_browser import FOLDER, ask_in_browser
from export.tfjs import HARM_PICTURES, export_tfjs, picture_levels
from shards.decode import decode_image
from train.metrics import no_plant_mask

CALIBRATION_PICTURES = 200
"""Train pictures, spread over the classes, from which INT8's ranges are taken."""

JUDGED = 1000
"""Val pictures on which each choice of nodes is judged."""

TIMED = 200
"""Answers of the browser that are timed."""


def make_fp32(folder: Path, made: Release, material: Material, golden: Sequence[bytes]) -> Asked:
    """Write and ask the float32 graph."""
    export_onnx(made.network, folder / FP32)
    return _ask(folder / FP32, material, golden)


def make_int8(
    folder: Path, made: Release, material: Material, golden: Sequence[bytes], fp32: Asked
) -> tuple[Asked, dict[str, Any]]:
    """Quantise the float32 graph in `folder`, which said `fp32`, and ask what came of it.

    Also gives how many nodes there are, `kept_float` of them, and what was `tried`. Raises
    BeyondBoundsError if no choice of nodes loses little enough of val. Of test it is only asked
    whether the answers are float32's, as the bundle's bounds want it, and not whether they are
    right: so the accuracies that are reported in the end are not what anything was chosen by.
    """
    test = material.test.encoded
    images = [decode_image(data) for data in read_spread(material.train, CALIBRATION_PICTURES)]
    rows = spread(len(material.val), JUDGED)
    some, exact = material.val.take(rows), fp32.val.rows(rows)
    plants = int((~no_plant_mask(some.class_index, material.tree)).sum())

    def judge(path: Path) -> Drop:
        said = ask_onnx(path, some.encoded, "INT8 on val")
        return drop_of(said, exact, some.class_index, material.tree, made.rejection_thresholds)

    def critic(path: Path) -> list[str]:
        thresholds = made.rejection_thresholds
        on_golden = compare(ask_onnx(path, golden, "INT8 on golden"), fp32.golden, thresholds)
        if wrong := faults(INT8, on_golden, GOLDEN[INT8]):
            return wrong
        on_test = compare(ask_onnx(path, test, "INT8 on test"), fp32.test, thresholds)
        return faults(INT8, on_test, PARITY[INT8])

    found = search_int8(
        folder / FP32, folder / INT8, images, judge, bounds_for(plants), critic=critic
    )
    return _ask(folder / INT8, material, golden), {
        "calibration_pictures": len(images),
        "judged_pictures": len(some),
        "kept_float": list(found.kept_float),
        "tried": [asdict(one) for one in found.tried],
        "harm": found.harm,
    }


def bounds_for(plants: int) -> Drop:
    """The bounds of the search. Of few pictures, where a share is less than one, one right answer
    may be lost, and FEW may be others, as the bundle's bounds have it afterwards."""
    one, few = (count / max(plants, 1) for count in (1, FEW))
    return Drop(
        species=max(BOUNDS.species, one),
        both=max(BOUNDS.both, one),
        changed=max(BOUNDS.changed, few),
        rejection=max(BOUNDS.rejection, few),
    )


def make_browser(
    folder: Path, made: Release, material: Material, golden: Sequence[bytes]
) -> tuple[Asked, dict[str, Any]]:
    """Convert the network for TF.js, where it sees whole pictures, and ask it in headless Chromium.

    Also gives `bytes` of all its files, `times` in milliseconds, how many weights are stored in
    which way, `kinds`, and the converter's `versions`.
    """
    classifier = made.whole.classifier
    examples = read_spread(material.train, HARM_PICTURES)
    levels = [picture_levels(classifier, decode_image(data)) for data in examples]
    model = export_tfjs(classifier, folder / FOLDER, levels, rejection=made.network.rejection)
    val_rows = spread(len(material.val), BROWSER_PICTURES)
    test_rows = spread(len(material.test), BROWSER_PICTURES)
    val, test = material.val.take(val_rows), material.test.take(test_rows)
    found = ask_in_browser(
        folder,
        [*val.encoded, *test.encoded, *golden],
        size=classifier.preprocess.size,
        num_species=material.tree.num_species,
        num_classes=material.tree.num_classes,
        repeats=TIMED,
    )
    said, first, last = found.said, len(val), len(val) + len(test)
    asked = Asked(
        said.rows(slice(first)),
        said.rows(slice(first, last)),
        said.rows(slice(last, None)),
        val_rows,
        test_rows,
    )
    kinds = list(model.kinds.values())
    return asked, {
        "bytes": model.bytes,
        "times_ms": found.times,
        "kinds": {kind: kinds.count(kind) for kind in sorted(set(kinds))},
        "versions": model.versions,
    }


def _ask(path: Path, material: Material, golden: Sequence[bytes]) -> Asked:
    val, test = material.val, material.test
    return Asked(
        ask_onnx(path, val.encoded, f"{path.name} on val"),
        ask_onnx(path, test.encoded, f"{path.name} on test"),
        ask_onnx(path, golden, f"{path.name} on golden"),
        np.arange(len(val)),
        np.arange(len(test)),
    )
