"""Processes that share out the work of `leaflake group`. In: a function and its arguments."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from typing import TypeVar

import cv2

from leaflake import UsageError

BLAS_THREADS = "OPENBLAS_NUM_THREADS"
"""What NumPy's matrix product reads when a process starts. A pair of pictures is too little work to
be shared out: with two threads in each of two processes it took ten times as long."""

Task = TypeVar("Task")
Result = TypeVar("Result")


def map_tasks(
    work: Callable[[Task], Result], tasks: Sequence[Task], workers: int
) -> Iterator[Result]:
    """What `work` gives for each task, in order; one of one worker is done in this process.

    Raises what `work` raises, or UsageError if a process is killed.
    """
    if workers == 1 or len(tasks) == 1:
        yield from map(work, tasks)
        return
    before = os.environ.get(BLAS_THREADS)
    os.environ[BLAS_THREADS] = "1"
    # spawn: a forked process would share the threads' locks of Arrow and DuckDB.
    context = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(workers, context, _start) as pool:
            try:
                yield from pool.map(work, tasks)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
    except BrokenProcessPool:
        raise UsageError(
            "a worker process was killed, as the system does when memory runs out (fewer "
            "--workers?). What was complete is kept, and the lake is as it was; the same command "
            "goes on from there."
        ) from None
    finally:
        if before is None:
            del os.environ[BLAS_THREADS]
        else:
            os.environ[BLAS_THREADS] = before


def _start() -> None:
    cv2.setNumThreads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A killed parent must not leave workers behind that wait for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None  # only workers run this
    wait([parent.sentinel])
    os._exit(1)
