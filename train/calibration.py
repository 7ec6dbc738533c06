"""Is a probability what it says? In: predictions. Out: temperatures and calibration error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from catalog.taxonomy import LabelTree
from train.metrics import Predictions

TEMPERATURES = np.geomspace(0.25, 4, 81)
"""Candidates; a network with label smoothing wants less than one, an overtrained one more."""

BINS = 15
"""Of equal width, as in Guo et al. (2017)."""


@dataclass(frozen=True)
class Reliability:
    """Answers by what their probability was: BINS bins of equal width."""

    pictures: np.ndarray
    """float64 (BINS,), how many answers."""

    confidence: np.ndarray
    """float64 (BINS,), mean probability; 0 in an empty bin."""

    accuracy: np.ndarray
    """float64 (BINS,), share of right answers; 0 in an empty bin."""

    @property
    def error(self) -> float:
        """Expected calibration error (ECE): mean over answers of |accuracy - confidence| of their
        bin. Naeini et al., "Obtaining Well Calibrated Probabilities Using Bayesian Binning", 2015;
        as in Guo et al., "On Calibration of Modern Neural Networks", 2017, equation 3."""
        gaps = np.abs(self.accuracy - self.confidence)
        return float((self.pictures * gaps).sum() / self.pictures.sum())


def reliability(probability: np.ndarray, right: np.ndarray) -> Reliability:
    """Bin the probabilities float (N,) of answers with whether they were right, bool (N,).

    A probability on an edge belongs to the lower bin: bin m is ((m - 1) / BINS, m / BINS].
    """
    bins = np.clip(np.ceil(probability * BINS).astype(np.int64) - 1, 0, BINS - 1)
    pictures = np.bincount(bins, minlength=BINS).astype(np.float64)
    filled = np.maximum(pictures, 1)
    confidence = np.bincount(bins, probability, BINS) / filled
    accuracy = np.bincount(bins, right, BINS) / filled
    return Reliability(pictures, confidence, accuracy)


def fit_temperatures(predictions: Predictions, tree: LabelTree) -> tuple[float, float]:
    """Temperatures of species and condition logits that make these pictures likeliest.

    Guo et al., "On Calibration of Modern Neural Networks" (2017), section 4.2, once for each rank.
    """
    starts, stops = np.array(tree.blocks()).T
    species = np.array(tree.class_species())[predictions.class_index]
    # The true species' block alone, padded to the largest one: (N, K), not (N, C).
    columns = starts[species][:, None] + np.arange((stops - starts).max())
    inside = columns < stops[species][:, None]
    rows = np.arange(len(species))[:, None]
    block = predictions.condition[rows, np.where(inside, columns, 0)]
    return (
        _best_temperature(predictions.species, species),
        _best_temperature(
            np.where(inside, block, -np.inf), predictions.class_index - starts[species]
        ),
    )


def with_temperatures(
    predictions: Predictions, tree: LabelTree, temperatures: tuple[float, float]
) -> Predictions:
    """The same with the logits of species and condition divided by these temperatures.

    A log-probability is as good as a logit: they differ by what the softmax takes away again.
    """
    species = _log_softmax(predictions.species / temperatures[0])
    condition = np.empty_like(predictions.condition)
    for start, stop in tree.blocks():
        block = predictions.condition[:, start:stop] / temperatures[1]
        condition[:, start:stop] = _log_softmax(block)
    joint = condition + species[:, list(tree.class_species())]
    return Predictions(species, condition, joint, predictions.class_index)


def _best_temperature(log_probs: np.ndarray, truth: np.ndarray) -> float:
    losses = [_negative_log_likelihood(log_probs / t, truth) for t in TEMPERATURES]
    return float(TEMPERATURES[int(np.argmin(losses))])


def _negative_log_likelihood(logits: np.ndarray, truth: np.ndarray) -> float:
    return -float(_log_softmax(logits)[np.arange(len(truth)), truth].mean())


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))
