"""A collection as large as one likes, for measuring. In: how many pictures and folders. Out: files.

Folder names are made from catalog/names in the spellings that sources use; sizes fall off as in
Zipf's law. Pictures are small and each is a scene of its own, but for a few per cent of copies,
bursts and broken files.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import simplejpeg
from tqdm import tqdm

from catalog.name_tables import ConditionRow, SpeciesRow, condition_rows, species_rows

SIDE = 64
"""Pixels; a JPEG takes 1 to 2 kB, so 1.47 million take 6 GB of a disk with blocks of 4 kB."""

SCENE_SIDE = 8
"""Patches of random colour a side: as many as the perceptual hash has frequencies."""

FOLDERS_PER_DATASET = 120

ZIPF_EXPONENT = 1.8
ZIPF_OFFSET = 30
"""With them the largest of 11,499 folders holds two per cent, and thousands one to three."""

COPIES = 0.02
BURSTS = 0.05
BROKEN = 0.01

SHARED_EVERY = 50
"""Every so many folders' first picture is one and the same: duplicates under different labels."""

SPELLINGS: tuple[Callable[[str, str], str], ...] = (
    lambda plant, state: f"{plant}___{state}".replace(" ", "_"),
    lambda plant, state: f"{plant} leaf {state.lower()}",
    lambda plant, state: f"{plant}-{state}".replace(" ", "-").lower(),
    lambda plant, state: f"{state} of {plant.lower()}",
    lambda plant, state: f"{plant} {state}".title().replace(" ", ""),
    lambda plant, state: f"{plant}_{state}".replace(" ", "_").upper(),
    lambda plant, state: f"{state} ({plant})",
    lambda plant, state: f"{plant}, {state.lower()}",
)

Namer = Callable[[int, np.random.Generator], str]

FILE_NAMES: tuple[Namer, ...] = (
    lambda number, rng: f"{rng.bytes(8).hex()}.jpg",
    lambda number, rng: f"{rng.bytes(4).hex()}-{number:05d}.JPG",
    lambda number, rng: f"image ({number}).jpg",
    lambda number, rng: f"IMG_2019{1 + number // 2_500_000:02d}_{number * 37:09d}.jpg",
)


@dataclass(frozen=True)
class DrawnFolder:
    """One class folder to be drawn."""

    path: Path
    num_pictures: int
    entropy: tuple[int, ...]
    """What its pictures depend on, besides their number."""

    file_names: int
    """Position in FILE_NAMES."""


def draw_collection(
    out: Path,
    *,
    pictures: int,
    folders: int,
    seed: int = 0,
    prefix: str = "set",
    workers: int = 2,
) -> int:
    """Draw what `out` lacks of a collection of that many files in that many class folders.

    Its datasets are PREFIX_000 and so on. Returns how many files were drawn now. A folder is drawn
    as `NAME.tmp` and renamed, so an interrupted run goes on.
    """
    planned = plan_folders(out, pictures, folders, seed, prefix)
    missing = [one for one in planned if not one.path.is_dir()]
    total = sum(one.num_pictures for one in missing)
    context = multiprocessing.get_context("spawn")
    with (
        tqdm(total=total, unit="picture", desc=f"draw {out.name}", disable=not missing) as bar,
        context.Pool(workers) as pool,
    ):
        for drawn in pool.imap_unordered(draw_folder, missing):
            bar.update(drawn)
    return total


