import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.taxonomy import LabelTree
from leaflake import UsageError
from train.hierarchy import HierarchicalHeads, LogProbs
from train.losses import (
    BETA,
    Loss,
    balanced_weights,
    distillation_loss,
    log_priors,
    teacher_columns,
)

TREE = LabelTree.from_pairs(
    [("apple", "healthy"), ("apple", "rust"), ("corn", "healthy"), ("corn", "rust"), ("peach", "x")]
)
COUNTS = np.array([30, 10, 50, 10, 0])
ONLY_APPLE, ONLY_CORN = 5, 6
LOG_PROBS = LogProbs(
    species=torch.tensor([[-1.0, -2.0, -3.0]]),
    condition=torch.tensor([[-0.5, -1.5, -100.0, -100.0, -100.0]]),
    joint=torch.zeros(1, 5),
    energy=torch.zeros(1),
)
NONE = torch.zeros(1)
"""An energy that does not matter."""


def some_log_probs(count: int, seed: int = 0) -> LogProbs:
    torch.manual_seed(seed)
    return HierarchicalHeads(8, TREE)(3 * torch.randn(count, 8))


def test_plain_loss_is_minus_the_joint_log_probability_of_the_truth():
    found = some_log_probs(6)
    truth = torch.tensor([0, 1, 2, 3, 4, 0])
    assert Loss(TREE)(found, truth).item() == pytest.approx(
        -found.joint[torch.arange(6), truth].mean().item(), rel=1e-5
    )


def test_smoothing_spreads_over_species_and_over_the_true_species_block_alone():
    loss = Loss(TREE, smoothing=0.2)(LOG_PROBS, torch.tensor([0]))
    assert loss.item() == pytest.approx(0.8 * (1.0 + 0.5) + 0.2 * (2.0 + 1.0))


def test_where_only_the_species_is_known_it_alone_costs():
    loss = Loss(TREE, smoothing=0.2)(LOG_PROBS, torch.tensor([ONLY_CORN]))
    assert loss.item() == pytest.approx(0.8 * 2.0 + 0.2 * 2.0)


def test_gradient_reaches_only_the_true_species_conditions_and_none_where_they_are_unknown():
    for target, moves in ((2, [False, False, True, True, False]), (ONLY_CORN, [False] * 5)):
        heads = HierarchicalHeads(8, TREE)
        Loss(TREE, smoothing=0.1)(heads(torch.randn(1, 8)), torch.tensor([target])).backward()
        assert (heads.condition_head.bias.grad.abs() > 1e-8).tolist() == moves
        assert (heads.species_head.bias.grad.abs() > 0).tolist() == [True] * 3


def test_priors_are_of_species_and_of_conditions_within_their_species():
    species, condition = log_priors(TREE, np.append(COUNTS, [60, 0, 0]))
    assert np.allclose(np.exp(species), np.array([100, 60, 1]) / 161)
    assert np.allclose(np.exp(condition), [0.75, 0.25, 50 / 60, 10 / 60, 1])


def test_adjusted_loss_is_cross_entropy_of_logits_with_the_priors_added():
    loss = Loss(TREE, [30, 10, 30, 10, 20], kind="logit_adjusted")(LOG_PROBS, torch.tensor([1]))
    species = [0.4 * math.exp(-1), 0.4 * math.exp(-2), 0.2 * math.exp(-3)]
    condition = [0.75 * math.exp(-0.5), 0.25 * math.exp(-1.5)]
    expected = -math.log(species[0] / sum(species)) - math.log(condition[1] / sum(condition))
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_balanced_weights_follow_the_effective_number_and_average_to_one():
    species, condition = balanced_weights(TREE, COUNTS)
    effective = (1 - BETA ** np.array([30, 10, 50, 10, 1])) / (1 - BETA)
    assert np.allclose(condition / condition[0], effective[0] / effective)
    assert np.average(condition, weights=COUNTS) == pytest.approx(1)
    assert np.average(species, weights=[40, 60, 0]) == pytest.approx(1)


def test_balanced_loss_weighs_each_rank_by_itself():
    species, condition = balanced_weights(TREE, COUNTS)
    loss = Loss(TREE, COUNTS, kind="class_balanced")(LOG_PROBS, torch.tensor([1]))
    assert loss.item() == pytest.approx(1.0 * species[0] + 1.5 * condition[1], rel=1e-5)


kinds = st.sampled_from(["plain", "logit_adjusted", "class_balanced"])


