"""ONNX -> TF.js graph model with float32 weights. Runs in .venv-tfjs; imports nothing of ours.

In: the core's ONNX file. Out: a folder with model.json and group1-shard*.bin, and the last line of
standard output is a JSON object with the versions that did it.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import types
from importlib.metadata import version
from pathlib import Path

import numpy as np

STUBS = (
    "jax",
    "jax.experimental",
    "jax.experimental.jax2tf",
    "tensorflow_decision_forests",
    "tensorflow_hub",
)
"""What the converter imports for other kinds of models. Of these, decision forests crash beside
this protobuf, and the rest are large."""

CALIBRATION = "calibration_image_sample_data_20x128x128x3_float32.npy"
"""The array with which onnx2tf compares layouts; it downloads its own unless there is one here."""

PACKAGES = ("onnx2tf", "tensorflow-cpu", "tensorflowjs")


def convert(onnx_path: Path, out: Path, work: Path) -> None:
    """Write the TF.js model to `out`; `work` is an empty folder for what lies between."""
    os.chdir(work)
    np.save(CALIBRATION, np.random.default_rng(0).random((20, 128, 128, 3), dtype=np.float32))
    for name in STUBS:
        parent, _, child = name.rpartition(".")
        sys.modules[name] = types.ModuleType(name)
        if parent:
            setattr(sys.modules[parent], child, sys.modules[name])
    importlib.import_module("onnx2tf").convert(
        input_onnx_file_path=str(onnx_path),
        output_folder_path="saved_model",
        output_signaturedefs=True,
        copy_onnx_input_output_names_to_tflite=True,
        verbosity="error",
    )
    converters = importlib.import_module("tensorflowjs.converters.tf_saved_model_conversion_v2")
    converters.convert_tf_saved_model("saved_model", str(out), use_structured_outputs_names=True)


def main() -> None:
    """Command line: python tfjs_convert.py ONNX OUT WORK."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("onnx", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("work", type=Path)
    args = parser.parse_args()
    convert(args.onnx.resolve(), args.out.resolve(), args.work.resolve())
    print(json.dumps({name: version(name) for name in PACKAGES}))


if __name__ == "__main__":
    main()
