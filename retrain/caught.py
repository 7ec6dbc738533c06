"""How many photographs of no plant do two bundles catch where both pay the same for it?

In: an exam, the answers and the manifests of both. Out: Caught.

The threshold of a bundle lets it turn away a fixed share of its own val's plants. A challenger that
learns from harder plants than its champion did thus has a higher threshold, catches fewer
photographs at it, and may yet be better: the champion pays with those plants, that it has never
seen. So both are held to one cost, on the same plants.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from export.manifest import Manifest
from export.reject_figures import threshold_for
from retrain.answers import Answers
from retrain.exam import Exam

LEAST_COST = 0.01
"""Share of the plants that both may turn away at least: the threshold of fewer hangs on the two or
three strangest plants of an exam."""


@dataclass(frozen=True)
class Caught:
    """Photographs of no plant that a bundle's rule catches, each judged by a rule that had not seen
    it; shares of them."""

    at_cost: float
    """At the threshold that turns away as many plants of the exam as the other's."""

    as_it_is: float
    """At the bundle's own threshold."""

    examples: int
    """Photographs."""


def cost_of(exam: Exam, champion: Answers, manifest: Manifest) -> float:
    """Share of the exam's plants that the champion calls no plant, or LEAST_COST."""
    plants = champion.no_plant_score[exam.is_plant]
    own = float((plants >= manifest.rejection["not_a_plant"]["threshold"]).mean())
    return max(own, LEAST_COST)


def caught_at(cost: float, exam: Exam, answers: Answers, manifest: Manifest) -> Caught:
    """What a bundle that was made with photographs of no plant catches."""
    record = manifest.rejection["not_a_plant"]
    scores = np.array(record["scores"])
    threshold = threshold_for(answers.no_plant_score[exam.is_plant], cost)
    return Caught(float((scores >= threshold).mean()), record["caught"], record["examples"])
