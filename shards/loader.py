"""Batches of whatever a SQL condition finds. In: a lake and a WHERE. Out: uint8 pictures, classes.

    loader = Loader("lake", "split = 'train' and sharpness > 20", size=224, batch_size=64,
                    crops=Crops())
    for epoch in range(30):
        for batch in loader.epoch(epoch):
            ...  # batch.images: uint8 (64, 224, 224, 3); batch.class_index: int64 (64,)

Nothing is rewritten for it: the encoded bytes of the selection are kept in memory, once a machine
(shards/cache.py), or stream from the shards (shards/stream.py), and worker processes decode them.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from catalog.moment import Moment
from catalog.storage import Place, resolved
from catalog.taxonomy import LabelTree
from leaflake import UsageError
from shards.cache import Cache
from shards.crop import Crops
from shards.order import Epoch, Order, Rank, this_rank
from shards.select import UNLABELLED, Selection, select_from
from shards.slots import HELD, SlotMemory, Slots
from shards.stats import Meter, Stats
from shards.stream import ReadAhead, stream_batches
from shards.worker import Job, Setup
from shards.workers import InFlight, WorkerError, Workers

AHEAD = 2
"""Batches that are made beyond one a worker, so that none waits for the next order."""

LEAVE_BYTES = 2 * 10**9
"""What the cache leaves of the free memory, for a small network and its batches."""

WINDOW = 10_000
"""Pictures over which a stream is shuffled; at 256 pixels some 150 MB."""


@dataclass(frozen=True)
class Batch:
    """One step's pictures."""

    images: np.ndarray
    """uint8 (N, size, size, 3), RGB, in memory that is used again when no array refers to it."""

    class_index: np.ndarray
    """int64 (N,)."""

    keys: tuple[str, ...]


