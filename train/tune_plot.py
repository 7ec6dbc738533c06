"""study.png: how a study went. In: an Optuna study. Out: a picture of its history and of which
settings mattered."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.figure
import optuna
from matplotlib.ticker import MaxNLocator
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState

FEWEST = 5
"""Complete trials from which on the importance of settings is said."""


def draw_study(study: optuna.Study, path: Path) -> None:
    """Write the PNG."""
    # Not pyplot, which would look for a display and keep the figure.
    figure = matplotlib.figure.Figure(figsize=(11, 4.5), layout="constrained", dpi=110)
    history, importance = figure.subplots(1, 2, width_ratios=(3, 2))
    draw_history(history, study.get_trials(deepcopy=False))
    draw_importance(importance, importances(study))
    temporary = path.with_name(path.name + ".tmp")
    # Without the version of matplotlib in it, the same trials give the same bytes.
    figure.savefig(temporary, format="png", metadata={"Software": None})
    temporary.rename(path)


def draw_history(axes: Any, trials: Sequence[FrozenTrial]) -> None:
    """Each trial's figure on val, those cut short as they were then, and the best so far."""
    done = [(one.number, 100 * value) for one, value in valued(trials, TrialState.COMPLETE)]
    short = [(one.number, 100 * value) for one, value in valued(trials, TrialState.PRUNED)]
    best = [
        (number, max(value for _, value in done[: n + 1])) for n, (number, _) in enumerate(done)
    ]
    for points, style, name in (
        (short, "C1x", "cut short, as it was then"),
        (done, "C0o", "to its end"),
    ):
        if points:
            axes.plot(*zip(*points, strict=True), style, label=name)
    if best:
        axes.step(*zip(*best, strict=True), where="post", color="0.6", label="best so far")
    axes.set(xlabel="trial", ylabel="species and disease both right on val, %")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend()


def valued(trials: Sequence[FrozenTrial], state: TrialState) -> list[tuple[FrozenTrial, float]]:
    """Trials of one state and what val said last."""
    return [(one, one.value) for one in trials if one.state == state and one.value is not None]


def importances(study: optuna.Study) -> dict[str, float]:
    """Setting -> its share in whether a trial is among the best; empty after too few trials.

    PED-ANOVA (Watanabe et al., 2023), as it needs no other package.
    """
    done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(done) < FEWEST:
        return {}
    return get_param_importances(study, evaluator=PedAnovaImportanceEvaluator())


def draw_importance(axes: Any, shares: dict[str, float]) -> None:
    """A bar a setting, the longest on top."""
    if not shares:
        axes.set_axis_off()
        axes.text(0.5, 0.5, f"which settings matter is said\nafter {FEWEST} trials", ha="center")
        return
    names = sorted(shares, key=lambda name: shares[name])
    axes.barh(names, [100 * shares[name] for name in names])
    axes.set(xlabel="importance, %")
