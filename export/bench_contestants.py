"""Who answers in `just bench-answer`. In: a network and ONNX files. Out: callables.

Each takes an upright picture uint8 (H, W, 3) and gives log p(species), float32 (S,).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from export.onnx_session import open_session
from export.said import OUTPUTS
from train.classifier import Classifier

Answer = Callable[[np.ndarray], np.ndarray]

SPECIES = OUTPUTS[0]


class CannotRunError(Exception):
    """A contestant that cannot run on this machine: the message says why."""


def with_onnxruntime(path: Path, threads: int) -> Answer:
    """ONNX Runtime, as the server has it."""
    session = open_session(path, threads)
    return lambda image: np.asarray(session.run([SPECIES], {"image": image})[0])


def with_torch(network: Classifier) -> Answer:
    """Plain PyTorch, with as many threads as it is set to. Without the rejection rule, which a run
    does not have; it is a few products of vectors."""

    def answer(image: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            log_probs, _ = network(torch.from_numpy(image))
        return np.asarray(log_probs.species[0].numpy())

    return answer


def with_torch_compile(network: Classifier, image: np.ndarray) -> Answer:
    """torch.compile for pictures as large as `image`, compiled before this returns.

    Raises CannotRunError where there is no C++ compiler, or the network cannot be compiled.
    """
    # The compiled function is this network's alone, and of one size: it need not work for others.
    compiled = torch.compile(network, dynamic=False)

    def answer(image: np.ndarray) -> np.ndarray:
        with torch.no_grad():  # tensors of inference mode would be compiled for once more
            log_probs, _ = compiled(torch.from_numpy(image))
        return np.asarray(log_probs.species[0].numpy())

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's own deprecations
            answer(image)
    except RuntimeError as error:  # what all errors of its compilers are
        raise CannotRunError(f"torch.compile failed ({_first_line(error)})") from error
    return answer


def with_openvino(path: Path, threads: int, precision: str | None = None) -> Answer:
    """OpenVINO on an ONNX file; `precision` is "f32", or None for what OpenVINO takes for best,
    which is bfloat16 where the processor has it.

    Raises CannotRunError where it is not installed, or cannot read the graph.
    """
    try:
        import openvino
    except ImportError as error:
        raise CannotRunError("not installed; pip install -e '.[bench]'") from error
    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads}
    if precision is not None:
        settings["INFERENCE_PRECISION_HINT"] = precision
    try:
        request = openvino.compile_model(str(path), "CPU", settings).create_infer_request()
    except RuntimeError as error:
        raise CannotRunError(f"OpenVINO cannot read it ({_first_line(error)})") from error
    return lambda image: np.array(request.infer({"image": image})[SPECIES])


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
