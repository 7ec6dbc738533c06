"""A folder that takes its name when it is complete. In: its name. Out: an empty one to fill."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from export.manifest import is_bundle
from leaflake import UsageError


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """An empty folder that takes the place of `out` at the end, or is removed if that fails."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{out.name}.", suffix=".tmp", dir=out.parent) as work:
        new, old = Path(work) / "new", Path(work) / "old"
        new.mkdir()  # the temporary folder itself is closed to other users
        yield new
        try:
            if out.exists():
                out.rename(old)
            new.rename(out)
        except BaseException:
            if old.exists() and not out.exists():
                old.rename(out)
            raise


def refuse_foreign_folder(out: Path) -> None:
    """Raise UsageError unless `out` does not exist, is empty or is a bundle."""
    for parent in out.parents:
        if parent.is_file():
            raise UsageError(
                f"{out}: {parent} is a file, so there can be no folder in it. "
                "Name another folder. Nothing was written."
            )
    if out.is_file() or (out.is_dir() and any(out.iterdir()) and not is_bundle(out)):
        raise UsageError(
            f"{out}: exists and is not a bundle. Name a new folder or a bundle to replace. "
            "Nothing was written."
        )
