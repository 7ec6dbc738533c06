"""A bundle is held against labels that it may lack, and timed beside another one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from stand_ins import BLUE, COLOURS, picture, write_bundle

from catalog.taxonomy import LabelTree
from export.given import CONDITION, KINDS, NOT_A_PLANT
from export.manifest import read_manifest
from retrain.answers import ask_bundle
from retrain.challenger import measure_costs
from retrain.exam import Exam

TREE = LabelTree.from_pairs([*COLOURS, ("no_plant", "background")])
LABELS = (
    ("apple", "scab"),
    ("apple", "rust"),  # looks like scab, and the bundle lacks it
    ("fig", "healthy"),  # looks like a healthy apple, and the bundle lacks the species
    ("no_plant", "background"),
)
SCAB, GREEN = COLOURS["apple", "scab"], COLOURS["apple", "healthy"]


def exam() -> Exam:
    encoded = tuple(picture(colour, 1) for colour in (SCAB, SCAB, GREEN, BLUE))
    keys = tuple("abcd")
    groups = np.array(keys, dtype=object)
    return Exam(keys, encoded, LABELS, groups, np.zeros(4, dtype=bool), 4, 0)


def test_a_class_that_the_bundle_lacks_is_never_right_though_its_species_may_be(tmp_path) -> None:
    bundle = write_bundle(tmp_path / "bundle", TREE, COLOURS, 1, 4)
    found = ask_bundle(bundle, read_manifest(bundle), exam())
    assert found.right.tolist() == [True, False, False, True]
    assert found.species_right.tolist() == [True, True, False, True]
    assert found.said == ("apple/scab", "apple/scab", "apple/healthy", "no_plant/background")
    assert found.given.kind.tolist() == [CONDITION] * 3 + [NOT_A_PLANT]
    assert found.given.is_right.tolist() == [True, False, False, True]
    assert found.turned_away.tolist() == [False, False, False, True]


def test_an_answer_of_a_species_alone_is_right_where_only_the_condition_is_unknown(
    tmp_path,
) -> None:
    bundle = write_bundle(tmp_path / "bundle", TREE, COLOURS, 1, 4)
    manifest = read_manifest(bundle)
    never = {**manifest.thresholds, "condition": [1.01] * TREE.num_classes}
    found = ask_bundle(bundle, replace(manifest, thresholds=never), exam())
    assert [KINDS[kind] for kind in found.given.kind] == ["species"] * 3 + ["not_a_plant"]
    assert found.given.is_right.tolist() == [True, True, False, True]


def test_two_bundles_are_timed_in_turn_and_weighed(tmp_path) -> None:
    folders = [write_bundle(tmp_path / name, TREE, COLOURS, 1, 4) for name in ("one", "other")]
    one, other = measure_costs(*folders)
    assert one.bytes == other.bytes == (folders[0] / "server.int8.onnx").stat().st_size
    assert one.latency_ms > 0 and other.latency_ms > 0
