from pathlib import Path

import pytest

from export import bundle
from export.manifest import read_manifest
from export.parity import BeyondBoundsError
from export.tfjs_tools import ToolFailedError
from leaflake import main


@pytest.fixture
def asked(made, monkeypatch) -> dict:
    """What `export_bundle` was asked for; it gives the manifest of the bundle of colours."""
    found: dict = {}

    def export_bundle(run, out, **options):
        found.update(run=run, out=out, **options)
        return read_manifest(made)

    monkeypatch.setattr(bundle, "export_bundle", export_bundle)
    return found


def test_each_file_is_told_with_size_accuracy_speed_and_parity(asked, capsys):
    assert main(["export", "run", "--out", "new"]) == 0
    assert asked == {
        "run": Path("run"),
        "out": Path("new"),
        "lake_path": None,
        "not_plants": None,
        "browser": True,
        "finder": None,
        "two_step": "better",
    }
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[0] for line in lines[:2]] == ["server.fp32.onnx", "server.int8.onnx"]
    assert "test species 100.0 %, both 100.0 %; 1.5 ms an answer; 0.0% other answers" in lines[1]
    assert lines[2].startswith("a species is answered from p >= ")
    assert lines[3] == "new: answers with server.int8.onnx; all about it is in report.html"


def test_options_are_passed_on(asked):
    options = ["--not-plants", "photos", "--accuracy", "0.9", "--no-browser"]
    assert main(["export", "run", "--out", "new", *options]) == 0
    assert asked["not_plants"] == Path("photos")
    assert (asked["target"], asked["browser"]) == (0.9, False)


@pytest.mark.parametrize("share", ["95", "0", "1", "much", "nan"])
def test_an_accuracy_that_is_no_share_is_refused(asked, share, capsys):
    with pytest.raises(SystemExit) as refusal:
        main(["export", "run", "--out", "new", "--accuracy", share])
    assert refusal.value.code == 2
    assert f'"{share}" is not a share between 0 and 1' in capsys.readouterr().err
    assert asked == {}


def test_beyond_the_bounds_the_exit_status_is_1_and_the_bound_is_named(monkeypatch, capsys):
    def refuse(*_, **__):
        raise BeyondBoundsError("server.int8.onnx: takes 6.2 ms. Nothing was written.")

    monkeypatch.setattr(bundle, "export_bundle", refuse)
    assert main(["export", "run", "--out", "new"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "leaflake export: server.int8.onnx: takes 6.2 ms. Nothing was written.\n"


def test_a_bundle_of_the_same_run_is_kept_if_asked(made, asked, capsys):
    assert main(["export", "runs/cpu-1", "--out", str(made), "--reuse"]) == 0
    assert capsys.readouterr().out == f"{made}: exported before from cpu-1\n"
    assert asked == {}
    assert main(["export", "runs/cpu-2", "--out", str(made), "--reuse"]) == 0
    assert asked["run"] == Path("runs/cpu-2")


def test_a_browser_that_fails_is_told_in_its_own_words(monkeypatch, capsys):
    def fail(*args: object, **settings: object) -> None:
        raise ToolFailedError("chromium ended by itself with status 3")

    monkeypatch.setattr(bundle, "export_bundle", fail)
    assert main(["export", "run", "--out", "new"]) == 1
    assert capsys.readouterr().err == (
        "leaflake export: chromium ended by itself with status 3. Nothing was written.\n"
    )
