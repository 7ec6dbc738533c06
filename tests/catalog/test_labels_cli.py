"""`leaflake labels read`: what it prints, and what it exits with."""

from __future__ import annotations

import argparse
import io
import json

import pytest

from catalog.labels_cli import add_labels, run_labels
from leaflake import UsageError


def _run(*argv: str) -> int:
    parser = argparse.ArgumentParser(prog="leaflake labels")
    add_labels(parser)
    return run_labels(parser.parse_args(argv))


def test_sure_names_are_a_table_and_exit_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("read", "Tomato leaf late blight", "Apple_rust") == 0
    assert capsys.readouterr().out.splitlines() == [
        "folder                   species  condition    rule   confidence  sure",
        "Tomato leaf late blight  tomato   late_blight  exact  0.99        yes",
        "Apple_rust               apple    rust         exact  0.99        yes",
    ]


def test_an_unsure_name_exits_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("read", "Empty___folder") == 1
    assert capsys.readouterr().out.splitlines()[1].split() == [
        "Empty___folder", "-", "-", "nothing-recognised", "0.00", "no",
    ]  # fmt: skip


def test_json_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("read", "--json", "--species", "Zuckerrohr", "RedRot", "leaf") == 1
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [
        {
            "folder": "RedRot",
            "species": "sugarcane",
            "condition": "red_rot",
            "healthy": False,
            "rule": "source-species",
            "confidence": 0.97,
            "sure": True,
            "candidates": [["sugarcane", "red_rot", 0.97]],
        },
        {
            "folder": "leaf",
            "species": "sugarcane",
            "condition": "healthy",
            "healthy": True,
            "rule": "bare-leaf",
            "confidence": 0.7,
            "sure": False,
            "candidates": [["sugarcane", "healthy", 0.7]],
        },
    ]


def test_a_dash_reads_names_from_standard_input(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("Grape_Esca\n\nPepper,_bell___healthy\r\n"))
    assert _run("read", "--json", "-") == 0
    folders = [json.loads(line)["folder"] for line in capsys.readouterr().out.splitlines()]
    assert folders == ["Grape_Esca", "Pepper,_bell___healthy"]


def test_control_characters_of_a_name_are_shown_not_sent(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _run("read", "Tomato\x1b[2J")
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize("action", [["read"], ["read", "-h"], ["-h"]])
def test_help_carries_an_example(action: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    if "-h" not in action:
        action = [*action, "--help"]
    with pytest.raises(SystemExit, match="0"):
        _run(*action)
    assert 'leaflake labels read "Tomato leaf late blight" "RedRot"' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("action", "sentence"),
    [
        ("review", "leaflake labels review --lake lake/ --out review.csv"),
        ("apply", "update samples set condition = 'rust' where condition = 'brown_rust'"),
        ("apply", "A conflict is one picture under two labels."),
        ("apply", "No statement touches a tar."),
    ],
)
def test_help_says_how_labels_are_mended(
    action: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="0"):
        _run(action, "--help")
    assert sentence in capsys.readouterr().out


def test_wrong_use_is_refused_before_anything_is_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(UsageError, match="labels: say what to do"):
        _run()
    with pytest.raises(UsageError, match="no folder name was given"):
        _run("read")
    with pytest.raises(UsageError, match='--species "Moonflower" is no plant name'):
        _run("read", "--species", "Moonflower", "rust")
    assert capsys.readouterr().out == ""
