"""The model in its lanes, and how much they have taken on.

Everything here belongs to the event loop's thread; the lanes have threads of their own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from aiohttp import web

from serve.answer import Question
from serve.lanes import Job, Lanes, Said
from serve.metrics import Metrics
from serve.model import Model
from serve.pace import Pace
from serve.refusals import ApiError, refuse_picture
from serve.upload import Limits
from shards.decode import DecodeError


class Place:
    """A request's place in the server: what it holds of the memory for all bodies."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.held_bytes = 0

    def hold(self, num_bytes: int) -> None:
        """Count bytes of this request's body as they arrive; ApiError where there is no room."""
        service = self._service
        if service.held_bytes + num_bytes > service.limits.held_bytes:
            raise service.busy("the pictures in memory take all that there is for them")
        service.held_bytes += num_bytes
        self.held_bytes += num_bytes


class Service:
    """Answers pictures with the newest model, as many as it can in good time and no more."""

    def __init__(self, lanes: Lanes, limits: Limits, metrics: Metrics) -> None:
        self.limits = limits
        self.metrics = metrics
        self.places = 0
        """Requests that have a place: their body arrives, waits or is being answered."""
        self.asking = 0
        """Of these, the ones whose body has arrived."""
        self.pictures = 0
        """Waiting or being answered."""
        self.held_bytes = 0
        """Of all bodies that are in memory."""
        self._lanes = lanes
        self._pace = Pace(lanes.speed)
        metrics.show_model(self.model, lanes.speed)
        self.show_load()

    @property
    def model(self) -> Model:
        """The one that answers the next picture."""
        return self._lanes.model

    @property
    def lanes(self) -> Lanes:
        """Where it answers, and how quick they are."""
        return self._lanes

    @property
    def queue(self) -> int:
        """How many pictures may wait or be in hand."""
        return self.limits.queue or self._pace.queue

    @property
    def ready(self) -> bool:
        """Whether a picture would be taken now."""
        return self._why_full() is None

    def take_over(self, lanes: Lanes) -> None:
        """Answer what comes from now on there; what is in hand is answered where it is."""
        old, self._lanes = self._lanes, lanes
        self._pace = Pace(lanes.speed)
        old.close()
        self.metrics.show_model(self.model, lanes.speed)
        self.show_load()

    def show_load(self) -> None:
        """Bring the metrics up to date. Not done for each request, which it would make slower."""
        self.metrics.show_load(self)

    def close(self) -> None:
        """Take no more pictures."""
        self._lanes.close()

    @contextmanager
    def place(self) -> Iterator[Place]:
        """A place for one request, from before its body is read until it is answered.

        Raises ApiError (503, with Retry-After) at once where there is none.
        """
        if why := self._why_full():
            raise self.busy(why)
        place = Place(self)
        self.places += 1
        try:
            yield place
        finally:
            self.places -= 1
            self.held_bytes -= place.held_bytes

    def _why_full(self) -> str | None:
        if self.pictures >= self.queue:
            return f"{self.pictures} pictures are being answered already"
        if self.places - self.asking >= self.limits.uploads:
            return f"{self.places - self.asking} uploads are arriving already"
        if self.held_bytes >= self.limits.held_bytes:
            return "the pictures in memory take all that there is for them"
        return None

    def busy(self, why: str) -> ApiError:
        """The refusal of who comes when the server is full."""
        rate = self._pace.pictures_per_s
        wait_s = 1 if rate is None else max(1, math.ceil(self.pictures / rate))
        text = "a second" if wait_s == 1 else f"{wait_s} seconds"
        return ApiError(
            503,
            "busy",
            f"The server is full: {why}.",
            f"Try again in {text}.",
            Retry_After=str(wait_s),
        )

    async def answer(
        self, pictures: Sequence[bytes], question: Question
    ) -> tuple[dict[str, Any], dict[str, float]]:
        """The answer to one picture, or to several of one plant, and the milliseconds it took:
        `wait_ms` of the one that waited longest, `decode_ms` and `inference_ms` of all together.

        Raises ApiError for a picture that is none, and where the queue is full by now. If whoever
        asked goes away, so does the work.
        """
        # A plant of more pictures than fit is taken by a server that has nothing else to do.
        if self.pictures and self.pictures + len(pictures) > self.queue:
            raise self.busy(f"{self.pictures} pictures are being answered already")
        self.asking += 1
        self.pictures += len(pictures)
        lanes = self._lanes  # a takeover may come before the answer
        try:
            said = await _ask(lanes, pictures)
            if self.pictures > lanes.speed.lanes:  # so that others waited
                self._pace.note(said[-1].decode_s + said[-1].inference_s)
        except DecodeError as error:
            raise refuse_picture(error) from error
        finally:
            self.asking -= 1
            self.pictures -= len(pictures)
        row = lanes.model.row([one.prediction for one in said], question)
        timings = {
            "wait_ms": _ms(max(one.wait_s for one in said)),
            "decode_ms": _ms(sum(one.decode_s for one in said)),
            "inference_ms": _ms(sum(one.inference_s for one in said)),
        }
        self.metrics.count_answer(row["answer"]["rank"], timings)
        return row, timings


SERVICE = web.AppKey("service", Service)
REQUEST_ID = web.RequestKey("request_id", str)


async def _ask(lanes: Lanes, pictures: Sequence[bytes]) -> list[Said]:
    jobs = [Job(data) for data in pictures]
    try:
        for job in jobs:
            lanes.put(job)
        return [await job.said for job in jobs]
    finally:
        # Only of use if one failed or the asker is gone: the others need not be answered.
        for job in jobs:
            job.dropped = True
            job.said.cancel()


def _ms(seconds: float) -> float:
    return round(1000 * seconds, 2)
