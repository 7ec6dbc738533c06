"""What every request goes through: an id, a line in the log, one JSON shape for every error."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import web

from serve.refusals import ApiError
from serve.service import REQUEST_ID, SERVICE

log = logging.getLogger("leaflake.serve")

SECURITY_HEADERS = {
    # Everything comes from this server; `blob:` is the preview of the picture just chosen.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}

WHAT_TO_DO = {
    404: "The page is at /, the API at POST /api/predict and GET /api/model.",
    405: "See the Allow header for the method that works here.",
}

MAX_LOGGED = 200
"""Characters of a path in the log; ours are far shorter."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Activity:
    """When the server was last asked something, for `--idle-stop-s` and for its end."""

    in_flight: int = 0
    stopping: bool = False
    """Whether the server is about to end, so that no connection is worth keeping."""

    last: float = field(default_factory=time.monotonic)

    async def wait_idle(self, idle_s: float) -> None:
        """Return once there has been no request for `idle_s` seconds."""
        while True:
            left = idle_s if self.in_flight else self.last + idle_s - time.monotonic()
            if left <= 0:
                return
            await asyncio.sleep(left)

    async def wait_done(self, timeout_s: float) -> None:
        """Return once no request is in flight, or after `timeout_s` seconds."""
        end = time.monotonic() + timeout_s
        while self.in_flight and time.monotonic() < end:
            await asyncio.sleep(0.02)


ACTIVITY = web.AppKey("activity", Activity)


@web.middleware
async def note_request(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request its id, count it, and write one line about it: no address, nothing of the
    picture."""
    request[REQUEST_ID] = f"{random.getrandbits(64):016x}"
    activity = request.app[ACTIVITY]
    metrics = request.app[SERVICE].metrics
    activity.in_flight += 1
    started = time.monotonic()
    try:
        response = await handler(request)
    except (asyncio.CancelledError, ConnectionError):  # the sender went away
        metrics.gone.inc()
        raise
    finally:
        activity.in_flight -= 1
        activity.last = time.monotonic()
    if activity.stopping:
        response.force_close()
    took_s = activity.last - started
    metrics.count_request(route_of(request), response.status, took_s)
    line = "%s %s %d %.0f ms %s"
    # As it was sent: decoded, it could have line breaks in it, and be as long as a page.
    path = request.rel_url.raw_path[:MAX_LOGGED]
    log.info(line, request.method, path, response.status, 1000 * took_s, request[REQUEST_ID])
    return response


def route_of(request: web.Request) -> str:
    """The pattern of the path, of which there are a few; "none" for a path that has no handler."""
    resource = request.match_info.route.resource
    return "none" if resource is None else resource.canonical


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every refusal, aiohttp's own included, into the one JSON shape."""
    try:
        return await handler(request)
    except ApiError as error:
        return error_response(request, error)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        what_to_do = WHAT_TO_DO.get(error.status, "Check the request.")
        code = error.reason.lower().replace(" ", "_")
        message = f"{error.status} {error.reason}: {request.method} {request.path[:200]}."
        allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
        return error_response(request, ApiError(error.status, code, message, what_to_do, **allow))
    except ConnectionError:  # the sender went away; there is nobody to answer
        raise
    except Exception:
        # A bug. The log has its traceback, and the sender an id by which to find it.
        log.exception("bug while answering request %s", request[REQUEST_ID])
        bug = ApiError(500, "internal", "The server failed.", "Report the request_id.")
        return error_response(request, bug)


def error_response(request: web.Request, error: ApiError) -> web.Response:
    """The JSON of one refusal."""
    request.app[SERVICE].metrics.refusals.labels(error.code).inc()
    response = web.json_response(
        {"error": error.to_json(), "request_id": request[REQUEST_ID]},
        status=error.status,
        headers=error.headers,
    )
    if not request.content.is_eof():
        response.force_close()  # says: do not send the rest of the body
    return response


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """On every response, errors and static files included; what a handler has set stays."""
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers["X-Request-ID"] = request.get(REQUEST_ID, "")
    # Answers are about somebody's picture; the page must be the one that fits this server.
    api = request.path.startswith(("/api/", "/health/", "/metrics"))
    response.headers.setdefault("Cache-Control", "no-store" if api else "no-cache")
