"""Asking the application over a real socket of this machine, as the tests do it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import FormData
from aiohttp.test_utils import TestClient, TestServer

from serve.app import create_app
from serve.guard import SERVER_SETTINGS
from serve.model import Model
from serve.options import Options
from serve.upload import Limits

Body = Callable[[TestClient], Awaitable[Any]]
PREDICT = "/api/predict"


def ask(
    model: Model,
    body: Body,
    limits: Limits | None = None,
    options: Options | None = None,
    **settings: Any,
) -> Any:
    """Run `body` with a client of a server like the real one, but for other `settings`."""

    async def run() -> Any:
        server = TestServer(create_app(model, limits, options))
        await server.start_server(**{**SERVER_SETTINGS, **settings})
        async with TestClient(server) as client:
            return await body(client)

    return asyncio.run(run())


def post(
    model: Model,
    data: Any,
    path: str = PREDICT,
    limits: Limits | None = None,
    options: Options | None = None,
    **headers: str,
) -> Any:
    """(status, JSON) of one upload; `headers` with "_" for "-"."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    async def body(client: TestClient) -> tuple[int, Any]:
        response = await client.post(path, data=data, headers=named)
        return response.status, await response.json()

    return ask(model, body, limits, options)


def get(model: Model, path: str) -> Any:
    """(status, JSON)."""

    async def body(client: TestClient) -> tuple[int, Any]:
        response = await client.get(path)
        return response.status, await response.json()

    return ask(model, body)


def form(data: bytes, name: str = "image") -> FormData:
    made = FormData()
    made.add_field(name, data, filename="leaf.jpg", content_type="image/jpeg")
    return made


def refusal(found: tuple[int, Any]) -> tuple[int, str]:
    """(status, code), after checking that the refusal has its whole shape."""
    status, row = found
    assert set(row) == {"error", "request_id"}
    assert set(row["error"]) == {"code", "message", "what_to_do"}
    assert all(row["error"].values())
    return status, row["error"]["code"]


async def talk(client: TestClient, *parts: bytes, pause_s: float = 0) -> tuple[int, Any]:
    """Send bytes on a socket of our own and read the one answer."""
    reader, writer = await asyncio.open_connection(client.host, client.port)
    for part in parts:
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(pause_s)
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    length = int(re.search(r"(?i)content-length: (\d+)", head)[1])
    row = json.loads(await reader.readexactly(length))
    writer.close()
    return int(head.split()[1]), row


def head(length: int, more: str = "") -> bytes:
    return f"POST {PREDICT} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n{more}\r\n".encode()


async def chunks(data: bytes) -> Any:
    """A body whose length is not declared."""
    for start in range(0, len(data), 100):
        yield data[start : start + 100]
