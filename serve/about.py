"""What the server is and can answer: GET /api/model, /api/species, /health/live, /health/ready,
/openapi.json, and /api/, which is the same for people."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Any

from aiohttp import web

from export.manifest import REJECTIONS
from serve.api_page import make_page
from serve.model import Model
from serve.openapi import make_document
from serve.options import OPTIONS
from serve.refusals import ApiError
from serve.service import SERVICE

HOST = re.compile(r"[A-Za-z0-9.:\[\]-]{1,255}")
"""What a sender may call this server, in an example that we show to it."""


async def about_model(request: web.Request) -> web.Response:
    """GET /api/model: what the model knows, how sure it has to be, and how quick it is here."""
    service = request.app[SERVICE]
    model = service.model
    manifest = model.manifest
    return web.json_response(
        {
            **model.about(),
            "num_species": len(model.labels.species_ids),
            "num_classes": len(model.labels.classes),
            "two_step": "crop" in manifest.input,
            "thresholds": manifest.thresholds,
            "rejection": dict(zip(REJECTIONS, model.thresholds.rejection, strict=True)),
            "speed": {**asdict(service.lanes.speed), "queue": service.queue},
        }
    )


async def all_species(request: web.Request) -> web.Response:
    """GET /api/species: every species that the model can answer, in the tree's order."""
    model = request.app[SERVICE].model
    return web.json_response({"species": list(species_by_id(model).values())})


async def one_species(request: web.Request) -> web.Response:
    """GET /api/species/{species_id}: one of them."""
    known = species_by_id(request.app[SERVICE].model)
    name = request.match_info["species_id"]
    if name in known:
        return web.json_response(known[name])
    raise ApiError(
        404,
        "unknown_species_id",
        f'This model knows no species "{name[:40]}".',
        "GET /api/species lists those that it knows.",
    )


def species_by_id(model: Model) -> dict[str, dict[str, Any]]:
    """Species id -> what the label tree says of the species and its conditions, in the words of the
    answers, and from which probability on each is answered."""
    thresholds = model.thresholds
    least = iter(thresholds.condition)
    found = {}
    for one, species_from in zip(model.manifest.tree["species"], thresholds.species, strict=True):
        found[one["species_id"]] = {
            "species_id": one["species_id"],
            "species": one["name"],
            "scientific": one["scientific"],
            "answered_from": species_from,
            "conditions": [
                {
                    "condition_id": each["condition_id"],
                    "condition": each["name"],
                    "cause": each.get("cause"),
                    "answered_from": next(least),
                }
                for each in one["conditions"]
            ],
        }
    return found


async def live(request: web.Request) -> web.Response:
    """GET /health/live: the event loop answers."""
    return web.json_response({"status": "live"})


async def ready(request: web.Request) -> web.Response:
    """GET /health/ready: 200 if a picture would be taken now, else 503."""
    if request.app[SERVICE].ready:
        return web.json_response({"status": "ready"})
    return web.json_response({"status": "busy"}, status=503)


async def openapi(request: web.Request) -> web.Response:
    """GET /openapi.json: the API for programs."""
    return web.json_response(_document(request))


async def api_page(request: web.Request) -> web.Response:
    """GET /api/: the API for people."""
    host = request.host if HOST.fullmatch(request.host) else "127.0.0.1:8000"
    page = make_page(_document(request), f"{request.scheme}://{host}")
    return web.Response(text=page, content_type="text/html")


def _document(request: web.Request) -> dict[str, Any]:
    return make_document(request.app[SERVICE].limits, request.app[OPTIONS])
