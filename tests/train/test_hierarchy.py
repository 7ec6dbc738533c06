import math

import pytest
import torch

from catalog.taxonomy import LabelTree
from train.hierarchy import HierarchicalHeads, LogProbs, hierarchical_loss

TREE = LabelTree.from_pairs(
    [("apple", "healthy"), ("apple", "rust"), ("corn", "healthy"), ("corn", "rust"), ("peach", "x")]
)


def heads_with(species_bias: list[float], condition_bias: list[float]) -> HierarchicalHeads:
    heads = HierarchicalHeads(2, TREE)
    with torch.no_grad():
        heads.species_head.weight.zero_()
        heads.condition_head.weight.zero_()
        heads.species_head.bias.copy_(torch.tensor(species_bias))
        heads.condition_head.bias.copy_(torch.tensor(condition_bias))
    return heads


def test_probabilities_add_up_over_the_tree_and_within_each_species():
    heads = HierarchicalHeads(8, TREE)
    found = heads(torch.randn(4, 8))
    assert torch.allclose(found.joint.exp().sum(dim=1), torch.ones(4))
    for start, stop in TREE.blocks():
        assert torch.allclose(found.condition[:, start:stop].exp().sum(dim=1), torch.ones(4))


def test_joint_is_the_product_of_species_and_condition():
    found = heads_with([math.log(2), math.log(1), math.log(1)], [0, math.log(3), 0, 0, 5])(
        torch.zeros(1, 2)
    )
    expected = torch.tensor([[0.5 / 4, 0.5 * 3 / 4, 0.125, 0.125, 0.25]])
    assert torch.allclose(found.joint.exp(), expected)


def test_a_block_a_thousand_below_the_best_keeps_its_own_probabilities():
    found = heads_with([0, 0, 0], [-1000 + math.log(3), -1000, 0, 0, 500])(torch.zeros(1, 2))
    assert torch.allclose(
        found.condition.exp(), torch.tensor([[0.75, 0.25, 0.5, 0.5, 1.0]]), atol=1e-4
    )


def test_temperature_flattens_each_rank_by_itself():
    heads = heads_with([math.log(9), 0, -1e9], [math.log(16), 0, 0, 0, 0])
    heads.get_buffer("temperatures").copy_(torch.tensor([2.0, 4.0]))
    found = heads(torch.zeros(1, 2))
    assert torch.allclose(found.species.exp()[0, :2], torch.tensor([0.75, 0.25]))
    assert torch.allclose(found.condition.exp()[0, :2], torch.tensor([2 / 3, 1 / 3]))


def test_loss_without_smoothing_is_minus_the_joint_log_probability_of_the_truth():
    found = HierarchicalHeads(8, TREE)(torch.randn(6, 8))
    truth = torch.tensor([0, 1, 2, 3, 4, 0])
    loss = hierarchical_loss(found, truth, torch.tensor(TREE.class_species()))
    assert loss.item() == pytest.approx(
        -found.joint[torch.arange(6), truth].mean().item(), rel=1e-5
    )


def test_smoothing_spreads_over_species_and_over_the_true_species_block_alone():
    log_probs = LogProbs(
        species=torch.tensor([[-1.0, -2.0, -3.0]]),
        condition=torch.tensor([[-0.5, -1.5, -100.0, -100.0, -100.0]]),
        joint=torch.zeros(1, 5),
    )
    loss = hierarchical_loss(log_probs, torch.tensor([0]), torch.tensor(TREE.class_species()), 0.2)
    assert loss.item() == pytest.approx(0.8 * (1.0 + 0.5) + 0.2 * (2.0 + 1.0))


def test_gradient_reaches_only_the_true_species_conditions():
    heads = HierarchicalHeads(8, TREE)
    loss = hierarchical_loss(
        heads(torch.randn(1, 8)), torch.tensor([2]), torch.tensor(TREE.class_species())
    )
    loss.backward()
    moved = heads.condition_head.bias.grad.abs() > 0
    assert moved.tolist() == [False, False, True, True, False]
