"""Is a bundle whole, and does it answer here as where it was made? In: a folder. Out: Verified.

Needs numpy, ONNX Runtime and the decoder; the browser's model is asked where there are Chromium and
TF.js. So it runs where a bundle is deployed, without PyTorch and without the pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from export.bundle_files import files_below, find_fault
from export.golden import Golden, read_golden
from export.manifest import MANIFEST_NAME, REJECTIONS, Manifest, read_fields
from export.parity import BROWSER, GOLDEN, Parity, compare, faults
from export.said import Said, ask_onnx
from export.said_browser import ask_in_browser, missing_browser
from export.tfjs_tools import ToolFailedError
from leaflake import UsageError

REPEATS = 20
"""Timed answers of the browser; here they are by the way."""


@dataclass(frozen=True)
class Verified:
    """What was found."""

    name: str
    """Of the bundle."""

    files: dict[str, str | None]
    """Every listed file -> what is wrong with it, or None."""

    unlisted: tuple[str, ...]
    """Files that lie there and are no part of the bundle; nobody reads them."""

    parity: dict[str, Parity]
    """Model file -> its answers to the golden pictures against PyTorch's."""

    faults: tuple[str, ...]
    """Everything that is wrong, a sentence each that names the file."""

    notes: tuple[str, ...]
    """What was not looked at, and why."""


def verify_bundle(bundle: Path, *, browser: bool | None = None) -> Verified:
    """Check every byte of `bundle`, then ask its models about the golden pictures.

    The models are asked only if every file is whole. `browser` says whether the browser's model is
    asked too; None: if that is possible here. Raises UsageError if the folder is no bundle of this
    format, or the browser is wanted and missing.
    """
    manifest = read_fields(bundle)
    unasked = _why_not_browser(bundle, manifest, browser)
    notes = [f"{BROWSER}: not asked, {unasked}"] if unasked else []
    found = {name: find_fault(bundle, name, one) for name, one in manifest.files.items()}
    broken = [fault for fault in found.values() if fault]
    unlisted = sorted(set(files_below(bundle)) - set(found) - {MANIFEST_NAME})
    if broken:
        notes.append("The models were not asked, since not every file is whole.")
        return Verified(manifest.name, found, tuple(unlisted), {}, tuple(broken), tuple(notes))
    parity, wrong = _ask(bundle, manifest, read_golden(bundle), not unasked)
    return Verified(manifest.name, found, tuple(unlisted), parity, tuple(wrong), tuple(notes))


def _why_not_browser(bundle: Path, manifest: Manifest, wanted: bool | None) -> str:
    """Why the browser's model is not asked; nothing if it is. UsageError if that was `wanted`."""
    if wanted is False:
        return "by --no-browser."
    if BROWSER not in manifest.files:
        why = "this bundle has none (it was exported with --no-browser)."
    else:
        why = missing_browser()
    if wanted and why:
        raise UsageError(f"{bundle / BROWSER}: cannot be asked, {why} Nothing was checked.")
    return why


def _ask(
    bundle: Path, manifest: Manifest, golden: Golden, browser: bool
) -> tuple[dict[str, Parity], list[str]]:
    thresholds = np.array([manifest.rejection[name]["threshold"] for name in REJECTIONS])
    wrong: list[str] = []
    said = {
        name: ask_onnx(bundle / name, golden.encoded, name)
        for name in manifest.files
        if name.endswith(".onnx")
    }
    if browser:
        try:
            said[BROWSER] = ask_in_browser(
                bundle,
                golden.encoded,
                size=manifest.input["eval_size"],
                num_species=golden.said.species.shape[1],
                num_classes=golden.said.joint.shape[1],
                repeats=REPEATS,
            ).said
        except ToolFailedError as error:
            wrong.append(f"{BROWSER}: {error}")
    parity: dict[str, Parity] = {}
    for name, one in said.items():
        if sizes := _other_sizes(one, golden.said):
            wrong.append(f"{name}: {sizes}")
            continue
        expected = golden.whole if name == BROWSER else golden.said
        parity[name] = compare(one, expected, thresholds)
        wrong += faults(name, parity[name], GOLDEN[name])
    return parity, wrong


def _other_sizes(said: Said, expected: Said) -> str | None:
    found, wanted = (
        (one.species.shape[1], one.joint.shape[1], one.rejection.shape[1])
        for one in (said, expected)
    )
    if found == wanted:
        return None
    return (
        f"answers {found[0]} species, {found[1]} classes and {found[2]} scores; the golden answers "
        f"have {wanted[0]}, {wanted[1]} and {wanted[2]}. They are of different runs"
    )
