"""POST /api/predict: one picture, or several of one plant, in; the answer out.

Every refusal is an `ApiError`; app.py turns it into the JSON that all errors share.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence

from aiohttp import web

from serve.answer import DEFAULT_TOP, MAX_TOP, Question
from serve.fetch_url import UrlRules, fetch_picture
from serve.labels import NO_PLANT
from serve.options import OPTIONS
from serve.refusals import ApiError
from serve.service import REQUEST_ID, SERVICE
from serve.upload import Hold, Limits, read_body, read_upload, refuse_encoded

MAX_JSON_BYTES = 8 * 2**10
"""Of a body that names the address of a picture."""

URL_RULES = UrlRules()


async def predict(request: web.Request) -> web.Response:
    """POST /api/predict: fields `image` of a form, or one picture's bytes as the body.

    With `--allow-urls` also a JSON object with the address of a picture, `{"url": ...}`. The query
    is that of `read_question`.
    """
    started = time.perf_counter()
    service = request.app[SERVICE]
    question = read_question(request, service.model.labels.species_ids)
    with service.place() as place:
        pictures = await read_pictures(request, service.limits, place.hold)
        upload_ms = _ms_since(started)
        row, timings = await service.answer(pictures, question)
    timings = {"upload_ms": upload_ms, **timings, "total_ms": _ms_since(started)}
    about = {"source": "server", "timings": timings, "request_id": request[REQUEST_ID]}
    return web.json_response({**row, **about})


def _ms_since(started: float) -> float:
    return round(1000 * (time.perf_counter() - started), 2)


async def read_pictures(request: web.Request, limits: Limits, hold: Hold) -> list[bytes]:
    """The pictures that were sent, or the one whose address was."""
    if request.content_type != "application/json":
        return await read_upload(request, limits, hold)
    if not request.app[OPTIONS].allow_urls:
        raise ApiError(
            403,
            "urls_off",
            "This server fetches no pictures by their address.",
            "Upload the picture itself, or start the server with --allow-urls.",
        )
    url = await read_url(request, limits)
    return [await fetch_picture(url, URL_RULES, hold)]


async def read_url(request: web.Request, limits: Limits) -> str:
    """The `url` of the JSON object in the body."""
    refuse_encoded(request)
    try:
        async with asyncio.timeout(limits.upload_s):
            value = json.loads(await read_body(request, MAX_JSON_BYTES, lambda _: None))
    except (ValueError, RecursionError):
        value = None
    except TimeoutError:
        raise ApiError(
            408, "too_slow", "The address had not arrived in time.", "Try again."
        ) from None
    if isinstance(value, dict) and set(value) == {"url"} and isinstance(value["url"], str):
        return value["url"]
    raise ApiError(
        400,
        "bad_json",
        "The body is no JSON object with a url alone.",
        'Send {"url": "https://..."}, or a picture with another Content-Type.',
    )


def read_question(request: web.Request, known: Sequence[str]) -> Question:
    """The query: `top` (how many candidates), `reject=off` (leave out the rejection rule) and
    `species` (ids, with commas or repeated: the species that it can only be)."""
    query = request.query
    return Question(
        top=read_top(query.get("top", str(DEFAULT_TOP))),
        reject=read_reject(query.get("reject", "on")),
        species=read_species(query.getall("species"), known) if "species" in query else None,
    )


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


def read_species(texts: Sequence[str], known: Sequence[str]) -> frozenset[str]:
    """The query values `species`; `known` are the ids of the model that answers."""
    named = {name for text in texts for name in text.split(",") if name}
    unknown = sorted(named - set(known))
    if not unknown and named - {NO_PLANT}:
        return frozenset(named)
    found = f'"{unknown[0][:40]}", which this model does not know' if unknown else "no plant"
    raise ApiError(
        400,
        "bad_species",
        f"species names {found}.",
        "Name species ids of GET /api/species, with commas between them.",
    )
