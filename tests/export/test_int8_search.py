from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_graph import in_8_bits, write_small_graph

from catalog.taxonomy import LabelTree
from export.files import bounds_for
from export.int8_search import BOUNDS, Drop, Tried, drop_of, fewest, search_int8
from export.int8_start import quickest_start
from export.parity import BeyondBoundsError
from export.quantise import Calibrated, calibrate
from export.said import Said

NOTHING = Drop(species=0.0, both=0.0, changed=0.0, rejection=0.0)
TREE = LabelTree.from_pairs([("apple", "healthy"), ("apple", "rust"), ("pear", "healthy")])


@pytest.fixture(scope="module")
def fp32(tmp_path_factory):
    return write_small_graph(tmp_path_factory.mktemp("fp32"))


@pytest.fixture(scope="module")
def pictures(draw):
    return [draw(seed, height=12, width=20) for seed in range(4)]


def none(graph: Calibrated, folder: Path) -> tuple[str, ...]:
    """Eight bits from the first layer on."""
    return ()


def test_8_bits_for_all_are_left_alone_if_they_are_good_enough(fp32, pictures, tmp_path, capsys):
    int8 = tmp_path / "int8.onnx"
    found = search_int8(fp32, int8, pictures, lambda path: NOTHING, start=none)
    assert (found.kept_float, found.harm) == ((), {})
    assert found.tried == (Tried(0, NOTHING),)
    assert in_8_bits(int8) == ["fine", "spoilt"]
    assert "INT8 but for 0 of 2 nodes: loses 0.00 points of species" in capsys.readouterr().err


def judge(path: Path) -> Drop:
    """Two points of species for the spoilt node."""
    return Drop(0.02 if "spoilt" in in_8_bits(path) else 0.0, 0.0, 0.0, 0.0)


def test_the_most_harmful_node_returns_to_float_and_no_other(fp32, pictures, tmp_path):
    int8 = tmp_path / "int8.onnx"
    found = search_int8(fp32, int8, pictures, judge, start=none)
    assert found.kept_float == ("spoilt",)
    assert found.tried == (Tried(0, Drop(0.02, 0.0, 0.0, 0.0)), Tried(1, NOTHING))
    assert sorted(found.harm) == ["fine", "spoilt"]
    assert found.harm["spoilt"] > 10 * found.harm["fine"] >= 0
    assert in_8_bits(int8) == ["fine"]


def test_a_file_within_the_bounds_is_not_taken_while_something_is_wrong_with_it(
    fp32, pictures, tmp_path, capsys
):
    asked = []

    def critic(path: Path) -> list[str]:
        asked.append(in_8_bits(path))
        return ["a golden picture is another"] if "spoilt" in asked[-1] else []

    int8 = tmp_path / "int8.onnx"
    found = search_int8(fp32, int8, pictures, lambda path: NOTHING, start=none, critic=critic)
    assert asked == [["fine", "spoilt"], ["fine"]]
    assert (found.kept_float, found.tried) == (("spoilt",), (Tried(0, NOTHING), Tried(1, NOTHING)))
    assert in_8_bits(int8) == ["fine"]
    assert "0.00 % other rejections: a golden picture is another\n" in capsys.readouterr().err


def test_nothing_else_is_asked_about_a_file_beyond_the_bounds(fp32, pictures, tmp_path):
    def critic(path: Path) -> list[str]:
        assert "spoilt" not in in_8_bits(path)
        return []

    found = search_int8(fp32, tmp_path / "int8.onnx", pictures, judge, start=none, critic=critic)
    assert found.kept_float == ("spoilt",)


def test_layers_that_are_quicker_in_float_stay_so_and_come_before_the_harmful(
    fp32, pictures, tmp_path
):
    int8 = tmp_path / "int8.onnx"
    found = search_int8(
        fp32, int8, pictures, lambda path: NOTHING, start=lambda graph, folder: ("fine",)
    )
    assert (found.kept_float, found.tried, found.harm) == (("fine",), (Tried(1, NOTHING),), {})
    assert in_8_bits(int8) == ["spoilt"]


