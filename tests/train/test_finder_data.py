import itertools

import numpy as np
import pytest
from leaf_scenes import GREEN, leaf_on_board, sky

from train import finder_data
from train.finder_data import Sources, batches, board_example, make_example, pasted
from train.finder_paste import cut_leaf, leaf_mask, mask_box, paste


def test_a_leaf_is_told_from_its_board_by_its_colour():
    mask = leaf_mask(leaf_on_board())
    assert np.allclose(64 * mask_box(mask), [12, 20, 53, 45], atol=2)


@pytest.mark.parametrize(
    "image",
    [
        np.full((64, 64, 3), 150, np.uint8),  # no leaf
        leaf_on_board(axes=(4, 4)),  # a speck
        leaf_on_board(axes=(60, 60)),  # all leaf
        leaf_on_board(centre=(0, 32), axes=(40, 60)),  # more than half of the edge
    ],
)
def test_what_is_no_leaf_on_a_board_is_not_cut(image):
    assert cut_leaf(image) is None


def test_a_pasted_leaf_lies_where_its_mask_says():
    leaf = cut_leaf(leaf_on_board())
    canvas = sky()
    before = canvas.copy()
    mask = paste(canvas, leaf, length=20, angle=90, centre=(40, 30))
    left, top, right, bottom = 64 * mask_box(mask)
    assert np.allclose([right - left, bottom - top], [12, 20], atol=4)
    assert np.allclose([(left + right) / 2, (top + bottom) / 2], [40, 30], atol=1)
    assert np.abs(canvas[30, 40].astype(int) - GREEN).max() < 12
    far = np.ones((64, 64), bool)
    far[14:46, 24:56] = False
    assert (canvas == before)[far].all()


def test_one_to_four_leaves_are_pasted_and_what_is_covered_is_none(encode, monkeypatch):
    sources = Sources((), (encode(leaf_on_board()),), ())

    def numbers() -> set[int]:
        seeds = range(30)
        return {len(pasted(sky(), sources, np.random.default_rng(n)).boxes) for n in seeds}

    assert numbers() == {1, 2, 3, 4}
    monkeypatch.setattr(finder_data, "LENGTHS", (3.0, 3.1))  # each covers the whole picture
    assert numbers() <= {0, 1}


def test_examples_have_what_their_sources_have(encode):
    leaf, background = encode(leaf_on_board()), encode(sky())
    box = np.array([[0.2, 0.3, 0.8, 0.7]], np.float32)
    assert Sources(((leaf, box),), (), ()).kinds() == {"drawn": 1.0}
    assert list(Sources((), (leaf,), (background,)).kinds()) == ["pasted", "board", "empty"]
    assert list(Sources((), (leaf,), ()).kinds()) == ["board"]
    nothing = make_example(Sources((), (background,), ()), 32, np.random.default_rng(0))
    assert nothing.boxes.shape == (0, 4)
    assert np.allclose(32 * board_example(leaf, 32).boxes, [[6, 10, 27, 23]], atol=1.5)


def test_boxes_follow_crops_and_turns(encode):
    """The only green in the picture is in its box, however it was cropped and turned."""
    box = np.array([[12, 20, 53, 45]], np.float32) / 64
    sources = Sources(((encode(leaf_on_board(), quality=95), box),), (), ())
    for seed in range(20):
        found = make_example(sources, 64, np.random.default_rng(seed))
        green = found.image[..., 1].astype(int) - found.image[..., 2] > 50
        rows, columns = np.nonzero(green)
        seen = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        assert np.allclose(64 * found.boxes[0], seen, atol=5)


def test_batches_repeat_with_their_seed(encode):
    sources = Sources((), (encode(leaf_on_board()),), (encode(sky()),))

    def first(seed):
        found = itertools.islice(batches(sources, 32, 4, seed), 2)
        return [(images.numpy().tobytes(), [one.tolist() for one in boxes])
                for images, boxes in found]  # fmt: skip

    assert first(1) == first(1)
    assert first(1) != first(2)
