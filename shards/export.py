"""A selection for other people's tools. In: a lake and a WHERE. Out: a plain WebDataset, or ffcv's
file.

Pictures are copied as they lie in the shards, byte for byte; labels are written beside them, since
these files have no catalog.
Format: https://github.com/webdataset/webdataset; of a .beton, shards/ffcv_beton.py
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from catalog.lake import Lake
from catalog.storage import Place, join, list_sizes, make_folder, name_of, publish, resolved
from catalog.taxonomy import LabelTree
from leaflake import UsageError
from shards.ffcv_beton import require_ffcv, write_beton
from shards.format import ShardWriter
from shards.select import Selection, every_class, read_encoded, select

DEFAULT_SAMPLES_PER_SHARD = 1_000
"""About 18 MB a tar at 256 pixels; read whole into memory while it is copied."""

CLASSES_NAME = "classes.json"
"""Written last: a folder with it is complete."""


@dataclass(frozen=True)
class Exported:
    """What an export wrote."""

    pictures: int
    classes: int
    """Classes that have a picture in the selection."""

    shards: int
    snapshot: int


def export(
    lake: Lake,
    where: str,
    out: Place,
    *,
    samples_per_shard: int = DEFAULT_SAMPLES_PER_SHARD,
) -> Exported:
    """Write the labelled samples for which `where` holds to OUT/NAME-000000.tar and so on, where
    NAME is the last part of `out`, in the order of the shards, which is mixed already.

    A sample is KEY.jpg and KEY.json with `class_index`, `condition`, `dataset`, `key` and
    `species`. Class indices count every labelled class of the lake at its snapshot, so that train
    and test, exported one after the other, agree on them.
    Raises UsageError if `out` holds anything, `where` makes no sense or nothing matches.
    """
    if found := sorted(list_sizes(out)):
        raise UsageError(
            f"{out}: is not empty, it holds {found[0]}. Name a new folder, or delete what an "
            "interrupted export left. Nothing was written."
        )
    tree = every_class(lake)
    selection = select(lake, where, tree)
    make_folder(out)
    name = name_of(resolved(out))
    starts = range(0, len(selection), samples_per_shard)
    with tqdm(total=len(selection), unit="picture", desc="export") as bar:
        for number, start in enumerate(starts):
            stop = min(start + samples_per_shard, len(selection))
            part = selection.take(np.arange(start, stop))
            _write_shard(join(out, f"{name}-{number:06d}.tar"), part, tree)
            bar.update(len(part))
    counts = Counter(selection.class_index.tolist())
    _write_classes(join(out, CLASSES_NAME), lake, where, tree, counts)
    return Exported(len(selection), len(counts), len(starts), lake.snapshot)


def export_beton(lake: Lake, where: str, out: Place) -> Exported:
    """Write the same samples to one file for ffcv, NAME.beton, with fields `image` and `label`,
    the class index. NAME.classes.json beside it is as `export` writes it.

    Raises UsageError if `out` exists, is no .beton on a disk of this machine, `where` makes no
    sense or nothing matches, ffcv is missing, or as `write_beton` does.
    """
    if not isinstance(out, Path) or out.suffix != ".beton":
        raise UsageError(
            f"{out}: ffcv reads a file of this machine. Name one that ends in .beton. "
            "Nothing was written."
        )
    if out.exists():
        raise UsageError(f"{out}: exists. Name a new file, or delete it. Nothing was written.")
    require_ffcv("--format ffcv")
    tree = every_class(lake)
    selection = select(lake, where, tree)
    make_folder(out.parent)
    counts = Counter(selection.class_index.tolist())
    temporary = out.with_name(out.name + ".tmp")
    write_beton(selection, temporary)
    _write_classes(out.with_suffix(f".{CLASSES_NAME}"), lake, where, tree, counts)
    temporary.rename(out)
    return Exported(len(selection), len(counts), 1, lake.snapshot)


def _write_shard(place: Place, part: Selection, tree: LabelTree) -> None:
    encoded = read_encoded(part)  # before the tar is begun, as a shard may be missing
    writer = ShardWriter(place)
    for index, data in enumerate(encoded):
        class_index = int(part.class_index[index])
        species, condition = tree.label(class_index)
        label = {
            "key": part.keys[index],
            "dataset": part.datasets[index],
            "species": species.species_id,
            "condition": condition.condition_id,
            "class_index": class_index,
        }
        writer.add(part.keys[index], data, label)
    writer.close()


def _write_classes(
    place: Place, lake: Lake, where: str, tree: LabelTree, counts: Counter[int]
) -> None:
    labels = [tree.label(index) for index in range(tree.num_classes)]
    document = {
        "where": where,
        "snapshot": lake.snapshot,
        "samples": counts.total(),
        "classes": [
            {
                "class_index": index,
                "species": species.species_id,
                "condition": condition.condition_id,
                "name": f"{species.name}, {condition.name}",
                "samples": counts[index],
            }
            for index, (species, condition) in enumerate(labels)
        ],
    }
    with publish(place) as file:
        file.write((json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode())
