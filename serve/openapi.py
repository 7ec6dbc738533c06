"""The API described for programs: GET /openapi.json (OpenAPI 3.1); serve/api_page.py is for people.

In: the limits and options of a server. Out: one document. tests/serve/test_openapi.py holds it
against the routes and against real answers.
"""

from __future__ import annotations

from typing import Any

from serve.answer import DEFAULT_TOP, MAX_TOP
from serve.openapi_schemas import SCHEMAS, Schema, array, obj, ref, text
from serve.options import Options
from serve.upload import Limits

OPENAPI = "3.1.0"
API_VERSION = "1"

ABOUT = """\
Pictures of plants in, species and condition out; or that it is not sure, or that there is no plant.
The answer's `rank` says which: `condition` (a species and what it has), `species` (its condition is
not sure), `not_sure`, `not_a_plant`, `unknown_species` (a plant, but none that it may be).
A picture stays in memory until its answer is sent; nothing of it is stored unless it comes with a
correction whose sender consents."""

PICTURE_CODES = {
    413: "too_large: over the limit on bytes or pixels.",
    415: "not_an_image, unsupported: JPEG, PNG and WebP are read, by content. encoded_body.",
    422: "A picture, but truncated, corrupt, animated or too_small; or no_picture_there.",
}

BUSY = {503: "busy: the server is full. Come back after the seconds in Retry-After."}


def make_document(limits: Limits, options: Options) -> dict[str, Any]:
    """The whole document."""
    return {
        "openapi": OPENAPI,
        "info": {"title": "Leaflake", "version": API_VERSION, "description": ABOUT},
        "paths": {
            "/api/predict": {"post": _predict(limits, options)},
            "/api/feedback": {"post": _feedback()},
            "/api/species": {
                "get": _get(
                    "Every species that the model can answer",
                    obj({"species": array(ref("Species"))}),
                )
            },
            "/api/species/{species_id}": {"get": _one_species()},
            "/api/model": {"get": _get("What answers, and how quick it is here", _about_model())},
            "/health/live": {"get": _get("Does the server answer?", _status("live"))},
            "/health/ready": {"get": _ready()},
            "/metrics": {"get": _metrics()},
        },
        "components": {"schemas": SCHEMAS},
    }


def _json(schema: Schema) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _errors(codes: dict[int, str]) -> dict[str, Any]:
    return {
        str(status): {"description": about, "content": _json(ref("Error"))}
        for status, about in sorted(codes.items())
    }


def _get(summary: str, answer: Schema, codes: dict[int, str] | None = None) -> dict[str, Any]:
    return {
        "summary": summary,
        "responses": {
            "200": {"description": summary, "content": _json(answer)},
            **_errors(codes or {}),
        },
    }


def _query(name: str, schema: Schema, about: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": about, "schema": schema}


def _predict(limits: Limits, options: Options) -> dict[str, Any]:
    mib = limits.image_bytes // 2**20
    picture = text(format="binary")
    content: dict[str, Any] = {
        "multipart/form-data": {
            "schema": obj({"image": array(picture, minItems=1, maxItems=limits.pictures)})
        },
        "application/octet-stream": {"schema": picture},
    }
    if options.allow_urls:
        content |= _json(obj({"url": text("The address of a picture.", format="uri")}))
    return {
        "summary": "What is this plant, and what does it have?",
        "description": f"One picture as the body or as the field `image`; or up to "
        f"{limits.pictures} of one plant, the field repeated, for one answer. JPEG, PNG or WebP, "
        f"at most {mib} MiB together. {'' if options.allow_urls else 'Addresses are not fetched.'}",
        "parameters": [
            _query(
                "top",
                {"type": "integer", "minimum": 1, "maximum": MAX_TOP, "default": DEFAULT_TOP},
                "How many species and how many conditions to list.",
            ),
            _query(
                "reject",
                text(enum=["on", "off"], default="on"),
                "off: never say unknown_species, and not_a_plant only by its probability.",
            ),
            _query(
                "species",
                text(minLength=1),
                "Ids, with commas or repeated: the species that it can only be, as you know. The "
                "others are ruled out; that it is no plant stays possible.",
            ),
        ],
        "requestBody": {"required": True, "content": content},
        "responses": {
            "200": {"description": "The answer", "content": _json(ref("Answer"))},
            **_errors(
                {
                    400: "missing_image, too_many_pictures, bad_form, bad_top, bad_reject, "
                    "bad_species, bad_json, bad_url.",
                    403: "urls_off: no addresses are fetched. other_origin.",
                    408: f"too_slow: it had not arrived after {limits.upload_s:g} s.",
                    429: "too_many_requests, where the server limits them.",
                    **PICTURE_CODES,
                    **BUSY,
                }
            ),
        },
    }


def _feedback() -> dict[str, Any]:
    kept = obj({"feedback_id": text(), "picture_kept": {"type": "boolean"}})
    form = obj({"feedback": ref("Correction"), "image": text(format="binary")}, optional=("image",))
    return {
        "summary": "What it really is",
        "description": "A correction, and the picture if whoever took it consents to its being "
        "kept. Its EXIF is dropped.",
        "requestBody": {
            "required": True,
            "content": _json(ref("Correction")) | {"multipart/form-data": {"schema": form}},
        },
        "responses": {
            "201": {"description": "It is on the disk", "content": _json(kept)},
            **_errors(
                {
                    400: "bad_feedback",
                    403: "other_origin",
                    404: "feedback_off: this server takes none.",
                    408: "too_slow",
                    429: "too_many_requests",
                    **PICTURE_CODES,
                    **BUSY,
                    507: "not_kept: the disk is full or gone.",
                }
            ),
        },
    }


def _one_species() -> dict[str, Any]:
    made = _get("One of them", ref("Species"), {404: "unknown_species_id"})
    return {
        **made,
        "parameters": [{"name": "species_id", "in": "path", "required": True, "schema": text()}],
    }


def _about_model() -> Schema:
    count = {"type": "integer", "minimum": 0}
    return obj(
        {
            **SCHEMAS["Model"]["properties"],
            "num_species": count,
            "num_classes": count,
            "two_step": {
                "type": "boolean",
                "description": "Whether the most certain leaf is found first, and seen alone.",
            },
            "thresholds": {"type": "object", "description": "As in the bundle's model.json."},
            "rejection": obj(
                {"not_a_plant": {"type": "number"}, "unknown_species": {"type": "number"}},
                "The score from which on each is said.",
            ),
            "speed": {"type": "object", "description": "Measured when the server started."},
        }
    )


def _status(word: str) -> Schema:
    return obj({"status": text(enum=[word])})


def _ready() -> dict[str, Any]:
    made = _get("Would a picture be taken now?", _status("ready"))
    full = {"description": "The server is full", "content": _json(_status("busy"))}
    return {**made, "responses": {**made["responses"], "503": full}}


def _metrics() -> dict[str, Any]:
    plain = {"text/plain": {"schema": text()}}
    about = "What was counted and measured, for Prometheus"
    return {"summary": about, "responses": {"200": {"description": about, "content": plain}}}
