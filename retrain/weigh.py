"""How far is a correction to be believed? In: who said what of which thing. Out: Weighed.

The truth about each thing is unknown, and so is how often a sender tells it; each is estimated from
the other in turn (Dawid and Skene, "Maximum Likelihood Estimation of Observer Error-Rates Using the
EM Algorithm", 1979, with one number a sender). What a model without the sender's pictures sees in
the picture is one more voice, as in Goh, Tkachenko and Mueller, "CROWDLAB" (2022).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BELIEVED = 0.5
"""Probability that what was said is so, above which it counts."""

RIGHT, WRONG = 7.0, 3.0
"""Corrections that a sender is taken to have sent before the first one: of a stranger seven in ten
are right. One who sent 20 wrong ones is believed in a third of the cases at most."""

MOST_TRUSTED = 0.95
"""Of any sender, however good so far."""

FLOOR = 0.2
"""Share of the model's voice that is spread over all classes. People correct what a model got
wrong, so that it may be plainly wrong there. Where it is sure of something else, a sender is
believed from a trust of 0.8 on, as F / (1 - F) * T / (1 - T) > 1; a stranger, at 0.7, waits for a
second."""

ROUNDS = 50
TOLERANCE = 1e-6


@dataclass(frozen=True)
class Claims:
    """M claims of S senders about N things of K classes."""

    thing: np.ndarray
    """int64 (M,). A sender says one thing of one thing; repeating it adds nothing."""

    sender: np.ndarray
    """int64 (M,)."""

    fits: np.ndarray
    """bool (M, K): the classes that the claim is true of; several, where only the species is said.
    """

    options: np.ndarray
    """int64 (M,): how many claims of that kind there are to choose from."""


@dataclass(frozen=True)
class Weighed:
    """What is believed."""

    probability: np.ndarray
    """float64 (M,), that the claim is so."""

    trust: np.ndarray
    """float64 (S,), how often a sender is right."""


def weigh(model: np.ndarray, known: np.ndarray, claims: Claims, num_senders: int) -> Weighed:
    """Estimate truth and trust in turn, until neither changes.

    `model` float (N, K) is what a model that has seen nothing of the thing's senders says of it, a
    distribution. `known` int64 (N,) is the class that the lake has of a thing from elsewhere, or
    -1; that is the truth here, and the senders are measured by it.
    """
    num_classes = model.shape[1]
    prior = (1 - FLOOR) * model + FLOOR / num_classes
    certain = known >= 0
    prior[certain] = np.eye(num_classes)[known[certain]]
    trust = np.full(num_senders, RIGHT / (RIGHT + WRONG))
    probability = np.zeros(len(claims.thing))
    counts = np.bincount(claims.sender, minlength=num_senders)
    for _ in range(ROUNDS):
        before = probability
        truth = _truth(prior, claims, trust)
        probability = (truth[claims.thing] * claims.fits).sum(axis=1)
        right = np.bincount(claims.sender, probability, num_senders)
        trust = np.minimum((RIGHT + right) / (RIGHT + WRONG + counts), MOST_TRUSTED)
        if np.abs(probability - before).max(initial=0) < TOLERANCE:
            break
    return Weighed(probability, trust)


def _truth(prior: np.ndarray, claims: Claims, trust: np.ndarray) -> np.ndarray:
    """float64 (N, K): the distribution over classes, given what everybody says."""
    said_right = np.log(trust)[claims.sender]
    # Who is wrong says any of the others.
    said_wrong = np.log((1 - trust)[claims.sender] / np.maximum(claims.options - 1, 1))
    voices = np.where(claims.fits, said_right[:, None], said_wrong[:, None])
    with np.errstate(divide="ignore"):  # what is known leaves the other classes none
        scores = np.log(prior)
    np.add.at(scores, claims.thing, voices)
    scores -= scores.max(axis=1, keepdims=True)
    found = np.exp(scores)
    return np.asarray(found / found.sum(axis=1, keepdims=True))
