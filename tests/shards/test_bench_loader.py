"""The benchmark of loaders: what it says and draws of figures, who takes part, one real run."""

from __future__ import annotations

import argparse
import json
import sys
import time
from itertools import repeat
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest

from leaflake import UsageError
from shards import bench_loader, bench_measure, bench_runs
from shards.bench_loader import check_disk, chosen, median, processor, report
from shards.bench_measure import measure, picture_memory, size_on_disk
from shards.bench_plot import COLOURS, colour, plot
from shards.bench_runs import NotRun, identity, is_installed, run, run_one, write_folders
from shards.bench_table import TITLES, goals, table
from shards.rival_loaders import RIVALS, make_once


def figures(rate: float, cpu: float, pss: float, pictures: float, cached: float = 0.0) -> dict:
    return {
        "pictures_per_s": rate,
        "cpu_s_per_1000": cpu,
        "pss_mb": pss,
        "pictures_mb": pictures,
        "file_cache_mb": cached,
    }


MEDIANS = {
    "torchvision": figures(700, 2.5, 750, 122, 122),
    "leaflake": figures(6000, 0.33, 320, 122),
    "ceiling_crop": figures(6250, 0.3, 250, 122),
    "ffcv_jpeg": figures(2000, 0.8, 1300, 140),
    "ffcv_raw": figures(3700, 0.4, 2400, 1320),
}


@pytest.fixture(scope="module")
def selection(shards, draw, encode, tmp_path_factory):
    pictures = [encode(draw(seed, height=60, width=50)) for seed in range(7)]
    return shards(tmp_path_factory.mktemp("bench"), pictures)


def test_table_by_hand() -> None:
    lines = [line.split("  ") for line in table(MEDIANS).splitlines()]
    cells = [[cell.strip() for cell in line if cell.strip()] for line in lines[:6]]
    assert cells == [
        ["pictures/s", "CPU s/1,000", "PSS MB", "pictures MB", "programs MB"],
        ["ceiling: decoded, cropped, resized", "6,250", "0.30", "250", "122", "128"],
        ["Leaflake", "6,000", "0.33", "320", "122", "198"],
        ["ffcv, raw pixels", "3,700", "0.40", "2,400", "1,320", "1,080"],
        ["ffcv, JPEG", "2,000", "0.80", "1,300", "140", "1,160"],
        ["ImageFolder + DataLoader", "700", "2.50", "750", "122", "750"],
    ]


def test_goals_by_hand() -> None:
    assert goals(MEDIANS) == [
        "3.00 x the fastest rival that keeps JPEGs, ffcv, JPEG (goal 1.3: reached)",
        "96% of the ceiling with crop and resize (goal 85%: reached)",
        "1.62 x ffcv, raw pixels (goal over 1: reached)",
        "pictures in 9.2% of its memory (goal 10%: reached); with programs and batches, which do "
        "not grow with the pictures, in 13.3%",
    ]
    slow = {**MEDIANS, "leaflake": figures(2500, 0.3, 320, 140)}
    assert [line.partition("goal ")[2][:18] for line in goals(slow)] == [
        "1.3: MISSED)",
        "85%: MISSED)",
        "over 1: MISSED)",
        "10%: MISSED); with",
    ]


def test_goals_are_judged_as_far_as_they_were_measured() -> None:
    assert goals({"ffcv_raw": MEDIANS["ffcv_raw"]}) == []
    assert goals({"leaflake": MEDIANS["leaflake"]}) == []
    streams = {"leaflake": MEDIANS["leaflake"], "leaflake_stream": MEDIANS["leaflake"]}
    assert goals(streams) == []


def test_everybody_has_a_title_and_rivals_are_among_them() -> None:
    assert set(RIVALS) < set(TITLES)
    assert {colour(name) for name in TITLES} == set(COLOURS.values())


