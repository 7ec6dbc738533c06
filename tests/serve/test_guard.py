"""Pages of other origins, the rate of an address, slow heads, and what the log says of senders."""

from __future__ import annotations

import asyncio
import gzip
import ipaddress
import logging
import time
import warnings
from typing import Any

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient
from asking import PREDICT, ask, form, head, post, refusal, talk
from two_plants import RUST, picture

from serve.guard import HEAD_S, Rates, ignore_warnings, network_of
from serve.model import Model
from serve.options import Options

GARDEN = "https://garden.example"
CORS = Options(cors=(GARDEN, "https://other.example"))
ANYBODY = Options(cors=("*",))
ASKS = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}


def respond(model: Model, method: str, path: str, options: Options, **headers: str) -> Any:
    """(status, the headers of CORS)."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    async def body(client: TestClient) -> ClientResponse:
        return await client.request(method, path, headers=named)

    response = ask(model, body, options=options)
    about = {
        name: value
        for name, value in response.headers.items()
        if name.startswith("Access-Control-") or name == "Vary"
    }
    return response.status, about


SEEN = {"Access-Control-Expose-Headers": "Retry-After, X-Request-ID", "Vary": "Origin"}


def test_page_of_an_allowed_origin_may_read_answers(model: Model) -> None:
    found = respond(model, "GET", "/api/model", CORS, Origin=GARDEN)
    assert found == (200, {**SEEN, "Access-Control-Allow-Origin": GARDEN})
    found = respond(model, "GET", "/api/model", ANYBODY, Origin=GARDEN)
    assert found == (200, {**SEEN, "Access-Control-Allow-Origin": "*"})


def test_errors_may_be_read_too(model: Model) -> None:
    status, headers = respond(model, "GET", "/api/species/pear", CORS, Origin=GARDEN)
    assert (status, headers["Access-Control-Allow-Origin"]) == (404, GARDEN)


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "http://garden.example", f"{GARDEN}.evil.example", "null", ""],
)
def test_page_of_another_origin_may_not(model: Model, origin: str) -> None:
    assert respond(model, "GET", "/api/model", CORS, Origin=origin) == (200, {"Vary": "Origin"})


def test_without_the_option_nothing_is_said_of_origins(model: Model) -> None:
    assert respond(model, "GET", "/api/model", Options(), Origin=GARDEN) == (200, {})


def test_only_the_api_is_for_other_pages(model: Model) -> None:
    assert respond(model, "GET", "/health/live", CORS, Origin=GARDEN) == (200, {})


def test_preflight_of_an_allowed_origin_is_answered(model: Model) -> None:
    status, headers = respond(model, "OPTIONS", PREDICT, CORS, Origin=GARDEN, **ASKS)
    assert (status, headers) == (
        204,
        {
            **SEEN,
            "Access-Control-Allow-Origin": GARDEN,
            "Access-Control-Allow-Methods": "GET, POST",
            "Access-Control-Allow-Headers": "Content-Type",
            "Access-Control-Max-Age": "7200",
        },
    )


def test_preflight_of_another_origin_is_not(model: Model) -> None:
    status, headers = respond(
        model, "OPTIONS", PREDICT, CORS, Origin="https://evil.example", **ASKS
    )
    assert (status, headers) == (405, {"Vary": "Origin"})


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_form_of_another_page_is_refused_unless_it_is_allowed(model: Model, site: str) -> None:
    sent = {"Origin": GARDEN, "Sec_Fetch_Site": site}
    assert refusal(post(model, form(picture(RUST)), **sent)) == (403, "other_origin")
    assert post(model, form(picture(RUST)), options=CORS, **sent)[0] == 200


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_form_of_the_page_itself_is_answered(model: Model, site: str) -> None:
    assert post(model, form(picture(RUST)), Sec_Fetch_Site=site)[0] == 200


def test_address_that_asks_too_often_is_told_when_to_come_back(model: Model) -> None:
    async def body(client: TestClient) -> None:
        for _ in range(2):
            assert (await client.post(PREDICT, data=picture(RUST))).status == 200
        late = await client.post(PREDICT, data=picture(RUST))
        assert refusal((late.status, await late.json())) == (429, "too_many_requests")
        assert 29 <= int(late.headers["Retry-After"]) <= 30
        assert (await client.get("/api/model")).status == 200  # a page consists of many files

    ask(model, body, options=Options(rate=2))


def test_who_asks_through_a_trusted_proxy_has_a_rate_of_their_own(model: Model) -> None:
    async def body(client: TestClient) -> list[int]:
        senders = ("203.0.113.1", "203.0.113.2", "203.0.113.1")
        return [
            (await client.post(PREDICT, data=b"", headers={"X-Forwarded-For": one})).status
            for one in senders
        ]

    here = (ipaddress.ip_network("127.0.0.1"),)
    assert ask(model, body, options=Options(rate=1, proxies=here)) == [400, 400, 429]
    assert ask(model, body, options=Options(rate=1)) == [400, 429, 429]


def test_rate_is_a_minutes_worth_that_fills_up_steadily() -> None:
    rates = Rates(per_minute=3)
    assert [rates.take("a", 0) for _ in range(4)] == [0, 0, 0, 20]
    assert rates.take("b", 0) == 0
    assert rates.take("a", 15) == pytest.approx(5)
    assert rates.take("a", 20) == 0
    assert rates.take("a", 20) == pytest.approx(20)
    assert [rates.take("a", 10_000) for _ in range(4)] == [0, 0, 0, 20]


def test_rates_forget_who_was_quiet_longest_when_there_are_too_many() -> None:
    rates = Rates(per_minute=1, max_addresses=2)
    for address in ("a", "b", "a", "c"):
        rates.take(address, 0)
    assert rates.take("a", 0) > 0
    assert rates.take("b", 0) == 0


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        (None, ""),
    ],
)
def test_network_of_an_address_is_what_one_sender_has(address: str | None, network: str) -> None:
    assert network_of(address) == network


async def drip(client: TestClient, data: bytes, pause_s: float) -> tuple[bytes, float]:
    """Send a byte at a time until the server closes; what it said, and after how many seconds."""
    reader, writer = await asyncio.open_connection(client.host, client.port)
    started = time.monotonic()
    said = asyncio.create_task(reader.read())
    for position in range(len(data)):
        if said.done():
            break
        writer.write(data[position : position + 1])
        await asyncio.wait([said], timeout=pause_s)
    try:
        return await asyncio.wait_for(said, 5), time.monotonic() - started
    except ConnectionError:  # cut off with a byte of ours on its way
        return b"", time.monotonic() - started
    finally:
        writer.close()


def test_head_that_comes_a_byte_at_a_time_is_cut_off(model: Model) -> None:
    async def body(client: TestClient) -> None:
        slow = head(0, "X-More: " + "x" * 1000 + "\r\n")
        said, took_s = await drip(client, slow, 0.02)
        assert (said, took_s < 3) == (b"", True)
        assert (await client.get("/health/live")).status == 200

    ask(model, body, keepalive_timeout=0.5)


def test_second_head_of_a_connection_is_cut_off_too(model: Model) -> None:
    async def body(client: TestClient) -> None:
        first = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
        reader, writer = await asyncio.open_connection(client.host, client.port)
        writer.write(first)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        await reader.readuntil(b"}")
        started = time.monotonic()
        writer.write(first[:20])
        assert await asyncio.wait_for(reader.read(), 5) == b""
        assert 0.3 < time.monotonic() - started < 3
        writer.close()

    ask(model, body, keepalive_timeout=0.5)


def test_connection_without_a_request_is_closed(model: Model) -> None:
    async def body(client: TestClient) -> None:
        reader, writer = await asyncio.open_connection(client.host, client.port)
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()

    ask(model, body, keepalive_timeout=0.2)


def test_slow_body_is_not_cut_off_by_the_limit_on_heads(model: Model) -> None:
    data = picture(RUST)

    async def body(client: TestClient) -> tuple[int, Any]:
        return await talk(client, head(len(data)), data[:50], data[50:], pause_s=0.4)

    assert ask(model, body, keepalive_timeout=0.3)[0] == 200


def test_limit_on_heads_is_over_the_idle_time_of_proxies() -> None:
    assert 60 < HEAD_S < 120


def test_compressed_body_is_not_opened_by_the_server_either(model: Model) -> None:
    async def body(client: TestClient) -> tuple[int, Any]:
        data = gzip.compress(bytes(5_000_000))
        return await talk(client, head(len(data), "Content-Encoding: gzip\r\n") + data)

    assert refusal(ask(model, body)) == (415, "encoded_body")


@pytest.mark.parametrize(
    "data", [b"\x16\x03\x01\x02\x00", b"HELLO\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"]
)
def test_what_is_no_http_leaves_no_trace_in_the_log(
    model: Model, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "leaflake")

    async def body(client: TestClient) -> bytes:
        reader, writer = await asyncio.open_connection(client.host, client.port)
        writer.write(data)
        said = await asyncio.wait_for(reader.read(), 5)
        writer.close()
        return said

    assert ask(model, body).startswith(b"HTTP/1.0 400 ")
    assert [one.getMessage() for one in caplog.records if one.name.startswith("leaflake")] == []


def test_log_of_the_server_names_no_sender(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("leaflake.http")
    try:
        raise ZeroDivisionError
    except ZeroDivisionError as error:
        log.exception("Error handling request from %s", "192.0.2.7", exc_info=error)
    (record,) = caplog.records
    assert record.getMessage() == "Error handling request from somebody"


def test_path_with_a_line_break_is_one_line_in_the_log(
    model: Model, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "leaflake.serve")

    async def body(client: TestClient) -> bytes:
        reader, writer = await asyncio.open_connection(client.host, client.port)
        writer.write(b"GET /a%0AGET%20/b%1b[31m HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        said = await asyncio.wait_for(reader.read(), 5)
        writer.close()
        return said

    assert b"404" in ask(model, body)
    (line,) = [one.getMessage() for one in caplog.records if one.name == "leaflake.serve"]
    assert line.isprintable()


def test_warnings_about_what_senders_wrote_are_neither_shown_nor_kept() -> None:
    with warnings.catch_warnings(record=True) as shown:
        ignore_warnings()
        registry: dict[object, object] = {}
        for number in range(100):
            warnings.warn_explicit(f"{number}", UserWarning, "x.py", 1, registry=registry)
        assert shown == []
        assert len(registry) <= 1  # of its own: the number of the filters it knows
