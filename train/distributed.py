"""Several training processes as one. In: torchrun's environment. Out: a Team.

    torchrun --nproc-per-node 2 -m leaflake train rtx-3090 --lake lake/ --out runs/

Every process trains on its part of each step's pictures; gradients are averaged by PyTorch's
DistributedDataParallel, over NCCL (RCCL on ROCm) between GPUs and over gloo between processors.
If one process fails, torchrun ends the others.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import timm.layers
import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from shards.order import this_rank

PATIENCE = timedelta(hours=2)
"""Rank 0 writes a checkpoint, or another rank reads its pictures, while the rest wait. A process
that ended is noticed by torchrun at once, so this ends only what really hangs."""


@dataclass(frozen=True)
class Team:
    """The processes of a run; alone, it does nothing."""

    rank: int = 0
    world: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes and prints."""
        return self.rank == 0

    def sums(self, values: Sequence[float]) -> list[float]:
        """The sum over all processes of each value, the same on all of them."""
        if self.world == 1:
            return list(values)
        # On the processor: gloo, which costs a GPU nothing and knows float64.
        total = torch.tensor(values, dtype=torch.float64)
        distributed.all_reduce(total)
        return total.tolist()

    def total(self, part: torch.Tensor) -> torch.Tensor:
        """The sum over all processes, with gradients; as each of them computes the same from it,
        a part's gradient is `world` times what it is to one, as gradients are averaged later."""
        return part if self.world == 1 else _Total.apply(part)

    def firsts(self, text: str) -> str:
        """What rank 0 says."""
        if self.world == 1:
            return text
        said = [text]
        distributed.broadcast_object_list(said, device=torch.device("cpu"))
        return said[0]

    def interleave(self, part: torch.Tensor) -> torch.Tensor:
        """Rows (n, D) of every process, in the order that the loader dealt them out: (N, D)."""
        if self.world == 1:
            return part
        counts = [int(n) for n in self.sums([len(part) * (r == self.rank) for r in self.ranks])]
        padded = part.new_zeros(max(counts), *part.shape[1:])
        padded[: len(part)] = part
        parts = [torch.empty_like(padded) for _ in counts]
        distributed.all_gather(parts, padded)
        whole = part.new_empty(sum(counts), *part.shape[1:])
        for rank, count in enumerate(counts):
            whole[rank :: self.world] = parts[rank][:count]
        return whole

    @property
    def ranks(self) -> range:
        """Of all processes."""
        return range(self.world)

    def share_buffers(self, module: nn.Module) -> None:
        """Give every process rank 0's buffers, such as the averages of batch normalisation."""
        if self.world > 1:
            for buffer in module.buffers():
                distributed.broadcast(buffer, 0)

    def join_statistics(self, model: nn.Module, device: torch.device) -> None:
        """Let batch normalisation see the pictures of all processes; only GPUs can.

        Between processors each normalises its own part, and rank 0's averages are kept, as
        PyTorch's SyncBatchNorm is for GPUs alone.
        """
        if self.world > 1 and device.type == "cuda":
            for name, child in model.named_children():
                setattr(model, name, timm.layers.convert_sync_batchnorm(child))

    def average_gradients(self, module: nn.Module, device: torch.device) -> nn.Module:
        """`module`, whose gradients become the mean over the processes."""
        if self.world == 1:
            return module
        ids = [device.index] if device.type == "cuda" else None
        return DistributedDataParallel(module, device_ids=ids)

    @staticmethod
    def without_averaging(module: nn.Module, when: bool) -> AbstractContextManager[None]:
        """For the parts of a step before its last, whose gradients only add up."""
        if when and isinstance(module, DistributedDataParallel):
            return module.no_sync()
        return nullcontext()


class _Total(torch.autograd.Function):
    """The sum over all processes, whose gradient is the sum over them as well."""

    @staticmethod
    def forward(context: Any, part: torch.Tensor) -> torch.Tensor:
        total = part.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(context: Any, gradient: torch.Tensor) -> torch.Tensor:
        total = gradient.clone()
        distributed.all_reduce(total)
        return total


@contextmanager
def join_team(device: str) -> Iterator[Team]:
    """Meet the other processes, if torchrun started several; leave when all is well.

    After an exception nothing is said to the others, who may be waiting in a sum: the process ends,
    and torchrun ends them.
    """
    rank = this_rank()
    if rank.world == 1:
        yield Team()
        return
    backend = "gloo"
    if device == "cuda":
        torch.cuda.set_device(local_rank())
        backend = "cpu:gloo,cuda:nccl"
    distributed.init_process_group(backend, timeout=PATIENCE)
    yield Team(rank.rank, rank.world)
    distributed.destroy_process_group()


def local_rank() -> int:
    """Which GPU of this machine is ours."""
    return int(os.environ.get("LOCAL_RANK", 0))
