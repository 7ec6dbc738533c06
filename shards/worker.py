"""A worker process: takes batches from a pipe and decodes them into shared memory.

Started by shards/workers.py. It imports little, so that it is there in a fifth of a second, and
ends when the pipe does, whatever happened to the process at its other end. Processes and not
threads: beside a main thread that keeps Python's lock for half of the time, two threads decoded
3,300 pictures a second and two processes 4,600; beside an idle one both 6,300.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from multiprocessing.connection import Connection

import cv2
import numpy as np

from catalog.storage import Place
from shards.crop import Cropper, Crops, region_box, squeeze
from shards.decode import DecodeError, decode_image
from shards.reads import read_range
from shards.shared import attach
from shards.slots import Slots


@dataclass(frozen=True)
class Setup:
    """What all batches of one loader have in common."""

    loader: int
    """Number of the loader among those that share the workers."""

    memory: str
    """Path of the shared memory with the slots."""

    slots: Slots
    cache: str | None
    """Path of the shared memory of shards/cache.py; None: encoded bytes are in the slot."""

    shards_folder: Place
    crops: Crops | None
    """None: whole pictures."""


@dataclass(frozen=True)
class Job:
    """One batch of M pictures."""

    loader: int
    number: int
    """Of the job, to tell it apart."""

    slot: int
    size: int
    """Side of the pictures."""

    row: np.ndarray
    """int64 (M,), which mark of the cache says that the bytes are there."""

    start: np.ndarray
    """int64 (M,), where the encoded bytes begin, in the cache or in the slot."""

    length: np.ndarray
    """int64 (M,)."""

    shard: np.ndarray
    """int64 (M,), where they come from if they are not in the cache."""

    offset: np.ndarray
    """int64 (M,)."""

    draws: np.ndarray
    """float32 (M, 5), see `Cropper.crop`."""

    region: np.ndarray | None = None
    """float32 (M, 4), see shards/select.py."""


@dataclass(frozen=True)
class Done:
    """What became of a job."""

    number: int
    misses: int
    """Pictures that were not in the cache yet."""

    error: str | None
    """Why the picture at the slot's progress could not be decoded."""


class Bench:
    """One loader's memory, and what it takes to make its batches."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.memory = attach(setup.memory)
        self.cache = attach(setup.cache) if setup.cache else None
        self.cropper = Cropper()

    def work(self, job: Job) -> Done:
        """Decode a batch into its slot."""
        slots, crops = self.setup.slots, self.setup.crops
        images = slots.images(self.memory.data, job.slot, job.size)
        progress = slots.progress(self.memory.data, job.slot)
        misses = 0
        for place in range(len(job.row)):
            progress[0] = place
            try:
                data = self.held(job, place)
                if data is None:
                    data = self.read(job, place)
                    misses += 1
                region = None if job.region is None else job.region[place]
                if crops:
                    self.cropper.crop(data, job.draws[place], crops, images[place], region)
                else:
                    image = decode_image(data.tobytes())
                    left, top, right, bottom = region_box(region, *image.shape[:2])
                    images[place] = squeeze(image[top:bottom, left:right], job.size)
            except (DecodeError, OSError, EOFError) as error:
                return Done(job.number, misses, str(error))
        return Done(job.number, misses, None)

    def held(self, job: Job, place: int) -> np.ndarray | None:
        """The encoded bytes from memory, if they are there."""
        start, length = job.start[place], job.length[place]
        if self.cache is None:
            return self.setup.slots.encoded(self.memory.data, job.slot)[start : start + length]
        if self.cache.data[job.row[place]]:
            return self.cache.data[start : start + length]
        return None

    def read(self, job: Job, place: int) -> np.ndarray:
        """The encoded bytes from the shard."""
        place_on_disk = int(job.shard[place]), int(job.offset[place]), int(job.length[place])
        data = read_range(self.setup.shards_folder, *place_on_disk)
        return np.frombuffer(data, np.uint8)


def serve(pipe: Connection) -> None:
    """Answer jobs until the pipe ends. A Setup comes before the first job of its loader; a number
    alone ends the loader of that number."""
    benches: dict[int, Bench] = {}
    while True:
        try:
            match pipe.recv():
                case Setup() as setup:
                    benches[setup.loader] = Bench(setup)
                case Job() as job:
                    pipe.send(benches[job.loader].work(job))
                case int() as loader:
                    benches.pop(loader)
        except (EOFError, ConnectionError):
            return
        except FileNotFoundError:  # the memory is gone: the other end is just closing
            return


def main(fd: int) -> None:
    """Serve the pipe `fd`."""
    cv2.setNumThreads(0)  # the workers are the threads
    with Connection(fd) as pipe:
        serve(pipe)
    os._exit(0)  # nothing to tidy up, and no need to wait for it
