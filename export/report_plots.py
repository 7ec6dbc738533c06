"""The drawings of a bundle's report: inline SVG, coloured by report.css. In: figures. Out: text."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

KINDS = {
    "condition": "species and condition",
    "species": "species alone",
    "not_sure": "not sure",
    "not_a_plant": "not a plant",
    "unknown_species": "unknown species",
}
"""Kinds of answers, in words."""

FEWEST = 5
"""Answers below this in a bin tell nothing, and the curve passes it over."""

SIDE, LEFT, TOP = 240, 40, 10
"""Units of a calibration plot, and of its margins."""


def calibration_plot(title: str, bins: Mapping[str, Any]) -> str:
    """A reliability diagram: share right against probability, in the bins of train.calibration."""
    shown = [i for i, pictures in enumerate(bins["pictures"]) if pictures >= FEWEST]
    points = [(_x(bins["confidence"][i]), _y(bins["accuracy"][i])) for i in shown]
    most = max(bins["pictures"])
    dots = "".join(
        f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" '
        f'r="{2 + 5 * (bins["pictures"][i] / most) ** 0.5:.1f}"><title>'
        f"{bins['pictures'][i]:,} answers of {bins['confidence'][i]:.0%} on average: "
        f"{bins['accuracy'][i]:.0%} right</title></circle>"
        for i, (x, y) in zip(shown, points, strict=True)
    )
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    ticks = "".join(
        f'<path class="grid" d="M{LEFT} {_y(share):.1f}h{SIDE}"/>'
        f'<text x="{LEFT - 6}" y="{_y(share) + 4:.1f}" text-anchor="end">{share:.0%}</text>'
        f'<text x="{_x(share):.1f}" y="{TOP + SIDE + 16}" text-anchor="middle">{share:.0%}</text>'
        for share in (0, 0.25, 0.5, 0.75, 1)
    )
    height = TOP + SIDE + 38
    return (
        f"<figure><figcaption>{escape(title)}: on average "
        f"{100 * bins['error']:.1f} points between probability and share right</figcaption>"
        f'<svg viewBox="0 0 {LEFT + SIDE + 22} {height}" role="img" aria-label="{escape(title)}">'
        f'{ticks}<path class="even" d="M{_x(0)} {_y(0)}L{_x(1)} {_y(1)}"/>'
        f'<polyline class="curve" points="{line}"/>{dots}'
        f'<text x="{LEFT + SIDE / 2}" y="{height - 4}" text-anchor="middle">'
        "probability of the answer</text></svg></figure>"
    )


def kinds_plot(rows: Mapping[str, Mapping[str, Any]], names: Mapping[str, str]) -> str:
    """A bar for each row, with the share of each kind of answer. `rows` are describe_given's,
    `names` what people call them."""
    width, bar = 900, 26
    parts = []
    for number, (row, found) in enumerate(rows.items()):
        y, x = 8 + number * (bar + 10), 130.0
        parts.append(f'<text x="120" y="{y + 17}" text-anchor="end">{escape(names[row])}</text>')
        for kind, words in KINDS.items():
            share = found["kinds"][kind]["share"]
            long = share * (width - 140)
            parts.append(
                f'<rect class="{kind}" x="{x:.1f}" y="{y}" width="{long:.1f}" height="{bar}">'
                f"<title>{words}: {share:.1%}</title></rect>"
            )
            if share >= 0.08:
                middle = x + long / 2
                parts.append(
                    f'<text class="inside" x="{middle:.1f}" y="{y + 17}" '
                    f'text-anchor="middle">{share:.0%}</text>'
                )
            x += long
    height = 8 + len(rows) * (bar + 10)
    keys = "".join(f'<li><span class="{kind}"></span>{words}</li>' for kind, words in KINDS.items())
    return (
        f'<figure class="wide"><svg viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="Kinds of answers">{"".join(parts)}</svg><ul class="key">{keys}</ul></figure>'
    )


def _x(share: float) -> float:
    return LEFT + SIDE * share


def _y(share: float) -> float:
    return TOP + SIDE * (1 - share)
