"""Pictures of a lake that the leaf finder learns from and is judged on. In: a split. Out: them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from catalog.lake import Lake
from catalog.taxonomy import NO_PLANT, LabelTree
from leaflake import UsageError
from shards.decode import DecodeError, read_header
from shards.select import read_encoded
from train.breakdown import is_laboratory
from train.finder_boxes import boxes_of
from train.finder_data import Sources
from train.judged import Pictures, read_pictures

TURNS = {"train": (0, 1, 2), "val": (3,), "test": (4,)}
"""Of five backgrounds in a row, which are for which split."""


@dataclass(frozen=True)
class SplitPictures:
    """What one split has for the finder."""

    sources: Sources

    groups: np.ndarray
    """object (N,), the group_id of each picture of `sources.drawn`."""

    def describe(self) -> str:
        """How many there are of each."""
        boxes = sum(len(one) for _, one in self.sources.drawn)
        return (
            f"{len(self.sources.drawn):,} pictures with {boxes:,} drawn boxes, "
            f"{len(self.sources.leaves):,} leaves on a board, "
            f"{len(self.sources.backgrounds):,} backgrounds"
        )


def read_split(
    lake: Lake,
    split: str,
    tree: LabelTree,
    *,
    drawn: dict[str, np.ndarray],
    laboratory: tuple[str, ...],
    backgrounds: tuple[bytes, ...],
) -> SplitPictures:
    """The pictures of a split for which there are boxes; those of laboratory datasets; and as
    backgrounds the split's share of `backgrounds` and its own pictures of no plant.

    Raises UsageError where no example can be made of them.
    """
    pictures = read_pictures(lake, f"split = '{split}'", tree)
    species = np.array(tree.class_species())[pictures.selection.class_index]
    is_plant = np.array([one.species_id != NO_PLANT for one in tree.species])[species]
    found = [boxes_of(path, drawn) for path in pictures.source_paths]
    with_boxes = np.array([one is not None for one in found])
    on_board = np.array(
        [is_laboratory(name, laboratory) for name in pictures.selection.datasets], bool
    )
    boxed = pictures.take(np.flatnonzero(with_boxes))
    own = backgrounds_of(backgrounds, split)
    sources = Sources(
        tuple(zip(read_encoded(boxed.selection), filter_boxes(found), strict=True)),
        _encoded(pictures, on_board & is_plant & ~with_boxes),
        (*own, *_encoded(pictures, ~is_plant)),
    )
    if not sources.drawn and not (sources.leaves and sources.backgrounds):
        raise UsageError(
            f"{lake.path}: {split} has no picture with a drawn box (--boxes), and not both leaves "
            f"on a board (--laboratory {','.join(laboratory)}) and pictures without plants to "
            "paste them on (--backgrounds, or the class no_plant). Name some of them. Nothing was "
            "written."
        )
    return SplitPictures(sources, boxed.groups)


def filter_boxes(found: list[np.ndarray | None]) -> list[np.ndarray]:
    """Those that are there, in their order."""
    return [one for one in found if one is not None]


def _encoded(pictures: Pictures, mask: np.ndarray) -> tuple[bytes, ...]:
    return tuple(read_encoded(pictures.take(np.flatnonzero(mask)).selection))


def backgrounds_of(backgrounds: tuple[bytes, ...], split: str) -> tuple[bytes, ...]:
    """Those that are for one split."""
    return tuple(data for number, data in enumerate(backgrounds) if number % 5 in TURNS[split])


def read_backgrounds(folder: Path) -> tuple[bytes, ...]:
    """Every picture of a folder and those below it, by name. Raises UsageError if there is none."""
    if not folder.is_dir():
        raise UsageError(f"--backgrounds {folder}: there is no such folder. Nothing was written.")
    pictures = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            data = path.read_bytes()
            try:
                read_header(data)
            except DecodeError:  # a list of names, a licence
                continue
            pictures.append(data)
    if not pictures:
        raise UsageError(
            f"--backgrounds {folder}: no file in it is a JPEG, PNG or WebP. Nothing was written."
        )
    return tuple(pictures)
