"""compare.png: accuracy against speed, weights and size. In: contestants. Out: a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from train.compare import Contestant

FONT = 8
DPI = 110

Box = tuple[float, float, float, float]
"""left, bottom, right, top, in pixels of the picture."""


def draw(found: Sequence[Contestant], path: Path) -> None:
    """Write the PNG. A line joins those that no other beats in both."""
    # Not pyplot, which would look for a display and keep the figure.
    figure = matplotlib.figure.Figure(figsize=(15, 5.5), layout="constrained", dpi=DPI)
    panels = figure.subplots(1, 3, sharey=True)
    measures = (
        ("pictures a second, one at a time", [one.pictures_per_s for one in found], True),
        ("million weights", [one.parameters / 1e6 for one in found], False),
        ("MB of best.safetensors", [one.file_bytes / 1e6 for one in found], False),
    )
    shares = [100 * one.shares.get("joint_top1", 0.0) for one in found]
    for axes, (title, values, more_is_better) in zip(panels, measures, strict=True):
        best = undominated(values, shares, more_is_better)
        line = sorted((values[place], shares[place]) for place in best)
        axes.plot(*zip(*line, strict=True), color="0.75", linewidth=1, zorder=0)
        for value, share, one in zip(values, shares, found, strict=True):
            colour = "C0" if one.heads == "hierarchical" else "C1"
            face = colour if one.split == "test" else "white"
            axes.plot(value, share, "o", color=colour, markerfacecolor=face)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.margins(x=0.2, y=0.12)
        axes.set_xlabel(title)
        axes.grid(alpha=0.25)
    panels[0].set_ylabel("species and disease both right, %")
    figure.suptitle("blue: hierarchical heads, orange: flat; filled: test split, hollow: val")
    figure.draw_without_rendering()  # only then is known where the points lie
    for axes, (_, values, _) in zip(panels, measures, strict=True):
        _label(axes, list(zip(values, shares, strict=True)), [short_name(one) for one in found])
    temporary = path.with_name(path.name + ".tmp")
    # Without the version of matplotlib in it, the same figures give the same bytes.
    figure.savefig(temporary, format="png", metadata={"Software": None})
    temporary.rename(path)


def undominated(
    values: Sequence[float], shares: Sequence[float], more_is_better: bool
) -> list[int]:
    """Places of those that no other beats in one without being worse in the other."""
    good = values if more_is_better else [-value for value in values]
    points = list(zip(good, shares, strict=True))
    return [
        place
        for place, (good_here, share) in enumerate(points)
        if not any(
            other != (good_here, share) and other[0] >= good_here and other[1] >= share
            for other in points
        )
    ]


def short_name(one: Contestant) -> str:
    """The backbone, without what all of its kind have."""
    name = one.backbone
    for tail in ("_patch4_window7_224", "_patch16_224"):
        name = name.removesuffix(tail)
    return name


def _label(axes: Any, points: list[tuple[float, float]], names: list[str]) -> None:
    """A name above, below, right or left of each point, where it covers no other if it can."""
    pixel = DPI / 72  # of a point of type
    spots = [tuple(map(float, axes.transData.transform(point))) for point in points]
    taken: list[Box] = [(x - 4, y - 4, x + 4, y + 4) for x, y in spots]
    for (x, y), point, name in zip(spots, points, names, strict=True):
        half, high = 0.3 * FONT * pixel * len(name), FONT * pixel
        ways = {
            "above": ((0, 6), "center", (x - half, y + 6, x + half, y + 8 + high)),
            "below": ((0, -14), "center", (x - half, y - 8 - high, x + half, y - 6)),
            "right": ((7, -3), "left", (x + 8, y - high / 2, x + 8 + 2 * half, y + high / 2)),
            "left": ((-7, -3), "right", (x - 8 - 2 * half, y - high / 2, x - 8, y + high / 2)),
        }
        way = min(ways, key=lambda way: sum(_overlap(ways[way][2], box) for box in taken))
        offset, align, box = ways[way]
        taken.append(box)
        axes.annotate(
            name, point, xytext=offset, textcoords="offset points", ha=align, fontsize=FONT
        )


def _overlap(one: Box, other: Box) -> float:
    """Square pixels."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(0.0, width) * max(0.0, height)
