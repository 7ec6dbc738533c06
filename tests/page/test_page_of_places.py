"""The page of a model that is not of plants: nothing on it speaks of plants, and it can doubt."""

from __future__ import annotations

import functools
import re
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from acting import READY, choose
from two_places import BEACH, BETWEEN, MOUNTAIN, NEITHER, write_places

from serve.export_site import export_site


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_places(tmp_path_factory.mktemp("places") / "bundle")


@pytest.fixture(scope="module")
def static_site(places: Path) -> Iterator[str]:
    """The address of the exported page on a host that only has files."""
    site = places.parent / "site"
    export_site(places, site)
    handler = functools.partial(Quiet, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_a_static_page_answers_doubts_and_speaks_of_no_plants(chromium, static_site, open_page):
    page = open_page(static_site)
    page.wait_for_selector(READY)
    assert page.title() == "Leaflake: what does this picture show?"
    # Leaflake's own name is not a word about leaves.
    words = page.inner_text("body").replace("Leaflake", "")
    assert re.findall("(?i)leaf|leaves|plant|spots", words.replace("two-plants", "")) == []
    assert [choose(page, colour) for colour in (BEACH, MOUNTAIN, NEITHER)] == [
        *("Beach", "Mountain", "None of these")
    ]
    assert choose(page, BETWEEN) == "Not sure"
    assert page.inner_text("#others-list li:first-child .name") == "Beach"
    assert page.locator("#others-list .mark").count() == 1
    assert "The best guess would count from 90\u00a0% on." in page.inner_text("#others-list")


def test_a_correction_offers_the_classes(places, serve, open_page, inbox):
    page = open_page(serve(places, inbox=inbox).url)
    page.wait_for_selector(READY)
    choose(page, BEACH)
    page.click("text=Not right? Correct it")
    assert page.locator("#correct-species option").all_inner_texts() == [
        *("Beach", "Mountain", "None of these", "Something else")
    ]
    assert page.is_hidden("#correct-condition-line")
