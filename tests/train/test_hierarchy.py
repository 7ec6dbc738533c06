import math

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.taxonomy import LabelTree
from train.hierarchy import FlatHeads, HierarchicalHeads, block_log_softmax, energy

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


def test_flat_heads_are_one_softmax_whose_blocks_add_up_to_the_species():
    heads = FlatHeads(2, TREE)
    with torch.no_grad():
        heads.condition_head.weight.zero_()
        heads.condition_head.bias.copy_(torch.tensor([1.0, 3.0, 2.0, 2.0, 8.0]).log())
    found = heads(torch.zeros(1, 2))
    assert torch.allclose(found.joint.exp(), torch.tensor([[1.0, 3.0, 2.0, 2.0, 8.0]]) / 16)
    assert torch.allclose(found.species.exp(), torch.tensor([[4.0, 4.0, 8.0]]) / 16)
    assert torch.allclose(found.condition.exp(), torch.tensor([[0.25, 0.75, 0.5, 0.5, 1.0]]))


def test_temperature_of_flat_heads_flattens_each_rank_by_itself():
    heads = FlatHeads(2, TREE)
    with torch.no_grad():
        heads.condition_head.weight.zero_()
        heads.condition_head.bias.copy_(torch.tensor([16.0, 2.0, 1.0, 1.0, 1e-30]).log())
    heads.get_buffer("temperatures").copy_(torch.tensor([2.0, 3.0]))
    found = heads(torch.zeros(1, 2))
    assert torch.allclose(found.species.exp(), torch.tensor([[0.75, 0.25, 0.0]]), atol=1e-6)
    assert torch.allclose(found.condition.exp()[0, :2], torch.tensor([2 / 3, 1 / 3]))


def test_energy_is_the_negative_logarithm_of_the_summed_exponentials_and_does_not_overflow():
    logits = torch.tensor([[1.0, 3.0], [200.0, 401.0]])
    expected = torch.tensor([-math.log(math.exp(1) + math.exp(3)), -401.0])
    assert torch.allclose(energy(logits), expected)


def test_the_energy_of_heads_is_that_of_their_logits_whatever_the_temperatures():
    features = torch.randn(4, 8)
    heads, flat = HierarchicalHeads(8, TREE), FlatHeads(8, TREE)
    for one, layer in ((heads, heads.species_head), (flat, flat.condition_head)):
        one.get_buffer("temperatures").fill_(3.0)
        expected = -layer(features).logsumexp(dim=1)
        assert torch.allclose(one(features).energy, expected, atol=1e-6)


def test_a_checkpoint_holds_weights_and_temperatures_and_no_tree():
    weights = ["condition_head.bias", "condition_head.weight"]
    species = ["species_head.bias", "species_head.weight"]
    assert sorted(HierarchicalHeads(2, TREE).state_dict()) == [*weights, *species, "temperatures"]
    assert sorted(FlatHeads(2, TREE).state_dict()) == [*weights, "temperatures"]


sizes = st.lists(st.integers(1, 6), min_size=1, max_size=8)


@settings(max_examples=50, deadline=None)
@given(sizes, st.sampled_from([1e-3, 1.0, 1e3, 1e6, 1e37]), st.integers(0, 99))
def test_blocks_of_any_size_and_scale_equal_a_softmax_of_each_in_value_and_gradient(
    sizes, scale, seed
):
    random = torch.Generator().manual_seed(seed)
    logits = (scale * torch.randn(3, sum(sizes), generator=random)).requires_grad_()
    weights = torch.randn(3, sum(sizes), generator=random)
    species = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
    found = block_log_softmax(logits, species, len(sizes))
    each = torch.cat([block.log_softmax(dim=1) for block in logits.split(sizes, dim=1)], dim=1)
    assert torch.allclose(found, each, rtol=1e-5, atol=1e-5)
    gradient, of_each = (
        torch.autograd.grad((one * weights).sum(), logits)[0] for one in (found, each)
    )
    assert torch.allclose(gradient, of_each, rtol=1e-4, atol=1e-4)
    blocks = found.detach().exp().split(sizes, dim=1)
    assert np.allclose([block.sum(dim=1).tolist() for block in blocks], 1, atol=1e-5)


def test_eleven_thousand_classes_add_up_to_one_in_float32():
    sizes = [1] * 1000 + [10] * 900 + [15] * 100
    species = torch.arange(2000).repeat_interleave(torch.tensor(sizes))
    logits = 20 * torch.randn(2, len(species), generator=torch.Generator().manual_seed(0))
    found = block_log_softmax(logits, species, 2000).exp().split(sizes, dim=1)
    assert max(float((block.sum(dim=1) - 1).abs().max()) for block in found) < 1e-5
