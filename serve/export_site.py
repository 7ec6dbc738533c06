"""A bundle's page as a folder for any static host. In: a bundle. Out: files, site.json the last.

The page then answers in the browser alone; with the address of a server it asks that where it is
not sure, as on the server itself.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from export.manifest import MANIFEST_NAME, read_manifest
from leaflake import UsageError
from serve.runtime import VENDOR
from serve.site import PAGE, SITE, bundle_files, describe_site, file_hashes, own_files

BROWSER_MODEL = "browser/model.json"


@dataclass(frozen=True)
class Exported:
    """What was written."""

    files: int

    bytes: int


def export_site(
    bundle: Path, out: Path, *, server: str | None = None, vendor: Path = VENDOR
) -> Exported:
    """Write the page of `bundle` into the new folder `out`.

    `server` is the address of a Leaflake server that lets the page's host ask it (--cors); with one
    the page needs no model of its own. Raises UsageError if the bundle is broken, if nothing could
    answer, or if `out` exists.
    """
    manifest = read_manifest(bundle)
    own = own_files(vendor)
    why = None if server else _why_silent(bundle, BROWSER_MODEL in manifest.files, own)
    if why:
        raise UsageError(f"{why} Or name a server with --server. Nothing was written.")
    if out.exists():
        raise UsageError(f"{out}: exists already. Name a new folder. Nothing was written.")
    files = {**own, **bundle_files(bundle, manifest)}
    temporary = out.with_name(out.name + ".tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    for address, path in files.items():
        target = temporary / (PAGE if address == "./" else address)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    hashes = {**file_hashes(files), f"bundle/{MANIFEST_NAME}": manifest.sha256}
    site = describe_site(hashes, manifest, server=server, feedback=False, urls=False)
    (temporary / SITE).write_text(json.dumps(site, indent=1) + "\n", encoding="utf-8")
    temporary.rename(out)
    written = [path for path in out.rglob("*") if path.is_file()]
    return Exported(len(written), sum(path.stat().st_size for path in written))


def _why_silent(bundle: Path, has_model: bool, own: dict[str, Path]) -> str | None:
    """Why the page could not answer by itself, as a sentence; None if it could."""
    if not has_model:
        return (
            f"{bundle}: has no model for browsers ({BROWSER_MODEL}), so a page without a server "
            "behind it could answer nothing. Export it without --no-browser."
        )
    if not any(address.startswith("vendor/") for address in own):
        return f"{VENDOR}: TF.js is not there, which runs the model. Install it: just page-tools."
    return None
