"""The pictures that a bundle is made and judged from. In: a run and its lake. Out: Material."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from catalog.lake import Lake, open_lake
from catalog.storage import Place
from catalog.taxonomy import LabelTree
from export.reject import MAX_TRAIN
from export.tfjs import spread_over_classes
from leaflake import UsageError
from shards.decode import DecodeError, decode_image
from shards.select import Selection, read_encoded, select
from train.breakdown import LABORATORY, is_laboratory
from train.data import train_where
from train.judged import read_pictures
from train.run_folder import Run

MAX_VAL = 5000
"""Val pictures from which temperatures and thresholds come, and MAX_TEST on which all files are
asked: some minutes at most of a machine without a GPU."""

MAX_TEST = 2000

BROWSER_PICTURES = 500
"""Of val and of test each, on which the browser's model is asked; they take two minutes."""


@dataclass(frozen=True)
class Sample:
    """N pictures of a split, in memory."""

    encoded: tuple[bytes, ...]

    class_index: np.ndarray
    """int64 (N,)."""

    datasets: np.ndarray
    """object (N,), names."""

    groups: np.ndarray
    """object (N,), the group_id of each: pictures of one thing share it."""

    def __len__(self) -> int:
        return len(self.encoded)

    @property
    def is_laboratory(self) -> np.ndarray:
        """bool (N,): of a dataset of single leaves on a board."""
        names = self.datasets.tolist()
        return np.array([is_laboratory(name, LABORATORY) for name in names], dtype=bool)

    def take(self, index: np.ndarray) -> Sample:
        """The pictures at int (M,) `index`, in their order."""
        return Sample(
            tuple(self.encoded[i] for i in index.tolist()),
            self.class_index[index],
            self.datasets[index],
            self.groups[index],
        )


@dataclass(frozen=True)
class Material:
    """Everything that an export looks at."""

    tree: LabelTree

    train: Selection
    """At most MAX_TRAIN, spread over the classes; read where they are wanted."""

    val: Sample
    test: Sample

    not_plants: tuple[bytes, ...] | None
    """Encoded photographs of anything but plants; None if none were named."""

    sizes: dict[str, int]
    """Split -> all its labelled pictures."""


def read_material(run: Run, place: Place, not_plants: Path | None) -> Material:
    """Read the splits as the run saw them, and the photographs in the folder `not_plants`.

    Raises UsageError if the lake or the folder cannot be read, or a split is empty.
    """
    examples = None if not_plants is None else read_not_plants(not_plants)
    column = run.recipe.split
    with open_lake(place, at=run.snapshot) as lake:
        train = select(lake, train_where(column), run.tree)
        val, val_size = _read_sample(lake, f"{column} = 'val'", run.tree, MAX_VAL)
        test, test_size = _read_sample(lake, f"{column} = 'test'", run.tree, MAX_TEST)
    sizes = {"train": len(train), "val": val_size, "test": test_size}
    return Material(run.tree, spread_over_classes(train, MAX_TRAIN), val, test, examples, sizes)


def spread(count: int, most: int) -> np.ndarray:
    """int64 (M,): at most `most` of the positions 0..count-1, evenly."""
    return np.linspace(0, count - 1, min(most, count)).round().astype(np.int64)


def read_not_plants(folder: Path) -> tuple[bytes, ...]:
    """The bytes of every picture in `folder` and its folders, by name; other files are left out.

    Raises UsageError if there is no such folder, or no picture in it.
    """
    if not folder.is_dir():
        raise UsageError(
            f"{folder}: there is no such folder. Name one with photographs of anything but "
            "plants, or leave out --not-plants. Nothing was written."
        )
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    found = [data for data in (path.read_bytes() for path in files) if _is_picture(data)]
    if not found:
        raise UsageError(
            f"{folder}: none of its {len(files)} files is a JPEG, PNG or WebP picture. Name "
            "another folder, or leave out --not-plants. Nothing was written."
        )
    return tuple(found)


def read_spread(train: Selection, count: int) -> Sequence[bytes]:
    """The bytes of at most `count` pictures, spread over the classes, in class order."""
    return read_encoded(spread_over_classes(train, count))


def _read_sample(lake: Lake, where: str, tree: LabelTree, most: int) -> tuple[Sample, int]:
    pictures = read_pictures(lake, where, tree)
    chosen = pictures.take(spread(len(pictures), most))
    encoded = tuple(read_encoded(chosen.selection))
    sample = Sample(encoded, chosen.selection.class_index, chosen.datasets, chosen.groups)
    return sample, len(pictures)


def _is_picture(data: bytes) -> bool:
    try:
        decode_image(data)
    except DecodeError:
        return False
    return True
