"""`leaflake serve`: a bundle -> HTTP server and page, until it is told to stop."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaflake import UsageError

if TYPE_CHECKING:
    from aiohttp import web

    from serve.model import Model

DRAIN_S = 35.0
"""How long a stop waits for pictures already taken: an upload may take 30 s, then its answer."""

EXAMPLE = """example:
  leaflake serve demo/bundle
  curl -F image=@leaf.jpg http://127.0.0.1:8000/api/predict

stops on Ctrl+C or SIGTERM, after answering what it took."""


def add_serve(parser: argparse.ArgumentParser) -> None:
    """The arguments of `leaflake serve`."""
    parser.epilog = EXAMPLE
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder with a model.json")
    parser.add_argument(
        "--host", default="127.0.0.1", help="address; 0.0.0.0 is every one (default: %(default)s)"
    )
    parser.add_argument(
        "--port", type=port, default=8000, help="0: any that is free (default: %(default)s)"
    )
    parser.add_argument("--file", help="model of the bundle, such as server.int8.onnx")
    parser.add_argument(
        "--idle-stop-s", type=positive, metavar="N", help="end after N seconds without a request"
    )


def port(text: str) -> int:
    """A TCP port, for argparse."""
    value = int(text)
    if not 0 <= value <= 65535:
        raise argparse.ArgumentTypeError(f"{value} is not a port; expected 0 to 65535")
    return value


def positive(text: str) -> float:
    """A number of seconds over 0, for argparse."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds over 0")
    return value


def run_serve(args: argparse.Namespace) -> int:
    """Load the bundle, serve it, return 0 after a stop."""
    import asyncio
    import logging

    from serve.model import Model

    # Standard output has the one line that says where; logs go to standard error.
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    model = Model.load(args.bundle, args.file)
    return asyncio.run(serve(model, args.host, args.port, args.idle_stop_s))


async def serve(model: Model, host: str, port: int, idle_stop_s: float | None) -> int:
    """Listen, say where, wait for the end, finish what was taken."""
    import asyncio
    import signal

    from aiohttp import web

    from serve.app import ACTIVITY, create_app

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    app = create_app(model)
    # No access log of aiohttp's: it has the sender's address in it, and app.py writes a line.
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await listen(runner, host, port)
        print(f"Leaflake serves {model.manifest.name} at {url(runner)}", flush=True)
        waits: list[asyncio.Task[Any]] = [loop.create_task(stop.wait())]
        if idle_stop_s is not None:
            waits.append(loop.create_task(app[ACTIVITY].wait_idle(idle_stop_s)))
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        # Stop listening, then wait: aiohttp's own cleanup reads no more of an upload that has
        # begun, and would make its sender wait for nothing.
        for site in list(runner.sites):
            await site.stop()
        await app[ACTIVITY].wait_done(DRAIN_S)
    finally:
        await runner.cleanup()
    return 0


async def listen(runner: web.AppRunner, host: str, port: int) -> None:
    """Open the port; UsageError if it cannot be had."""
    from aiohttp import web

    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        raise UsageError(
            f"cannot listen on {host}, port {port}: {error.strerror or error}. "
            "Stop what uses it, or name another with --port (0: any that is free) or --host."
        ) from None


def url(runner: web.AppRunner) -> str:
    """Where the first socket listens."""
    host, port = runner.addresses[0][:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
