"""One run of `just bench-loader`. In: a selection or a command. Out: its figures."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from shards.bench_measure import measure, picture_memory, size_on_disk
from shards.crop import Crops
from shards.loader import Loader
from shards.rival_loaders import AREA, ASPECT, BATCH, SIZE
from shards.select import Selection, read_encoded

CROPS = Crops(AREA, ASPECT, turns=2)

TIMEOUT_S = 1800.0
"""Of one run, which may write a rival's own data or read many pictures before it is timed."""


class NotRun(Exception):
    """Somebody cannot run here; the message says why."""

    def with_packages(self, debian: Sequence[str]) -> str:
        """The reason, and which of the packages that it needs this machine lacks."""
        lacking = [name for name in debian if not is_installed(name)]
        if not lacking:
            return str(self)
        return f"{self} (missing of Debian: {' '.join(lacking)}; install them and run this again)"


def run_one(name: str, selection: Selection, workers: int, seconds: float) -> dict[str, float]:
    """One of ours or of the ceilings, in this process and its workers."""
    epoch, num_bytes = len(selection), int(selection.length.sum())
    if name.startswith("ceiling"):
        from shards.loader_ceilings import bare_cropping, bare_decoding

        work = bare_cropping if name == "ceiling_crop" else bare_decoding
        batches = work(list(read_encoded(selection)), workers, SIZE, CROPS)
        return measure(batches, epoch, seconds) | picture_memory(num_bytes, True)
    with Loader(
        selection, size=SIZE, batch_size=BATCH, crops=CROPS, workers=workers,
        cache=name == "leaflake",
    ) as loader:  # fmt: skip
        if loader.cache:
            loader.cache.wait()
            kept = picture_memory(loader.cache.data.nbytes, True)
        else:
            assert isinstance(selection.shards_folder, Path)
            tars = [selection.shards_folder / f"{n:06d}.tar" for n in np.unique(selection.shard)]
            kept = picture_memory(sum(map(size_on_disk, tars)), False)
        return measure(batch_sizes(loader), epoch, seconds) | kept


def batch_sizes(loader: Loader) -> Iterator[int]:
    """Epoch after epoch."""
    epoch = 0
    while True:
        for batch in loader.epoch(epoch):
            yield len(batch.keys)
        epoch += 1


def run(command: Sequence[str], timeout_s: float = TIMEOUT_S) -> dict[str, float] | None:
    """The last line of its output as JSON; None if there is none. Raises NotRun."""
    # For shards.bench_measure, in the rivals' Python; -P keeps the current folder out of its path.
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    try:
        process = subprocess.Popen(
            command, env=environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, process_group=0,
        )  # fmt: skip
    except OSError as error:
        raise NotRun(f"{command[0]}: {error.strerror}") from None
    try:
        output, errors = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        raise NotRun(f"gave no result in {timeout_s:g} s") from None
    finally:
        if process.returncode is None:  # with its workers; also after Ctrl-C
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    if process.returncode != 0:
        said = errors.strip().splitlines() or ["no message"]
        raise NotRun(f"{said[-1]} (status {process.returncode})")
    lines = output.strip().splitlines()
    return json.loads(lines[-1]) if lines and lines[-1].startswith("{") else None


def is_installed(package: str) -> bool:
    """Whether Debian's package of that name is there; False also where there is no Debian."""
    dpkg = shutil.which("dpkg-query")
    if dpkg is None:
        return False
    asked = subprocess.run([dpkg, "-W", "-f", "${Status}", package], capture_output=True, text=True)
    return asked.stdout.endswith(" installed")


def identity(selection: Selection) -> str:
    """A folder's name for these pictures, so that others' data is never taken for theirs."""
    digest = hashlib.sha256("\n".join(selection.keys).encode())
    for array in (selection.class_index, selection.length):
        digest.update(np.ascontiguousarray(array).data)
    return f"{len(selection)}-{digest.hexdigest()[:12]}"


def write_folders(selection: Selection, folder: Path) -> Path:
    """Class folders of JPEGs, which the rivals start from."""
    if not folder.exists():
        temporary = folder.with_name(folder.name + ".tmp")
        if temporary.exists():
            shutil.rmtree(temporary)
        data = read_encoded(selection)
        for key, label, jpeg in zip(selection.keys, selection.class_index, data, strict=True):
            path = temporary / f"{label:04d}" / f"{key}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(jpeg)
        temporary.rename(folder)
    return folder