def test_plot_has_a_bar_for_every_figure_in_proportion() -> None:
    svg = ElementTree.fromstring(plot(MEDIANS, "7 < 8 pictures", "today"))
    name = "{http://www.w3.org/2000/svg}"
    texts = [text.text for text in svg.iter(f"{name}text")]
    assert texts[:2] == ["7 < 8 pictures", "today"]
    assert [text for text in texts if text in TITLES.values()] == [
        "Leaflake",  # of the legend
        "ceiling: decoded, cropped, resized",
        "Leaflake",
        "ffcv, raw pixels",
        "ffcv, JPEG",
        "ImageFolder + DataLoader",
    ]
    assert texts[-6:] == ["CPU s per 1,000 pictures", "0.30", "0.33", "0.40", "0.80", "2.50"]
    bars = [bar for bar in svg.iter(f"{name}rect") if bar.get("height") == "18"]
    assert [float(bar.get("width", 0)) for bar in bars[:5]] == [300.0, 288.0, 177.6, 96.0, 33.6]
    memory = [float(bar.get("width", 0)) for bar in bars[5:15]]
    assert memory[4:6] == [132.0, 108.0]  # raw pixels and their programs, the longest: 240
    assert len(bars) == 5 * (1 + 2 + 1)


def test_the_median_is_of_every_figure() -> None:
    assert median([{"a": 1, "b": 9}, {"a": 5, "b": 7}, {"a": 2, "b": 8}]) == {"a": 2, "b": 8}


def test_who_takes_part() -> None:
    ours = ["leaflake", "leaflake_stream", "ceiling_decode", "ceiling_crop"]
    assert chosen(None, with_rivals=False) == ours
    assert chosen(None, with_rivals=True) == list(TITLES)
    assert chosen("ffcv_raw,leaflake", with_rivals=True) == ["leaflake", "ffcv_raw"]
    with pytest.raises(UsageError) as refused:
        chosen("leaflake,ffcv_raw", with_rivals=False)
    assert str(refused.value) == (
        f"--only leaflake,ffcv_raw: ffcv_raw is none of {', '.join(ours)} (rivals need --rivals "
        "PYTHON). Nothing was written."
    )


def test_a_full_disk_is_refused_beforehand(tmp_path) -> None:
    check_disk(tmp_path, 10**9, free=20 * 10**9)
    with pytest.raises(UsageError) as refused:
        check_disk(tmp_path, 10**9, free=19 * 10**9)
    assert str(refused.value) == (
        f"{tmp_path}: 19.0 GB are free, and the rivals' own copies of 1.0 GB of pictures take up "
        "to 20.0 GB, raw pixels most of it. Name another folder with --out, or fewer pictures "
        "with --where. No picture was written."
    )


def test_a_report_is_a_table_a_plot_and_all_figures(selection, tmp_path, capsys) -> None:
    args = argparse.Namespace(out=tmp_path, workers=2, rounds=2, seconds=5.0)
    runs = {"leaflake": [figures(10, 1, 1, 1), figures(20, 1, 1, 1)]}
    report(args, selection, runs, {"spdl": "no FFmpeg"})
    said = capsys.readouterr().out
    assert "7 JPEGs of 0 MB in memory, 2 workers; rounds: 2, the median of 5 s each" in said
    assert "not run: SPDL: no FFmpeg\n" in said
    found = json.loads((tmp_path / "results.json").read_text())
    assert (found["runs"], found["not_run"]) == (runs, {"spdl": "no FFmpeg"})
    assert (tmp_path / "results.svg").read_text().startswith("<svg ")
    with pytest.raises(UsageError, match="nobody could run, see above. No result was written."):
        report(args, selection, {}, {"spdl": "no FFmpeg"})


def test_a_rival_that_cannot_run_is_named_with_what_it_lacks(monkeypatch, capsys) -> None:
    monkeypatch.setattr(bench_runs, "is_installed", lambda package: package == "pkg-config")
    absent: dict[str, str] = {}
    command = [sys.executable, "-c", "import no_such_module"]
    assert bench_loader._try("ffcv_raw", command, absent) is None
    assert absent == {
        "ffcv_raw": "ModuleNotFoundError: No module named 'no_such_module' (status 1) (missing of "
        "Debian: libopencv-dev libturbojpeg0-dev; install them and run this again)"
    }
    assert capsys.readouterr().err == f"ffcv, raw pixels cannot run here: {absent['ffcv_raw']}\n"
    assert bench_loader._try("litdata", command, absent) is None
    assert absent["litdata"] == "ModuleNotFoundError: No module named 'no_such_module' (status 1)"


