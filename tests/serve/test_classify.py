"""`leaflake classify` with a bundle: what goes to standard output, to standard error, and out."""

from __future__ import annotations

import csv
import importlib
import io
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from two_plants import (
    BETWEEN_RUST_AND_HEALTHY,
    GREY,
    RUST,
    SKY,
    WHITE,
    YELLOW,
    picture,
)

import leaflake
from serve.classify_cli import describe, percent, say
from shards.decode import MAX_IMAGE_BYTES

ROOT = Path(__file__).parents[2]
Said = tuple[int, list[str], str]
Run = Callable[..., Said]


@pytest.fixture
def run(bundle: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """run(*arguments, stdin) -> exit status, lines of standard output, standard error."""

    monkeypatch.setenv("LEAFLAKE_BUNDLE", str(bundle))

    def run(*args: Any, stdin: bytes = b"") -> Said:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        status = leaflake.main(["classify", *map(str, args)])
        said = capsys.readouterr()
        return status, said.out.splitlines(), said.err

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two good pictures, one text file, and what a file browser leaves behind."""
    (tmp_path / "pictures/below").mkdir(parents=True)
    (tmp_path / "pictures/b.jpg").write_bytes(picture(RUST))
    (tmp_path / "pictures/below/c.png").write_bytes(picture(SKY, "PNG"))
    (tmp_path / "pictures/a.jpg").write_text("this is text")
    (tmp_path / "pictures/.DS_Store").write_bytes(b"hidden")
    return tmp_path / "pictures"


@pytest.mark.parametrize(
    ("colour", "words"),
    [
        (RUST, "Apple, Cedar apple rust (85 %)"),
        (BETWEEN_RUST_AND_HEALTHY, "Apple, condition not sure (99 %)"),
        (GREY, "not sure (best guess Apple, 41 %)"),
        (SKY, "not a plant (99 %)"),
        (WHITE, "not a plant"),
        (
            YELLOW,
            "unknown species (a plant, but none of the species that this model knows; most like "
            "Apple)",
        ),
    ],
)
def test_one_line_says_each_kind_of_answer(
    run: Run, tmp_path: Path, colour: Any, words: str
) -> None:
    path = tmp_path / "leaf.jpg"
    path.write_bytes(picture(colour))
    assert run("--image", path) == (0, [f"{path}: {words}"], "")


@pytest.mark.parametrize(
    ("rank", "probability", "words"),
    [
        ("species", 0.993, "Beach (99 %)"),
        ("not_sure", 0.6, "not sure (best guess Beach, 60 %)"),
        ("unknown_species", None, "none of these"),
        ("not_a_plant", None, "none of these"),
        ("not_a_plant", 0.9, "none of these"),
    ],
)
def test_what_is_no_plant_is_not_told_as_plants(rank, probability, words) -> None:
    assert say(place(rank, probability)) == words


def test_a_plant_without_conditions_is_told_as_a_plant_of_which_no_condition_is_unsure() -> None:
    rose = {**place("species", 0.99), "of_plants": True}
    assert say(rose) == "Beach (99 %)"
    assert say({**place("not_a_plant", None), "of_plants": True}) == "not a plant"


def test_candidates_of_what_is_no_plant_are_named_without_a_condition() -> None:
    row = {"image": "a.jpg", **place("species", 0.9)}
    assert describe(row, verbose=True).splitlines() == [
        "a.jpg: Beach (90 %)",
        "   90.0 %  Beach",
        "   10.0 %  none of these",
    ]


def place(rank: str, probability: float | None) -> dict[str, Any]:
    """A row of a model that knows beaches and nothing else."""
    beach = {"species_id": "beach", "species": "Beach"}
    unknown = {"condition_id": "unknown", "condition": "Unknown"}
    neither = {"species_id": "no_plant", "species": "No plant"}
    background = {"condition_id": "background", "condition": "Background"}
    named = beach if rank == "species" else dict.fromkeys(beach)
    return {
        "answer": {"rank": rank, **named, "probability": probability},
        "species": [beach],
        "conditions": [
            {**beach, **unknown, "probability": 0.9},
            {**neither, **background, "probability": 0.1},
        ],
        "of_plants": False,
    }


def test_rejection_rule_can_be_left_out(run: Run) -> None:
    with_rule, without = (
        json.loads(run("--json", *options, stdin=picture(YELLOW))[1][0])
        for options in ([], ["--no-reject"])
    )
    assert with_rule.pop("answer")["rank"] == "unknown_species"
    assert without.pop("answer")["rank"] == "condition"
    assert with_rule == without


def test_verbose_lists_the_candidates(run: Run) -> None:
    assert run("--verbose", "--top", "2", stdin=picture(RUST)) == (
        0,
        [
            "-: Apple, Cedar apple rust (85 %)",
            "   84.5 %  Apple, Cedar apple rust",
            "   13.3 %  Apple, Healthy",
        ],
        "",
    )


def test_json_from_standard_input_is_that_of_the_file(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "leaf.jpg"
    path.write_bytes(picture(RUST))
    named = json.loads(run("--image", path, "--json")[1][0])
    piped = json.loads(run("--json", stdin=picture(RUST))[1][0])
    assert (named.pop("image"), piped.pop("image")) == (str(path), "-")
    assert named == piped
    assert list(named) == ["answer", "species", "conditions", "rejection", "of_plants", "model"]


def test_csv_is_a_table_with_a_row_for_the_bad_file(run: Run, folder: Path) -> None:
    (folder / "a.jpg").rename(folder / 'a, "b".jpg')
    status, lines, err = run("--image", folder, "--csv")
    assert (status, err) == (1, "")
    bad, rust, sky = csv.DictReader(lines)
    assert {name: text for name, text in bad.items() if text} == {
        "image": f'{folder}/a, "b".jpg',
        "rank": "error",
        "error": "not_an_image",
        "message": "the content is not a picture",
    }
    (said,) = (json.loads(run("--image", folder / "b.jpg", "--json")[1][0]),)
    assert rust == {
        "image": f"{folder}/b.jpg",
        **{key: str(value) for key, value in said["answer"].items()},
        "likeliest_species_id": "apple",
        "likeliest_species_probability": str(said["species"][0]["probability"]),
        **{key: str(value) for key, value in said["rejection"].items()},
        **{"model": "two-plants", "model_version": said["model"]["version"]},
        **{"model_sha256": said["model"]["sha256"], "model_file": "server.fp32.onnx"},
        **{"error": "", "message": ""},
    }
    assert [sky["rank"], sky["species"], sky["likeliest_species_id"]] == (
        ["not_a_plant", "", "no_plant"]
    )


def test_a_file_name_that_is_no_text_is_shown_escaped(run: Run, tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/leaf\xe9.jpg"
    Path(os.fsdecode(name)).write_bytes(picture(RUST))
    for options in ([], ["--json"], ["--csv"]):
        status, lines, _ = run("--image", tmp_path, *options)
        assert (status, "leaf\\udce9.jpg" in lines[-1]) == (0, True)


def test_it_is_a_command_of_its_own_too(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch
) -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    module, _, name = scripts["classify"].partition(":")
    command = getattr(importlib.import_module(module), name)
    (tmp_path / "leaf.jpg").write_bytes(picture(RUST))
    monkeypatch.setattr("sys.argv", ["classify", "--bundle", str(bundle), f"{tmp_path}/leaf.jpg"])
    assert command() == 0
    assert capsys.readouterr().out == f"{tmp_path}/leaf.jpg: Apple, Cedar apple rust (85 %)\n"


def test_folder_is_answered_in_order_with_a_row_for_the_bad_file(run: Run, folder: Path) -> None:
    status, lines, err = run("--image", folder, "--json")
    rows = [json.loads(line) for line in lines]
    assert (status, err) == (1, "")
    assert [(row["image"], row["answer"]["rank"]) for row in rows] == [
        (f"{folder}/a.jpg", "error"),
        (f"{folder}/b.jpg", "condition"),
        (f"{folder}/below/c.png", "not_a_plant"),
    ]
    assert rows[0] == {
        "image": f"{folder}/a.jpg",
        "answer": {
            "rank": "error",
            "species_id": None,
            "species": None,
            "condition_id": None,
            "condition": None,
            "probability": None,
        },
        "species": [],
        "conditions": [],
        "error": {
            "code": "not_an_image",
            "message": "the content is not a picture",
            "what_to_do": "Send a photograph as JPEG, PNG or WebP.",
        },
    }
    assert list(rows[0]["answer"]) == list(rows[1]["answer"])


def test_missing_path_among_others_is_a_line_and_the_others_are_answered(
    run: Run, folder: Path
) -> None:
    gone = folder / "gone.jpg"
    assert run("--image", gone, folder / "b.jpg") == (
        1,
        [
            f"{gone}: error: there is no such file",
            f"{folder}/b.jpg: Apple, Cedar apple rust (85 %)",
        ],
        "",
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [("a.jpg", "the content is not a picture"), ("gone.jpg", "there is no such file")],
)
def test_single_bad_picture_is_one_line_of_error_and_nothing_else(
    run: Run, folder: Path, name: str, message: str
) -> None:
    for options in ([], ["--json"]):
        status, lines, err = run("--image", folder / name, *options)
        assert (status, lines) == (2, [])
        assert err == (
            f"leaflake classify: {folder / name}: {message}. Name a JPEG, PNG or WebP file.\n"
        )


def test_folder_with_one_bad_file_gives_a_row(run: Run, tmp_path: Path) -> None:
    (tmp_path / "only.txt").write_text("text")
    status, lines, _ = run("--image", tmp_path)
    assert (status, lines) == (1, [f"{tmp_path}/only.txt: error: the content is not a picture"])


def test_folder_without_files_is_refused(run: Run, tmp_path: Path) -> None:
    status, lines, err = run("--image", tmp_path)
    assert (status, lines) == (2, [])
    assert "no file in this folder" in err


@pytest.mark.parametrize("stdin", [b"", b"text"])
def test_bad_standard_input_is_refused(run: Run, stdin: bytes) -> None:
    status, lines, err = run(stdin=stdin)
    assert (status, lines, err.count("\n")) == (2, [], 1)


def test_oversize_file_is_refused(run: Run, tmp_path: Path) -> None:
    with (tmp_path / "big.jpg").open("wb") as file:
        file.truncate(MAX_IMAGE_BYTES + 1)
    status, lines, err = run("--image", tmp_path / "big.jpg")
    assert (status, lines) == (2, [])
    assert "over 32 MiB" in err


def test_progress_is_shown_from_twenty_pictures_on(run: Run, tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"{number:02}.jpg").write_bytes(picture(RUST))
    assert "20/20" in run("--image", tmp_path)[2]
    (tmp_path / "00.jpg").unlink()
    assert run("--image", tmp_path)[2] == ""


def test_bundle_is_looked_for_in_the_demo_last(
    run: Run, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LEAFLAKE_BUNDLE")
    status, _, err = run(stdin=picture(RUST))
    assert (status, "demo/bundle does not exist" in err) == (2, True)
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo/bundle").symlink_to(bundle)
    assert run(stdin=picture(RUST))[0] == 0


def test_bundle_of_another_version_is_refused(run: Run, new_bundle: Callable[..., Path]) -> None:
    other = new_bundle()
    text = (other / "model.json").read_text()
    (other / "model.json").write_text(text.replace('"format_version": 2', '"format_version": 3'))
    status, lines, err = run("--bundle", other, stdin=picture(RUST))
    assert (status, lines, "bundle format 3" in err) == (2, [], True)


@pytest.mark.parametrize("server", ["127.0.0.1:8000", "ftp://x", "http://"])
def test_server_that_is_no_url_is_refused(run: Run, server: str) -> None:
    status, lines, err = run("--server", server, stdin=picture(RUST))
    assert (status, lines, "expected a URL" in err) == (2, [], True)


def test_server_that_does_not_answer_is_refused(run: Run) -> None:
    status, lines, err = run("--server", "http://127.0.0.1:1", stdin=picture(RUST))
    assert (status, lines, "leaflake serve BUNDLE" in err) == (2, [], True)


@pytest.mark.parametrize(
    "args",
    [
        ["--top", "0"],
        ["--top", "51"],
        ["--top", "x"],
        ["--bundle", "a", "--server", "b"],
        ["--csv", "--json"],
    ],
)
def test_bad_arguments_end_with_two(run: Run, args: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(*args)
    assert ended.value.code == 2


def test_no_probability_is_called_certain() -> None:
    assert [percent(p) for p in (1.0, 0.996, 0.9349, 0.0)] == ["99 %", "99 %", "93 %", "0 %"]


def test_error_row_has_no_candidates_to_list() -> None:
    row = {"image": "x", "error": {"message": "the file has no bytes"}, "conditions": []}
    assert describe(row, verbose=True) == "x: error: the file has no bytes"


def test_help_has_an_example() -> None:
    for command in ("classify", "serve"):
        args = [sys.executable, "-m", "leaflake", command, "--help"]
        out = subprocess.run(args, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        assert f"example:\n  leaflake {command} " in out


def test_a_path_needs_no_option(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "leaf.jpg"
    path.write_bytes(picture(RUST))
    assert run(path) == run("--image", path) == (0, [f"{path}: Apple, Cedar apple rust (85 %)"], "")


def test_a_pipe_is_refused_instead_of_waited_for(run: Run, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    status, lines, err = run(tmp_path / "pipe.jpg")
    assert (status, lines) == (2, [])
    assert "not a regular file" in err


def test_nothing_is_told_to_anybody_and_nothing_is_left_in_the_home(
    bundle: Path, tmp_path: Path
) -> None:
    """ONNX Runtime's own packages report every session, and keep a number of the machine for it."""
    home = {name: text for name, text in os.environ.items() if not name.startswith(("ORT_", "XDG"))}
    command = [sys.executable, "-m", "leaflake", "classify", "--bundle", str(bundle)]
    subprocess.run(
        command,
        cwd=ROOT,
        env={**home, "HOME": str(tmp_path)},
        input=picture(RUST),
        capture_output=True,
        check=True,
    )
    assert list(tmp_path.iterdir()) == []
