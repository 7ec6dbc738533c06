"""Does the rejection rule notice a species that the network never learnt?

    python -m export.bench_unknown LAKE [--folds 4] [--minutes 4]        (just bench-unknown LAKE)

In: a lake, which is only read. Out: tables, and in --out the networks, which a second run does not
train again. Whole species are left out of training, a part of them
at a time, so that each is once; of each network the rule is fitted as an export does it. Then it is
asked about pictures of the species left out, and about the test pictures of those it knows.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from catalog.storage import as_place
from export.manifest import REJECTIONS
from export.reject import fit_on, plants_among, see_evidence
from export.reject_compare import scores_of, strangeness
from export.reject_figures import auroc, threshold_for
from export.reject_seen import LabelledPictures, see
from export.reject_taps import choose_stages
from export.unknown_folds import Splits, choose_folds, find_or_train, read_splits
from leaflake import UsageError
from shards.select import Selection, read_encoded
from train.classifier import Classifier
from train.evaluation_table import aligned
from train.recipe import Recipe
from train.recipes import cpu
from train.train_cli import minutes

KNOWN_REJECTED = 0.05
"""Share of the known test pictures that may be turned away, at which scores are compared."""

MAX_PICTURES = 200
"""Of a species left out, spread over its classes; they take longer than training else."""


@dataclass(frozen=True)
class Fold:
    """What a network said that had not learnt some species."""

    known: dict[str, np.ndarray]
    """Score -> float64 (N,), of test plants of species that it learnt; the score of the rule is
    named RULE."""

    unknown: dict[str, dict[str, np.ndarray]]
    """Score -> species left out -> float64 (M,)."""

    threshold: float
    """Of the rule."""


RULE = "the rule"


def ask_fold(classifier: Classifier, known: Splits, unknown: Mapping[str, Selection]) -> Fold:
    """Fit the rule on `known`, and ask all scores."""
    stages = choose_stages(classifier.backbone, classifier.preprocess.size)
    train, val = (
        LabelledPictures(read_encoded(one), one.class_index) for one in (known.train, known.val)
    )
    evidence = see_evidence(classifier, train, val, None, known.tree, stages)
    fitted = fit_on(classifier, evidence, stages)
    scores = strangeness(classifier, evidence.train, evidence.train_class, evidence.val)
    scores[RULE] = fitted.rejection.unknown_species
    is_plant = plants_among(known.test.class_index, known.tree)
    tested = see(classifier, read_encoded(known.test), stages, "known").rows(is_plant)
    strange = {
        name: see(classifier, read_encoded(one), stages, name) for name, one in unknown.items()
    }
    return Fold(
        known={name: scores_of(score, tested) for name, score in scores.items()},
        unknown={
            name: {species: scores_of(score, seen) for species, seen in strange.items()}
            for name, score in scores.items()
        },
        threshold=float(fitted.record[REJECTIONS[1]]["threshold"]),
    )


def methods_table(folds: Sequence[Fold]) -> str:
    """Every score: mean over the species left out of AUROC and of the share that is turned away
    with KNOWN_REJECTED of the known ones."""
    rows = [["score", "AUROC", f"noticed, {100 * KNOWN_REJECTED:.0f} % of known lost"]]
    for name in folds[0].known:
        areas, noticed = [], []
        for fold in folds:
            threshold = threshold_for(fold.known[name], KNOWN_REJECTED)
            for found in fold.unknown[name].values():
                areas.append(auroc(fold.known[name], found))
                noticed.append((found >= threshold).mean())
        rows.append([name, f"{np.mean(areas):.3f}", f"{100 * np.mean(noticed):.1f} %"])
    return aligned(rows)


def species_table(folds: Sequence[Fold]) -> str:
    """The rule at its own threshold, species by species, and what that costs."""
    rows = [["species left out", "pictures", "AUROC", "noticed", "known lost"]]
    shares, losses = [], []
    for fold in folds:
        lost = float((fold.known[RULE] >= fold.threshold).mean())
        losses.append(lost)
        for species, found in fold.unknown[RULE].items():
            noticed = float((found >= fold.threshold).mean())
            shares.append(noticed)
            area = f"{auroc(fold.known[RULE], found):.3f}"
            rows.append([species, str(len(found)), area, *map(_per_cent, (noticed, lost))])
    mean = ["mean over species", "", "", _per_cent(float(np.mean(shares)))]
    return aligned([*rows, [*mean, _per_cent(float(np.mean(losses)))]])


def bench_recipe(minutes_each: float) -> Recipe:
    """The recipe `cpu`, on smaller pictures, for as many minutes."""
    return replace(
        cpu(),
        minutes=minutes_each,
        train_size=160,
        first_size=128,
        eval_size=192,
        precision="float32",
        save_minutes=60.0,
    )


def choose_pictures(parts: Sequence[Selection], most: int) -> Selection:
    """Of the part of a species with the most pictures at most `most`, spread over its classes."""
    largest = max(parts, key=len)
    order = np.argsort(largest.class_index, kind="stable")
    places = np.linspace(0, len(order) - 1, min(most, len(order))).round().astype(int)
    return largest.take(order[places])


def _per_cent(share: float) -> str:
    return f"{100 * share:.1f} %"


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, measure, and print."""
    parser = argparse.ArgumentParser(prog="python -m export.bench_unknown", description=__doc__)
    parser.add_argument("lake", type=as_place, metavar="LAKE")
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--minutes", type=minutes, default=4.0, help="of fine-tuning, for each")
    parser.add_argument("--out", type=Path, default=Path("bench-unknown"), help="for the networks")
    args = parser.parse_args(arguments)
    try:
        splits = read_splits(args.lake)
        chosen = choose_folds(splits.tree, args.folds)
    except UsageError as error:
        print(f"bench_unknown: {error}", file=sys.stderr)
        return 2
    folds = []
    for number, left_out in enumerate(chosen, start=1):
        print(f"fold {number}/{len(chosen)}, without {', '.join(sorted(left_out))}", flush=True)
        known = splits.without(left_out)
        unknown = {
            name: choose_pictures(splits.pictures_of(name), MAX_PICTURES)
            for name in sorted(left_out)
        }
        classifier = find_or_train(bench_recipe(args.minutes), known, args.out / f"{number}")
        folds.append(ask_fold(classifier, known, unknown))
        print(species_table(folds[-1:]), flush=True)
    print(methods_table(folds), species_table(folds), sep="\n\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
