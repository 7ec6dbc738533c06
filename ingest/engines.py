"""Who packs the shards. In: plans, and the function that packs one. Out: Packed, in any order.

An engine is anything with `map`; this one is processes of this machine.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Protocol

from ingest.pack import Packed
from ingest.plan import ShardPlan
from leaflake import UsageError

Pack = Callable[[ShardPlan], Packed]


class Engine(Protocol):
    """Packs shards, each once, side by side."""

    def map(self, pack: Pack, plans: Sequence[ShardPlan]) -> Iterator[Packed]:
        """What `pack` gives for every plan, in any order, as soon as it is there.

        Raises what `pack` raises, or UsageError, naming the shard, if a worker dies of something
        else. Work that is under way stops then, and when the caller wants no more.
        """
        ...


@dataclass(frozen=True)
class LocalProcesses:
    """Workers of this machine; a single one is this very process."""

    workers: int

    def __str__(self) -> str:
        return f"{self.workers} at once"

    def map(self, pack: Pack, plans: Sequence[ShardPlan]) -> Iterator[Packed]:
        """As Engine.map says."""
        if self.workers == 1 or len(plans) == 1:
            yield from map(pack, plans)
            return
        waiting = iter(plans)
        busy: dict[Connection, _Worker] = {}
        try:
            for plan in _first(waiting, self.workers):
                worker = _start_worker(pack)
                busy[worker.pipe] = worker
                worker.give(plan)
            while busy:
                for pipe in wait(list(busy)):
                    # wait() returns what it was given, but is typed as all that it could be given.
                    worker = busy[pipe]  # type: ignore[index]
                    yield worker.receive()
                    following = next(waiting, None)
                    if following is None:
                        busy.pop(worker.pipe).stop()
                    else:
                        worker.give(following)
        finally:
            for worker in busy.values():
                worker.stop()


class _Worker:
    """A process, its pipe, and the plan that it is at work on."""

    def __init__(self, process: BaseProcess, pipe: Connection) -> None:
        self.process = process
        self.pipe = pipe

    def give(self, plan: ShardPlan) -> None:
        self.plan = plan
        self.pipe.send(plan)

    def receive(self) -> Packed:
        """The finished shard. Raises what the worker raised, or UsageError if it is no more."""
        try:
            result = self.pipe.recv()
        except (EOFError, ConnectionResetError):
            self.process.join()
            raise UsageError(
                f"{self.plan.tar}: the process that packed this shard ended, {self._how()}. "
                "Shards that are complete are kept, and the catalog is as it was; the same "
                "command goes on from there."
            ) from None
        if isinstance(result, BaseException):
            raise result
        return result

    def stop(self) -> None:
        self.process.kill()  # its unfinished shard has no sidecar, so it counts for nothing
        self.process.join()
        self.pipe.close()

    def _how(self) -> str:
        status = self.process.exitcode or 0
        if status == -signal.SIGKILL:
            return "killed by signal 9, as the system does when memory runs out (fewer --workers?)"
        return f"killed by signal {-status}" if status < 0 else f"with exit status {status}"


def _first(plans: Iterator[ShardPlan], count: int) -> Iterator[ShardPlan]:
    for _, plan in zip(range(count), plans, strict=False):
        yield plan


def _start_worker(pack: Pack) -> _Worker:
    # spawn: a forked process would share the threads' locks of Arrow and DuckDB, and hold the
    # lake's lock on after this one was killed.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(pack, theirs), daemon=True)
    process.start()
    theirs.close()  # so that the end of the process is the end of the pipe
    return _Worker(process, ours)


def _work(pack: Pack, pipe: Connection) -> None:
    """Pack the plans that come down the pipe until it closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the first process decides
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        try:
            plan = pipe.recv()
        except EOFError:
            return
        try:
            pipe.send(pack(plan))
        except Exception as error:
            # Not swallowed: it goes to the first process, with the place where it happened.
            error.add_note("in a worker:\n" + traceback.format_exc())
            pipe.send(error)


def _end_with_parent() -> None:
    """A killed parent must not leave workers behind that go on writing."""
    parent = multiprocessing.parent_process()
    assert parent is not None  # only workers run this
    wait([parent.sentinel])
    os._exit(1)
