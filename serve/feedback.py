"""POST /api/feedback: what somebody says of an answer, and the picture if they consent.

Off unless the server has an inbox. Whoever gets a 201 may rely on it: it is on the disk by then.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import web

from serve.client_address import client_address
from serve.correction import Correction, bad_feedback, read_correction
from serve.guard import network_of
from serve.inbox import Inbox
from serve.kept_picture import make_keepable
from serve.refusals import ApiError, refuse_picture
from serve.sender import sender_token
from serve.service import SERVICE, Place
from serve.upload import CHUNK_BYTES, read_form, refuse_encoded
from shards.decode import DecodeError

log = logging.getLogger("leaflake.serve")

MAX_JSON_BYTES = 16 * 2**10
"""A correction with the longest note has 3,000; the rest is for escapes and blanks."""

MAX_TAKEN = 64
"""Corrections being made fit and written; the next one gets 503. One whose body still arrives is
none of them, so that slow senders keep nobody out."""

RETRY_AFTER_S = 1
"""Sixty-four are written with a few waits for the disk, of milliseconds each."""

FIELDS = ("feedback", "image")
"""Of the form."""


@dataclass
class Feedback:
    """Where corrections go, and how much is on its way there."""

    inbox: Inbox
    taken: int = 0
    """Corrections being made fit and written. Touched only by the event loop."""

    thread: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="keep")
    )
    """Makes one picture after another fit to be kept, so that the answers have the processor."""


FEEDBACK: web.AppKey[Feedback] = web.AppKey("feedback", Feedback)


def add_feedback(app: web.Application, lake: Path | None) -> None:
    """The route, and the inbox of `lake`; without a lake the route says that it is off.

    Raises UsageError if the inbox cannot be written to.
    """
    app.router.add_post("/api/feedback", feedback)
    if lake is not None:
        app[FEEDBACK] = Feedback(Inbox(lake))
        app.cleanup_ctx.append(_close)


async def _close(app: web.Application) -> AsyncIterator[None]:
    yield
    app[FEEDBACK].thread.shutdown()
    await app[FEEDBACK].inbox.close()


async def feedback(request: web.Request) -> web.Response:
    """POST /api/feedback: a correction as JSON; or a form with it as `feedback` and the picture as
    `image`."""
    state = request.app.get(FEEDBACK)
    if state is None:
        raise ApiError(
            404,
            "feedback_off",
            "This server takes no corrections.",
            "Whoever runs it can switch them on: leaflake serve BUNDLE --inbox LAKE.",
        )
    refuse_encoded(request)
    if request.content_type.startswith("multipart/"):
        with request.app[SERVICE].place() as place:
            return await _take(request, state, *await _in_time(request, place))
    return await _take(request, state, *await _in_time(request, None))


async def _take(
    request: web.Request, state: Feedback, text: bytes, image: bytes | None
) -> web.Response:
    """Check, and keep, if so many others are not being kept."""
    said = read_correction(text, request.app[SERVICE].model.labels)
    if state.taken >= MAX_TAKEN:
        raise ApiError(
            503,
            "busy",
            f"{state.taken} corrections are being written already.",
            f"Try again in {RETRY_AFTER_S} second(s).",
            Retry_After=str(RETRY_AFTER_S),
        )
    state.taken += 1
    try:
        return await _keep(request, state, said, image)
    finally:
        state.taken -= 1


async def _keep(
    request: web.Request, state: Feedback, said: Correction, image: bytes | None
) -> web.Response:
    jpeg = None
    if image is not None and said.consent:
        loop = asyncio.get_running_loop()
        try:
            jpeg = await loop.run_in_executor(state.thread, make_keepable, image)
        except DecodeError as error:
            raise refuse_picture(error) from error
    key = secrets.token_hex(8)
    try:
        sender = sender_token(state.inbox.folder, network_of(client_address(request)))
        row = make_row(key, said, sender)
        await state.inbox.add(key, row, jpeg)
    except OSError as error:
        log.error("inbox %s: a correction was not kept: %s", state.inbox.folder, error)
        raise ApiError(
            507,
            "not_kept",
            "The server cannot store the correction now.",
            "Send it again later. Nothing was kept.",
        ) from error
    return web.json_response({"feedback_id": key, "picture_kept": jpeg is not None}, status=201)


def make_row(key: str, said: Correction, sender: str | None) -> dict[str, Any]:
    """The row of one correction."""
    received = datetime.now(UTC).isoformat(timespec="seconds")
    return {"feedback_id": key, "received": received, "sender": sender, **said.to_row()}


async def _in_time(request: web.Request, place: Place | None) -> tuple[bytes, bytes | None]:
    """(JSON, picture) of either kind of body, within the limits on size and time."""
    limit_s = request.app[SERVICE].limits.upload_s
    try:
        async with asyncio.timeout(limit_s):
            if place is not None:
                return await _read_form(request, place)
            if request.content_type != "application/json":
                raise ApiError(
                    415,
                    "not_json",
                    f"The body is {request.content_type}.",
                    "Send application/json, or multipart/form-data with a picture.",
                )
            return await _read_json(request), None
    except TimeoutError:
        raise ApiError(
            408,
            "too_slow",
            f"The correction had not arrived after {limit_s:g} s.",
            "Try again with a better connection, or without the picture.",
        ) from None


async def _read_json(request: web.Request) -> bytes:
    data = bytearray()
    while chunk := await request.content.read(CHUNK_BYTES):
        data += chunk
        if len(data) > MAX_JSON_BYTES:
            raise _too_long()
    return bytes(data)


async def _read_form(request: web.Request, place: Place) -> tuple[bytes, bytes | None]:
    """The fields `feedback` and `image`, in either order, each once."""
    try:
        fields = await read_form(request, request.app[SERVICE].limits, place.hold)
    except ValueError as error:
        raise bad_feedback(f"the form is broken ({error})") from error
    found = dict(fields)
    if len(found) < len(fields) or not found.keys() <= set(FIELDS):
        raise bad_feedback("the form has other fields than feedback and image, each once")
    if "feedback" not in found:
        raise bad_feedback("the form has no field feedback")
    if len(found["feedback"]) > MAX_JSON_BYTES:
        raise _too_long()
    return found["feedback"], found.get("image")


def _too_long() -> ApiError:
    return ApiError(
        413,
        "too_large",
        f"The correction is over {MAX_JSON_BYTES:,} bytes.",
        "Shorten the note. Nothing was kept.",
    )