def plan_folders(
    out: Path, pictures: int, folders: int, seed: int, prefix: str
) -> list[DrawnFolder]:
    """Which folders there are, and how many pictures each of them gets."""
    names = _folder_names(folders, np.random.default_rng([seed, 1]))
    sizes = _sizes(pictures, folders, np.random.default_rng([seed, 2]))
    return [
        DrawnFolder(
            out / f"{prefix}_{number // FOLDERS_PER_DATASET:03d}" / name,
            size,
            (seed, 3, number),
            (number // FOLDERS_PER_DATASET) % len(FILE_NAMES),
        )
        for number, (name, size) in enumerate(zip(names, sizes, strict=True))
    ]


def draw_folder(folder: DrawnFolder) -> int:
    """Draw one folder's files; returns how many."""
    temporary = folder.path.with_name(folder.path.name + ".tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    rng = np.random.default_rng(folder.entropy)
    namer = FILE_NAMES[folder.file_names]
    for number, data in enumerate(_files(folder, rng)):
        name = namer(number, rng)
        with open(os.path.join(temporary, name), "wb", buffering=0) as file:
            file.write(data)
    temporary.rename(folder.path)
    return folder.num_pictures


def _files(folder: DrawnFolder, rng: np.random.Generator) -> Iterator[bytes]:
    scene = _scene(rng)
    data = _encode(scene)
    for number in range(folder.num_pictures):
        chance = rng.random()
        if number == 0 and folder.entropy[-1] % SHARED_EVERY == 0:
            scene = _scene(np.random.default_rng(folder.entropy[:-1]))
            data = _encode(scene)
        elif number and chance < COPIES:
            pass  # the one before once more
        elif chance < COPIES + BROKEN:
            yield (b"", b"<html>not found</html>", _encode(_scene(rng))[:300])[int(rng.integers(3))]
            continue
        elif number and chance < COPIES + BROKEN + BURSTS:
            noise = rng.integers(-12, 13, scene.shape)
            data = _encode(np.clip(scene + noise, 0, 255).astype(np.uint8))
        else:
            scene = _scene(rng)
            data = _encode(scene)
        yield data


def _scene(rng: np.random.Generator) -> np.ndarray:
    """uint8 (SCENE_SIDE, SCENE_SIDE, 3): random colours."""
    return rng.integers(0, 256, (SCENE_SIDE, SCENE_SIDE, 3), dtype=np.uint8)


def _encode(scene: np.ndarray) -> bytes:
    picture = cv2.resize(scene, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    return bytes(simplejpeg.encode_jpeg(picture, quality=75, colorsubsampling="420"))


def _sizes(pictures: int, folders: int, rng: np.random.Generator) -> list[int]:
    """Zipf-like sizes of at least 1 that add up to `pictures`, in random order."""
    weight = 1.0 / (np.arange(folders) + ZIPF_OFFSET) ** ZIPF_EXPONENT
    sizes = 1 + np.floor((pictures - folders) * weight / weight.sum()).astype(np.int64)
    sizes[: pictures - sizes.sum()] += 1  # what rounding left over, one each to the largest
    return [int(size) for size in rng.permutation(sizes)]


def _folder_names(count: int, rng: np.random.Generator) -> list[str]:
    """Class folder names, each once in its dataset of FOLDERS_PER_DATASET in a row.

    Most species have few conditions, some have sixty.
    """
    species = [row for row in species_rows().values() if row.species_id != "no_plant"]
    names: list[str] = []
    while len(names) < count:
        dataset = len(names) // FOLDERS_PER_DATASET
        present = set(names[dataset * FOLDERS_PER_DATASET :])
        plant = species[int(rng.integers(len(species)))]
        states = _conditions_of(plant)
        wanted = min(60, len(states), 2 + int(rng.pareto(0.7)))
        for state in rng.permutation(np.array(states, dtype=object))[:wanted]:
            spelling = SPELLINGS[int(rng.integers(len(SPELLINGS)))]
            name = spelling(_one_of(plant.names, rng), _one_of(_names_on(state, plant), rng))
            if name not in present and len(names) // FOLDERS_PER_DATASET == dataset:
                present.add(name)
                names.append(name)
    return names[:count]


def _conditions_of(plant: SpeciesRow) -> list[ConditionRow]:
    return [row for row in condition_rows().values() if _names_on(row, plant)]


def _names_on(condition: ConditionRow, plant: SpeciesRow) -> list[str]:
    return [
        name.text
        for name in condition.names
        if "/" not in name.text and (not name.hosts or plant.species_id in name.hosts)
    ]


def _one_of(names: Sequence[str], rng: np.random.Generator) -> str:
    return names[int(rng.integers(len(names)))].replace("/", " ")
