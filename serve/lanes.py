"""Threads that answer pictures side by side, each with its share of the cores.

In: encoded bytes. Out: a `Prediction` and how long it took. serve/measure.py finds how many lanes
there are; a picture that is alone gets the threads of all of them. The threads are our own: those
of concurrent.futures cost the event loop three turns for an answer instead of two, and a lock more.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from queue import SimpleQueue

from serve.answer import Prediction
from serve.model import Model
from serve.speed import Speed

AT_ONCE = 4
"""Answers that are handed out together, where enough pictures wait for a lane that the next one is
answered soon. An event loop that is woken for each of them has been driven out of the processor's
caches by the graph every time: 211 requests/s and 4.83 ms of processor each, against 188 and 5.29
(EfficientNet-Lite0, INT8, 16 clients, two cores that others used too, 2026-11-22)."""

WAITING_EACH = 3
"""Pictures that must wait for a lane for each answer that is held back."""


@dataclass(frozen=True)
class Said:
    """What the model says of one picture, and the seconds it took."""

    prediction: Prediction

    wait_s: float
    """From being given to the lanes until a lane took it."""

    decode_s: float

    inference_s: float


@dataclass(eq=False)
class Job:
    """One picture on its way through a lane; made in the event loop."""

    data: bytes
    """Encoded, as it was sent."""

    dropped: bool = False
    """Set by whoever waited for it, once nobody does: it is answered no further."""

    placed: float = field(default_factory=time.perf_counter)
    """When it was made, in seconds, as the times in `Said`."""

    said: asyncio.Future[Said] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    """Or the exception of decoder or graph. Never set if the job was dropped before."""

    def tell(self, said: Said | Exception) -> None:
        """In the event loop: whoever waits for `said` goes on."""
        if self.said.done():  # cancelled
            return
        if isinstance(said, Exception):
            self.said.set_exception(said)
        else:
            self.said.set_result(said)


class Lanes:
    """One model in as many threads as `speed` says."""

    def __init__(self, model: Model, lone_model: Model, speed: Speed) -> None:
        """Both are the same, `lone_model` with the threads for a picture that is alone."""
        self.speed = speed
        self.model = model
        self._lone_model = lone_model
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._answered: deque[tuple[Job, Said | Exception]] = deque()
        self._lock = threading.Lock()
        self._in_hand = 0  # pictures that wait or are being answered
        for number in range(speed.lanes):
            # A session for each: in one that two lanes shared, their allocations got in each
            # other's way, 461 pictures a second instead of 486 (EfficientNet-Lite0 in INT8, two
            # cores, 2026-11-22).
            own = model.with_threads(speed.threads, spinning=False) if number else model
            # Daemons, so that a process that ends by an error does not wait for them.
            lane = threading.Thread(
                target=self._work, args=(own,), name=f"lane {number}", daemon=True
            )
            lane.start()

    @classmethod
    def open(cls, model: Model, speed: Speed) -> Lanes:
        """The lanes for a speed that is known, in sessions of their own."""
        narrow = model.with_threads(speed.threads, spinning=False)
        if speed.lone_threads == speed.threads:
            return cls(narrow, narrow, speed)
        lone = model.with_threads(speed.lone_threads, spinning=speed.spinning)
        return cls(narrow, lone, speed)

    def put(self, job: Job) -> None:
        """Have one picture answered, after those that were put before it."""
        self._count(1)
        self._jobs.put(job)

    def close(self) -> None:
        """Take no more; what is queued is still answered, in its own time."""
        for _ in range(self.speed.lanes):
            self._jobs.put(None)

    def _count(self, more: int) -> None:
        with self._lock:
            self._in_hand += more

    def _work(self, model: Model) -> None:
        """A lane's thread."""
        while (job := self._jobs.get()) is not None:
            self._take(job, model)
            del job  # while it waits, a lane keeps no picture in memory
        self._wake()

    def _take(self, job: Job, model: Model) -> None:
        try:
            said: Said | Exception | None = self._answer(job, model)
        except Exception as error:  # it is raised where somebody waits for the picture
            said = error
        self._count(-1)
        if said is not None:
            self._answered.append((job, said))
        enough = len(self._answered) > min(self._jobs.qsize() // WAITING_EACH, AT_ONCE - 1)
        if enough or isinstance(said, Exception):  # which may make others of its plant vain
            self._wake()

    def _wake(self) -> None:
        """Have the event loop hand out what is answered."""
        try:
            job, _ = self._answered[0]
            job.said.get_loop().call_soon_threadsafe(self._hand_out)
        except IndexError:  # it is being handed out already
            pass
        except RuntimeError:  # the loop has ended, and with it whoever waited
            self._answered.clear()

    def _hand_out(self) -> None:
        """In the event loop."""
        while self._answered:
            job, said = self._answered.popleft()
            job.tell(said)

    def _answer(self, job: Job, model: Model) -> Said | None:
        """None if the job was dropped before it was answered."""
        taken = time.perf_counter()
        if job.dropped:
            return None
        image = model.decode(job.data)
        decoded = time.perf_counter()
        if job.dropped:
            return None
        prediction = (self._lone_model if self._in_hand == 1 else model).run(image)
        answered = time.perf_counter()
        return Said(prediction, taken - job.placed, decoded - taken, answered - decoded)
