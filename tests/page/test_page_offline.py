"""A visit without a network, a new version, and the page on a static host."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from acting import READY, choose, who
from page_bundle import SURE, UNSURE, write_page_bundle

from serve.export_site import export_site

KEPT = "navigator.serviceWorker.ready.then(() => caches.open('leaflake-page'))"
ALL_KEPT = f"""async () => {{
  const cache = await {KEPT};
  const site = await (await fetch("site.json")).json();
  const wanted = Object.keys(site.files).filter((name) => !site.optional.includes(name));
  for (;;) {{
    const kept = new Set((await cache.keys()).map((request) => request.url));
    if (wanted.every((name) => kept.has(new URL(name, location.href).href))) return wanted.length;
    await new Promise((done) => setTimeout(done, 50));
  }}
}}"""


def test_the_second_visit_works_without_a_network(open_page, server):
    page = open_page(server.url)
    page.wait_for_selector(READY)
    assert page.evaluate(ALL_KEPT) > 30
    page.expected = ("ERR_INTERNET_DISCONNECTED",)
    page.context.set_offline(True)
    page.reload()
    page.wait_for_selector(READY)
    assert page.inner_text("#status-text") == "Offline: answers on this device"
    assert choose(page, SURE) == "Cedar apple rust"
    assert who(page) == "Answered on this device"
    assert choose_again(page, UNSURE) == "Not sure"
    assert "it can\u2019t be reached now" in page.inner_text("#answer")


def choose_again(page, colour) -> str:
    page.click("#clear")
    return choose(page, colour)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """(address, its folder) of a static host: the standard library's."""
    (tmp_path / "www").mkdir()
    handler = functools.partial(QuietHandler, directory=str(tmp_path / "www"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", tmp_path / "www"
    server.shutdown()
    server.server_close()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def test_the_exported_page_answers_below_a_path_without_any_server(open_page, host, page_bundle):
    address, www = host
    export_site(page_bundle, www / "some/where")
    page = open_page(None)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{address}some/where/")
    page.wait_for_selector(READY)
    assert page.is_hidden("#private-line")
    assert choose(page, SURE) == "Cedar apple rust"
    assert page.locator("#actions button").count() == 0
    assert choose_again(page, UNSURE) == "Not sure"
    assert "There is no server behind this page" in page.inner_text("#answer")
    outside = [url for url in asked if not url.startswith((f"{address}some/where/", "blob:"))]
    assert outside == []


def test_the_exported_page_asks_a_server_elsewhere_and_corrects_there(
    open_page, host, page_bundle, serve, inbox
):
    address, www = host
    server = serve(page_bundle, cors=(address.rstrip("/"),), inbox=inbox)
    export_site(page_bundle, www / "site", server=server.url)
    page = open_page(f"{address}site/")
    page.wait_for_selector(READY)
    assert choose(page, UNSURE) == "Cedar apple rust"
    assert who(page) == "This device was not sure, so the server answered"
    page.click("text=Not right? Correct it")
    page.click("#correct-send")
    page.wait_for_selector("text=Thank you.")


def test_a_new_version_replaces_the_kept_one_whole(open_page, host, page_bundle, tmp_path):
    address, www = host
    export_site(page_bundle, www / "old")
    (www / "site").symlink_to("old")
    page = open_page(f"{address}site/")
    page.wait_for_selector(READY)
    page.evaluate(ALL_KEPT)
    before = page.evaluate("fetch('site.json').then((response) => response.json())")

    export_site(write_page_bundle(tmp_path / "new", score_moved=0.01), www / "new")
    style = www / "new/static/style.css"
    assert style.is_file()
    (www / "site").unlink()
    (www / "site").symlink_to("new")
    page.reload()
    page.wait_for_selector(READY)
    assert page.evaluate(ALL_KEPT) > 30
    after = page.evaluate("fetch('site.json').then((response) => response.json())")
    assert after["version"] != before["version"]
    kept = page.evaluate(
        "fetch('bundle/model.json').then((response) => response.json()).then((one) => one.sha256)"
    )
    assert kept == after["model"] != before["model"]
