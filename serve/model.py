"""A release bundle, opened for answering: an encoded picture in, an answer out.

The graph does resize and normalisation itself, so nothing here touches a pixel but the decoder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from export.manifest import MANIFEST_NAME, REJECTIONS, Manifest, read_manifest
from leaflake import UsageError
from serve.answer import Prediction, Question
from serve.combine import answer_pictures
from serve.labels import Labels, Thresholds
from serve.shrink import shrink
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

    folder: Path
    """Of the bundle, with every link followed: where it lay when it was verified."""

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
        # A link may be turned to another bundle while this one is read.
        folder = bundle.resolve()
        manifest = read_manifest(folder)
        chosen = _choose_file(folder, manifest, file)
        labels, thresholds, reduce_to = _read_fields(folder, manifest)
        session = _open_session(folder / chosen, threads, spinning=True)
        model = cls(manifest, folder, chosen, labels, thresholds, reduce_to, session)
        _check_graph(folder / chosen, model)
        return model

    def with_threads(self, threads: int, *, spinning: bool) -> Model:
        """The same model in a session of its own, with so many threads for one picture.

        `spinning`: they wait for their next piece of work without sleeping. That makes one picture
        quicker and whatever else runs on these cores slower.
        """
        session = _open_session(self.folder / self.file, threads, spinning=spinning)
        return replace(self, session=session)

    def decode(self, data: bytes) -> NDArray[np.uint8]:
        """Upright RGB uint8 (H, W, 3) of an encoded picture, a large one reduced; DecodeError.

        The network sees a square of a quarter of `reduce_to`, so that what the decoder averages
        away is far below what the graph's resize would. A probability changed by at most 0.004 on
        13 photographs with a short side of 2,048 pixels and more (median 190 ms to decode in full,
        73 ms so), and by at most 0.012 on 24 leaves enlarged to 2,100 and 3,000 with grain; no
        likeliest class changed. (EfficientNet-Lite0 at 256 pixels, 2026-11-22.)
        """
        return shrink(decode_reduced(data, read_header(data), self.reduce_to), self.reduce_to)

    def run(self, image: NDArray[np.uint8]) -> Prediction:
        """Probabilities and scores for one upright RGB uint8 (H, W, 3) of any size."""
        # float64, so that a probability is the same digits wherever it is written down.
        species, joint, rejection = (
            one.astype(np.float64) for one in self.session.run(OUTPUTS, {INPUT: image})
        )
        # A sum of float32 may be over one by its last digit, and no probability is.
        return Prediction(np.exp(np.minimum(species, 0)), np.exp(np.minimum(joint, 0)), rejection)

    def answer(self, image: NDArray[np.uint8], question: Question) -> dict[str, Any]:
        """`run`, then `row`: what the server sends and the command line prints."""
        return self.row([self.run(image)], question)

    def row(self, predictions: Sequence[Prediction], question: Question) -> dict[str, Any]:
        """The answer to one picture, or to several of one plant, in the one shape of answers."""
        about = self.about()
        return answer_pictures(predictions, self.labels, self.thresholds, about, question)

    def about(self) -> dict[str, str]:
        """Which model this is, as every answer says it."""
        return {
            "name": self.manifest.name,
            "version": self.manifest.created,
            "sha256": self.manifest.sha256,
            "file": self.file,
        }


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


def _open_session(path: Path, threads: int | None, *, spinning: bool) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spinning)))
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
