"""The whole path on drawn pictures: folders, lake, run, bundle, and one answer everywhere."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from export.manifest import read_manifest
from leaflake import main
from shards.decode import decode_image

pytestmark = pytest.mark.slow


def leaflake(*arguments: object, stdin: bytes | None = None) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "leaflake", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        check=False,
        cwd=Path(__file__).parents[1],
    )


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """Every stage's output in one folder, made once."""
    folder = tmp_path_factory.mktemp("pipeline")
    assert main(["draw", "--out", str(folder / "pictures"), "--pictures", "5"]) == 0
    assert main(["ingest", str(folder / "pictures"), "--lake", str(folder / "lake")]) == 0
    train = ["train", "cpu", "--lake", str(folder / "lake"), "--out", str(folder / "runs")]
    assert main([*train, "--epochs", "1"]) == 0
    (run,) = (folder / "runs").iterdir()
    run.rename(folder / "run")
    assert main(["evaluate", str(folder / "run")]) == 0
    assert main(["export", str(folder / "run"), "--out", str(folder / "bundle")]) == 0
    return folder


def test_run_folder_holds_settings_rows_weights_and_figures(path):
    names = sorted(p.name for p in (path / "run").iterdir())
    assert names == [
        "best.safetensors",
        "config.json",
        "evaluation.json",
        "metrics.json",
        "metrics.jsonl",
    ]
    stages = [json.loads(line)["stage"] for line in (path / "run/metrics.jsonl").open()]
    assert stages == ["pictures/s", "heads", "fine-tune"]
    evaluation = json.loads((path / "run/evaluation.json").read_text())
    # 19 classes of drawings that differ plainly; chance is one in seven.
    assert evaluation["all"]["species_top1"] > 0.5


def test_int8_is_under_a_third_of_the_size_and_never_the_default_if_it_lost_accuracy(path):
    manifest = read_manifest(path / "bundle")
    fp32, int8 = (manifest.files[f"server.{kind}.onnx"]["bytes"] for kind in ("fp32", "int8"))
    assert int8 < fp32 / 3
    val = manifest.provenance["files"]
    drop = val["server.fp32.onnx"]["species_top1"] - val["server.int8.onnx"]["species_top1"]
    assert manifest.default == ("server.int8.onnx" if drop <= 0.005 else "server.fp32.onnx")


def test_command_line_and_a_hand_opened_graph_give_the_same_probabilities(path):
    picture = next((path / "pictures").glob("Tomato*/*.jpg"))
    answer = leaflake("classify", "--image", picture, "--bundle", path / "bundle", "--json")
    piped = leaflake("classify", "--bundle", path / "bundle", "--json", stdin=picture.read_bytes())
    assert (answer.returncode, piped.returncode) == (0, 0)
    said, said_piped = json.loads(answer.stdout), json.loads(piped.stdout)
    manifest = read_manifest(path / "bundle")
    session = onnxruntime.InferenceSession(path / "bundle" / manifest.default)
    image = decode_image(picture.read_bytes())
    joint = np.exp(session.run(["joint_log_probs"], {"image": image})[0])
    best = np.sort(joint)[::-1][: len(said["candidates"])]
    for found in (said, said_piped):
        assert [c["probability"] for c in found["candidates"]] == pytest.approx(best, abs=1e-3)


def test_reuse_names_the_finished_run_and_trains_nothing(path, tmp_path):
    runs = tmp_path / "runs"
    runs.mkdir()
    (runs / "cpu-20200101-000000").symlink_to(path / "run")
    again = leaflake(
        "train", "cpu", "--lake", path / "lake", "--out", runs, "--epochs", 1, "--reuse"
    )
    assert again.returncode == 0
    assert again.stdout.decode().split() == [str(runs / "cpu-20200101-000000")]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["ingest", "nowhere", "--lake", "new"], "nowhere: there is no such folder"),
        (["ingest", "empty", "--lake", "new"], "no file in any class folder"),
        (["sql", "--lake", "empty", "select 1"], "not a lake"),
        (["train", "cpu", "--lake", "empty", "--out", "new"], "not a lake"),
        (["evaluate", "empty"], "not a run"),
        (["export", "empty", "--out", "new"], "not a run"),
        (["serve", "empty"], "not a bundle"),
        (["classify", "--bundle", "empty", "--image", "text.jpg"], "not a bundle"),
    ],
)
def test_bad_input_is_one_line_exit_status_2_and_nothing_written(tmp_path, arguments, sentence):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.jpg").write_text("not a picture")
    before = sorted(tmp_path.rglob("*"))
    found = subprocess.run(
        [sys.executable, "-m", "leaflake", *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(Path(__file__).parents[1])},
    )
    assert found.returncode == 2
    assert sentence in found.stderr
    assert found.stderr.count("\n") == 1
    assert found.stdout == ""
    assert sorted(tmp_path.rglob("*")) == before


def test_export_refuses_to_replace_a_folder_that_is_no_bundle(path, tmp_path):
    (tmp_path / "thesis.txt").write_text("precious")
    found = leaflake("export", path / "run", "--out", tmp_path)
    assert found.returncode == 2
    assert (tmp_path / "thesis.txt").read_text() == "precious"
