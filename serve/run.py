"""One server process: open the bundle, listen, answer until told to stop, finish what was taken."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from typing import Any

from aiohttp import web

from serve.app import create_app
from serve.guard import SERVER_SETTINGS, ignore_warnings
from serve.listen import announce, listen, url
from serve.metrics import Metrics
from serve.middlewares import ACTIVITY
from serve.service import Service
from serve.settings import Settings
from serve.takeover import Takeover, open_lanes

DRAIN_S = 35.0
"""How long a stop waits for pictures already taken: an upload may take 30 s, then its answer."""


async def serve(
    settings: Settings,
    cores: int,
    ready: Callable[[str, str], None] = announce,
    *,
    share_port: bool = False,
) -> None:
    """Serve on so many cores until SIGTERM or SIGINT; `ready` gets the bundle's name and the URL.

    `share_port`: other processes listen on the same port (SO_REUSEPORT). UsageError if the bundle
    or the port cannot be used.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    hangup = asyncio.Event()
    loop.add_signal_handler(signal.SIGHUP, hangup.set)  # early, as it ends a process otherwise
    # In a thread, so that a signal is heard meanwhile.
    lanes = await asyncio.to_thread(open_lanes, settings.bundle, settings.file, cores)
    service = Service(lanes, settings.limits, Metrics())
    takeover = Takeover(settings.bundle, settings.file, service, hangup)
    app = create_app(service, options=settings.options)
    ignore_warnings()
    # No access log of aiohttp's: it has the sender's address in it, and middlewares.py writes a
    # line. A handler whose client is gone is cancelled, and its pictures with it.
    runner = web.AppRunner(
        app, access_log=None, shutdown_timeout=1, handler_cancellation=True, **SERVER_SETTINGS
    )
    await runner.setup()
    watch = loop.create_task(takeover.watch())
    try:
        await listen(runner, settings.host, settings.port, share_port=share_port)
        ready(service.model.manifest.name, url(runner))
        await wait_for_end(app, stop, settings.idle_stop_s)
        await drain(runner, app)
    finally:
        watch.cancel()
        await runner.cleanup()


async def wait_for_end(app: web.Application, stop: asyncio.Event, idle_s: float | None) -> None:
    """Return once `stop` is set, or after so many seconds without a request."""
    loop = asyncio.get_running_loop()
    waits: list[asyncio.Task[Any]] = [loop.create_task(stop.wait())]
    if idle_s is not None:
        waits.append(loop.create_task(app[ACTIVITY].wait_idle(idle_s)))
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()


async def drain(runner: web.AppRunner, app: web.Application) -> None:
    """Stop listening, then wait for the requests in hand.

    aiohttp's own cleanup reads no more of an upload that has begun, and would make its sender wait
    for nothing.
    """
    app[ACTIVITY].stopping = True
    for site in list(runner.sites):
        await site.stop()
    await app[ACTIVITY].wait_done(DRAIN_S)
