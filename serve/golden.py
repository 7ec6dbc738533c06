"""The golden pictures of a bundle, asked before its model answers anybody.

In: an opened Model. Out: nothing, or a UsageError that says which picture it answers otherwise than
when the bundle was made. A model can be whole and wrong: on another processor, or by another
version of ONNX Runtime.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leaflake import UsageError
from serve.answer import Prediction
from serve.model import Model
from shards.decode import DecodeError

FOLDER = "golden"
ANSWERS = "golden/answers.json"

LARGEST_DIFFERENCE = 0.5
"""Of any probability. Eight bits on another processor move one by a few hundredths, a wrong resize
or layout by nearly one; `leaflake verify` has narrower bounds, and names what is beyond them."""


@dataclass(frozen=True)
class Golden:
    """One golden picture."""

    name: str
    """Of its file."""

    data: bytes
    """Encoded."""

    joint_probs: NDArray[np.float64]
    """(C,), what PyTorch said."""


def read_golden(model: Model) -> list[Golden]:
    """The golden pictures beside the model; none where its manifest lists none.

    Raises UsageError if they are not as `leaflake export` writes them.
    """
    if ANSWERS not in model.manifest.files:
        return []
    path = model.folder / ANSWERS
    try:
        rows = json.loads(path.read_bytes())
        listed = [row for row in rows if f"{FOLDER}/{row['picture']}" in model.manifest.files]
        return [
            Golden(
                row["picture"],
                (model.folder / FOLDER / row["picture"]).read_bytes(),
                np.exp(np.array(row["joint"], np.float64)),
            )
            for row in listed
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path}: not as export wrote it ({error!r}). Export it anew.") from None


def refuse_other_answers(model: Model, golden: list[Golden]) -> None:
    """Raise UsageError unless the model answers every golden picture as it should."""
    for one in golden:
        try:
            found = model.run(model.decode(one.data))
        except DecodeError as error:
            raise UsageError(
                f"{model.folder / FOLDER / one.name}: {error}. Export it anew."
            ) from None
        if fault := _fault(found, one):
            raise UsageError(
                f"{model.folder / model.file}: answers {FOLDER}/{one.name} otherwise than when "
                f"the bundle was made: {fault}. `leaflake verify` says more; export it anew."
            )


def _fault(found: Prediction, one: Golden) -> str | None:
    if found.joint_probs.shape != one.joint_probs.shape:
        sizes = (found.joint_probs.size, one.joint_probs.size)
        return f"{sizes[0]} classes instead of {sizes[1]}"
    if not np.isfinite(found.joint_probs).all():
        return "its probabilities are not numbers"
    likeliest = int(one.joint_probs.argmax())
    if (instead := int(found.joint_probs.argmax())) != likeliest:
        return f"class {instead} is likeliest instead of {likeliest}"
    difference = float(np.abs(found.joint_probs - one.joint_probs).max())
    if difference > LARGEST_DIFFERENCE:
        return f"a probability differs by {difference:.2f}, over {LARGEST_DIFFERENCE}"
    return None
