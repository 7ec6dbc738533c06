"""One upload: its limits, reading it within them, and every refusal that it can meet.

In: a request. Out: the encoded bytes of its pictures, or an `ApiError`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from serve.form import split_form
from serve.refusals import WHAT_TO_DO, ApiError
from shards.decode import MAX_IMAGE_BYTES

FORM_OVERHEAD_BYTES = 64 * 2**10
"""Boundaries and the heads of fields."""

CHUNK_BYTES = 64 * 2**10
"""How much of a body is read before its size is looked at again."""

Hold = Callable[[int], None]
"""Told of bytes as they arrive, before they are kept; raises ApiError where there is no room."""


@dataclass(frozen=True)
class Limits:
    """What one server takes on. Each protects memory or the people waiting."""

    image_bytes: int = MAX_IMAGE_BYTES
    """The decoder's own limit, so that nothing is uploaded that it would refuse. Several pictures
    in one request share it."""

    pictures: int = 8
    """Of one plant, in one request. More say little more, and everybody else waits for them."""

    queue: int | None = None
    """Pictures waiting or being answered; whoever comes then gets 503. None: as many as are
    answered in serve/pace.py's QUEUE_S."""

    uploads: int = 256
    """Requests whose body is still arriving. More than `queue`, so that slow senders do not keep
    quick ones out."""

    held_bytes: int = 512 * 2**20
    """Of all bodies in memory together, arriving or waiting."""

    upload_s: float = 30.0
    """A body that takes longer is given up: 32 MiB in 30 s is 9 Mbit/s, and a phone's 3 MB
    photograph has time at 1 Mbit/s."""


async def read_upload(request: web.Request, limits: Limits, hold: Hold) -> list[bytes]:
    """The pictures' bytes, out of either kind of body, within the limits on size and time."""
    refuse_encoded(request)
    try:
        async with asyncio.timeout(limits.upload_s):
            if request.content_type.startswith("multipart/"):
                pictures = await _read_pictures(request, limits, hold)
            else:
                pictures = [bytes(await read_body(request, limits.image_bytes, hold))]
    except TimeoutError:
        raise ApiError(
            408,
            "too_slow",
            f"The picture had not arrived after {limits.upload_s:g} s.",
            "Try again with a better connection or a smaller picture.",
        ) from None
    if any(pictures):
        return pictures
    raise ApiError(
        400,
        "missing_image",
        'There is no picture in the request: no form field "image", and no bytes as the body.',
        "Send one: curl -F image=@leaf.jpg URL, or curl --data-binary @leaf.jpg URL.",
    )


def refuse_encoded(request: web.Request) -> None:
    """A compressed body could be a thousand times as large as it says, and no picture needs it."""
    found = request.headers.get("Content-Encoding", "identity")
    if found.strip().lower() != "identity":
        raise ApiError(
            415,
            "encoded_body",
            f"The body is compressed (Content-Encoding: {found[:40]}).",
            "Send it as it is; a JPEG does not get smaller.",
        )


def too_large(most: int) -> ApiError:
    """More bytes than `most`, declared or found."""
    message = f"The upload is over {most:,} bytes."
    return ApiError(413, "too_large", message, WHAT_TO_DO["too_large"])


async def read_body(request: web.Request, most: int, hold: Hold) -> bytearray:
    """The whole body; ApiError if it is over `most` bytes. The caller limits the time."""
    if (request.content_length or 0) > most:
        raise too_large(most)
    data = bytearray()
    while chunk := await request.content.read(CHUNK_BYTES):
        hold(len(chunk))
        data += chunk
        if len(data) > most:
            raise too_large(most)
    return data


async def read_form(request: web.Request, limits: Limits, hold: Hold) -> list[tuple[str, bytes]]:
    """Names and bytes of a form's fields, which share `limits.image_bytes`. ApiError, or ValueError
    for what is no form."""
    body = await read_body(request, limits.image_bytes + FORM_OVERHEAD_BYTES, hold)
    fields = split_form(body, request.headers["Content-Type"])
    if sum(len(data) for _, data in fields) > limits.image_bytes:
        raise too_large(limits.image_bytes)
    return fields


async def _read_pictures(request: web.Request, limits: Limits, hold: Hold) -> list[bytes]:
    """Every field `image` of a form."""
    try:
        fields = await read_form(request, limits, hold)
    except ValueError as error:
        raise ApiError(
            400, "bad_form", f"The form cannot be read: {error}.", "Send it as multipart/form-data."
        ) from error
    pictures = [data for name, data in fields if name == "image" and data]
    if len(pictures) > limits.pictures:
        raise ApiError(
            400,
            "too_many_pictures",
            f"There are {len(pictures)} pictures in the request, over the {limits.pictures} that "
            "are taken of one plant.",
            "Send the best of them.",
        )
    return pictures