class Loader:
    """Epochs of a selection. Order and crops depend on seed and epoch alone. Close it, or use it
    in a `with`."""

    def __init__(
        self,
        lake: Place | Selection,
        where: str = "true",
        *,
        at: Moment | None = None,
        size: int,
        batch_size: int,
        seed: int = 0,
        crops: Crops | None = None,
        max_repeat: float = 1.0,
        views: int = 1,
        workers: Workers | int | None = None,
        cache: bool = True,
        leave_bytes: int = LEAVE_BYTES,
        window: int = WINDOW,
        rank: Rank | None = None,
        pin: Callable[[np.ndarray], None] | None = None,
    ) -> None:
        """Select, take memory, and begin to read. `tree` names the classes of a lake's pictures.

        `lake` is a lake's folder or URL, as it was `at` a snapshot or time; or a selection. With
        `crops` an epoch is shuffled, and sees a class of n pictures min(n_max, n * max_repeat)
        times, n_max being the largest class; without, pictures come whole, squeezed to squares of
        `size` pixels, in the selection's order. Of each picture `views` crops stand side by side;
        `batch_size`, a multiple, counts them all. `workers` is a number of processes (default: one
        a core), or Workers that loaders share. The cache refuses to take what would not leave
        `leave_bytes`. Without it pictures are read shard by shard, and shuffled over `window` of
        them. `rank` is torchrun's. `pin` is called once, with the memory of the batches, uint8
        (bytes,).
        Raises UsageError.
        """
        if max_repeat > 1 and crops is None:
            raise ValueError("only random crops may be repeated; judge on every picture once")
        if batch_size % views:
            raise ValueError(f"a batch of {batch_size} cannot hold {views} crops of each picture")
        self.tree: LabelTree | None = None
        if isinstance(lake, Selection):
            self.selection = lake
        else:
            self.selection, self.tree = select_from(lake, where, at)
        self.size = size
        self.crops = crops
        self.order = Order(
            self.selection.class_index - UNLABELLED,  # counted from 0
            self.selection.shard,
            batch_size,
            seed=seed,
            rank=this_rank() if rank is None else rank,
            shuffle=crops is not None,
            max_repeat=max_repeat,
            window=None if cache else window,
            views=views,
        )
        self.num_batches = self.order.num_batches()
        self.cache = Cache(self.selection, leave_bytes=leave_bytes) if cache else None
        self._owns_workers = not isinstance(workers, Workers)
        self.workers = workers if isinstance(workers, Workers) else Workers(workers)
        self._ahead = self.workers.count + AHEAD
        self._memory = SlotMemory(self._slots(batch_size))
        if pin:
            pin(self._memory.pixels)
        self._setup = Setup(
            loader=self.workers.new_loader(),
            memory=self._memory.path,
            slots=self._memory.slots,
            cache=self.cache.path if self.cache else None,
            shards_folder=resolved(self.selection.shards_folder),
            crops=crops,
        )
        self._in_flight: deque[InFlight] = deque()
        self._runs = 0
        self._position = (0, 0)
        self._resume: tuple[int, int] | None = None
        self._meter = Meter()

    def __enter__(self) -> Loader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the workers, unless others use them too, and give the memory back."""
        self._drain()
        self.workers.forget(self._setup.loader)
        if self._owns_workers:
            self.workers.close()
        if self.cache:
            self.cache.close()
        self._memory.close()

    def stats(self) -> Stats:
        """Of the epoch that runs, or of the last one."""
        return self._meter.stats()

    def epoch(self, epoch: int, size: int | None = None) -> Iterator[Batch]:
        """The batches of one epoch, or those that are left of it after `load_state_dict`.

        `size` is for pictures that are smaller than the loader's. To begin another epoch ends this
        one. Raises WorkerError with the key of the sample that a worker could not decode or died
        at.
        """
        first, size = self._begin(epoch, size)
        self._drain()
        self._runs += 1
        run = self._runs
        plan = self.order.epoch(epoch)
        meter = self._meter = Meter()
        stream = None
        if not self.cache:
            items = stream_batches(self.selection, plan, first)
            stream = ReadAhead(items, AHEAD)
        submitted = first
        try:
            for number in range(first, plan.num_batches):
                while submitted < plan.num_batches and len(self._in_flight) < self._ahead:
                    self._submit(plan, submitted, size, stream)
                    submitted += 1
                batch = self._finish(plan, number, meter)
                self._position = (epoch, number + 1)
                yield batch
                del batch  # so that its memory can be used again
                if self._runs != run:
                    raise RuntimeError("another epoch of this loader has begun")
                meter.ask()
            meter.end()
        finally:
            if self._runs == run:
                self._drain()
            if stream:
                stream.close()

    def state_dict(self) -> dict[str, Any]:
        """Where it is: after the batch that was handed out last."""
        epoch, batch = self._position
        return {"epoch": epoch, "batch": batch, "of": self._identity()}

    def load_state_dict(self, state: dict[str, Any]) -> int:
        """Go on from there, with any number of workers. Returns the epoch to ask for next.

        Raises UsageError if the state is of another selection, seed or batch size.
        """
        if state["of"] != self._identity():
            raise UsageError(
                "the saved state is of another selection, seed, batch size, number of processes or "
                "kind of reading, so that it says nothing about this one. Load with the settings "
                "of then, or begin a new epoch."
            )
        epoch, batch = state["epoch"], state["batch"]
        if batch == self.num_batches:
            epoch, batch = epoch + 1, 0
        self._position = self._resume = (epoch, batch)
        return epoch

    def _begin(self, epoch: int, size: int | None) -> tuple[int, int]:
        """The first batch that is left of an epoch, and the side of its pictures."""
        size = size or self.size
        if size > self.size:
            raise ValueError(f"pictures of {size} pixels do not fit into a loader of {self.size}")
        first = 0
        if self._resume and self._resume[0] == epoch:
            first, self._resume = self._resume[1], None
        return first, size

    def _slots(self, batch_size: int) -> Slots:
        capacity = batch_size + self.order.views * (self.order.rank.world > 1)
        encoded = 0 if self.cache else capacity * int(self.selection.length.max())
        return Slots(self._ahead + HELD, capacity, self.size, encoded)

    def _submit(self, plan: Epoch, number: int, size: int, stream: ReadAhead | None) -> None:
        places = slice(*plan.bounds[number : number + 2])
        rows = plan.index[places]
        slot = self._memory.take()
        if stream:
            data = np.frombuffer(b"".join(stream.get()), np.uint8)
            self._memory.slots.encoded(self._memory.data, slot)[: len(data)] = data
            start = np.cumsum(self.selection.length[rows]) - self.selection.length[rows]
        else:
            assert self.cache is not None  # what does not stream has one
            start = self.cache.starts[rows]
        job = Job(
            loader=self._setup.loader,
            number=self.workers.new_job(),
            slot=slot,
            size=size,
            row=rows,
            start=start,
            length=self.selection.length[rows],
            shard=self.selection.shard[rows],
            offset=self.selection.offset[rows],
            draws=plan.draws[places],
            region=None if self.selection.region is None else self.selection.region[rows],
        )
        keys = tuple(self.selection.keys[row] for row in rows)
        progress = self._memory.slots.progress(self._memory.data, slot)
        self._in_flight.append(InFlight(job, keys, progress))
        self.workers.submit(self._setup, self._in_flight[-1])

    def _finish(self, plan: Epoch, number: int, meter: Meter) -> Batch:
        in_flight = self._in_flight[0]
        misses = self.workers.finish(in_flight)
        self._in_flight.popleft()
        job = in_flight.job
        images = self._memory.lend(job.slot, len(job.row), job.size)
        hits = len(job.row) - misses if self.cache else 0
        meter.hand_out(len(job.row), hits, int(job.length.sum()))
        return Batch(images, self.selection.class_index[job.row], in_flight.keys)

    def _drain(self) -> None:
        """Wait for the batches that nobody will ask for, as workers still write to their slots."""
        while self._in_flight:
            with contextlib.suppress(WorkerError):
                self.workers.finish(self._in_flight[0])
            self._memory.give_back(self._in_flight.popleft().job.slot)

    def _identity(self) -> str:
        """What an order depends on."""
        order = self.order
        digest = hashlib.sha256("\n".join(self.selection.keys).encode())
        for array in (order.class_index, order.shard):
            digest.update(np.ascontiguousarray(array).data)
        if self.selection.region is not None:
            digest.update(np.ascontiguousarray(self.selection.region).data)
        settings = (order.batch_size, order.seed, order.rank.world, order.max_repeat, order.window)
        digest.update(repr((settings, order.shuffle, order.views, self.crops, self.size)).encode())
        return digest.hexdigest()
