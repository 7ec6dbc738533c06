"""Pictures that are nearly plants, or nearly not: fruit, flowers, a lawn, a drawing, a screenshot.

In: a folder into which the Debian packages of hard_pictures.tsv were unpacked (`just bench-reject`
does it). Out: encoded pictures by kind. They are fetched to be looked at and are no part of this
project.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from leaflake import UsageError

LIST = Path(__file__).with_name("hard_pictures.tsv")

LONG_SIDE = 640
"""Pixels; wallpapers are larger than any answer needs."""


@dataclass(frozen=True)
class Source:
    """Some files of a package."""

    kind: str
    """What they show."""

    package: str
    version: str
    licence: str
    files: str
    """A pattern, from the root of the package."""


def read_sources(path: Path = LIST) -> tuple[Source, ...]:
    """The rows of the list, in its order. Raises UsageError for a row without its five fields."""
    sources = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if line.startswith("#"):
            continue
        fields = line.split("\t")
        if len(fields) != 5 or not all(fields):
            raise UsageError(
                f"{path}:{number}: {len(fields)} fields; expected kind, package, version, licence "
                "and files, with tabs between. Nothing was written."
            )
        sources.append(Source(*fields))
    return tuple(sources)


def read_hard(folder: Path, sources: tuple[Source, ...]) -> dict[str, list[bytes]]:
    """Kind -> pictures as PNG, upright RGB, what is see-through on white, by path.

    Raises UsageError if a source has no file there.
    """
    found: dict[str, list[bytes]] = {}
    for source in sources:
        paths = sorted(folder.glob(source.files))
        if not paths:
            raise UsageError(
                f"{folder}: no file {source.files}, which Debian's {source.package} "
                f"{source.version} has. Unpack it there with dpkg-deb -x. Nothing was written."
            )
        found.setdefault(source.kind, []).extend(map(_as_png, paths))
    return found


def _as_png(path: Path) -> bytes:
    with Image.open(path) as opened:
        picture = opened.convert("RGBA")
    white = Image.new("RGBA", picture.size, "white")
    picture = Image.alpha_composite(white, picture).convert("RGB")
    picture.thumbnail((LONG_SIDE, LONG_SIDE))
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()
