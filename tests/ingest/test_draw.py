"""The drawn data set: the same bytes for the same seed, resumable, never over foreign files."""

from __future__ import annotations

import argparse
import hashlib
import io
from pathlib import Path

import pytest
from PIL import Image

from ingest.draw import FOLDERS, MIN_SIZE, NOT_PLANT_FOLDER, draw_dataset, draw_picture
from ingest.draw_cli import add_draw, run_draw
from leaflake import UsageError

SMALL = MIN_SIZE


def draw_small(out: Path, seed: int = 0, pictures: int = 1, not_plants: int = 2) -> int:
    return draw_dataset(
        out,
        seed=seed,
        pictures_per_folder=pictures,
        num_not_plants=not_plants,
        size=SMALL,
        progress=False,
    )


def digests(out: Path) -> dict[str, str]:
    files = sorted(p for p in out.rglob("*") if p.is_file())
    return {
        p.relative_to(out).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files
    }


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("draw") / "drawn"
    draw_small(out)
    return out


def test_folders_are_eighteen_conditions_and_one_without_plants(drawn: Path) -> None:
    assert sorted(p.name for p in drawn.iterdir()) == sorted(
        [
            "Apple rust leaf",
            "Apple___Apple_scab",
            "Apple___Black_rot",
            "Apple___healthy",
            "Background_without_leaves",
            "Corn leaf blight",
            "Corn_(maize)___Common_rust_",
            "Corn_(maize)___healthy",
            "Grape___Esca_(Black_Measles)",
            "Grape_healthy",
            "Potato_Early_blight",
            "Potato___healthy",
            "Strawberry___healthy",
            "Tomato Septoria leaf spot",
            "Tomato___Late_blight",
            "Tomato__Tomato_YellowLeaf__Curl_Virus",
            "Tomato_healthy",
            "grape leaf black rot",
            "strawberry-leaf-scorch",
        ]
    )


def test_each_folder_holds_as_many_pictures_as_asked_for(drawn: Path) -> None:
    expected = {f"{f}/0000.jpg" for f in FOLDERS} | {"Background_without_leaves/0010.jpg"}
    assert set(digests(drawn)) == expected


def test_picture_is_a_square_rgb_jpeg_of_the_size_asked_for() -> None:
    image = Image.open(io.BytesIO(draw_picture("Grape_healthy", 0, seed=0, size=48)))
    assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (48, 48))


def test_same_seed_gives_same_bytes_however_many_others_are_drawn(
    drawn: Path, tmp_path: Path
) -> None:
    num_drawn = draw_small(tmp_path, pictures=2, not_plants=3)
    again = digests(tmp_path)
    assert num_drawn == len(again) == 18 * 2 + 3
    assert {name: again[name] for name in digests(drawn)} == digests(drawn)


def test_another_seed_or_index_or_folder_gives_another_picture() -> None:
    pictures = {
        draw_picture("Apple___healthy", 0, seed=0, size=SMALL),
        draw_picture("Apple___healthy", 0, seed=1, size=SMALL),
        draw_picture("Apple___healthy", 1, seed=0, size=SMALL),
        draw_picture("Grape_healthy", 0, seed=0, size=SMALL),
    }
    assert len(pictures) == 4


def test_every_kind_of_scene_can_be_drawn_at_the_smallest_size() -> None:
    """Boxes and rims must not turn inside out when there are few pixels."""
    pictures = [draw_picture(NOT_PLANT_FOLDER, i, seed=9, size=MIN_SIZE) for i in range(150)]
    assert {Image.open(io.BytesIO(p)).size for p in pictures} == {(MIN_SIZE, MIN_SIZE)}


def test_second_run_draws_only_what_is_missing(tmp_path: Path) -> None:
    assert draw_small(tmp_path) == 20
    before = digests(tmp_path)
    gone = tmp_path / "Apple rust leaf" / "0000.jpg"
    gone.unlink()
    # As an interrupted run leaves it: a part that was never renamed.
    gone.with_name("0000.jpg.tmp").write_bytes(b"half a picture")
    kept = tmp_path / "Grape_healthy" / "0000.jpg"
    kept.write_bytes(b"kept as it is")

    assert draw_small(tmp_path) == 1

    assert kept.read_bytes() == b"kept as it is"
    kept_digest = hashlib.sha256(b"kept as it is").hexdigest()
    assert digests(tmp_path) == before | {"Grape_healthy/0000.jpg": kept_digest}


@pytest.mark.parametrize(
    "foreign", ["notes.txt", "My photos/0000.jpg", "Apple___healthy/IMG_0001.JPG"]
)
def test_folder_with_foreign_files_is_refused_and_left_alone(tmp_path: Path, foreign: str) -> None:
    path = tmp_path / foreign
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"mine")
    with pytest.raises(UsageError, match="was not drawn.*Nothing was written"):
        draw_small(tmp_path)
    assert digests(tmp_path) == {foreign: hashlib.sha256(b"mine").hexdigest()}


def test_out_that_is_a_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "drawn"
    path.write_bytes(b"mine")
    with pytest.raises(UsageError, match="is a file, expected a folder"):
        draw_small(path)
    assert path.read_bytes() == b"mine"


@pytest.mark.parametrize(
    "settings", [{"seed": -1}, {"pictures_per_folder": 0}, {"num_not_plants": -1}, {"size": 8}]
)
def test_settings_out_of_range_are_refused_before_anything_is_written(
    tmp_path: Path, settings: dict[str, int]
) -> None:
    with pytest.raises(UsageError, match="Nothing was written"):
        draw_dataset(tmp_path / "drawn", progress=False, **settings)
    assert not (tmp_path / "drawn").exists()


def test_command_prints_one_line_with_counts_and_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.draw.draw_picture", lambda *_args, **_settings: b"a picture")
    parser = argparse.ArgumentParser(prog="leaflake draw")
    add_draw(parser)
    out = tmp_path / "drawn"
    code = run_draw(parser.parse_args(["--out", str(out), "--pictures", "3", "--seed", "4"]))
    assert (code, capsys.readouterr().out) == (
        0,
        f"94 pictures (94 drawn now) in 19 folders: {out}\n",
    )


def test_help_shows_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser(prog="leaflake draw")
    add_draw(parser)
    with pytest.raises(SystemExit) as stop:
        parser.parse_args(["--help"])
    assert stop.value.code == 0
    assert "\n  leaflake draw --out drawn\n" in capsys.readouterr().out
