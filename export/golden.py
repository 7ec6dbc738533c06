"""The golden pictures: a few of all kinds, with what PyTorch says of each.

`golden/` holds their bytes as they lay in the lake and answers.json. Any runtime of the bundle must
give these answers, on any machine.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from export.said import Said
from leaflake import UsageError
from shards.decode import read_header

FOLDER = "golden"
ANSWERS = "answers.json"

DIGITS = 6
"""After the point, of log-probabilities: a thousandth of what the bounds allow."""

SUFFIXES = {"JPEG": "jpg", "MPO": "jpg", "PNG": "png", "WEBP": "webp"}


@dataclass(frozen=True)
class Golden:
    """The golden pictures, read back."""

    names: tuple[str, ...]
    """Of the files in golden/."""

    encoded: tuple[bytes, ...]

    labels: tuple[str, ...]
    """`species/condition`; "not a plant" for a photograph of something else."""

    said: Said
    """PyTorch's answers."""

    whole: Said
    """The same about whole pictures, for the browser's model of a bundle whose graphs crop; in
    every other bundle `said`."""


def write_golden(
    bundle: Path,
    encoded: Sequence[bytes],
    labels: Sequence[str],
    said: Said,
    whole: Said | None = None,
) -> Golden:
    """Write the pictures and PyTorch's answers into BUNDLE/golden; gives them as they are read."""
    folder = bundle / FOLDER
    folder.mkdir()
    rows: list[dict[str, Any]] = []
    for number, (data, label) in enumerate(zip(encoded, labels, strict=True)):
        name = f"{number:02d}.{SUFFIXES[read_header(data).format]}"
        (folder / name).write_bytes(data)
        row = {"picture": name, "label": label, **_row(said, number)}
        rows.append(row if whole is None else {**row, "whole": _row(whole, number)})
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    (folder / ANSWERS).write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    return read_golden(bundle)


def read_golden(bundle: Path) -> Golden:
    """Read BUNDLE/golden. Raises UsageError if it is not as `write_golden` left it."""
    path = bundle / FOLDER / ANSWERS
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        names = tuple(row["picture"] for row in rows)
        if any(Path(name).name != name for name in names):
            raise ValueError(f"pictures outside {path.parent}")
        return Golden(
            names,
            tuple((path.parent / name).read_bytes() for name in names),
            tuple(row["label"] for row in rows),
            _said(rows),
            _said([row.get("whole", row) for row in rows]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path}: not as export wrote it ({error!r}). Export it anew.") from None


def _said(rows: Sequence[Mapping[str, Any]]) -> Said:
    keys = ("species", "joint", "rejection")
    return Said(*(np.array([row[key] for row in rows], dtype=np.float32) for key in keys))


def _row(said: Said, number: int) -> dict[str, list[float]]:
    parts = {"species": said.species, "joint": said.joint, "rejection": said.rejection}
    return {
        key: [round(float(value), DIGITS) for value in part[number]] for key, part in parts.items()
    }
