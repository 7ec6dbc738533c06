"""metrics.png: how a run went. In: metrics.jsonl. Out: a picture of loss and val figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib.figure
from matplotlib.ticker import MaxNLocator

SHOWN = {
    "species_top1": "species",
    "condition_top1": "disease",
    "condition_top3": "disease top-3",
    "joint_top1": "both",
}


def draw_curves(run: Path) -> None:
    """Write RUN/metrics.png."""
    path = run / "metrics.jsonl"
    # Without heads and without time for a step there is no row.
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    rows = [json.loads(line) for line in lines]
    # Not pyplot, which would look for a display and keep the figure.
    figure = matplotlib.figure.Figure(figsize=(10, 4), layout="constrained")
    losses, shares = figure.subplots(1, 2)
    draw_losses(losses, rows)
    draw_shares(shares, rows)
    figure.suptitle(run.name)
    temporary = run / "metrics.png.tmp"
    # Without the version of matplotlib in it, the same rows give the same bytes.
    figure.savefig(temporary, format="png", dpi=120, metadata={"Software": None})
    temporary.rename(run / "metrics.png")


def draw_losses(axes: Any, rows: list[dict[str, Any]]) -> None:
    """Of training, by intervals and epochs, and of val, over steps."""
    epochs = [row for row in rows if row["stage"] == "fine-tune"]
    intervals = [row for row in rows if row["stage"] == "steps"]
    for name, chosen, key, style in (
        ("train, intervals", intervals, "loss", "C0-"),
        ("train, epochs", epochs, "loss", "C0o"),
        ("val, averaged weights", epochs, "val_loss", "C1o-"),
    ):
        chosen = [row for row in chosen if key in row]  # without labels nothing is judged
        if chosen:
            steps = [row["steps"] for row in chosen]
            width = 0.8 if style == "C0-" else 1.5
            axes.plot(steps, [row[key] for row in chosen], style, label=name, linewidth=width)
    axes.set(xlabel="step", ylabel="loss", ylim=(0, None))
    if axes.lines:
        axes.legend()


def draw_shares(axes: Any, rows: list[dict[str, Any]]) -> None:
    """Accuracies on val; epoch 0 is the heads on frozen features."""
    judged = [row for row in rows if row["stage"] in ("heads", "fine-tune")]
    for key, name in SHOWN.items():
        points = [(row.get("epoch", 0), 100 * row[key]) for row in judged if key in row]
        if points:
            axes.plot(*zip(*points, strict=True), "o-", markersize=3, label=name)
    axes.set(xlabel="epoch", ylabel="right on val, %")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if axes.lines:
        axes.legend()
