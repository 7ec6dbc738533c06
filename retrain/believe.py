"""Which corrections a model may learn from. In: a lake after its inbox was taken in. Out: Beliefs,
and a snapshot in which the pictures of what is not believed have no label.

Nothing that was said changes the label of another picture. What is set aside is weighed again in
every round, with what came since, so that a second person who says the same brings it back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import numpy as np

from catalog.lake import Lake, open_lake
from catalog.organise import organise
from catalog.storage import Place
from catalog.taxonomy import LabelTree
from export.material import spread
from retrain.claims import (
    Label,
    Said,
    copied_labels,
    has_feedback,
    known_labels,
    own_classes,
    own_train,
    places,
    read_said,
    relabel,
)
from retrain.weigh import BELIEVED, Claims, Weighed, weigh
from shards.select import read_encoded
from train.backbones import load_backbone
from train.calibration import fit_temperatures, with_temperatures
from train.classifier import Classifier
from train.folds import predict_folds
from train.judged import Pictures, read_pictures
from train.predict import extract_features
from train.recipe import LITE0

EVAL_SIZE = 224

MOST_OWN = 4000
"""Pictures of the lake that the voice of the model learns from: a minute on two cores."""

AGAINST_LAKE = "the lake has the same thing as {0}; mend that label if it is wrong"
DISPUTED = "something else is said of the very same picture"
NEW_SPECIES = "the lake has no such species"
ONE_SENDER = "the lake has no such class, and nobody else sent one"
NOT_LIKELY = "by what others say and by the picture it is so with a probability of {0:.2f}"


@dataclass(frozen=True)
class Belief:
    """What was made of one picture of a correction."""

    said: Said

    probability: float
    """That it is as was said; NaN where a rule decided."""

    why_not: str
    """Why it is set aside; empty if it is believed."""


@dataclass(frozen=True)
class Beliefs:
    """What was made of all of them."""

    beliefs: tuple[Belief, ...]
    """By key; without those that somebody decided."""

    decided: int
    """Pictures whose label somebody decided otherwise."""

    trust: dict[str, float]
    """Sender -> share of what they say that is taken to be right."""

    changed: int
    """Pictures whose label came or went in this round."""

    @property
    def set_aside(self) -> tuple[Belief, ...]:
        """Those that are not believed."""
        return tuple(one for one in self.beliefs if one.why_not)


NOTHING = Beliefs((), 0, {}, 0)


def weigh_corrections(lake_path: Place, split: str = "split") -> Beliefs:
    """Weigh everything that was said, and write what follows into the lake, as one snapshot.

    `split` is the column whose train pictures the model learns from. Nothing is written where
    nothing changes.
    """
    with open_lake(lake_path) as lake:
        all_said = read_said(lake) if has_feedback(lake) else []
        if not all_said:
            return NOTHING
        said = [one for one in all_said if not one.is_decided]
        found = believe(lake, all_said, split)
    beliefs = tuple(one for one in found.beliefs if not one.said.is_decided)
    moved = [one for one in beliefs if (one.said.label is None) != bool(one.why_not)]
    if moved:
        aside = sum(bool(one.why_not) for one in moved)

        def write(connection: duckdb.DuckDBPyConnection) -> None:
            labels = [None if one.why_not else one.said.said for one in moved]
            relabel(connection, [one.said.key for one in moved], labels)
            organise(connection)

        message = f"corrections weighed: {aside:,} set aside, {len(moved) - aside:,} taken back"
        with open_lake(lake_path, read_only=False) as lake:
            lake.change(message, write)
    return Beliefs(beliefs, len(all_said) - len(said), found.trust, len(moved))


def believe(lake: Lake, said: Sequence[Said], split: str) -> Beliefs:
    """What to make of all that was said; writes nothing.

    The model's voice are heads on features of ImageNet, which have seen no label, fitted in folds
    on the lake's own train pictures and on what was said by others than the sender.
    """
    own = own_classes(lake)
    known = {**copied_labels(lake, said), **known_labels(lake, said)}
    species = {one for one, _ in own} | {s for (s, c) in (one.said for one in said) if c}
    usable = [one for one in said if one.said[0] in species]
    pairs = own | set(known.values())
    pairs |= {(s, c) for s, c in (one.said for one in usable) if c is not None}
    tree = LabelTree.from_pairs(sorted(pairs))
    weighed, senders = _weigh(lake, usable, known, tree, split)
    probability = {one.key: float(p) for one, p in zip(usable, weighed.probability, strict=True)}
    senders_of: dict[Label, set[str]] = defaultdict(set)
    said_of: dict[str, set[Label]] = defaultdict(set)
    for one in said:
        senders_of[one.said].add(one.sender)
        said_of[one.content].add(one.said)
    beliefs = []
    for one in said:
        why_not = _rule(one, known.get(one.thing), own, len(senders_of[one.said]))
        # Two labels of the same bytes would be a conflict in the catalog.
        why_not = why_not or (DISPUTED if len(said_of[one.content]) > 1 else "")
        found = float("nan") if why_not else probability[one.key]
        if not why_not and found <= BELIEVED:
            why_not = NOT_LIKELY.format(found)
        beliefs.append(Belief(one, found, why_not))
    trust = dict(zip(senders, weighed.trust.tolist(), strict=True))
    return Beliefs(tuple(beliefs), 0, trust, 0)


def _rule(one: Said, known: tuple[str, str] | None, own: set[tuple[str, str]], senders: int) -> str:
    """Why no probability is asked for; empty if one is."""
    species, condition = one.said
    if known is not None and (known[0] != species or condition not in (None, known[1])):
        return AGAINST_LAKE.format("/".join(known))
    if condition is None and all(species != known_species for known_species, _ in own):
        return NEW_SPECIES
    if condition is not None and (species, condition) not in own and senders < 2:
        return ONE_SENDER
    return ""


def _weigh(
    lake: Lake,
    said: Sequence[Said],
    known: dict[str, tuple[str, str]],
    tree: LabelTree,
    split: str,
) -> tuple[Weighed, list[str]]:
    """What is believed of each, and the senders in the order of their trust."""
    senders = sorted({one.sender for one in said})
    if not said:
        return Weighed(np.zeros(0), np.zeros(0)), senders
    things, thing_of = np.unique([one.thing for one in said], return_inverse=True)
    model = np.zeros((len(things), tree.num_classes))
    np.add.at(model, thing_of, _model_voice(lake, said, tree, split))
    model /= np.bincount(thing_of)[:, None]
    own = [known.get(thing) for thing in things.tolist()]
    classes = np.array([-1 if label is None else tree.class_index(*label) for label in own])
    claims = make_claims([(one.thing, one.sender, one.said) for one in said], tree)
    weighed = weigh(model, classes, claims.claims, len(senders))
    return Weighed(weighed.probability[claims.claim_of], weighed.trust), senders


@dataclass(frozen=True)
class Numbered:
    """Claims, and which of them each of the given ones is."""

    claims: Claims
    claim_of: np.ndarray
    """int64 (N,): what one sender says of one thing several times is one claim."""


def make_claims(given: Sequence[tuple[str, str, Label]], tree: LabelTree) -> Numbered:
    """Number (thing, sender, label); things and senders by name, in sorted order."""
    things = {name: number for number, name in enumerate(sorted({one[0] for one in given}))}
    senders = {name: number for number, name in enumerate(sorted({one[1] for one in given}))}
    distinct = sorted(set(given), key=lambda one: (one[0], one[1], one[2][0], one[2][1] or ""))
    species_of = np.array(tree.class_species())
    fits = np.zeros((len(distinct), tree.num_classes), dtype=bool)
    for row, (_, _, (species, condition)) in enumerate(distinct):
        if condition is None:
            fits[row] = species_of == tree.species_index(species)
        else:
            fits[row, tree.class_index(species, condition)] = True
    options = [tree.num_species if one[2][1] is None else tree.num_classes for one in distinct]
    claims = Claims(
        np.array([things[one[0]] for one in distinct], dtype=np.int64),
        np.array([senders[one[1]] for one in distinct], dtype=np.int64),
        fits,
        np.array(options, dtype=np.int64),
    )
    position = {one: number for number, one in enumerate(distinct)}
    return Numbered(claims, np.array([position[one] for one in given], dtype=np.int64))


def _model_voice(lake: Lake, said: Sequence[Said], tree: LabelTree, split: str) -> np.ndarray:
    """float64 (N, K): what heads that have seen nothing of its sender say of each picture."""
    own = _some(read_pictures(lake, own_train(split), tree))
    theirs = places(lake, [one.key for one in said])
    encoded = [*read_encoded(own.selection), *read_encoded(theirs)]
    untrained = Classifier(load_backbone(LITE0), tree, EVAL_SIZE)
    features = extract_features(untrained, encoded, "what was said")
    targets = [*own.selection.class_index.tolist(), *(_target(one.said, tree) for one in said)]
    groups = [*(f"group {one}" for one in own.groups), *(f"sender {one.sender}" for one in said)]
    return voice(features, np.array(targets), np.array(groups, dtype=object), tree)[len(own) :]


def _some(pictures: Pictures) -> Pictures:
    """At most MOST_OWN of them, spread over the classes."""
    by_class = np.argsort(pictures.selection.class_index, kind="stable")
    return pictures.take(by_class[spread(len(by_class), MOST_OWN)])


def voice(
    features: np.ndarray, targets: np.ndarray, groups: np.ndarray, tree: LabelTree
) -> np.ndarray:
    """float64 (N, K), calibrated, of features float32 (N, D), each by heads that saw nothing of its
    group. `targets` int64 (N,) as in a Selection."""
    said = predict_folds(features, targets, groups, tree)
    whole = said.subset(targets < tree.num_classes)
    scaled = with_temperatures(said, tree, fit_temperatures(whole, tree))
    return np.exp(scaled.joint.astype(np.float64))


def _target(label: Label, tree: LabelTree) -> int:
    species, condition = label
    if condition is None:
        return tree.num_classes + tree.species_index(species)
    return tree.class_index(species, condition)
