"""The HTTP handlers: one picture in, its answer out, made in a thread beside the event loop.

Every refusal is an `ApiError`; app.py turns it into the JSON that all errors share.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from export.manifest import REJECTIONS
from serve.answer import DEFAULT_TOP, MAX_TOP
from serve.model import Model
from serve.upload import ApiError, Limits, read_upload, refuse_picture
from shards.decode import DecodeError

RETRY_AFTER_S = 1
"""A picture takes well under a second, so a full server has room again by then."""


@dataclass
class Service:
    """The model, the threads that use it, and how much they have taken on."""

    model: Model
    limits: Limits
    taken: int = 0
    """Pictures being uploaded, waiting or answered. Touched only by the event loop."""

    pool: ThreadPoolExecutor = field(init=False)

    def __post_init__(self) -> None:
        self.pool = ThreadPoolExecutor(self.limits.workers, thread_name_prefix="answer")

    @property
    def ready(self) -> bool:
        """Whether a picture would be taken now."""
        return self.taken < self.limits.requests

    @contextmanager
    def place(self) -> Iterator[None]:
        """One of `limits.requests` places, from before the upload until the answer is made."""
        if self.taken >= self.limits.requests:
            raise ApiError(
                503,
                "busy",
                f"{self.taken} pictures are being answered already.",
                f"Try again in {RETRY_AFTER_S} second(s).",
                Retry_After=str(RETRY_AFTER_S),
            )
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1


SERVICE = web.AppKey("service", Service)
REQUEST_ID = web.RequestKey("request_id", str)


async def predict(request: web.Request) -> web.Response:
    """POST /api/predict: a multipart field `image`, or the picture's bytes as the body.

    `top` in the query says how many candidates, and `reject=off` leaves out the rejection rule.
    """
    started = time.perf_counter()
    service = request.app[SERVICE]
    top = read_top(request.query.get("top", str(DEFAULT_TOP)))
    reject = read_reject(request.query.get("reject", "on"))
    with service.place():
        data = await read_upload(request, service.limits)
        loop = asyncio.get_running_loop()
        try:
            answer, timings = await loop.run_in_executor(
                service.pool, answer_data, service.model, data, top, reject
            )
        except DecodeError as error:
            raise refuse_picture(error) from error
    timings["total_ms"] = _ms_since(started)
    about = {"source": "server", "request_id": request[REQUEST_ID], "timings": timings}
    return web.json_response({**answer, **about})


def answer_data(
    model: Model, data: bytes, top: int, reject: bool
) -> tuple[dict[str, Any], dict[str, float]]:
    """Decode and answer, in a worker thread, with the milliseconds that each took."""
    started = time.perf_counter()
    image = model.decode(data)
    decode_ms = _ms_since(started)
    started = time.perf_counter()
    answer = model.answer(image, top, reject=reject)
    return answer, {"decode_ms": decode_ms, "inference_ms": _ms_since(started)}


def _ms_since(started: float) -> float:
    return round(1000 * (time.perf_counter() - started), 2)


def read_top(text: str) -> int:
    """The query value `top`."""
    if len(text) <= 2 and text.isascii() and text.isdigit() and 1 <= int(text) <= MAX_TOP:
        return int(text)
    raise ApiError(
        400, "bad_top", f'top is "{text[:20]}".', f"Ask for a whole number from 1 to {MAX_TOP}."
    )


def read_reject(text: str) -> bool:
    """The query value `reject`."""
    if text in ("on", "off"):
        return text == "on"
    raise ApiError(400, "bad_reject", f'reject is "{text[:20]}".', "Ask for on or off.")


async def about_model(request: web.Request) -> web.Response:
    """GET /api/model: what the model knows, and how sure it has to be."""
    model = request.app[SERVICE].model
    manifest = model.manifest
    return web.json_response(
        {
            "name": manifest.name,
            "created": manifest.created,
            "file": model.file,
            "num_species": len(model.labels.species_ids),
            "num_classes": len(model.labels.classes),
            "thresholds": manifest.thresholds,
            "rejection": dict(zip(REJECTIONS, model.thresholds.rejection, strict=True)),
            "species": manifest.tree["species"],
        }
    )


async def live(request: web.Request) -> web.Response:
    """GET /health/live: the event loop answers."""
    return web.json_response({"status": "live"})


async def ready(request: web.Request) -> web.Response:
    """GET /health/ready: 200 if a picture would be taken now, else 503."""
    if request.app[SERVICE].ready:
        return web.json_response({"status": "ready"})
    return web.json_response({"status": "busy"}, status=503)
