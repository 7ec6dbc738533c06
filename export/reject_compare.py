"""The scores that a rejection rule could be, and how they compare on examples.

In: what a classifier saw of its training pictures. Out: modules by name; rows for the record.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from export.reject_distance import Mahalanobis, OnTaps, RelativeMahalanobis
from export.reject_figures import auroc, precision_at_even_mix, threshold_for
from export.reject_scores import Energy, MaxSoftmax, Neighbours, Sum, Vim
from export.reject_taps import Seen
from train.classifier import Classifier
from train.hierarchy import FlatHeads

TAPS = "distance on taps"
RELATIVE_TAPS = "relative distance on taps"
BLEND = "max softmax + energy + relative distance on taps"
"""Among some hundred sums of two to five scores the shortest of the best for species that were left
out of training; longer ones reached 62.3, which these pictures cannot tell from it. 60.8 % of their
pictures are noticed where 5 % of the known ones are lost, 57.8 without the energy, and 56.6 with
the relative distance of the features alone (mean over 22 species, four networks of `just
bench-unknown`, 2026-11-22)."""

KEPT = 64
"""Directions of a distance that fits into a graph, out of some thousand."""

LARGEST_SHARE = 0.06
"""Of the network's numbers, what the rule may have; the browser loads them all."""

FEW = 20_000
"""Numbers that any network's rule may have."""


def strangeness(
    classifier: Classifier, known: Seen, group: np.ndarray, kept: Seen
) -> dict[str, nn.Module]:
    """Every score that needs no example of what is to be rejected, by name.

    `known` are training pictures of plants in classes int (N,) `group`; `kept` others of val, by
    whose spread scores are added up.
    """
    features = known.features.double().numpy()
    directions = min(KEPT, features.shape[1] - 1)
    relative = RelativeMahalanobis(features, group, directions)
    taps = OnTaps(known, lambda rows: Mahalanobis(rows, group, KEPT))
    relative_taps = OnTaps(known, lambda rows: RelativeMahalanobis(rows, group, KEPT))
    head = species_head(classifier)
    return {
        "max softmax": MaxSoftmax(),
        "energy": Energy(),
        "Mahalanobis": Mahalanobis(features, group),
        f"Mahalanobis, {KEPT} directions": Mahalanobis(features, group, directions),
        "relative Mahalanobis": RelativeMahalanobis(features, group),
        f"relative Mahalanobis, {KEPT} directions": relative,
        "nearest neighbours": Neighbours(known.features.numpy()),
        "ViM": Vim(head, known.features.numpy(), directions),
        TAPS: taps,
        RELATIVE_TAPS: relative_taps,
        BLEND: Sum([MaxSoftmax(), Energy(), relative_taps], kept),
    }


def species_head(classifier: Classifier) -> nn.Linear:
    """The layer whose logits say how sure the network is of anything."""
    heads = classifier.heads
    return heads.condition_head if isinstance(heads, FlatHeads) else heads.species_head


def fits_graph(score: nn.Module, classifier: Classifier) -> bool:
    """Whether every file of a bundle can compute it: no sorting, and few numbers."""
    numbers = sum(one.numel() for one in score.buffers())
    network = sum(one.numel() for one in classifier.parameters())
    return not isinstance(score, Neighbours) and numbers <= max(FEW, LARGEST_SHARE * network)


def scores_of(score: nn.Module, seen: Seen) -> np.ndarray:
    """float64 (N,)."""
    with torch.inference_mode():
        return np.asarray(score(seen).numpy().astype(np.float64))


def compared(keep: np.ndarray, reject: np.ndarray, lost: float) -> dict[str, float]:
    """How well a score tells pictures to reject from those to keep, float (N,) and (M,).

    `auroc`; `caught`, the share of those to reject at the least threshold that rejects at most the
    share `lost` of the others; and the `precision` of that where both sorts are as many.
    """
    threshold = threshold_for(keep, lost)
    caught = float((reject >= threshold).mean())
    wrong = float((keep >= threshold).mean())
    return {
        "auroc": auroc(keep, reject),
        "caught": caught,
        "plants_rejected": wrong,
        "precision": precision_at_even_mix(wrong, caught),
    }
