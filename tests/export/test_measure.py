import numpy as np
import pytest
from colours import APPLE_HEALTHY, APPLE_RUST, FIG, NO_PLANT, TREE

from export.decisions import fit_decisions
from export.held import Asked
from export.material import Material, Sample
from export.measure import accuracy, calibration, failures, rejected_plants
from export.parity import BROWSER, INT8
from export.said import Said


def sample(classes: list[int]) -> Sample:
    """By turns of a laboratory and not, each picture a group of its own."""
    count = len(classes)
    datasets = np.array(["pv_apple", "field"] * count, dtype=object)[:count]
    groups = np.arange(count).astype(object)
    return Sample((b"",) * count, np.array(classes), datasets, groups)


def said(classes: list[int], probability: float = 0.97) -> Said:
    """The likeliest class of each picture with that probability."""
    joint = np.full((len(classes), 4), (1 - probability) / 3)
    joint[np.arange(len(classes)), classes] = probability
    species = np.stack([joint[:, :2].sum(axis=1), joint[:, 2], joint[:, 3]], axis=1)
    return Said(np.log(species), np.log(joint), np.zeros((len(classes), 2)))


TRUE = [APPLE_RUST] * 6 + [FIG] * 5 + [NO_PLANT]
ANSWERED = [APPLE_HEALTHY, APPLE_HEALTHY] + [APPLE_RUST] * 4 + [APPLE_RUST] + [FIG] * 4 + [NO_PLANT]


def test_accuracy_stands_by_kind_with_its_interval():
    rows = accuracy(said(ANSWERED), sample(TRUE), TREE)
    assert list(rows) == ["all", "laboratory", "other"]
    found = rows["all"]
    assert (found["pictures"], found["no_plant_pictures"]) == (11, 1)
    assert found["species_top1"] == pytest.approx(10 / 11)
    assert found["joint_top1"] == pytest.approx(8 / 11)
    assert found["no_plant_recognised"] == 1.0
    low, high = found["intervals"]["joint_top1"]
    assert 0.4 < low < 8 / 11 < high <= 1.0


def test_what_goes_wrong_is_named_with_how_often():
    assert failures(said(ANSWERED), sample(TRUE), TREE) == {
        "species": [{"species": "Fig", "pictures": 5, "found": 0.8}],
        "confusions": [
            {"true": "Apple: Rust", "answered": "Apple: Healthy", "pictures": 2, "of": 6}
        ],
    }


def test_plants_that_are_turned_away_are_counted_by_score_and_kind():
    rejected = np.zeros((12, 2), dtype=bool)
    rejected[0, 0] = rejected[1, 1] = rejected[11, 0] = True  # the last one is no plant
    assert rejected_plants(rejected, sample(TRUE), TREE) == {
        "all": {"plants": 11, "not_a_plant": 1 / 11, "unknown_species": 1 / 11},
        "laboratory": {"plants": 6, "not_a_plant": 1 / 6, "unknown_species": 0.0},
        "other": {"plants": 5, "not_a_plant": 0.0, "unknown_species": 0.2},
    }


def test_calibration_is_over_plants_in_plain_numbers():
    bins = calibration(said(ANSWERED), sample(TRUE), TREE)["joint"]
    assert sum(bins["pictures"]) == 11 and bins["pictures"][-1] == 11
    assert bins["accuracy"][-1] == pytest.approx(8 / 11)
    assert bins["error"] == pytest.approx(0.97 - 8 / 11)
    assert calibration(said([NO_PLANT]), sample([NO_PLANT]), TREE) == {}


def asked(classes: list[int], probability: float = 0.97) -> Asked:
    one, rows = said(classes, probability), np.arange(len(classes))
    return Asked(one, one, one, rows, rows)


def test_thresholds_and_hand_over_come_from_val_and_are_told_of_test():
    pictures = sample([FIG] * 40)
    material = Material(TREE, None, pictures, pictures, None, {})
    least = np.array([1.0, 1.0])
    found = fit_decisions(
        {INT8: asked([FIG] * 40), BROWSER: asked([FIG] * 39 + [NO_PLANT])},
        INT8,
        material,
        least,
        0.9,
    )
    assert found.thresholds["target"] == 0.9
    assert [len(found.thresholds[rank]) for rank in ("species", "condition")] == [3, 4]
    assert sorted(found.thresholds["handover"]) == ["condition", "species"]
    assert found.test.is_right.all()
    assert found.handover["server"]["right"] == 1.0
    alone = fit_decisions({INT8: asked([FIG] * 40)}, INT8, material, least, 0.9)
    assert alone.handover is None and "handover" not in alone.thresholds


def test_what_the_rule_turns_away_teaches_no_threshold():
    pictures = sample([FIG] * 40)
    material = Material(TREE, None, pictures, pictures, None, {})
    good, bad = said([FIG] * 40), said([APPLE_RUST] * 40)
    half = np.arange(40) % 2 == 0
    mixed = Said(
        *(
            np.where(half[:, None], getattr(good, part), getattr(bad, part))
            for part in ("species", "joint")
        ),
        np.where(half[:, None], 0.0, 2.0) * np.array([1.0, 0.0]),
    )
    rows = np.arange(40)
    found = fit_decisions(
        {INT8: Asked(mixed, mixed, mixed, rows, rows)}, INT8, material, np.ones(2), 0.9
    )
    clean = fit_decisions(
        {INT8: Asked(good.rows(half), good, good, rows, rows)},
        INT8,
        Material(TREE, None, sample([FIG] * 20), pictures, None, {}),
        np.ones(2),
        0.9,
    )
    assert found.thresholds == clean.thresholds
