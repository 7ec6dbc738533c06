"""Two drawings: are probabilities what they say, and what is won by not answering?

In: answers with their probabilities. Out: SVG.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from train.calibration import reliability
from train.coverage import coverage_curve
from train.svg import curve, document, text

Answers = Mapping[str, tuple[np.ndarray, np.ndarray]]
"""Rank -> probability float (N,) and whether it was right, bool (N,); see breakdown.answers."""

Scale = Callable[[float], float]

SIDE = 300
"""Pixels of a panel's plot."""

LEFT, TOP, STEP, HEIGHT = 52, 62, 400, 420

TITLES = {"species": "species", "joint": "species and disease together"}

FEWEST = 5
"""Answers below this in a bin tell nothing, and the curve passes it over."""


def calibration_plot(before: Answers, after: Answers) -> str:
    """Reliability diagrams before and after temperature scaling, a panel for each rank."""
    parts: list[str] = []
    for number, rank in enumerate(TITLES):
        x, y = _panel(parts, number, TITLES[rank], "probability of the answer", "share right", 0)
        parts.append(f'<path class="even" d="M{x(0):.1f} {y(0):.1f}L{x(1):.1f} {y(1):.1f}"/>')
        for line, (kind, found) in enumerate((("before", before), ("after", after))):
            bins = reliability(*found[rank])
            shown = np.flatnonzero(bins.pictures >= FEWEST)
            points = [(x(bins.confidence[bin]), y(bins.accuracy[bin])) for bin in shown]
            parts.append(curve(points, kind))
            widest = bins.pictures.max()
            dots = "".join(
                f'<circle class="dot" cx="{px:.1f}" cy="{py:.1f}" '
                f'r="{2 + 5 * np.sqrt(bins.pictures[bin] / widest):.1f}"><title>'
                f"{bins.pictures[bin]:.0f} answers</title></circle>"
                for bin, (px, py) in zip(shown, points, strict=True)
            )
            words = f"{kind} temperature scaling: ECE {100 * bins.error:.1f} %"
            key = text(x(1) - 6, y(0) - 27 + 17 * line, words, "key", "end")
            parts.append(f'<g class="{kind}">{dots}{key}</g>')
    return document(2 * STEP + 4, HEIGHT, "Calibration of the answers on test", parts)


def coverage_plot(kinds: Mapping[str, Answers]) -> str:
    """Accuracy against coverage, a panel for each rank and a curve for each kind of dataset."""
    parts: list[str] = []
    for number, rank in enumerate(TITLES):
        curves = {kind: coverage_curve(*found[rank]) for kind, found in kinds.items()}
        lowest = min(float(one.accuracy[-1]) for one in curves.values())
        floor = max(0.0, np.floor(10 * (lowest - 0.02)) / 10)
        x, y = _panel(
            parts, number, TITLES[rank], "share of pictures answered", "share right", floor
        )
        for line, (kind, one) in enumerate(curves.items()):
            points = [
                (x(share), y(max(accuracy, floor)))
                for share, accuracy in zip(one.coverage, one.accuracy, strict=True)
            ]
            parts.append(curve(points, kind))
            words = f"{kind}: {100 * one.accuracy[-1]:.1f} % of all right"
            key = text(x(0) + 8, y(floor) - 12 - 17 * (len(curves) - 1 - line), words, "key")
            parts.append(f'<g class="{kind}">{key}</g>')
    return document(2 * STEP + 4, HEIGHT, "Accuracy when the least sure are not answered", parts)


def _panel(
    parts: list[str], number: int, title: str, across: str, up: str, floor: float
) -> tuple[Scale, Scale]:
    """Axes from 0 to 1 across and from `floor` to 1 up. Returns the two scales, share -> pixels."""
    left = LEFT + STEP * number

    def x(share: float) -> float:
        return left + SIDE * float(share)

    def y(share: float) -> float:
        return TOP + SIDE * (1 - float(share)) / (1 - floor)

    parts.append(text(left, 26, title, "title"))
    parts.append(text(left, 46, up, "soft"))
    for tick in np.linspace(0, 1, 6):
        parts.append(text(x(tick), TOP + SIDE + 18, f"{100 * tick:.0f} %", "soft", "middle"))
        level = floor + (1 - floor) * tick
        parts.append(text(left - 6, y(level) + 4, f"{100 * level:.0f}", "soft", "end"))
        parts.append(f'<path class="line" d="M{left} {y(level):.1f}h{SIDE}"/>')
    parts.append(text(left + SIDE / 2, TOP + SIDE + 40, across, "soft", "middle"))
    return x, y
