"""What a bundle answers to many pictures at once, held against the server's rule for one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from catalog.taxonomy import LabelTree
from export.calibrate import Thresholds
from export.given import KINDS, Given, describe_given, give_answers
from export.manifest import REJECTIONS
from serve.answer import Prediction, decide
from serve.labels import Labels
from serve.labels import Thresholds as ServedThresholds
from train.metrics import Predictions

TREE = LabelTree.from_pairs(
    [
        ("apple", "healthy"),  # class 0
        ("apple", "rust"),  # class 1
        ("corn", "unknown"),  # class 2
        ("no_plant", "background"),  # class 3
        ("tomato", "blight"),  # class 4
        ("tomato", "healthy"),  # class 5
    ]
)
CLASS_SPECIES = np.array(TREE.class_species())
LABELS = Labels.from_tree(TREE.to_json())
N = 40


def predictions(joint: np.ndarray, truth: np.ndarray) -> Predictions:
    """Of probabilities (N, 6)."""
    species = np.stack([joint[:, np.equal(CLASS_SPECIES, i)].sum(axis=1) for i in range(4)], axis=1)
    with np.errstate(divide="ignore"):
        return Predictions(np.log(species), np.log(joint), np.log(joint), truth)


def test_the_words_are_those_of_the_server():
    assert set(REJECTIONS) < set(KINDS)


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_every_picture_is_answered_as_the_server_answers_it(data):
    # Sixteenths: exact in binary, with ties, and equal to a threshold now and then.
    shares = data.draw(arrays(np.int64, (N, 6), elements=st.integers(0, 4)))
    shares[shares.sum(axis=1) == 0] = 1
    said = predictions(shares / shares.sum(axis=1, keepdims=True), np.zeros(N, dtype=np.int64))
    some = st.sampled_from([0.25, 0.5, 0.75, 1.01])
    thresholds = Thresholds(
        0.95, data.draw(arrays(float, 4, elements=some)), data.draw(arrays(float, 6, elements=some))
    )
    scores = data.draw(arrays(float, (N, 2), elements=st.sampled_from([-1.0, 0.0, 1.0])))
    found = give_answers(said, TREE, thresholds, scores >= [0.5, 0.0])
    served = ServedThresholds(tuple(thresholds.species), tuple(thresholds.condition), (0.5, 0.0))
    for row in range(N):
        one = Prediction(np.exp(said.species[row]), np.exp(said.joint[row]), scores[row])
        answer = decide(one, LABELS, served)
        assert KINDS[found.kind[row]] == answer.kind
        assert (answer.probability is None) == np.isnan(found.probability[row])
        if answer.probability is not None:
            assert found.probability[row] == answer.probability


HALF = Thresholds(0.95, np.full(4, 0.5), np.full(6, 0.5))
RUST = [0.1, 0.8, 0.1, 0, 0, 0]
APPLE = [0.4, 0.4, 0.1, 0, 0.1, 0]
CORN = [0.1, 0.1, 0.8, 0, 0, 0]
NO_PLANT = [0.1, 0, 0, 0.9, 0, 0]
SPREAD = [0.2, 0.2, 0.2, 0.1, 0.2, 0.1]


@pytest.mark.parametrize(
    ("joint", "truth", "rejected", "kind", "is_right"),
    [
        (RUST, 1, "", "condition", True),
        (RUST, 0, "", "condition", False),
        (APPLE, 1, "", "species", True),
        (APPLE, 2, "", "species", False),
        (CORN, 2, "", "species", True),
        (NO_PLANT, 3, "", "not_a_plant", True),
        (NO_PLANT, 0, "", "not_a_plant", False),
        (SPREAD, 0, "", "not_sure", False),
        (RUST, 3, "not_a_plant", "not_a_plant", True),
        (RUST, 1, "not_a_plant", "not_a_plant", False),
        (RUST, 1, "unknown_species", "unknown_species", False),
        (NO_PLANT, 3, "unknown_species", "not_a_plant", True),
    ],
)
def test_an_answer_is_right_at_the_rank_at_which_it_is_given(
    joint, truth, rejected, kind, is_right
):
    said = predictions(np.array([joint]), np.array([truth]))
    found = give_answers(said, TREE, HALF, np.array([[rejected == name for name in REJECTIONS]]))
    assert (KINDS[found.kind[0]], bool(found.is_right[0])) == (kind, is_right)


def test_without_a_rule_nothing_is_rejected():
    said = predictions(np.array([RUST, SPREAD]), np.array([1, 1]))
    kinds = [KINDS[kind] for kind in give_answers(said, TREE, HALF).kind]
    assert kinds == ["condition", "not_sure"]


def test_figures_count_what_is_answered_and_what_of_it_is_right():
    kinds = ["condition"] * 3 + ["species"] * 2 + ["not_sure"] * 4 + ["unknown_species"]
    right = [True, True, False, True, True] + [False] * 5
    found = Given(np.array([KINDS.index(kind) for kind in kinds]), np.zeros(10), np.array(right))
    assert found.is_wrong.tolist() == [False, False, True] + [False] * 7
    assert describe_given(found) == {
        "pictures": 10,
        "kinds": {
            "condition": {"share": 0.3, "right": 2 / 3},
            "species": {"share": 0.2, "right": 1.0},
            "not_sure": {"share": 0.4},
            "not_a_plant": {"share": 0.0},
            "unknown_species": {"share": 0.1},
        },
        "answered": 0.5,
        "right": 0.8,
    }


def test_of_pictures_that_are_never_answered_no_accuracy_is_told():
    unsure = Given(np.full(3, KINDS.index("not_sure")), np.zeros(3), np.zeros(3, dtype=bool))
    figures = describe_given(unsure)
    assert (figures["answered"], "right" in figures) == (0.0, False)
