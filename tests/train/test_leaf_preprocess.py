import numpy as np
import pytest
import torch
from leaf_finders import Told, one_leaf, write_tiny_finder
from PIL import Image

from catalog.taxonomy import LabelTree
from train.backbones import Backbone
from train.classifier import Classifier
from train.leaf_preprocess import LeafPreprocess, crop_first, most_certain, see_whole
from train.preprocess import Preprocess

PLAIN = Preprocess(16, (0.5,) * 3, (0.2,) * 3)
TREE = LabelTree.from_pairs([("apple", "rust"), ("fig", "healthy")])


def leaf(finder: Told) -> LeafPreprocess:
    return LeafPreprocess(PLAIN, finder, threshold=0.5, digest="0123456789abcdef")


@pytest.mark.parametrize("shape", [(300, 400, 3), (40, 90, 3), (12, 13, 3)])
def test_a_part_is_squeezed_as_pillow_does_it_with_a_box(shape):
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    for edges in ((0, 0, 12, 12), (1.3, 2.7, 10.2, 11.1), (0.5, 0, shape[1], shape[0] - 0.25)):
        found = PLAIN.levels(torch.tensor(image), torch.tensor(edges, dtype=torch.float32))
        expected = Image.fromarray(image).resize((16, 16), Image.Resampling.BILINEAR, box=edges)
        # Pillow rounds to whole levels after each of its two passes.
        assert np.abs(found[0].permute(1, 2, 0).numpy() - np.asarray(expected)).max() < 1.1


def test_all_of_a_picture_as_a_part_is_the_picture_bit_for_bit(draw):
    image = torch.tensor(draw(0, 50, 70))
    assert torch.equal(PLAIN.levels(image, torch.tensor([0.0, 0, 70, 50])), PLAIN.levels(image))


def test_the_leaf_is_seen_with_its_margin():
    image = np.zeros((200, 100, 3), np.uint8)
    found = leaf(one_leaf((0.2, 0.1, 0.6, 0.5))).edges(torch.tensor(image))
    # A twentieth of 40 pixels left and right, of 80 above and below.
    assert torch.allclose(found, torch.tensor([18.0, 16.0, 62.0, 104.0]), atol=1e-3)
    region = leaf(one_leaf((0.2, 0.1, 0.6, 0.5))).region(image)
    assert np.allclose(region, [0.18, 0.08, 0.62, 0.52], atol=1e-5)
    assert leaf(one_leaf((0.2, 0.1, 0.6, 0.5))).part(image).shape == (88, 44, 3)


def test_the_margin_ends_at_the_picture_and_a_tiny_leaf_has_twelve_pixels():
    image = torch.zeros(100, 100, 3, dtype=torch.uint8)
    found = leaf(one_leaf((0.0, 0.2, 1.0, 0.22))).edges(image)
    assert torch.allclose(found, torch.tensor([0.0, 15.0, 100.0, 27.0]), atol=1e-3)


def test_a_picture_without_a_certain_leaf_is_seen_whole(draw):
    image = draw(0, 50, 70)
    preprocess = leaf(one_leaf((0.2, 0.1, 0.6, 0.5), logit=-0.1))
    assert preprocess.region(image).tolist() == [0, 0, 1, 1]
    assert torch.equal(preprocess(torch.tensor(image)), PLAIN(torch.tensor(image)))


def test_a_pixel_of_the_leaf_is_what_the_network_sees(draw):
    image = torch.tensor(draw(0, 50, 70))
    preprocess = leaf(one_leaf((0.2, 0.1, 0.6, 0.5)))
    expected = PLAIN.normalise(PLAIN.levels(image, preprocess.edges(image)))
    assert torch.equal(preprocess(image), expected)


def flat_top(*logits: float) -> tuple[torch.Tensor, torch.Tensor]:
    """A row of places, each with a box of half a picture around its own middle."""
    middle = torch.tensor([logits])
    return middle, torch.full((4, 1, len(logits)), 0.25)


def test_places_of_one_leaf_vote_and_another_leaf_does_not():
    box, certainty = most_certain(*flat_top(-3, 2, 2, -3, -3, -3, -3, 1.99))
    # Middles at 0.1875 and 0.3125 with half a picture each way, cut off at the picture's edge.
    assert torch.allclose(box, torch.tensor([0.03125, 0.25, 0.5, 0.75]), atol=1e-3)
    assert float(certainty) == pytest.approx(1 / (1 + np.exp(-2)))


def test_a_hair_between_two_places_hardly_moves_the_box():
    one, _ = most_certain(*flat_top(-3, 2 + 1e-5, 2, 1, -3, -3, -3, -3))
    other, _ = most_certain(*flat_top(-3, 2, 2 + 1e-5, 1, -3, -3, -3, -3))
    assert torch.allclose(one, other, atol=1e-4)


def test_the_tiny_finder_agrees_with_its_own_most_certain_box(tmp_path, draw):
    finder = write_tiny_finder(tmp_path / "finder")
    image = draw(3, 50, 70)
    middle, sides = finder.network(finder.network.preprocess(torch.tensor(image)))
    box, certainty = most_certain(middle[0, 0], sides[0])
    found = finder.network.find(image)
    assert float(certainty) == pytest.approx(float(found.scores[0]), abs=1e-6)
    assert np.abs(box.detach().numpy() - found.boxes[0]).max() < 0.2


def test_a_classifier_looks_at_leaves_and_again_at_whole_pictures(tmp_path):
    network = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    model = Classifier(Backbone(network, 3, (0.5,) * 3, (0.2,) * 3, "none"), TREE, 16).eval()
    finder = write_tiny_finder(tmp_path / "finder")
    cropping = crop_first(model, finder)
    assert isinstance(cropping.preprocess, LeafPreprocess)
    assert cropping.preprocess.digest == finder.digest()
    assert see_whole(model) is model
    image = torch.zeros(40, 50, 3, dtype=torch.uint8)
    again = see_whole(cropping)
    assert type(again.preprocess) is Preprocess
    assert torch.equal(again(image)[0].joint, model(image)[0].joint)
