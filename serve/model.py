"""A release bundle, opened for answering: an encoded picture in, an answer out.

The graph does resize and normalisation itself, so nothing here touches a pixel but the decoder.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from export.manifest import MANIFEST_NAME, REJECTIONS, Manifest, read_manifest
from leaflake import UsageError
from serve.answer import DEFAULT_TOP, Prediction, answer_json
from serve.labels import Labels, Thresholds
from shards.decode import decode_reduced, read_header

INPUT = "image"
OUTPUTS = ("species_log_probs", "joint_log_probs", "rejection")
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

    reduce_to: int
    """Pixels: the least short side to which `decode` may reduce a large JPEG."""

    session: ort.InferenceSession

    @classmethod
    def load(cls, bundle: Path, file: str | None = None, threads: int | None = None) -> Model:
        """Verify the bundle, open `file` (else the manifest's default) and try it once.

        `threads` is for one picture; None leaves the choice to ONNX Runtime. Raises UsageError
        with the name of the file if anything in the folder does not fit together.
        """
        manifest = read_manifest(bundle)
        chosen = _choose_file(bundle, manifest, file)
        labels, thresholds, reduce_to = _read_fields(bundle, manifest)
        session = _open_session(bundle / chosen, threads)
        model = cls(manifest, chosen, labels, thresholds, reduce_to, session)
        _check_graph(bundle / chosen, model)
        return model

    def decode(self, data: bytes) -> NDArray[np.uint8]:
        """Upright RGB uint8 (H, W, 3) of an encoded picture, a large JPEG reduced; DecodeError.

        The network sees a square of a quarter of `reduce_to`, so that what the decoder averages
        away is far below what the graph's resize would. A probability changed by at most 0.004 on
        13 photographs with a short side of 2,048 pixels and more (median 190 ms to decode in full,
        73 ms so), and by at most 0.012 on 24 leaves enlarged to 2,100 and 3,000 with grain; no
        likeliest class changed. (EfficientNet-Lite0 at 256 pixels, 2026-11-22.)
        """
        return decode_reduced(data, read_header(data), self.reduce_to)

    def run(self, image: NDArray[np.uint8]) -> Prediction:
        """Probabilities and scores for one upright RGB uint8 (H, W, 3) of any size."""
        # float64, so that a probability is the same digits wherever it is written down.
        species, joint, rejection = (
            one.astype(np.float64) for one in self.session.run(OUTPUTS, {INPUT: image})
        )
        return Prediction(np.exp(species), np.exp(joint), rejection)

    def answer(
        self, image: NDArray[np.uint8], top: int = DEFAULT_TOP, *, reject: bool = True
    ) -> dict[str, Any]:
        """`run`, then `answer_json`: what the server sends and the command line prints."""
        about = {"name": self.manifest.name, "file": self.file}
        said = self.run(image)
        return answer_json(said, self.labels, self.thresholds, about, top, reject=reject)


def _choose_file(bundle: Path, manifest: Manifest, file: str | None) -> str:
    chosen = manifest.default if file is None else file
    known = sorted(name for name in manifest.files if name.endswith(".onnx"))
    # Only what the manifest lists was checked, and only inside the folder.
    if chosen not in known:
        raise UsageError(
            f'{bundle}: has no model "{chosen}"; expected one of: {", ".join(known) or "(none)"}.'
        )
    return chosen


def _read_fields(bundle: Path, manifest: Manifest) -> tuple[Labels, Thresholds, int]:
    try:
        labels = Labels.from_tree(manifest.tree)
        thresholds = Thresholds.from_manifest(manifest.thresholds, manifest.rejection, labels)
        return labels, thresholds, int(manifest.input["reduce_to"])
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(
            f'{bundle / MANIFEST_NAME}: "tree", "thresholds", "rejection" or "input" is not as '
            f"expected ({error!r}). Export it anew."
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
    said = (tried.species_probs, tried.joint_probs, tried.rejection)
    if not all(np.isfinite(one).all() for one in said):
        raise UsageError(f"{path}: its answers are not numbers. Train and export it anew.")
    found = [one.shape for one in said]
    expected = [(len(model.labels.species_ids),), (len(model.labels.classes),), (len(REJECTIONS),)]
    if found != expected:
        raise UsageError(
            f"{path}: answers {found[0]} species, {found[1]} classes and {found[2]} scores of the "
            f"rejection rule; by {MANIFEST_NAME} they are {expected[0]}, {expected[1]} and "
            f"{expected[2]}. They are of different runs."
        )
