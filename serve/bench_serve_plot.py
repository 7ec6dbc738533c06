"""A plot of `just bench-serve` as SVG. In: medians. Out: the text of the file.

A row for each contestant, in blocks by the number of clients; panels side by side: requests a
second, how long an answer takes, memory. Waits are on one scale a block, as they grow with the
number of clients.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from serve.bench_serve_table import CEILING, OURS, TITLES, Figures, Results, all_clients

LEFT = 150
"""Pixels for the names."""

TOP, ROW, BAR, BLOCK_GAP = 96, 25, 17, 30
PANEL_GAP = 104
"""Between two panels, with the numbers of the longest bar."""

COLOURS = {OURS: "#1b7837", CEILING: "#c3c9d1"}
OTHERS = "#7f8c9b"
LIGHT = "0.4"
"""Opacity of a bar's second part."""


@dataclass(frozen=True)
class Panel:
    """One column of bars."""

    title: str

    width: int
    """Pixels of the longest bar."""

    scale_by_block: bool
    """False: the longest bar of all blocks is the longest of each."""

    def parts(self, one: Figures) -> tuple[float, ...]:
        """The ends of the parts of a bar, in order; none where nothing was measured."""
        raise NotImplementedError

    def text(self, one: Figures) -> str:
        """What stands after the bar."""
        raise NotImplementedError


class Rates(Panel):
    """Requests a second."""

    def parts(self, one: Figures) -> tuple[float, ...]:
        return (one.requests_per_s,)

    def text(self, one: Figures) -> str:
        return f"{one.requests_per_s:,.0f}" + (f" ({one.errors:.0f} errors)" if one.errors else "")


class Waits(Panel):
    """The median, and lighter up to the 99th percentile."""

    def parts(self, one: Figures) -> tuple[float, ...]:
        return () if one.p50_ms is None or one.p99_ms is None else (one.p50_ms, one.p99_ms)

    def text(self, one: Figures) -> str:
        return "" if one.p50_ms is None else f"{one.p50_ms:,.0f}, {one.p99_ms:,.0f}"


class Memory(Panel):
    """Of all processes."""

    def parts(self, one: Figures) -> tuple[float, ...]:
        return () if one.memory_mb is None else (one.memory_mb,)

    def text(self, one: Figures) -> str:
        return "" if one.memory_mb is None else f"{one.memory_mb:,.0f}"


PANELS = (
    Rates("requests a second", 260, False),
    Waits("ms to an answer: median, 99th percentile (light)", 260, True),
    Memory("memory in MB", 120, False),
)


def plot(results: Results, title: str, subtitle: str) -> str:
    """All that was measured."""
    names = [name for name in TITLES if name in results]
    levels = all_clients(results)
    width = LEFT + sum(panel.width + PANEL_GAP for panel in PANELS)
    block = ROW * len(names) + BLOCK_GAP
    height = TOP + block * len(levels)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="Helvetica, Arial, sans-serif" font-size="13" '
        'fill="#1d2733">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="16" y="28" font-size="17" font-weight="bold">{escape(title)}</text>',
        f'<text x="16" y="48" fill="#5a6673">{escape(subtitle)}</text>',
    ]
    for number, clients in enumerate(levels):
        top = TOP + block * number
        said = "1 client" if clients == 1 else f"{clients} clients"
        parts.append(f'<text x="16" y="{top - 8}" font-weight="bold">{said}</text>')
        for place, name in enumerate(names):
            weight = ' font-weight="bold"' if name == OURS else ""
            y = top + ROW * place + 13
            parts.append(
                f'<text x="{LEFT - 10}" y="{y}" text-anchor="end"{weight}>{TITLES[name]}</text>'
            )
    left = LEFT
    for panel in PANELS:
        parts.append(f'<text x="{left}" y="{TOP - 28}" font-weight="bold">{panel.title}</text>')
        for number, clients in enumerate(levels):
            shown = [results[name][clients] for name in names]
            others = [one for row in results.values() for one in row.values()]
            longest = _longest(panel, shown if panel.scale_by_block else others)
            for place, (name, one) in enumerate(zip(names, shown, strict=True)):
                y = TOP + block * number + ROW * place
                parts += _bar(panel, one, left, y, longest, COLOURS.get(name, OTHERS))
        left += panel.width + PANEL_GAP
    return "\n".join([*parts, "</svg>", ""])


def _longest(panel: Panel, shown: Sequence[Figures]) -> float:
    return max((end for one in shown for end in panel.parts(one)), default=0) or 1


def _bar(panel: Panel, one: Figures, left: int, y: int, longest: float, fill: str) -> list[str]:
    drawn, begin = [], 0.0
    for number, end in enumerate(panel.parts(one)):
        x, length = panel.width * begin / longest, panel.width * (end - begin) / longest
        opacity = f' fill-opacity="{LIGHT}"' if number else ""
        drawn.append(
            f'<rect x="{left + x:.1f}" y="{y}" width="{length:.1f}" height="{BAR}" '
            f'fill="{fill}"{opacity}/>'
        )
        begin = end
    text_x = left + panel.width * begin / longest + 6
    drawn.append(f'<text x="{text_x:.1f}" y="{y + 13}">{panel.text(one)}</text>')
    return drawn
