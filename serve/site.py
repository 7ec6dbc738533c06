"""What the page is made of: its own files, TF.js, and what it needs of a bundle.

In: a bundle's folder and manifest. Out: every file by its address, which is relative to the page,
so that the page also works below a path; and site.json, by which page and service worker know what
there is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from export.manifest import MANIFEST_NAME, Manifest
from serve.runtime import SELDOM, VENDOR, runtime_files

STATIC = Path(__file__).parent / "static"

PAGE = "index.html"
WORKER = "sw.js"
"""At the root, as a service worker serves what is below it."""

SITE = "site.json"
AT_ROOT = {PAGE: "./", WORKER: WORKER}
"""File of STATIC -> its address; all others are in static/."""

BUNDLE_FOLDERS = ("browser/", "golden/")
"""Of a bundle, beside its manifest; the page has no use for the server's graphs."""

TYPES = {
    ".bin": "application/octet-stream",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
}
"""Suffix -> media type. Written down, as the machine's own table may lack one, and WebAssembly is
only compiled while it loads under its own."""


def own_files(vendor: Path = VENDOR) -> dict[str, Path]:
    """Address -> file of the page itself and of TF.js, where that is installed."""
    static = {path.name: path for path in sorted(STATIC.iterdir()) if path.is_file()}
    return {
        **{AT_ROOT.get(name, f"static/{name}"): path for name, path in static.items()},
        **{f"vendor/{name}": path for name, path in runtime_files(vendor).items()},
    }


def bundle_files(bundle: Path, manifest: Manifest) -> dict[str, Path]:
    """Address -> file of what the page needs of a bundle."""
    names = [name for name in manifest.files if name.startswith(BUNDLE_FOLDERS)]
    return {f"bundle/{name}": bundle / name for name in (MANIFEST_NAME, *names)}


def file_hashes(files: Mapping[str, Path]) -> dict[str, str]:
    """Address -> sha256 of each file."""
    return {
        address: hashlib.sha256(path.read_bytes()).hexdigest() for address, path in files.items()
    }


def bundle_hashes(manifest: Manifest) -> dict[str, str]:
    """Address -> sha256 of what `bundle_files` lists. The manifest's is its seal."""
    names = [name for name in manifest.files if name.startswith(BUNDLE_FOLDERS)]
    hashes = {f"bundle/{name}": str(manifest.files[name]["sha256"]) for name in names}
    return {f"bundle/{MANIFEST_NAME}": manifest.sha256, **hashes}


def describe_site(
    hashes: Mapping[str, str],
    manifest: Manifest,
    *,
    server: str | None,
    feedback: bool,
    urls: bool,
) -> dict[str, Any]:
    """The content of site.json.

    `hashes` are those of all files; `server` is the address that has api/, relative to the page or
    not, and None if there is none; `feedback` and `urls` say what a server on the page's own host
    takes. Of another one the page asks that server.
    """
    listed = {name: hashes[name] for name in sorted(hashes) if name != WORKER}
    text = "\n".join(f"{name} {hash}" for name, hash in listed.items())
    return {
        "server": server,
        "feedback": feedback,
        "urls": urls,
        "model": manifest.sha256,
        "runtime": any(name.startswith("vendor/") for name in listed),
        "version": hashlib.sha256(text.encode()).hexdigest(),
        "files": listed,
        "optional": [f"vendor/{name}" for name in SELDOM if f"vendor/{name}" in listed],
    }
