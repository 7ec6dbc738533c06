import json
from dataclasses import replace

import pytest
import torch
from PIL import Image

import leaflake
from catalog.taxonomy import LabelTree
from leaflake import UsageError
from train import compare
from train.backbones import load_backbone
from train.classifier import Classifier
from train.compare import Contestant, notes, table
from train.compare_plot import draw, undominated
from train.recipes import cpu
from train.run_folder import finish_run, start_run

TREE = LabelTree.from_pairs([("apple", "healthy"), ("apple", "rust")])
VAL = {"epoch": 3, "pictures": 9, "species_top1": 1.0, "condition_top3": 1.0, "joint_top1": 0.5}
TEST = {"all": {**VAL, "joint_top1": 0.75}}
ONE = Contestant(
    run="cpu-1",
    backbone="swin_tiny_patch4_window7_224",
    heads="hierarchical",
    weights="/data/swin.pt (sha256 0123456789abcdef)",
    split="test",
    snapshot="lake, snapshot 2, split",
    shares={"species_top1": 0.91, "joint_top1": 0.8},
    parameters=28_300_000,
    file_bytes=113_400_000,
    pictures_per_s=21.04,
)
TWO = replace(
    ONE, run="two", backbone="plain_cnn", heads="flat", weights="none", split="val",
    shares={"species_top1": 0.5, "condition_top3": 1.0, "joint_top1": 0.25}, parameters=4_700_000,
    file_bytes=18_800_000, pictures_per_s=100.0,
)  # fmt: skip


@pytest.fixture
def two_runs(tmp_path, monkeypatch):
    """A run that was evaluated and one that was not; timed for moments."""
    monkeypatch.setattr(compare, "ROUND_S", 0.001)
    paths = []
    for backbone, heads in (("test_convnext", "flat"), ("test_resnet", "hierarchical")):
        recipe = replace(cpu(), name=backbone, backbone=backbone, heads=heads, eval_size=32)
        loaded = load_backbone(backbone, pretrained=False)
        path = start_run(tmp_path / "runs", recipe, TREE, tmp_path / "lake", 7, "none")
        finish_run(path, Classifier(loaded, TREE, 32, heads), {"minutes": 1.0, "val": VAL})
        paths.append(path)
    (paths[0] / "evaluation.json").write_text(json.dumps(TEST))
    return paths


def test_the_better_run_comes_first_with_its_test_figures_and_its_own_size(two_runs):
    better, other = compare.compare([two_runs[1], two_runs[0]])
    assert (better.run, better.heads, better.split) == (two_runs[0].name, "flat", "test")
    assert (other.run, other.heads, other.split) == (two_runs[1].name, "hierarchical", "val")
    assert better.shares == {"species_top1": 1.0, "condition_top3": 1.0, "joint_top1": 0.75}
    assert better.file_bytes == (two_runs[0] / "best.safetensors").stat().st_size
    assert better.pictures_per_s > 0
    model = torch.nn.Linear(64, 2)  # of test_convnext's features; the flat head
    body = load_backbone("test_convnext", pretrained=False).network
    weights = [*model.parameters(), *body.parameters()]
    assert better.parameters == sum(weight.numel() for weight in weights)


def test_the_command_writes_a_table_a_file_and_a_plot(two_runs, tmp_path, capsys):
    out = tmp_path / "found"
    assert leaflake.main(["compare", *map(str, two_runs), "--out", str(out)]) == 0
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert (len(lines), lines[-1]) == (4, str(out / "compare.png"))
    assert said.err == f"note: of val, as leaflake evaluate was not asked yet: {two_runs[1].name}\n"
    assert [row["run"] for row in json.loads((out / "compare.json").read_text())] == [
        path.name for path in two_runs
    ]
    assert Image.open(out / "compare.png").size[0] > 1000
    assert sorted(p.name for p in out.iterdir()) == ["compare.json", "compare.png"]


def test_what_is_no_run_or_is_named_twice_is_refused(two_runs, tmp_path, capsys):
    for runs, said in (([tmp_path], "not a run"), ([two_runs[0]] * 2, "named twice")):
        assert leaflake.main(["compare", *map(str, runs), "--out", str(tmp_path / "out")]) == 2
        assert said in capsys.readouterr().err
    (two_runs[0] / "metrics.json").unlink()
    with pytest.raises(UsageError, match="did not finish"):
        compare.compare(two_runs)
    assert not (tmp_path / "out").exists()


def test_the_table_has_what_is_known_and_dashes():
    assert [" ".join(line.split()) for line in table([ONE, TWO]).splitlines()] == [
        "run backbone heads weights split species disease top-3 both million weights MB pictures/s",
        "cpu-1 swin_tiny_patch4_window7_224 hierarchical swin.pt test 91.0 % - 80.0 % 28.3 113.4 "
        "21.0",
        "two plain_cnn flat none val 50.0 % 100.0 % 25.0 % 4.7 18.8 100.0",
    ]


def test_runs_of_different_pictures_are_pointed_out():
    assert notes([ONE]) == []
    assert notes([ONE, replace(ONE, run="b", snapshot="lake, snapshot 3, split")]) == [
        "note: the runs are of different pictures:",
        "note:   cpu-1: lake, snapshot 2, split",
        "note:   b: lake, snapshot 3, split",
    ]


def test_a_run_is_undominated_unless_another_is_as_good_in_both_and_differs():
    values, shares = [10.0, 20.0, 30.0, 30.0], [90.0, 80.0, 85.0, 85.0]
    assert undominated(values, shares, more_is_better=True) == [0, 2, 3]
    assert undominated(values, shares, more_is_better=False) == [0]


def test_the_same_figures_give_the_same_bytes(tmp_path):
    for name in ("a.png", "b.png"):
        draw([ONE, TWO], tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
