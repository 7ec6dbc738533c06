"""`leaflake report`: one page that needs no network, with every section, escaped and bounded."""

from __future__ import annotations

import base64
import io
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

import catalog.report
from catalog.lake import open_lake
from catalog.report import Histogram, figures
from ingest.run import ingest
from leaflake import main
from shards.report_charts import class_curve, histogram_chart, split_bar
from shards.thumbnails import SIDE, read_thumbnails

MARKUP = "<img src=x onerror=alert(1)>"
"""What a folder may be called."""

VOID = {"meta", "img", "br", "rect", "polyline"}


class Page(HTMLParser):
    """Tags of a page; fails where one is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def template(tmp_path_factory, write, dozen, draw, encode) -> Path:
    """The dozen, and what people find in a folder: a copy, a conflict, an unsure name, a name that
    is markup, a picture that is none."""
    folder = tmp_path_factory.mktemp("report")
    flat = encode(draw(7)[:1, :1].repeat(300, 0).repeat(300, 1))
    source = write(
        folder / "leaves",
        {
            **dozen,
            "Tomato___healthy/copy.jpg": dozen["Tomato___healthy/ant.jpg"],
            "Tomato___Leaf_Mold/bee.jpg": dozen["Tomato___Late_blight/bee.jpg"],
            f"{MARKUP}/a & b.jpg": encode(draw(99)),
            "Apple___Apple_scab/flat.jpg": flat,
            "Apple___Apple_scab/notes.jpg": b"no picture",
        },
    )
    ingest([source], folder / "lake")
    return folder / "lake"


@pytest.fixture
def lake(template, tmp_path) -> Path:
    return shutil.copytree(template, tmp_path / "lake")


@pytest.fixture
def report(lake, tmp_path):
    """report(*arguments) -> Page."""

    def make(*arguments: str) -> Page:
        out = tmp_path / "report.html"
        assert main(["report", "--lake", str(lake), "--out", str(out), *arguments]) == 0
        return Page(out.read_text(encoding="utf-8"))

    return make


def test_it_needs_no_network_and_no_script(report) -> None:
    page = report()
    sources = [attributes["src"] for attributes in page.all("img")]
    assert len(sources) > 12
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)
    assert page.all("script") == page.all("link") == page.all("iframe") == []
    assert {a["href"][0] for a in page.all("a")} == {"#"}


def test_every_section_is_there_and_linked(report) -> None:
    page = report()
    ids = [attributes["id"] for attributes in page.all("section")]
    assert ids == [
        *("overview", "balance", "sizes", "quality", "classes", "duplicates", "near"),
        *("conflicts", "labels", "unsplit", "rejections", "runs"),
    ]
    assert [a["href"] for a in page.all("a")][1:] == [f"#{key}" for key in ids]


def test_it_says_what_is_in_the_lake(report) -> None:
    text = report().text
    for said in (
        "pictures 16 ",
        "files turned away 1 ",
        "split leaks 0 ",
        "conflicts 1 ",
        "2 contents are there more than once",
        "not_an_image 1 ",
        "1 folders whose name the reader is not sure of",
    ):
        assert said in text


def test_names_of_folders_and_files_are_escaped(report) -> None:
    page = report()
    assert MARKUP in page.text
    assert not any("onerror" in attributes for attributes in page.all("img"))
    titles = [attributes["title"] or "" for attributes in page.all("img")]
    assert any("a & b.jpg" in title for title in titles)


def test_every_picture_is_described(report) -> None:
    alts = {attributes["alt"] for attributes in report().all("img")}
    assert {"apple, scab", "tomato, healthy", "tomato, late_blight"} <= alts
    assert all(alts)


def test_headings_go_down_one_level_at_a_time(report) -> None:
    levels = [int(tag[1]) for tag, _ in report().tags if re.fullmatch("h[1-6]", tag)]
    assert levels[:2] == [1, 2]
    assert all(b <= a + 1 for a, b in zip(levels, levels[1:], strict=False))


def test_pictures_are_bounded_and_the_page_says_how(report, monkeypatch) -> None:
    monkeypatch.setattr(catalog.report, "CLASS_PICTURES", 4)
    text = report().text
    assert "2 pictures or fewer of 2 of 4 classes" in text
    assert "2 more classes, without pictures" in text


def test_an_older_snapshot_is_reported_as_it_was(report, lake) -> None:
    assert main(["sql", "--lake", str(lake), "DELETE FROM samples WHERE species = 'apple'"]) == 0
    assert "Snapshot 3 " in (now := report().text)
    assert "Snapshot 2 " in (then := report("--at", "2").text)
    assert ("apple" in now, "apple" in then) == (False, True)


def test_an_empty_lake_has_a_report(tmp_path) -> None:
    assert main(["catalog", "create", "--lake", str(tmp_path / "lake")]) == 0
    out = tmp_path / "report.html"
    assert main(["report", "--lake", str(tmp_path / "lake"), "--out", str(out)]) == 0
    page = Page(out.read_text(encoding="utf-8"))
    assert "No picture has a flag." in page.text
    assert page.all("img") == []


def test_a_missing_shard_is_named_and_nothing_written(lake, tmp_path, capsys) -> None:
    (lake / "shards/000000.tar").unlink()
    out = tmp_path / "report.html"
    assert main(["report", "--lake", str(lake), "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert f"{lake}/shards/000000.tar: cannot be read" in error
    assert f"`leaflake catalog check --lake {lake}`" in error
    assert not out.exists()


def test_a_missing_folder_is_refused(lake, tmp_path, capsys) -> None:
    out = tmp_path / "none/report.html"
    assert main(["report", "--lake", str(lake), "--out", str(out)]) == 2
    assert f"{out.parent}: there is no such folder." in capsys.readouterr().err


def test_figures_name_the_worst_pictures_and_what_is_there_twice(lake) -> None:
    with open_lake(lake) as opened:
        found = figures(opened)
        names = dict(opened.connection.execute('SELECT "key", source_path FROM samples').fetchall())
    flags = {one.flag: [Path(names[key]).name for key, _ in one.worst] for one in found.flags}
    assert flags["low_information"] == ["flat.jpg"]
    assert found.num_duplicates == 2
    pairs = [{Path(names[key]).name for key in row[:2]} for row in found.duplicates]
    assert pairs == [{"bee.jpg"}, {"ant.jpg", "copy.jpg"}]  # in two folders comes first
    assert [len(keys) for keys in found.conflicts] == [2]
    assert [row[:2] for row, _ in found.review] == [("leaves", MARKUP)]


def test_thumbnails_are_small_upright_jpegs_with_what_is_known(lake) -> None:
    with open_lake(lake) as opened:
        (row,) = opened.connection.execute(
            "SELECT \"key\", source_path FROM samples WHERE source_path LIKE '%flat.jpg'"
        ).fetchall()
        thumbnail = read_thumbnails(opened, [row[0], row[0]])[row[0]]
    head, text = thumbnail.uri.split(",")
    assert head == "data:image/jpeg;base64"
    picture = Image.open(io.BytesIO(base64.b64decode(text)))
    assert (picture.format, picture.size) == ("JPEG", (SIDE, SIDE))
    assert (thumbnail.width, thumbnail.height) == (SIDE, SIDE)
    assert (thumbnail.species, thumbnail.condition) == ("apple", "scab")
    assert (thumbnail.folder, thumbnail.source_path) == ("Apple___Apple_scab", row[1])


def test_a_bar_is_as_wide_as_its_share_of_the_largest() -> None:
    assert split_bar((3, 1, 0), 5, 10) == (
        '<span class="bar"><i class="train" style="width:30.00%"></i>'
        '<i class="val" style="width:10.00%"></i><i class="none" style="width:10.00%"></i></span>'
    )


def test_a_histogram_is_described_in_words() -> None:
    chart = Page(histogram_chart(Histogram("Size <px>", (0.0, 10.0, 20.0), (1, 4))))
    (svg,) = chart.all("svg")
    assert svg["aria-label"] == "Size <px>: most often 10 to 20"
    assert [(r["height"], r["width"]) for r in chart.all("rect")] == [
        ("27.5", "158.0"),
        ("110.0", "158.0"),
    ]
    assert "20 and more" in chart.text


@pytest.mark.parametrize("pictures", [[7], [7, 7], list(range(5_000, 0, -1))])
def test_the_curve_of_classes_goes_from_the_first_to_the_last(pictures) -> None:
    (line,) = Page(class_curve(pictures)).all("polyline")
    points = [tuple(map(float, point.split(","))) for point in line["points"].split()]
    assert points[0] == (0.0, 0.0)
    assert len(points) <= 201
    assert points == sorted(points)


def test_no_classes_no_curve() -> None:
    assert class_curve([]) == ""
