"""Pictures of one split and what a run says of them. In: a lake and a run. Out: `Judged`."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from catalog.lake import Lake
from catalog.taxonomy import LabelTree
from shards.select import Selection, read_encoded, select
from train.classifier import Classifier
from train.metrics import Predictions
from train.predict import predict_pictures


@dataclass(frozen=True)
class Pictures:
    """A selection, with what else the catalog says of its pictures."""

    selection: Selection
    groups: np.ndarray
    """object (N,), the group_id of each: pictures of one thing share it."""

    folders: tuple[str, ...]
    """Class folder of each, as it was spelled."""

    source_paths: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.selection)

    @property
    def datasets(self) -> np.ndarray:
        """object (N,)."""
        return np.array(self.selection.datasets, dtype=object)

    def take(self, indices: np.ndarray) -> Pictures:
        """The pictures at int (M,) `indices`, in their order."""
        return Pictures(
            self.selection.take(indices),
            self.groups[indices],
            tuple(self.folders[index] for index in indices),
            tuple(self.source_paths[index] for index in indices),
        )


@dataclass(frozen=True)
class Judged:
    """Pictures with what was said of them."""

    pictures: Pictures
    predictions: Predictions
    """Row for row."""

    def with_predictions(self, predictions: Predictions) -> Judged:
        """The same pictures, with something else said of them."""
        return replace(self, predictions=predictions)


def read_pictures(lake: Lake, where: str, tree: LabelTree) -> Pictures:
    """The labelled samples for which the SQL condition holds. Raises UsageError, as `select`."""
    selection = select(lake, where, tree)
    rows = lake.connection.execute(
        'SELECT "key", coalesce(group_id, "key"), coalesce(folder, \'\'), '
        f"coalesce(source_path, '') FROM samples WHERE ({where}\n)"
    ).fetchall()
    about = {row[0]: row[1:] for row in rows}
    found = [about[key] for key in selection.keys]
    return Pictures(
        selection,
        np.array([one[0] for one in found], dtype=object),
        tuple(one[1] for one in found),
        tuple(one[2] for one in found),
    )


def judge(model: Classifier, pictures: Pictures, what: str) -> Judged:
    """Ask the model about every picture; `what` names the bar."""
    encoded = read_encoded(pictures.selection)
    truth = pictures.selection.class_index
    return Judged(pictures, predict_pictures(model, encoded, truth, what))
