import numpy as np
from leaf_scenes import leaf_on_board, sky

from train.finder_data import Example
from train.finder_net import Found
from train.finder_score import (
    Counts,
    best_threshold,
    centre_crop,
    count,
    figures,
    green_excess,
    whole_picture,
)

DRAWN = np.array([[0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1]], np.float32)


def found(*boxes, scores=None):
    scores = np.linspace(0.9, 0.1, len(boxes)) if scores is None else scores
    return Found(np.array(boxes, np.float32).reshape(-1, 4), np.array(scores, np.float32))


def test_each_drawn_box_goes_with_one_found_box():
    same = [0, 0, 0.5, 0.5]
    assert count(found(same, same), DRAWN) == Counts(2, 2, 1.0, 1, 1.0)
    assert count(found([0, 0, 0.5, 1], same), DRAWN) == Counts(2, 2, 1.0, 1, 0.5)
    assert count(found(), DRAWN) == Counts(2, 0, 0.0, 0, 0.0)


def test_figures_are_over_boxes_and_over_pictures():
    counts = [Counts(2, 1, 0.8, 1, 0.8), Counts(1, 3, 0.4, 0, 0.2)]
    values = {name: value for name, (value, _, _) in figures(counts, np.array(["a", "b"])).items()}
    expected = {"mean_iou": 0.4, "recall": 1 / 3, "precision": 1 / 4, "main_iou": 0.5,
                "main_right": 0.5}  # fmt: skip
    assert values.keys() == expected.keys()
    assert np.allclose(list(values.values()), list(expected.values()))
    low, high = figures(counts, np.array(["a", "b"]))["main_iou"][1:]
    assert np.allclose((low, high), (0.2, 0.8))


def test_without_a_found_box_there_is_no_precision():
    assert "precision" not in figures([Counts(1, 0, 0, 0, 0)], np.array(["a"]))


def test_the_threshold_keeps_what_is_right_and_drops_what_is_not():
    one = found(DRAWN[0], [0, 0.9, 0.1, 1], scores=[0.6, 0.32])
    example = Example(np.zeros((8, 8, 3), np.uint8), DRAWN[:1])
    assert best_threshold([one], [example]) == 0.35


def test_plain_baselines_find_what_they_should():
    assert np.allclose(centre_crop(sky()).boxes, [[0.15, 0.15, 0.85, 0.85]])
    assert whole_picture(sky()).boxes.tolist() == [[0, 0, 1, 1]]
    green = green_excess(leaf_on_board())
    assert np.allclose(64 * green.boxes, [[12, 20, 53, 45]], atol=2)
    two = np.hstack([leaf_on_board(axes=(9, 9)), leaf_on_board()])
    assert np.allclose(green_excess(two).boxes[:, 0], [76 / 128, 23 / 128], atol=0.02)
