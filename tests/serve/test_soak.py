"""What the soak concludes, and the soak itself, short, with a small bundle."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from two_plants import RUST, picture

from serve import soak
from serve.soak import Seen, judge, main, recover, report

RIGHT = {"rank": "species", "probability": 0.9}


def test_memory_counts_once_it_has_settled() -> None:
    assert Seen(memory_mb=[50.0, *[100.0] * 8, 104.0]).spread == (100.0, 104.0)


def test_a_soak_that_holds(capsys: pytest.CaptureFixture[str]) -> None:
    seen = Seen(Counter({"503": 7, "200": 9}), [90.0, *[100.0] * 8, 104.0])
    assert judge(seen, 0.3) == 0
    assert capsys.readouterr().out.splitlines() == [
        "answers by status: {'200': 9, '503': 7}",
        "memory: 100.0 to 104.0 MB, 4.0% (goal 5%: reached)",
        "errors but 503: 0 (goal 0: reached)",
        "right answers again after 0.3 s (goal 5 s: reached)",
    ]


@pytest.mark.parametrize(
    "statuses, memory_mb, recovered_s, missed",
    [
        ({"200": 9}, [100.0] * 9 + [106.0], 0.3, "memory: 100.0 to 106.0 MB, 6.0%"),
        ({"200": 9, "lost": 1, "500": 2}, [100.0] * 10, 0.3, "errors but 503: 3"),
        ({"200": 9, "wrong": 1}, [100.0] * 10, 0.3, "errors but 503: 1"),
        ({"200": 9}, [100.0] * 10, 5.1, "right answers again after 5.1 s"),
        ({"200": 9}, [100.0] * 10, None, "right answers again not at all"),
    ],
)
def test_a_soak_that_does_not(
    statuses: dict[str, int],
    memory_mb: list[float],
    recovered_s: float | None,
    missed: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert judge(Seen(Counter(statuses), memory_mb), recovered_s) == 1
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "MISSED" in line]
    assert line.startswith(missed)


def test_a_line_says_what_else_came_back() -> None:
    row = {
        "at_s": 90.0, "seconds": 10.0, "cpu_s": 0.5, "p50_ms": 12.0, "p99_ms": None,
        "statuses": {"200": 50, "503": 20, "lost": 1},
    }  # fmt: skip
    assert report(row, 200.0) == (
        "  1.5 min  answered    5.0/s  refused    2.0/s  p50   12.0  p99    0.0 ms   200.0 MB  "
        "load 0.05 cores  {'lost': 1}"
    )


@pytest.mark.parametrize("said, recovered", [([0, 1, 1, 1], True), ([0, 0, 0, 0], False)])
def test_recovery_is_the_first_of_some_right_answers_in_a_row(
    said: list[int], recovered: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.jpg").write_bytes(b"a")
    clock = [100.0]
    answers = iter([(200, b'{"answer": {"rank": "species", "probability": 0.9}}') if one else
                    (503, b"") for one in [*said, *[said[-1]] * 100]])  # fmt: skip

    def ask(*_: Any) -> tuple[int, bytes]:
        clock[0] += 1
        return next(answers)

    monkeypatch.setattr(soak, "ask", ask)
    monkeypatch.setattr(soak, "AFTERWARDS", 3)
    times = SimpleNamespace(monotonic=lambda: clock[0], sleep=lambda _: None)
    monkeypatch.setattr(soak, "time", times)
    running = SimpleNamespace(port=1, path="/")
    found = recover(running, [tmp_path / "a.jpg"], [RIGHT], ended=100.0)
    assert found == (2.0 if recovered else None)


def test_a_server_carries_a_soak(
    bundle: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(soak, "CARRY_S", 0.3)
    monkeypatch.setattr(soak, "CARRY_WARM_UP_S", 0.1)
    (tmp_path / "rust.jpg").write_bytes(picture(RUST))
    arguments = [str(bundle), "--minutes", "0.02", "--times", "0.5", "--out", str(tmp_path / "o")]
    # Memory may still grow in the first second.
    assert main([*arguments, "--pictures", str(tmp_path)]) in (0, 1)
    said = capsys.readouterr().out
    assert "it carries " in said
    assert "errors but 503: 0 (goal 0: reached)" in said
    assert "(goal 5 s: reached)" in said


@pytest.mark.parametrize("minutes", ["0", "1000"])
def test_minutes_have_bounds(minutes: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bundle", "--minutes", minutes]) == 2
    assert f"--minutes {minutes}: expected over 0" in capsys.readouterr().err