def test_a_run_is_the_last_line_of_its_output() -> None:
    code = "print('loading'); print('{\"pictures_per_s\": 7}')"
    assert run([sys.executable, "-c", code]) == {"pictures_per_s": 7}
    assert run([sys.executable, "-c", "print('written')"]) is None


def test_a_run_that_hangs_is_ended_with_its_workers(tmp_path) -> None:
    code = (
        "import subprocess, sys, time\n"
        "worker = 'import pathlib, sys, time; time.sleep(2); pathlib.Path(sys.argv[1]).touch()'\n"
        f"subprocess.Popen([sys.executable, '-c', worker, {str(tmp_path / 'alive')!r}])\n"
        "time.sleep(60)"
    )
    with pytest.raises(NotRun, match=r"^gave no result in 1 s$"):
        run([sys.executable, "-c", code], timeout_s=1)
    time.sleep(2)
    assert not (tmp_path / "alive").exists()


def test_a_python_that_is_not_there_is_said(tmp_path) -> None:
    with pytest.raises(NotRun, match="none: No such file or directory"):
        run([str(tmp_path / "none")])


def test_a_package_that_debian_lacks_is_not_installed() -> None:
    assert not is_installed("no-such-package-of-leaves")


@pytest.mark.parametrize("name", ["leaflake", "leaflake_stream"])
def test_one_of_ours_is_measured(name, selection) -> None:
    result = run_one(name, selection, workers=1, seconds=0.05)
    assert list(result) == list(figures(0, 0, 0, 0))
    assert result["pictures_per_s"] > 0 and result["pss_mb"] > 0
    assert (result["file_cache_mb"] > 0) == (name == "leaflake_stream")


def test_measuring_counts_after_the_warm_up(monkeypatch) -> None:
    clock = SimpleNamespace(now=100.0)
    clock.perf_counter = lambda: clock.now
    monkeypatch.setattr(bench_measure, "time", clock)

    def batches():
        for size in repeat(4):
            clock.now += 0.5
            yield size

    # three batches warm up; then one every half second, until two seconds are over
    assert measure(batches(), 10, 2)["pictures_per_s"] == 4 * 4 / 2
    assert clock.now == 100 + 7 * 0.5


def test_pictures_in_files_are_not_in_the_memory_of_processes(tmp_path, write) -> None:
    write(tmp_path / "own", {"a/1": b"12345", "2": b"678"})
    assert size_on_disk(tmp_path / "own") == 8
    assert size_on_disk(tmp_path / "own/2") == 3
    assert picture_memory(3_000_000, False) == {"pictures_mb": 3.0, "file_cache_mb": 3.0}
    assert picture_memory(3_000_000, True) == {"pictures_mb": 3.0, "file_cache_mb": 0.0}


def test_rivals_start_from_class_folders_of_the_same_bytes(selection, tmp_path) -> None:
    folder = write_folders(selection, tmp_path / "pictures")
    files = sorted(str(path.relative_to(folder)) for path in folder.glob("*/*"))
    assert files == [f"000{n % 3}/key {n}.jpg" for n in (0, 3, 6, 1, 4, 2, 5)]
    (folder / "0000/key 0.jpg").unlink()
    assert len(list(write_folders(selection, folder).glob("*/*"))) == 6  # not written again


def test_other_pictures_have_another_folder(selection) -> None:
    assert identity(selection) == identity(selection)
    assert identity(selection).startswith("7-")
    assert identity(selection.take([0, 1, 2, 3, 4, 6, 5])) != identity(selection)


def test_a_rivals_own_data_gets_its_name_when_it_is_complete(tmp_path) -> None:
    def fail(out: Path) -> None:
        out.mkdir()
        (out / "half").touch()
        raise RuntimeError("killed")

    own = tmp_path / "own"
    with pytest.raises(RuntimeError):
        make_once(own, fail)
    assert not own.exists()
    make_once(own, lambda out: out.mkdir())
    assert list(tmp_path.iterdir()) == [own] and list(own.iterdir()) == []
    make_once(own, fail)  # it is there


def test_the_processor_is_named(tmp_path) -> None:
    path = tmp_path / "cpuinfo"
    path.write_text("processor: 0\nmodel name\t: Fast 9000\nmodel name\t: Fast 9000\n")
    assert processor(path) == "Fast 9000"
    assert processor(tmp_path / "none") == "unknown processor"
