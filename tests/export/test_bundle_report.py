import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from export.manifest import Manifest, read_manifest
from export.report import page

GIVEN = {
    "pictures": 40,
    "kinds": {
        "condition": {"share": 0.6, "right": 0.96},
        "species": {"share": 0.1, "right": 1.0},
        "not_sure": {"share": 0.2},
        "not_a_plant": {"share": 0.1, "right": 1.0},
        "unknown_species": {"share": 0.0},
    },
    "answered": 0.8,
    "right": 0.97,
}


@pytest.fixture
def manifest(made) -> Manifest:
    """That of the bundle of colours, with what a browser's model adds."""
    found = read_manifest(made)
    browser = {
        "bytes": 4_400_000,
        "times_ms": {"first": 640.0, "warm_median": 41.0, "warm_p99": 60.0, "resize_median": 9.0},
    }
    handover = {"escalated": 0.25, **dict.fromkeys(("browser", "server", "pair"), GIVEN)}
    files = {**found.figures["files"]}
    files["browser/model.json"] = files["server.int8.onnx"]
    record = {**found.rejection["not_a_plant"], "caught": 0.99, "examples": 260}
    record["method"] = "<gate>"
    return replace(
        found,
        thresholds={**found.thresholds, "handover": {"species": 0.9, "condition": 1.01}},
        rejection={**found.rejection, "not_a_plant": record},
        figures={**found.figures, "browser": browser, "handover": handover, "files": files},
    )


class Tags(HTMLParser):
    """Every opened tag is closed, in order."""

    VOID = ("meta", "circle", "path", "polyline", "rect")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag not in self.VOID or tag in ("circle", "rect"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data.strip())


def test_the_report_is_one_sound_page_that_loads_nothing(manifest):
    text = page(manifest)
    tags = Tags()
    tags.feed(text)
    assert tags.open == []
    assert not re.search(r"https?:|src=|url\(|<script|<link|@import", text)


def test_every_section_and_its_figures_are_there(manifest):
    text = page(manifest)
    assert re.findall(r"<h2>(.*?)</h2>", text) == [
        "Accuracy",
        "What it answers",
        "Are probabilities what they say?",
        "What it turns away",
        "Browser and server",
        "Files",
        "Known failures",
        "Where it comes from",
    ]
    for words in (
        "4.4 MB",
        "41 ms<small>60 ms</small><small>first 640 ms</small>",
        "a condition from never and a species from 90 % on, and hands the rest to a server: 25.0 %",
        "By &lt;gate&gt;, from a score of",
        '260 photographs of no plant, each judged unseen</td><td class="number">99.0 %',
    ):
        assert words in text, words


def test_the_report_in_a_bundle_is_made_of_its_manifest(made):
    found = read_manifest(made)
    assert (made / "report.html").read_text(encoding="utf-8") == page(found)
