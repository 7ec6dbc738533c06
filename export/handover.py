"""From which probability on a browser's answer stands, and a server is not asked.

In: the answers of the browser's model and of the server's to the same pictures. Out: HandOver, and
figures of browser, server and the pair.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from export.calibrate import NEVER
from export.given import CONDITION, NOT_A_PLANT, NOT_SURE, SPECIES, Given, describe_given

MIN_PICTURES = 20
"""Over fewer answers of a rank, two models are alike or not by chance."""

RANKS = {"condition": (CONDITION,), "species": (SPECIES, NOT_A_PLANT)}
"""Rank -> kinds of answers whose probability is of that rank."""


@dataclass(frozen=True)
class HandOver:
    """The least probability at which the browser answers by itself.

    What it is not sure of it hands over. What its rejection rule turns away it answers itself:
    that is a score and no probability, and a photograph that shows no plant should stay at home.
    """

    species: float
    """Of p(species), for the kinds `species` and, by the class of no plants, `not_a_plant`."""

    condition: float
    """Of p(species, condition)."""

    def to_json(self) -> dict[str, float]:
        """As `handover` in the manifest's `thresholds`."""
        return {"species": self.species, "condition": self.condition}

    def keeps(self, browser: Given) -> np.ndarray:
        """bool (N,): the browser answers by itself."""
        by_rule = np.isnan(browser.probability)
        least = np.where(browser.kind == CONDITION, self.condition, self.species)
        sure = (browser.kind != NOT_SURE) & (browser.probability >= least)
        return np.asarray(by_rule | sure)


def fit_handover(browser: Given, server: Given, target: float) -> HandOver:
    """Fit on answers to the same pictures, row by row, by one bundle's thresholds (give_answers).

    For each rank: the least probability such that among the browser's answers from there on at
    least as many are right, and no more are wrong, than among the server's answers to those
    pictures; what names nothing is neither. Where the browser gives fewer than MIN_PICTURES
    answers of a rank, they must be as probable as they shall be right: `target`.
    """
    found = {}
    for rank, kinds in RANKS.items():
        at_rank = np.isin(browser.kind, kinds) & ~np.isnan(browser.probability)
        found[rank] = _least(browser.subset(at_rank), server.subset(at_rank), target)
    return HandOver(**found)


def _least(browser: Given, server: Given, target: float) -> float:
    if len(browser.kind) < MIN_PICTURES:
        return target
    order = np.argsort(-browser.probability, kind="stable")
    falling = browser.probability[order]
    is_cut = np.append(falling[1:] < falling[:-1], True)  # equal ones are answered together
    right = np.cumsum(browser.is_right[order]) - np.cumsum(server.is_right[order])
    wrong = np.cumsum(browser.is_wrong[order]) - np.cumsum(server.is_wrong[order])
    passing = np.flatnonzero(is_cut & (right >= 0) & (wrong <= 0))
    return float(falling[passing[-1]]) if len(passing) else NEVER


def describe_handover(browser: Given, server: Given, handover: HandOver) -> dict[str, Any]:
    """For a report: `escalated`, the share that the server is asked about; what `browser` alone,
    `server` alone and the `pair` answer (describe_given); and of the pictures that the browser
    keeps what both say to them, `kept_browser` and `kept_server`."""
    keeps = handover.keeps(browser)
    pair = Given(
        np.where(keeps, browser.kind, server.kind),
        np.where(keeps, browser.probability, server.probability),
        np.where(keeps, browser.is_right, server.is_right),
    )
    record = {
        "escalated": float(1 - keeps.mean()),
        "browser": describe_given(browser),
        "server": describe_given(server),
        "pair": describe_given(pair),
    }
    if keeps.any():
        record["kept_browser"] = describe_given(browser.subset(keeps))
        record["kept_server"] = describe_given(server.subset(keeps))
    return record
