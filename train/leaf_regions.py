"""Where the leaf lies in every picture that a run learns from. In: selections and a finder. Out:
the same selections with their regions.

Found once, before training, and kept in RUNS/leaf-regions/ as a file for each selection and finder:
so a resumed run, the trials of a study and the processes of torchrun find nothing twice.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from shards.decode import decode_image
from shards.select import Selection, read_encoded
from train.data import Data
from train.distributed import Team
from train.finder_crop import MARGIN
from train.finder_file import TrainedFinder
from train.leaf_preprocess import SHARP, LeafPreprocess, leaf_preprocess
from train.predict import num_cores, one_thread_each

FOLDER = "leaf-regions"

CHUNK = 2048
"""Pictures whose encoded bytes are in memory at once."""


def crop_data(data: Data, finder: TrainedFinder, runs: Path, team: Team) -> Data:
    """Train and val with their regions. The first process finds them, while the others wait."""
    # Where the leaf lies does not depend on how it is squeezed later.
    leaf = leaf_preprocess(finder.network.preprocess, finder)

    def cropped() -> Data:
        train, val = (add_regions(one, leaf, runs / FOLDER) for one in (data.train, data.val))
        return replace(data, train=train, val=val)

    found = cropped() if team.is_first else None
    team.firsts("found")
    return found or cropped()


def add_regions(selection: Selection, leaf: LeafPreprocess, folder: Path) -> Selection:
    """`selection` with the part of each picture that `leaf` sees, from `folder` if it is there."""
    path = folder / f"{_fingerprint(selection, leaf)}.npy"
    if path.is_file():
        return replace(selection, region=np.load(path))
    region = find_regions(selection, leaf)
    folder.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.tmp")
    with temporary.open("wb") as file:
        np.save(file, region)
    temporary.rename(path)
    return replace(selection, region=region)


def find_regions(selection: Selection, leaf: LeafPreprocess) -> np.ndarray:
    """float32 (N, 4), see shards/select.py. On the processor, a picture a core."""
    region = np.empty((len(selection), 4), np.float32)
    with (
        one_thread_each(),
        ThreadPoolExecutor(num_cores()) as pool,
        tqdm(total=len(selection), desc="leaves", unit="picture") as bar,
    ):
        for first in range(0, len(selection), CHUNK):
            rows = np.arange(first, min(first + CHUNK, len(selection)))
            encoded = read_encoded(selection.take(rows))
            found = pool.map(lambda data: leaf.region(decode_image(data)), encoded)
            for row, one in zip(rows, found, strict=True):
                region[row] = one
                bar.update()
    return region


def _fingerprint(selection: Selection, leaf: LeafPreprocess) -> str:
    """Of all that regions depend on. The lengths stand for the pictures: two lakes have the same
    keys, but hardly ever the same lengths of all pictures."""
    digest = hashlib.sha256(repr((leaf.digest, leaf.threshold, MARGIN, SHARP)).encode())
    digest.update("\n".join(selection.keys).encode())
    digest.update(np.ascontiguousarray(selection.length).data)
    return digest.hexdigest()[:32]
