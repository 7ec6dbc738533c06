"""A challenger that wins goes into production; whatever else happens, production is as it was."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import stand_ins
from stand_ins import COLOURS, MIXED_UP, count_test, write_bundle

from catalog.lake import open_lake
from catalog.organise import label_tree
from leaflake import UsageError, main
from retrain import challenger, rounds
from retrain.challenger import Making
from retrain.models import Models
from retrain.rounds import Ended, run_round
from serve.correction import Said
from train.recipes import cpu

MAKING = Making(cpu(), browser=False)
CODE = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def quick(monkeypatch) -> None:
    stand_ins.use_stand_ins(monkeypatch)


def in_production(lake: Path, models: Path, colours=MIXED_UP, recipe: str = "old") -> Path:
    """Put a bundle of the lake's newest snapshot into production."""
    with open_lake(lake) as opened:
        tree, snapshot = label_tree(opened.connection), opened.pictures_snapshot
    test = count_test(lake, snapshot)
    write_bundle(models / "bundles/old", tree, colours, snapshot, test, recipe)
    (models / "production").symlink_to("bundles/old")
    return models


def link(models: Path) -> str:
    return os.readlink(models / "production")


def never(*_: object, **__: object) -> None:
    raise AssertionError("this was done before")


def test_the_first_challenger_goes_into_production_without_a_comparison(lake, tmp_path) -> None:
    ended = run_round(lake, tmp_path / "models", MAKING)
    assert ended.outcome is not None
    name = ended.outcome.challenger
    assert link(tmp_path / "models") == f"bundles/{name}"
    assert ended.words == f"{name} was promoted: there was nothing in production"
    assert (tmp_path / "models/production/model.json").is_file()
    assert f"<h1>{name}: promoted</h1>" in ended.page.read_text()
    again = run_round(lake, tmp_path / "models", MAKING)
    assert again == Ended(None, f"nothing is new since {name} was trained")


def test_a_better_challenger_takes_the_place_and_the_page_says_why(lake, tmp_path) -> None:
    models = in_production(lake, tmp_path / "models")
    ended = run_round(lake, models, MAKING)
    assert ended.outcome is not None and ended.outcome.promote, ended.words
    name = ended.outcome.challenger
    assert link(models) == f"bundles/{name}"
    assert "better beyond chance on the frozen test split" in ended.outcome.why
    page = ended.page.read_text()
    assert "Right now, and not before" in page
    for change in ("before: apple, scab", "before: tomato, late blight"):
        assert change in page  # what was said of a picture
    assert page.count("<img ") >= 6
    rows = [json.loads(row) for row in (models / "log.jsonl").read_text().splitlines()]
    assert [(row["from"], row["to"]) for row in rows] == [("bundles/old", f"bundles/{name}")]


def test_a_challenger_that_is_no_better_moves_nothing_and_is_not_trained_again(
    lake, tmp_path, monkeypatch
) -> None:
    models = in_production(lake, tmp_path / "models", COLOURS)
    ended = run_round(lake, models, MAKING)
    assert ended.outcome is not None
    assert (ended.outcome.promote, ended.outcome.why) == (False, "nowhere better beyond chance")
    assert link(models) == "bundles/old"
    assert [path.name for path in (models / "bundles").iterdir()] == ["old"]
    assert "not promoted" in ended.page.read_text()
    monkeypatch.setattr(challenger, "train_run", never)
    again = run_round(lake, models, MAKING)
    assert again.outcome is None
    assert again.words.endswith("lost before: nowhere better beyond chance")


def test_a_worse_challenger_is_named_with_where_it_is_worse(lake, tmp_path, monkeypatch) -> None:
    models = in_production(lake, tmp_path / "models", COLOURS)

    def export(run: Path, out: Path, **_: object) -> None:
        with open_lake(lake) as opened:
            tree, snapshot = label_tree(opened.connection), opened.pictures_snapshot
        write_bundle(out, tree, MIXED_UP, snapshot, count_test(lake, snapshot))

    monkeypatch.setattr(challenger, "export_bundle", export)
    ended = run_round(lake, models, MAKING)
    assert ended.outcome is not None and not ended.outcome.promote
    assert ended.outcome.why.startswith("worse in ")
    assert "species and condition, the frozen test split" in ended.outcome.why
    assert link(models) == "bundles/old"


