"""Do planted lies get through? Pictures of a lake become corrections, some of them wrong.

    python -m retrain.bench_lies LAKE [--corrections 500] [--senders 20]    (just bench-lies LAKE)

In: a lake, which is only read. Out: a table. Pictures of the test split, one of each thing, are
sent as corrections by so many senders, five in a hundred of them with a wrong label, half of these
another condition of the same plant; how many of the wrong ones are believed when they are weighed,
and how many of the right ones?
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from catalog.lake import open_lake
from catalog.storage import as_place
from catalog.taxonomy import LabelTree
from export.material import spread
from leaflake import UsageError
from retrain.believe import EVAL_SIZE, MOST_OWN, make_claims, voice
from retrain.weigh import BELIEVED, weigh
from shards.select import every_class, read_encoded
from train.backbones import load_backbone
from train.bench_labels import plant
from train.classifier import Classifier
from train.evaluation_table import aligned
from train.judged import Pictures, read_pictures
from train.predict import extract_features
from train.recipe import LITE0

LIES = 0.05


@dataclass(frozen=True)
class Seen:
    """The lake's pictures and those that are sent, as ImageNet's features see them."""

    tree: LabelTree
    features: np.ndarray
    """float32 (N + M, D), N pictures of the lake and then M that are sent."""

    own: np.ndarray
    """int64 (N,), classes."""

    own_groups: np.ndarray
    """object (N,)."""

    truth: np.ndarray
    """int64 (M,), what the sent pictures show."""


@dataclass(frozen=True)
class Plot:
    """Who sends what."""

    sender: np.ndarray
    """int64 (M,)."""

    said: np.ndarray
    """int64 (M,), classes."""


Plan = Callable[[Seen, int, np.random.Generator], Plot]


def all_true(seen: Seen, senders: int, random: np.random.Generator) -> Plot:
    """Nobody lies."""
    return Plot(random.integers(0, senders, len(seen.truth)), seen.truth)


def now_and_then(seen: Seen, senders: int, random: np.random.Generator) -> Plot:
    """Everybody is wrong in five of a hundred."""
    sender = random.integers(0, senders, len(seen.truth))
    return Plot(sender, plant(seen.truth, _some(seen, random), seen.tree, random))


def one_liar(seen: Seen, senders: int, random: np.random.Generator) -> Plot:
    """One person sends all that is wrong, and nothing that is right."""
    lies = _some(seen, random)
    sender = random.integers(1, senders, len(seen.truth))
    sender[lies] = 0
    return Plot(sender, plant(seen.truth, lies, seen.tree, random))


def one_aim(seen: Seen, senders: int, random: np.random.Generator) -> Plot:
    """The same, and it is always one class, the most frequent one."""
    aim = int(np.bincount(seen.truth).argmax())
    sender = random.integers(1, senders, len(seen.truth))
    others = np.flatnonzero(seen.truth != aim)
    lies = random.choice(others, round(LIES * len(seen.truth)), replace=False)
    said = seen.truth.copy()
    sender[lies], said[lies] = 0, aim
    return Plot(sender, said)


def two_people(seen: Seen, senders: int, random: np.random.Generator) -> Plot:
    """One person sends all that is right, and another all that is wrong."""
    return one_liar(seen, 2, random)


PLANS: dict[str, Plan] = {
    "nobody lies": all_true,
    "all are wrong now and then": now_and_then,
    "one liar": one_liar,
    "one liar, one class": one_aim,
    "one liar, one honest person": two_people,
}


@dataclass(frozen=True)
class Found:
    """What came of a plot."""

    lies: int
    lies_believed: int
    truths: int
    truths_believed: int


def carry_out(seen: Seen, plot: Plot) -> Found:
    """Weigh what is sent."""
    tree = seen.tree
    groups = [*(f"own {one}" for one in seen.own_groups), *(f"sender {one}" for one in plot.sender)]
    targets = np.concatenate([seen.own, plot.said])
    model = voice(seen.features, targets, np.array(groups, dtype=object), tree)[len(seen.own) :]
    labels = [tree.label(index) for index in plot.said.tolist()]
    numbered = make_claims(
        [
            (f"{row:06d}", f"{sender:06d}", (species.species_id, condition.condition_id))
            for row, (sender, (species, condition)) in enumerate(
                zip(plot.sender.tolist(), labels, strict=True)
            )
        ],
        tree,
    )
    unknown = np.full(len(plot.said), -1)
    num_senders = len(np.unique(plot.sender))
    weighed = weigh(model, unknown, numbered.claims, num_senders)
    believed = weighed.probability[numbered.claim_of] > BELIEVED
    is_lie = plot.said != seen.truth
    return Found(
        int(is_lie.sum()),
        int((believed & is_lie).sum()),
        int((~is_lie).sum()),
        int((believed & ~is_lie).sum()),
    )


def look(own: Pictures, sent: Pictures, tree: LabelTree) -> Seen:
    """Extract the features."""
    encoded = [*read_encoded(own.selection), *read_encoded(sent.selection)]
    untrained = Classifier(load_backbone(LITE0), tree, EVAL_SIZE)
    return Seen(
        tree,
        extract_features(untrained, encoded, "features"),
        own.selection.class_index,
        own.groups,
        sent.selection.class_index,
    )


def table(seen: Seen, senders: int, draws: int) -> str:
    """A line for each plan, the mean of so many draws."""
    heads = ["", "sent", "wrong", "wrong, believed", "right, believed", "wrong among these"]
    rows = [heads]
    for name, plan in PLANS.items():
        found = [
            carry_out(seen, plan(seen, senders, np.random.default_rng(draw)))
            for draw in range(draws)
        ]
        lies, believed, truths, kept = (
            sum(getattr(one, field) for one in found)
            for field in ("lies", "lies_believed", "truths", "truths_believed")
        )
        rows.append(
            [
                name,
                f"{len(seen.truth):,}",
                f"{lies / draws:.1f}",
                f"{believed / draws:.1f}",
                f"{kept / truths:.1%}",
                f"{believed / max(believed + kept, 1):.1%}",
            ]
        )
    return aligned(rows)


def _some(seen: Seen, random: np.random.Generator) -> np.ndarray:
    count = len(seen.truth)
    return random.choice(count, round(LIES * count), replace=False)


def _one_of_each_thing(pictures: Pictures, most: int) -> Pictures:
    _, first = np.unique(pictures.groups, return_index=True)
    chosen = np.random.default_rng(0).permutation(np.sort(first))[:most]
    return pictures.take(np.sort(chosen))


def main(arguments: Sequence[str] | None = None) -> int:
    """Plant, weigh, print."""
    parser = argparse.ArgumentParser(prog="just bench-lies", description=__doc__)
    parser.add_argument("lake", type=as_place, metavar="LAKE")
    parser.add_argument("--corrections", type=int, default=500)
    parser.add_argument("--senders", type=int, default=20)
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--at", type=int, metavar="SNAPSHOT")
    args = parser.parse_args(arguments)
    try:
        with open_lake(args.lake, at=args.at) as lake:
            tree = every_class(lake)
            own = read_pictures(lake, "split = 'train'", tree)
            own = own.take(spread(len(own), MOST_OWN))
            sent = _one_of_each_thing(read_pictures(lake, "split = 'test'", tree), args.corrections)
        print(table(look(own, sent, tree), args.senders, args.draws))
    except UsageError as error:
        print(f"bench-lies: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
