"""An evaluation as text for a terminal. In: what evaluation.json holds. Out: aligned tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

KINDS = ("all", "laboratory", "other")

FIGURES = {
    "species_top1": "species",
    "species_top5": "species, top 5",
    "species_macro_f1": "species, macro F1",
    "condition_top1": "disease",
    "condition_top3": "disease, top 3",
    "condition_top3_large": "  of species with over 3",
    "condition_top1_predicted": "disease, answered species",
    "condition_top3_predicted": "  top 3",
    "joint_top1": "both",
    "joint_top5": "both, top 5",
    "joint_macro_f1": "both, macro F1",
    "no_plant_recognised": "no plant, recognised",
}
"""In this order; `disease` is given the true species."""

ERRORS = {
    "species_ece": "species, calibration error",
    "species_ece_scaled": "  after temperature",
    "joint_ece": "both, calibration error",
    "joint_ece_scaled": "  after temperature",
}

COLUMNS = {
    "pictures": "pictures",
    "species_top1": "species",
    "condition_top1": "disease",
    "condition_top3": "disease, top 3",
    "joint_top1": "both",
}
"""Of the table of datasets."""

SHARES = (0.9, 0.8, 0.5)
"""Of the points of the coverage curve, those that are printed."""

WEAKEST = 5
"""Species that are named."""

FEWEST = 10
"""Pictures from which on a species may be called weak."""

Row = Mapping[str, Any]


def tables(figures: Mapping[str, Any]) -> str:
    """What was asked; the figures of all, laboratory and other sets side by side; each dataset."""
    parts = [
        f"{figures['run']}: test by the column {figures['split']}, labels of snapshot "
        f"{figures['snapshot']}; per cent, with 95 % intervals",
        _summary(figures),
    ]
    if len(figures["datasets"]) > 1:
        parts.append(_datasets(figures["datasets"]))
    if weak := _weakest(figures["species"]):
        parts.append(weak)
    return "\n\n".join(parts)


def last_line(figures: Mapping[str, Any]) -> dict[str, Any]:
    """The figures without what is only of interest in evaluation.json: each species and class."""
    return {key: value for key, value in figures.items() if key not in ("species", "conditions")}


def _summary(figures: Mapping[str, Any]) -> str:
    kinds = [kind for kind in KINDS if kind in figures]
    rows = [figures[kind] for kind in kinds]
    lines = [["test split", *kinds], ["pictures", *(f"{row['pictures']:,}" for row in rows)]]
    for key, name in FIGURES.items():
        if any(key in row for row in rows):
            lines.append([name, *(_with_interval(row, key) for row in rows)])
    for key, name in ERRORS.items():
        if any(key in row for row in rows):
            lines.append([name, *(_share(row, key) for row in rows)])
    for share in SHARES:
        name = f"both, of the {100 * share:.0f} % surest"
        lines.append([name, *(_covered(row, share) for row in rows)])
    return aligned(lines)


def _datasets(datasets: Mapping[str, Row]) -> str:
    lines = [["dataset", *COLUMNS.values()]]
    for name, row in datasets.items():
        cells = [f"{row['pictures']:,}"]
        cells += [_with_interval(row, key) for key in list(COLUMNS)[1:]]
        lines.append([name, *cells])
    return aligned(lines)


def _weakest(species: Mapping[str, Row]) -> str:
    """The species with the lowest F1, of those with FEWEST pictures, where any falls short."""
    rows = [
        (row["f1"], name, row)
        for name, row in species.items()
        if row["pictures"] >= FEWEST and row["f1"] < 1
    ]
    rows.sort(key=lambda one: one[:2])
    names = [
        f"{name} {100 * f1:.0f} ({row['pictures']} pictures)" for f1, name, row in rows[:WEAKEST]
    ]
    return f"species with the lowest F1: {', '.join(names)}" if names else ""


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell: the first to the left, the others to the right."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(
            [f"{line[0]:<{widths[0]}}"]
            + [f"{cell:>{width}}" for cell, width in zip(line[1:], widths[1:], strict=True)]
        ).rstrip()
        for line in lines
    )


def _share(row: Row, key: str) -> str:
    return f"{100 * row[key]:.1f}" if key in row else "-"


def _with_interval(row: Row, key: str) -> str:
    if key not in row:
        return "-"
    low, high = row["intervals"][key]
    return f"{100 * row[key]:.1f} ({100 * low:.1f}-{100 * high:.1f})"


def _covered(row: Row, share: float) -> str:
    for point in row["coverage"].get("joint", []):
        if point["asked"] == share:
            return f"{100 * point['accuracy']:.1f} at p >= {point['threshold']:.2f}"
    return "-"
