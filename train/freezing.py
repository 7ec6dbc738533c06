"""The part of a backbone that keeps what it learnt before. In: a network. Out: module names.

The first stages see edges and colours, which leaves have like everything else, and in the largest
maps of all, so a step costs half as much without them.
"""

from __future__ import annotations

from typing import Any, cast

from timm.models import group_parameters
from torch import nn

from leaflake import UsageError


def freeze_first(network: nn.Module, stages: int) -> frozenset[str]:
    """Take the weights of the first `stages` out of training, the stem being the first of them.

    Returns the names of their modules, whose batch norms must stay in evaluation mode: statistics
    that go on moving would change what the frozen weights were learnt with. Stages are what timm
    calls so; raises UsageError for a network that has none, or not more than `stages`.
    """
    if not stages:
        return frozenset()
    if not hasattr(network, "group_matcher"):
        raise UsageError(
            f"frozen_stages={stages}: {type(network).__name__} is not one of timm's networks, so "
            "nobody says what its stages are. Use 0. Nothing was written."
        )
    timm_network = cast(Any, network)  # timm's networks share no base class that has it
    groups = group_parameters(timm_network, timm_network.group_matcher(coarse=True))
    if stages >= len(groups):
        raise UsageError(
            f"frozen_stages={stages}: {type(network).__name__} has {len(groups)} stages, of which "
            f"one at least must learn. Use 0 to {len(groups) - 1}. Nothing was written."
        )
    names = [name for stage in sorted(groups)[:stages] for name in groups[stage]]
    for name in names:
        network.get_parameter(name).requires_grad_(False)
    return frozenset(name.rpartition(".")[0] for name in names)


def keep_still(network: nn.Module, frozen: frozenset[str]) -> None:
    """Put the frozen modules into evaluation mode, after the network was put into another."""
    for name, module in network.named_modules():
        if name in frozen:
            module.eval()
