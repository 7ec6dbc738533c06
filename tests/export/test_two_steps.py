import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from colours import RUN, classifier, material
from leaf_finders import write_tiny_finder

from export import bundle as bundle_module
from export import verify
from export.bundle import export_bundle
from export.golden import read_golden
from export.held import Asked
from export.manifest import Manifest, read_manifest
from export.parity import BROWSER
from export.release import ask_torch
from export.said import ask_onnx
from export.two_steps import LEAF, better, choose_steps, with_finder
from export.verify import verify_bundle
from leaflake import UsageError
from train.leaf_preprocess import LeafPreprocess, crop_first
from train.preprocess import Preprocess
from train.two_step import WHOLE

LATENCY = {
    "server.fp32.onnx": {"median": 2.0, "p99": 3.0},
    "server.int8.onnx": {"median": 1.5, "p99": 2.0},
}


def ask_whole(folder: Path, made, material, golden) -> tuple[Asked, dict]:
    """In the place of Chromium: PyTorch, where it sees what the browser's model sees."""
    (folder / "browser").mkdir()
    (folder / BROWSER).write_text("{}")
    network, val, test = made.whole, material.val.encoded, material.test.encoded
    assert type(network.classifier.preprocess) is Preprocess
    said = [ask_torch(network, one, "whole") for one in (val, test, golden)]
    rows = [np.arange(len(one)) for one in (val, test)]
    times = {"warm_median": 1.0, "warm_p99": 1.0, "first": 1.0}
    return Asked(*said, *rows), {"bytes": 2, "times_ms": times}


@pytest.fixture(scope="module")
def cropping(tmp_path_factory) -> tuple[Path, Manifest]:
    """A bundle of the classifier of colours behind a finder of random weights, and its finder."""
    folder = tmp_path_factory.mktemp("export")
    finder = write_tiny_finder(folder / "finder")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bundle_module, "read_run", lambda path: RUN)
        patch.setattr(bundle_module, "read_material", lambda *_: material(folder))
        patch.setattr(bundle_module, "time_files", lambda *_: LATENCY)
        patch.setattr(bundle_module, "make_browser", ask_whole)
        patch.setattr(bundle_module, "_refuse_browser", lambda _: None)
        export_bundle(Path("run"), folder / "bundle", finder=finder.path, two_step="yes")
    return folder / "bundle", read_manifest(folder / "bundle")


def test_the_manifest_says_that_the_graphs_crop_and_what_it_changes(cropping):
    bundle, manifest = cropping
    digest = manifest.figures["two_step"]["finder"]
    assert manifest.input["crop"] == {
        "finder": digest, "size": 64, "threshold": 0.01, "margin": 0.1
    }  # fmt: skip
    found = manifest.figures["two_step"]
    assert (found["learnt_from"], found["released"], found["choice"]) == (WHOLE, LEAF, "yes")
    for split in ("val", "test"):
        assert list(found[split]) == ["all", "laboratory", "other"]
        assert list(found[split]["other"][LEAF]["species_top1"]) == [
            "value", "change", "low", "high",
        ]  # fmt: skip
    page = (bundle / "report.html").read_text()
    assert "Whole pictures, or the leaf alone" in page
    assert "The graphs see: most certain leaf; as --two-step yes asks" in page
    assert "The browser's model has no finder" in page


def test_the_graph_answers_as_torch_does_about_the_leaf(cropping):
    bundle, manifest = cropping
    assert manifest.figures["files"]["server.fp32.onnx"]["test"]["largest_difference"] < 1e-3
    golden = read_golden(bundle)
    said = ask_onnx(bundle / "server.fp32.onnx", golden.encoded, "golden")
    assert np.abs(np.exp(said.joint) - np.exp(golden.said.joint)).max() < 1e-3
    # The crop of a noisy picture of one colour has another mean than all of it.
    assert np.abs(golden.said.joint - golden.whole.joint).max() > 1e-3


def test_the_browser_is_held_against_whole_pictures(cropping, monkeypatch):
    bundle, manifest = cropping
    assert manifest.figures["files"][BROWSER]["golden"]["largest_difference"] < 1e-6
    whole = SimpleNamespace(said=read_golden(bundle).whole)
    monkeypatch.setattr(verify, "_why_not_browser", lambda *_: "")
    monkeypatch.setattr(verify, "ask_in_browser", lambda *_, **__: whole)
    found = verify_bundle(bundle)
    assert found.faults == ()
    assert found.parity[BROWSER].largest_difference == 0
    rows = json.loads((bundle / "golden/answers.json").read_text())
    assert list(rows[0]) == ["picture", "label", "species", "joint", "rejection", "whole"]


def test_without_a_finder_nothing_is_compared(tmp_path):
    model = classifier()
    steps = choose_steps(model, material(tmp_path), "better", WHOLE)
    assert steps.classifier is model and steps.record is None


@pytest.mark.parametrize(("choice", "released"), [("better", WHOLE), ("no", WHOLE), ("yes", LEAF)])
def test_what_is_not_better_is_released_only_if_asked_for(tmp_path, choice, released):
    model = crop_first(classifier(), write_tiny_finder(tmp_path / "finder"))
    steps = choose_steps(model, material(tmp_path), choice, WHOLE)
    assert steps.record["released"] == released
    crops = isinstance(steps.classifier.preprocess, LeafPreprocess)
    assert crops == (released == LEAF)


def rows(**kinds: tuple[float, float]) -> dict:
    """What compare_ways gives, with an interval of both figures for each kind of pictures."""
    return {
        kind: {
            WHOLE: dict.fromkeys(("species_top1", "joint_top1"), {"value": 0.5}),
            LEAF: dict.fromkeys(("species_top1", "joint_top1"), {"low": low, "high": high}),
        }
        for kind, (low, high) in kinds.items()
    }


@pytest.mark.parametrize(
    ("kinds", "learnt_from_whole", "learnt_from_leaves"),
    [
        ({"all": (0, 1), "laboratory": (-1, 1), "other": (0.01, 1)}, LEAF, LEAF),
        ({"all": (0, 1), "laboratory": (-1, -0.01), "other": (0.01, 1)}, WHOLE, LEAF),
        ({"all": (0, 1), "laboratory": (0, 0), "other": (-0.01, 1)}, WHOLE, LEAF),
        ({"all": (0, 1), "laboratory": (0, 0), "other": (-1, -0.01)}, WHOLE, WHOLE),
        ({"all": (0, 1), "laboratory": (0.01, 1), "other": (-1, -0.01)}, WHOLE, LEAF),
        ({"all": (0.01, 1)}, LEAF, LEAF),
    ],
)
def test_the_other_way_is_taken_if_better_outside_the_laboratory_and_worse_nowhere(
    kinds, learnt_from_whole, learnt_from_leaves
):
    assert better(rows(**kinds), WHOLE) == learnt_from_whole
    assert better(rows(**kinds), LEAF) == learnt_from_leaves


def test_a_finder_that_is_missing_none_or_one_too_many_is_refused(tmp_path):
    model = classifier()
    with pytest.raises(UsageError, match="--two-step yes: runs/cpu-1 was trained on whole"):
        with_finder(RUN, model, None, "yes")
    with pytest.raises(UsageError, match="not a leaf finder"):
        with_finder(RUN, model, tmp_path, "better")
    own = crop_first(model, write_tiny_finder(tmp_path / "finder"))
    with pytest.raises(UsageError, match="runs/cpu-1: was trained with a leaf finder of its own"):
        with_finder(RUN, own, tmp_path / "finder", "better")
    assert with_finder(RUN, own, None, "yes") is own
    assert with_finder(RUN, model, None, "better") is model
