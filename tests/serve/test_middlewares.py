from __future__ import annotations

import asyncio
import time

import pytest
from aiohttp.test_utils import TestClient
from asking import PREDICT, ask
from two_plants import RUST, picture

from serve.middlewares import ACTIVITY, Activity
from serve.model import Model


@pytest.mark.parametrize(("stopping", "connection"), [(False, None), (True, "close")])
def test_server_that_ends_keeps_no_connection(
    model: Model, stopping: bool, connection: str | None
) -> None:
    async def body(client: TestClient) -> str | None:
        client.app[ACTIVITY].stopping = stopping
        response = await client.post(PREDICT, data=picture(RUST))
        assert response.status == 200
        return response.headers.get("Connection")

    assert ask(model, body) == connection


def test_requests_in_flight_are_waited_for_but_not_for_ever() -> None:
    async def run() -> float:
        activity = Activity(in_flight=1)
        started = time.monotonic()
        await activity.wait_done(0.1)
        asyncio.get_running_loop().call_later(0.1, setattr, activity, "in_flight", 0)
        await activity.wait_done(60)
        return time.monotonic() - started

    assert 0.2 <= asyncio.run(run()) < 10


def test_every_request_has_an_id_of_its_own(model: Model) -> None:
    async def body(client: TestClient) -> set[str]:
        responses = [await client.get("/health/live") for _ in range(20)]
        return {response.headers["X-Request-ID"] for response in responses}

    assert len(ask(model, body)) == 20
