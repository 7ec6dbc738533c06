"""Which pictures become golden. In: test pictures and what PyTorch says. Out: some of all kinds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from catalog.taxonomy import LabelTree
from export.golden import Golden, write_golden
from export.material import Material, spread
from export.release import Release, ask_torch
from export.released import Released
from export.said import Said
from leaflake import UsageError

COUNT = 24

NOT_PLANTS = 4
"""Of COUNT, where photographs of no plant are given."""

NOT_A_PLANT = "not a plant"
"""Their label."""

DECIDED = 0.25
"""By so much the likeliest class must be ahead of the next, in probability. A runtime that answers
such a picture otherwise is wrong, and not merely in another order of sums."""

AWAY = 1.0
"""By so much each rejection score must be away from its threshold, in standard deviations of val's
plants, which is the scores' unit. Eight bits moved some scores by more than half of one."""


def add_golden(
    bundle: Path, material: Material, made: Release, torch_test: Said, whole_test: Said | None
) -> Golden:
    """Write the golden pictures of test, and of the photographs of no plant if there are any.

    `torch_test` is what PyTorch says of test; `whole_test` what it says where it sees whole
    pictures, if other files do than those that do not. Raises UsageError if it is sure of none.
    """
    thresholds = made.rejection_thresholds
    networks = [made.network] if whole_test is None else [made.network, made.whole]
    not_plants = _sure_not_plants(material, networks, thresholds)
    test = material.test
    usable = is_decided(torch_test, thresholds)
    if whole_test is not None:
        usable &= is_decided(whole_test, thresholds)
    chosen = choose_golden(
        test.class_index,
        material.tree.class_species(),
        test.is_laboratory,
        usable,
        COUNT - len(not_plants),
    )
    encoded = [*(test.encoded[i] for i in chosen.tolist()), *not_plants]
    if not encoded:
        raise UsageError(
            f"PyTorch is sure of none of the {len(test)} test pictures, so that none can be "
            "golden. Train for longer. Nothing was written."
        )
    labels = [_label(material.tree, index) for index in test.class_index[chosen].tolist()]
    labels += [NOT_A_PLANT] * len(not_plants)
    # Asked anew, so that the answers are those to the very bytes that are written.
    said = [ask_torch(network, encoded, "torch on golden") for network in networks]
    return write_golden(bundle, encoded, labels, *said)


def _sure_not_plants(
    material: Material, networks: Sequence[Released], thresholds: np.ndarray
) -> list[bytes]:
    """Up to NOT_PLANTS photographs of no plant that the rule is sure about in all networks, spread
    evenly."""
    if material.not_plants is None:
        return []
    some = [material.not_plants[i] for i in spread(len(material.not_plants), 4 * NOT_PLANTS)]
    said = [ask_torch(network, some, "torch on not plants") for network in networks]
    sure = np.flatnonzero(np.all([is_decided(one, thresholds) for one in said], axis=0))
    return [some[i] for i in sure[:NOT_PLANTS].tolist()]


def _label(tree: LabelTree, class_index: int) -> str:
    species, condition = tree.label(class_index)
    return f"{species.species_id}/{condition.condition_id}"


def is_decided(said: Said, thresholds: np.ndarray) -> np.ndarray:
    """bool (N,): the pictures whose answer does not hang on a hair; see DECIDED and AWAY."""
    probability = np.exp(said.joint.astype(np.float64))
    highest = -np.sort(-probability, axis=1)[:, :2]
    ahead = highest[:, 0] - highest[:, 1:].sum(axis=1)
    away = np.abs(said.rejection - thresholds)
    return np.asarray((ahead >= DECIDED) & (away >= AWAY).all(axis=1))


def choose_golden(
    class_index: np.ndarray,
    class_species: Sequence[int],
    is_laboratory: np.ndarray,
    usable: np.ndarray,
    count: int = COUNT,
) -> np.ndarray:
    """int64 (M,), M <= count: positions of pictures spread over species, laboratory and not.

    All are (N,): true classes, whether a picture is of a laboratory's dataset, and whether it may
    be chosen. Where there are fewer species than `count`, each gives several, of different classes
    and by turns of both kinds; where there are more, every so-manieth gives one.
    """
    species = np.asarray(class_species)[class_index]
    chosen: list[tuple[int, int, int]] = []  # which of its species, the species, position
    for number, one in enumerate(np.unique(species[usable]).tolist()):
        own = np.flatnonzero(usable & (species == one)).tolist()
        for turn in range(min(count, len(own))):
            wanted = (number + turn) % 2 == 0
            seen = [class_index[position] for _, kind, position in chosen if kind == one]
            best = min(
                own,
                key=lambda i: (is_laboratory[i] != wanted, seen.count(class_index[i]), i),
            )
            own.remove(best)
            chosen.append((turn, one, best))
    chosen.sort()
    first_round = sum(turn == 0 for turn, _, _ in chosen)
    if first_round > count:
        places = np.linspace(0, first_round - 1, count).round().astype(int)
        chosen = [chosen[place] for place in places]
    return np.array([position for _, _, position in chosen[:count]], dtype=np.int64)
