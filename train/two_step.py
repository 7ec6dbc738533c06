"""`just bench-crop`: does a run answer better when the leaf is found and cropped first?

In: a run, a leaf finder, the run's lake. Out: figures of the test split for whole pictures, for
crops, and for both together, with the difference that each makes; two-step.json in the run's
folder. The run itself was trained on random crops of whole pictures, which are of leaves, too.

It does not: outside the laboratory the most certain leaf alone cost 6.5 (3.5 to 9.6) per cent of
species; the mean of both answers gave 0.0 (-1.7 to 1.8), and 1.5 (-0.4 to 3.6) for species and
disease together. (`just bench-crop RUN FINDER` with the run of README.md and a finder of 240 steps,
2026-11-22.) So cropping is off by default, in training and in serving; both have it as an option
(train/leaf_preprocess.py), and export measures it with `compare_ways`.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from catalog.lake import open_lake
from catalog.storage import as_place
from catalog.taxonomy import LabelTree
from leaflake import UsageError
from shards.decode import decode_image
from shards.select import read_encoded
from train.bootstrap import TAIL, replicates
from train.breakdown import LABORATORY, kind_masks
from train.classifier import Classifier
from train.finder_crop import Leaves, crop_boxes, crop_part, cut
from train.finder_file import TrainedFinder, read_finder
from train.finder_net import Found
from train.judged import read_pictures
from train.metrics import Predictions, marks
from train.predict import num_cores, one_thread_each
from train.run_folder import Run, read_run

FIGURES = {"species_top1": "species", "condition_top1": "disease", "joint_top1": "both"}

CROPS: dict[str, Leaves] = {"most certain leaf": "first", "all leaves": "together"}

WHOLE = "whole picture"

Ways = dict[str, dict[str, dict[str, dict[str, float]]]]
"""Kind of pictures -> way of asking -> figure -> `value` and, but for whole pictures, `change`
against them with `low` and `high`, its 95 % interval. All are shares."""

Said = tuple[np.ndarray, np.ndarray, np.ndarray]
"""log p(species), log p(condition | species), log p(both); float32 (S,), (C,), (C,)."""


@dataclass(frozen=True)
class Asked:
    """What was said of some pictures."""

    ways: dict[str, Predictions]
    """Way of asking -> what was said."""

    found: int
    """Pictures in which a leaf was found."""

    finder_ms: float
    """Median time that finding took, one thread."""


def ask(run: Run, finder: TrainedFinder, encoded: list[bytes], class_index: np.ndarray) -> Asked:
    """Ask about each picture: whole, cropped, and the mean of both probabilities."""
    model, class_species = run.load_model(), np.array(run.tree.class_species())

    def answer(data: bytes) -> tuple[list[Said], bool, float]:
        image = decode_image(data)
        started = time.perf_counter()
        found = finder.find(image)
        took = time.perf_counter() - started
        said = [say(model, image)]
        said += [say(model, crop(image, found, leaves)) for leaves in CROPS.values()]
        means = [mean_of(said[0], one, class_species) for one in said[1:]]
        return said + means, bool(len(found.boxes)), took

    with one_thread_each(), ThreadPoolExecutor(num_cores()) as pool:
        rows = list(tqdm(pool.map(answer, encoded), total=len(encoded), unit="picture"))
    names = [WHOLE, *CROPS, *(f"whole + {name}" for name in CROPS)]
    ways = {}
    for index, name in enumerate(names):
        species, condition, joint = (
            np.stack([row[0][index][part] for row in rows]) for part in range(3)
        )
        ways[name] = Predictions(species, condition, joint, class_index)
    return Asked(ways, sum(row[1] for row in rows), 1000 * float(np.median([r[2] for r in rows])))


def say(model: Classifier, image: np.ndarray) -> Said:
    """What the model says of one picture."""
    with torch.inference_mode():
        said, _ = model(torch.from_numpy(image))
    return said.species[0].numpy(), said.condition[0].numpy(), said.joint[0].numpy()


def crop(image: np.ndarray, found: Found, leaves: Leaves) -> np.ndarray:
    """The part of a picture with its leaf; all of it where none was found."""
    boxes = crop_boxes(found, leaves).boxes
    return cut(image, crop_part(boxes[0], image.shape[0], image.shape[1])) if len(boxes) else image


def mean_of(one: Said, other: Said, class_species: np.ndarray) -> Said:
    """The mean of the probabilities; of conditions given the species as they follow from it."""
    species, joint = (
        np.logaddexp(one[part], other[part]) - np.float32(np.log(2)) for part in (0, 2)
    )
    return species, joint - species[class_species], joint


def compare_ways(
    asked: Mapping[str, Predictions], datasets: np.ndarray, groups: np.ndarray, tree: LabelTree
) -> Ways:
    """What was said in each way, WHOLE among them, of the same pictures; intervals are over the
    same replicates."""
    kinds = kind_masks(datasets, LABORATORY)
    shares = {way: marks(said, tree).shares for way, said in asked.items()}
    weights = np.concatenate(list(replicates(groups)))
    result: Ways = {}
    for kind, mask in kinds.items():
        for way, found in shares.items():
            for figure in FIGURES:
                counted = mask & np.isfinite(found[figure])
                if not counted.any():
                    continue
                value = float(found[figure][counted].mean())
                row = {"value": value}
                if way != WHOLE:
                    change = (found[figure] - shares[WHOLE][figure])[counted]
                    total = weights[:, counted].sum(axis=1)
                    drawn = (weights[:, counted] @ change)[total > 0] / total[total > 0]
                    low, high = np.quantile(drawn, [TAIL, 1 - TAIL])
                    row |= {"change": float(change.mean()), "low": float(low), "high": float(high)}
                result.setdefault(kind, {}).setdefault(way, {})[figure] = row
    return result


def describe(rows: Ways) -> str:
    """For people: per cent, and the change with its 95 % interval."""
    lines = []
    for kind, ways in rows.items():
        lines.append(f"{kind:<28}" + "".join(f"{name:>28}" for name in FIGURES.values()))
        for way, found in ways.items():
            lines.append(f"{way:<28}" + "".join(f"{_cell(found.get(f)):>28}" for f in FIGURES))
        lines.append("")
    return "\n".join(lines)


def _cell(row: dict[str, float] | None) -> str:
    if row is None:
        return "-"
    text = f"{100 * row['value']:.1f}"
    if "change" in row:
        text += " {change:+.1f} ({low:+.1f} to {high:+.1f})".format(
            **{name: 100 * row[name] for name in ("change", "low", "high")}
        )
    return text


def main() -> int:
    """Arguments, and the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, metavar="RUN")
    parser.add_argument("finder", type=Path, metavar="FINDER")
    parser.add_argument("--lake", type=as_place, metavar="DIR", help="if it was moved since")
    args = parser.parse_args()
    try:
        run, finder = read_run(args.run), read_finder(args.finder)
        with open_lake(args.lake or run.lake, at=run.snapshot) as lake:
            pictures = read_pictures(lake, f"{run.recipe.split} = 'test'", run.tree)
    except UsageError as error:
        print(f"bench-crop: {error}", file=sys.stderr)
        return 2
    selection = pictures.selection
    asked = ask(run, finder, list(read_encoded(selection)), selection.class_index)
    rows = compare_ways(asked.ways, pictures.datasets, pictures.groups, run.tree)
    print(describe(rows))
    print(
        f"A leaf was found in {asked.found:,} of {len(pictures):,} pictures; finding takes "
        f"{asked.finder_ms:.0f} ms (PyTorch, one thread)."
    )
    said = {"finder": str(finder.path), "found": asked.found, "ms": asked.finder_ms, "test": rows}
    temporary = run.path / "two-step.json.tmp"
    temporary.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    temporary.rename(run.path / "two-step.json")
    return 0


if __name__ == "__main__":
    sys.exit(main())
