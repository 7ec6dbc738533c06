"""Memory that a GPU fetches from by itself. In: an array. Out: the same memory, pinned."""

from __future__ import annotations

import numpy as np
import torch


def pin_memory(memory: np.ndarray) -> None:
    """Pin uint8 (bytes,) of the loader's batches, which worker processes write to.

    PyTorch's own pinned memory belongs to one process, so that a batch would have to be copied into
    it first. ROCm has the same function under the same name. Raises RuntimeError if the driver
    refuses, for example over the limit of `ulimit -l`.
    """
    status = torch.cuda.cudart().cudaHostRegister(memory.ctypes.data, memory.nbytes, 0)
    if int(status) != 0:
        raise RuntimeError(f"cudaHostRegister of {memory.nbytes} bytes: error {int(status)}")
