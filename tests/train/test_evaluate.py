import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from catalog.lake import create_lake, open_lake
from catalog.taxonomy import LabelTree
from leaflake import UsageError
from shards.decode import decode_image
from shards.format import ShardWriter
from train.backbones import Backbone, load_backbone
from train.classifier import Classifier
from train.evaluate import evaluate
from train.evaluate_cli import add_evaluate, run_evaluate
from train.evaluation_table import last_line, tables
from train.plain_cnn import PLAIN_CNN
from train.predict import num_cores, one_thread_each, predict_pictures
from train.recipes import cpu
from train.run_folder import finish_run, start_run

TREE = LabelTree.from_pairs(
    [("apple", "healthy"), ("apple", "rust"), ("corn", "rust"), ("no_plant", "background")]
)
LABELS = [("apple", "healthy"), ("apple", "rust"), ("corn", "rust"), ("no_plant", "background")]

FILES = [
    *("calibration.svg", "confusion-diseases.svg", "confusion-species.svg", "coverage.svg"),
    *("evaluation.json", "mistakes.html"),
]


def test_pictures_are_predicted_one_by_one_from_their_bytes(draw, encode):
    network = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    tree = LabelTree.from_pairs([("apple", "rust"), ("corn", "rust")])
    model = Classifier(Backbone(network, 3, (0.5,) * 3, (0.5,) * 3, "none"), tree, eval_size=8)
    encoded = [encode(draw(seed, height=30 + seed)) for seed in range(9)]
    images = [torch.from_numpy(decode_image(data)) for data in encoded]
    found = predict_pictures(model, encoded, np.arange(9), "test")
    with torch.inference_mode():
        expected = [model(image)[0].joint[0].numpy() for image in images]
    assert np.array_equal(found.joint, np.stack(expected))
    assert found.class_index.tolist() == list(range(9))


def test_the_threads_of_pytorch_are_as_before_when_the_pictures_are_done():
    before = torch.get_num_threads()
    with one_thread_each():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
    assert num_cores() >= 1


