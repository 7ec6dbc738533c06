"""The demonstration of three rounds, but for its trainings."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from retrain import three_rounds
from retrain.three_rounds import kill_in_training, main, newest_round, share_out


@pytest.mark.parametrize(("src", "out"), [("nothing", "new"), (".", "here")])
def test_a_missing_dataset_and_a_folder_that_is_there_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], src: str, out: str
) -> None:
    (tmp_path / "plantdoc_800").mkdir()
    (tmp_path / "here").mkdir()
    with pytest.raises(SystemExit) as ended:
        main([str(tmp_path / src), "--out", str(tmp_path / out)])
    assert ended.value.code == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.endswith(f"{tmp_path / out} must not exist, and {tmp_path / src} have plantdoc_800")


def test_photographs_that_are_not_there_are_refused_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "plantdoc_800").mkdir()
    photographs, out = tmp_path / "none", tmp_path / "new"
    with pytest.raises(SystemExit) as ended:
        main([str(tmp_path), "--out", str(out), "--not-plants", str(photographs)])
    assert ended.value.code == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.endswith(f"--not-plants {photographs}: no such folder, or no photograph in it")
    assert not out.exists()


def test_photographs_are_dealt_out_in_turn(tmp_path: Path) -> None:
    (tmp_path / "all").mkdir()
    for name in "abcde":
        (tmp_path / "all" / name).write_text(name)
    share_out(tmp_path / "all", tmp_path / "lake" / "one", tmp_path / "other")
    found = {path.name: path.read_text() for path in sorted((tmp_path / "lake/one").iterdir())}
    assert found == {"a": "a", "c": "c", "e": "e"}
    assert sorted(path.name for path in (tmp_path / "other").iterdir()) == ["b", "d"]


def test_the_newest_round_is_told_in_a_sentence(tmp_path: Path) -> None:
    for number, (name, promote) in enumerate({"b": True, "a": False}.items()):
        path = tmp_path / "rounds" / name / "round.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"challenger": name, "promote": promote, "why": "so"}))
        os.utime(path, (number, number))
    assert newest_round(tmp_path) == "a not promoted: so"


def test_a_training_is_killed_with_its_first_epoch_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command is a process that writes rows, and would then write that it was left alone."""
    runs = tmp_path / "runs"
    (runs / "old").mkdir(parents=True)
    (runs / "old" / "metrics.jsonl").write_text('{"stage": "fine-tune"}\n' * 2)
    rows = '{"stage": "heads"}\n{"stage": "steps"}\n', '{"stage": "fine-tune"}\n{"sta'
    code = (
        "import pathlib, sys, time; run = pathlib.Path(sys.argv[3]); run.mkdir();"
        f"(run / 'metrics.jsonl').write_text({rows[0]!r}); time.sleep(0.5);"
        f"(run / 'metrics.jsonl').write_text({''.join(rows)!r}); time.sleep(60);"
        "(run / 'whole').touch()"
    )
    script = tmp_path / "training.py"
    script.write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(three_rounds, "MODULE", "training")
    assert kill_in_training(["retrain", "--lake", runs / "new"], runs) == 1
    assert not (runs / "new" / "whole").exists()
