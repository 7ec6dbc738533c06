"""The face of shards/loader.py with ffcv behind it. In: a Selection. Out: the same batches.

Order, boxes, turns and repeats of an epoch are the Loader's own, from the same random numbers, and
so are the pixels, but for ffcv's fast and less exact inverse DCT: off by 1 level in the mean of
2,000 pictures (2026-11-22). ffcv cannot stream, or share an epoch between processes. Its code is
compiled when the first batch is asked for, which takes some 8 seconds of processor time once a
process. The file is kept by the system's page cache, which gives memory back to who needs it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import queue
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from catalog.storage import resolved
from leaflake import UsageError
from shards.crop import Crops
from shards.ffcv_beton import require_ffcv, write_beton
from shards.ffcv_places import epoch_places
from shards.loader import Batch, Loader
from shards.order import Epoch, Order, Rank, this_rank
from shards.select import Selection
from shards.stats import Meter

if TYPE_CHECKING:
    from ffcv.loader import Loader as Ffcv
    from ffcv.loader.epoch_iterator import EpochIterator

AHEAD = 3
"""Batches that are made before they are asked for."""

LOOK_S = 1.0
"""How often to look whether ffcv's thread still lives, where no batch comes; it says nothing."""


class FfcvLoader(Loader):
    """Epochs of a .beton. A Loader in all but how it reads: its order, its saved states, its
    figures. Close it, or use it in a `with`."""

    def __init__(
        self,
        selection: Selection,
        beton: Path,
        *,
        size: int,
        batch_size: int,
        seed: int = 0,
        crops: Crops | None = None,
        max_repeat: float = 1.0,
        workers: int | None = None,
        rank: Rank | None = None,
    ) -> None:
        """`beton` is what `write_beton` made of `selection`; the rest is as for Loader. `workers`
        is a number of threads.

        Raises UsageError without ffcv, in one of several processes, or if `beton` is not of
        `selection`.
        """
        if max_repeat > 1 and crops is None:
            raise ValueError("only random crops may be repeated; judge on every picture once")
        require_ffcv("the loader ffcv")
        rank = this_rank() if rank is None else rank
        if rank.world > 1:
            raise UsageError(
                f"the loader ffcv is for one process, and there are {rank.world}: it would show "
                "each of them every picture. Train without --loader ffcv. Nothing was written."
            )
        self.tree = None
        self.selection = selection
        self.size = size
        self.crops = crops
        self.order = Order(
            selection.class_index,
            selection.shard,
            batch_size,
            seed=seed,
            rank=rank,
            shuffle=crops is not None,
            max_repeat=max_repeat,
        )
        self.num_batches = self.order.num_batches()
        self._open = partial(
            _open, beton, batch_size=batch_size, whole=crops is None, workers=workers
        )
        self._by_size = {size: self._open(size)}  # ffcv's own loader has one size
        self._stored = self._by_size[size].reader.metadata["f0"]
        if len(self._stored) != len(selection):
            raise UsageError(
                f"{beton}: holds {len(self._stored):,} pictures, and the selection has "
                f"{len(selection):,}. Delete the file; it is written anew."
            )
        self._thread: EpochIterator | None = None
        self._position = (0, 0)
        self._resume: tuple[int, int] | None = None
        self._meter = Meter()

    def close(self) -> None:
        """End the threads."""
        self._stop()

    def epoch(self, epoch: int, size: int | None = None) -> Iterator[Batch]:
        """The batches of one epoch, or those that are left of it after `load_state_dict`.

        `size` is for pictures that are smaller than the loader's. The pixels of a batch are
        overwritten after the next is asked for. In stats() no picture is a hit: the system does
        not say what it had in memory. To begin another epoch ends this one.
        Raises RuntimeError with the key of a sample that could not be decoded.
        """
        first, size = self._begin(epoch, size)
        self._stop()
        plan = self.order.epoch(epoch)
        meter = self._meter = Meter()
        thread = self._start(plan, first, size)
        try:
            for number in range(first, plan.num_batches):
                rows = plan.index[slice(*plan.bounds[number : number + 2])]
                images, errors = self._get(thread)
                if errors.any():
                    key = self.selection.keys[rows[errors.nonzero()[0][0]]]
                    raise RuntimeError(f"ffcv could not decode {key}")
                meter.hand_out(len(rows), 0, int(self.selection.length[rows].sum()))
                keys = tuple(self.selection.keys[row] for row in rows)
                self._position = (epoch, number + 1)
                yield Batch(images, self.selection.class_index[rows], keys)
                if self._thread is not thread:
                    raise RuntimeError("another epoch of this loader has begun")
                meter.ask()
            meter.end()
        finally:
            if self._thread is thread:
                self._stop()

    def _start(self, plan: Epoch, first: int, size: int) -> EpochIterator:
        from ffcv.loader.epoch_iterator import EpochIterator

        # ffcv's iterator, without the loader around it: that one counts an epoch's batches from
        # the file, and hands out samples, where we have places.
        if size not in self._by_size:
            self._by_size[size] = self._open(size)
        length = self.selection.length
        places = epoch_places(self._stored, length, plan, self.crops, size)
        self._by_size[size].reader.metadata = places
        order = np.arange(plan.bounds[first], len(plan.index))
        self._thread = EpochIterator(self._by_size[size], order)
        return self._thread

    def _get(self, thread: EpochIterator) -> tuple[np.ndarray, np.ndarray]:
        while True:
            try:
                found = thread.output_queue.get(timeout=LOOK_S)
                break
            except queue.Empty:
                if not thread.is_alive():
                    raise RuntimeError("ffcv's thread ended; see above for its error") from None
        ((images, errors),) = found[1]
        return images, errors

    def _stop(self) -> None:
        """Wait for the thread's end."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        thread.close()
        # It heeds that only while it waits for room, which it has now.
        thread.iter_ixes = iter(())
        while thread.is_alive():
            with contextlib.suppress(queue.Empty):
                thread.output_queue.get_nowait()
            thread.join(0.01)


def _open(beton: Path, size: int, *, batch_size: int, whole: bool, workers: int | None) -> Ffcv:
    import numba
    import torch
    from ffcv.loader import Loader as Ffcv
    from ffcv.loader import OrderOption

    from shards.ffcv_crop import CropDecoder

    numba.config.THREADING_LAYER = "threadsafe"  # two loaders may run at once
    threads = torch.get_num_threads()
    cores: int = numba.config.NUMBA_NUM_THREADS
    opened = Ffcv(
        str(beton),
        batch_size=batch_size,
        # more than there are cores numba refuses
        num_workers=min(workers or cores, cores),
        os_cache=True,
        order=OrderOption.SEQUENTIAL,
        drop_last=False,
        batches_ahead=AHEAD,
        pipelines={"image": [CropDecoder(size, whole)], "label": None},
    )
    torch.set_num_threads(threads)  # ffcv gave PyTorch its own number
    return opened


def cached_beton(selection: Selection, folder: Path) -> Path:
    """The selection's .beton in `folder`, written there unless it is."""
    path = folder / f"{_identity(selection)}.beton"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")  # two runs may begin at once
        write_beton(selection, temporary, progress="beton")
        temporary.rename(path)
    return path