@pytest.fixture(scope="module")
def trained(tmp_path_factory, draw, encode, small_recipe) -> Path:
    """A folder with a lake of 8 pictures in each split, of two datasets, and runs on it that have
    learnt nothing."""
    folder = tmp_path_factory.mktemp("evaluate")
    with create_lake(folder / "lake") as lake:
        (lake.path / "shards").mkdir()
        writer = ShardWriter(lake.shard_path(0))
        with lake.commit("pictures") as connection:
            for number in range(24):
                key = f"000000-{number:05}"
                place = writer.add(key, encode(draw(number)), {})
                species, condition = LABELS[number % 4]
                connection.execute(
                    'INSERT INTO samples ("key", dataset, folder, source_path, species, '
                    '"condition", split, source_split, group_id, sha256, shard, "offset", length) '
                    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?)",
                    [
                        *(key, "pv_a" if number % 8 < 4 else "field", f"<{condition}>"),
                        *(f"/a/{number}.jpg", species, condition),
                        ("train", "val", "test")[number // 8],
                        ("test", "val", "train")[number // 8],
                        *(f"g{number}", f"s{number}", *place),
                    ],
                )
        writer.close()
        snapshot = lake.snapshot
    plain = replace(cpu(), name="plain", backbone=PLAIN_CNN, eval_size=32)
    by_source = replace(plain, name="by-source", split="source_split")
    for recipe in (plain, by_source, small_recipe(name="from-file")):
        torch.manual_seed(0)
        model = Classifier(load_backbone(recipe.backbone, pretrained=False), TREE, 32)
        path = start_run(folder / "runs", recipe, TREE, folder / "lake", snapshot, "none")
        finish_run(path, model, {})
    return folder


def run_in(folder: Path, name: str = "plain") -> Path:
    (path,) = (folder / "runs").glob(f"{name}-*")
    return path


def predictions_in(lake: Path) -> list[tuple]:
    with open_lake(lake) as opened:
        return opened.connection.execute(
            "SELECT run, split, judge, count(*) FROM predictions GROUP BY ALL ORDER BY ALL"
        ).fetchall()


def test_figures_pages_and_predictions_of_a_run(trained):
    run = run_in(trained)
    found = evaluate(run)
    figures = json.loads((run / "evaluation.json").read_text())
    assert json.loads(json.dumps(found.figures)) == figures
    assert (figures["run"], figures["split"], figures["snapshot"]) == (run.name, "split", 2)
    assert [figures[kind]["pictures"] for kind in ("all", "laboratory", "other")] == [6, 3, 3]
    assert figures["all"]["no_plant_pictures"] == 2
    assert sorted(figures["datasets"]) == ["field", "pv_a"]
    assert {name: row["pictures"] for name, row in figures["species"].items()} == {
        "apple": 4,
        "corn": 2,
        "no_plant": 2,
    }
    assert list(figures["conditions"]) == [f"{s}/{c}" for s, c in LABELS]
    assert figures["species"]["apple"]["laboratory_pictures"] == 2
    assert sorted(path.name for path in run.iterdir() if path.name in FILES) == FILES
    assert [path for path in run.iterdir() if path.suffix == ".tmp"] == []
    assert found.notes == ("16 predictions are in the lake, snapshot 3.",)
    assert predictions_in(trained / "lake") == [
        (run.name, "test", "network", 8),
        (run.name, "val", "network", 8),
    ]
    assert evaluate(run).notes == ("The lake has these 16 predictions already.",)


def test_the_page_of_mistakes_stands_alone_and_escapes_folder_names(trained):
    run = run_in(trained)
    evaluate(run, write=False)
    page = (run / "mistakes.html").read_text()
    assert "&lt;rust&gt;" in page and "<rust>" not in page
    assert 'src="http' not in page and "<script" not in page
    assert page.count("data:image/svg+xml") == 4
    assert page.count('<li class="card">') >= 1


def test_with_all_the_pictures_of_train_are_judged_in_folds(trained):
    run = run_in(trained, "from-file")
    assert evaluate(run, train_too=True).notes[0].startswith("24 predictions are in the lake")
    assert [row[1:] for row in predictions_in(trained / "lake") if row[0] == run.name] == [
        ("test", "network", 8),
        ("train", "folds", 8),
        ("val", "network", 8),
    ]


def test_all_is_refused_before_anything_for_a_run_from_random_weights(trained):
    run = run_in(trained, "by-source")
    before = predictions_in(trained / "lake")
    with pytest.raises(UsageError, match="random weights.*Nothing was written"):
        evaluate(run, train_too=True)
    assert predictions_in(trained / "lake") == before


def test_no_write_leaves_the_lake_alone(trained):
    before = predictions_in(trained / "lake")
    found = evaluate(run_in(trained, "by-source"), write=False)
    assert found.notes == ("Nothing was written to the lake (--no-write).",)
    assert predictions_in(trained / "lake") == before


def test_a_lake_that_cannot_be_written_to_is_said_and_does_not_fail(trained, monkeypatch):
    def refuse(*_):
        raise UsageError("lake: can only be read.")

    monkeypatch.setattr("train.evaluate.write_predictions", refuse)
    assert evaluate(run_in(trained)).notes == (
        "The predictions are not in the lake: lake: can only be read.",
    )


def test_a_run_by_source_is_judged_on_the_test_of_that_split(trained):
    run = run_in(trained, "by-source")
    found = evaluate(run, write=False)
    assert found.figures["split"] == "source_split"
    assert tables(found.figures).startswith(f"{run.name}: test by the column source_split, ")
    with open_lake(trained / "lake") as lake:
        keys = lake.connection.execute(
            "SELECT \"key\" FROM samples WHERE source_split = 'test' ORDER BY 1"
        ).fetchall()
    page = (run / "mistakes.html").read_text()
    named = {part[:12] for part in page.split("<br>key ")[1:]}
    assert named and named <= {row[0] for row in keys}


def test_with_another_moment_nothing_is_written(trained):
    run = run_in(trained)
    (run / "evaluation.json").unlink(missing_ok=True)
    assert evaluate(run, at=2).notes == ("With --at nothing is written.",)
    assert not (run / "evaluation.json").exists()


def test_pictures_of_test_that_the_run_was_trained_on_are_refused(trained):
    run = run_in(trained)
    with open_lake(trained / "lake", read_only=False) as lake:
        with lake.commit("a picture of train becomes one of test") as connection:
            connection.execute("UPDATE samples SET split = 'test' WHERE sha256 = 's0'")
        moved = lake.snapshot
    with pytest.raises(UsageError, match=r"1 pictures of test at \d+ were in train or val"):
        evaluate(run, at=moved)
    assert evaluate(run, write=False).figures["all"]["pictures"] == 6  # as the run saw them


def arguments(run: Path, *more: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_evaluate(parser)
    return parser.parse_args([str(run), "--reuse", *more])


@pytest.mark.parametrize(
    "more", [["--lake", "other"], ["--at", "3"], ["--laboratory", "pv_*"], ["--all"]]
)
def test_figures_are_reused_only_for_the_same_question(trained, more, monkeypatch, capsys):
    run = run_in(trained)
    first = evaluate(run, write=False)
    fresh = replace(first, figures={**first.figures, "run": "fresh"})
    monkeypatch.setattr("train.evaluate.evaluate", lambda *_, **__: fresh)
    assert run_evaluate(arguments(run)) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["run"] == run.name
    assert run_evaluate(arguments(run, *more)) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["run"] == "fresh"


def test_the_last_line_leaves_out_what_is_only_in_the_file(trained):
    figures = evaluate(run_in(trained), write=False).figures
    assert set(figures) - set(last_line(figures)) == {"species", "conditions"}


def test_laboratory_and_other_sets_stand_side_by_side(trained):
    lines = tables(evaluate(run_in(trained), write=False).figures).splitlines()
    assert lines[2].split() == ["test", "split", "all", "laboratory", "other"]
    assert lines[3].split() == ["pictures", "6", "3", "3"]
