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

LEAST_TOLD = 0.12
"""Share whose number has room inside its part of a bar, on a phone too."""

SIDE, LEFT, TOP = 240, 40, 28
"""Units of a calibration plot, and of its margins."""


def calibration_plot(title: str, bins: Mapping[str, Any]) -> str:
    """A reliability diagram: share right against probability, in the bins of train.calibration."""
    shown = [i for i, pictures in enumerate(bins["pictures"]) if pictures >= FEWEST]
    points = [(_x(bins["confidence"][i]), _y(bins["accuracy"][i])) for i in shown]
    most = max(bins["pictures"])
    dots = "".join(
        f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" '
        f'r="{2 + 5 * (bins["pictures"][i] / most) ** 0.5:.1f}"><title>'
        f"{bins['pictures'][i]:,} answers of {_whole(bins['confidence'][i])} on average: "
        f"{_whole(bins['accuracy'][i])} right</title></circle>"
        for i, (x, y) in zip(shown, points, strict=True)
    )
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    ticks = "".join(
        f'<path class="grid" d="M{LEFT} {_y(share):.1f}h{SIDE}"/>'
        f'<text x="{LEFT - 6}" y="{_y(share) + 4:.1f}" text-anchor="end">{_whole(share)}</text>'
        f'<text x="{_x(share):.1f}" y="{TOP + SIDE + 16}" text-anchor="middle">'
        f"{_whole(share)}</text>"
        for share in (0, 0.25, 0.5, 0.75, 1)
    )
    height = TOP + SIDE + 38
    return (
        f"<figure><figcaption>{escape(title)}: on average "
        f"{100 * bins['error']:.1f} points between probability and share right</figcaption>"
        f'<svg viewBox="0 0 {LEFT + SIDE + 22} {height}" role="img" aria-label="{escape(title)}">'
        f'<text x="0" y="11">share right</text>'
        f'{ticks}<path class="even" d="M{_x(0)} {_y(0)}L{_x(1)} {_y(1)}"/>'
        f'<polyline class="curve" points="{line}"/>{dots}'
        f'<text x="{LEFT + SIDE / 2}" y="{height - 4}" text-anchor="middle">'
        "probability of the answer</text></svg></figure>"
    )


def kinds_plot(rows: Mapping[str, Mapping[str, Any]], names: Mapping[str, str]) -> str:
    """A bar for each row, with the share of each kind of answer. `rows` are describe_given's,
    `names` what people call them. Not as SVG, whose text would shrink with it on a phone."""
    bars = []
    for row, found in rows.items():
        parts = []
        for kind, words in KINDS.items():
            share = found["kinds"][kind]["share"]
            inside = _whole(share) if share >= LEAST_TOLD else ""
            parts.append(
                f'<span class="{kind}" style="width: {100 * share:.2f}%" '
                f'title="{words}: {100 * share:.1f} %">{inside}</span>'
            )
        bars.append(f"<dt>{escape(names[row])}</dt><dd>{''.join(parts)}</dd>")
    keys = "".join(f'<li><span class="{kind}"></span>{words}</li>' for kind, words in KINDS.items())
    return f'<dl class="kinds">{"".join(bars)}</dl><ul class="key">{keys}</ul>'


def _whole(share: float) -> str:
    return f"{100 * share:.0f} %"


def _x(share: float) -> float:
    return LEFT + SIDE * share


def _y(share: float) -> float:
    return TOP + SIDE * (1 - share)
