import numpy as np
import pytest
import torch

from leaflake import UsageError
from train.backbones import load_backbone
from train.finder_file import FinderSettings, read_finder, write_finder
from train.finder_loss import finder_loss, make_targets, middle_loss
from train.finder_net import LeafFinder, keep_apart, read_maps

TINY = FinderSettings(backbone="test_efficientnet", size=64)


def tiny_finder():
    torch.manual_seed(0)
    return LeafFinder(load_backbone(TINY.backbone, pretrained=False), TINY.size)


def logit(probability):
    return torch.logit(torch.as_tensor(probability, dtype=torch.float32), eps=1e-6)


def test_targets_read_back_are_the_boxes_and_have_hardly_a_loss():
    boxes = np.array([[0.1, 0.1, 0.5, 0.6], [0.55, 0.5, 1, 0.9]], np.float32)
    targets = make_targets([boxes, boxes[:0]], 16)
    assert (targets.middle == 1).sum(dim=(1, 2, 3)).tolist() == [2, 0]
    centres = (np.arange(16, dtype=np.float32) + 0.5) / 16
    x, y = centres[None, :], centres[:, None]
    left, top, right, bottom = targets.boxes[0].numpy().transpose(2, 0, 1)
    sides = np.stack([x - left, y - top, right - x, bottom - y])
    found = read_maps(targets.middle[0, 0].numpy(), sides).over(0.99)
    order = np.argsort(found.boxes[:, 0])
    assert np.allclose(found.boxes[order], boxes, atol=1e-6)
    exact = torch.from_numpy(np.stack([sides, np.zeros_like(sides)]))
    wrong = exact + 0.2
    certain = logit((targets.middle == 1).float())
    assert finder_loss(certain, exact, targets) < 0.01
    assert finder_loss(certain, wrong, targets) > 1


def test_a_small_leaf_in_front_of_a_large_one_keeps_its_places():
    boxes = np.array([[0, 0, 1, 1], [0.4, 0.4, 0.6, 0.6]], np.float32)
    targets = make_targets([boxes], 16)
    assert np.allclose(targets.boxes[0, 8, 8], boxes[1])
    assert np.allclose(targets.boxes[0, 8, 5], boxes[0])


def test_places_near_a_middle_are_not_as_wrong_as_far_ones():
    wanted = torch.zeros(1, 1, 8, 8)
    wanted[0, 0, 4, 4], wanted[0, 0, 4, 5] = 1, 0.8
    near, far = torch.full_like(wanted, -9), torch.full_like(wanted, -9)
    near[0, 0, 4, 5] = far[0, 0, 0, 0] = 2
    assert middle_loss(near, wanted) < middle_loss(far, wanted)


def test_a_picture_without_a_leaf_has_a_loss_of_its_middles_alone():
    targets = make_targets([np.empty((0, 4), np.float32)], 8)
    sides = torch.full((1, 4, 8, 8), 0.5)
    assert finder_loss(logit(torch.zeros(1, 1, 8, 8)), sides, targets) < 1e-3


def test_of_boxes_that_overlap_the_most_certain_is_kept():
    boxes = np.array([[0, 0, 1, 1], [0, 0, 0.9, 0.9], [0, 0, 0.3, 0.3]], np.float32)
    assert keep_apart(boxes) == [0, 2]
    assert keep_apart(boxes[:0]) == []


def test_the_network_takes_pictures_of_any_size():
    finder = tiny_finder().eval()
    middle, sides = finder(torch.zeros(2, 3, 64, 64))
    assert middle.shape == (2, 1, 8, 8) and sides.shape == (2, 4, 8, 8)
    for shape in ((40, 90, 3), (13, 12, 3)):
        found = finder.find(np.full(shape, 90, np.uint8))
        assert ((found.boxes >= 0) & (found.boxes <= 1)).all()
        assert (np.diff(found.scores) <= 0).all()


def test_the_backbones_statistics_stay_while_the_rest_learns():
    finder = tiny_finder().train()
    modes = {name.partition(".")[0]: module.training for name, module in finder.named_modules()
             if name.endswith(("bn1", "join.2"))}  # fmt: skip
    assert modes == {"backbone": False, "join": True}


def test_a_finder_comes_back_from_its_folder(tmp_path):
    network = tiny_finder().eval()
    write_finder(tmp_path / "finder", network, TINY, {"threshold": 0.05})
    again = read_finder(tmp_path / "finder")
    image = np.random.default_rng(0).integers(0, 256, (50, 60, 3), dtype=np.uint8)
    found, expected = again.find(image), network.find(image).over(0.05)
    assert (found.boxes == expected.boxes).all() and (found.scores == expected.scores).all()
    assert len(again.digest()) == 16


def test_what_is_no_finder_is_refused(tmp_path):
    with pytest.raises(UsageError, match="not a leaf finder"):
        read_finder(tmp_path)
    network = tiny_finder()
    write_finder(tmp_path / "cut", network, TINY, {"threshold": 0.05})
    weights = tmp_path / "cut/finder.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(UsageError, match="not a leaf finder"):
        read_finder(tmp_path / "cut")
