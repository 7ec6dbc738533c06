from __future__ import annotations

from pathlib import Path

import pytest

from serve import speed
from serve.speed import Speed, count_cores, unmeasured


@pytest.mark.parametrize(
    ("text", "cores"), [("150000 100000", 1), ("200000 100000", 2), ("50000 100000", 1)]
)
def test_quota_of_a_container_counts_as_cores(
    text: str, cores: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpu.max").write_text(text)
    monkeypatch.setattr(speed, "CPU_QUOTA", tmp_path / "cpu.max")
    monkeypatch.setattr(speed.os, "sched_getaffinity", lambda _: set(range(64)))
    assert count_cores() == cores


@pytest.mark.parametrize("text", ["max 100000", "", None])
def test_without_a_quota_all_cores_that_it_is_bound_to_count(
    text: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if text is not None:
        (tmp_path / "cpu.max").write_text(text)
    monkeypatch.setattr(speed, "CPU_QUOTA", tmp_path / "cpu.max")
    monkeypatch.setattr(speed.os, "sched_getaffinity", lambda _: {1, 3, 5})
    assert count_cores() == 3


def test_unmeasured_is_a_lane_a_core_and_all_cores_for_one_picture() -> None:
    assert unmeasured(4) == Speed(lanes=4, threads=1, lone_threads=4)


def test_speed_says_itself_in_words() -> None:
    plain = Speed(lanes=2, threads=1, lone_threads=2)
    said = "2 picture(s) side by side, 1 thread(s) each; a lone one has 2"
    assert plain.describe() == said
    measured = Speed(2, 1, 2, True, 204.4, 6.1)
    assert measured.describe() == f"{said}; 204.4 pictures/s, a lone one in 6.1 ms"
