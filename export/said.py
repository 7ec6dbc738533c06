"""What a runtime says of pictures. In: a graph and encoded pictures. Out: `Said`.

Needs numpy, ONNX Runtime and the decoder, so that a bundle can be asked where it is deployed.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from tqdm import tqdm

from export.onnx_session import open_session
from leaflake import UsageError
from shards.decode import decode_image

OUTPUTS = ("species_log_probs", "joint_log_probs", "rejection")
"""What is compared; the graphs' `features` are for others."""


@dataclass(frozen=True)
class Said:
    """The answers to N pictures, row for row."""

    species: np.ndarray
    """float32 (N, S), log p(species)."""

    joint: np.ndarray
    """float32 (N, C), log p(species, condition)."""

    rejection: np.ndarray
    """float32 (N, 2), the two scores."""

    def __len__(self) -> int:
        return len(self.joint)

    def rows(self, index: Any) -> Said:
        """The pictures that `index` takes from the first axis."""
        return Said(self.species[index], self.joint[index], self.rejection[index])

    @classmethod
    def stack(cls, rows: Sequence[Sequence[np.ndarray]]) -> Said:
        """From each picture's OUTPUTS without a first axis."""
        return cls(*(np.stack([row[i] for row in rows]) for i in range(len(OUTPUTS))))

    @classmethod
    def split(cls, rows: np.ndarray, num_species: int, num_classes: int) -> Said:
        """From float32 (N, S + C + 2), the outputs side by side."""
        species, joint, rejection = np.split(rows, [num_species, num_species + num_classes], axis=1)
        return cls(species, joint, rejection)


def ask_onnx(path: Path, encoded: Sequence[bytes], what: str) -> Said:
    """Ask an ONNX file of a bundle; `what` names the progress bar.

    Each core takes a picture at a time with a single thread, as train.predict does and for its
    reason. Raises UsageError with the name of the file if it cannot be opened or asked.
    """
    try:
        rows = _ask_all(open_session(path, threads=1), encoded, what)
    except Exception as error:  # ONNX Runtime's errors share no base class but this one
        raise UsageError(
            f"{path}: ONNX Runtime {onnxruntime.__version__} cannot open or ask it ({error}). "
            "Export it anew."
        ) from None
    return Said.stack(rows)


def _ask_all(
    session: onnxruntime.InferenceSession, encoded: Sequence[bytes], what: str
) -> list[list[np.ndarray]]:
    def answer(data: bytes) -> list[np.ndarray]:
        found: list[np.ndarray] = session.run(OUTPUTS, {"image": decode_image(data)})
        return found

    with ThreadPoolExecutor() as pool:
        return list(tqdm(pool.map(answer, encoded), desc=what, unit="picture", total=len(encoded)))
