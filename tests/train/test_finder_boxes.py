import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaflake import UsageError
from shards.crop import turn
from train.finder_boxes import boxes_of, clip_boxes, overlaps, read_boxes, turn_boxes

HEADER = "file\tcx\tcy\tw\th\n"


def test_boxes_are_read_by_file(tmp_path):
    table = tmp_path / "boxes.tsv"
    table.write_text(
        f"{HEADER}A b/1.jpg\t0.5\t0.5\t0.5\t1\nA b/2.jpg\t0.25\t0.25\t0.5\t0.5\n"
        "A b/1.jpg\t0.99\t0.5\t0.04\t0.5\n\n"
    )
    found = read_boxes(table)
    assert list(found) == ["A b/1.jpg", "A b/2.jpg"]
    assert np.allclose(found["A b/1.jpg"], [[0.25, 0, 0.75, 1], [0.97, 0.25, 1, 0.75]])
    assert np.allclose(found["A b/2.jpg"], [[0, 0, 0.5, 0.5]])


@pytest.mark.parametrize(
    "row", ["a.jpg\t0.5\t0.5\t0.5", "a.jpg\tx\t0.5\t0.5\t1", "a.jpg\t0.5\t0.5\t0\t1",
            "a.jpg\t0.5\t0.5\tnan\t1", "a.jpg\t0.9\t0.5\t0.5\t1"]
)  # fmt: skip
def test_a_row_that_is_no_box_is_named(tmp_path, row):
    table = tmp_path / "boxes.tsv"
    table.write_text(f"{HEADER}{row}\n")
    with pytest.raises(UsageError, match=r"boxes.tsv:2: .* is no box"):
        read_boxes(table)


def test_other_columns_and_no_file_are_refused(tmp_path):
    table = tmp_path / "boxes.tsv"
    table.write_text("file,cx,cy,w,h\n")
    with pytest.raises(UsageError, match="expected the columns file, cx, cy, w, h"):
        read_boxes(table)
    with pytest.raises(UsageError, match="none.tsv: cannot be read"):
        read_boxes(tmp_path / "none.tsv")


def test_boxes_belong_to_the_picture_whose_path_ends_with_their_file():
    drawn = {"rust/1.jpg": np.zeros((1, 4), np.float32)}
    assert boxes_of("/data/set/rust/1.jpg", drawn) is drawn["rust/1.jpg"]
    assert boxes_of("/data/set/crust/1.jpg", drawn) is None
    assert boxes_of("", drawn) is None


def test_overlap_is_what_is_shared_of_both_together():
    boxes = np.array([[0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1]], np.float32)
    others = np.array([[0.25, 0, 0.75, 0.5]], np.float32)
    assert np.allclose(overlaps(boxes, others), [[1 / 3], [0]])


def test_a_window_keeps_what_can_still_be_seen_of_a_box():
    boxes = np.array([[0, 0, 0.6, 0.4], [0, 0, 0.52, 0.4]], np.float32)
    found = clip_boxes(boxes, (0.5, 0, 1, 1), visible=0.1)
    assert np.allclose(found, [[0, 0, 0.2, 0.4]])


@given(st.integers(0, 7), st.tuples(*[st.integers(0, 15)] * 4))
def test_boxes_turn_with_their_picture(variant, corners):
    left, right = sorted(corners[:2])
    top, bottom = sorted(corners[2:])
    image = np.zeros((16, 16, 3), np.uint8)
    image[top : bottom + 1, left : right + 1] = 255
    laid = np.empty_like(image)
    turn(image, variant, laid)
    box = turn_boxes(np.array([[left, top, right + 1, bottom + 1]], np.float32) / 16, variant)[0]
    left, top, right, bottom = (16 * box).astype(int)
    expected = np.zeros_like(image)
    expected[top:bottom, left:right] = 255
    assert (laid == expected).all()
