"""The table of label efficiency as text and as a picture. In: evaluated runs. Out: lines, a PNG."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import matplotlib.figure
from matplotlib.ticker import FuncFormatter, NullLocator


@dataclass(frozen=True)
class Cell:
    """One run on the test split. Shares are 0 to 1, intervals those of 95 %."""

    share: int
    """Per cent of the labels."""

    way: str
    run: str
    """Its folder's name."""

    pictures: int
    """Of the test split, no plant left out."""

    species: float
    both: float
    """Species and disease both right."""

    both_low: float
    both_high: float
    minutes: float
    """Of training, all stages."""

    def row(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def read_cell(path: Path, share: int, way: str) -> Cell:
    """The figures of a run that `evaluate` has judged."""
    found = json.loads((path / "evaluation.json").read_text(encoding="utf-8"))["all"]
    metrics = json.loads((path / "metrics.json").read_text(encoding="utf-8"))
    low, high = found["intervals"]["joint_top1"]
    return Cell(
        share, way, path.name, found["pictures"], found["species_top1"], found["joint_top1"],
        low, high, metrics["minutes"],
    )  # fmt: skip


def table(cells: Sequence[Cell]) -> str:
    """A line a share, a column a way: species and disease both right, per cent; best marked *."""
    ways = list(dict.fromkeys(cell.way for cell in cells))
    rows = [["labels", *ways]]
    for share in dict.fromkeys(cell.share for cell in cells):
        here = {cell.way: cell for cell in cells if cell.share == share}
        best = max(cell.both for cell in here.values())
        row = [f"{share} %"]
        for way in ways:
            if way not in here:
                row.append("-")
                continue
            cell = here[way]
            mark = "*" if cell.both == best and len(here) > 1 else ""
            interval = f"({100 * cell.both_low:.1f}-{100 * cell.both_high:.1f})"
            row.append(f"{100 * cell.both:.1f}{mark} {interval}")
        rows.append(row)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["species and disease both right on the test split, per cent, with 95 % intervals"]
    for row in rows:
        lines.append("  ".join(text.rjust(width) for text, width in zip(row, widths, strict=True)))
    return "\n".join(lines)


def draw_cells(cells: Sequence[Cell], path: Path) -> None:
    """Write the PNG: a line a way over the share of the labels."""
    # Not pyplot, which would look for a display and keep the figure.
    figure = matplotlib.figure.Figure(figsize=(7, 4.5), layout="constrained", dpi=110)
    axes = figure.subplots()
    shares = sorted({cell.share for cell in cells})
    ways = list(dict.fromkeys(cell.way for cell in cells))
    for number, way in enumerate(ways):
        mine = sorted((cell for cell in cells if cell.way == way), key=lambda cell: cell.share)
        # A little beside each other, so that the intervals can be told apart.
        across = [cell.share * 1.03 ** (number - (len(ways) - 1) / 2) for cell in mine]
        height = [100 * cell.both for cell in mine]
        below = [100 * max(0.0, cell.both - cell.both_low) for cell in mine]
        above = [100 * max(0.0, cell.both_high - cell.both) for cell in mine]
        axes.errorbar(across, height, yerr=[below, above], fmt="o-", capsize=3, label=way)
    axes.set_xscale("log")
    axes.set_xticks(shares)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set(
        xlabel="labels, %", ylabel="species and disease both right on test, %, and 95 % interval"
    )
    axes.grid(alpha=0.25)
    axes.legend()
    temporary = path.with_name(path.name + ".tmp")
    # Without the version of matplotlib in it, the same figures give the same bytes.
    figure.savefig(temporary, format="png", metadata={"Software": None})
    temporary.rename(path)
