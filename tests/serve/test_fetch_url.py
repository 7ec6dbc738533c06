"""Pictures by their address: what is fetched, and everything that is not. No test leaves this
machine: its own address stands for a public one where the rules of a test say so."""

from __future__ import annotations

import asyncio
import gzip
import socket
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from asking import PREDICT, ask, post, refusal
from two_plants import RUST, picture

from serve import fetch_url, predict
from serve.fetch_url import MAX_URL, UrlRules, fetch_picture, read_url
from serve.model import Model
from serve.options import Options
from serve.refusals import ApiError

LEAF = picture(RUST)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Found = bytes | tuple[int, str]


def fetch(
    path: str = "/leaf.jpg",
    handler: Handler | None = None,
    *,
    host: str = "127.0.0.1",
    may_ask: Callable[[str], bool] = lambda _: True,
    hold: Callable[[int], None] = lambda _: None,
    **rules: Any,
) -> tuple[Found, list[str]]:
    """(bytes or status and code, the paths that a server of this machine was asked for)."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        if handler is not None and request.path != "/leaf.jpg":
            return await handler(request)
        return web.Response(body=LEAF)

    async def run() -> Found:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        async with TestServer(app) as server:
            found = UrlRules(may_ask, frozenset({server.port or 0}), **rules)
            try:
                return await fetch_picture(f"http://{host}:{server.port}{path}", found, hold)
            except ApiError as error:
                return error.status, error.code

    return asyncio.run(run()), asked


def redirect(to: str) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": to.format(port=request.url.port)})

    return handler


REFUSED = (422, "no_picture_there")


def test_picture_is_fetched_and_its_bytes_are_counted() -> None:
    held: list[int] = []
    assert fetch(hold=held.append) == (LEAF, ["/leaf.jpg"])
    assert sum(held) == len(LEAF)


def test_fragment_is_not_sent() -> None:
    assert fetch("/leaf.jpg#top") == (LEAF, ["/leaf.jpg"])


NOTATIONS = ["127.0.0.1", "localhost", "localhost.", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"]
NOTATIONS += ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "[::]", "[0:0:0:0:0:ffff:7f00:1]"]
NOTATIONS += ["１２７.0.0.1", "①②⑦.⓪.⓪.①", "[fe80::1%25lo]", "LOCALHOST", "127.0.0.1."]


@pytest.mark.parametrize("host", NOTATIONS)
def test_this_machine_is_not_asked_by_any_of_its_names(host: str) -> None:
    found, asked = fetch(host=host, may_ask=UrlRules().may_ask)
    assert (found, asked) in [(REFUSED, []), ((400, "bad_url"), [])]


def test_name_is_looked_up_once_and_the_connection_goes_to_what_was_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lookups: list[str] = []
    judged: list[str] = []

    def lookup(host: str, port: int, *_: Any) -> list[Any]:
        lookups.append(host)
        # Rebinding: another answer every time. Only the first may count.
        number = "127.0.0.1" if len(lookups) == 1 else "127.0.0.2"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (number, port))]

    monkeypatch.setattr(fetch_url.socket, "getaddrinfo", lookup)
    found, asked = fetch(host="leaves.example", may_ask=lambda each: not judged.append(each))
    assert (found, asked) == (LEAF, ["/leaf.jpg"])
    assert (lookups, judged) == (["leaves.example"], ["127.0.0.1"])


def test_name_with_a_private_address_is_not_asked_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def lookup(host: str, port: int, *_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(fetch_url.socket, "getaddrinfo", lookup)
    assert fetch(host="leaves.example", may_ask=UrlRules().may_ask) == (REFUSED, [])


def test_redirection_is_followed() -> None:
    assert fetch("/a", redirect("/leaf.jpg")) == (LEAF, ["/a", "/leaf.jpg"])
    whole = redirect("http://127.0.0.1:{port}/leaf.jpg")
    assert fetch("/a", whole) == (LEAF, ["/a", "/leaf.jpg"])


def test_redirection_to_another_address_is_judged_anew() -> None:
    elsewhere = redirect("http://127.0.0.9:{port}/leaf.jpg")
    found = fetch("/a", elsewhere, may_ask=lambda address: address == "127.0.0.1")
    assert found == (REFUSED, ["/a"])


@pytest.mark.parametrize(
    "to",
    ["file:///etc/passwd", "ftp://127.0.0.1/", "http://127.0.0.1:22/", "http://a:b@127.0.0.1/"],
)
def test_redirection_to_what_is_no_address_of_the_web_is_refused(to: str) -> None:
    assert fetch("/a", redirect(to)) == ((400, "bad_url"), ["/a"])


@pytest.mark.parametrize("to", ["", "http://[", "//", "http://" + "x" * 3000])
def test_redirection_to_nowhere_is_refused(to: str) -> None:
    found, asked = fetch("/a", redirect(to))
    assert (found[0] in (400, 422), set(asked)) == (True, {"/a"})


def test_redirections_end() -> None:
    assert fetch("/a", redirect("/a"), redirects=3) == (REFUSED, ["/a"] * 4)


@pytest.mark.parametrize("status", [204, 206, 304, 401, 404, 500])
def test_other_answers_than_200_are_no_picture(status: int) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status)

    assert fetch("/a", handler)[0] == REFUSED


@pytest.mark.parametrize("declared", [True, False])
def test_picture_over_the_limit_is_refused(declared: bool) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        if declared:
            return web.Response(body=bytes(1001))
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(11):
            await response.write(bytes(100))
        return response

    assert fetch("/a", handler, bytes=1000)[0] == (413, "too_large")


def test_compressed_answer_is_not_opened() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        body = gzip.compress(bytes(10_000_000))
        return web.Response(body=body, headers={"Content-Encoding": "gzip"})

    assert fetch("/a", handler)[0] == REFUSED


@pytest.mark.parametrize("when", ["before", "within"])
def test_slow_server_is_given_up(when: str) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        if when == "within":
            await response.prepare(request)
            await response.write(LEAF[:100])
        await asyncio.sleep(2)
        return response

    started = time.monotonic()
    assert fetch("/a", handler, timeout_s=0.2)[0] == REFUSED
    assert time.monotonic() - started < 5


def test_slow_name_server_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def lookup(*_: Any) -> list[Any]:
        time.sleep(0.5)
        return []

    monkeypatch.setattr(fetch_url.socket, "getaddrinfo", lookup)
    assert fetch(host="leaves.example", timeout_s=0.1) == (REFUSED, [])


def test_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert fetch() == (LEAF, ["/leaf.jpg"])


def test_nothing_of_the_asker_is_sent_along() -> None:
    seen: dict[str, str] = {}

    async def handler(request: web.Request) -> web.StreamResponse:
        seen.update(request.headers)
        return web.Response(body=LEAF)

    fetch("/a", handler)
    seen.pop("Host")
    assert seen == {
        "Accept": "image/jpeg, image/png, image/webp",
        "Accept-Encoding": "identity",
        "User-Agent": "Leaflake",
        **({"Connection": "close"} if "Connection" in seen else {}),
    }


@pytest.mark.parametrize(
    "text",
    [
        *["", "leaf.jpg", "//example.org/", "file:///etc/passwd", "ftp://example.org/", "data:,x"],
        *["http://", "http:///leaf.jpg", "http://example.org:22/", "http://example.org:8080/"],
        *["http://me@example.org/", "http://me:secret@example.org/", "http://@example.org:99999/"],
        *[
            "http://[::1/",
            "http://exa mple.org:1/",
            "https://example.org:80x/",
            "x" * (MAX_URL + 1),
        ],
    ],
)
def test_what_is_no_address_of_the_web_is_refused(text: str) -> None:
    with pytest.raises(ApiError) as refused:
        read_url(text, UrlRules())
    assert (refused.value.status, refused.value.code) == (400, "bad_url")


def test_refusals_do_not_tell_a_private_name_from_one_that_does_not_exist(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def lookup(host: str, port: int, *_: Any) -> list[Any]:
        if host == "inside.example":
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", port))]
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(fetch_url.socket, "getaddrinfo", lookup)

    async def say(host: str) -> tuple[int, str, str, str]:
        with pytest.raises(ApiError) as refused:
            await fetch_picture(f"http://{host}/", UrlRules(), lambda _: None)
        error = refused.value
        return error.status, error.code, error.message, error.what_to_do

    assert asyncio.run(say("inside.example")) == asyncio.run(say("nowhere.example"))


ON = Options(allow_urls=True)


def test_address_in_a_request_is_answered_like_the_picture(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(client: Any) -> Any:
        app = web.Application()

        async def leaf(request: web.Request) -> web.Response:
            return web.Response(body=LEAF)

        app.router.add_get("/leaf.jpg", leaf)
        async with TestServer(app) as pictures:
            rules = UrlRules(lambda _: True, frozenset({pictures.port or 0}))
            monkeypatch.setattr(predict, "URL_RULES", rules)
            url = {"url": str(pictures.make_url("/leaf.jpg"))}
            response = await client.post(PREDICT, json=url)
            uploaded = await client.post(PREDICT, data=LEAF)
            return response.status, await response.json(), await uploaded.json()

    status, row, uploaded = ask(model, body, options=ON)
    assert status == 200
    for name in ("answer", "species", "conditions", "rejection", "model", "source"):
        assert row[name] == uploaded[name]


@pytest.mark.parametrize(
    "data",
    [
        *[b"", b"{", b"[]", b"null", b'"http://example.org/"', b"{}", b'{"url": 1}'],
        *[b'{"url": "http://example.org/", "more": 1}', b'{"uri": "x"}', b"[" * 5000, b"\xff"],
    ],
)
def test_json_without_an_address_is_refused(model: Model, data: bytes) -> None:
    found = post(model, data, options=ON, Content_Type="application/json")
    assert refusal(found) == (400, "bad_json")


def test_long_json_is_refused(model: Model) -> None:
    data = b'{"url": "' + b"x" * 9000 + b'"}'
    found = post(model, data, options=ON, Content_Type="application/json")
    assert refusal(found) == (413, "too_large")


def test_refusals_of_an_address_have_the_shape_of_all_others(model: Model) -> None:
    data = b'{"url": "http://127.0.0.1/"}'
    found = post(model, data, options=ON, Content_Type="application/json; charset=utf-8")
    assert refusal(found) == REFUSED
