"""The rejection rule: is it no plant, or none of the species that the model knows?

In: a classifier, pictures that it learnt from and others of val, and photographs of no plant if
there are any. Out: a Rejection, which becomes a part of every graph, and a record of everything
that was compared, for the manifest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from catalog.taxonomy import NO_PLANT, LabelTree
from export.manifest import REJECTIONS
from export.reject_compare import BLEND, TAPS, compared, fits_graph, scores_of, strangeness
from export.reject_figures import precision_at_even_mix, threshold_between, threshold_for
from export.reject_gate import Examples, cross_fit, fit_gate
from export.reject_scores import Sum
from export.reject_seen import LabelledPictures, join, random_views, see
from export.reject_taps import Seen, choose_stages
from leaflake import UsageError
from train.classifier import Classifier

PLANTS_LOST = 0.004
"""Share of val's plants that "not a plant" may reject at most."""

KNOWN_LOST = 0.04
"""Share of val's plants that "unknown species" may reject."""

CROPS = 7
"""Random crops of each picture of no plant, which the gate learns from besides the whole."""

MAX_TRAIN = 10_000
"""Train pictures that the rule is fitted on, spread over the classes: more change little."""

MIN_EXAMPLES = 10
"""Fewer photographs of no plant than this cannot be judged by gates that saw the others."""

MAX_SCORES = 200
"""Scores of photographs that are kept: half a per cent is as fine as anybody asks."""

GATE = "gate"


class Rejection(nn.Module):
    """Seen of N pictures -> float32 (N, 2), a score for each of REJECTIONS; higher is to reject.

    Each score is in standard deviations of val's plants, whose mean is 0.
    """

    def __init__(
        self, stages: tuple[int, ...], not_a_plant: nn.Module, unknown_species: nn.Module
    ) -> None:
        """`stages` are what `look` must tap; the scores are modules from Seen to (N,)."""
        super().__init__()
        self.stages = stages
        self.not_a_plant = not_a_plant
        self.unknown_species = unknown_species

    def forward(self, seen: Seen) -> torch.Tensor:
        return torch.stack([self.not_a_plant(seen), self.unknown_species(seen)], dim=1)


@dataclass(frozen=True)
class FittedRejection:
    """A rule, and how it was found."""

    rejection: Rejection

    record: dict[str, Any]
    """For each of REJECTIONS `threshold`, from which on a picture is rejected, `method`,
    `val_rejected`, the share of val's plants that are, and of how many, `val_plants`. Where there
    were examples of no plant also `examples`, their number, `caught`, the share rejected by gates
    that had not seen them, `precision` of that among as many plants, `scores` of those gates, at
    most MAX_SCORES of them spread evenly from the least to the greatest, and `compared`: method ->
    what export.reject_compare.compared says. Plain JSON."""


@dataclass(frozen=True)
class Evidence:
    """What the rule is fitted on, as the classifier sees it."""

    train: Seen
    """Plants that it learnt from."""

    train_class: np.ndarray
    """int64 (N,)."""

    val: Seen
    """Plants that it has not learnt from."""

    others: Examples | None
    """Pictures of no plant: the photographs that were given, and after them those of train."""

    num_given: int
    """How many of `others` were given."""


def fit_rejection(
    classifier: Classifier,
    train: LabelledPictures,
    val: LabelledPictures,
    not_plants: Sequence[bytes] | None,
    tree: LabelTree,
) -> FittedRejection:
    """Fit the rule of a trained classifier.

    `not_plants` are encoded photographs of anything but plants. With them a gate is learnt, and the
    best of it and of the scores that need no examples is taken; without them it is the distance on
    taps. Raises UsageError for fewer than MIN_EXAMPLES.
    """
    if not_plants is not None and len(not_plants) < MIN_EXAMPLES:
        raise UsageError(
            f"--not-plants: {len(not_plants)} photographs; expected {MIN_EXAMPLES} or more, of all "
            "kinds of things. Name a folder with more of them, or leave it out. "
            "Nothing was written."
        )
    stages = choose_stages(classifier.backbone, classifier.preprocess.size)
    evidence = see_evidence(classifier, train, val, not_plants, tree, stages)
    return fit_on(classifier, evidence, stages)


