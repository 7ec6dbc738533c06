"""What a run's network says of whole pictures, exactly as a server would hear it.

In: a classifier and encoded pictures. Out: Predictions.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import torch
from tqdm import tqdm

from shards.decode import decode_image
from train.classifier import Classifier
from train.hierarchy import LogProbs
from train.metrics import Predictions


def predict_pictures(
    model: Classifier, encoded: Sequence[bytes], class_index: np.ndarray, what: str
) -> Predictions:
    """What the model says of whole pictures, one by one, through its own preprocessing.

    This is exactly what a server does with them, in float32. Each core decodes and answers one
    picture at a time with a single thread, which is as exact as all cores on one picture, and
    faster: 200 pictures took 13 s so, and 129 s with both threads of PyTorch, while two other
    trainings ran on the same two cores, because the threads of one small product wait for each
    other (2026-11-22).
    """
    rows = _ask(model, encoded, what, _log_probs)
    species, condition, joint = (np.stack([row[i] for row in rows]) for i in range(3))
    return Predictions(species, condition, joint, class_index)


def extract_features(model: Classifier, encoded: Sequence[bytes], what: str) -> np.ndarray:
    """float32 (N, D), what the backbone makes of whole pictures; see predict_pictures."""
    return np.stack([row[0] for row in _ask(model, encoded, what, lambda said: (said[1],))])


def _log_probs(said: tuple[LogProbs, torch.Tensor]) -> tuple[torch.Tensor, ...]:
    return said[0].species, said[0].condition, said[0].joint


def _ask(
    model: Classifier,
    encoded: Sequence[bytes],
    what: str,
    keep: Callable[[tuple[LogProbs, torch.Tensor]], tuple[torch.Tensor, ...]],
) -> list[tuple[np.ndarray, ...]]:
    """What `keep` takes of the answer to each picture, without its first axis."""
    model.eval()

    def answer(data: bytes) -> tuple[np.ndarray, ...]:
        with torch.inference_mode():
            said = model(torch.from_numpy(decode_image(data)))
            return tuple(part[0].numpy() for part in keep(said))

    with one_thread_each(), ThreadPoolExecutor(num_cores()) as pool:
        return list(tqdm(pool.map(answer, encoded), desc=what, unit="picture", total=len(encoded)))


@contextmanager
def one_thread_each() -> Iterator[None]:
    """PyTorch computes in the calling thread alone; before and after as it was set."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def num_cores() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
