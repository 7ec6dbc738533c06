from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from two_plants import RUST, picture

from serve.lanes import Job, Lanes, Said
from serve.model import Model
from serve.speed import Speed

TWO_LANES = Speed(lanes=2, threads=1, lone_threads=2)
ONE_LANE = Speed(lanes=1, threads=1, lone_threads=1)


@dataclass
class Fake:
    """Decodes to the same bytes and answers with its own name."""

    name: str
    ran: list[bytes] = field(default_factory=list)
    before_run: Callable[[], Any] = lambda: None
    after_decode: Callable[[], Any] = lambda: None

    def with_threads(self, threads: int, *, spinning: bool) -> Fake:
        """The session of another lane."""
        return self

    def decode(self, data: bytes) -> bytes:
        self.after_decode()
        return data

    def run(self, image: bytes) -> str:
        self.ran.append(image)
        self.before_run()
        return self.name


def lanes_of(lane: Fake, lone: Fake, speed: Speed) -> Lanes:
    return Lanes(cast(Model, lane), cast(Model, lone), speed)


def ask(lanes: Lanes, *jobs: bytes, dropped: bool = False) -> list[Said]:
    """What the lanes say of pictures that come at once."""

    async def run() -> list[Said]:
        put = [Job(data, dropped) for data in jobs]
        for job in put:
            lanes.put(job)
        async with asyncio.timeout(5):
            return [await job.said for job in put]

    return asyncio.run(run())


def names(said: list[Said]) -> list[Any]:
    return [one.prediction for one in said]


def test_picture_alone_has_all_threads_and_others_share_them() -> None:
    both = threading.Barrier(2, timeout=5)
    lane, lone = Fake("lane"), Fake("lone")
    lanes = lanes_of(lane, lone, TWO_LANES)
    assert names(ask(lanes, b"a")) == ["lone"]
    lane.after_decode = both.wait  # until both are in hand,
    lane.before_run = both.wait  # and both have chosen their threads
    assert names(ask(lanes, b"a", b"b")) == ["lane", "lane"]
    lane.after_decode = lambda: None
    assert names(ask(lanes, b"a")) == ["lone"]
    lanes.close()


def test_times_of_a_picture_are_told_apart() -> None:
    fake = Fake("lane", before_run=lambda: time.sleep(0.05))
    lanes = lanes_of(fake, fake, ONE_LANE)
    first, second = ask(lanes, b"a", b"b")
    assert first.inference_s >= 0.05 and second.inference_s >= 0.05
    assert first.wait_s < second.wait_s
    assert second.wait_s >= 0.04
    assert 0 <= first.decode_s < first.inference_s
    lanes.close()


def test_pictures_are_answered_in_the_order_in_which_they_came() -> None:
    fake = Fake("lane")
    lanes = lanes_of(fake, fake, ONE_LANE)
    ask(lanes, b"a", b"b", b"c", b"d")
    assert fake.ran == [b"a", b"b", b"c", b"d"]
    lanes.close()


def test_dropped_picture_is_neither_decoded_nor_answered() -> None:
    def fail() -> None:
        raise AssertionError("decoded")

    fake = Fake("lane", after_decode=fail)
    lanes = lanes_of(fake, fake, ONE_LANE)
    with pytest.raises(TimeoutError):
        drop_and_wait(lanes, Fake("unused"), before=True)
    assert fake.ran == []
    lanes.close()


def test_picture_dropped_while_it_is_decoded_is_not_answered() -> None:
    fake = Fake("lane")
    lanes = lanes_of(fake, fake, ONE_LANE)
    with pytest.raises(TimeoutError):
        drop_and_wait(lanes, fake, before=False)
    assert fake.ran == []
    lanes.close()


def drop_and_wait(lanes: Lanes, fake: Fake, *, before: bool) -> None:
    """Put a job that is dropped before a lane takes it, or while `fake` decodes it."""

    async def run() -> None:
        job = Job(b"a", dropped=before)
        fake.after_decode = lambda: setattr(job, "dropped", True)
        lanes.put(job)
        async with asyncio.timeout(0.2):
            await job.said

    asyncio.run(run())


