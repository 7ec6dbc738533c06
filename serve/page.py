"""The page over HTTP: /, /sw.js, /site.json, /static/, /vendor/ and /bundle/.

No path in a request names a file: it is looked up in a table of what there is. The page's own files
are in memory, as they were when the server started; the bundle's are read from its folder.
"""

from __future__ import annotations

import functools
import gzip
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from serve.options import OPTIONS
from serve.service import SERVICE
from serve.site import (
    SITE,
    TYPES,
    bundle_files,
    bundle_hashes,
    describe_site,
    file_hashes,
    own_files,
)

PAGE_HEADERS = {
    # All code comes from this server, and 'wasm-unsafe-eval' lets WebAssembly be compiled, which is
    # no eval. Pictures may come from elsewhere, as their address is one of the ways in.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; "
        "img-src 'self' blob: http: https:; connect-src 'self' http: https:; worker-src 'self'; "
        "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    # Of all that a page could ask for, this one asks for the camera.
    "Permissions-Policy": "camera=(self), geolocation=(), microphone=()",
}

PACKED = (".css", ".html", ".js", ".json", ".svg", ".wasm", ".webmanifest")
"""What gzip makes smaller; TF.js by two thirds."""


@dataclass(frozen=True)
class Asset:
    """One file of the page."""

    data: bytes

    packed: bytes | None
    """The same by gzip."""

    media_type: str

    sha256: str

    @classmethod
    def read(cls, path: Path, sha256: str) -> Asset:
        """Read `path`, and pack it if that helps."""
        data = path.read_bytes()
        packed = pack(data) if path.suffix in PACKED else None
        return cls(data, packed, TYPES[path.suffix], sha256)


@functools.cache  # for tests, which make one application after the other
def pack(data: bytes) -> bytes:
    """`data` by gzip."""
    return gzip.compress(data, 6, mtime=0)


@dataclass(frozen=True)
class Page:
    """The page's own files, by address."""

    assets: dict[str, Asset]

    hashes: dict[str, str]
    """Their sha256."""


PAGE = web.AppKey("page", Page)


def add_page(app: web.Application) -> None:
    """Add the page's routes; what they serve of a bundle is of the one that answers by then."""
    files = own_files()
    hashes = file_hashes(files)
    assets = {name: Asset.read(path, hashes[name]) for name, path in files.items()}
    app[PAGE] = Page(assets, hashes)
    app.router.add_get("/", send_asset)
    app.router.add_get("/sw.js", send_asset)
    app.router.add_get("/static/{name}", send_asset)
    app.router.add_get("/vendor/{name}", send_asset)
    app.router.add_get(f"/{SITE}", send_site)
    app.router.add_get("/bundle/{name:.+}", send_of_bundle)


async def send_asset(request: web.Request) -> web.Response:
    """A file of the page itself."""
    asset = request.app[PAGE].assets.get(request.path.removeprefix("/") or "./")
    if asset is None:
        raise web.HTTPNotFound()
    headers = {**PAGE_HEADERS, "ETag": f'"{asset.sha256}"', "Vary": "Accept-Encoding"}
    if is_known(request, asset.sha256):
        return web.Response(status=304, headers=headers)
    headers["Content-Type"] = asset.media_type
    if asset.packed is not None and "gzip" in request.headers.get("Accept-Encoding", ""):
        return web.Response(body=asset.packed, headers={**headers, "Content-Encoding": "gzip"})
    return web.Response(body=asset.data, headers=headers)


async def send_of_bundle(request: web.Request) -> web.StreamResponse:
    """A file of the bundle that the model answering now is from."""
    model = request.app[SERVICE].model
    path = bundle_files(model.folder, model.manifest).get(request.path.removeprefix("/"))
    if path is None or not path.is_file():
        raise web.HTTPNotFound()
    return web.FileResponse(path, headers={**PAGE_HEADERS, "Content-Type": TYPES[path.suffix]})


async def send_site(request: web.Request) -> web.Response:
    """GET /site.json: what the page and its service worker have to know."""
    manifest = request.app[SERVICE].model.manifest
    page, options = request.app[PAGE], request.app[OPTIONS]
    found = describe_site(
        {**page.hashes, **bundle_hashes(manifest)},
        manifest,
        server="./",
        feedback=options.inbox is not None,
        urls=options.allow_urls,
    )
    # A page on a static host reads here what the server that it asks takes; nothing is secret.
    headers = {"Cache-Control": "no-store", "Access-Control-Allow-Origin": "*"}
    return web.json_response(found, headers=headers)


def is_known(request: web.Request, sha256: str) -> bool:
    """Whether whoever asks has the file already."""
    tags = request.headers.get("If-None-Match", "").split(",")
    return f'"{sha256}"' in {tag.strip().removeprefix("W/") for tag in tags}
