import argparse
import json
import sys
from dataclasses import replace

import pytest
import torch

from train import bench_step, bench_train, rival_timm
from train.bench_loop import measure, shared_settings, some_pictures, write_folder
from train.bench_step import Steps, long_tail, time_steps
from train.bench_train import loop_table, ratio, step_kinds, step_table
from train.recipes import cpu

SMALL = replace(cpu(), batch_size=4, train_size=32, eval_size=32)


def test_a_long_tail_has_so_many_classes_and_species_and_few_large_ones():
    tree = long_tail(11_499, 2_000)
    sizes = [stop - start for start, stop in tree.blocks()]
    assert (tree.num_classes, tree.num_species, min(sizes)) == (11_499, 2_000, 1)
    assert sizes[:4] == [1162, 582, 388, 292]


def test_both_steps_learn_and_take_turns(monkeypatch):
    monkeypatch.setattr(bench_step, "CLASSES", 12)
    monkeypatch.setattr(bench_step, "SPECIES", 4)
    monkeypatch.setattr(bench_step, "SIZE", 32)
    for make in (bench_step.hierarchical_step, bench_step.flat_step):
        pixels, truth = torch.randn(2, 3, 32, 32), torch.tensor([0, 11])
        make("test_convnext", pixels, truth, torch.float32)()
    found = time_steps("test_convnext", 2, 3, "bfloat16")
    for times in (found.seconds, found.cpu_seconds):
        assert list(times) == ["Leaflake, hierarchical heads", "timm, flat classifier"]
        assert all(len(each) == 3 and min(each) > 0 for each in times.values())


def test_tables_show_medians_their_ratio_and_how_steady_it_was():
    rounds = {"ours": [0.11, 0.10, 0.30, 0.10], "timm": [0.10, 0.10, 0.10, 0.20]}
    assert ratio(rounds) == "1.050 (of 4 rounds the middle half 1.000 to 1.100)"
    assert step_table("swin", 8, Steps(rounds, rounds)).splitlines()[1:3] == [
        "  ours                             105.0 ms,     105.0 ms of CPU time",
        "  timm                             100.0 ms,     100.0 ms of CPU time",
    ]
    rates = {"ours": [20.0], "timm": [10.0]}
    assert loop_table("lite0", {"pictures_per_s": rates, "cpu_s_per_1000": rates}) == (
        "the whole loop, lite0\n"
        "  ours                              20.0 pictures/s,      20.0 s of CPU time for 1,000\n"
        "  timm                              10.0 pictures/s,      10.0 s of CPU time for 1,000\n"
        "  ratio 2.000 (of 1 rounds the middle half 2.000 to 2.000); goal: at least 1\n"
        "  of CPU time 2.000 (of 1 rounds the middle half 2.000 to 2.000)"
    )


def test_steps_are_named_with_their_batch():
    assert step_kinds("a=32,b=8") == [("a", 32), ("b", 8)]
    for text in ("a", "a=", "=3", "a=0", "a=x"):
        with pytest.raises(argparse.ArgumentTypeError, match="is not NAME=PICTURES"):
            step_kinds(text)


def test_both_loops_train_on_the_same_files(small_lake, tmp_path, monkeypatch):
    monkeypatch.setattr("train.bench_loop.cpu", lambda: SMALL)
    settings = shared_settings("test_convnext", "float32")
    selection, tree = some_pictures(small_lake, 9)
    assert len(selection) == 8  # two whole batches
    folder = write_folder(selection, tree, tmp_path / "pictures")
    assert len(list(folder.rglob("*.jpg"))) == 8
    assert write_folder(selection, tree, folder) == folder  # once
    for rates in (measure(small_lake, 9, settings), rival_timm.measure(str(folder), settings)):
        assert list(rates) == ["pictures_per_s", "cpu_s_per_1000"]
        assert rates["pictures_per_s"] > 0


def test_a_lake_that_is_none_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["bench-train", str(tmp_path), "--rounds", "0"])
    assert bench_train.main() == 2
    assert capsys.readouterr().err.startswith("bench-train: ")


def test_without_a_lake_only_steps_are_timed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bench_step, "SIZE", 32)
    command = ["bench-train", "--out", str(tmp_path / "out"), "--rounds", "1"]
    monkeypatch.setattr(sys, "argv", [*command, "--steps", "test_convnext=2"])
    assert bench_train.main() == 0
    found = json.loads((tmp_path / "out/results.json").read_text())
    assert list(found) == ["machine", "step test_convnext"]
    assert "a step of test_convnext, 2 pictures, 11,499 classes" in capsys.readouterr().out
