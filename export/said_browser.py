"""What the browser's model of a bundle says, in headless Chromium with TF.js on wasm.

In: the bundle's folder and encoded pictures. Out: `Said`, and how long it took.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from export.said import Said
from export.tfjs_browser import Task, ask_browser, find_browser
from export.tfjs_tools import RUNTIMES, TOOLS
from leaflake import UsageError

FOLDER = "browser"


@dataclass(frozen=True)
class SaidByBrowser:
    """What came back from the page."""

    said: Said
    times: dict[str, Any]
    """Milliseconds: `first` from the look at the files to an answer; `warm_median`, `warm_p99` of a
    picture of 640x480, resize included; `resize_median` of that alone."""


def missing_browser(tools: Path = TOOLS) -> str:
    """What is missing here for asking a browser's model, as a sentence; nothing if all is there."""
    try:
        find_browser()
    except UsageError as error:
        return str(error).removesuffix(" Nothing was checked.")
    if not (tools / RUNTIMES).is_dir():
        return f"TF.js is not at {tools / RUNTIMES}. Install it with `just tfjs-tools`."
    return ""


def ask_in_browser(
    bundle: Path,
    encoded: Sequence[bytes],
    *,
    size: int,
    num_species: int,
    num_classes: int,
    repeats: int,
    tools: Path = TOOLS,
) -> SaidByBrowser:
    """Ask BUNDLE/browser about the pictures, and time `repeats` answers.

    Raises UsageError if it cannot be run here, ToolFailedError with the page's words if it failed.
    """
    if why := missing_browser(tools):
        raise UsageError(f"{bundle / FOLDER}: cannot be asked, {why}")
    task = Task(size, len(encoded), runtimes=("tfjs",), repeats=repeats)
    found = ask_browser(task, encoded.__getitem__, model=bundle / FOLDER, npm=tools / RUNTIMES)
    rows = np.stack([found.answers["tfjs"][number] for number in range(len(encoded))])
    if rows.shape[1] != num_species + num_classes + 2:
        raise UsageError(
            f"{bundle / FOLDER}: gives {rows.shape[1]} numbers for a picture; the label tree of "
            f"{num_species} species and {num_classes} classes asks for "
            f"{num_species + num_classes + 2}. They are of different runs; export anew."
        )
    warm = found.times["warm_ms"]["tfjs"]
    times = {
        "first": float(found.times["first_ms"]["tfjs"]),
        "warm_median": float(np.median(warm)),
        "warm_p99": float(np.percentile(warm, 99)),
        "resize_median": float(np.median(found.times["resize_ms"])),
    }
    return SaidByBrowser(Said.split(rows, num_species, num_classes), times)
