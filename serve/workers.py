"""`--workers N`: so many server processes on one port (SO_REUSEPORT), and who looks after them.

The supervisor answers nobody. It starts the workers, says where they listen once all of them do,
starts another for one that dies, passes SIGHUP and the signals to end on, and ends when they have
ended. It imports nothing that has threads, since a fork takes none of them along.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import selectors
import signal
import tempfile
import time
import traceback
from dataclasses import dataclass, replace

from leaflake import UsageError
from serve.listen import announce, reserve
from serve.settings import MULTIPROC_DIR, Settings
from serve.speed import count_cores

log = logging.getLogger("leaflake.serve")

QUICK_S = 2.0
"""The next worker for one that died comes no sooner than this after that one was started, so that
workers that cannot live do not keep the cores busy."""

LOOK_S = 0.5
"""How often the supervisor looks whether it is time to start one, and a worker whether its
supervisor is still there."""


@dataclass
class Worker:
    """A worker process, as its supervisor sees it."""

    pid: int

    pipe: int
    """Reading end: JSON [name, url] once the worker listens, or a text that says why it can't."""

    started: float
    """time.monotonic() of its fork."""

    ready: bool = False
    """Whether it listens."""


def run_workers(settings: Settings, num_workers: int) -> int:
    """Serve with so many processes until SIGTERM or SIGINT. Returns the exit status.

    Raises UsageError if the port or the bundle cannot be used.
    """
    held = reserve(settings.host, settings.port)
    with held, tempfile.TemporaryDirectory(prefix="leaflake-metrics-") as folder:
        os.environ[MULTIPROC_DIR] = folder
        port = held.getsockname()[1]
        return Supervisor(replace(settings, port=port), num_workers).run()


class Supervisor:
    """Keeps `num_workers` workers alive until it is told to end."""

    def __init__(self, settings: Settings, num_workers: int) -> None:
        self.settings = settings
        self.num_workers = num_workers
        self.workers: dict[int, Worker] = {}
        """By pid."""
        self.due: list[float] = [0.0] * num_workers
        """time.monotonic() from which on each worker that is missing may be started."""
        self.announced = False
        self.stopping = False
        self.status = 0
        self.refused: str | None = None
        """Why the workers cannot start."""
        self.selector = selectors.DefaultSelector()
        self.pid = os.getpid()

    def run(self) -> int:
        """Until all workers have ended. Returns 0, or 1 if they never came up, by a bug.

        Raises UsageError if they could not.
        """
        wake, signals = os.pipe()
        os.set_blocking(wake, False)
        os.set_blocking(signals, False)
        self.selector.register(wake, selectors.EVENT_READ)
        signal.set_wakeup_fd(signals)
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            # The byte in the pipe is what counts; a handler must be there for it to be written.
            signal.signal(number, lambda *_: None)
        while self.workers or not self.stopping:
            self.start_due()
            for key, _ in self.selector.select(LOOK_S):
                if key.fd == wake:
                    for byte in os.read(wake, 64):
                        self.heard(byte)
                else:
                    self.hear(key.data)
            self.bury()
        if self.refused is not None:
            raise UsageError(self.refused)
        return self.status

    def heard(self, number: int) -> None:
        """Pass a signal on."""
        if number == signal.SIGHUP:
            self.tell_all(signal.SIGHUP)
        elif number in (signal.SIGTERM, signal.SIGINT):
            self.stop()

    def stop(self) -> None:
        """Have all workers finish what they took."""
        self.stopping = True
        self.tell_all(signal.SIGTERM)

    def tell_all(self, number: int) -> None:
        """Send a signal to every worker. They are ours until `bury` has waited for them."""
        for pid in self.workers:
            os.kill(pid, number)

    def start_due(self) -> None:
        """Start the workers that are missing, as far as it is time."""
        now = time.monotonic()
        waiting = [] if self.stopping else self.due
        self.due = [at for at in waiting if at > now]
        for _ in range(len(waiting) - len(self.due)):
            worker = self.fork()
            self.workers[worker.pid] = worker
            self.selector.register(worker.pipe, selectors.EVENT_READ, worker)

    def fork(self) -> Worker:
        """Start one worker; in it, this never returns."""
        reads, writes = os.pipe()
        pid = os.fork()
        if pid:
            os.close(writes)
            return Worker(pid, reads, time.monotonic())
        os._exit(self.work(writes))

    def work(self, writes: int) -> int:
        """What a worker does; its exit status. Nothing may leave it but by os._exit."""
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until there is a bundle to be replaced
        try:
            asyncio.run(self.serve_until_orphaned(writes))
        except UsageError as error:
            os.write(writes, json.dumps(str(error)).encode())
            return 2
        except Exception:  # the last frame of this process: say what the bug was, and end
            traceback.print_exc()
            return 1
        return 0

    def hear(self, worker: Worker) -> None:
        """A worker says that it listens, or why it cannot; or its pipe is at its end."""
        said = os.read(worker.pipe, 2**16)
        self.selector.unregister(worker.pipe)
        if not said:
            return
        value = json.loads(said)
        if isinstance(value, str) and self.announced:
            log.error("worker %d cannot start: %s", worker.pid, value)
        elif isinstance(value, str):
            self.refused = value
        else:
            worker.ready = True
            self.announce_once(*value)

    def announce_once(self, name: str, url: str) -> None:
        """Say where they listen, once all of them do."""
        num_ready = sum(worker.ready for worker in self.workers.values())
        if not self.announced and num_ready == self.num_workers:
            self.announced = True
            announce(name, url)

    def bury(self) -> None:
        """Take note of the workers that have ended."""
        for pid, worker in list(self.workers.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                del self.workers[pid]
                self.forget(worker)
                self.miss(worker, os.waitstatus_to_exitcode(status))

    def forget(self, worker: Worker) -> None:
        """Its pipe, and its gauges, which would be added up with those of the living."""
        from prometheus_client.multiprocess import mark_process_dead  # after MULTIPROC_DIR is set

        if worker.pipe in self.selector.get_map():  # its last words came with its end
            self.hear(worker)
        os.close(worker.pipe)
        mark_process_dead(worker.pid)

    def miss(self, worker: Worker, code: int) -> None:
        """Start another for a worker that ended with this exit code; or give up, if the server
        never came up."""
        if self.stopping:
            return
        if not self.announced:
            self.status = 1
            self.stop()
            return
        log.error("worker %d ended with %d; another one takes its place", worker.pid, code)
        self.due.append(worker.started + QUICK_S)

    async def serve_until_orphaned(self, writes: int) -> None:
        """Serve with this worker's share of the cores, until told to end or left alone."""
        from serve.run import serve  # has threads, and counts into MULTIPROC_DIR

        def ready(name: str, url: str) -> None:
            os.write(writes, json.dumps([name, url]).encode())

        async def watch_supervisor() -> None:
            while os.getppid() == self.pid:
                await asyncio.sleep(LOOK_S)
            os.kill(os.getpid(), signal.SIGTERM)

        watch = asyncio.get_running_loop().create_task(watch_supervisor())
        cores = max(1, count_cores() // self.num_workers)
        try:
            await serve(self.settings, cores, ready, share_port=True)
        finally:
            watch.cancel()
