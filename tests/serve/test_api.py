"""What the server answers, and the page, asked over a real socket of this machine."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient
from asking import PREDICT, ask, form, post
from two_plants import GREY, RUST, SKY, THRESHOLDS, WHITE, YELLOW, picture

from serve.app import STATIC
from serve.model import Model
from shards.decode import decode_image


@pytest.mark.parametrize("make", [form, bytes], ids=["multipart", "raw"])
def test_upload_is_answered_as_the_model_answers(model: Model, make: Callable) -> None:
    data = picture(RUST)
    status, row = post(model, make(data))
    timings, request_id = row.pop("timings"), row.pop("request_id")
    assert status == 200
    assert row == {**model.answer(decode_image(data)), "source": "server"}
    assert set(timings) == {"decode_ms", "inference_ms", "total_ms"}
    assert timings["total_ms"] >= timings["decode_ms"] + timings["inference_ms"] - 0.02
    assert re.fullmatch("[0-9a-f]{16}", request_id)


@pytest.mark.parametrize(
    ("colour", "kind"),
    [
        (RUST, "condition"),
        (SKY, "not_a_plant"),
        (WHITE, "not_a_plant"),
        (YELLOW, "unknown_species"),
        (GREY, "not_sure"),
    ],
)
def test_every_kind_of_answer_arrives(model: Model, colour: Any, kind: str) -> None:
    assert post(model, picture(colour))[1]["answer"] == kind


@pytest.mark.parametrize(("reject", "kind"), [("on", "unknown_species"), ("off", "condition")])
def test_reject_off_leaves_out_the_rejection_rule(model: Model, reject: str, kind: str) -> None:
    _, row = post(model, picture(YELLOW), f"{PREDICT}?reject={reject}")
    assert row["answer"] == kind


def test_large_picture_is_answered_as_the_model_decodes_it(model: Model) -> None:
    data = picture(RUST, size=(900, 600))
    _, row = post(model, data)
    assert row["candidates"] == model.answer(model.decode(data))["candidates"]


@pytest.mark.parametrize(("top", "found"), [("1", 1), ("50", 6)])
def test_top_says_how_many_candidates(model: Model, top: str, found: int) -> None:
    _, row = post(model, picture(RUST), f"{PREDICT}?top={top}")
    assert len(row["candidates"]) == found


def test_field_before_the_picture_does_no_harm(model: Model) -> None:
    data = form(b"my garden", name="note")
    data.add_field("image", picture(RUST), filename="leaf.jpg")
    assert post(model, data)[0] == 200


def test_event_loop_answers_while_a_picture_is_in_the_graph(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = Model.answer
    monkeypatch.setattr(
        Model, "answer", lambda *args, **more: (time.sleep(0.5), answer(*args, **more))[1]
    )

    async def body(client: TestClient) -> None:
        slow = asyncio.create_task(client.post(PREDICT, data=picture(RUST)))
        await asyncio.sleep(0.1)
        assert (await client.get("/health/live")).status == 200
        assert not slow.done()
        assert (await slow).status == 200

    ask(model, body)


def test_every_response_has_the_security_headers(model: Model) -> None:
    async def body(client: TestClient) -> list[ClientResponse]:
        paths = ["/", "/static/app.js", "/api/model", "/health/live", "/nothing"]
        return [await client.get(path) for path in paths]

    for response in ask(model, body):
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'; script-src 'self'" in policy
        assert "unsafe" not in policy
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert re.fullmatch("[0-9a-f]{16}", response.headers["X-Request-ID"])


def test_answers_are_not_cached(model: Model) -> None:
    async def body(client: TestClient) -> str:
        return (await client.post(PREDICT, data=picture(RUST))).headers["Cache-Control"]

    assert ask(model, body) == "no-store"


def test_model_is_described(model: Model) -> None:
    async def body(client: TestClient) -> Any:
        return await (await client.get("/api/model")).json()

    row = ask(model, body)
    assert [one["species_id"] for one in row.pop("species")] == ["apple", "no_plant", "tomato"]
    assert row == {
        "name": "two-plants",
        "created": "2026-01-31T12:00:00Z",
        "file": "server.fp32.onnx",
        "num_species": 3,
        "num_classes": 6,
        "thresholds": THRESHOLDS,
        "rejection": {"not_a_plant": 2.5, "unknown_species": 1.5},
    }


def test_log_line_has_no_address_and_nothing_of_the_picture(
    model: Model, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "leaflake.serve")
    row = post(model, form(picture(RUST)), f"{PREDICT}?top=3")[1]
    (line,) = [one.getMessage() for one in caplog.records if one.name == "leaflake.serve"]
    assert re.fullmatch(rf"POST /api/predict 200 \d+ ms {row['request_id']}", line)


def test_page_and_what_it_needs_come_from_this_server_alone(model: Model) -> None:
    async def body(client: TestClient) -> None:
        page = await client.get("/")
        assert page.content_type == "text/html"
        own = re.findall(r'(?:src|href)="([^"]+)"', await page.text())
        assert "/static/app.js" in own and "/static/style.css" in own
        for path in own:
            assert (await client.get(path)).status == 200, path

    ask(model, body)
    for path in sorted(Path(STATIC).iterdir()):
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?:|//[a-z]+\.", text), path


def test_page_has_nothing_that_its_own_policy_forbids() -> None:
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?! src=)", page)


def test_page_has_every_element_that_its_script_looks_for() -> None:
    script = (STATIC / "app.js").read_text(encoding="utf-8")
    wanted = set(re.findall(r'\$\("([^"]+)"\)', script))
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    assert wanted - set(re.findall(r'id="([^"]+)"', page)) == set()
    assert 'aria-live="polite"' in page
