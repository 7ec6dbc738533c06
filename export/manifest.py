"""The bundle's manifest, `model.json`: written last by export, read first by everyone else.

Needs only the standard library, so that the server reads a bundle without torch or training.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from leaflake import UsageError

FORMAT = "leaflake-bundle"
FORMAT_VERSION = 1
MANIFEST_NAME = "model.json"


@dataclass(frozen=True)
class Manifest:
    """What a bundle says about itself. The fields are the keys of `model.json`."""

    name: str
    """The run that the bundle was made from, such as `cpu-20260131-120000`."""

    created: str
    """ISO 8601, UTC."""

    tree: dict[str, Any]
    """The label tree as `catalog.taxonomy.LabelTree.to_json` writes it, in class order."""

    default: str
    """The file that a server loads when nobody asks for another."""

    input: dict[str, Any]
    """Name, dtype, shape and meaning of the graph's one input."""

    outputs: dict[str, Any]
    """For each output of the graph its shape and meaning."""

    thresholds: dict[str, float]
    """`species` and `condition`: the least probability at which that rank is answered."""

    provenance: dict[str, Any]
    """`recipe` and `backbone`, `lake` (its folder's name) and `snapshot`, `temperatures` of species
    and condition, `val` (figures of the run's own arithmetic), and `files`: of each ONNX file its
    val accuracies, largest difference from torch in probability, and milliseconds a picture."""

    files: dict[str, dict[str, Any]]
    """File name -> {"bytes", "sha256"} of every other file in the folder."""


def write_manifest(bundle: Path, manifest: Manifest) -> None:
    """Write `model.json` into `bundle`; its presence means that the bundle is complete."""
    head = {"format": FORMAT, "format_version": FORMAT_VERSION}
    text = json.dumps({**head, **asdict(manifest)}, indent=1, ensure_ascii=False)
    temporary = bundle / (MANIFEST_NAME + ".tmp")
    temporary.write_text(text + "\n", encoding="utf-8")
    temporary.rename(bundle / MANIFEST_NAME)


def read_manifest(bundle: Path) -> Manifest:
    """Read `model.json` and check every file of the bundle against it.

    Raises UsageError with the name of the file if the folder is no bundle, is one of another
    format version, or holds a file that is missing or differs by a byte.
    """
    data = _read_json(bundle)
    try:
        manifest = Manifest(**{key: data[key] for key in Manifest.__dataclass_fields__})
    except KeyError as error:
        raise UsageError(
            f"{bundle / MANIFEST_NAME}: has no entry {error}. Export it anew."
        ) from None
    for name, expected in manifest.files.items():
        path = bundle / name
        if not path.is_file():
            raise UsageError(f"{path}: missing, though model.json lists it. Export it anew.")
        found = describe_file(path)
        if found != expected:
            raise UsageError(
                f"{path}: found {_short(found)}, but model.json says {_short(expected)}. "
                "The file was changed or cut; export it anew or copy it again."
            )
    return manifest


def is_bundle(folder: Path) -> bool:
    """Whether `folder` holds the manifest of a bundle, of any version and however complete."""
    try:
        data = json.loads((folder / MANIFEST_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(data, dict) and data.get("format") == FORMAT


def describe_file(path: Path) -> dict[str, Any]:
    """Size and sha256 of a file, as the manifest lists them."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": digest}


def _short(described: dict[str, Any]) -> str:
    return f"{described['bytes']:,} bytes with sha256 {described['sha256'][:12]}..."


def _read_json(bundle: Path) -> dict[str, Any]:
    path = bundle / MANIFEST_NAME
    if not path.is_file():
        raise UsageError(
            f"{bundle}: not a bundle, there is no {MANIFEST_NAME} in it. "
            "Name a folder that `leaflake export` wrote."
        )
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(f"{path}: not readable as JSON ({error}). Export it anew.") from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise UsageError(f'{path}: not the manifest of a bundle ("format" is not "{FORMAT}").')
    if data.get("format_version") != FORMAT_VERSION:
        raise UsageError(
            f"{path}: bundle format {data.get('format_version')}, but this Leaflake reads "
            f"{FORMAT_VERSION}. Export it anew with this version, or install the matching one."
        )
    return data