@pytest.mark.parametrize(("one_first_ms", "expected"), [(9.0, ("fine",)), (9.8, ()), (12.0, ())])
def test_a_first_layer_stays_in_float_where_that_is_clearly_quicker(
    fp32, pictures, tmp_path, one_first_ms, expected
):
    graph = calibrate(fp32, pictures, tmp_path)
    assert list(graph.layers) == ["fine", "spoilt"]

    def timed(contestants, repeats):
        # Each answers, and the last layer is never tried alone: a file without 8 bits is no file.
        shapes = {name: [one.shape for one in answer()] for name, answer in contestants.items()}
        assert list(shapes) == ["0", "1"]
        assert shapes["0"] == shapes["1"]
        return {"0": np.full(repeats, 10.0), "1": np.full(repeats, one_first_ms)}

    assert quickest_start(graph, tmp_path, timed) == expected


def test_if_nothing_helps_there_is_no_file(fp32, pictures, tmp_path):
    with pytest.raises(BeyondBoundsError, match="loses too much with 8 bits, even if its 2 most"):
        search_int8(
            fp32,
            tmp_path / "int8.onnx",
            pictures,
            lambda path: Drop(1.0, 0.0, 0.0, 0.0),
            start=none,
        )
    assert list(tmp_path.iterdir()) == []


@given(most=st.integers(1, 200), data=st.data())
def test_the_fewest_are_found_without_trying_all(most, data):
    least = data.draw(st.integers(1, most))
    tried: list[int] = []

    def good(count: int) -> bool:
        tried.append(count)
        return count >= least

    assert fewest(good, most) == least
    assert max(tried) <= most
    assert len(tried) <= 2 * least.bit_length() + 1


@pytest.mark.parametrize(
    ("drop", "expected"),
    [
        (Drop(0.0025, 0.005, 0.01, 0.02), True),
        (Drop(-0.5, -0.5, 0.0, 0.0), True),
        (Drop(0.003, 0.0, 0.0, 0.0), False),
        (Drop(0.0, 0.006, 0.0, 0.0), False),
        (Drop(0.0, 0.0, 0.02, 0.0), False),
        (Drop(0.0, 0.0, 0.0, 0.03), False),
        (Drop(float("nan"), 0.0, 0.0, 0.0), False),
    ],
)
def test_a_drop_is_within_bounds_only_in_every_figure(drop, expected):
    assert drop.within(Drop(0.0025, 0.005, 0.01, 0.02)) is expected


def said(joint: list[list[float]], rejection: list[list[float]]) -> Said:
    """Of TREE's classes."""
    probabilities = np.array(joint)
    species = np.stack([probabilities[:, :2].sum(axis=1), probabilities[:, 2]], axis=1)
    return Said(np.log(species), np.log(probabilities), np.array(rejection))


def test_a_drop_counts_species_conditions_and_other_rejections():
    truth = np.array([0, 1, 2, 2])
    sure = [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8], [0.1, 0.1, 0.8]]
    low = [[0.0, 0.0]] * 4
    fp32 = said(sure, low)
    # A condition lost, a species lost, and one of each score beyond its threshold.
    int8 = said(
        [[0.1, 0.8, 0.1], sure[1], [0.8, 0.1, 0.1], sure[3]],
        [[0.0, 0.0], [9.0, 0.0], [0.0, 9.0], [0.0, 0.0]],
    )
    assert drop_of(int8, fp32, truth, TREE, np.array([1.0, 1.0])) == Drop(0.25, 0.5, 0.25, 0.5)
    assert drop_of(fp32, fp32, truth, TREE, np.array([1.0, 1.0])) == NOTHING


def test_of_few_pictures_one_right_answer_may_be_lost_and_three_may_be_others():
    assert bounds_for(50) == Drop(species=0.02, both=0.02, changed=0.06, rejection=0.06)
    assert bounds_for(643) == BOUNDS
    assert bounds_for(0) == Drop(species=1, both=1, changed=3, rejection=3)
