"""What a run learns from. In: a recipe and a lake. Out: the splits, and loaders of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from catalog.lake import Lake, open_lake
from catalog.moment import Moment
from catalog.organise import label_tree
from catalog.storage import Place
from catalog.taxonomy import LabelTree
from leaflake import UsageError
from shards.crop import Crops
from shards.loader import Loader
from shards.order import this_rank
from shards.select import Selection, select, select_unlabelled
from shards.workers import Workers
from train.lesson import chosen_device
from train.metrics import no_plant_mask
from train.pin import pin_memory
from train.recipe import Recipe


@dataclass(frozen=True)
class Data:
    """What a run learns from."""

    tree: LabelTree
    snapshot: int
    train: Selection
    """Also pictures of which only the species is known, and UNLABELLED ones if the recipe asks."""

    val: Selection


def open_data(recipe: Recipe, lake_path: Place, at: Moment | None) -> Data:
    """The splits of the lake; for Barlow Twins alone an empty tree, `unlabelled` pictures as train
    and no val. Raises UsageError if one that is needed has no picture that could be used."""
    with open_lake(lake_path, at=at) as lake:
        if recipe.twins == 1:
            return _pictures_alone(recipe, lake)
        tree, snapshot = label_tree(lake.connection), lake.snapshot
        where = train_where(recipe.split)
        if recipe.labels != "true":
            where = f"({where}) AND ({recipe.labels}\n)"
        train = select(lake, where, tree, species_only=True)
        if recipe.unlabelled is not None:
            train = train.beside(others(lake, recipe, train))
        val = select(lake, f"{recipe.split} = 'val'", tree)
    if no_plant_mask(val.class_index, tree).all():
        raise UsageError(
            f"{lake_path}: val holds no picture of a plant, so nothing could be judged. "
            "Add pictures to the classes. Nothing was written."
        )
    return Data(tree, snapshot, train, val)


def _pictures_alone(recipe: Recipe, lake: Lake) -> Data:
    found = select_unlabelled(lake, unlabelled_where(recipe))
    if not len(found):
        raise UsageError(
            f"{lake.path}: no picture outside val and test matches {recipe.unlabelled!r}. "
            "Nothing was written."
        )
    return Data(LabelTree(()), lake.snapshot, found, found.take(np.arange(0)))


def others(lake: Lake, recipe: Recipe, labelled: Selection) -> Selection:
    """What the recipe's `unlabelled` adds: pictures that are not among the labelled ones."""
    known = set(labelled.keys)
    found = select_unlabelled(lake, f"({unlabelled_where(recipe)})")
    return found.take(np.array([n for n, key in enumerate(found.keys) if key not in known], int))


def unlabelled_where(recipe: Recipe) -> str:
    """SQL for what may teach without a label: no picture of val or test, and none like them."""
    apart = f"{recipe.split} = 'train' OR ({apart_where(recipe.split)})"
    return f"status = 'ok' AND ({apart}) AND ({recipe.unlabelled or 'true'}\n)"


def train_where(split: str) -> str:
    """SQL for the train split by the column `split`, and pictures known only to their species.

    Those have no split, as there is no class that they could be judged in.
    """
    alone = f"\"condition\" IS NULL AND status = 'ok' AND {apart_where(split)}"
    return f"{split} = 'train' OR ({alone})"


def apart_where(split: str) -> str:
    """SQL for pictures in no split that show nothing that is judged on: they share no group, no
    link and, where the split is by source, no source with a picture of val or test."""
    judged = f"SELECT * FROM samples WHERE {split} IN ('val', 'test')"
    alone = [
        f"{split} IS NULL",
        f"group_id NOT IN (SELECT group_id FROM ({judged}) WHERE group_id IS NOT NULL)",
        'sha256 NOT IN (SELECT one.sha256 FROM (SELECT "key", other FROM links UNION ALL '
        'SELECT other, "key" FROM links) AS pair JOIN samples AS one ON one."key" = pair."key" '
        f'JOIN ({judged}) AS judged ON judged."key" = pair.other)',
    ]
    if split == "source_split":
        alone.append(f"source NOT IN (SELECT source FROM ({judged}))")
    return " AND ".join(alone)


@contextmanager
def open_loaders(
    recipe: Recipe, train: Selection, val: Selection, runs: Path
) -> Iterator[tuple[Loader, Loader, Loader]]:
    """Random crops of `train`, its labelled pictures whole, and those of `val`: with the same
    workers, and the bytes of `train` once. Raises UsageError if they do not fit into memory."""
    if recipe.loader == "ffcv":
        from shards.ffcv_loader import ffcv_loaders

        with ffcv_loaders(
            train,
            val,
            runs / "ffcv-cache",
            sizes=(recipe.train_size, recipe.eval_size),
            crops=Crops(area=(recipe.min_area, 1.0)),
            batch_size=part_size(recipe),
            seed=recipe.seed,
            max_repeat=recipe.max_repeat,
            workers=recipe.workers,
            cache=recipe.cache,
        ) as loaders:
            yield loaders
        return
    with ExitStack() as stack:
        workers = stack.enter_context(Workers(recipe.workers))
        yield (
            stack.enter_context(open_crops(recipe, train, workers)),
            stack.enter_context(open_loader(recipe, train.labelled(), workers)),
            stack.enter_context(open_loader(recipe, val, workers, size=recipe.eval_size)),
        )


def open_crops(recipe: Recipe, train: Selection, workers: Workers) -> Loader:
    """Random crops, `recipe.views` of each picture."""
    crops = Crops(area=(recipe.min_area, 1.0))
    repeat = recipe.max_repeat
    return open_loader(recipe, train, workers, crops=crops, max_repeat=repeat, views=recipe.views)


def open_loader(
    recipe: Recipe, selection: Selection, workers: Workers, size: int | None = None, **what: Any
) -> Loader:
    """With the recipe's batches; `size` in pixels, by default that of training."""
    return Loader(
        selection,
        size=size or recipe.train_size,
        batch_size=part_size(recipe),
        seed=recipe.seed,
        workers=workers,
        cache=recipe.cache,
        leave_bytes=int(recipe.leave_gb * 1e9),
        pin=pin_memory if chosen_device(recipe).type == "cuda" else None,
        **what,
    )


def part_size(recipe: Recipe) -> int:
    """Crops that one process computes at once. Raises UsageError if that is no whole number of
    pictures."""
    world = this_rank().world
    size, rest = divmod(recipe.batch_size, world * recipe.accumulate)
    if rest or size % recipe.views:
        raise UsageError(
            f"recipe {recipe.name}: a step of {recipe.batch_size} pictures cannot be cut into "
            f"equal parts for {world} processes, {recipe.accumulate} parts each"
            f"{f' of {recipe.views} crops a picture' if recipe.views > 1 else ''}. Choose other "
            "numbers; batch_size is of all together. Nothing was written."
        )
    return size
