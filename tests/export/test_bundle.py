import json
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from export.bundle import (
    _calibration_images,
    _refuse_foreign_folder,
    choose_default,
    export_bundle,
    new_folder,
)
from leaflake import UsageError
from shards.format import ShardWriter
from shards.select import Selection

MANIFEST = json.dumps({"format": "leaflake-bundle"})


def accuracy(species: float, both: float) -> dict[str, float]:
    return {"species_top1": species, "joint_top1": both}


@pytest.mark.parametrize(
    ("int8", "expected"),
    [
        (accuracy(0.9, 0.8), "server.int8.onnx"),
        (accuracy(0.896, 0.791), "server.int8.onnx"),
        (accuracy(0.95, 0.85), "server.int8.onnx"),
        (accuracy(0.894, 0.8), "server.fp32.onnx"),
        (accuracy(0.9, 0.789), "server.fp32.onnx"),
    ],
)
def test_int8_is_the_default_only_if_it_kept_species_and_conditions(int8, expected):
    assert choose_default(accuracy(0.9, 0.8), int8) == expected


def write_bundle(folder: Path, name: str) -> None:
    (folder / "model.json").write_text(MANIFEST)
    (folder / name).write_text("weights")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_new_bundle_replaces_the_old_one_whole_and_leaves_nothing_beside_it(tmp_path):
    out = tmp_path / "deep/bundle"
    for name in ("first.onnx", "second.onnx"):
        with new_folder(out) as folder:
            write_bundle(folder, name)
    assert names(out) == ["model.json", "second.onnx"]
    assert names(out.parent) == ["bundle"]
    plain = tmp_path / "plain"
    plain.mkdir()
    assert out.stat().st_mode == plain.stat().st_mode


def test_an_export_that_fails_leaves_the_old_bundle_and_foreign_files_alone(tmp_path):
    out, foreign = tmp_path / "bundle", tmp_path / "bundle.tmp"
    out.mkdir()
    write_bundle(out, "first.onnx")
    foreign.mkdir()
    with pytest.raises(RuntimeError), new_folder(out) as folder:
        write_bundle(folder, "second.onnx")
        raise RuntimeError("differs from torch")
    assert names(out) == ["first.onnx", "model.json"]
    assert names(tmp_path) == ["bundle", "bundle.tmp"]


def test_the_old_bundle_comes_back_if_the_new_one_cannot_take_its_place(tmp_path, monkeypatch):
    out = tmp_path / "bundle"
    out.mkdir()
    write_bundle(out, "first.onnx")
    rename = Path.rename

    def no_room(path: Path, target: Path) -> Path:
        if path.name == "new":
            raise OSError("no room")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", no_room)
    with pytest.raises(OSError, match="no room"), new_folder(out) as folder:
        write_bundle(folder, "second.onnx")
    assert names(out) == ["first.onnx", "model.json"]
    assert names(tmp_path) == ["bundle"]


def test_only_nothing_an_empty_folder_and_a_bundle_may_be_replaced(tmp_path):
    _refuse_foreign_folder(tmp_path / "new/deeper")
    _refuse_foreign_folder(tmp_path)
    write_bundle(tmp_path, "first.onnx")
    _refuse_foreign_folder(tmp_path)


@pytest.mark.parametrize("text", ["{", '{"format": "other"}', '{"species": []}'])
def test_a_folder_with_another_tools_model_json_is_refused(tmp_path, text):
    (tmp_path / "model.json").write_text(text)
    with pytest.raises(UsageError, match="exists and is not a bundle"):
        _refuse_foreign_folder(tmp_path)


def test_a_file_at_or_above_the_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("precious")
    with pytest.raises(UsageError, match="exists and is not a bundle"):
        _refuse_foreign_folder(tmp_path / "file")
    with pytest.raises(UsageError, match="file is a file, so there can be no folder in it"):
        _refuse_foreign_folder(tmp_path / "file/new/bundle")


@pytest.fixture
def stubbed(monkeypatch):
    """`export_bundle` without a run, a lake and an export: only the folders are real."""
    run = SimpleNamespace(lake=Path("lake"), snapshot=1, tree=None)
    monkeypatch.setattr("export.bundle.read_run", lambda path: run)
    monkeypatch.setattr("export.bundle.open_lake", lambda path, at: nullcontext())
    monkeypatch.setattr("export.bundle.select", lambda *_: None)
    monkeypatch.setattr(
        "export.bundle._export_into", lambda folder, *_: write_bundle(folder, "second.onnx")
    )


def test_of_a_link_to_a_bundle_it_is_the_bundle_that_is_replaced(tmp_path, stubbed):
    (tmp_path / "versions/one").mkdir(parents=True)
    write_bundle(tmp_path / "versions/one", "first.onnx")
    link = tmp_path / "bundle"
    link.symlink_to("versions/one")
    export_bundle(Path("run"), link)
    assert link.is_symlink()
    assert names(tmp_path / "versions/one") == ["model.json", "second.onnx"]
    assert (names(tmp_path), names(tmp_path / "versions")) == (["bundle", "versions"], ["one"])


def test_the_folder_where_one_stands_is_refused_if_it_is_foreign(tmp_path, stubbed, monkeypatch):
    (tmp_path / "thesis.txt").write_text("precious")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="exists and is not a bundle"):
        export_bundle(Path("run"), Path("."))
    assert names(tmp_path) == ["thesis.txt"]


def test_calibration_reads_only_the_pictures_that_it_wants(tmp_path, draw, encode, monkeypatch):
    monkeypatch.setattr("export.bundle.CALIBRATION_PICTURES", 3)
    writer = ShardWriter(tmp_path / "000000.tar")
    images = [draw(seed, height=20 + seed) for seed in range(5)]
    places = [
        writer.add(f"000000-{n:05d}", encode(image, "PNG"), {}) for n, image in enumerate(images)
    ]
    writer.close()
    offset, length = np.array(places).T
    length[[1, 3]] = 10**9  # reading these would fail
    keys, zeros = tuple("abcde"), np.zeros(5, dtype=np.int64)
    # In class order: 4, 1, 2, 3, 0; spread evenly over them: 4, 2, 0.
    classes = np.array([3, 1, 1, 2, 0])
    train = Selection(keys, ("set",) * 5, classes, zeros, offset, length, tmp_path)
    found = list(_calibration_images(train))
    assert [image.shape[0] for image in found] == [24, 22, 20]
    assert np.array_equal(found[0], images[4])
