"""In which order an epoch sees its pictures. In: seed, epoch, classes, rank. Out: an Epoch.

A pure function of what goes in: the number of workers, the speed of the machine and the epochs
before have no part in it. So a position in an epoch is one number, all that a saved state needs.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np

from leaflake import UsageError

NUM_DRAWS = 5
"""Random numbers that decide about the crop and the turn of one picture, see shards/crop.py."""


@dataclass(frozen=True)
class Rank:
    """Which of several training processes this is; each sees its own part of an epoch."""

    rank: int = 0
    world: int = 1


@dataclass(frozen=True)
class Epoch:
    """What one rank sees in one epoch."""

    index: np.ndarray
    """int64 (M,), rows of the selection in the order of training, repeats included."""

    draws: np.ndarray
    """float32 (M, NUM_DRAWS) in [0, 1)."""

    bounds: np.ndarray
    """int64 (batches + 1,): batch b is the places from bounds[b] to bounds[b + 1]."""

    read: np.ndarray
    """int64 (M / views,), the same rows, each once for all of its views, in the order in which a
    stream reads them from the shards."""

    @property
    def num_batches(self) -> int:
        """The same on every rank."""
        return len(self.bounds) - 1


@dataclass(frozen=True)
class Order:
    """How the epochs of one loader are ordered."""

    class_index: np.ndarray
    """int64 (N,), class of each row of the selection."""

    shard: np.ndarray
    """int64 (N,)."""

    batch_size: int
    """Of one rank. The last batch of an epoch may be smaller, or larger by one."""

    seed: int = 0
    rank: Rank = Rank()
    shuffle: bool = True
    """False: the selection's own order."""

    max_repeat: float = 1.0
    """A class of n pictures is seen min(n_max, n * max_repeat) times an epoch, n_max being the
    size of the largest class. 1: every picture once."""

    window: int | None = None
    """Of a stream, which reads shard after shard: a picture comes at most so many places after it
    was read. None: from memory, where any order is as fast."""

    views: int = 1
    """How many crops of each picture stand side by side in a batch, whose size counts them all."""

    def num_batches(self) -> int:
        """Batches an epoch, on every rank. Raises UsageError if some rank would get none."""
        totals = _class_totals(np.bincount(self.class_index), self.max_repeat)
        return len(_even_bounds(self.views * int(totals.sum()), self)) - 1

    def epoch(self, epoch: int) -> Epoch:
        """Epoch number `epoch`."""
        random = np.random.default_rng((self.seed, epoch))
        sequence = np.arange(len(self.shard))
        if self.shuffle and self.window is not None:
            # Sorted by a random number of the shard; stable, so in the order of the disk within.
            _, number = np.unique(self.shard, return_inverse=True)
            sequence = np.argsort(random.permutation(len(number))[number], kind="stable")
        if self.max_repeat > 1:
            repeats = class_repeats(self.class_index, self.max_repeat, random)
            sequence = np.repeat(sequence, repeats[sequence])
        if self.shuffle and self.window is None:
            random.shuffle(sequence)
        draws = random.random((len(sequence), self.views * NUM_DRAWS), dtype=np.float32)
        mine, bounds = self._part(len(sequence)), _even_bounds(self.views * len(sequence), self)
        read, draws = sequence[mine], draws[mine]
        index = read
        if self.shuffle and self.window is not None:
            delay = self.window * random.random(len(sequence))[mine]
            moved = np.argsort(np.arange(len(index)) + delay)
            index, draws = index[moved], draws[moved]
        return Epoch(np.repeat(index, self.views), draws.reshape(-1, NUM_DRAWS), bounds, read)

    def _part(self, total: int) -> slice:
        """This rank's places: every world-th from memory, a stretch of a stream.

        Either way the first total % world ranks have one more than the others.
        """
        rank, world = self.rank.rank, self.rank.world
        if self.window is None:
            return slice(rank, None, world)
        small, extra = divmod(total, world)
        start = rank * small + min(rank, extra)
        return slice(start, start + small + (rank < extra))


def class_repeats(
    class_index: np.ndarray, max_repeat: float, random: np.random.Generator
) -> np.ndarray:
    """How often an epoch sees each picture: int64 (N,) classes -> int64 (N,).

    Within a class the numbers differ by at most one; chance says who has the one more.
    """
    counts = np.bincount(class_index)
    totals = _class_totals(counts, max_repeat)
    whole, extra = np.divmod(totals, np.maximum(counts, 1))
    order = np.lexsort((random.random(len(class_index)), class_index))
    starts = np.cumsum(counts) - counts
    place_in_class = np.arange(len(class_index)) - starts[class_index[order]]
    repeats = whole[class_index]
    repeats[order] += place_in_class < extra[class_index[order]]
    return repeats


def this_rank() -> Rank:
    """What torchrun says in the environment; without it, one process alone.

    https://docs.pytorch.org/docs/stable/elastic/run.html#environment-variables
    """
    return Rank(int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1)))


def _class_totals(counts: np.ndarray, max_repeat: float) -> np.ndarray:
    """Pictures an epoch of each class, int64."""
    return np.minimum(counts.max(), np.floor(counts * max_repeat)).astype(np.int64)


def _even_bounds(total: int, order: Order) -> np.ndarray:
    """Bounds of this rank's batches: as many as the rank with the fewest crops can fill."""
    rank, world, views = order.rank.rank, order.rank.world, order.views
    fewest = total // views // world * views
    if fewest == 0:
        raise UsageError(
            f"{total // views} pictures cannot be shared by {world} processes. Widen the "
            "selection, or start fewer. Nothing was written."
        )
    bounds = np.arange(0, fewest + order.batch_size, order.batch_size)
    bounds[-1] = fewest + views * (rank < total // views % world)
    return bounds
