"""Worker processes that several loaders share. In: jobs. Out: what became of them.

They are plain processes with a pipe each, not children of multiprocessing: those import the main
script again, and with `fork` inherit locks of its threads.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import weakref
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path

import numpy as np

from shards.worker import Done, Job, Setup

_MAIN = "import sys; from shards.worker import main; main(int(sys.argv[1]))"
"""Not `-m`, which would make the module's classes other ones than those that we send."""

STOP_S = 5.0
"""A worker ends within a batch of its pipe's end; after this it is killed."""


class WorkerError(RuntimeError):
    """A worker died, or could not decode a picture; the message has the sample's key."""


@dataclass
class InFlight:
    """A job that a worker has."""

    job: Job
    keys: tuple[str, ...]
    """Of its pictures."""

    progress: np.ndarray
    """int64 (1,), which of them the worker is at."""

    worker: int = -1
    done: Done | None = None

    @property
    def key(self) -> str:
        """The sample that the worker is at, or was."""
        return self.keys[int(self.progress[0])]


class Workers:
    """`count` processes, started with the first job."""

    def __init__(self, count: int | None = None) -> None:
        """Without a number one for each core, shared among the processes of torchrun."""
        self.count = count or max(1, len(_cores()) // int(os.environ.get("LOCAL_WORLD_SIZE", 1)))
        self.processes: list[subprocess.Popen[bytes]] = []
        self._pipes: list[Connection] = []
        self._known: list[set[int]] = []
        self._in_flight: dict[int, InFlight] = {}
        self._num_jobs = 0
        self._num_loaders = 0
        self._stop = weakref.finalize(self, _stop, self.processes, self._pipes)

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def new_loader(self) -> int:
        """A number for one more loader."""
        self._num_loaders += 1
        return self._num_loaders

    def new_job(self) -> int:
        """A number for one more job."""
        self._num_jobs += 1
        return self._num_jobs

    def submit(self, setup: Setup, in_flight: InFlight) -> None:
        """Hand a job to the worker that has the fewest. Raises WorkerError if one died."""
        if not self.processes:
            self._start()
        load = [0] * self.count
        for other in self._in_flight.values():
            load[other.worker] += 1
        worker = in_flight.worker = load.index(min(load))
        in_flight.progress[0] = 0
        self._in_flight[in_flight.job.number] = in_flight
        try:
            if setup.loader not in self._known[worker]:
                self._pipes[worker].send(setup)
                self._known[worker].add(setup.loader)
            self._pipes[worker].send(in_flight.job)
        except ConnectionError:
            self._bury(worker)

    def finish(self, in_flight: InFlight) -> int:
        """Wait until that job is done. Returns how many of its pictures were not in the cache.

        Raises WorkerError if one could not be decoded or a worker died.
        """
        while in_flight.done is None:
            if not self.processes or in_flight.job.number not in self._in_flight:
                raise WorkerError("the workers were ended")
            for pipe in wait(self._pipes):
                assert isinstance(pipe, Connection)
                try:
                    done = pipe.recv()
                except (EOFError, ConnectionError):
                    self._bury(self._pipes.index(pipe))
                self._in_flight.pop(done.number).done = done
        if in_flight.done.error:
            raise WorkerError(f"sample {in_flight.key}: {in_flight.done.error}")
        return in_flight.done.misses

    def forget(self, loader: int) -> None:
        """Let the workers free what they keep for a loader."""
        for pipe, known in zip(self._pipes, self._known, strict=True):
            if loader in known:
                known.remove(loader)
                try:
                    pipe.send(loader)
                except ConnectionError:  # it is gone, and its memory with it
                    continue

    def close(self) -> None:
        """End the processes. The next job starts new ones."""
        self._in_flight.clear()
        self._known.clear()
        _stop(self.processes, self._pipes)

    def _start(self) -> None:
        folder = str(Path(__file__).parents[1])
        paths = [folder, *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            # NumPy's linear algebra is not used there, and its threads would take memory.
            "OPENBLAS_NUM_THREADS": "1",
        }
        for _ in range(self.count):
            ours, theirs = socket.socketpair()
            with theirs:
                self.processes.append(
                    subprocess.Popen(
                        [sys.executable, "-c", _MAIN, str(theirs.fileno())],
                        pass_fds=[theirs.fileno()],
                        process_group=0,  # Ctrl-C goes to the main process alone
                        stdin=subprocess.DEVNULL,
                        env=environment,
                    )
                )
            self._pipes.append(Connection(ours.detach()))
            self._known.append(set())

    def _bury(self, worker: int) -> None:
        """Say of which sample a worker died, and end the others."""
        process = self.processes[worker]
        status = process.wait()
        cause = f"exit status {status}"
        if status < 0:
            cause = signal.Signals(-status).name
            if status == -signal.SIGKILL:
                cause += ", as when the machine is out of memory"
        jobs = [other for other in self._in_flight.values() if other.worker == worker]
        at = f"at sample {jobs[0].key}" if jobs else "between two batches"
        self.close()
        raise WorkerError(f"worker process {process.pid} died ({cause}) {at}")


def _stop(processes: list[subprocess.Popen[bytes]], pipes: list[Connection]) -> None:
    for pipe in pipes:
        pipe.close()
    for process in processes:
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    pipes.clear()
    processes.clear()


def _cores() -> set[int] | range:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return range(os.cpu_count() or 1)
