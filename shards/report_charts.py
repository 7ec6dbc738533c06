"""Charts of a report, as HTML and inline SVG that need no script. In: numbers. Out: markup.

Colours come from the page's style sheet, so that they follow its light and dark mode.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from catalog.report import Histogram

WIDTH, HEIGHT = 320, 110
"""Units of a chart's view; it is drawn as wide as its column."""

SPLITS = ("train", "val", "test")


def split_bar(counts: Sequence[int], pictures: int, largest: int) -> str:
    """One bar of a class or species: train, val, test and the rest, against the largest one."""
    parts = zip((*SPLITS, "none"), (*counts, pictures - sum(counts)), strict=True)
    cells = "".join(
        f'<i class="{name}" style="width:{100 * count / max(largest, 1):.2f}%"></i>'
        for name, count in parts
        if count
    )
    return f'<span class="bar">{cells}</span>'


def histogram_chart(histogram: Histogram) -> str:
    """Bars, with the first and the last edge and the highest count written at them."""
    highest = max(histogram.counts, default=0)
    bar = WIDTH / max(len(histogram.counts), 1)
    bars = "".join(
        f'<rect x="{index * bar + 1:.1f}" y="{HEIGHT - tall:.1f}" width="{bar - 2:.1f}" '
        f'height="{tall:.1f}"/>'
        for index, count in enumerate(histogram.counts)
        if count and (tall := max(1.0, HEIGHT * count / highest))
    )
    return _figure(
        histogram.title,
        f"{histogram.title}: most often {_most_often(histogram)}",
        bars,
        f"{histogram.edges[0]:g}",
        f"{histogram.edges[-1]:g} and more",
        f"tallest bar: {highest:,}",
    )


def class_curve(pictures: Sequence[int]) -> str:
    """Size of each class, the largest first; both axes are logarithmic."""
    if not pictures:
        return ""
    right, top = math.log10(len(pictures)) or 1.0, math.log10(pictures[0] + 1)
    last_rank = len(pictures)
    ranks = sorted({min(last_rank, round(10 ** (right * step / 200))) for step in range(201)})
    points = " ".join(
        f"{WIDTH * math.log10(rank) / right:.1f},"
        f"{HEIGHT - HEIGHT * math.log10(pictures[rank - 1] + 1) / top:.1f}"
        for rank in ranks
    )
    title = "Pictures of a class, the largest first (both scales logarithmic)"
    middle = pictures[len(pictures) // 2]
    spoken = f"{title}: from {pictures[0]:,} over {middle:,} in the middle to {pictures[-1]:,}"
    line = f'<polyline points="{points}"/>'
    last = f"class {last_rank:,}: {pictures[-1]:,}"
    return _figure(title, spoken, line, f"class 1: {pictures[0]:,}", last, f"median {middle:,}")


def _most_often(histogram: Histogram) -> str:
    best = max(range(len(histogram.counts)), key=histogram.counts.__getitem__, default=0)
    return f"{histogram.edges[best]:g} to {histogram.edges[best + 1]:g}"


def _figure(title: str, spoken: str, drawing: str, first: str, last: str, note: str) -> str:
    return (
        f'<figure class="chart"><figcaption>{escape(title)}</figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(spoken)}" '
        f'preserveAspectRatio="none">{drawing}</svg>'
        f'<p class="axis"><span>{escape(first)}</span><span>{escape(note)}</span>'
        f"<span>{escape(last)}</span></p></figure>"
    )
