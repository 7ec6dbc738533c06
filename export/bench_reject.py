"""How well does the rejection rule of a run tell plants from other things?

    python -m export.bench_reject RUN --not-plants DIR [--hard DIR]         (just bench-reject RUN)

In: a run, its lake, which is only read, and photographs of no plant. Out: tables. The rule is
fitted as an export does it, on train, val and the photographs; plants are those of test, and each
photograph is judged by a gate that did not see it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from catalog.storage import as_place
from export.hard_pictures import read_hard, read_sources
from export.material import Material, read_material
from export.reject import (
    GATE,
    PLANTS_LOST,
    REJECTIONS,
    Evidence,
    FittedRejection,
    fit_on,
    plants_among,
    see_evidence,
)
from export.reject_compare import compared, scores_of, strangeness
from export.reject_figures import precision_at_even_mix
from export.reject_gate import Examples, cross_fit, fit_gate
from export.reject_scores import Sum
from export.reject_seen import LabelledPictures, see
from export.reject_taps import Seen, choose_stages
from leaflake import UsageError
from shards.select import read_encoded
from train.bootstrap import Interval, intervals
from train.breakdown import LABORATORY, kind_masks
from train.classifier import Classifier
from train.evaluation_table import aligned
from train.metrics import Marks
from train.run_folder import Run, read_run


@dataclass(frozen=True)
class Bench:
    """A run's rule, and what it is tried on."""

    classifier: Classifier
    stages: tuple[int, ...]
    evidence: Evidence
    others: Examples
    """Of the evidence."""

    fitted: FittedRejection
    plants: Seen
    """Of test."""

    datasets: np.ndarray
    """object (N,), of those."""

    groups: np.ndarray
    """object (N,)."""


def prepare(run: Run, material: Material) -> Bench:
    """Fit the rule, and show the test plants to the classifier."""
    assert material.not_plants is not None  # the command line requires them
    classifier, tree, test = run.load_model(), run.tree, material.test
    stages = choose_stages(classifier.backbone, classifier.preprocess.size)
    train = LabelledPictures(read_encoded(material.train), material.train.class_index)
    val = LabelledPictures(material.val.encoded, material.val.class_index)
    evidence = see_evidence(classifier, train, val, material.not_plants, tree, stages)
    assert evidence.others is not None  # as there are photographs
    is_plant = plants_among(test.class_index, tree)
    return Bench(
        classifier=classifier,
        stages=stages,
        evidence=evidence,
        others=evidence.others,
        fitted=fit_on(classifier, evidence, stages),
        plants=see(classifier, test.encoded, stages, "test").rows(is_plant),
        datasets=test.datasets[is_plant],
        groups=test.groups[is_plant],
    )


def methods_table(bench: Bench) -> str:
    """Every method on test plants and photographs, at the threshold that val gives it."""
    evidence, others = bench.evidence, bench.others
    given = others.seen.rows(others.whole[: evidence.num_given])
    gate = Sum([fit_gate(evidence.train, others.seen)], evidence.val)
    scores = {GATE: gate} | strangeness(
        bench.classifier, evidence.train, evidence.train_class, evidence.val
    )
    rows = [["method", "AUROC", "caught", "plants rejected", "precision at 1:1"]]
    for name, score in scores.items():
        reject = scores_of(score, given)
        if name == GATE:
            reject = cross_fit(evidence.train, others, evidence.val)[: evidence.num_given]
        found = compared(scores_of(score, bench.plants), reject, PLANTS_LOST)
        shares = ("caught", "plants_rejected", "precision")
        rows.append([name, f"{found['auroc']:.4f}", *(_per_cent(found[one]) for one in shares)])
    return aligned(rows)


def rule_table(bench: Bench) -> str:
    """The released rule on test plants by kind, and on the photographs."""
    said = rejected(bench.fitted, bench.plants)
    rows = [["test plants", "pictures", *(f"{name} (95 %)" for name in REJECTIONS)]]
    for kind, mask in kind_masks(bench.datasets, LABORATORY).items():
        shares = [_share(said[mask, i], bench.groups[mask]) for i in range(len(REJECTIONS))]
        rows.append([kind, f"{mask.sum():,}", *shares])
    record = bench.fitted.record[REJECTIONS[0]]
    caught, wrong = record["caught"], float(said[:, 0].mean())
    return "\n".join(
        [
            aligned(rows),
            "",
            f"photographs of no plant: {record['examples']}, {_per_cent(caught)} caught; of as "
            "many plants and photographs what is called not a plant is right in "
            f"{_per_cent(precision_at_even_mix(wrong, caught))}, by {record['method']}",
        ]
    )


def hard_table(bench: Bench, hard: Mapping[str, Sequence[bytes]]) -> str:
    """What the rule makes of hard pictures, kind by kind."""
    rows = [["hard pictures", "pictures", *REJECTIONS, "neither"]]
    for kind, encoded in hard.items():
        said = rejected(bench.fitted, see(bench.classifier, encoded, bench.stages, kind))
        first, second = said[:, 0], said[:, 1] & ~said[:, 0]
        shares = (first, second, ~first & ~second)
        rows.append([kind, str(len(encoded)), *(_per_cent(float(one.mean())) for one in shares)])
    return aligned(rows)


def rejected(fitted: FittedRejection, seen: Seen) -> np.ndarray:
    """bool (N, 2): which score of each picture reaches its threshold."""
    thresholds = np.array([fitted.record[name]["threshold"] for name in REJECTIONS])
    return np.asarray(scores_of(fitted.rejection, seen) >= thresholds)


def _share(hits: np.ndarray, groups: np.ndarray) -> str:
    low, high = interval_of(hits, groups)
    return f"{100 * hits.mean():.2f} % ({100 * low:.1f}-{100 * high:.1f})"


def interval_of(hits: np.ndarray, groups: np.ndarray) -> Interval:
    """Of the share of bool (N,) `hits`, by whole groups (N,)."""
    return intervals(Marks({"share": hits.astype(np.float64)}, {}), groups)["share"]


def _per_cent(share: float) -> str:
    return f"{100 * share:.1f} %"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print."""
    parser = argparse.ArgumentParser(prog="python -m export.bench_reject", description=__doc__)
    parser.add_argument("run", type=Path, metavar="RUN")
    parser.add_argument("--not-plants", type=Path, metavar="DIR", required=True)
    parser.add_argument("--hard", type=Path, metavar="DIR", help="with the unpacked packages")
    parser.add_argument("--lake", type=as_place, metavar="DIR", help="if it was moved since")
    args = parser.parse_args(arguments)
    try:
        run = read_run(args.run)
        hard = read_hard(args.hard, read_sources()) if args.hard else {}
        bench = prepare(run, read_material(run, args.lake or run.lake, args.not_plants))
    except UsageError as error:
        print(f"bench_reject: {error}", file=sys.stderr)
        return 2
    print(methods_table(bench), rule_table(bench), sep="\n\n")
    if hard:
        print("", hard_table(bench, hard), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
