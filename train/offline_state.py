"""Where augmented pictures go. In: folders and settings. Out: a folder that says what it will hold.

OUT/augment.json comes first; so a run that was stopped goes on, and one with other settings, or
with other pictures, is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from leaflake import UsageError
from train.offline_labels import WEIGHTS_HEAD

STATE_NAME = "augment.json"


def refuse_places(folder: Path, out: Path, labels: Path, new_labels: Path) -> None:
    """Raise UsageError unless `folder` is one, and `out` and `new_labels` are new or begun."""
    if not folder.is_dir():
        raise UsageError(f"{folder}: there is no such folder of pictures. Nothing was written.")
    one, other = folder.resolve(), out.resolve()
    if one.is_relative_to(other) or other.is_relative_to(one):
        raise UsageError(
            f"{out}: one of the two folders lies in the other, {folder}, so that new pictures "
            "would be taken for old ones. Name a folder elsewhere. Nothing was written."
        )
    if new_labels.resolve() == labels.resolve():
        raise UsageError(f"{new_labels}: is the label file itself. Name a new one.")
    begun = (out / STATE_NAME).is_file()
    if out.exists() and not begun and not _is_empty(out):
        raise UsageError(
            f"{out}: exists, and leaflake augment did not make it (no {STATE_NAME}). Name a new "
            "folder. Nothing was written."
        )
    if new_labels.exists() and not (begun and _is_ours(new_labels)):
        raise UsageError(f"{new_labels}: exists already. Name a new file. Nothing was written.")


def _is_empty(out: Path) -> bool:
    """Whether it is a folder with nothing in it but what was left by a kill at the very start."""
    return out.is_dir() and {path.name for path in out.iterdir()} <= {f"{STATE_NAME}.tmp"}


def _is_ours(new_labels: Path) -> bool:
    with new_labels.open("rb") as file:
        return file.readline().startswith(WEIGHTS_HEAD.encode())


def begin(out: Path, settings: Mapping[str, Any]) -> None:
    """Write what is being made, or see that it is the same as before: else UsageError."""
    text = json.dumps({"version": version("leaflake"), **settings}, indent=1) + "\n"
    path = out / STATE_NAME
    if not path.is_file():
        out.mkdir(parents=True, exist_ok=True)
        write_file(path, text.encode())
    elif path.read_text(encoding="utf-8") != text:
        raise UsageError(
            f"{out}: was begun with other pictures, labels or settings ({path}). Use those, or "
            "name a new folder. Nothing was written."
        )


def write_file(path: Path, data: bytes) -> None:
    """Write a file as a whole or not at all."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_bytes(data)
    temporary.rename(path)
