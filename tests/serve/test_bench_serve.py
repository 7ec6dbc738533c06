"""What the bench of servers says, and the bench itself with a small bundle."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from two_plants import RUST, SKY, picture

from serve import bench_serve
from serve.answer import Question
from serve.bench_serve import chosen, find_pictures, main, medians, refuse_wrong
from serve.bench_serve_plot import plot
from serve.bench_serve_table import Figures, goals, load_share, table
from serve.bench_servers import NotRun, ask, serving
from serve.model import Model
from serve.rivals.answering import answer

RESULTS = {
    "ceiling": {1: Figures(100.0, cpu_ms=10.0), 64: Figures(200.0, cpu_ms=9.5)},
    "leaflake": {
        1: Figures(92.0, 10.0, 12.5, 0, 210.4, 10.2, 0.01),
        64: Figures(176.0, 350.0, 420.0, 3, 222.0, 11.1, 0.02),
    },
    "litserve": {
        1: Figures(60.0, 16.0, 20.0, 0, 290.0, 15.0, 0.01),
        64: Figures(130.0, 480.0, 2600.0, 0, 301.0, 15.1, 0.015),
    },
}


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, colour in (("rust", RUST), ("sky", SKY)):
        (folder / f"{name}.jpg").write_bytes(picture(colour))
    return folder


def test_the_table_has_a_block_for_each_number_of_clients() -> None:
    assert table(RESULTS).splitlines() == [
        "                     requests/s   p50 ms   p99 ms  errors  memory MB  CPU ms",
        "1 client   bare loop      100.0                                        10.00",
        "           Leaflake        92.0     10.0     12.5       0        210   10.20",
        "           LitServe        60.0     16.0     20.0       0        290   15.00",
        "64 clients bare loop      200.0                                         9.50",
        "           Leaflake       176.0    350.0    420.0       3        222   11.10",
        "           LitServe       130.0    480.0  2,600.0       0        301   15.10",
    ]
    assert load_share(RESULTS) == 0.02


def test_goals_are_held_against_the_bare_loop_and_the_better_rival() -> None:
    assert goals(RESULTS) == [
        "1 client: 0.92 of the bare loop",
        "1 client: 1.53 x LitServe, the better rival (goal 1.3: reached; the bare loop 1.67 x)",
        "64 clients: 0.88 of the bare loop (goal 0.9: MISSED)",
        "64 clients: 1.35 x LitServe, the better rival (goal 1.3: reached; the bare loop 1.54 x)",
        "64 clients: p99 420 ms (goal under 1000 with the small model: reached)",
    ]
    assert goals({"litserve": RESULTS["litserve"]}) == []


def test_the_plot_shows_every_figure() -> None:
    text = plot(RESULTS, "a & b", "today")
    said = [one.text for one in ElementTree.fromstring(text).iter() if one.text]
    for words in ("a & b", "64 clients", "bare loop", "Leaflake", "176 (3 errors)", "480, 2,600"):
        assert words in said


def test_the_median_of_rounds_is_field_by_field() -> None:
    rounds = [Figures(1.0, 9.0), Figures(3.0, 7.0), Figures(2.0, 8.0)]
    assert medians(rounds) == Figures(2.0, 8.0)


def test_who_takes_part() -> None:
    assert chosen(None, with_rivals=False) == ["ceiling", "leaflake"]
    assert chosen("bentoml,leaflake", with_rivals=True) == ["leaflake", "bentoml"]
    with pytest.raises(bench_serve.UsageError, match=r"bentoml is none of .*need --rivals BIN"):
        chosen("bentoml", with_rivals=False)


def test_pictures_are_spread_over_a_folder(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench_serve, "MOST_PICTURES", 1)
    assert [path.name for path in find_pictures(pictures)] == ["rust.jpg"]
    (tmp_path / "none").mkdir()
    with pytest.raises(bench_serve.UsageError, match="no picture in it"):
        find_pictures(tmp_path / "none")


def test_another_answer_than_the_bundles_does_not_count() -> None:
    right = {"rank": "species", "species_id": "apple", "probability": 0.9}
    refuse_wrong("litserve", [right, None], [right, right])
    with pytest.raises(NotRun, match="LitServe answers 1 of 2 pictures otherwise"):
        refuse_wrong("litserve", [right, {**right, "species_id": "fig"}], [right, right])


def test_a_rival_answers_what_leaflake_answers(model: Model) -> None:
    data = picture(RUST)
    row = json.loads(answer(model, data))
    own = model.answer(model.decode(data), Question())
    assert {key: row[key] for key in own} == json.loads(json.dumps(own))
    assert set(row) - set(own) == {"source", "timings", "request_id"}


def test_a_server_that_ends_or_is_missing_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"")
    where = {"port": 1, "path": "/", "picture": tmp_path / "a.jpg", "log": tmp_path / "log"}
    for command, said in (
        (["/no/such"], "No such file"),
        (["sh", "-c", "echo first; echo why >&2; exit 3"], r"why \(status 3; all is in .*log\)"),
    ):
        with pytest.raises(NotRun, match=said), serving(command, **where):
            pass
    assert ask(1, "/", b"x") == (0, b"")


def test_leaflake_and_the_bare_loop_are_measured(
    bundle: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    arguments = [str(bundle), "--pictures", str(pictures), "--out", str(out)]
    assert main([*arguments, "--clients", "2", "--rounds", "1", "--seconds", "0.3"]) == 0
    said = capsys.readouterr().out
    assert "two-plants: 2 pictures of 1 KB; " in said
    assert "Leaflake, 2 clients: " in said and "of the bare loop (goal 0.9: " in said
    found = json.loads((out / "results.json").read_text())
    assert (found["pictures"], found["not_run"], set(found["runs"])) == (
        2, {}, {"ceiling", "leaflake"}
    )  # fmt: skip
    (one,) = found["runs"]["leaflake"]["2"]
    assert one["errors"] == 0
    assert one["requests_per_s"] > 1
    assert one["memory_mb"] > 10
    ElementTree.parse(out / "results.svg")


def test_a_folder_that_is_no_bundle_is_refused(
    tmp_path: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path), "--pictures", str(pictures), "--out", str(tmp_path / "o")]) == 2
    assert "bench-serve: " in capsys.readouterr().err
