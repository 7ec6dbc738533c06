"""The whole path, by the README's own commands: folders, lake, run, bundle, and one answer."""

import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from export.manifest import read_manifest
from leaflake import COMMANDS
from shards.decode import decode_image

CODE = Path(__file__).parents[1]
README = (CODE / "README.md").read_text(encoding="utf-8")

SHORTER = {
    "leaflake draw ": "leaflake draw --pictures 5 ",
    "--minutes 3": "--epochs 1",
    "leaflake export ": "leaflake export --no-browser ",
    "leaflake serve ": "leaflake serve --port 0 --idle-stop-s 1 ",
}
"""What the test changes in the README's commands, to be quick and to end."""


def leaflake(
    *arguments: object, folder: Path = CODE, stdin: bytes | None = None
) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "leaflake", *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(CODE)},
        input=stdin,
        capture_output=True,
        check=False,
    )


def readme_commands() -> list[str]:
    """Every `$ leaflake ...` line of the README, in order."""
    return re.findall(r"^\$ (leaflake .*)$", README, re.MULTILINE)


def run_in_shell(command: str, folder: Path) -> subprocess.CompletedProcess:
    """One line in bash, with `leaflake` as this very code."""
    define = f'leaflake() {{ PYTHONPATH="{CODE}" "{sys.executable}" -m leaflake "$@"; }}\n'
    return subprocess.run(
        ["bash", "-c", define + command], cwd=folder, capture_output=True, check=False
    )


@pytest.fixture(scope="module")
def tour(tmp_path_factory) -> Path:
    """The README's tour, run command by command in an empty folder; what it made."""
    folder = tmp_path_factory.mktemp("tour")
    for command in readme_commands():
        for long, short in SHORTER.items():
            command = command.replace(long, short)
        done = run_in_shell(command, folder)
        assert done.returncode == 0, f"{command}\n{done.stderr.decode()}"
        assert done.stdout, f"{command} printed nothing"
    return folder / "demo/drawn"


@pytest.fixture(scope="module")
def run(tour) -> Path:
    (only,) = (tour / "runs").iterdir()
    return only


def test_readme_shows_every_command_of_the_console():
    blocks = re.findall(r"^```.*?^```|^    .*?$", README, re.MULTILINE | re.DOTALL)
    shown = re.findall(r"\bleaflake ([a-z-]+)", "\n".join(blocks))
    assert set(COMMANDS) <= set(shown)


def test_readme_names_every_recipe_of_the_menu_and_no_other():
    menu = (CODE / "justfile").read_text(encoding="utf-8")
    menu = re.sub(r"\[private\]\n.*", "", menu)
    recipes = set(re.findall(r"^([a-z][a-z-]*)\b[^:\n]*:(?!=)", menu, re.MULTILINE))
    named = set(re.findall(r"just (?:\w+=\S+ )?([a-z][a-z-]*)", README))
    assert named == recipes


def test_readme_has_a_place_for_every_module():
    built = README[README.index("## How it is built") : README.index("## What was not run")]
    _, *parts = re.split(r"^    ([a-z]+)/ ", built, flags=re.MULTILINE)
    named = {
        folder: re.findall(r"[\w*]+\.(?:py|\*)", text)
        for folder, text in zip(parts[::2], parts[1::2], strict=True)
        if folder != "tests"
    }
    homeless = [
        path.relative_to(CODE).as_posix()
        for folder, patterns in named.items()
        for path in sorted((CODE / folder).glob("[!_]*.py"))
        if not any(path.match(pattern) for pattern in patterns)
    ]
    assert set(named) == {"catalog", "shards", "ingest", "train", "export", "serve", "retrain"}
    assert homeless == []


def test_run_folder_holds_settings_rows_weights_and_figures(run):
    assert sorted(p.name for p in run.iterdir()) == [
        "best.safetensors",
        "calibration.svg",
        "config.json",
        "confusion-diseases.svg",
        "confusion-species.svg",
        "coverage.svg",
        "evaluation.json",
        "last.pt",
        "metrics.json",
        "metrics.jsonl",
        "metrics.png",
        "mistakes.html",
    ]
    rows = (run / "metrics.jsonl").read_text().splitlines()
    stages = [json.loads(row)["stage"] for row in rows]
    # Of a slow machine also lines within the epoch.
    assert [s for s in stages if s != "steps"] == ["pictures/s", "heads", "fine-tune"]
    evaluation = json.loads((run / "evaluation.json").read_text())
    # 19 classes of drawings that differ plainly; chance is one in seven.
    assert evaluation["all"]["species_top1"] > 0.5