def _identity(selection: Selection) -> str:
    """The same for the same rows in the same order with the same classes; shards never change."""
    digest = hashlib.sha256(str(resolved(selection.shards_folder)).encode())
    digest.update("\n".join(selection.keys).encode())
    for array in (selection.class_index, selection.shard, selection.offset, selection.length):
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:24]


@contextlib.contextmanager
def ffcv_loaders(
    train: Selection,
    val: Selection,
    folder: Path,
    *,
    sizes: tuple[int, int],
    crops: Crops,
    batch_size: int,
    seed: int,
    max_repeat: float,
    workers: int | None,
    cache: bool,
) -> Iterator[tuple[Loader, Loader, Loader]]:
    """What a training run reads: random crops of `train`, its whole pictures, and those of `val`.
    The first two are as large as sizes[0], the last as sizes[1]; .beton files are kept in `folder`.

    Raises UsageError if the pictures are to be streamed (not `cache`), and as FfcvLoader does.
    """
    require_ffcv("--loader ffcv")
    if not cache:
        raise UsageError(
            "--loader ffcv cannot stream: it reads a file that holds the whole selection. Leave "
            "out --stream or --loader ffcv. Nothing was written."
        )
    kinds = ((train, sizes[0], crops), (train, sizes[0], None), (val, sizes[1], None))
    with contextlib.ExitStack() as stack:
        shown, still, judged = (
            stack.enter_context(
                FfcvLoader(
                    selection,
                    cached_beton(selection, folder),
                    size=size,
                    batch_size=batch_size,
                    seed=seed,
                    crops=random,
                    max_repeat=max_repeat if random else 1.0,
                    workers=workers,
                )
            )
            for selection, size, random in kinds
        )
        yield shown, still, judged
