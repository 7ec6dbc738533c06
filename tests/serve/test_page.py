"""The page's files over HTTP, without a browser; tests/page has one."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from asking import ask

from serve import page
from serve.model import Model
from serve.site import STATIC, own_files


@pytest.fixture(autouse=True)
def tfjs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Something that has the names of TF.js, whether it is installed or not."""
    from serve.runtime import FILES

    for name in (name for names in FILES.values() for name in names):
        (tmp_path / name).write_bytes(b"0" * 99)
    monkeypatch.setattr(page, "own_files", lambda: own_files(tmp_path))


def get(model: Model, *paths: str, **headers: str) -> Any:
    """(status, headers, body) of each path."""

    async def body(client: TestClient) -> list[Any]:
        found = []
        for path in paths:
            plain = {"Accept-Encoding": "identity", **headers}
            response = await client.get(path, headers=plain, auto_decompress=False)
            found.append((response.status, response.headers, await response.read()))
        return found

    return ask(model, body)


def site_of(model: Model) -> dict[str, Any]:
    [(_, _, body)] = get(model, "/site.json")
    return json.loads(body)


def test_every_file_that_site_json_lists_is_served_with_its_hash(model: Model) -> None:
    files = site_of(model)["files"]
    assert len(files) > 25
    names = [name for name in files if name != "bundle/model.json"]  # its hash is a seal
    for name, (status, headers, body) in zip(
        names, get(model, *(f"/{name.removeprefix('./')}" for name in names)), strict=True
    ):
        assert (status, hashlib.sha256(body).hexdigest()) == (200, files[name]), name
        assert headers["ETag"]


def test_site_json_says_what_there_is(model: Model) -> None:
    site = site_of(model)
    assert {key: value for key, value in site.items() if key not in ("files", "version")} == {
        "server": "./",
        "feedback": False,
        "urls": False,
        "model": model.manifest.sha256,
        "runtime": True,
        "optional": ["vendor/tfjs-backend-wasm.wasm", "vendor/tf-backend-webgl.es2017.min.js"],
    }
    assert "sw.js" not in site["files"]  # browsers keep a service worker by themselves


def test_without_tfjs_the_page_is_told_so(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "own_files", lambda: own_files(tmp_path / "nothing"))
    assert site_of(model)["runtime"] is False


@pytest.mark.parametrize(
    "path",
    [
        "/static/nothing.js",
        "/static/index.html",
        "/static/..%2fpage.py",
        "/vendor/package.json",
        "/bundle/server.int8.onnx",
        "/bundle/../serve/page.py",
        "/bundle/%2e%2e/%2e%2e/etc/passwd",
        "/bundle//etc/passwd",
        "/page.py",
    ],
)
def test_what_is_not_in_the_table_is_not_served(model: Model, path: str) -> None:
    [(status, _, body)] = get(model, path)
    assert (status, json.loads(body)["error"]["code"]) == (404, "not_found")


def test_scripts_come_packed_to_whoever_takes_that(model: Model) -> None:
    [(_, headers, body)] = get(model, "/static/app.js", **{"Accept-Encoding": "gzip"})
    assert headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(body) == (STATIC / "app.js").read_bytes()
    assert headers["Content-Type"] == "text/javascript; charset=utf-8"
    [(_, headers, body)] = get(model, "/static/app.js", **{"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in headers
    assert body == (STATIC / "app.js").read_bytes()


def test_what_is_known_is_not_sent_again(model: Model) -> None:
    tag = f'"{site_of(model)["files"]["./"]}"'
    for tags in (tag, f'W/{tag}, "other"'):
        [(status, _, body)] = get(model, "/", **{"If-None-Match": tags})
        assert (status, body) == (304, b"")
    [(status, _, _)] = get(model, "/", **{"If-None-Match": '"other"'})
    assert status == 200


def test_the_page_may_run_its_own_scripts_alone(model: Model) -> None:
    [(_, headers, body), (_, worker, _)] = get(model, "/", "/static/worker.js")
    policy = headers["Content-Security-Policy"]
    assert policy == worker["Content-Security-Policy"]  # a worker has the policy that it came with
    assert "script-src 'self' 'wasm-unsafe-eval';" in policy
    assert "unsafe-inline" not in policy and "'unsafe-eval'" not in policy
    # A static host sends no headers, so the page says the same; what a page cannot say by itself is
    # who may frame it.
    own = policy.removesuffix("; frame-ancestors 'none'")
    assert f'content="{own}"' in body.decode()
    assert b" style=" not in body and b" onclick=" not in body
