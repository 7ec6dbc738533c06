"""What stands between strangers and the handlers: pages of other origins, a rate for each address,
slow heads, compressed bodies, and what the log says of them.

In: the application and its Options. Out: its middlewares, and SERVER_SETTINGS for its AppRunner.
"""

from __future__ import annotations

import ipaddress
import logging
import math
import time
import warnings
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Middleware

from serve.client_address import client_address
from serve.options import OPTIONS
from serve.refusals import ApiError

HEAD_S = 75.0
"""From the opening of a connection, or its last answer, to the end of the next request's head: a
sender of one byte a second is cut off then, and so is a connection without requests. Over the 60 s
for which nginx keeps its connections to a server like this one, so that nginx closes them first."""

MAX_ADDRESSES = 50_000
"""Whose requests are counted at a time. The one that was quiet for longest is forgotten."""

PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": "Content-Type",
    "Access-Control-Max-Age": "7200",  # the most that Chromium accepts
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class NoAddresses(logging.Filter):
    """Keeps senders out of the log of aiohttp's server, which names them.

    What is no HTTP at all is answered with 400 and left out: strangers send it to every open port,
    and each would leave a traceback.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written."""
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(record.args, tuple):  # "Error handling request from %s"
            record.args = tuple("somebody" for _ in record.args)
        return not isinstance(error, HttpProcessingError)


def _http_log() -> logging.Logger:
    logger = logging.getLogger("leaflake.http")
    logger.addFilter(NoAddresses())
    return logger


SERVER_SETTINGS: dict[str, Any] = {
    # aiohttp has no limit on the time of a head, but this one runs from the connection's opening
    # and is not moved by bytes that arrive, so that it is one.
    "keepalive_timeout": HEAD_S,
    # A kilobyte of gzip is a megabyte of zeros; no body needs it, and serve/upload.py refuses it.
    "auto_decompress": False,
    "logger": _http_log(),
}
"""Keyword arguments of web.AppRunner."""


def ignore_warnings() -> None:
    """Have this process show no warning, and remember none.

    aiohttp and Pillow put what a sender wrote into the text of theirs. Python keeps every text that
    it has shown, for ever, and shows each new one: a stranger could fill memory and log with them.
    """
    warnings.simplefilter("ignore")


def add_guard(app: web.Application) -> None:
    """Put the guards before the handlers, as the application's Options ask; `answer_errors` must be
    there already."""
    options = app[OPTIONS]
    app.middlewares.append(answer_preflight)
    app.middlewares.append(refuse_other_pages)
    if options.rate is not None:
        app.middlewares.append(limit_rate(options.rate))
    if options.cors:
        app.on_response_prepare.append(add_cors_headers)


def may_read(request: web.Request) -> bool:
    """Whether the page that asks is of an origin to which answers are shown."""
    origin, allowed = request.headers.get("Origin"), request.app[OPTIONS].cors
    return request.path.startswith("/api/") and ("*" in allowed or origin in allowed)


async def add_cors_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Say so (Fetch standard, 3.3). No cookies exist, so none are allowed for."""
    if request.path.startswith("/api/"):
        response.headers.add("Vary", "Origin")
    if "Origin" in request.headers and may_read(request):
        anybody = "*" in request.app[OPTIONS].cors
        origin = "*" if anybody else request.headers["Origin"]
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = "Retry-After, X-Request-ID"


@web.middleware
async def answer_preflight(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A browser asks whether a page of another origin may send what it is about to send."""
    asks = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
    if asks and may_read(request):
        return web.Response(status=204, headers=PREFLIGHT)
    return await handler(request)


@web.middleware
async def refuse_other_pages(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A page elsewhere may send a form without asking, and not read the answer. It would still have
    its visitors' browsers work for it, or correct answers in their name.

    Every browser says what it is (Fetch Metadata); programs don't, and are let through.
    """
    site = request.headers.get("Sec-Fetch-Site", "none")
    if request.method == "POST" and site in ("cross-site", "same-site") and not may_read(request):
        raise ApiError(
            403,
            "other_origin",
            "A page of another origin sent this.",
            "Whoever runs the server can allow it: leaflake serve BUNDLE --cors ORIGIN.",
        )
    return await handler(request)


def limit_rate(per_minute: int) -> Middleware:
    """A middleware that refuses the POST requests of an address beyond `per_minute`.

    Only POST: the page itself consists of many files.
    """
    rates = Rates(per_minute)

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method == "POST":
            wait_s = rates.take(network_of(client_address(request)), time.monotonic())
            if wait_s > 0:
                raise ApiError(
                    429,
                    "too_many_requests",
                    f"Over {per_minute} requests a minute came from this address.",
                    f"Try again in {math.ceil(wait_s)} s.",
                    Retry_After=str(math.ceil(wait_s)),
                )
        return await handler(request)

    return middleware


def network_of(address: str | None) -> str:
    """Whom an address stands for: itself, or with IPv6 the network of 2^64 that a customer has."""
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return ""  # a socket of this machine has none
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.IPv6Address(int(found) >> 64 << 64))


class Rates:
    """How many requests each address has left: a minute's worth at most, filled up steadily."""

    def __init__(self, per_minute: int, max_addresses: int = MAX_ADDRESSES) -> None:
        self._most = per_minute
        self._per_s = per_minute / 60
        self._max_addresses = max_addresses
        self._left: dict[str, tuple[float, float]] = {}
        """Address -> (requests left, when that was), the one that asked last at the end."""

    def take(self, address: str, now_s: float) -> float:
        """0 if a request may go through, which is counted; else the seconds until one may."""
        left, when_s = self._left.pop(address, (float(self._most), now_s))
        left = min(self._most, left + (now_s - when_s) * self._per_s)
        allowed = left >= 1
        self._left[address] = (left - allowed, now_s)
        if len(self._left) > self._max_addresses:
            del self._left[next(iter(self._left))]
        return 0.0 if allowed else (1 - left) / self._per_s
