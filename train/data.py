"""What a run learns from. In: a recipe and a lake. Out: the splits, and loaders of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from catalog.lake import open_lake
from catalog.moment import Moment
from catalog.organise import label_tree
from catalog.storage import Place
from catalog.taxonomy import LabelTree
from leaflake import UsageError
from shards.crop import Crops
from shards.loader import Loader
from shards.order import this_rank
from shards.select import Selection, select
from shards.workers import Workers
from train.metrics import no_plant_mask
from train.pin import pin_memory
from train.recipes import Recipe
from train.training import chosen_device


@dataclass(frozen=True)
class Data:
    """What a run learns from."""

    tree: LabelTree
    snapshot: int
    train: Selection
    """Also pictures of which only the species is known."""

    val: Selection


def open_data(recipe: Recipe, lake_path: Place, at: Moment | None) -> Data:
    """The splits of the lake. Raises UsageError if one has no picture that could be used."""
    with open_lake(lake_path, at=at) as lake:
        tree, snapshot = label_tree(lake.connection), lake.snapshot
        train = select(lake, train_where(recipe.split), tree, species_only=True)
        val = select(lake, f"{recipe.split} = 'val'", tree)
    if no_plant_mask(val.class_index, tree).all():
        raise UsageError(
            f"{lake_path}: val holds no picture of a plant, so nothing could be judged. "
            "Add pictures to the classes. Nothing was written."
        )
    return Data(tree, snapshot, train, val)


def train_where(split: str) -> str:
    """SQL for the train split by the column `split`, and pictures known only to their species.

    Those have no split, as there is no class that they could be judged in. So that they show
    nothing that is judged on, they share no group, no link and, where the split is by source, no
    source with a picture of val or test.
    """
    judged = f"SELECT * FROM samples WHERE {split} IN ('val', 'test')"
    alone = [
        f"{split} IS NULL AND \"condition\" IS NULL AND status = 'ok'",
        f"group_id NOT IN (SELECT group_id FROM ({judged}) WHERE group_id IS NOT NULL)",
        'sha256 NOT IN (SELECT one.sha256 FROM (SELECT "key", other FROM links UNION ALL '
        'SELECT other, "key" FROM links) AS pair JOIN samples AS one ON one."key" = pair."key" '
        f'JOIN ({judged}) AS judged ON judged."key" = pair.other)',
    ]
    if split == "source_split":
        alone.append(f"source NOT IN (SELECT source FROM ({judged}))")
    return f"{split} = 'train' OR ({' AND '.join(alone)})"


@contextmanager
def open_loaders(
    recipe: Recipe, train: Selection, val: Selection, runs: Path
) -> Iterator[tuple[Loader, Loader, Loader]]:
    """Random crops of `train`, its whole pictures, and those of `val`: with the same workers, and
    the bytes of `train` once. Raises UsageError if they do not fit into memory."""
    crops = Crops(area=(recipe.min_area, 1.0))
    if recipe.loader == "ffcv":
        from shards.ffcv_loader import ffcv_loaders

        with ffcv_loaders(
            train,
            val,
            runs / "ffcv-cache",
            sizes=(recipe.train_size, recipe.eval_size),
            crops=crops,
            batch_size=part_size(recipe),
            seed=recipe.seed,
            max_repeat=recipe.max_repeat,
            workers=recipe.workers,
            cache=recipe.cache,
        ) as loaders:
            yield loaders
        return
    with ExitStack() as stack:
        loader = partial(
            Loader,
            batch_size=part_size(recipe),
            seed=recipe.seed,
            workers=stack.enter_context(Workers(recipe.workers)),
            cache=recipe.cache,
            leave_bytes=int(recipe.leave_gb * 1e9),
            pin=pin_memory if chosen_device(recipe).type == "cuda" else None,
        )
        yield (
            stack.enter_context(
                loader(train, size=recipe.train_size, crops=crops, max_repeat=recipe.max_repeat)
            ),
            stack.enter_context(loader(train, size=recipe.train_size)),
            stack.enter_context(loader(val, size=recipe.eval_size)),
        )


def part_size(recipe: Recipe) -> int:
    """Pictures that one process computes at once. Raises UsageError if that is no whole number."""
    world = this_rank().world
    size, rest = divmod(recipe.batch_size, world * recipe.accumulate)
    if rest:
        raise UsageError(
            f"recipe {recipe.name}: a step of {recipe.batch_size} pictures cannot be cut into "
            f"equal parts for {world} processes, {recipe.accumulate} parts each. Choose other "
            "numbers; batch_size is of all together. Nothing was written."
        )
    return size
