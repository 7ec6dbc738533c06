"""`leaflake augment` as a whole: what lies where, what is refused, and going on after a stop."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from simplejpeg import encode_jpeg

from leaflake import main
from shards.decode import decode_image
from train import offline_augment
from train.offline_steps import all_steps, augment_image

STEPS = '[[step]]\nname = "turn"\n\n[[step]]\nname = "light"\n'

LABELS = """path,label,split
rust/1.jpg,rust,train
rust/2.png,rust,train
rust/3.jpg,rust,val
well/1.jpg,well,train
well/2.jpg,well,train
well/3.jpg,well,train
well/4.jpg,well,train
well/5.jpg,well,train
well/text.jpg,well,train
well/6.jpg,well,test
"""


@pytest.fixture
def work(tmp_path, write, draw, encode) -> Path:
    """photos/, labels.csv and steps.toml: 2 and 5 pictures to learn from, one that is none, and one
    of val and of test each, the latter damaged."""
    files = {f"photos/well/{n}.jpg": encode(draw(n, 24, 24)) for n in range(1, 6)}
    files |= {f"photos/rust/{n}.jpg": encode(draw(10 + n, 24, 20)) for n in (1, 3)}
    files["photos/rust/2.png"] = encode(draw(12, 24, 20), "PNG")
    files |= {"photos/well/6.jpg": b"cut", "photos/well/text.jpg": b"no picture"}
    files |= {"labels.csv": LABELS.encode(), "steps.toml": STEPS.encode()}
    return write(tmp_path, files)


def augment(work: Path, *more: str) -> int:
    places = ["--input_folder", work / "photos", "--output-folder", work / "out"]
    places += ["--label_file", work / "labels.csv"]
    places += ["--new-label-and-weights-file", work / "new.csv", "--steps", work / "steps.toml"]
    return main(["augment", *map(str, places), *more])


def files_in(folder: Path) -> dict[str, bytes]:
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def rows_of(work: Path) -> list[list[str]]:
    with (work / "new.csv").open() as file:
        return list(csv.reader(file))


def test_small_classes_grow_to_the_largest_and_val_and_test_are_copied_untouched(work, capsys):
    assert augment(work) == 0
    assert rows_of(work) == [
        ["path", "label", "weight", "split"],
        ["rust/1.jpg", "rust", "1", "train"],
        ["rust/1.jpg-augmented-1.jpg", "rust", "1", "train"],
        ["rust/2.png", "rust", "1", "train"],
        ["rust/2.png-augmented-1.jpg", "rust", "1", "train"],
        ["rust/2.png-augmented-2.jpg", "rust", "1", "train"],
        ["rust/3.jpg", "rust", "1", "val"],
        *(["well/" + f"{n}.jpg", "well", "1", "train"] for n in range(1, 6)),
        ["well/6.jpg", "well", "1", "test"],
    ]
    found = files_in(work / "out")
    listed = {row[0] for row in rows_of(work)[1:]}
    assert set(found) == {*listed, "augment.json", "rejected.tsv", "sheet.html"}
    for path, data in files_in(work / "photos").items():
        assert path == "well/text.jpg" or found[path] == data
    assert found["rejected.tsv"].decode().splitlines() == [
        "path\tlabel\treason",
        "well/text.jpg\twell\tnot_an_image: the content is not a picture",
    ]
    assert capsys.readouterr().out.splitlines() == [
        "7 pictures of 2 classes to learn from, 5 of the largest; 3 augmented ones; 2 of val and "
        "test as they are",
        "no picture, and left out: 1; see rejected.tsv",
        f"{work}/new.csv: labels and weights",
        f"{work}/out/sheet.html: what the steps do",
    ]


def test_a_copy_is_what_the_steps_make_of_its_picture(work):
    assert augment(work) == 0
    original = decode_image((work / "photos/rust/2.png").read_bytes())
    expected = augment_image(original, all_steps()[1:], seed=0, path="rust/2.png", copy=2)
    jpeg = encode_jpeg(expected, quality=90, colorsubsampling="444")
    assert (work / "out/rust/2.png-augmented-2.jpg").read_bytes() == jpeg


def test_max_augment_bounds_the_growth_and_weights_make_up_for_the_rest(work):
    assert augment(work, "--max-augment", "1.5") == 0
    train = [row for row in rows_of(work)[1:] if row[3] == "train"]
    # 3 and 5 pictures: 8 / (2 * 3) and 8 / (2 * 5)
    assert [(row[1], row[2]) for row in train] == [("rust", "1.33333")] * 3 + [("well", "0.8")] * 5


def test_val_and_test_can_be_passed_over(work):
    assert augment(work, "--train-only") == 0
    assert {row[3] for row in rows_of(work)[1:]} == {"train"}
    assert not (work / "out/rust/3.jpg").exists()


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(work):
    assert augment(work) == 0
    first = files_in(work / "out") | {"new.csv": (work / "new.csv").read_bytes()}
    (work / "out").rename(work / "before")
    (work / "new.csv").unlink()
    assert augment(work) == 0
    assert files_in(work / "out") | {"new.csv": (work / "new.csv").read_bytes()} == first
    (work / "out").rename(work / "again")
    (work / "new.csv").unlink()
    assert augment(work, "--seed", "1") == 0
    copy = "rust/1.jpg-augmented-1.jpg"
    assert (work / "out" / copy).read_bytes() != (work / "again" / copy).read_bytes()


def test_a_stopped_run_goes_on_keeps_what_is_there_and_ends_with_the_same_bytes(
    work, monkeypatch, identity
):
    assert augment(work) == 0
    whole = files_in(work / "out")
    (work / "out").rename(work / "whole")
    (work / "new.csv").unlink()
    encode, made = offline_augment.simplejpeg.encode_jpeg, []

    def stop(image, **options):
        if len(made) == 1:
            raise KeyboardInterrupt
        made.append(image)
        return encode(image, **options)

    with monkeypatch.context() as patch:
        patch.setattr(offline_augment.simplejpeg, "encode_jpeg", stop)
        assert augment(work) == 130
    assert not (work / "new.csv").exists()
    kept = work / "out/rust/1.jpg"
    before = identity(kept)
    (work / "out/rust/2.png.tmp").write_bytes(b"half")
    assert augment(work) == 0
    found = files_in(work / "out")
    found.pop("rust/2.png.tmp", None)
    assert found == whole
    assert identity(kept) == before


def test_a_run_that_is_done_stays_as_it_is(work):
    assert augment(work) == 0
    before = files_in(work / "out") | {"new.csv": (work / "new.csv").read_bytes()}
    assert augment(work) == 0
    assert files_in(work / "out") | {"new.csv": (work / "new.csv").read_bytes()} == before


def test_the_sheet_shows_each_step_and_each_class_and_needs_no_network(work):
    assert augment(work) == 0
    page = (work / "out/sheet.html").read_text()
    titles = [part.split("</h2>")[0] for part in page.split("<h2>")[1:]]
    assert titles == ["turn alone", "light alone", "rust", "well"]
    assert page.count("<img ") == 4 * 8 == page.count('src="data:image/jpeg')
    assert "rust/2.png: the first 2 variants were written" in page and "http" not in page


def test_labels_without_splits_are_noted(work, capsys):
    lines = [line.rpartition(",")[0] for line in LABELS.splitlines() if "6.jpg" not in line]
    (work / "labels.csv").write_text("\n".join(lines) + "\n")
    assert augment(work) == 0
    assert rows_of(work)[0] == ["path", "label", "weight"]
    assert "note: the labels have no column split" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("prepare", "why"),
    [
        (lambda work: (work / "photos").rename(work / "p"), "photos: there is no such folder"),
        (lambda work: (work / "out").write_text("mine"), "leaflake augment did not make it"),
        (lambda work: (work / "out/thesis").mkdir(parents=True), "leaflake augment did not make"),
        (lambda work: (work / "new.csv").write_text("mine"), "new.csv: exists already"),
        (lambda work: (work / "out").symlink_to(work / "photos"), "lies in the other"),
        (
            lambda work: (work / "labels.csv").write_text("path,label\nwell/text.jpg,well\n"),
            "not one picture to learn from could be decoded",
        ),
        (
            lambda work: (
                (work / "photos/rust/1.jpg-augmented-1.jpg").write_bytes(b""),
                (work / "labels.csv").write_text(LABELS + "rust/1.jpg-augmented-1.jpg,rust,test\n"),
            ),
            "is the name of a new picture, too",
        ),
    ],
)
def test_what_cannot_go_well_is_refused_and_nothing_written(work, capsys, prepare, why):
    prepare(work)
    before = files_in(work)
    assert augment(work) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert why in said and "Nothing was written." in said
    assert files_in(work) == before


def test_a_folder_begun_with_other_settings_is_refused(work, capsys):
    assert augment(work) == 0
    before = files_in(work)
    assert augment(work, "--seed", "1") == 2
    (work / "new.csv").write_text("somebody's own")
    assert augment(work) == 2
    said = capsys.readouterr().err
    assert "was begun with other pictures, labels or settings" in said
    assert "new.csv: exists already" in said
    assert files_in(work / "out") == {
        name.removeprefix("out/"): data for name, data in before.items() if name.startswith("out/")
    }
    assert json.loads((work / "out/augment.json").read_text())["seed"] == 0


def test_the_label_file_is_never_written_over(work, capsys):
    places = ["--input-folder", work / "photos", "--output-folder", work / "out"]
    places += ["--label-file", work / "labels.csv"]
    places += ["--new-label-and-weights-file", work / "labels.csv"]
    assert main(["augment", *map(str, places)]) == 2
    assert "labels.csv: is the label file itself" in capsys.readouterr().err


def test_what_is_missing_or_no_number_is_refused(work, capsys):
    assert main(["augment", "--input-folder", str(work)]) == 2
    assert (
        "--output-folder, --label-file, --new-label-and-weights-file missing"
        in capsys.readouterr().err
    )
    for wrong in (["--max-augment", "0.5"], ["--max-augment", "many"], ["--seed", "-1"]):
        with pytest.raises(SystemExit):
            augment(work, *wrong)
