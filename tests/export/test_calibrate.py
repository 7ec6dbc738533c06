import numpy as np
import pytest

from catalog.taxonomy import LabelTree
from export.calibrate import NEVER, Rank, Thresholds, best_of, fit_thresholds, node_thresholds
from train.metrics import Predictions

TREE = LabelTree.from_pairs(
    [
        ("apple", "healthy"),  # class 0
        ("apple", "rust"),  # class 1
        ("corn", "unknown"),  # class 2
        ("no_plant", "background"),  # class 3
    ]
)
SPECIES = list(TREE.class_species())


def answers(*runs: tuple[int, float, bool]) -> tuple[np.ndarray, np.ndarray]:
    """So many answers of a probability, right or wrong."""
    probability = [p for count, p, _ in runs for _ in range(count)]
    is_right = [right for count, _, right in runs for _ in range(count)]
    return np.array(probability), np.array(is_right, dtype=bool)


def at_root(*runs: tuple[int, float, bool], margin: float = 0.0, target: float = 0.95) -> float:
    """The threshold of all answers together."""
    return float(node_thresholds(*answers(*runs), [], target, margin=margin)[0])


def predictions(*kinds: tuple[list[float], list[float], int, int]) -> Predictions:
    """Probabilities of the species and of the classes, the true class; how many such pictures."""
    rows = [kind for kind in kinds for _ in range(kind[3])]
    with np.errstate(divide="ignore"):
        species, joint = (np.log(np.array([row[i] for row in rows])) for i in (0, 1))
    truth = np.array([row[2] for row in rows])
    return Predictions(
        species, joint - np.where(np.isinf(joint), 0, species[:, SPECIES]), joint, truth
    )


def test_threshold_is_the_least_probability_whose_answers_are_right_often_enough():
    # The model's word counts as 5 answers, of which 4 are right at 0.8: 9504 and 9516 of 10005.
    for right, threshold in ((9500, 0.9), (9512, 0.8)):
        found = (right, 0.9, True), (10_000 - right, 0.8, False), (1000, 0.5, False)
        assert at_root(*found) == threshold


def test_answers_of_one_probability_are_given_together_or_not_at_all():
    # The first 900 at 0.8 would pass, but a threshold cannot tell them from the wrong ones.
    assert at_root((900, 0.9, True), (900, 0.8, True), (300, 0.8, False)) == 0.9


def test_a_model_that_is_always_right_is_not_asked_for_more_than_it_says():
    assert at_root((1000, 0.6, True)) == 0.6
    assert at_root((1000, 0.999, True)) == 0.95


def test_without_pictures_the_model_is_taken_at_its_word():
    assert at_root() == 0.95
    assert at_root(target=0.8) == 0.8
    assert at_root(margin=1.0) == 0.9925  # less a standard error of 5 answers
    assert at_root((20, 0.6, True)) == 0.95  # at 0.6, 23 of 25 would be right
    assert at_root((60, 0.6, True)) == 0.6  # 63 of 65


def test_the_margin_asks_for_more_the_fewer_answers_there_are():
    # 96 % right at 0.7 and all right at 0.9.
    found = [
        at_root((n * 48, 0.9, True), (n * 48, 0.7, True), (n * 4, 0.7, False), margin=1.0)
        for n in (1, 20)
    ]
    assert found == [0.9, 0.7]


def test_what_no_probability_reaches_is_never_answered():
    assert at_root((100000, 0.9999, False)) == NEVER == 1.01


def two_nodes(*counts: int, parent: float) -> list[float]:
    """Of 0.7 and of 0.9 at the first node, then at the second, so many answers; all right but
    those of 0.7 at the second."""
    runs = [(0.7, True), (0.9, True), (0.7, False), (0.9, True)]
    found = answers(*((count, *run) for count, run in zip(counts, runs, strict=True)))
    node = np.repeat([0, 0, 1, 1], counts)
    rank = Rank(node, np.zeros(2, dtype=np.int64))
    return node_thresholds(*found, [rank], 0.95, parent=parent, margin=0.0).tolist()


def test_a_node_with_many_pictures_has_its_own_threshold():
    assert two_nodes(1000, 1000, 1000, 1000, parent=60) == [0.7, 0.9]


def test_a_node_with_few_pictures_borrows_from_its_parent():
    assert two_nodes(1000, 1000, 2, 2, parent=60) == [0.7, 0.7]
    assert two_nodes(2, 2, 1000, 1000, parent=60) == [0.9, 0.9]
    assert two_nodes(1000, 1000, 2, 2, parent=1) == [0.7, 0.9]
    assert two_nodes(1000, 1000, 0, 0, parent=1) == [0.7, 0.7]


