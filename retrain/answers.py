"""What a bundle answers in the exam, as its server would. In: a bundle, an Exam. Out: Answers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from catalog.taxonomy import LabelTree
from export.calibrate import Thresholds
from export.given import KINDS, Given, give_answers
from export.manifest import REJECTIONS, Manifest
from export.measure import as_predictions
from export.said import Said, ask_onnx
from retrain.exam import Exam


@dataclass(frozen=True)
class Answers:
    """Of one bundle to the N pictures of an exam."""

    species_right: np.ndarray
    """bool (N,): the likeliest species is the true one."""

    right: np.ndarray
    """bool (N,): the likeliest class, species and condition, is the true one."""

    probability: np.ndarray
    """float64 (N,), of the likeliest class."""

    given: Given
    """What is answered with the bundle's thresholds and its rejection rule."""

    said: tuple[str, ...]
    """For people: `tomato/late_blight`, the likeliest class."""

    no_plant_score: np.ndarray
    """float (N,); from the manifest's threshold on it is no plant."""

    @property
    def turned_away(self) -> np.ndarray:
        """bool (N,): answered as no plant, or as an unknown one."""
        kinds = [KINDS.index(name) for name in REJECTIONS]
        return np.isin(self.given.kind, kinds)


def ask_bundle(folder: Path, manifest: Manifest, exam: Exam) -> Answers:
    """Ask the file that a server answers with. Raises UsageError if it cannot be asked."""
    said = ask_onnx(folder / manifest.default, exam.encoded, manifest.name)
    return judge(said, manifest, exam)


def judge(said: Said, manifest: Manifest, exam: Exam) -> Answers:
    """Hold what was said against the labels; a class that the bundle lacks is never right."""
    tree = LabelTree.from_json(manifest.tree)
    classes = [_class_index(tree, *label) for label in exam.labels]
    truth = np.array(classes, dtype=np.int64)
    knows = truth >= 0
    knows_species = np.isin(exam.species, [one.species_id for one in tree.species])
    predictions = as_predictions(said, np.maximum(truth, 0), tree)
    species = np.array([one.species_id for one in tree.species], dtype=object)
    likeliest = said.joint.argmax(axis=1)
    thresholds = Thresholds(
        manifest.thresholds["target"],
        np.array(manifest.thresholds["species"]),
        np.array(manifest.thresholds["condition"]),
    )
    rejection = np.array([manifest.rejection[name]["threshold"] for name in REJECTIONS])
    given = give_answers(predictions, tree, thresholds, said.rejection >= rejection)
    # Of a condition that the bundle lacks it may still have the species right.
    species_right = knows_species & (species[said.species.argmax(axis=1)] == exam.species)
    kinds = [given.kind == KINDS.index(name) for name in ("species", "not_a_plant")]
    right = np.select(kinds, [species_right, ~exam.is_plant], given.is_right & knows)
    labels = (tree.label(index) for index in likeliest.tolist())
    return Answers(
        species_right,
        knows & (likeliest == truth),
        np.exp(said.joint.max(axis=1).astype(np.float64)),
        Given(given.kind, given.probability, right),
        tuple(f"{one.species_id}/{condition.condition_id}" for one, condition in labels),
        said.rejection[:, REJECTIONS.index("not_a_plant")],
    )


def _class_index(tree: LabelTree, species: str, condition: str) -> int:
    """Position of a class in the bundle's tree; -1 if it lacks it."""
    try:
        return tree.class_index(species, condition)
    except KeyError:
        return -1
