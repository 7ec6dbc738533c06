"""A plot of `just bench-loader` as SVG. In: medians by name. Out: the text of the file.

Three panels with one row a loader, fastest first: pictures a second, memory, CPU time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from shards.bench_table import CEILINGS, KEEPS_PIXELS, OURS, TITLES, by_rate, programs_mb

LEFT = 238
"""Pixels for the names."""

TOP, ROW, BAR = 112, 28, 18
PANEL_GAP = 74
"""Between two panels, with the number of the longest bar."""

COLOURS = {
    "Leaflake": "#1b7837",
    "keeps JPEGs": "#7f8c9b",
    "keeps raw pixels": "#c08a3e",
    "ceiling: no loader, only the work": "#c3c9d1",
}
"""What a bar can be of -> its colour."""

LIGHT = "0.45"
"""Opacity of the part of a memory bar that is programs."""


@dataclass(frozen=True)
class Panel:
    """One column of bars."""

    title: str
    width: int
    """Pixels of the longest bar."""

    values: Sequence[tuple[float, ...]]
    """Of each row: the parts of its bar, one after another; the first is drawn in full colour."""

    decimals: int = 0


def plot(medians: Mapping[str, Mapping[str, float]], title: str, subtitle: str) -> str:
    """All measured figures of all contestants."""
    names = by_rate(medians)
    rows = [medians[name] for name in names]
    panels = [
        Panel("pictures a second", 300, [(row["pictures_per_s"],) for row in rows]),
        Panel(
            "memory in MB: pictures, programs (light)",
            240,
            [(row["pictures_mb"], programs_mb(row)) for row in rows],
        ),
        Panel("CPU s per 1,000 pictures", 130, [(row["cpu_s_per_1000"],) for row in rows], 2),
    ]
    width = LEFT + sum(panel.width + PANEL_GAP for panel in panels)
    height = TOP + ROW * len(names) + 14
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="Helvetica, Arial, sans-serif" font-size="13" '
        'fill="#1d2733">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="16" y="28" font-size="17" font-weight="bold">{escape(title)}</text>',
        f'<text x="16" y="48" fill="#5a6673">{escape(subtitle)}</text>',
        *_legend(),
    ]
    for place, name in enumerate(names):
        weight = ' font-weight="bold"' if name in OURS else ""
        y = TOP + ROW * place + 14
        label = escape(TITLES[name])
        parts.append(f'<text x="{LEFT - 10}" y="{y}" text-anchor="end"{weight}>{label}</text>')
    left = LEFT
    for panel in panels:
        parts += _bars(panel, left, [colour(name) for name in names])
        left += panel.width + PANEL_GAP
    return "\n".join([*parts, "</svg>", ""])


def colour(name: str) -> str:
    """Of a contestant's bars."""
    if name in OURS:
        return COLOURS["Leaflake"]
    if name in CEILINGS:
        return COLOURS["ceiling: no loader, only the work"]
    return COLOURS["keeps raw pixels" if name == KEEPS_PIXELS else "keeps JPEGs"]


def _legend() -> list[str]:
    parts, x = [], 16
    for text, fill in COLOURS.items():
        parts += [
            f'<rect x="{x}" y="60" width="12" height="12" fill="{fill}"/>',
            f'<text x="{x + 18}" y="71">{escape(text)}</text>',
        ]
        x += 46 + 7 * len(text)
    return parts


def _bars(panel: Panel, left: int, colours: Sequence[str]) -> list[str]:
    longest = max(map(sum, panel.values)) or 1
    parts = [f'<text x="{left}" y="{TOP - 12}" font-weight="bold">{escape(panel.title)}</text>']
    for place, (values, fill) in enumerate(zip(panel.values, colours, strict=True)):
        y, x = TOP + ROW * place, float(left)
        for number, value in enumerate(values):
            length = panel.width * value / longest
            opacity = f' fill-opacity="{LIGHT}"' if number else ""
            parts.append(
                f'<rect x="{x:.1f}" y="{y}" width="{length:.1f}" height="{BAR}" '
                f'fill="{fill}"{opacity}/>'
            )
            x += length
        text = f"{sum(values):,.{panel.decimals}f}"
        parts.append(f'<text x="{x + 6:.1f}" y="{y + 14}">{text}</text>')
    return parts