def test_what_people_sent_is_taken_in_weighed_and_examined_as_the_newest(
    lake, tmp_path, send
) -> None:
    models = in_production(lake, tmp_path / "models", recipe="cpu")
    blight = COLOURS["tomato", "late_blight"]
    said = Said("tomato", "late_blight", None)
    truths = [
        (f"t{n:02d}", f"sender{n % 5}", said, stand_ins.picture(blight, 500 + n)) for n in range(40)
    ]
    scab = COLOURS["apple", "scab"]
    lies = [(f"l{n}", "liar", said, stand_ins.picture(scab, 700 + n)) for n in range(3)]
    send(lake, *truths, *lies)
    ended = run_round(lake, models, MAKING)
    assert ended.outcome is not None and ended.outcome.promote, ended.words
    page = ended.page.read_text()
    assert "newer test pictures" in page
    assert page.count("by what others say and by the picture it is so") == 3
    with open_lake(lake) as opened:
        rows = opened.connection.sql(
            "SELECT sender = 'liar', species IS NULL, count(*) FROM corrections GROUP BY ALL "
            "ORDER BY ALL"
        ).fetchall()
    assert rows == [(False, False, 40), (True, True, 3)]


def test_killed_while_it_exports_production_is_as_it_was_and_the_next_round_goes_on(
    lake, tmp_path, monkeypatch
) -> None:
    models = in_production(lake, tmp_path / "models")
    killed = subprocess.run(
        [sys.executable, stand_ins.__file__, lake, models],
        env={**os.environ, "PYTHONPATH": str(CODE)},
        capture_output=True,
        timeout=120,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert link(models) == "bundles/old"
    half = [path.name for path in (models / "bundles").iterdir() if path.name.endswith(".tmp")]
    assert len(half) == 1
    monkeypatch.setattr(challenger, "train_run", never)
    ended = run_round(lake, models, MAKING)
    assert ended.outcome is not None and ended.outcome.promote
    assert sorted(path.name for path in (models / "bundles").iterdir()) == sorted(
        ["old", ended.outcome.challenger]
    )


def test_an_interrupted_training_goes_on(lake, tmp_path, monkeypatch) -> None:
    models = in_production(lake, tmp_path / "models")

    def stop(*arguments: object, **named: object) -> Path:
        path = stand_ins.train(*arguments, **named)
        (path / "metrics.json").unlink()
        raise KeyboardInterrupt

    monkeypatch.setattr(challenger, "train_run", stop)
    with pytest.raises(KeyboardInterrupt):
        run_round(lake, models, MAKING)
    assert link(models) == "bundles/old"
    monkeypatch.setattr(challenger, "train_run", never)
    ended = run_round(lake, models, MAKING)
    assert ended.outcome is not None and ended.outcome.promote
    assert [path.name for path in (models / "runs").iterdir()] == [ended.outcome.challenger]


def test_killed_between_decision_and_link_the_next_round_only_turns_the_link(
    lake, tmp_path, monkeypatch
) -> None:
    models = in_production(lake, tmp_path / "models")
    with monkeypatch.context() as patch:
        patch.setattr(Models, "promote", never)
        with pytest.raises(AssertionError):
            run_round(lake, models, MAKING)
    assert link(models) == "bundles/old"
    monkeypatch.setattr(challenger, "train_run", never)
    monkeypatch.setattr(rounds, "examine", never)
    ended = run_round(lake, models, MAKING)
    assert ended.outcome is not None
    assert link(models) == f"bundles/{ended.outcome.challenger}"


def test_rolled_back_it_is_not_promoted_again(lake, tmp_path, capsys) -> None:
    models = in_production(lake, tmp_path / "models")
    ended = run_round(lake, models, MAKING)
    assert ended.outcome is not None
    name = ended.outcome.challenger
    assert main(["rollback", "--models", str(models)]) == 0
    assert link(models) == "bundles/old"
    assert capsys.readouterr().out == f"{models}/production: bundles/{name} -> bundles/old\n"
    again = run_round(lake, models, MAKING)
    assert again.words == f"{name} was rolled back, and nothing is new since"
    assert link(models) == "bundles/old"
    assert main(["rollback", "--models", str(models)]) == 2
    assert f"Name a bundle with --to: {name}, old." in capsys.readouterr().err
    assert main(["rollback", "--models", str(models), "--to", name]) == 0
    assert link(models) == f"bundles/{name}"


def test_a_damaged_bundle_is_not_gone_back_to(lake, tmp_path) -> None:
    models = in_production(lake, tmp_path / "models")
    ended = run_round(lake, models, MAKING)
    assert ended.outcome is not None
    file = models / "bundles/old/server.int8.onnx"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(UsageError, match="server.int8.onnx"):
        Models(models).roll_back()
    assert link(models) == f"bundles/{ended.outcome.challenger}"


def test_a_link_that_somebody_changed_meanwhile_is_left_alone(lake, tmp_path, monkeypatch) -> None:
    models = in_production(lake, tmp_path / "models")
    shutil.copytree(models / "bundles/old", models / "bundles/other")
    examine = rounds.examine

    def change(*arguments: object) -> object:
        found = examine(*arguments)
        Models(models).roll_back("other")
        return found

    monkeypatch.setattr(rounds, "examine", change)
    with pytest.raises(UsageError, match="leads to bundles/other now"):
        run_round(lake, models, MAKING)
    assert link(models) == "bundles/other"


def test_a_bundle_beyond_its_bounds_loses(lake, tmp_path, monkeypatch) -> None:
    from export.parity import BeyondBoundsError

    models = in_production(lake, tmp_path / "models")

    def refuse(*_: object, **__: object) -> None:
        raise BeyondBoundsError("server.int8.onnx: loses 9 of 18 test pictures")

    monkeypatch.setattr(challenger, "export_bundle", refuse)
    ended = run_round(lake, models, MAKING)
    assert ended.outcome is not None and not ended.outcome.promote
    assert ended.outcome.why == (
        "no bundle came of it: server.int8.onnx: loses 9 of 18 test pictures"
    )
    assert link(models) == "bundles/old"


def test_a_browser_that_fails_ends_the_round_and_changes_nothing(
    lake, tmp_path, monkeypatch
) -> None:
    from export.tfjs_tools import ToolFailedError

    models = in_production(lake, tmp_path / "models")

    def fail(*_: object, **__: object) -> None:
        raise ToolFailedError("chromium ended by itself with status 3")

    monkeypatch.setattr(challenger, "export_bundle", fail)
    with pytest.raises(UsageError, match=r"status 3\. Run leaflake retrain again, which goes on"):
        run_round(lake, models, MAKING)
    assert link(models) == "bundles/old"
    assert list((models / "rounds").iterdir()) == []


def test_one_round_at_a_time(lake, tmp_path) -> None:
    models = Models(tmp_path / "models")
    with models.only_round(), pytest.raises(UsageError, match="another leaflake retrain"):
        run_round(lake, models.path, MAKING)


def test_a_champion_of_another_lake_is_refused(lake, tmp_path) -> None:
    models = tmp_path / "models"
    with open_lake(lake) as opened:
        tree, snapshot = label_tree(opened.connection), opened.pictures_snapshot
    write_bundle(models / "bundles/old", tree, COLOURS, snapshot, 999, "old")
    (models / "production").symlink_to("bundles/old")
    with pytest.raises(UsageError, match="Is it the lake that it was trained on"):
        run_round(lake, models, MAKING)
    assert link(models) == "bundles/old"


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda models: (models / "production").mkdir(parents=True), "is no link"),
        (
            lambda models: (models.mkdir(), (models / "production").symlink_to("bundles/gone")),
            "what is in production is not whole",
        ),
        (lambda models: models.write_text("a file"), "cannot be made"),
    ],
)
def test_models_that_are_none_are_refused(lake, tmp_path, spoil, sentence) -> None:
    spoil(tmp_path / "models")
    with pytest.raises(UsageError, match=sentence):
        run_round(lake, tmp_path / "models", MAKING)


def test_exit_status_says_whether_it_was_promoted(lake, tmp_path, capsys) -> None:
    models = in_production(lake, tmp_path / "models", COLOURS)
    command = ["retrain", "--lake", str(lake), "--models", str(models), "--no-browser"]
    assert main(command) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[0].endswith("was not promoted: nowhere better beyond chance")
    assert Path(out[1]).is_file()
    assert main(command) == 0  # nothing to do


def test_a_recipe_without_labels_is_no_challenger(lake, tmp_path, capsys) -> None:
    command = ["retrain", "--lake", str(lake), "--models", str(tmp_path / "models")]
    assert main([*command, "--no-browser", "--recipe", "barlow-twins"]) == 2
    assert "learns from no label" in capsys.readouterr().err
    assert not (tmp_path / "models").exists()
