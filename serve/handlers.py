"""The HTTP handlers: read a picture within the limits, answer it in a thread, say no clearly.

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

from aiohttp import BodyPartReader, web

from serve.answer import DEFAULT_TOP, MAX_TOP
from serve.model import Model
from shards.decode import MAX_IMAGE_BYTES, DecodeError, decode_image

MULTIPART_OVERHEAD_BYTES = 64 * 2**10
"""Boundaries, part headers and small fields beside the picture."""

CHUNK_BYTES = 64 * 2**10
"""How much of a body is read before its size is looked at again."""

RETRY_AFTER_S = 1
"""A picture takes well under a second, so a full server has room again by then."""

UNPROCESSABLE = {"too_large": 413, "empty": 400, "not_an_image": 415, "unsupported": 415}
"""HTTP status for a reason of shards/decode.py; every other one is 422: a picture, but damaged."""

WHAT_TO_DO = {
    "empty": "Send the bytes of a picture.",
    "too_large": "Send a smaller picture; 2000 pixels on the long side are plenty.",
    "not_an_image": "Send a photograph as JPEG, PNG or WebP.",
    "unsupported": "Save the picture as JPEG, PNG or WebP and send that.",
    "animated": "Send one still picture.",
    "too_small": "Send a larger picture of the leaf.",
}
"""For the reasons that are not listed, the file itself is damaged."""


@dataclass(frozen=True)
class Limits:
    """What one server takes on. Each protects memory or the people waiting."""

    image_bytes: int = MAX_IMAGE_BYTES
    """The decoder's own limit, so that nothing is uploaded that it would refuse."""

    requests: int = 16
    """Pictures being uploaded, waiting or answered; the next one gets 503. At most this many
    bodies are in memory, 16 x 32 MiB."""

    workers: int = 2
    """Threads that decode and infer: one picture decodes while another is in the graph. Each may
    hold one decoded picture of up to 300 MB."""

    upload_s: float = 30.0
    """A body that takes longer is given up: 32 MiB in 30 s is 9 Mbit/s, and a phone's 4 MB
    photograph has time at 1 Mbit/s."""


class ApiError(Exception):
    """A refusal: HTTP status, a code for programs, a message and what to do for people."""

    def __init__(
        self, status: int, code: str, message: str, what_to_do: str, **headers: str
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.what_to_do = what_to_do
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


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
    """POST /api/predict: a multipart field `image`, or the picture's bytes as the body."""
    started = time.perf_counter()
    service = request.app[SERVICE]
    top = read_top(request.query.get("top", str(DEFAULT_TOP)))
    with service.place():
        data = await read_upload(request, service.limits)
        loop = asyncio.get_running_loop()
        try:
            answer, timings = await loop.run_in_executor(
                service.pool, answer_data, service.model, data, top
            )
        except DecodeError as error:
            raise refuse_picture(error) from error
    timings["total_ms"] = _ms_since(started)
    about = {"source": "server", "request_id": request[REQUEST_ID], "timings": timings}
    return web.json_response({**answer, **about})


def answer_data(model: Model, data: bytes, top: int) -> tuple[dict[str, Any], dict[str, float]]:
    """Decode and answer, in a worker thread, with the milliseconds that each took."""
    started = time.perf_counter()
    image = decode_image(data)
    decode_ms = _ms_since(started)
    started = time.perf_counter()
    answer = model.answer(image, top)
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


def refuse_picture(error: DecodeError) -> ApiError:
    """What the decoder found wrong, as an HTTP error with the decoder's reason as its code."""
    what_to_do = WHAT_TO_DO.get(error.reason, "Send it again, or take another picture.")
    status = UNPROCESSABLE.get(error.reason, 422)
    return ApiError(status, error.reason, f"The picture was not used: {error}.", what_to_do)


async def read_upload(request: web.Request, limits: Limits) -> bytes:
    """The picture's bytes, out of either kind of body, within the limits on size and time."""
    multipart = request.content_type.startswith("multipart/")
    body_bytes = limits.image_bytes + (MULTIPART_OVERHEAD_BYTES if multipart else 0)
    if (request.content_length or 0) > body_bytes:
        raise too_large(limits)
    read = _read_multipart if multipart else _read_body
    try:
        async with asyncio.timeout(limits.upload_s):
            data = await read(request, limits)
    except TimeoutError:
        raise ApiError(
            408,
            "too_slow",
            f"The picture had not arrived after {limits.upload_s:g} s.",
            "Try again with a better connection or a smaller picture.",
        ) from None
    if data:
        return data
    raise ApiError(
        400,
        "missing_image",
        'There is no picture in the request: no form field "image", and no bytes as the body.',
        "Send one: curl -F image=@leaf.jpg URL, or curl --data-binary @leaf.jpg URL.",
    )


def too_large(limits: Limits) -> ApiError:
    """More bytes than `limits.image_bytes`, declared or found."""
    message = f"The upload is over {limits.image_bytes:,} bytes."
    return ApiError(413, "too_large", message, WHAT_TO_DO["too_large"])


async def _read_body(request: web.Request, limits: Limits) -> bytes:
    data = bytearray()
    while chunk := await request.content.read(CHUNK_BYTES):
        data += chunk
        if len(data) > limits.image_bytes:
            raise too_large(limits)
    return bytes(data)


async def _read_multipart(request: web.Request, limits: Limits) -> bytes:
    """The field `image`, or no bytes. Fields before it count against the limit too."""
    left = limits.image_bytes
    try:
        reader = await request.multipart()
        while (part := await reader.next()) is not None:
            if not isinstance(part, BodyPartReader):
                raise ValueError("a multipart body inside a multipart body")
            data = bytearray()
            while not part.at_eof():
                data += await part.read_chunk(CHUNK_BYTES)
                if len(data) > left:
                    raise too_large(limits)
            if part.name == "image":
                return bytes(data)
            left -= len(data)
    except (ValueError, AssertionError) as error:  # how aiohttp says that the form is broken
        raise ApiError(
            400, "bad_form", f"The form cannot be read: {error}.", "Send it as multipart/form-data."
        ) from error
    return b""


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
