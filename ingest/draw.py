"""A drawn data set for trying Leaflake out with no data at hand.

In: an empty or absent folder, and a seed. Out: `Folder name/0000.jpg` and so on, one
folder for each species and condition, and one of pictures that show no plant.
"""

from __future__ import annotations

import io
import re
import zlib
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from ingest.draw_not_plant import draw_not_plant_picture
from ingest.draw_picture import draw_leaf_picture
from ingest.draw_species import CONDITIONS
from leaflake import UsageError

NOT_PLANT_FOLDER = "Background_without_leaves"

FOLDERS: tuple[str, ...] = (*(c.folder for c in CONDITIONS), NOT_PLANT_FOLDER)
"""Every folder that is drawn, in the order it is drawn in."""

# Names that count on would be taken for shots of one leaf (catalog/order_links.py).
NUMBER_STEP = 10

# A name has four digits.
MAX_PICTURES = 10_000 // NUMBER_STEP

# Below this a lesion is smaller than a pixel.
MIN_SIZE = 32

_DRAWN_NAME = re.compile(r"\d{4}\.jpg(\.tmp)?")
_BY_FOLDER = {c.folder: c for c in CONDITIONS}


def draw_dataset(
    out: Path,
    *,
    seed: int = 0,
    pictures_per_folder: int = 32,
    num_not_plants: int = 40,
    size: int = 192,
    progress: bool = True,
) -> int:
    """Draw the pictures that `out` does not hold yet; return how many were drawn.

    A picture depends on the seed, its folder, its number and `size` only, never on how
    many others are drawn. One that exists is kept whatever it was drawn with, so another
    seed or size wants another `out`. Files are written as `.tmp` and renamed.

    Raises UsageError, with nothing written, if a setting is out of range, or if `out` is a
    file or holds anything but pictures drawn before.
    """
    _check_settings(seed, pictures_per_folder, num_not_plants, size)
    _check_out(out)
    wanted = [
        (folder, index)
        for folder in FOLDERS
        for index in range(num_not_plants if folder == NOT_PLANT_FOLDER else pictures_per_folder)
    ]
    missing = [(f, i) for f, i in wanted if not _path(out, f, i).exists()]
    for folder, index in tqdm(missing, desc="draw", unit="picture", disable=not progress):
        path = _path(out, folder, index)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".tmp")
        part.write_bytes(draw_picture(folder, index, seed=seed, size=size))
        part.rename(path)
    return len(missing)


def draw_picture(folder: str, index: int, *, seed: int, size: int) -> bytes:
    """One JPEG of `size` by `size` pixels; `folder` is one of FOLDERS."""
    # crc32 and not hash(): str hashes differ from one Python process to the next.
    entropy = [seed, zlib.crc32(folder.encode()), index]
    rng = np.random.default_rng(np.random.SeedSequence(entropy))
    if folder == NOT_PLANT_FOLDER:
        image = draw_not_plant_picture(rng, size)
    else:
        image = draw_leaf_picture(_BY_FOLDER[folder], rng, size)
    return _encode(image, quality=int(rng.integers(84, 94)))


def _encode(image: Image.Image, *, quality: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def _path(out: Path, folder: str, index: int) -> Path:
    return out / folder / f"{index * NUMBER_STEP:04d}.jpg"


def _check_settings(seed: int, pictures_per_folder: int, num_not_plants: int, size: int) -> None:
    if seed < 0:
        raise UsageError(f"seed is {seed}, expected 0 or more. Nothing was written.")
    if not 1 <= pictures_per_folder <= MAX_PICTURES or not 0 <= num_not_plants <= MAX_PICTURES:
        raise UsageError(
            f"{pictures_per_folder} pictures a folder and {num_not_plants} of no plant were "
            f"asked for, expected at most {MAX_PICTURES} of each and at least 1 a folder. "
            "Nothing was written."
        )
    if size < MIN_SIZE:
        raise UsageError(f"size is {size}, expected {MIN_SIZE} or more. Nothing was written.")


def _check_out(out: Path) -> None:
    """Refuse a place where drawn pictures would end up among somebody's own files."""
    if not out.exists():
        return
    if not out.is_dir():
        raise UsageError(f"{out} is a file, expected a folder. Name another. Nothing was written.")
    for entry in sorted(out.iterdir()):
        if entry.name not in FOLDERS or not entry.is_dir():
            _refuse(out, entry)
        for picture in sorted(entry.iterdir()):
            if not _DRAWN_NAME.fullmatch(picture.name):
                _refuse(out, picture)


def _refuse(out: Path, found: Path) -> None:
    raise UsageError(
        f"{out} holds {found.relative_to(out)}, which was not drawn; expected no such folder, "
        "an empty one, or one drawn before. Name another folder. Nothing was written."
    )
