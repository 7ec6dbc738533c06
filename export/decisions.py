"""From which probability on a bundle answers, and what it then answers to test.

In: what its files said. Out: thresholds, fitted on val, and figures of test.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from export.calibrate import fit_thresholds
from export.given import Given, give_answers
from export.handover import describe_handover, fit_handover
from export.held import Asked
from export.material import Material
from export.measure import as_predictions
from export.parity import BROWSER
from export.said import Said


@dataclass(frozen=True)
class Decisions:
    """What was fitted, and what it does."""

    thresholds: dict[str, Any]
    """The manifest's `thresholds`."""

    test: Given
    """The server's answers to all of test."""

    handover: dict[str, Any] | None
    """Of browser, server and the pair on the browser's pictures of test; None without a browser."""


def fit_decisions(
    asked: Mapping[str, Asked],
    server: str,
    material: Material,
    rejection: np.ndarray,
    target: float,
) -> Decisions:
    """Fit on val what the file `server` answers, and what the browser leaves to it.

    `rejection` float (2,) are the thresholds of the rejection rule; `target` is the share of
    answers that shall be right.
    """
    tree, val = material.tree, material.val
    own = asked[server]
    passed = np.asarray(~(own.val.rejection >= rejection).any(axis=1))
    predictions = as_predictions(own.val, val.class_index, tree)
    thresholds = fit_thresholds(predictions.subset(passed), tree, target)

    def give(said: Said, truth: np.ndarray) -> Given:
        predictions = as_predictions(said, truth, tree)
        return give_answers(predictions, tree, thresholds, said.rejection >= rejection)

    test = give(own.test, material.test.class_index)
    if BROWSER not in asked:
        return Decisions(thresholds.to_json(), test, None)
    browser = asked[BROWSER]
    on_val = give(own.val, val.class_index).subset(browser.val_rows)
    handover = fit_handover(give(browser.val, val.class_index[browser.val_rows]), on_val, target)
    on_test = give(browser.test, material.test.class_index[browser.test_rows])
    return Decisions(
        {**thresholds.to_json(), "handover": handover.to_json()},
        test,
        describe_handover(on_test, test.subset(browser.test_rows), handover),
    )
