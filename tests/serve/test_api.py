"""What the server answers, and the page, asked over a real socket of this machine."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse, FormData
from aiohttp.test_utils import TestClient
from asking import PREDICT, ask, form, get, post
from two_plants import (
    BETWEEN_RUST_AND_HEALTHY,
    GREY,
    RUST,
    SKY,
    THRESHOLDS,
    WHITE,
    YELLOW,
    picture,
)

from serve.answer import Question
from serve.model import Model
from serve.site import STATIC
from shards.decode import decode_image


@pytest.mark.parametrize("make", [form, bytes], ids=["multipart", "raw"])
def test_upload_is_answered_as_the_model_answers(model: Model, make: Callable) -> None:
    data = picture(RUST)
    status, row = post(model, make(data))
    timings, request_id = row.pop("timings"), row.pop("request_id")
    assert status == 200
    assert row == {**model.answer(decode_image(data), Question()), "source": "server"}
    total_ms = timings.pop("total_ms")
    assert set(timings) == {"upload_ms", "wait_ms", "decode_ms", "inference_ms"}
    assert 0 < sum(timings.values()) <= total_ms + 0.05
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
    assert post(model, picture(colour))[1]["answer"]["rank"] == kind


@pytest.mark.parametrize(("reject", "kind"), [("on", "unknown_species"), ("off", "condition")])
def test_reject_off_leaves_out_the_rejection_rule(model: Model, reject: str, kind: str) -> None:
    _, row = post(model, picture(YELLOW), f"{PREDICT}?reject={reject}")
    assert row["answer"]["rank"] == kind


def test_large_picture_is_answered_as_the_model_decodes_it(model: Model) -> None:
    data = picture(RUST, size=(900, 600))
    _, row = post(model, data)
    assert row["conditions"] == model.answer(model.decode(data), Question())["conditions"]


@pytest.mark.parametrize(("top", "found"), [("1", 1), ("50", 6)])
def test_top_says_how_many_candidates(model: Model, top: str, found: int) -> None:
    _, row = post(model, picture(RUST), f"{PREDICT}?top={top}")
    assert len(row["conditions"]) == found


def test_field_before_the_picture_does_no_harm(model: Model) -> None:
    data = form(b"my garden", name="note")
    data.add_field("image", picture(RUST), filename="leaf.jpg")
    assert post(model, data)[0] == 200


def test_event_loop_answers_while_a_picture_is_in_the_graph(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Model.run
    monkeypatch.setattr(Model, "run", lambda *args: (time.sleep(0.5), run(*args))[1])

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
        assert "unsafe" not in policy.replace("'wasm-unsafe-eval'", "")  # which is no eval
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert re.fullmatch("[0-9a-f]{16}", response.headers["X-Request-ID"])


def test_answers_are_not_cached(model: Model) -> None:
    async def body(client: TestClient) -> str:
        return (await client.post(PREDICT, data=picture(RUST))).headers["Cache-Control"]

    assert ask(model, body) == "no-store"


def forms(*pictures: bytes) -> FormData:
    made = FormData()
    for data in pictures:
        made.add_field("image", data, filename="leaf.jpg", content_type="image/jpeg")
    return made


def test_several_pictures_of_one_plant_have_one_answer_and_one_each(model: Model) -> None:
    pictures = [picture(colour) for colour in (RUST, SKY, BETWEEN_RUST_AND_HEALTHY)]
    status, row = post(model, forms(*pictures), f"{PREDICT}?top=2")
    alone = [model.answer(decode_image(data), Question(top=2)) for data in pictures]
    assert status == 200
    assert row["pictures"] == [
        {"answer": one["answer"], "species": one["species"][:1]} for one in alone
    ]
    assert row["combined"] == ("mean of the probabilities of 2 of 3 pictures; one was turned away")
    expected = (alone[0]["species"][0]["probability"] + alone[2]["species"][0]["probability"]) / 2
    assert row["species"][0]["probability"] == pytest.approx(expected)
    assert list(row)[:8] == [
        *("answer", "species", "conditions", "rejection", "of_plants", "model", "pictures"),
        "combined",
    ]


def test_empty_field_beside_a_picture_is_as_if_it_were_not_there(model: Model) -> None:
    status, row = post(model, forms(b"", picture(RUST)))
    assert (status, "pictures" in row) == (200, False)


def test_body_may_say_that_it_is_not_compressed(model: Model) -> None:
    assert post(model, picture(RUST), Content_Encoding="identity")[0] == 200


@pytest.mark.parametrize("query", ["species=tomato", "species=,tomato,&species=no_plant"])
def test_species_rule_out_the_others(model: Model, query: str) -> None:
    status, row = post(model, picture(RUST), f"{PREDICT}?{query}&top=50")
    asked = Question(top=50, species=frozenset({"tomato"}))
    assert status == 200
    assert row["answer"] == model.answer(decode_image(picture(RUST)), asked)["answer"]
    assert row["answer"]["rank"] == "unknown_species"
    assert {one["species_id"] for one in row["conditions"]} == {"tomato", "no_plant"}


ABOUT = {"name": "two-plants", "version": "2026-01-31T12:00:00Z", "file": "server.fp32.onnx"}


def test_model_is_described(model: Model) -> None:
    status, row = get(model, "/api/model")
    speed = row.pop("speed")
    assert status == 200
    assert row == {
        **ABOUT,
        "sha256": json.loads((model.folder / "model.json").read_text())["sha256"],
        "num_species": 3,
        "num_classes": 6,
        "two_step": False,
        "thresholds": THRESHOLDS,
        "rejection": {"not_a_plant": 2.5, "unknown_species": 1.5},
    }
    assert speed["lanes"] >= 1 and speed["queue"] >= speed["lanes"]


TOMATO = {
    "species_id": "tomato",
    "species": "Tomato",
    "scientific": "Solanum lycopersicum",
    "answered_from": 0.6,
    "conditions": [
        {
            "condition_id": "early_blight",
            "condition": "Early blight",
            "cause": "fungus",
            "answered_from": 0.7,
        },
        {
            "condition_id": "healthy",
            "condition": "Healthy",
            "cause": "none",
            "answered_from": 0.7,
        },
    ],
}


def test_species_are_listed_in_the_trees_order_and_one_by_one(model: Model) -> None:
    status, row = get(model, "/api/species")
    assert (status, list(row)) == (200, ["species"])
    assert [one["species_id"] for one in row["species"]] == ["apple", "no_plant", "tomato"]
    assert row["species"][2] == TOMATO
    assert get(model, "/api/species/tomato") == (200, TOMATO)


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
        assert "static/app.js" in own and "static/style.css" in own
        for path in own:  # relative, so that the page also works below a path
            assert (await client.get(f"/{path}")).status == 200, path

    ask(model, body)
    for path in sorted(Path(STATIC).iterdir()):
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://[a-z]|\"//[a-z]+\.", text), path


def test_page_has_nothing_that_its_own_policy_forbids() -> None:
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?! src=)", page)


def test_page_has_every_element_that_its_script_looks_for() -> None:
    script = (STATIC / "app.js").read_text(encoding="utf-8")
    wanted = set(re.findall(r'\$\("([^"]+)"\)', script))
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    assert wanted - set(re.findall(r'id="([^"]+)"', page)) == set()
    assert 'aria-live="polite"' in page
