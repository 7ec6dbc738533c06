"""How good predictions are. In: log-probabilities and true classes. Out: shares in 0-1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from catalog.taxonomy import NO_PLANT, LabelTree


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


def figures(predictions: Predictions, tree: LabelTree) -> dict[str, float | int]:
    """Accuracies over pictures of plants, and how well pictures of no plant are known.

    `species_top1`: of all species, no_plant among them. `condition_top1`, `condition_top3`: given
    the true species, over pictures whose species has more than one condition; top-3 also over
    species with three or fewer, where it cannot miss, as the usual definition has it.
    `joint_top1`: species and condition both right.
    """
    plants = predictions.subset(~no_plant_mask(predictions.class_index, tree))
    others = predictions.subset(no_plant_mask(predictions.class_index, tree))
    result: dict[str, float | int] = {"pictures": len(plants.class_index)}
    if len(plants.class_index):
        block_sizes = np.array([stop - start for start, stop in tree.blocks()])
        choice = block_sizes[_true_species(plants, tree)] > 1
        result["species_top1"] = float(species_hits(plants, tree).mean())
        result["joint_top1"] = float((plants.joint.argmax(axis=1) == plants.class_index).mean())
        if choice.any():
            ranks = condition_rank(plants.subset(choice), tree)
            result["condition_top1"] = float((ranks < 1).mean())
            result["condition_top3"] = float((ranks < 3).mean())
    if len(others.class_index):
        result["no_plant_pictures"] = len(others.class_index)
        result["no_plant_recognised"] = float(species_hits(others, tree).mean())
    return result


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


def _true_species(predictions: Predictions, tree: LabelTree) -> np.ndarray:
    return np.array(tree.class_species())[predictions.class_index]
