"""The address on which a server listens: having it, sharing it, saying it."""

from __future__ import annotations

import socket

from aiohttp import web

from leaflake import UsageError

BACKLOG = 1024
"""Connections that the system keeps until we get to them; a burst of clients connects at once."""


async def listen(runner: web.AppRunner, host: str, port: int, *, share_port: bool) -> None:
    """Open the port, with others if `share_port`; UsageError if it cannot be had."""
    # None leaves the option alone: False would be refused where there is no SO_REUSEPORT.
    shared = True if share_port else None
    try:
        await web.TCPSite(runner, host, port, backlog=BACKLOG, reuse_port=shared).start()
    except OSError as error:
        raise refuse_port(host, port, error) from None


def reserve(host: str, port: int) -> socket.socket:
    """Hold a port that our processes can share, and nobody else takes while none of them lives.

    Raises UsageError if it cannot be had. A socket that does not listen gets no connections.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            # Sharing is silent, also with a server that is there already; this one doesn't share.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
        held = socket.socket(family, kind)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind(address)
        return held
    except OSError as error:
        raise refuse_port(host, port, error) from None


def refuse_port(host: str, port: int, error: OSError) -> UsageError:
    """What to do about a port that cannot be had."""
    return UsageError(
        f"cannot listen on {host}, port {port}: {error.strerror or error}. "
        "Stop what uses it, or name another with --port (0: any that is free) or --host."
    )


def url(runner: web.AppRunner) -> str:
    """Where the first socket listens."""
    host, port = runner.addresses[0][:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def announce(name: str, url: str) -> None:
    """The one line of standard output; logs go to standard error."""
    print(f"Leaflake serves {name} at {url}", flush=True)