def test_closed_lanes_still_answer_what_they_took() -> None:
    fake = Fake("lane", before_run=lambda: time.sleep(0.05))
    lanes = lanes_of(fake, fake, ONE_LANE)

    async def run() -> list[Said]:
        jobs = [Job(b"a") for _ in range(3)]
        for job in jobs:
            lanes.put(job)
        lanes.close()
        return [await job.said for job in jobs]

    assert names(asyncio.run(run())) == ["lane"] * 3


def test_error_of_one_picture_leaves_its_lane_to_the_next() -> None:
    def fail() -> None:
        raise ValueError("this picture")

    fake = Fake("lane", before_run=fail)
    lanes = lanes_of(fake, fake, ONE_LANE)
    with pytest.raises(ValueError, match="this picture"):
        ask(lanes, b"a")
    fake.before_run = lambda: None
    assert names(ask(lanes, b"a")) == ["lane"]
    lanes.close()


@pytest.mark.parametrize(
    ("pictures", "handed_out"),
    [
        (1, [1]),
        (3, [1, 1, 1]),
        (5, [2, 1, 1, 1]),
        (12, [4, 3, 2, 1, 1, 1]),
        (30, [4, 4, 4, 4, 4, 3, 2, 2, 1, 1, 1]),
    ],
)
def test_answers_are_handed_out_together_while_others_wait(
    pictures: int, handed_out: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[int] = []
    all_put, handed = threading.Event(), threading.Semaphore(0)
    hand_out, wake = Lanes._hand_out, Lanes._wake

    def count(self: Lanes) -> None:
        found.append(len(self._answered))
        hand_out(self)
        handed.release()

    def wake_and_wait(self: Lanes) -> None:
        wake(self)
        handed.acquire(timeout=5)  # so that it is no question of time what is handed out together

    async def run() -> None:
        jobs = [Job(b"a") for _ in range(pictures)]
        for job in jobs:
            lanes.put(job)
        all_put.set()
        for job in jobs:
            await job.said

    monkeypatch.setattr(Lanes, "_hand_out", count)
    monkeypatch.setattr(Lanes, "_wake", wake_and_wait)
    fake = Fake("lane", after_decode=lambda: all_put.wait(5))
    lanes = lanes_of(fake, fake, ONE_LANE)
    asyncio.run(run())
    assert found == handed_out


def test_many_lanes_that_are_closed_keep_no_answer_back() -> None:
    fake = Fake("lane", before_run=lambda: time.sleep(0.02))
    lanes = lanes_of(fake, fake, Speed(lanes=8, threads=1, lone_threads=1))

    async def run() -> list[Said]:
        jobs = [Job(b"a") for _ in range(9)]
        for job in jobs:
            lanes.put(job)
        lanes.close()
        async with asyncio.timeout(5):
            return [await job.said for job in jobs]

    assert names(asyncio.run(run())) == ["lane"] * 9


def test_answer_that_comes_after_the_end_of_the_loop_does_no_harm() -> None:
    going = threading.Event()
    fake = Fake("lane", before_run=lambda: going.wait(5))
    lanes = lanes_of(fake, fake, ONE_LANE)

    async def run() -> None:
        lanes.put(Job(b"a"))

    asyncio.run(run())
    going.set()
    assert names(ask(lanes, b"b")) == ["lane"]
    lanes.close()


def test_lanes_of_a_real_model_answer_alike_alone_and_side_by_side(model: Model) -> None:
    lanes = Lanes.open(model, TWO_LANES)
    (alone,) = ask(lanes, picture(RUST))
    for one in ask(lanes, *[picture(RUST)] * 8):
        assert one.prediction.joint_probs == pytest.approx(alone.prediction.joint_probs, abs=1e-6)
    lanes.close()
