"""The bench of a large upload, with a small bundle and a small photograph."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image
from two_plants import RUST, picture

from serve.bench_upload import draw_photograph, goal_ms, main


def test_the_photograph_is_as_large_as_said_and_the_same_every_time() -> None:
    drawn = draw_photograph((320, 240))
    assert Image.open(io.BytesIO(drawn)).size == (320, 240)
    assert drawn == draw_photograph((320, 240))


def test_a_large_network_has_longer() -> None:
    assert goal_ms("swin_tiny_patch4_window7_224") == 1000
    assert goal_ms("tf_efficientnet_lite0") == goal_ms("") == 300


def test_an_upload_is_timed(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photograph = tmp_path / "rust.jpg"
    photograph.write_bytes(picture(RUST, size=(640, 480)))
    arguments = ["--picture", str(photograph), "--repeats", "3", "--out", str(tmp_path / "out")]
    assert main([str(bundle), *arguments]) == 0
    head, line = capsys.readouterr().out.splitlines()
    assert head == "rust.jpg: 0.0 MB, 3 uploads one after another"
    assert line.startswith("two-plants, server.fp32.onnx: median ")
    assert "(goal under 300: reached); of it upload " in line


def test_a_missing_picture_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--picture", str(tmp_path / "none.jpg"), "--out", str(tmp_path)]
    assert main([str(tmp_path), *arguments]) == 2
    assert capsys.readouterr().err.startswith("bench-upload: ")