def test_a_class_borrows_from_its_species_before_the_others():
    # Of the first species all are right, of the second none below 0.9; classes 1 and 3 have none.
    found = answers((500, 0.7, True), (500, 0.9, True), (500, 0.7, False), (500, 0.9, True))
    node = np.repeat([0, 0, 2, 2], 500)
    parents = np.array([0, 0, 1, 1])
    ranks = [Rank(parents[node], np.zeros(2, dtype=np.int64)), Rank(node, parents)]
    thresholds = node_thresholds(*found, ranks, 0.95, margin=0.0)
    assert thresholds.tolist() == [0.7, 0.7, 0.9, 0.9]


def test_of_many_probabilities_a_bounded_number_is_tried():
    rng = np.random.default_rng(0)
    probability = rng.uniform(0.3, 1, 20_000)
    is_right = rng.uniform(size=20_000) < probability  # calibrated: from p on, (1 + p) / 2
    (found,) = node_thresholds(probability, is_right, [], 0.95, margin=0.0)
    assert found == pytest.approx(0.9, abs=0.01)


def test_the_best_condition_is_that_of_the_best_species_and_counts_only_if_it_says_something():
    found = best_of(
        predictions(
            # Apple is the best species, though corn has the likeliest class of all.
            ([0.58, 0.42, 0.0], [0.30, 0.28, 0.42, 0.0], 0, 1),
            ([0.1, 0.8, 0.1], [0.05, 0.05, 0.8, 0.1], 0, 1),
            ([0.1, 0.0, 0.9], [0.04, 0.06, 0.0, 0.9], 0, 1),
        ),
        TREE,
    )
    assert found.species.tolist() == [0, 1, 2]
    assert found.condition.tolist() == [0, 2, 3]
    assert found.species_probability == pytest.approx([0.58, 0.8, 0.9])
    assert found.probability == pytest.approx([0.3, 0.8, 0.9])
    assert found.tells.tolist() == [True, False, False]


def test_a_species_is_judged_by_the_pictures_whose_condition_is_not_answered():
    sure = ([0.97, 0.03, 0.0], [0.0, 0.97, 0.03, 0.0], 1, 1000)
    unsure = ([0.9, 0.1, 0.0], [0.46, 0.44, 0.1, 0.0], 1, 100)  # a wrong condition
    wrong = ([0.8, 0.2, 0.0], [0.42, 0.38, 0.2, 0.0], 2, 20)
    found = fit_thresholds(predictions(sure, unsure, wrong), TREE, margin=0.0)
    # Rust is answered rightly at any probability, healthy never.
    assert found.condition[:2].tolist() == [0.95, 0.42]
    # Of all 1,120 pictures 98 % have the right species, of the 120 that are left 83 %.
    assert found.species[0] == 0.9


def test_classes_that_are_never_answered_leave_their_pictures_to_the_species():
    # Wrong, but corn's condition says nothing and no plant has none.
    kinds = [
        ([0.1, 0.8, 0.1], [0.05, 0.05, 0.8, 0.1], 2, 300),
        ([0.1, 0.0, 0.9], [0.05, 0.05, 0.0, 0.9], 3, 300),
    ]
    found = fit_thresholds(predictions(*kinds), TREE, margin=0.0)
    assert found.condition.tolist() == [0.95] * 4
    assert found.species.tolist() == [0.8, 0.8, 0.8]


def test_the_share_asked_for_moves_the_thresholds():
    half = [([p, 1 - p, 0.0], [p, 0.0, 1 - p, 0.0], 0, 200) for p in (0.95, 0.85)]
    half += [([0.7, 0.3, 0.0], [0.7, 0.0, 0.3, 0.0], 2, 60)]
    found = [fit_thresholds(predictions(*half), TREE, target, margin=0.0) for target in (0.8, 0.95)]
    assert [one.target for one in found] == [0.8, 0.95]
    assert [one.condition[0] for one in found] == [0.7, 0.85]


def test_thresholds_are_plain_lists_in_the_manifest():
    found = Thresholds(0.9, np.array([0.5, 0.25]), np.array([0.5, 0.75, 1.01]))
    assert found.to_json() == {
        "target": 0.9,
        "species": [0.5, 0.25],
        "condition": [0.5, 0.75, 1.01],
    }
