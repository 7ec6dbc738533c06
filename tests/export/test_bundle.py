from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from colours import COLOURS, FIG, RUN, picture

from export import bundle as bundle_module
from export.bundle import export_bundle
from export.golden import read_golden
from export.manifest import read_manifest
from leaflake import UsageError
from shards.decode import decode_image


def test_a_bundle_lists_every_file_and_a_hand_opened_graph_answers_right(made):
    manifest = read_manifest(made)
    pictures = [f"golden/{number:02d}.png" for number in range(24)]
    others = ["golden/answers.json", "report.html", "server.fp32.onnx", "server.int8.onnx"]
    assert list(manifest.files) == [*pictures, *others]
    assert manifest.default == "server.int8.onnx"
    assert manifest.input == {
        "name": "image",
        "dtype": "uint8",
        "shape": ["height", "width", 3],
        "meaning": "upright RGB, values 0-255, any size from 12x12",
        "eval_size": 16,
        "reduce_to": 64,
    }
    assert {name: one["shape"] for name, one in manifest.outputs.items()} == {
        "species_log_probs": [3],
        "joint_log_probs": [4],
        "features": [4],
        "rejection": [2],
    }
    for name in ("server.fp32.onnx", "server.int8.onnx"):
        session = onnxruntime.InferenceSession(made / name)
        image = decode_image(picture(FIG, 1, size=31))
        _, joint, features, rejection = session.run(list(manifest.outputs), {"image": image})
        assert joint.argmax() == FIG
        assert np.allclose(features, [*(np.array(COLOURS[FIG]) / 255), 1], atol=0.05)
        least = [one["threshold"] for one in manifest.rejection.values()]
        assert (rejection < least).all()


def test_figures_are_of_test_and_in_plain_numbers(made):
    figures = read_manifest(made).figures
    assert figures["accuracy"]["laboratory"]["species_top1"] == 1.0
    assert figures["accuracy"]["other"]["pictures"] == 15
    assert figures["pictures"] == {
        "train": 40, "val": 40, "test": 40, "test_asked": 40, "not_plants": 0,
    }  # fmt: skip
    assert figures["files"]["server.fp32.onnx"]["test"]["largest_difference"] < 1e-5
    assert figures["failures"] == {
        "species": [{"species": "No plant", "pictures": 10, "found": 0.9}],
        "confusions": [],
    }
    assert figures["handover"] is None


def test_golden_pictures_are_of_all_species_alike(made):
    golden = read_golden(made)
    species = [label.partition("/")[0] for label in golden.labels]
    # Of ten figs three are undecided, so that apples take the place of the eighth.
    assert [species.count(one) for one in ("apple", "fig", "no_plant")] == [9, 7, 8]
    assert golden.said.joint.shape == (24, 4)


def test_without_the_tools_for_the_browser_nothing_is_begun(tmp_path, monkeypatch):
    monkeypatch.setattr(bundle_module, "read_run", lambda path: RUN)
    monkeypatch.setattr(bundle_module, "TOOLS", tmp_path / "missing")
    with pytest.raises(UsageError, match="`just tfjs-tools`.*without a browser's model: --no-brow"):
        export_bundle(Path("run"), tmp_path / "bundle")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def stubbed(monkeypatch):
    """`export_bundle` without a run, a lake and an export: only the folders are real."""
    monkeypatch.setattr(bundle_module, "read_run", lambda path: RUN)
    monkeypatch.setattr(bundle_module, "read_material", lambda *_: None)
    monkeypatch.setattr(
        bundle_module, "_fill", lambda folder, *_: (folder / "model.json").write_text("new")
    )


def test_of_a_link_to_a_bundle_it_is_the_bundle_that_is_replaced(tmp_path, stubbed):
    (tmp_path / "versions/one").mkdir(parents=True)
    (tmp_path / "versions/one/model.json").write_text('{"format": "leaflake-bundle"}')
    link = tmp_path / "bundle"
    link.symlink_to("versions/one")
    export_bundle(Path("run"), link, browser=False)
    assert link.is_symlink()
    assert (tmp_path / "versions/one/model.json").read_text() == "new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "versions"]


def test_the_folder_where_one_stands_is_refused_if_it_is_foreign(tmp_path, stubbed, monkeypatch):
    (tmp_path / "thesis.txt").write_text("precious")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="exists and is not a bundle"):
        export_bundle(Path("run"), Path("."), browser=False)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
