"""Networks that have not learnt some species. In: the splits of a lake. Out: trained classifiers,
which are kept.

Trained as `leaflake train` does it (train/loop.py), on pictures of the other species alone.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import safetensors
import safetensors.torch

from catalog.lake import open_lake
from catalog.organise import label_tree
from catalog.storage import Place
from catalog.taxonomy import NO_PLANT, LabelTree
from leaflake import UsageError
from shards.select import Selection, select
from train.classifier import Classifier
from train.data import open_loaders
from train.loop import fit
from train.recipe import Recipe
from train.train_run import initial_backbone, initial_classifier
from train.training import Training


@dataclass(frozen=True)
class Splits:
    """Labelled pictures of a lake, and the tree of their classes."""

    tree: LabelTree
    train: Selection
    val: Selection
    test: Selection

    def without(self, species_ids: frozenset[str]) -> Splits:
        """The pictures of all other species, in the classes of a tree that lacks these."""
        pairs = [
            (species.species_id, condition.condition_id)
            for species, condition in map(self.tree.label, range(self.tree.num_classes))
            if species.species_id not in species_ids
        ]
        tree = LabelTree.from_pairs(pairs)
        moved = np.full(self.tree.num_classes, -1)
        moved[self._classes(species_ids, inside=False)] = [tree.class_index(*one) for one in pairs]
        return Splits(tree, *(_moved(one, moved) for one in (self.train, self.val, self.test)))

    def pictures_of(self, species_id: str) -> tuple[Selection, ...]:
        """Those in train, val and test, as far as there are some."""
        classes = self._classes(frozenset({species_id}), inside=True)
        found = (
            one.take(np.flatnonzero(np.isin(one.class_index, classes)))
            for one in (self.train, self.val, self.test)
        )
        return tuple(one for one in found if len(one))

    def _classes(self, species_ids: frozenset[str], *, inside: bool) -> np.ndarray:
        ids = [self.tree.label(index)[0].species_id for index in range(self.tree.num_classes)]
        return np.flatnonzero([(one in species_ids) == inside for one in ids])


def read_splits(lake_path: Place) -> Splits:
    """The lake as it is now."""
    with open_lake(lake_path) as lake:
        tree = label_tree(lake.connection)
        train, val, test = (
            select(lake, f"split = '{name}'", tree) for name in ("train", "val", "test")
        )
    return Splits(tree, train, val, test)


def choose_folds(tree: LabelTree, num_folds: int) -> list[frozenset[str]]:
    """Every plant in one fold, dealt out in turn, so that likenesses in the alphabet spread.

    Raises UsageError unless each fold leaves two species or more to learn.
    """
    plants = [one.species_id for one in tree.species if one.species_id != NO_PLANT]
    folds = [frozenset(plants[first::num_folds]) for first in range(num_folds)]
    if num_folds < 2 or len(plants) < num_folds or len(plants) - len(folds[0]) < 2:
        raise UsageError(
            f"--folds {num_folds}: of {len(plants)} species each fold must leave out one or more, "
            "and leave two or more to learn. Nothing was written."
        )
    return folds


def find_or_train(recipe: Recipe, splits: Splits, folder: Path) -> Classifier:
    """The network that an earlier call with the same recipe and pictures left in `folder`; else it
    is trained, and left there."""
    keys = hashlib.sha256("\n".join([*splits.train.keys, *splits.val.keys]).encode()).hexdigest()
    made_of = {"recipe": json.dumps(asdict(recipe), sort_keys=True, default=str), "pictures": keys}
    weights = folder / "network.safetensors"
    if weights.is_file() and read_metadata(weights) == made_of:
        empty = initial_backbone(recipe, pretrained=False)
        model = initial_classifier(recipe, empty, splits.tree)
        model.load_state_dict(safetensors.torch.load_file(weights))
        return model.eval()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="leaflake-") as cache:
        model = train_classifier(recipe, splits, Path(cache))
    temporary = folder / f"{weights.name}.tmp"
    state = {name: value.contiguous() for name, value in model.state_dict().items()}
    safetensors.torch.save_file(state, temporary, made_of)
    temporary.rename(weights)
    return model


def read_metadata(path: Path) -> dict[str, str]:
    """What a safetensors file says of itself."""
    with safetensors.safe_open(path, "np") as found:
        return dict(found.metadata() or {})


def train_classifier(recipe: Recipe, splits: Splits, folder: Path) -> Classifier:
    """A network that knows the species of `splits.tree`; `folder` is for what a loader keeps."""
    model = initial_classifier(recipe, initial_backbone(recipe), splits.tree)
    with open_loaders(recipe, splits.train, splits.val, folder) as (crops, still, judged):
        training = Training(
            recipe=recipe,
            tree=splits.tree,
            model=model,
            train=crops,
            still=still,
            val=judged,
            log=lambda row: None,  # the bar of the training says enough
            keep=lambda state: None,  # the best weights end up in the model
        )
        fit(training)
    return model.eval().cpu()


def _moved(selection: Selection, moved: np.ndarray) -> Selection:
    class_index = moved[selection.class_index]
    kept = selection.take(np.flatnonzero(class_index >= 0))
    return replace(kept, class_index=class_index[class_index >= 0])
