"""The drawings of an evaluation, and which mistakes its page shows."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from catalog.taxonomy import LabelTree
from shards.select import Selection
from train.confusion import condition_confusions, counts, species_confusion
from train.evaluation_plots import calibration_plot, coverage_plot
from train.judged import Judged, Pictures
from train.metrics import Predictions
from train.mistakes import Mistake, worst_mistakes

SVG = "{http://www.w3.org/2000/svg}"
TREE = LabelTree.from_pairs([("apple", "healthy"), ("apple", "rust"), ("corn", "rust")])


def predictions(answer: list[int], truth: list[int], p: float = 0.9) -> Predictions:
    """Sure of one class each, and even about the others."""
    joint = np.full((len(answer), 3), (1 - p) / 2)
    joint[np.arange(len(answer)), answer] = p
    species = np.stack([joint[:, :2].sum(axis=1), joint[:, 2]], axis=1)
    condition = joint / species[:, [0, 0, 1]]
    return Predictions(np.log(species), np.log(condition), np.log(joint), np.array(truth))


def texts(svg: str) -> list[str]:
    return [one.text or "" for one in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def titles(svg: str) -> list[str]:
    return [one.text or "" for one in ElementTree.fromstring(svg).iter(f"{SVG}title")][1:]


def test_counts_have_truth_in_rows_and_answers_in_columns():
    assert counts(np.array([0, 0, 1]), np.array([1, 1, 1]), 2).tolist() == [[0, 2], [0, 1]]


def test_species_that_are_confused_stand_in_the_matrix():
    svg = species_confusion(predictions([0, 1, 2, 2], [0, 0, 0, 2]), TREE)
    assert "Species: 3 of 4 right" in texts(svg)
    assert titles(svg) == [
        "Apple, answered Apple: 2 of 3",
        "Apple, answered Corn: 1 of 3",
        "Corn, answered Corn: 1 of 1",
    ]


def test_of_many_species_those_that_are_confused_most_are_shown(monkeypatch):
    monkeypatch.setattr("train.confusion.MOST_SPECIES", 1)
    svg = species_confusion(predictions([2, 2, 2], [0, 2, 2]), TREE)
    assert any("The 1 that are confused most, of 2." in text for text in texts(svg))


def test_diseases_are_confused_within_their_species_given_it():
    # Taken for corn, but of an apple's conditions the healthy one is as likely as rust.
    svg = condition_confusions(predictions([0, 0, 2], [0, 1, 2]), TREE)
    assert "Apple: 1 of 2 right" in texts(svg)
    assert not any(text.startswith("Corn") for text in texts(svg))
    assert titles(svg) == ["Healthy, answered Healthy: 1 of 1", "Rust, answered Healthy: 1 of 1"]


def test_names_in_drawings_are_escaped():
    tree = LabelTree.from_json(
        {
            "species": [
                {
                    "species_id": name,
                    "name": f"<{name}> & co",
                    "scientific": "",
                    "conditions": [{"condition_id": "rust", "name": "Rust", "cause": "fungus"}],
                }
                for name in ("apple", "corn")
            ]
        }
    )
    log = np.log(np.array([[0.9, 0.1]]))
    svg = species_confusion(Predictions(log, np.zeros((1, 2)), log, np.array([0])), tree)
    assert titles(svg) == ["<apple> & co, answered <apple> & co: 1 of 1"]


def test_plots_say_their_figures():
    answers = (np.array([0.95] * 8 + [0.5] * 8), np.array([True] * 8 + [False] * 8))
    both = {"species": answers, "joint": answers}
    said = texts(calibration_plot(both, both))
    assert "before temperature scaling: ECE 27.5 %" in said  # the mean of 5 and 50
    said = texts(coverage_plot({"all": both, "laboratory": both}))
    assert "laboratory: 50.0 % of all right" in said
    assert "species and disease together" in said


def test_the_surest_mistakes_come_first_one_of_each_thing_photographed():
    said = predictions([1, 0, 2, 2, 0], [0, 1, 0, 1, 0])
    said.joint[3] = np.log([0.2, 0.2, 0.6])
    nothing = np.zeros(5, np.int64)
    keys = tuple("abcde")
    selection = Selection(keys, keys, said.class_index, nothing, nothing, nothing, Path("s"))
    groups = np.array(["one", "one", "two", "three", "four"], dtype=object)
    found = worst_mistakes(Judged(Pictures(selection, groups, keys, keys), said), TREE)
    rows = [[(one.row, one.truth, one.answer) for one in kind] for kind in found]
    assert rows == [[(2, 0, 2), (3, 1, 2)], [(0, 0, 1)]]
    assert Mistake(0, 0, 1, 0.75, 0.25).margin == 0.5
