"""One upload: its limits, reading it within them, and every refusal that it can meet.

In: a request. Out: the encoded bytes of one picture, or an `ApiError`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from aiohttp import BodyPartReader, web

from shards.decode import MAX_IMAGE_BYTES, DecodeError

MULTIPART_OVERHEAD_BYTES = 64 * 2**10
"""Boundaries, part headers and small fields beside the picture."""

CHUNK_BYTES = 64 * 2**10
"""How much of a body is read before its size is looked at again."""

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
    """A body that takes longer is given up: 32 MiB in 30 s is 9 Mbit/s, and a phone's 3 MB
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


def refuse_picture(error: DecodeError) -> ApiError:
    """What the decoder found wrong, as an HTTP error with the decoder's reason and words."""
    what_to_do = WHAT_TO_DO.get(error.reason, "Send it again, or take another picture.")
    status = UNPROCESSABLE.get(error.reason, 422)
    return ApiError(status, error.reason, str(error), what_to_do)


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
