"""The page in real headless Chromium, before the application on a socket of this machine.

Needs the Python package playwright, a Chromium and TF.js in serve/vendor (just page-tools); without
one of them these tests are skipped, and say why.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

# The bundle of the page's tests is that of the server's, with a browser's model.
sys.path.append(str(Path(__file__).parents[1] / "serve"))

from page_bundle import write_page_bundle

from export.tfjs_browser import find_browser
from leaflake import UsageError
from serve.app import create_app
from serve.model import Model
from serve.options import Options
from serve.runtime import runtime_files

FLAGS = [
    "--use-fake-device-for-media-stream",  # a camera that shows a moving ball
    "--use-fake-ui-for-media-stream",
    "--disable-dev-shm-usage",
]
WAIT_MS = 60_000


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A running browser. Of a module, since as long as it runs, playwright has the event loop of
    this thread, and no other test could run one."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    if not runtime_files():
        pytest.skip("TF.js is not in serve/vendor: just page-tools")
    try:
        program = find_browser()
    except UsageError as error:
        pytest.skip(str(error))
    # As root it cannot start with a sandbox, as in containers.
    flags = [*FLAGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=program, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Any) -> Iterator[Callable[..., Any]]:
    """open_page(address, **options of the context) -> a page of a browser that knows nothing yet.

    At the end of the test, nothing may have failed in it: no error, no breach of its own policy.
    What a test makes fail on purpose it names in `page.expected`.
    """
    contexts, faults = [], []

    def open_one(address: str | None, **options: Any) -> Any:
        context = chromium.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        context.set_default_timeout(WAIT_MS)
        contexts.append(context)
        page = context.new_page()
        page.expected = ()

        def note(text: str) -> None:
            if not any(each in text for each in page.expected):
                faults.append(text)

        page.on("pageerror", lambda error: note(str(error)))
        page.on(
            "console",
            lambda message: note(message.text) if message.type in ("error", "warning") else None,
        )
        if address is not None:
            page.goto(address)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert faults == []


@dataclass(frozen=True)
class Running:
    """A server on a thread of its own."""

    url: str
    asked: list[str]
    """The method and path of each request to the API."""


@pytest.fixture(scope="session")
def serve() -> Iterator[Callable[..., Running]]:
    """serve(bundle, **Options) -> Running, until the end of all tests."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    runners: list[web.AppRunner] = []

    async def start(bundle: Path, options: Options) -> Running:
        asked: list[str] = []

        async def note(request: web.Request, response: web.StreamResponse) -> None:
            if request.path.startswith("/api/"):
                asked.append(f"{request.method} {request.path}")

        app = create_app(Model.load(bundle, threads=1), None, options)
        app.on_response_prepare.append(note)
        runner = web.AppRunner(app)
        runners.append(runner)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return Running(f"http://127.0.0.1:{runner.addresses[0][1]}/", asked)

    async def stop() -> None:
        for runner in runners:
            await runner.cleanup()

    def serve_one(bundle: Path, **options: Any) -> Running:
        started = asyncio.run_coroutine_threadsafe(start(bundle, Options(**options)), loop)
        return started.result(30)

    yield serve_one
    asyncio.run_coroutine_threadsafe(stop(), loop).result(30)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()


@pytest.fixture(scope="session")
def page_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_page_bundle(tmp_path_factory.mktemp("page") / "bundle")


@pytest.fixture(scope="session")
def inbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lake")


@pytest.fixture(scope="session")
def server(serve: Callable[..., Running], page_bundle: Path, inbox: Path) -> Running:
    """With everything switched on."""
    return serve(page_bundle, inbox=inbox, allow_urls=True)


@pytest.fixture(scope="session")
def elsewhere(serve: Callable[..., Running], page_bundle: Path) -> Running:
    """On another host, as browsers see it; no page of others may read what it has."""
    return serve(page_bundle)
