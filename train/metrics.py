"""How good predictions are. In: log-probabilities and true classes. Out: shares in 0-1.

Every share is the mean of a mark that each picture gets, so that any subset of the pictures, and
any resampling of them (train/bootstrap.py), has its figures by adding up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from catalog.taxonomy import NO_PLANT, LabelTree

LARGE = 3
"""A species with so many conditions or fewer cannot miss disease top-3."""


@dataclass(frozen=True)
class Predictions:
    """What a model said of some pictures, as numpy arrays."""

    species: np.ndarray
    """float32 (N, S), log p(species)."""

    condition: np.ndarray
    """float32 (N, C), log p(condition | its species)."""

    joint: np.ndarray
    """float32 (N, C), log p(species, condition)."""

    class_index: np.ndarray
    """int64 (N,), the truth."""

    def subset(self, mask: np.ndarray) -> Predictions:
        """The pictures for which bool (N,) `mask` is true."""
        return Predictions(
            self.species[mask], self.condition[mask], self.joint[mask], self.class_index[mask]
        )


@dataclass(frozen=True)
class Marks:
    """What each picture adds to the figures."""

    shares: dict[str, np.ndarray]
    """Figure -> float64 (N,): 1 right, 0 wrong, NaN where the picture does not count."""

    confusions: dict[str, tuple[np.ndarray, np.ndarray]]
    """Macro F1's name -> what is true and what was answered, int64 (N,) each; true is -1 where the
    picture does not count."""

    def subset(self, mask: np.ndarray) -> Marks:
        """The pictures for which bool (N,) `mask` is true."""
        return Marks(
            {name: mark[mask] for name, mark in self.shares.items()},
            {name: (true[mask], said[mask]) for name, (true, said) in self.confusions.items()},
        )


def marks(predictions: Predictions, tree: LabelTree) -> Marks:
    """The marks of all figures.

    Over pictures of plants:
    `species_top1`, `species_top5`: of all species, no_plant among them.
    `joint_top1`, `joint_top5`: species and condition both right, of all classes.
    `condition_top1`, `condition_top3`: given the true species, where it has more than one
    condition; top-3 also over species with three or fewer, where it cannot miss, as the usual
    definition has it. `condition_top3_large`: only over species with more than LARGE conditions.
    `condition_top1_predicted`, `condition_top3_predicted`: over the same pictures as the first two,
    given the likeliest species: that is right, and the condition among its likeliest.
    `species_macro_f1`, `joint_macro_f1`: see macro_f1.
    Over the others: `no_plant_recognised`.
    """
    truth = predictions.class_index
    plant = ~no_plant_mask(truth, tree)
    true_species = np.array(tree.class_species())[truth]
    block_sizes = np.array([stop - start for start, stop in tree.blocks()])
    conditions = np.where(plant, block_sizes[true_species], 0)
    species_ranks = rank(predictions.species, true_species)
    joint_ranks = rank(predictions.joint, truth)
    ranks = condition_rank(predictions, tree)
    right_species = species_hits(predictions, tree)
    shares = {
        "species_top1": _marked(right_species, plant),
        "species_top5": _marked(species_ranks < 5, plant),
        "joint_top1": _marked(predictions.joint.argmax(axis=1) == truth, plant),
        "joint_top5": _marked(joint_ranks < 5, plant),
        "condition_top1": _marked(ranks < 1, conditions > 1),
        "condition_top3": _marked(ranks < 3, conditions > 1),
        "condition_top3_large": _marked(ranks < 3, conditions > LARGE),
        "condition_top1_predicted": _marked(right_species & (ranks < 1), conditions > 1),
        "condition_top3_predicted": _marked(right_species & (ranks < 3), conditions > 1),
        "no_plant_recognised": _marked(right_species, ~plant),
    }
    confusions = {
        "species_macro_f1": (
            np.where(plant, true_species, -1),
            predictions.species.argmax(axis=1),
        ),
        "joint_macro_f1": (np.where(plant, truth, -1), predictions.joint.argmax(axis=1)),
    }
    return Marks(shares, confusions)


def figures(predictions: Predictions, tree: LabelTree) -> dict[str, float | int]:
    """Every figure of `marks` that some picture counts for, and how many pictures there are."""
    return figures_of(marks(predictions, tree))


def figures_of(found: Marks) -> dict[str, float | int]:
    """`pictures` of plants, the figures, and `no_plant_pictures` where there are any."""
    result: dict[str, float | int] = {
        "pictures": int(np.isfinite(found.shares["species_top1"]).sum())
    }
    for name, mark in found.shares.items():
        counted = np.isfinite(mark)
        if counted.any():
            if name == "no_plant_recognised":
                result["no_plant_pictures"] = int(counted.sum())
            result[name] = float(mark[counted].mean())
    if result["pictures"]:
        for name, (true, said) in found.confusions.items():
            result[name] = macro_f1(true, said)
    return result


def macro_f1(true: np.ndarray, said: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Mean over the classes that are true of some picture of F1, 2 TP / (2 TP + FP + FN).

    `true` int64 (N,), -1 where a picture does not count; `said` int64 (N,); `weights` float (N,)
    count a picture several times. F1 as in van Rijsbergen, "Information Retrieval" (1979), chapter
    7; the mean of F1s, not the F1 of means (Opitz and Burst, "Macro F1 and Macro F1", 2019).
    """
    counts = np.ones(len(true)) if weights is None else weights
    counts = np.where(true >= 0, counts, 0)
    num = int(max(true.max(initial=0), said.max(initial=0))) + 1
    hits = np.bincount(np.maximum(true, 0), counts * (true == said), num)
    positives = np.bincount(np.maximum(true, 0), counts, num)
    answers = np.bincount(said, counts, num)
    present = positives > 0
    if not present.any():
        return float("nan")
    return float((2 * hits[present] / (positives[present] + answers[present])).mean())


def rank(log_probs: np.ndarray, true: np.ndarray) -> np.ndarray:
    """int64 (N,): how many of (N, K) are likelier than the true one, int (N,)."""
    likelihood = log_probs[np.arange(len(true)), true]
    return np.asarray((log_probs > likelihood[:, None]).sum(axis=1))


def species_hits(predictions: Predictions, tree: LabelTree) -> np.ndarray:
    """bool (N,): the likeliest species is the true one."""
    return np.asarray(predictions.species.argmax(axis=1) == _true_species(predictions, tree))


def condition_rank(predictions: Predictions, tree: LabelTree) -> np.ndarray:
    """int64 (N,): how many conditions of the true species are likelier than the true one."""
    in_block = np.array(tree.class_species())[None, :] == _true_species(predictions, tree)[:, None]
    rows = np.arange(len(predictions.class_index))
    true = predictions.condition[rows, predictions.class_index]
    return np.asarray(((predictions.condition > true[:, None]) & in_block).sum(axis=1))


def no_plant_mask(class_index: np.ndarray, tree: LabelTree) -> np.ndarray:
    """bool (N,): the picture shows no plant."""
    classes = np.array([tree.label(i)[0].species_id == NO_PLANT for i in range(tree.num_classes)])
    return np.asarray(classes[class_index])


def _marked(right: np.ndarray, counts: np.ndarray) -> np.ndarray:
    return np.where(counts, right.astype(np.float64), np.nan)


def _true_species(predictions: Predictions, tree: LabelTree) -> np.ndarray:
    return np.array(tree.class_species())[predictions.class_index]
