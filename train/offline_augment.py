"""Augmentation as a tool: pictures and their labels in, more pictures and their weights out.

Each picture is written as a whole or not at all, and one that is there is kept, so a run that was
stopped goes on. The new label file comes last and means "complete". The same input, settings and
seed give the same bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import simplejpeg
from tqdm import tqdm

from leaflake import UsageError
from shards.decode import DecodeError, decode_image
from shards.order import class_repeats
from train.offline_labels import TRAIN, LabelFile, LabelRow, read_labels, write_labels
from train.offline_sheet import write_sheet
from train.offline_state import begin, refuse_places, write_file
from train.offline_steps import ChosenStep, all_steps, augment_image
from train.predict import num_cores, one_thread_each

MAX_AUGMENT = 10.0
"""Times that a class may grow: beyond, a few pictures come again and again."""

QUALITY = 90
"""Of the new JPEGs, without chroma subsampling, as in the shards (ingest/check.py)."""

REJECTED_NAME, SHEET_NAME = "rejected.tsv", "sheet.html"

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Found:
    """One row of the label file, looked at."""

    row: LabelRow
    sha256: str
    """Of the file; empty if it could not be read."""

    reason: str | None
    """Why it is no picture to learn from; None where it is one, or is to be judged on."""


@dataclass(frozen=True)
class Augmented:
    """What was done."""

    kept: int
    """Pictures to learn from that were copied as they are."""

    copies: int
    """Augmented pictures."""

    others: int
    """Pictures of val and test that were copied as they are."""

    rejected: int
    """Files that are no pictures; OUT/rejected.tsv says why."""

    largest: int
    """Pictures of the largest class."""

    classes: int
    has_splits: bool


def augment_pictures(
    folder: Path,
    out: Path,
    labels: Path,
    new_labels: Path,
    *,
    steps: Sequence[ChosenStep] | None = None,
    max_augment: float = MAX_AUGMENT,
    seed: int = 0,
    train_only: bool = False,
) -> Augmented:
    """Copy the pictures of `labels` from `folder` to `out`, with augmented ones for small classes.

    A class of n pictures to learn from gets min(n_max, n * max_augment), n_max being the size of
    the largest. Pictures of val and test are copied, or passed over with `train_only`. Raises
    UsageError if the labels make no sense, none of the pictures to learn from can be decoded, or
    `out` or `new_labels` holds something else; nothing is written then.
    """
    steps = all_steps() if steps is None else tuple(steps)
    refuse_places(folder, out, labels, new_labels)
    given = read_labels(labels, folder)
    if train_only:
        rows = tuple(row for row in given.rows if row.split == TRAIN)
        given = LabelFile(rows, given.has_splits)
    with one_thread_each():
        found = list(_in_threads(lambda row: _look(folder, row), given.rows, "look"))
        good = [one for one in found if one.reason is None]
        copies = _plan_copies([one.row for one in good], labels, max_augment, seed)
        begin(
            out,
            {
                "seed": seed,
                "max_augment": max_augment,
                "steps": [asdict(step) for step in steps],
                "pictures": _fingerprint(found),
            },
        )

        def make(work: tuple[Found, int]) -> list[LabelRow]:
            return _make(folder, out, work[0].row, work[1], steps, seed)

        made = list(_in_threads(make, list(zip(good, copies, strict=True)), "augment"))
    _write_rejected(out / REJECTED_NAME, found)
    write_sheet(out / SHEET_NAME, folder, made, steps, seed)
    written = [row for rows in made for row in rows]
    write_labels(new_labels, written, given.has_splits)
    train = [one.row.label for one in good if one.row.split == TRAIN]
    return Augmented(
        kept=len(train),
        copies=sum(copies),
        others=len(good) - len(train),
        rejected=len(found) - len(good),
        largest=max(train.count(label) for label in set(train)),
        classes=len(set(train)),
        has_splits=given.has_splits,
    )


def copy_name(path: str, copy: int) -> str:
    """Of augmented picture number `copy`, from 1. The suffix stays, as a.jpg and a.png may both be
    there."""
    return f"{path}-augmented-{copy}.jpg"


def _look(folder: Path, row: LabelRow) -> Found:
    """Hash a file; decode it if it is to learn from."""
    try:
        data = (folder / row.path).read_bytes()
        if row.split == TRAIN:
            decode_image(data)
    except OSError as error:
        return Found(row, "", f"unreadable ({error.strerror})")
    except DecodeError as error:
        return Found(row, hashlib.sha256(data).hexdigest(), f"{error.reason}: {error}")
    return Found(row, hashlib.sha256(data).hexdigest(), None)


def _fingerprint(found: Sequence[Found]) -> str:
    """Of all rows and their files' bytes."""
    seen = json.dumps([[*asdict(one.row).values(), one.sha256] for one in found])
    return hashlib.sha256(seen.encode()).hexdigest()


def _plan_copies(
    rows: Sequence[LabelRow], labels: Path, max_augment: float, seed: int
) -> list[int]:
    """For each row how many augmented pictures are made of it."""
    train = [index for index, row in enumerate(rows) if row.split == TRAIN]
    if not train:
        raise UsageError(
            f"{labels}: not one picture to learn from could be decoded. Name others. "
            "Nothing was written."
        )
    _, classes = np.unique([rows[index].label for index in train], return_inverse=True)
    repeats = class_repeats(classes, max_augment, np.random.default_rng(seed))
    copies = [0] * len(rows)
    for index, repeat in zip(train, repeats.tolist(), strict=True):
        copies[index] = repeat - 1
    names = {row.path for row in rows}
    for row, count in zip(rows, copies, strict=True):
        for name in (copy_name(row.path, copy) for copy in range(1, count + 1)):
            if name in names:
                raise UsageError(
                    f"{labels}: {name} is the name of a new picture, too. Augment what was not "
                    "augmented before. Nothing was written."
                )
    return copies


def _make(
    folder: Path, out: Path, row: LabelRow, count: int, steps: Sequence[ChosenStep], seed: int
) -> list[LabelRow]:
    """Copy one picture and write its `count` variants, if they are not there; their rows."""
    rows = [row, *(replace(row, path=copy_name(row.path, copy)) for copy in range(1, count + 1))]
    missing = [copy for copy, one in enumerate(rows) if not (out / one.path).exists()]
    if not missing:
        return rows
    data = (folder / row.path).read_bytes()
    (out / row.path).parent.mkdir(parents=True, exist_ok=True)
    if 0 in missing:
        write_file(out / row.path, data)
    if variants := [copy for copy in missing if copy > 0]:
        image = decode_image(data)
        for copy in variants:
            changed = augment_image(image, steps, seed=seed, path=row.path, copy=copy)
            jpeg = simplejpeg.encode_jpeg(changed, quality=QUALITY, colorsubsampling="444")
            write_file(out / rows[copy].path, jpeg)
    return rows


def _write_rejected(path: Path, found: Sequence[Found]) -> None:
    lines = [f"{one.row.path}\t{one.row.label}\t{one.reason}\n" for one in found if one.reason]
    write_file(path, "".join(["path\tlabel\treason\n", *lines]).encode())


def _in_threads(
    work: Callable[[Item], Result], items: Sequence[Item], what: str
) -> Iterable[Result]:
    """`work` of each item, in order; decoder, OpenCV and PyTorch let other threads run."""
    with ThreadPoolExecutor(num_cores()) as pool:
        yield from tqdm(pool.map(work, items), desc=what, unit="picture", total=len(items))
