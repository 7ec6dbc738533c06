"""The bench of the page, with a small bundle."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from serve.bench_page import main

ROOT = Path(__file__).parents[2]


def bench(*arguments: object) -> subprocess.CompletedProcess[str]:
    """In a process of its own: in this one playwright runs already."""
    command = [sys.executable, "-m", "serve.bench_page", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_a_picture_and_a_photograph_are_timed_on_the_page(
    chromium: Any, page_bundle: Path, tmp_path: Path
) -> None:
    done = bench(page_bundle, "--repeats", 2, "--out", tmp_path)
    assert done.returncode in (0, 1), done.stderr  # as quick as the machine is
    small, large = done.stdout.splitlines()
    line = r"{}, \d+\.\d\d MB: median \d+ ms, p99 \d+ ms of 2 \(goal under 500: (reached|MISSED)\)"
    assert re.fullmatch(line.format(r"\d+x\d+"), small)
    assert re.fullmatch(line.format("4032x3024"), large)


def test_a_bundle_without_a_browsers_model_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serve.bench_page.runtime_files", lambda: {"any": tmp_path})
    (tmp_path / "golden").mkdir()
    (tmp_path / "golden" / "00.jpg").write_bytes(b"")
    assert main([str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == (
        f"bench-page: {tmp_path}: has no model for browsers. Export it without --no-browser.\n"
    )
