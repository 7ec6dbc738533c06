"""Every way in which the server says no, and that it goes on afterwards."""

from __future__ import annotations

import asyncio
import gzip
import io
import time
import zlib
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from asking import PREDICT, ask, chunks, form, get, head, post, refusal, talk
from PIL import Image
from two_plants import RUST, SKY, picture

from serve.form import MAX_FIELDS
from serve.model import Model
from serve.service import SERVICE
from serve.upload import FORM_OVERHEAD_BYTES, Limits
from shards.decode import MAX_IMAGE_BYTES


@pytest.mark.parametrize("top", ["0", "51", "-1", "two", "", "1.5", "9" * 5000])
def test_top_outside_its_range_is_refused(model: Model, top: str) -> None:
    assert refusal(post(model, picture(RUST), f"{PREDICT}?top={top}")) == (400, "bad_top")


@pytest.mark.parametrize("reject", ["", "no", "OFF", "0", "x" * 5000])
def test_reject_that_is_neither_on_nor_off_is_refused(model: Model, reject: str) -> None:
    found = post(model, picture(RUST), f"{PREDICT}?reject={reject}")
    assert refusal(found) == (400, "bad_reject")


@pytest.mark.parametrize(
    "species", ["", ",", "no_plant", "pear", "tomato,pear", "Tomato", "../apple", "x" * 5000]
)
def test_species_that_the_model_does_not_know_are_refused(model: Model, species: str) -> None:
    found = post(model, picture(RUST), f"{PREDICT}?species={species}")
    assert refusal(found) == (400, "bad_species")


@pytest.mark.parametrize("name", ["pear", "..%2F..%2Fmodel.json", "%00", "a%0Ab"])
def test_species_by_an_unknown_id_is_not_found(model: Model, name: str) -> None:
    assert refusal(get(model, f"/api/species/{name}")) == (404, "unknown_species_id")


def test_more_pictures_than_are_taken_for_one_plant_are_refused(model: Model) -> None:
    data = form(picture(RUST))
    data.add_field("image", picture(SKY), filename="leaf.jpg")
    assert post(model, data, limits=Limits(pictures=2))[0] == 200
    data = form(picture(RUST))
    data.add_field("image", picture(SKY), filename="leaf.jpg")
    found = post(model, data, limits=Limits(pictures=1))
    assert refusal(found) == (400, "too_many_pictures")


def test_pictures_of_one_request_share_the_limit_on_bytes(model: Model) -> None:
    data = form(picture(RUST))
    data.add_field("image", picture(SKY), filename="leaf.jpg")
    limits = Limits(image_bytes=len(picture(RUST)) + len(picture(SKY)) - 1)
    assert refusal(post(model, data, limits=limits)) == (413, "too_large")


def test_form_of_very_many_fields_is_refused(model: Model) -> None:
    data = form(b"x", name="note")
    for _ in range(MAX_FIELDS):
        data.add_field("note", b"x")
    assert refusal(post(model, data)) == (400, "bad_form")


def test_one_bad_picture_among_good_ones_refuses_the_request(model: Model) -> None:
    data = form(picture(RUST))
    data.add_field("image", b"text", filename="leaf.jpg")
    assert refusal(post(model, data)) == (415, "not_an_image")


@pytest.mark.parametrize("kind", ["gzip", "deflate", "br", "GZIP", "identity, gzip"])
def test_compressed_body_is_refused_unopened(model: Model, kind: str) -> None:
    data = gzip.compress(picture(RUST))
    found = post(model, data, Content_Encoding=kind)
    assert refusal(found) == (415, "encoded_body")


def test_address_is_not_fetched_unless_that_was_switched_on(model: Model) -> None:
    found = post(model, b'{"url": "http://example.org/"}', Content_Type="application/json")
    assert refusal(found) == (403, "urls_off")


def animated() -> bytes:
    frames = [Image.new("RGB", (64, 48), colour) for colour in (RUST, SKY)]
    out = io.BytesIO()
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:])
    return out.getvalue()


def bomb() -> bytes:
    """A PNG that declares 20000 x 20000 pixels, in a few bytes."""
    data = bytearray(picture(RUST, "PNG"))
    data[16:24] = (20000).to_bytes(4) * 2
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4)
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"hello, this is text", (415, "not_an_image")),
        (picture(RUST, "BMP"), (415, "unsupported")),
        (picture(RUST)[:-20], (422, "truncated")),
        (picture(RUST, "PNG")[:80], (422, "truncated")),
        (animated(), (422, "animated")),
        (bomb(), (413, "too_large")),
    ],
    ids=["text", "bmp", "cut jpeg", "cut png", "animated", "bomb"],
)
def test_bad_picture_is_refused_with_the_decoders_reason(
    model: Model, data: bytes, expected: tuple[int, str]
) -> None:
    assert refusal(post(model, form(data))) == expected
    assert refusal(post(model, data)) == expected


def test_tiny_picture_is_refused(model: Model) -> None:
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "PNG")
    assert refusal(post(model, out.getvalue())) == (422, "too_small")


@pytest.mark.parametrize("data", [b"", form(b""), form(picture(RUST), name="file")])
def test_request_without_a_picture_is_refused(model: Model, data: Any) -> None:
    assert refusal(post(model, data)) == (400, "missing_image")


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=b", b"no boundary here\r\n"),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Type: multipart/mixed\r\n\r\n--b--"),
        ("multipart/form-data; boundary=b", b"--b\r\nX: " + b"x" * 20000 + b"\r\n\r\nx\r\n--b--"),
    ],
    ids=["no boundary", "another boundary", "nested", "long line"],
)
def test_broken_form_is_refused(model: Model, kind: str, data: bytes) -> None:
    async def body(client: TestClient) -> tuple[int, Any]:
        return await talk(client, head(len(data), f"Content-Type: {kind}\r\n") + data)

    assert refusal(ask(model, body)) == (400, "bad_form")


