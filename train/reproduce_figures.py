"""The figures of val and what they were computed with, as one line of JSON on standard output.

    python -P reproduce_figures.py RUN LAKE

train/reproduce.py starts it as a file, with the code of the run's own commit on Python's path: so
it takes from Leaflake what has been there since runs have their figures in metrics.json, and what
a run is judged by while it is trained, batch by batch and in the run's arithmetic.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from catalog.lake import open_lake
from catalog.storage import as_place
from shards.loader import Loader
from shards.select import Selection, select
from train.distributed import Team
from train.hardware import describe_hardware
from train.judge import Tally
from train.run_folder import Run, read_run


def main() -> None:
    """Judge val, and print."""
    run = read_run(Path(sys.argv[1]))
    with open_lake(as_place(sys.argv[2]), at=run.snapshot) as lake:
        val = select(lake, f"{run.recipe.split} = 'val'", run.tree)
    versions = {name: version(name) for name in run.config["versions"]}
    said = {"val": judge(run, val), "versions": versions, "hardware": describe_hardware()}
    print(json.dumps(said))


def judge(run: Run, val: Selection) -> dict[str, Any]:
    """Figures of whole pictures, or of their leaves if the run learnt from those, as
    train/training.py has them."""
    kind = run.recipe.device
    if kind == "any":
        kind = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(kind)
    precision = getattr(torch, run.metrics["precision"])
    model = run.load_model().to(device).to(memory_format=torch.channels_last)
    if getattr(run.recipe, "finder", None):  # which older recipes lack
        from train.leaf_preprocess import LeafPreprocess
        from train.leaf_regions import find_regions

        leaf = run.load_model().preprocess
        assert isinstance(leaf, LeafPreprocess)  # as the recipe has a finder
        val = replace(val, region=find_regions(val, leaf))
    tally = Tally(run.tree, device)
    size = run.recipe.batch_size // (run.config["processes"] * run.recipe.accumulate)
    with (
        Loader(val, batch_size=size, size=run.recipe.eval_size, workers=1) as loader,
        torch.inference_mode(),
    ):
        for batch in loader.epoch(0):
            levels = torch.from_numpy(batch.images).to(device).permute(0, 3, 1, 2).float()
            pixels = model.preprocess.normalise(levels)
            pixels = pixels.contiguous(memory_format=torch.channels_last)
            with torch.autocast(kind, dtype=precision, enabled=precision != torch.float32):
                found, _ = model.classify(pixels)
            tally.add(found, torch.from_numpy(batch.class_index).to(device))
    return dict(tally.figures(Team()))


if __name__ == "__main__":
    main()
