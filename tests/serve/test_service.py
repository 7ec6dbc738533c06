"""How much the server takes on, whom it sends away, and that nobody's work is done in vain."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from asking import PREDICT, ask, head, refusal, talk
from two_plants import RUST, SKY, picture

from serve.answer import Prediction, Question
from serve.lanes import Lanes, Said
from serve.metrics import Metrics
from serve.model import Model
from serve.refusals import ApiError
from serve.service import SERVICE, Service
from serve.speed import Speed
from serve.upload import Limits

ONE_LANE = Speed(lanes=1, threads=1, lone_threads=1)
DATA = picture(RUST)


def service_of(model: Model, limits: Limits | None = None, speed: Speed = ONE_LANE) -> Service:
    return Service(Lanes(model, model, speed), limits or Limits(), Metrics())


@contextmanager
def held_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[threading.Event, list[Any]]]:
    """Graphs that answer only once the event is set, and what they were asked."""
    go, ran, run = threading.Event(), [], Model.run

    def wait_and_run(self: Model, image: Any) -> Prediction:
        ran.append(image)
        assert go.wait(10)
        return run(self, image)

    monkeypatch.setattr(Model, "run", wait_and_run)
    yield go, ran
    go.set()


async def until(what: Callable[[], object]) -> None:
    """Return once `what()` is true."""
    async with asyncio.timeout(10):
        while not what():
            await asyncio.sleep(0.005)


def busy(service: Service) -> tuple[int, str, str, str]:
    """The refusal that a newcomer meets."""
    with pytest.raises(ApiError) as refused, service.place():
        pass
    error = refused.value
    return error.status, error.code, error.message, error.headers["Retry-After"]


def test_answer_is_the_models_and_has_its_times(model: Model) -> None:
    service = service_of(model)
    row, timings = asyncio.run(service.answer([DATA], Question(top=2)))
    assert row == model.answer(model.decode(DATA), Question(top=2))
    assert sorted(timings) == ["decode_ms", "inference_ms", "wait_ms"]
    assert all(0 <= each < 10_000 for each in timings.values())
    service.close()


def test_several_pictures_are_answered_as_one_plant(model: Model) -> None:
    service = service_of(model)
    row, _ = asyncio.run(service.answer([DATA, picture(SKY)], Question()))
    alone = [model.run(model.decode(data)) for data in (DATA, picture(SKY))]
    assert row == model.row(alone, Question())
    assert [one["answer"]["rank"] for one in row["pictures"]] == ["condition", "not_a_plant"]
    service.close()


def test_full_queue_sends_the_next_away_at_once_and_then_answers(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(client: TestClient) -> None:
        with held_up(monkeypatch) as (go, _):
            taken = [asyncio.create_task(client.post(PREDICT, data=DATA)) for _ in range(2)]
            service = client.app[SERVICE]
            await until(lambda: service.pictures == 2)
            started = time.monotonic()
            refused = await client.post(PREDICT, data=DATA)
            assert refusal((refused.status, await refused.json())) == (503, "busy")
            assert refused.headers["Retry-After"] == "1"
            assert time.monotonic() - started < 5
            assert (await client.get("/health/ready")).status == 503
            go.set()
            assert [(await one).status for one in taken] == [200, 200]
            assert (await client.get("/health/ready")).status == 200
            assert (await client.post(PREDICT, data=DATA)).status == 200

    ask(model, body, Limits(queue=2))


def test_slow_senders_do_not_keep_quick_ones_out(model: Model) -> None:
    async def body(client: TestClient) -> None:
        service = client.app[SERVICE]
        slow = [
            asyncio.create_task(talk(client, head(len(DATA)) + DATA[:10], DATA[10:], pause_s=0.5))
            for _ in range(3)
        ]
        await until(lambda: service.places == 3)
        assert (await client.post(PREDICT, data=DATA)).status == 200
        assert [(await one)[0] for one in slow] == [200] * 3

    ask(model, body, Limits(queue=3, uploads=4))


def test_queue_that_filled_up_during_an_upload_refuses_it_then(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(client: TestClient) -> None:
        with held_up(monkeypatch) as (go, _):
            service = client.app[SERVICE]
            late = asyncio.create_task(
                talk(client, head(len(DATA)) + DATA[:10], DATA[10:], pause_s=0.3)
            )
            await until(lambda: service.places == 1)
            first = asyncio.create_task(client.post(PREDICT, data=DATA))
            await until(lambda: service.pictures == 1)
            assert refusal(await late) == (503, "busy")
            go.set()
            assert (await first).status == 200

    ask(model, body, Limits(queue=1))


def test_refusal_says_what_is_full_and_how_long_that_lasts(model: Model) -> None:
    slow = replace(ONE_LANE, pictures_per_s=2.0)
    service = service_of(model, Limits(queue=5, uploads=2, held_bytes=100), slow)
    service.pictures = 5
    assert busy(service) == (
        503,
        "busy",
        "The server is full: 5 pictures are being answered already.",
        "3",
    )
    service.pictures = 0
    with service.place(), service.place():
        assert busy(service) == (
            503,
            "busy",
            "The server is full: 2 uploads are arriving already.",
            "1",
        )
    with service.place() as place:
        place.hold(60)
        place.hold(40)
        assert not service.ready
        with pytest.raises(ApiError, match="memory"):
            place.hold(1)
    assert (service.ready, service.held_bytes, service.places) == (True, 0, 0)
    service.close()


def test_plant_of_more_pictures_than_fit_is_taken_when_there_is_nothing_else(model: Model) -> None:
    assert ask_twice(model, pictures=0) == "condition"
    assert ask_twice(model, pictures=1) == "busy"


def ask_twice(model: Model, pictures: int) -> str:
    """What two pictures get where one fits, and so many are there."""
    service = service_of(model, Limits(queue=1))
    service.pictures = pictures
    try:
        return str(asyncio.run(service.answer([DATA, DATA], Question()))[0]["answer"]["rank"])
    except ApiError as error:
        return error.code
    finally:
        service.close()


@pytest.mark.parametrize(("waiting", "queue"), [(5, 8), (0, 100)])
def test_queue_follows_the_pace_of_the_answers_while_others_wait(
    model: Model, monkeypatch: pytest.MonkeyPatch, waiting: int, queue: int
) -> None:
    said = Said(model.run(model.decode(DATA)), wait_s=0, decode_s=0.1, inference_s=0.9)

    async def ask_nobody(*_: Any) -> list[Said]:
        return [said]

    async def ask_often(service: Service) -> None:
        service.pictures = waiting
        for _ in range(400):
            await service.answer([DATA], Question())

    monkeypatch.setattr("serve.service._ask", ask_nobody)
    service = service_of(model, speed=replace(ONE_LANE, pictures_per_s=125.0))
    assert service.queue == 100
    asyncio.run(ask_often(service))
    assert service.queue == queue
    service.close()


def test_bad_picture_among_several_drops_the_others(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    with held_up(monkeypatch) as (go, ran):
        service = service_of(model)
        with pytest.raises(ApiError, match="the content is not a picture"):
            asyncio.run(service.answer([b"text", DATA, DATA, DATA], Question()))
        go.set()
        service.close()
    assert len(ran) <= 1  # the next was perhaps in the lane by then
    assert service.pictures == 0


def test_picture_whose_sender_is_gone_is_not_answered(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(client: TestClient) -> int:
        with held_up(monkeypatch) as (go, ran):
            service = client.app[SERVICE]
            service.take_over(Lanes(model, model, ONE_LANE))
            first = asyncio.create_task(client.post(PREDICT, data=DATA))
            await until(lambda: ran)
            _, writer = await asyncio.open_connection(client.host, client.port)
            writer.write(head(len(DATA)) + DATA)
            await until(lambda: service.pictures == 2)
            writer.close()
            await until(lambda: service.pictures == 1)
            go.set()
            assert (await first).status == 200
            assert (await client.post(PREDICT, data=DATA)).status == 200
            assert "leaflake_gone_total 1.0" in await (await client.get("/metrics")).text()
            return len(ran)

    assert ask(model, body) == 2


def test_takeover_leaves_what_is_in_hand_to_the_old_model(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = replace(model, manifest=replace(model.manifest, name="new"))

    async def body(client: TestClient) -> list[str]:
        with held_up(monkeypatch) as (go, ran):
            first = asyncio.create_task(client.post(PREDICT, data=DATA))
            await until(lambda: ran)
            client.app[SERVICE].take_over(Lanes(new, new, ONE_LANE))
            second = asyncio.create_task(client.post(PREDICT, data=DATA))
            await until(lambda: len(ran) == 2)
            go.set()
            rows = [await (await one).json() for one in (first, second)]
            return [row["model"]["name"] for row in rows]

    assert ask(model, body) == ["two-plants", "new"]


def test_model_that_is_a_bug_frees_the_place(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Model, "run", fail)

    async def body(client: TestClient) -> list[int]:
        statuses = [(await client.post(PREDICT, data=DATA)).status for _ in range(3)]
        return [*statuses, (await client.get("/health/ready")).status]

    assert ask(model, body, Limits(queue=1)) == [500, 500, 500, 200]


def test_metrics_count_requests_answers_and_refusals(model: Model) -> None:
    async def body(client: TestClient) -> list[str]:
        await client.post(PREDICT, data=DATA)
        await client.post(PREDICT, data=b"text")
        await client.get("/nothing/here")
        response = await client.get("/metrics")
        assert response.content_type == "text/plain"
        return (await response.text()).splitlines()

    lines = ask(model, body)
    for line in [
        'leaflake_requests_total{route="/api/predict",status="200"} 1.0',
        'leaflake_requests_total{route="/api/predict",status="415"} 1.0',
        'leaflake_requests_total{route="none",status="404"} 1.0',
        'leaflake_refusals_total{code="not_an_image"} 1.0',
        'leaflake_answers_total{rank="condition"} 1.0',
        'leaflake_stage_seconds_count{stage="inference"} 1.0',
        'leaflake_model{file="server.fp32.onnx",name="two-plants",version="2026-01-31T12:00:00Z"} '
        "1.0",
        "leaflake_pictures 0.0",
        "leaflake_held_bytes 0.0",
    ]:
        assert line in lines


def test_metrics_never_have_a_path_that_was_sent(model: Model) -> None:
    async def body(client: TestClient) -> str:
        for path in ("/secret-garden", "/api/species/secret-plant", "/bundle/secret"):
            await client.get(path)
        return await (await client.get("/metrics")).text()

    assert "secret" not in ask(model, body)