@settings(max_examples=50, deadline=None)
@given(kinds, st.sampled_from([0.0, 0.1]), st.lists(st.integers(0, 7), min_size=1, max_size=6))
def test_a_soft_target_with_a_single_one_costs_what_its_index_does(kind, smoothing, targets):
    found = some_log_probs(len(targets))
    loss = Loss(TREE, COUNTS, kind=kind, smoothing=smoothing)
    index = torch.tensor(targets)
    soft = torch.nn.functional.one_hot(index, 8).float()
    assert loss(found, soft).item() == pytest.approx(loss(found, index).item(), rel=1e-4)


@settings(max_examples=50, deadline=None)
@given(kinds, st.floats(0, 1))
def test_a_mixed_target_costs_the_mixture_of_both(kind, share):
    found = some_log_probs(1)
    loss = Loss(TREE, COUNTS, kind=kind, smoothing=0.1)
    mixed = torch.zeros(1, 8)
    mixed[0, 1], mixed[0, ONLY_CORN] = share, 1 - share
    parts = [loss(found, torch.tensor([target])).item() for target in (1, ONLY_CORN)]
    expected = share * parts[0] + (1 - share) * parts[1]
    assert loss(found, mixed).item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("kind", ["plain", "logit_adjusted", "class_balanced"])
def test_loss_and_gradient_are_finite_and_float32_under_autocast(kind):
    heads = HierarchicalHeads(8, TREE)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = heads(1e4 * torch.randn(4, 8))
        loss = Loss(TREE, COUNTS, kind=kind, smoothing=0.1)(found, torch.tensor([0, 3, 4, 7]))
    loss.backward()
    assert loss.dtype == torch.float32
    assert torch.isfinite(loss)
    assert all(torch.isfinite(weight.grad).all() for weight in heads.parameters())


def test_the_loss_of_a_batch_is_the_mean_of_its_parts():
    found, targets = some_log_probs(4), torch.tensor([0, 3, ONLY_APPLE, 4])
    loss = Loss(TREE, COUNTS, kind="class_balanced", smoothing=0.1)
    parts = [loss(found.rows(slice(i, j)), targets[i:j]) for i, j in ((0, 2), (2, 4))]
    assert loss(found, targets).item() == pytest.approx(sum(parts).item() / 2, rel=1e-5)


def test_wrong_settings_are_bugs_of_the_caller():
    with pytest.raises(ValueError, match="'focal' is not one of plain, logit_adjusted"):
        Loss(TREE, COUNTS, kind="focal")
    with pytest.raises(ValueError, match="needs the number of train pictures"):
        Loss(TREE, kind="logit_adjusted")
    with pytest.raises(ValueError, match="3 counts for 5 classes in 3 species"):
        Loss(TREE, [1, 2, 3], kind="class_balanced")


def test_a_pupil_like_its_teacher_costs_nothing_and_another_the_divergence():
    assert distillation_loss(some_log_probs(3), some_log_probs(3), 2.0).item() == pytest.approx(
        0, abs=1e-6
    )
    teacher = LogProbs(torch.zeros(1, 1), torch.zeros(1, 2), torch.tensor([[0.8, 0.2]]).log(), NONE)
    pupil = LogProbs(torch.zeros(1, 1), torch.zeros(1, 2), torch.tensor([[0.5, 0.5]]).log(), NONE)
    soft = math.sqrt(0.8) / (math.sqrt(0.8) + math.sqrt(0.2))
    divergence = soft * math.log(soft / 0.5) + (1 - soft) * math.log((1 - soft) / 0.5)
    assert distillation_loss(pupil, teacher, 2.0).item() == pytest.approx(4 * divergence, rel=1e-5)


def test_a_teacher_with_more_classes_is_asked_for_these_alone():
    more = LabelTree.from_pairs([("apple", "rust"), ("apple", "scab"), ("corn", "rust")])
    fewer = LabelTree.from_pairs([("apple", "rust"), ("corn", "rust")])
    columns = teacher_columns(more, fewer, "runs/big")
    assert columns.tolist() == [0, 2]
    teacher = LogProbs(
        torch.zeros(1, 2), torch.zeros(1, 3), torch.tensor([[0.3, 0.6, 0.1]]).log(), NONE
    )
    pupil = LogProbs(torch.zeros(1, 2), torch.zeros(1, 2), torch.tensor([[0.75, 0.25]]).log(), NONE)
    found = distillation_loss(pupil, teacher, 1.0, columns)
    assert found.item() == pytest.approx(0, abs=1e-6)


def test_a_teacher_that_lacks_classes_is_refused():
    fewer = LabelTree.from_pairs([("apple", "rust")])
    with pytest.raises(UsageError, match=r"runs/big: .* lacks 4 of the 5 .*: apple healthy, corn"):
        teacher_columns(fewer, TREE, "runs/big")
