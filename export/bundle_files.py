"""The files of a bundle and their hashes. Needs only the standard library.

Names are relative to the bundle, with "/" between folders on every system.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from leaflake import UsageError

Listed = Mapping[str, Mapping[str, Any]]
"""Name -> {"bytes": int, "sha256": 64 hexadecimal digits}."""


def describe_file(path: Path) -> dict[str, Any]:
    """Size and sha256 of a file, as the manifest lists them."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": digest}


def files_below(folder: Path) -> list[str]:
    """Names of all files in `folder` and its folders, sorted."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path.relative_to(folder).as_posix() for path in files)


def describe_files(folder: Path) -> dict[str, dict[str, Any]]:
    """Size and sha256 of every file in `folder` and its folders, by name."""
    return {name: describe_file(folder / name) for name in files_below(folder)}


def find_fault(folder: Path, name: str, expected: Mapping[str, Any]) -> str | None:
    """What is wrong with a listed file, with its path; None if every byte is as listed."""
    path = folder / name
    if not path.is_file():
        return f"{path}: missing, though model.json lists it. Export it anew."
    found = describe_file(path)
    if found == expected:
        return None
    return (
        f"{path}: found {_short(found)}, but model.json says {_short(expected)}. "
        "The file was changed or cut; export it anew or copy it again."
    )


def refuse_listing(manifest: Path, files: Any) -> None:
    """Raise UsageError unless `files` of the manifest at that path lists files inside its folder.

    A name that leads out of it would have the reader hash, and the server send, what is no part of
    the bundle.
    """
    if not isinstance(files, dict):
        raise UsageError(f'{manifest}: "files" is not a list of files. Export it anew.')
    for name, described in files.items():
        if not _is_inside(name) or name == manifest.name:
            raise UsageError(
                f'{manifest}: lists "{name}", which is not the name of a file in the bundle. '
                "Nothing of it was read; get the bundle anew from whom it came."
            )
        if not (
            isinstance(described, dict)
            and sorted(described) == ["bytes", "sha256"]
            and isinstance(described["bytes"], int)
            and isinstance(described["sha256"], str)
        ):
            raise UsageError(f'{manifest}: "{name}" has no "bytes" and "sha256". Export it anew.')


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    plain = str(path) == name and "\\" not in name and "\0" not in name
    rooted = path.is_absolute() or bool(PureWindowsPath(name).drive)
    return plain and not rooted and ".." not in path.parts and name != "."


def _short(described: Mapping[str, Any]) -> str:
    return f"{described['bytes']:,} bytes with sha256 {described['sha256'][:12]}..."
