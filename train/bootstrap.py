"""How far a figure would move with other pictures. In: marks and groups. Out: 95 % intervals.

Whole split groups are drawn with replacement, not pictures: near-copies and shots of one leaf are
right or wrong together, and drawn one by one they would make the intervals too narrow. (Davison and
Hinkley, "Bootstrap Methods and their Application", 1997, section 3.8; Field and Welsh,
"Bootstrapping clustered data", 2007. Percentile intervals: Efron, 1981.)
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from train.metrics import Marks, macro_f1

Interval = tuple[float, float]

REPLICATES = 1000
"""The ends of an interval then vary by a tenth or so of its width (Davison and Hinkley, 2.5.2)."""

TAIL = 0.025
"""Of the replicates, on each side."""

CHUNK_CELLS = 20_000_000
"""Weights in memory at once: 160 MB."""


def intervals(found: Marks, groups: np.ndarray) -> dict[str, Interval]:
    """Figure -> its 95 % interval, for each figure that some picture counts for.

    `groups` (N,) names what each picture shares; the order of the names changes nothing but the
    draws. A figure that is 0 or 1 is so in every replicate, which says nothing: its other end is
    the exact binomial bound for so many groups (Clopper and Pearson, 1934).
    """
    values: dict[str, list[np.ndarray]] = {name: [] for name in (*found.shares, *found.confusions)}
    counted = {name: np.isfinite(mark) for name, mark in found.shares.items()}
    for weights in replicates(groups):
        for name, mark in found.shares.items():
            if counted[name].any():
                values[name].append(_means(weights[:, counted[name]], mark[counted[name]]))
        for name, (true, said) in found.confusions.items():
            if (true >= 0).any():
                values[name].append(np.array([macro_f1(true, said, one) for one in weights]))
    result = {name: _percentiles(np.concatenate(one)) for name, one in values.items() if one}
    for name, mark in found.shares.items():
        if name in result and np.ptp(mark[counted[name]]) == 0:
            num_groups = len(np.unique(groups[counted[name]]))
            result[name] = exact_bound(bool(mark[counted[name]][0]), num_groups)
    return result


def replicates(groups: np.ndarray, num_replicates: int = REPLICATES) -> Iterator[np.ndarray]:
    """Weights float64 (R, N) of some replicates at a time: how often each picture is drawn.

    As many groups are drawn as there are. The same groups give the same draws.
    """
    names, index = np.unique(groups, return_inverse=True)
    generator = np.random.default_rng(0)
    chunk = max(1, CHUNK_CELLS // max(len(groups), 1))
    for first in range(0, num_replicates, chunk):
        size = min(chunk, num_replicates - first)
        draws = generator.multinomial(len(names), np.full(len(names), 1 / len(names)), size)
        yield draws[:, index].astype(np.float64)


def exact_bound(all_right: bool, num_groups: int) -> Interval:
    """The interval of a share where all of so many groups are right, or none is."""
    least = TAIL ** (1 / num_groups)
    return (least, 1.0) if all_right else (0.0, 1 - least)


def _means(weights: np.ndarray, mark: np.ndarray) -> np.ndarray:
    totals = weights.sum(axis=1)
    drawn = totals > 0  # a figure of few pictures may miss them all
    return np.asarray((weights[drawn] @ mark) / totals[drawn])


def _percentiles(values: np.ndarray) -> Interval:
    values = values[np.isfinite(values)]
    low, high = np.quantile(values, [TAIL, 1 - TAIL])
    return float(low), float(high)
