"""A challenger: a run on the newest snapshot, and its bundle. In: a recipe and a lake. Out: both,
made now or, after a round that was killed, found.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from catalog.storage import Place, resolved
from export.bundle import export_bundle
from export.calibrate import TARGET_ACCURACY
from export.latency import SHAPE, time_in_turn
from export.manifest import is_bundle, read_manifest
from export.material import read_not_plants
from export.onnx_session import open_session
from export.said_browser import missing_browser
from export.tfjs_tools import TOOLS, ToolFailedError, find_tools
from leaflake import UsageError
from retrain.verdict import Costs
from train.recipe import Recipe
from train.run_folder import find_finished, read_begun
from train.train_run import refuse_what_cannot_run, resume_run, train_run

TIMED = 100
"""Answers of each of the two that are timed."""


@dataclass(frozen=True)
class Making:
    """How challengers are made."""

    recipe: Recipe

    not_plants: Path | None = None
    """Photographs of anything but plants, for the rejection rule."""

    target: float = TARGET_ACCURACY
    """Share of the answers that shall be right."""

    browser: bool = True
    """Whether the bundle has a model for browsers."""


def refuse_what_cannot_be_made(making: Making) -> None:
    """Raise UsageError for what would only be found after hours: a missing device, folder, tool."""
    refuse_what_cannot_run(making.recipe)
    if making.recipe.twins == 1:
        raise UsageError(
            f"--recipe {making.recipe.name}: learns from no label, so that nothing could be "
            "answered with it. Begin with its run: --recipe cpu --init RUN. Nothing was written."
        )
    if making.not_plants is not None:
        read_not_plants(making.not_plants)
    if making.browser:
        try:
            find_tools(TOOLS)
        except UsageError as error:
            raise UsageError(f"{error} Without a browser's model: --no-browser.") from None
        if why := missing_browser():
            raise UsageError(f"{why} Without a browser's model: --no-browser. Nothing was written.")


def find_or_train(making: Making, lake: Place, runs: Path, snapshot: int) -> Path:
    """The finished run of this recipe on this snapshot; an interrupted one is taken to its end."""
    if finished := find_finished(runs, making.recipe, lake, snapshot):
        return finished
    if begun := _find_begun(runs, making.recipe, lake, snapshot):
        return resume_run(begun)
    return train_run(making.recipe, lake, runs, at=snapshot)


def find_or_export(making: Making, run: Path, bundles: Path) -> Path:
    """The whole bundle of the run. Raises export.parity.BeyondBoundsError if it is not good
    enough, UsageError if a browser or the converter failed."""
    bundle = bundles / run.name
    if is_bundle(bundle):  # it takes its name when it is complete
        read_manifest(bundle)
        return bundle
    try:
        export_bundle(
            run,
            bundle,
            not_plants=making.not_plants,
            target=making.target,
            browser=making.browser,
        )
    except ToolFailedError as error:
        raise UsageError(
            f"{run.name} is trained, but its model for browsers could not be made: {error}. Run "
            "leaflake retrain again, which goes on from there, or with --no-browser. Production "
            "was not changed."
        ) from None
    return bundle


def measure_costs(first: Path, second: Path) -> tuple[Costs, Costs]:
    """Of two bundles, timed in turn, so that what else the machine does hits both alike."""
    files = [bundle / read_manifest(bundle).default for bundle in (first, second)]
    image = np.random.default_rng(0).integers(0, 256, SHAPE, dtype=np.uint8)
    sessions = [open_session(file) for file in files]
    contestants = {
        str(number): partial(session.run, None, {"image": image})
        for number, session in enumerate(sessions)
    }
    times = time_in_turn(contestants, TIMED)
    one, other = (
        Costs(float(np.median(times[str(number)])), file.stat().st_size)
        for number, file in enumerate(files)
    )
    return one, other


def _find_begun(runs: Path, recipe: Recipe, lake: Place, snapshot: int) -> Path | None:
    """The newest interrupted run of these very settings on this snapshot."""
    for path in sorted(runs.glob(f"{recipe.name}-*"), reverse=True):
        try:
            run = read_begun(path)
        except UsageError:  # killed before its settings were written, or of another version
            continue
        same = run.recipe == recipe and run.lake == resolved(lake) and run.snapshot == snapshot
        if same and not run.is_complete:
            return path
    return None
