"""The report on two-step recognition: what finding the leaf first changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from export.manifest import Manifest
from export.report_html import section, table
from train.two_step import FIGURES, WHOLE

KINDS = {"all": "all", "laboratory": "laboratory", "other": "field and other"}


def two_steps_section(manifest: Manifest) -> str:
    """Both ways side by side on val and test; nothing for a bundle without a finder."""
    found = manifest.figures.get("two_step")
    if found is None:
        return ""
    rows = [
        [f"{split}, {KINDS[kind]}: {way}", *(_cell(ways[way].get(name)) for name in FIGURES)]
        for split in ("val", "test")
        for kind, ways in found[split].items()
        for way in ways
    ]
    words = {
        "better": "that is the better one by val: the way it has learnt, if the other is not "
        "better beyond chance outside the laboratory, or is worse",
        "yes": "as --two-step yes asks",
        "no": "as --two-step no asks",
    }
    browser = ""
    if manifest.figures.get("browser") and found["released"] != WHOLE:
        browser = " The browser's model has no finder, and answers about whole pictures."
    return section(
        "Whole pictures, or the leaf alone",
        f"Two-step recognition finds the most certain leaf first, and looks at it alone. The run "
        f"learnt from: {found['learnt_from']}. The graphs see: {found['released']}; "
        f"{words[found['choice']]}. PyTorch's answers, before thresholds and rejection; in small "
        f"print the change against whole pictures with its 95 % interval, resampled by group."
        f"{browser}",
        table(["pictures", *FIGURES.values()], rows),
    )


def _cell(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return ""
    small = ""
    if "change" in row:
        change, low, high = (f"{100 * row[name]:+.1f}" for name in ("change", "low", "high"))
        small = f"<small>{change} ({low} to {high})</small>"
    return f"{100 * row['value']:.1f} %{small}"
