import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from leaf_finders import write_tiny_finder

from leaflake import UsageError
from train import leaf_regions
from train.data import open_data
from train.distributed import Team
from train.evaluate import evaluate
from train.finder_file import read_finder
from train.leaf_preprocess import LeafPreprocess
from train.reproduce import _copy
from train.reproduce_figures import judge
from train.run_folder import read_run
from train.settings import refuse_contradictions
from train.train_run import resume_run, train_run


@pytest.fixture(scope="module")
def finder(tmp_path_factory) -> Path:
    """A leaf finder of random weights."""
    return write_tiny_finder(tmp_path_factory.mktemp("finder") / "finder").path


@pytest.fixture(scope="module")
def run(small_recipe, small_lake, finder, tmp_path_factory) -> Path:
    """An epoch of leaves."""
    recipe = small_recipe(max_epochs=1, heads_first=False, finder=str(finder))
    return train_run(recipe, small_lake, tmp_path_factory.mktemp("runs"))


def test_a_run_keeps_its_finder_and_looks_at_leaves(run, finder):
    found = read_run(run)
    digest = read_finder(finder).digest()
    assert found.config["finder"] == digest
    preprocess = found.load_model().preprocess
    assert isinstance(preprocess, LeafPreprocess)
    assert (preprocess.digest, preprocess.threshold) == (digest, 0.01)


def test_regions_are_found_once(run, monkeypatch):
    folder = run.parent / leaf_regions.FOLDER
    files = sorted(folder.iterdir())
    assert sorted(len(np.load(file)) for file in files) == [6, 22]
    begun = read_run(run)
    data, finder = open_data(begun.recipe, begun.lake, begun.snapshot), begun.finder()
    monkeypatch.setattr(leaf_regions, "find_regions", lambda *_: pytest.fail("found again"))
    again = leaf_regions.crop_data(data, finder, run.parent, Team())
    assert again.val.region.shape == (6, 4) and again.train.region.shape == (22, 4)
    surer = replace(finder, threshold=2.0)
    with pytest.raises(pytest.fail.Exception, match="found again"):
        leaf_regions.crop_data(data, surer, run.parent, Team())


def test_an_interrupted_run_goes_on_with_its_own_copy_of_the_finder(
    run, finder, small_recipe, small_lake, tmp_path
):
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    moved = write_tiny_finder(tmp_path / "moved")
    recipe = small_recipe(max_epochs=1, heads_first=False, finder=str(moved.path))
    with pytest.raises(KeyboardInterrupt):
        train_run(recipe, small_lake, tmp_path / "runs", after_epoch=stop)
    moved.path.rename(tmp_path / "gone")
    (begun,) = (tmp_path / "runs").glob("cpu-*")
    resume_run(begun)
    assert (begun / "best.safetensors").read_bytes() == (run / "best.safetensors").read_bytes()


def test_val_is_judged_by_leaves_and_can_be_again(run, tmp_path):
    found = read_run(_copy(run, tmp_path / "copy"))
    val = open_data(found.recipe, found.lake, found.snapshot).val
    figures = judge(found, val)
    expected = json.loads((run / "metrics.json").read_text())["val"]
    assert {key: expected[key] for key in figures} == pytest.approx(figures, rel=1e-5)


def test_an_evaluation_asks_about_leaves(run, monkeypatch):
    asked = []
    whole = LeafPreprocess.edges

    def edges(self, image):
        asked.append(image.shape)
        return whole(self, image)

    monkeypatch.setattr(LeafPreprocess, "edges", edges)
    monkeypatch.setattr("train.evaluate.read_pictures", val_alone())
    figures = evaluate(run, write=False).figures
    assert figures["all"]["pictures"] == 6
    assert len(asked) >= 12


def val_alone():
    """As read_pictures, but every split is val: test is empty there."""
    from train.judged import read_pictures

    return lambda lake, where, tree: read_pictures(lake, "split = 'val'", tree)


def test_what_is_no_finder_is_refused_before_anything_is_written(
    small_recipe, small_lake, tmp_path
):
    recipe = small_recipe(finder=str(tmp_path / "missing"))
    with pytest.raises(UsageError, match="missing: not a leaf finder"):
        train_run(recipe, small_lake, tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_the_other_loader_knows_no_leaves(small_recipe):
    with pytest.raises(UsageError, match="ffcv knows whole pictures alone; leave the finder"):
        refuse_contradictions(small_recipe(loader="ffcv", finder="finder"))
