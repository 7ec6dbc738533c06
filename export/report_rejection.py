"""The report on the rejection rule: what it catches, beside what that costs."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from export.manifest import Manifest
from export.report_html import per_cent, section, table

HEADS = {"auroc": "AUROC", "plants_rejected": "plants rejected"}
"""Of export.reject_compare's columns."""

NAMES = {"not_a_plant": "Not a plant", "unknown_species": "Unknown species"}


def rejection_section(manifest: Manifest) -> str:
    """Both scores, both sides, and the mix that a precision is for."""
    plants = manifest.figures["rejected_plants"]
    parts = []
    for name, record in manifest.rejection.items():
        rows = [
            [f"{row['plants']:,} plants of test, {kind}", per_cent(row[name])]
            for kind, row in plants.items()
        ]
        if "caught" in record:
            caught, wrong = record["caught"], plants["all"][name]
            photographs = f"{record['examples']:,} photographs of no plant, each judged unseen"
            rows.insert(0, [photographs, per_cent(caught)])
            if caught + wrong:
                mix = "right of what is rejected, of as many of these plants as photographs"
                rows.append([mix, per_cent(caught / (caught + wrong))])
        parts.append(
            f'<h3>{NAMES[name]}</h3><p class="soft">By {escape(str(record["method"]))}, from a '
            f"score of {record['threshold']:.3g} on.</p>{table(['', 'rejected'], rows)}"
            f"{_compared(record.get('compared'))}"
        )
    return section(
        "What it turns away",
        "Two scores in the graph: is it no plant, or a plant of no species that the model learned? "
        "What is caught stands beside the plants that are turned away with it.",
        "".join(parts),
    )


def _compared(found: Mapping[str, Mapping[str, Any]] | None) -> str:
    """Every method that was tried, by name; all that it has but the area is shares."""
    if not found:
        return ""
    columns = list(next(iter(found.values())))
    rows = [
        [escape(name), *(_figure(one, row.get(one)) for one in columns)]
        for name, row in found.items()
    ]
    heads = ["method", *(HEADS.get(one, one) for one in columns)]
    return f"<h3>Methods compared</h3>{table(heads, rows)}"


def _figure(name: str, value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.4f}" if name == "auroc" else per_cent(value)
