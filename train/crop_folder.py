"""A folder of pictures -> the same folder of crops. In: pictures, a leaf finder. Out: JPEGs, and
crops.tsv, which says for every picture what became of it.

Folders keep their names, and with them the labels. Can be killed and run again: what is done is
kept.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import simplejpeg
from tqdm import tqdm

from leaflake import UsageError
from shards.decode import DecodeError, decode_image
from train.finder_crop import MARGIN, Leaves, crop_boxes, crop_part, cut
from train.finder_net import Found
from train.predict import num_cores, one_thread_each

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
"""Of files that are taken for pictures, in any case; their content decides."""

TABLE, PART, SETTINGS = "crops.tsv", "crops.tsv.part", "crops.json"

QUALITY = 95
"""Of the JPEGs: a second encoding should not be what a network learns."""


@dataclass(frozen=True)
class CropSettings:
    """How a folder is cropped; all of it is in crops.json."""

    finder: str
    """Which finder: the first digits of the sha256 of its weights."""

    leaves: Leaves = "first"
    margin: float = MARGIN
    """See finder_crop.py."""

    threshold: float = 0.0
    """Certainty from which something is a leaf."""


@dataclass(frozen=True)
class Row:
    """One crop, or one picture without; a line of crops.tsv."""

    source: str
    """Path of the picture below the input folder."""

    file: str
    """Path of the crop below the output folder; empty where there is none."""

    status: str
    """cropped; whole, where no leaf was found; or the reason why there is no crop, see
    shards/decode.py."""

    left: int | str = ""
    """Of the crop, pixels of the upright picture; also the next three."""

    top: int | str = ""
    right: int | str = ""
    bottom: int | str = ""
    certainty: str = ""


def crop_folder(
    source: Path, out: Path, find: Callable[[np.ndarray], Found], settings: CropSettings
) -> list[Row]:
    """Crop every picture below `source` into `out`. Returns the rows of crops.tsv.

    A picture without a leaf comes whole, so that none is lost. Raises UsageError if there is no
    picture, or `out` was made with other settings or holds something else.
    """
    paths = list_pictures(source, out)
    _start(out, settings)
    done = read_rows(out)
    known = {row.source for row in done}
    waiting = [path for path in paths if path.relative_to(source).as_posix() not in known]

    def crop(path: Path) -> list[Row]:
        return crop_picture(path, source, out, find, settings)

    with (
        one_thread_each(),
        ThreadPoolExecutor(num_cores()) as pool,
        (out / PART).open("a", encoding="utf-8") as part,
    ):
        bar = tqdm(pool.map(crop, waiting), total=len(waiting), unit="picture", disable=None)
        for rows in bar:
            part.write(_lines(rows))
            part.flush()
            done += rows
    done.sort(key=lambda row: (row.source, row.file))
    temporary = out / f"{TABLE}.tmp"
    temporary.write_text("\t".join(Row.__annotations__) + "\n" + _lines(done), encoding="utf-8")
    temporary.rename(out / TABLE)
    (out / PART).unlink()
    return done


def list_pictures(source: Path, out: Path) -> list[Path]:
    """Files below `source` that are named like pictures, sorted. Hidden ones are passed over."""
    if not source.is_dir():
        raise UsageError(f"{source}: there is no such folder. Nothing was written.")
    if out.resolve().is_relative_to(source.resolve()):
        raise UsageError(
            f"{out} lies in {source}, so that a second run would crop the crops. Name another "
            "folder. Nothing was written."
        )
    paths = sorted(
        path
        for path in source.rglob("*")
        if path.suffix.lower() in SUFFIXES
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(source).parts)
    )
    if not paths:
        raise UsageError(
            f"{source}: no file below it is named like a picture ({', '.join(SUFFIXES)}). "
            "Nothing was written."
        )
    return paths


def crop_picture(
    path: Path, source: Path, out: Path, find: Callable[[np.ndarray], Found], settings: CropSettings
) -> list[Row]:
    """Write the crops of one picture. Returns their rows."""
    name = path.relative_to(source).as_posix()
    try:
        image = decode_image(path.read_bytes())
    except DecodeError as error:
        return [Row(name, "", error.reason)]
    except OSError:
        return [Row(name, "", "unreadable")]
    found = crop_boxes(find(image), settings.leaves)
    height, width = image.shape[:2]
    if not len(found.boxes):
        file = write_crop(out, name, 1, image)
        return [Row(name, file, "whole", 0, 0, width, height)]
    rows = []
    for number, (box, score) in enumerate(zip(found.boxes, found.scores, strict=True), start=1):
        part = crop_part(box, height, width, settings.margin)
        file = write_crop(out, name, number, cut(image, part))
        rows.append(Row(name, file, "cropped", *part, f"{score:.3f}"))
    return rows


def write_crop(out: Path, name: str, number: int, image: np.ndarray) -> str:
    """Write a JPEG under the picture's own name, with a number from the second leaf on. Returns
    its path below `out`."""
    is_jpeg = name.lower().endswith((".jpg", ".jpeg"))
    file = name if is_jpeg and number == 1 else f"{name}.{number}.jpg"
    target = out / file
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f"{target.name}.tmp")
    temporary.write_bytes(simplejpeg.encode_jpeg(image, QUALITY, colorsubsampling="444"))
    temporary.rename(target)
    return file


def read_rows(out: Path) -> list[Row]:
    """What is done already, of a run that ended or was killed."""
    rows = []
    for name in (TABLE, PART):
        if (out / name).is_file():
            text = (out / name).read_text(encoding="utf-8")
            whole = text[: text.rfind("\n") + 1]  # a kill may have cut the last line
            if whole != text:
                (out / name).write_text(whole, encoding="utf-8")
            lines = csv.reader(whole.splitlines(), delimiter="\t")
            rows += [Row(*line) for line in lines if line[0] != "source"]
    known: dict[tuple[str, str], Row] = {(row.source, row.file): row for row in rows}
    return list(known.values())


def _start(out: Path, settings: CropSettings) -> None:
    """Write crops.json, or find the same."""
    said = out / SETTINGS
    if said.is_file():
        before = json.loads(said.read_text(encoding="utf-8"))
        if before != asdict(settings):
            raise UsageError(
                f"{out} was cropped with other settings: {before}, now {asdict(settings)}. "
                "Name a new folder. Nothing was written."
            )
        return
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(
            f"{out}: exists, and is no folder that `leaflake crop` began. Name a new folder. "
            "Nothing was written."
        )
    out.mkdir(parents=True, exist_ok=True)
    temporary = out / f"{SETTINGS}.tmp"
    temporary.write_text(json.dumps(asdict(settings), indent=1) + "\n", encoding="utf-8")
    temporary.rename(said)


def _lines(rows: list[Row]) -> str:
    text = io.StringIO()
    csv.writer(text, delimiter="\t", lineterminator="\n").writerows(
        tuple(asdict(row).values()) for row in rows
    )
    return text.getvalue()
