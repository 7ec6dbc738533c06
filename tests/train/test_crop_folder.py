import csv

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaflake import UsageError, run
from shards.decode import MIN_SIDE, decode_image
from train.backbones import load_backbone
from train.crop_folder import CropSettings, crop_folder
from train.finder_crop import crop_boxes, crop_part
from train.finder_file import FinderSettings, write_finder
from train.finder_net import Found, LeafFinder

TWO = Found(
    np.array([[0.5, 0.25, 0.75, 0.5], [0.1, 0.3, 0.6, 0.9]], np.float32),
    np.array([0.9, 0.5], np.float32),
)
NONE = TWO.over(1.0)
SETTINGS = CropSettings("0123", margin=0.0)


def table(out):
    with (out / "crops.tsv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


@pytest.mark.parametrize(
    ("leaves", "boxes"),
    [
        ("first", [[0.5, 0.25, 0.75, 0.5]]),
        ("all", TWO.boxes),
        ("together", [[0.1, 0.25, 0.75, 0.9]]),
    ],
)
def test_which_leaves_are_cropped(leaves, boxes):
    assert np.allclose(crop_boxes(TWO, leaves).boxes, boxes)
    assert len(crop_boxes(NONE, leaves).boxes) == 0


def test_a_crop_has_a_margin_and_stays_in_the_picture():
    assert crop_part(np.array([0.25, 0, 0.75, 0.5]), 100, 200, margin=0.2) == (40, 0, 160, 55)


@given(st.tuples(*[st.floats(0, 1)] * 4), st.integers(MIN_SIDE, 90), st.integers(MIN_SIDE, 90))
def test_no_crop_is_too_small_to_be_decoded(corners, height, width):
    low_x, high_x = sorted(corners[:2])
    low_y, high_y = sorted(corners[2:])
    box = np.array([low_x, low_y, high_x, high_y])
    left, top, right, bottom = crop_part(box, height, width)
    assert left >= 0 and right <= width and right - left >= MIN_SIDE
    assert top >= 0 and bottom <= height and bottom - top >= MIN_SIDE


def test_a_folder_becomes_a_folder_of_crops(tmp_path, write, draw, encode):
    picture = draw(1, 40, 80)
    write(
        tmp_path / "in",
        {
            "rust/a.jpg": encode(picture, quality=95),
            "rust/b.png": encode(picture, "PNG"),
            "rust/broken.jpg": b"no picture",
            "rust/list.txt": b"a\nb\n",
            ".hidden/c.jpg": encode(picture),
        },
    )
    crop_folder(tmp_path / "in", tmp_path / "out", lambda image: TWO, SETTINGS)
    place = {"left": "40", "top": "10", "right": "60", "bottom": "20", "certainty": "0.900"}
    place |= {"bottom": "22"}  # at least MIN_SIDE
    place |= {"top": "9", "bottom": "21"}
    assert table(tmp_path / "out") == [
        {"source": "rust/a.jpg", "file": "rust/a.jpg", "status": "cropped", **place},
        {"source": "rust/b.png", "file": "rust/b.png.1.jpg", "status": "cropped", **place},
        {"source": "rust/broken.jpg", "file": "", "status": "not_an_image",
         **dict.fromkeys(place, "")},
    ]  # fmt: skip
    files = sorted(path.name for path in (tmp_path / "out").rglob("*.*"))
    assert files == ["a.jpg", "b.png.1.jpg", "crops.json", "crops.tsv"]
    crop = decode_image((tmp_path / "out/rust/b.png.1.jpg").read_bytes())
    assert np.abs(crop.astype(int) - picture[9:21, 40:60]).mean() < 3


def test_a_picture_without_a_leaf_comes_whole_and_each_leaf_has_a_file(
    tmp_path, write, draw, encode
):
    write(tmp_path / "in", {"a.jpg": encode(draw(1)), "b.jpg": encode(draw(2))})
    crop_folder(tmp_path / "in", tmp_path / "none", lambda image: NONE, SETTINGS)
    assert [(row["status"], row["right"], row["bottom"]) for row in table(tmp_path / "none")] == [
        ("whole", "64", "48")
    ] * 2
    every = CropSettings("0123", leaves="all")
    crop_folder(tmp_path / "in", tmp_path / "all", lambda image: TWO, every)
    names = [row["file"] for row in table(tmp_path / "all")]
    assert names == ["a.jpg", "a.jpg.2.jpg", "b.jpg", "b.jpg.2.jpg"]


def test_a_killed_run_goes_on_where_it_was(tmp_path, write, draw, encode):
    files = {f"{name}.jpg": encode(draw(number)) for number, name in enumerate("abcd")}
    write(tmp_path / "in", files)
    asked = []

    def find(image):
        asked.append(image[0, 0].tolist())
        if len(asked) == 3:
            raise KeyboardInterrupt
        return TWO

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("train.crop_folder.num_cores", lambda: 1)
        with pytest.raises(KeyboardInterrupt):
            crop_folder(tmp_path / "in", tmp_path / "out", find, SETTINGS)
        assert not (tmp_path / "out/crops.tsv").exists()
        part = tmp_path / "out/crops.tsv.part"
        part.write_text(part.read_text() + "c.jpg\tc.j")  # cut by the kill
        asked[:] = [0] * 3
        crop_folder(tmp_path / "in", tmp_path / "out", find, SETTINGS)
    assert len(asked) == 3 + 2
    crop_folder(tmp_path / "in", tmp_path / "peace", lambda image: TWO, SETTINGS)
    assert table(tmp_path / "out") == table(tmp_path / "peace")
    crop_folder(tmp_path / "in", tmp_path / "out", find, SETTINGS)
    assert len(asked) == 3 + 2


def test_what_cannot_be_cropped_is_refused(tmp_path, write, draw, encode):
    def crop(source, out, settings=SETTINGS):
        crop_folder(tmp_path / source, tmp_path / out, lambda image: TWO, settings)

    with pytest.raises(UsageError, match="in: there is no such folder"):
        crop("in", "out")
    write(tmp_path / "in", {"list.txt": b""})
    with pytest.raises(UsageError, match="named like a picture"):
        crop("in", "out")
    write(tmp_path / "in", {"a.jpg": encode(draw(1))})
    with pytest.raises(UsageError, match="would crop the crops"):
        crop("in", "in/out")
    write(tmp_path / "full", {"mine.txt": b""})
    with pytest.raises(UsageError, match="no folder that `leaflake crop` began"):
        crop("in", "full")
    crop("in", "out")
    with pytest.raises(UsageError, match="with other settings"):
        crop("in", "out", CropSettings("0123", leaves="all"))


def test_the_command_crops_with_a_finder_and_says_how_many(tmp_path, write, draw, encode, capsys):
    settings = FinderSettings(backbone="test_efficientnet", size=64)
    network = LeafFinder(load_backbone(settings.backbone, pretrained=False), settings.size)
    write_finder(tmp_path / "finder", network, settings, {"threshold": 0.9999})
    write(tmp_path / "in", {"a.jpg": encode(draw(1)), "b.jpg": b""})
    arguments = ["--input_folder", str(tmp_path / "in"), "--output_folder", str(tmp_path / "out")]
    assert run("crop", [*arguments, "--finder", str(tmp_path / "finder")]) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"{tmp_path / 'out'}: 0 crops, 1 pictures without a leaf as they were, 1 not used",
        "  empty        1",
    ]
    assert run("crop", [*arguments, "--finder", str(tmp_path)]) == 2
    assert "not a leaf finder" in capsys.readouterr().err
