"""Do two runtimes say the same? In: what they said of the same pictures. Out: Parity, and faults.

PyTorch is what the others are held against. The bounds are what a sound export keeps on any
machine, and what a wrong resize, layout or weight breaks.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from export.said import Said

FP32 = "server.fp32.onnx"
INT8 = "server.int8.onnx"
BROWSER = "browser/model.json"


class BeyondBoundsError(Exception):
    """A bundle that must not be: the message says which bounds it broke and by how much."""


@dataclass(frozen=True)
class Parity:
    """One runtime against another on the same pictures."""

    pictures: int

    largest_difference: float
    """Of any probability of any picture."""

    mean_difference: float
    """Mean over the pictures of the largest difference in one."""

    changed: float
    """Share of pictures with another likeliest class."""

    rejection_changed: float
    """Share of pictures that one of the two scores rejects in one runtime alone."""

    rejection_difference: float
    """Largest of any score, relative to one and its size."""

    def to_json(self) -> dict[str, Any]:
        """The fields, for the manifest."""
        return asdict(self)


@dataclass(frozen=True)
class Bounds:
    """The most that a runtime may differ, field by field of Parity."""

    largest_difference: float
    mean_difference: float
    changed: float
    rejection_changed: float
    rejection_difference: float


BOUNDS = {
    FP32: Bounds(1e-3, 1e-4, 0.002, 0.002, 1e-2),
    INT8: Bounds(1.0, 0.05, 0.06, 0.02, float("inf")),
    BROWSER: Bounds(0.5, 0.02, 0.03, 0.01, float("inf")),
}
"""Over many pictures, file -> bounds. Float32 in another order of sums moves a picture between two
classes only where it is undecided already. Eight bits move every answer a little and an undecided
one by much, so of them the mean is bounded."""

GOLDEN = {
    FP32: Bounds(1e-3, 1e-3, 0.0, 0.0, 1e-2),
    INT8: Bounds(0.5, 0.06, 0.0, 0.0, float("inf")),
    BROWSER: Bounds(0.5, 0.03, 0.0, 0.0, float("inf")),
}
"""Over the golden pictures, of which torch is sure: every runtime must answer them alike."""

FEW = 3
"""Pictures that may differ however few there are: of 24, with a true share of 2 %, more than three
differ once in a thousand times (binomial distribution), and two once in twelve."""


def compare(said: Said, reference: Said, thresholds: np.ndarray) -> Parity:
    """Hold `said` against `reference`; `thresholds` float (2,) are those of the two scores."""
    difference = np.abs(np.exp(said.joint) - np.exp(reference.joint)).max(axis=1)
    rejected, expected = (one.rejection >= thresholds for one in (said, reference))
    moved = np.abs(said.rejection - reference.rejection) / (1 + np.abs(reference.rejection))
    return Parity(
        pictures=len(said),
        largest_difference=float(difference.max()),
        mean_difference=float(difference.mean()),
        changed=float((said.joint.argmax(axis=1) != reference.joint.argmax(axis=1)).mean()),
        rejection_changed=float((rejected != expected).any(axis=1).mean()),
        rejection_difference=float(moved.max()),
    )


def faults(file: str, parity: Parity, bounds: Bounds) -> list[str]:
    """What is beyond the bounds, a sentence each that begins with the file's name.

    Where a share of the pictures may differ at all, FEW may.
    """
    found = []
    for field, (words, is_share) in WORDS.items():
        value, most = getattr(parity, field), getattr(bounds, field)
        few = FEW / parity.pictures if is_share and most else 0.0
        if not value <= max(most, few):  # also where it is no number
            value, most = (f"{x:.1%}" if is_share else f"{x:.3g}" for x in (value, most))
            found.append(
                f"{file}: {words.format(value)} on {parity.pictures} pictures; "
                f"at most {most} is allowed"
            )
    return found


WORDS = {
    "largest_difference": ("a probability differs by {} from PyTorch's", False),
    "mean_difference": ("probabilities differ by {} on average from PyTorch's", False),
    "changed": ("{} of the likeliest classes are not PyTorch's", True),
    "rejection_changed": ("{} are rejected by it or by PyTorch alone", True),
    "rejection_difference": ("a rejection score differs by {} from PyTorch's", False),
}
"""Field of Parity -> how it is told, and whether it is a share of the pictures."""
