"""A release bundle, opened for answering: upright RGB uint8 (H, W, 3) in, an answer out.

The graph does resize and normalisation itself, so nothing here touches a pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from export.manifest import MANIFEST_NAME, Manifest, read_manifest
from leaflake import UsageError
from serve.answer import DEFAULT_TOP, Labels, Prediction, Thresholds, answer_json

INPUT = "image"
OUTPUTS = ("species_log_probs", "joint_log_probs")
"""What answering needs; the graph's `features` are for others, and not asking costs nothing."""

_ERRORS_ONLY = 3
"""ONNX Runtime's severity "error": below it, it writes about the machine, not about the model."""


@dataclass(frozen=True)
class Model:
    """One ONNX file of a verified bundle. `run` may be called from several threads."""

    manifest: Manifest

    file: str
    """The file of the bundle that answers, such as `server.fp32.onnx`."""

    labels: Labels

    thresholds: Thresholds

    session: ort.InferenceSession

    @classmethod
    def load(cls, bundle: Path, file: str | None = None, threads: int | None = None) -> Model:
        """Verify the bundle, open `file` (else the manifest's default) and try it once.

        `threads` is for one picture; None leaves the choice to ONNX Runtime. Raises UsageError
        with the name of the file if anything in the folder does not fit together.
        """
        manifest = read_manifest(bundle)
        chosen = _choose_file(bundle, manifest, file)
        labels, thresholds = _read_labels(bundle, manifest)
        session = _open_session(bundle / chosen, threads)
        model = cls(manifest, chosen, labels, thresholds, session)
        _check_graph(bundle / chosen, model)
        return model

    def run(self, image: NDArray[np.uint8]) -> Prediction:
        """Probabilities for one upright RGB uint8 (H, W, 3) of any size."""
        species, joint = self.session.run(OUTPUTS, {INPUT: image})
        # float64, so that a probability is the same digits wherever it is written down.
        return Prediction(np.exp(species.astype(np.float64)), np.exp(joint.astype(np.float64)))

    def answer(self, image: NDArray[np.uint8], top: int = DEFAULT_TOP) -> dict[str, Any]:
        """`run`, then `answer_json`: what the server sends and the command line prints."""
        about = {"name": self.manifest.name, "file": self.file}
        return answer_json(self.run(image), self.labels, self.thresholds, about, top)


def _choose_file(bundle: Path, manifest: Manifest, file: str | None) -> str:
    chosen = manifest.default if file is None else file
    known = sorted(name for name in manifest.files if name.endswith(".onnx"))
    # Only what the manifest lists was checked, and only inside the folder.
    if chosen not in known:
        raise UsageError(
            f'{bundle}: has no model "{chosen}"; expected one of: {", ".join(known) or "(none)"}.'
        )
    return chosen


def _read_labels(bundle: Path, manifest: Manifest) -> tuple[Labels, Thresholds]:
    path = bundle / MANIFEST_NAME
    try:
        labels = Labels.from_tree(manifest.tree)
        values = manifest.thresholds
        return labels, Thresholds(float(values["species"]), float(values["condition"]))
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(
            f'{path}: "tree" or "thresholds" is not as expected ({error!r}). Export it anew.'
        ) from None


def _open_session(path: Path, threads: int | None) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    if threads is not None:
        options.intra_op_num_threads = threads
    try:
        return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's errors share no base class but this one
        raise UsageError(
            f"{path}: ONNX Runtime {ort.__version__} cannot open it ({error}). Export it anew."
        ) from None


def _check_graph(path: Path, model: Model) -> None:
    """Hold the graph against the manifest: names, type, and the sizes that really come out."""
    found_in = [(one.name, one.type) for one in model.session.get_inputs()]
    if found_in != [(INPUT, "tensor(uint8)")]:
        raise UsageError(f'{path}: its input is {found_in}; expected one uint8 "{INPUT}".')
    found_out = [one.name for one in model.session.get_outputs()]
    missing = [name for name in (*OUTPUTS, *model.manifest.outputs) if name not in found_out]
    if missing:
        raise UsageError(f"{path}: lacks the output {missing[0]}; it has {', '.join(found_out)}.")
    # A graph may leave its sizes open, so they are read from one answer. It also makes the first
    # real request as quick as the second.
    try:
        tried = model.run(np.full((64, 48, 3), 127, np.uint8))
    except Exception as error:  # as above
        raise UsageError(
            f"{path}: fails on a picture of 48x64 ({error}). Export it anew."
        ) from None
    if not (np.isfinite(tried.species_probs).all() and np.isfinite(tried.joint_probs).all()):
        raise UsageError(f"{path}: its probabilities are not numbers. Train and export it anew.")
    found = (tried.species_probs.shape, tried.joint_probs.shape)
    expected = ((len(model.labels.species_ids),), (len(model.labels.classes),))
    if found != expected:
        raise UsageError(
            f"{path}: answers {found[0]} species and {found[1]} classes; the tree in "
            f"{MANIFEST_NAME} has {expected[0]} and {expected[1]}. They are of different runs."
        )