def test_limit_on_bytes_is_the_decoders_own() -> None:
    assert Limits().image_bytes == MAX_IMAGE_BYTES


@pytest.mark.parametrize(
    ("more", "overhead"),
    [("", 0), ("Content-Type: multipart/form-data; boundary=b\r\n", FORM_OVERHEAD_BYTES)],
    ids=["raw", "multipart"],
)
def test_declared_oversize_is_refused_before_a_byte_of_it_is_sent(
    model: Model, more: str, overhead: int
) -> None:
    async def body(client: TestClient) -> tuple[int, Any]:
        return await talk(client, head(MAX_IMAGE_BYTES + overhead + 1, more))

    assert refusal(ask(model, body)) == (413, "too_large")


def test_undeclared_oversize_is_refused_and_the_limit_itself_is_not(model: Model) -> None:
    data = picture(RUST)
    assert post(model, chunks(data), limits=Limits(image_bytes=len(data)))[0] == 200
    less = Limits(image_bytes=len(data) - 1)
    assert refusal(post(model, chunks(data), limits=less)) == (413, "too_large")
    assert refusal(post(model, form(data), limits=less)) == (413, "too_large")


def test_fields_before_the_picture_count_against_the_limit(model: Model) -> None:
    data = form(bytes(600), name="note")
    data.add_field("image", picture(RUST), filename="leaf.jpg")
    limits = Limits(image_bytes=len(picture(RUST)) + 599)
    assert refusal(post(model, data, limits=limits)) == (413, "too_large")


@pytest.mark.parametrize("more", ["", "Content-Type: multipart/form-data; boundary=b\r\n"])
def test_slow_sender_is_given_up(model: Model, more: str) -> None:
    async def body(client: TestClient) -> tuple[int, Any]:
        return await talk(client, head(1000, more) + b"--b\r\n")

    started = time.monotonic()
    assert refusal(ask(model, body, Limits(upload_s=0.2))) == (408, "too_slow")
    assert time.monotonic() - started < 5


def test_full_server_says_when_to_come_back_and_then_answers(model: Model) -> None:
    data = picture(RUST)

    async def body(client: TestClient) -> None:
        half = len(data) // 2
        first = asyncio.create_task(
            talk(client, head(len(data)) + data[:half], data[half:], pause_s=0.3)
        )
        while client.app[SERVICE].ready:
            await asyncio.sleep(0.01)
        assert (await client.get("/health/ready")).status == 503
        assert (await client.get("/health/live")).status == 200
        busy = await client.post(PREDICT, data=data)
        assert refusal((busy.status, await busy.json())) == (503, "busy")
        assert busy.headers["Retry-After"] == "1"
        assert (await first)[0] == 200
        assert (await client.get("/health/ready")).status == 200
        assert (await client.post(PREDICT, data=data)).status == 200

    ask(model, body, Limits(uploads=1))


def test_place_is_free_again_after_a_refusal(model: Model) -> None:
    async def body(client: TestClient) -> list[int]:
        bad = [(await client.post(PREDICT, data=b"text")).status for _ in range(3)]
        return [*bad, (await client.post(PREDICT, data=picture(RUST))).status]

    assert ask(model, body, Limits(uploads=1)) == [415, 415, 415, 200]


def test_sender_who_hangs_up_frees_the_place_and_is_no_bug(
    model: Model, caplog: pytest.LogCaptureFixture
) -> None:
    async def body(client: TestClient) -> int:
        _, writer = await asyncio.open_connection(client.host, client.port)
        writer.write(head(1000) + b"some")
        await writer.drain()
        while client.app[SERVICE].ready:
            await asyncio.sleep(0.01)
        writer.close()
        while not client.app[SERVICE].ready:
            await asyncio.sleep(0.01)
        return (await client.post(PREDICT, data=picture(RUST))).status

    assert ask(model, body, Limits(uploads=1)) == 200
    assert "bug" not in caplog.text


def test_bug_is_a_json_error_too_and_is_logged(
    model: Model, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*args: Any, **more: Any) -> None:
        raise ZeroDivisionError("the bug")

    monkeypatch.setattr(Model, "run", fail)
    found = post(model, picture(RUST))
    assert refusal(found) == (500, "internal")
    assert found[1]["request_id"] in caplog.text
    assert "ZeroDivisionError: the bug" in caplog.text


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/nothing", (404, "not_found")),
        ("GET", "/static/../serve_cli.py", (404, "not_found")),
        ("GET", "/static/%2e%2e/app.py", (404, "not_found")),
        ("GET", "/static/", (404, "not_found")),
        ("GET", PREDICT, (405, "method_not_allowed")),
        ("POST", "/", (405, "method_not_allowed")),
        ("DELETE", "/api/model", (405, "method_not_allowed")),
    ],
)
def test_wrong_path_or_method_is_a_json_error(
    model: Model, method: str, path: str, expected: tuple[int, str]
) -> None:
    async def body(client: TestClient) -> tuple[int, Any]:
        response = await client.request(method, path)
        assert ("Allow" in response.headers) == (response.status == 405)
        return response.status, await response.json()

    assert refusal(ask(model, body)) == expected