def test_int8_is_far_smaller_and_the_default_as_it_kept_its_accuracy(tour):
    manifest = read_manifest(tour / "bundle")
    assert manifest.default == "server.int8.onnx"
    fp32, int8 = (manifest.files[f"server.{kind}.onnx"]["bytes"] for kind in ("fp32", "int8"))
    assert int8 < fp32 / 2.5  # the rejection rule stays in float32
    fp32, int8 = (manifest.figures["files"][f"server.{kind}.onnx"] for kind in ("fp32", "int8"))
    pictures = int8["test"]["pictures"]
    for figure, most in (("species_top1", 0.005), ("joint_top1", 0.01)):
        assert fp32[figure] - int8[figure] <= max(most, 1 / pictures)


def test_command_line_both_uploads_and_a_hand_opened_graph_give_the_same_probabilities(tour):
    picture = next((tour / "pictures").glob("Tomato*/*.jpg"))
    data = picture.read_bytes()
    bundle = tour / "bundle"
    named = leaflake("classify", "--image", picture, "--bundle", bundle, "--json")
    piped = leaflake("classify", "--bundle", bundle, "--json", stdin=data)
    answers = [json.loads(named.stdout), json.loads(piped.stdout), *uploads(bundle, data)]

    session = onnxruntime.InferenceSession(bundle / read_manifest(bundle).default)
    joint = np.exp(session.run(["joint_log_probs"], {"image": decode_image(data)})[0])
    best = np.sort(joint)[::-1][:5]
    assert len(answers) == 4
    for answer in answers:
        found = [candidate["probability"] for candidate in answer["conditions"]]
        assert found == pytest.approx(best, abs=1e-3)
        assert answer["answer"]["rank"] == answers[0]["answer"]["rank"]


def uploads(bundle: Path, data: bytes) -> list[dict]:
    """The server's answers to the bytes as the body, and as a form's field."""
    server = subprocess.Popen(
        [sys.executable, "-m", "leaflake", "serve", bundle, "--port", "0"],
        cwd=CODE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout
        url = server.stdout.readline().split()[-1] + "api/predict"
        form = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
        form += data + b"\r\n--b--\r\n"
        requests = [
            urllib.request.Request(url, data, {"Content-Type": "application/octet-stream"}),
            urllib.request.Request(url, form, {"Content-Type": "multipart/form-data; boundary=b"}),
        ]
        return [json.load(urllib.request.urlopen(request, timeout=30)) for request in requests]
    finally:
        server.terminate()
        server.wait(timeout=30)


def test_reuse_names_the_finished_run_and_trains_nothing(tour, run):
    again = leaflake(
        *("train", "cpu", "--lake", tour / "lake", "--out", tour / "runs"),
        *("--epochs", 1, "--reuse"),
    )
    assert (again.returncode, again.stdout.decode()) == (0, f"{run}\n")
    assert list((tour / "runs").iterdir()) == [run]


def test_export_refuses_to_replace_a_folder_that_is_no_bundle(run, tmp_path):
    (tmp_path / "thesis.txt").write_text("precious")
    refused = leaflake("export", run, "--out", tmp_path)
    assert refused.returncode == 2
    assert (tmp_path / "thesis.txt").read_text() == "precious"


def test_a_bundle_of_another_version_and_a_text_as_a_picture_are_refused(tour, tmp_path):
    (tmp_path / "text.jpg").write_text("not a picture")
    text = leaflake("classify", "--bundle", tour / "bundle", "--image", tmp_path / "text.jpg")
    assert (text.returncode, text.stdout) == (2, b"")
    assert "not a picture" in text.stderr.decode()

    manifest = json.loads((tour / "bundle/model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps({**manifest, "format_version": 99}))
    for command in (["classify", "--image", "text.jpg", "--bundle"], ["serve"]):
        refused = leaflake(*command, tmp_path, folder=tmp_path)
        assert (refused.returncode, refused.stdout) == (2, b"")
        assert "bundle format 99" in refused.stderr.decode()


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
    refused = leaflake(*arguments, folder=tmp_path)
    said = refused.stderr.decode()
    assert (refused.returncode, refused.stdout) == (2, b"")
    assert sentence in said
    assert said.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before
