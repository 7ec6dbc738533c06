"""The aiohttp application: routes, security headers, one JSON shape for every error.

A picture lives in memory until its answer is sent; nothing of it is stored or logged.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from serve import handlers
from serve.handlers import REQUEST_ID, SERVICE, Service
from serve.model import Model
from serve.upload import ApiError, Limits

log = logging.getLogger("leaflake.serve")

STATIC = Path(__file__).parent / "static"

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

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Activity:
    """When the server was last asked something, for `--idle-stop-s`."""

    in_flight: int = 0
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


def create_app(model: Model, limits: Limits | None = None) -> web.Application:
    """The application for one loaded model; `limits` are other than the defaults in tests."""
    app = web.Application(middlewares=[note_request, answer_errors])
    app[SERVICE] = Service(model, limits or Limits())
    app[ACTIVITY] = Activity()
    app.router.add_post("/api/predict", handlers.predict)
    app.router.add_get("/api/model", handlers.about_model)
    app.router.add_get("/health/live", handlers.live)
    app.router.add_get("/health/ready", handlers.ready)
    app.router.add_get("/", index)
    app.router.add_static("/static/", STATIC)
    app.on_response_prepare.append(add_headers)
    app.cleanup_ctx.append(own_threads)
    return app


async def index(request: web.Request) -> web.FileResponse:
    """GET /: the page."""
    return web.FileResponse(STATIC / "index.html")


@web.middleware
async def note_request(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request its id and write one line about it: no address, nothing of the picture."""
    request[REQUEST_ID] = secrets.token_hex(8)
    activity = request.app[ACTIVITY]
    activity.in_flight += 1
    started = time.monotonic()
    try:
        response = await handler(request)
    finally:
        activity.in_flight -= 1
        activity.last = time.monotonic()
    took_ms = 1000 * (activity.last - started)
    line = "%s %s %d %.0f ms %s"
    log.info(line, request.method, request.path, response.status, took_ms, request[REQUEST_ID])
    return response


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
    about = {"code": error.code, "message": error.message, "what_to_do": error.what_to_do}
    response = web.json_response(
        {"error": about, "request_id": request[REQUEST_ID]},
        status=error.status,
        headers=error.headers,
    )
    if not request.content.is_eof():
        response.force_close()  # says: do not send the rest of the body
    return response


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """On every response, errors and static files included."""
    response.headers.update(SECURITY_HEADERS)
    response.headers["X-Request-ID"] = request.get(REQUEST_ID, "")
    # Answers are about somebody's picture; the page must be the one that fits this server.
    api = request.path.startswith(("/api/", "/health/"))
    response.headers["Cache-Control"] = "no-store" if api else "no-cache"


async def own_threads(app: web.Application) -> AsyncIterator[None]:
    """The worker threads live as long as the application."""
    yield
    app[SERVICE].pool.shutdown()
