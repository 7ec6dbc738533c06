"""A new bundle takes over without a lost request; a bad one is refused, and the old goes on."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest
from aiohttp.test_utils import TestClient, TestServer
from asking import PREDICT
from two_plants import RUST, add_golden, change_manifest, picture, write_bundle

from serve.app import create_app
from serve.lanes import Lanes
from serve.metrics import Metrics
from serve.model import Model
from serve.service import SERVICE, Service
from serve.speed import Speed
from serve.takeover import Takeover, look
from serve.upload import Limits

DATA = picture(RUST)
SPEED = Speed(lanes=2, threads=1, lone_threads=2, pictures_per_s=100.0, lone_ms=5.0)
POLL_S = 0.02


@pytest.fixture
def link(tmp_path: Path) -> Path:
    """A link to the bundle `first`, beside which there is `second`."""
    for name in ("first", "second"):
        change_manifest(write_bundle(tmp_path / name), name=name)
    link = tmp_path / "current"
    link.symlink_to("first")
    return link


def turn(link: Path, target: str) -> None:
    """In one step, as `ln -sfn` does not quite."""
    new = link.with_name("new")
    new.symlink_to(target)
    new.rename(link)


Body = Callable[[TestClient, Takeover, asyncio.Event], Awaitable[None]]


def serving(bundle: Path, body: Body) -> None:
    """Run `body` with a client of a server that watches `bundle`."""

    async def run() -> None:
        model = Model.load(bundle, threads=1)
        service = Service(Lanes.open(model, SPEED), Limits(), Metrics())
        asked = asyncio.Event()
        takeover = Takeover(bundle, None, service, asked)
        async with TestClient(TestServer(create_app(service))) as client:
            watch = asyncio.create_task(takeover.watch(POLL_S))
            await asyncio.sleep(0.1)  # until it has looked once
            await body(client, takeover, asked)
            watch.cancel()

    asyncio.run(run())


async def until_says(client: TestClient, line: str) -> None:
    async with asyncio.timeout(20):
        while line not in await (await client.get("/metrics")).text():
            await asyncio.sleep(0.02)


async def name_of(client: TestClient) -> str:
    row = await (await client.post(PREDICT, data=DATA)).json()
    return str(row["model"]["name"])


def test_link_that_is_turned_brings_the_new_bundle_without_a_lost_request(link: Path) -> None:
    async def body(client: TestClient, _: Takeover, __: asyncio.Event) -> None:
        names = [await name_of(client)]

        async def keep_asking() -> None:
            while names[-1] == "first":
                names.append(await name_of(client))

        asking = [asyncio.create_task(keep_asking()) for _ in range(3)]
        turn(link, "second")
        async with asyncio.timeout(20):
            await asyncio.gather(*asking)
        assert set(names) == {"first", "second"}
        about = await (await client.get("/api/model")).json()
        assert about["name"] == "second"
        assert about["speed"]["lanes"] == 2
        await until_says(client, 'leaflake_takeovers_total{outcome="taken"} 1.0')
        await until_says(
            client,
            'leaflake_model{file="server.fp32.onnx",name="first",version='
            '"2026-01-31T12:00:00Z"} 0.0',
        )

    serving(link, body)


def test_manifest_that_is_replaced_in_its_place_brings_the_new_bundle(link: Path) -> None:
    async def body(client: TestClient, _: Takeover, __: asyncio.Event) -> None:
        change_manifest(link, name="third")
        await until_says(client, 'outcome="taken"} 1.0')
        assert await name_of(client) == "third"

    serving(link, body)


def test_signal_takes_over_what_has_not_changed(link: Path) -> None:
    async def body(client: TestClient, _: Takeover, asked: asyncio.Event) -> None:
        asked.set()
        await until_says(client, 'outcome="taken"} 1.0')
        assert not asked.is_set()
        assert await name_of(client) == "first"

    serving(link, body)


def damage_graph(bundle: Path) -> None:
    with (bundle / "server.fp32.onnx").open("ab") as file:
        file.write(b"x")


def answer_otherwise(bundle: Path) -> None:
    add_golden(bundle, [RUST], changes={0: np.log([0.02, 0.9, *[0.02] * 4]).tolist()})


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (damage_graph, "server.fp32.onnx: found"),
        (answer_otherwise, "answers golden/00.jpg otherwise"),
        (lambda bundle: (bundle / "model.json").unlink(), "not a bundle"),
        (shutil.rmtree, "not a bundle"),
    ],
    ids=["changed byte", "other answers", "no manifest", "nothing there"],
)
def test_bad_bundle_is_refused_while_the_old_one_goes_on(
    link: Path,
    damage: Callable[[Path], None],
    why: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    damage(link.with_name("second"))

    async def body(client: TestClient, _: Takeover, __: asyncio.Event) -> None:
        turn(link, "second")
        await until_says(client, 'leaflake_takeovers_total{outcome="refused"} 1.0')
        assert await name_of(client) == "first"
        turn(link, "first")
        await until_says(client, 'leaflake_takeovers_total{outcome="taken"} 1.0')

    serving(link, body)
    assert f"the new bundle is refused, first goes on answering: {link.parent}" in caplog.text
    assert why in caplog.text


def test_bundle_is_not_read_while_it_is_being_copied(link: Path) -> None:
    whole = link.with_name("second")
    slow = link.with_name("slow")
    slow.mkdir()

    async def body(client: TestClient, _: Takeover, __: asyncio.Event) -> None:
        turn(link, "slow")
        for name in ("model.json", "server.fp32.onnx", "server.int8.onnx"):
            shutil.copy(whole / name, slow / name)
            await asyncio.sleep(POLL_S / 2)
        await until_says(client, 'outcome="taken"} 1.0')
        assert await name_of(client) == "second"

    serving(link, body)


def test_new_model_keeps_the_lanes_and_gets_a_queue_of_its_own_speed(link: Path) -> None:
    async def body(client: TestClient, takeover: Takeover, _: asyncio.Event) -> None:
        old = client.app[SERVICE].lanes
        assert await takeover.take_over()
        new = client.app[SERVICE].lanes
        assert new is not old
        assert (new.speed.lanes, new.speed.threads, new.speed.lone_threads) == (2, 1, 2)
        assert new.speed.pictures_per_s is not None
        assert 5 < new.speed.pictures_per_s < 2000  # the same graph, so about 100

    serving(link, body)


def test_look_tells_whether_anything_has_changed(link: Path) -> None:
    first = look(link)
    assert look(link) == first
    turn(link, "second")
    second = look(link)
    assert second != first
    (link / "server.fp32.onnx").touch()
    assert look(link) != second
