import json
from pathlib import Path

import pytest

from export.new_folder import new_folder, refuse_foreign_folder
from leaflake import UsageError

MANIFEST = json.dumps({"format": "leaflake-bundle"})


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
    refuse_foreign_folder(tmp_path / "new/deeper")
    refuse_foreign_folder(tmp_path)
    write_bundle(tmp_path, "first.onnx")
    refuse_foreign_folder(tmp_path)


@pytest.mark.parametrize("text", ["{", '{"format": "other"}', '{"species": []}'])
def test_a_folder_with_another_tools_model_json_is_refused(tmp_path, text):
    (tmp_path / "model.json").write_text(text)
    with pytest.raises(UsageError, match="exists and is not a bundle"):
        refuse_foreign_folder(tmp_path)


def test_a_file_at_or_above_the_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("precious")
    with pytest.raises(UsageError, match="exists and is not a bundle"):
        refuse_foreign_folder(tmp_path / "file")
    with pytest.raises(UsageError, match="file is a file, so there can be no folder in it"):
        refuse_foreign_folder(tmp_path / "file/new/bundle")