def see_evidence(
    classifier: Classifier,
    train: LabelledPictures,
    val: LabelledPictures,
    not_plants: Sequence[bytes] | None,
    tree: LabelTree,
    stages: tuple[int, ...],
) -> Evidence:
    """Show everything to the classifier."""
    train = _spread(train)
    seen = see(classifier, train.encoded, stages, "rejection: train")
    kept = see(classifier, val.encoded, stages, "rejection: val")
    is_plant = plants_among(train.class_index, tree)
    others = None
    if not_plants is not None:
        views = random_views(CROPS)
        given = see(classifier, not_plants, stages, "rejection: no plants", views)
        known = seen.rows(~is_plant)
        picture = np.repeat(np.arange(len(not_plants)), CROPS + 1)
        more = len(not_plants) + np.arange(len(known.features))
        others = Examples(join([given, known]), np.concatenate([picture, more]))
    return Evidence(
        train=seen.rows(is_plant),
        train_class=train.class_index[is_plant],
        val=kept.rows(plants_among(val.class_index, tree)),
        others=others,
        num_given=len(not_plants or ()),
    )


def fit_on(classifier: Classifier, evidence: Evidence, stages: tuple[int, ...]) -> FittedRejection:
    """The best rule for what was seen."""
    scores = strangeness(classifier, evidence.train, evidence.train_class, evidence.val)
    # Which score is best for species that were never learnt only trainings without some can show,
    # as `just bench-unknown` has them; an export has no such pictures.
    unknown = Sum([scores[BLEND]], evidence.val)
    said = scores_of(unknown, evidence.val)
    record = {"unknown_species": _record(BLEND, said, threshold_for(said, KNOWN_LOST))}
    if evidence.others is None:
        not_a_plant = Sum([scores[TAPS]], evidence.val)
        said = scores_of(not_a_plant, evidence.val)
        record["not_a_plant"] = _record(TAPS, said, threshold_for(said, PLANTS_LOST))
    else:
        not_a_plant, record["not_a_plant"] = _learn(classifier, evidence, evidence.others, scores)
    rejection = Rejection(stages, not_a_plant, unknown).eval()
    return FittedRejection(rejection, {name: record[name] for name in REJECTIONS})


def _learn(
    classifier: Classifier, evidence: Evidence, others: Examples, scores: dict[str, nn.Module]
) -> tuple[Sum, dict[str, Any]]:
    """The best of all scores, and what goes into the record."""
    given = others.whole[: evidence.num_given]
    scores = {GATE: Sum([fit_gate(evidence.train, others.seen)], evidence.val), **scores}
    keep = {name: scores_of(score, evidence.val) for name, score in scores.items()}
    # The gate has seen the examples, so others answer for it; the rest never did.
    reject = {GATE: cross_fit(evidence.train, others, evidence.val)[: evidence.num_given]} | {
        name: scores_of(score, others.seen.rows(given))
        for name, score in scores.items()
        if name != GATE
    }
    table = {name: compared(keep[name], reject[name], PLANTS_LOST) for name in scores}
    possible = [name for name, score in scores.items() if fits_graph(score, classifier)]
    best = max(possible, key=lambda name: (table[name]["caught"], table[name]["auroc"]))
    chosen = Sum([scores[best]], evidence.val)
    said = scores_of(chosen, evidence.val)
    unseen = (reject[best] - chosen.means[0]) / chosen.spreads[0]
    threshold = threshold_between(said, unseen, PLANTS_LOST)
    record = _record(best, said, threshold)
    caught = float((unseen >= threshold).mean())
    precision = precision_at_even_mix(record["val_rejected"], caught)
    found = {"examples": len(unseen), "caught": caught, "precision": precision}
    shares = np.linspace(0, 1, min(len(unseen), MAX_SCORES))
    found["scores"] = np.quantile(unseen, shares, method="nearest").tolist()
    return chosen, {**record, **found, "compared": table}


def _record(method: str, said: np.ndarray, threshold: float) -> dict[str, Any]:
    return {
        "threshold": threshold,
        "method": method,
        "val_plants": len(said),
        "val_rejected": float((said >= threshold).mean()),
    }


def _spread(pictures: LabelledPictures) -> LabelledPictures:
    """At most MAX_TRAIN, evenly over the classes in class order."""
    order = np.argsort(pictures.class_index, kind="stable")
    places = np.linspace(0, len(order) - 1, min(MAX_TRAIN, len(order))).round().astype(int)
    chosen = order[places]
    return LabelledPictures([pictures.encoded[i] for i in chosen], pictures.class_index[chosen])


def plants_among(class_index: np.ndarray, tree: LabelTree) -> np.ndarray:
    """bool (N,). `class_index` may also be the number of classes plus a species."""
    species = np.array([*tree.class_species(), *range(tree.num_species)])[class_index]
    ids = np.array([one.species_id for one in tree.species])
    return np.asarray(ids[species] != NO_PLANT)
