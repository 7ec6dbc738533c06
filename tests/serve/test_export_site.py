"""The page as a folder; tests/page opens one in a browser."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from export.bundle_files import describe_files
from export.manifest import MANIFEST_NAME, read_fields, write_manifest
from leaflake import UsageError, main
from serve.export_site import export_site
from serve.export_site_cli import server_address
from serve.runtime import FILES, install_runtime, runtime_files

NAMES = sorted(name for names in FILES.values() for name in names)


@pytest.fixture
def node_modules(tmp_path: Path) -> Path:
    """As npm leaves it."""
    for package, names in FILES.items():
        folder = tmp_path / "node_modules/@tensorflow" / package / "dist"
        folder.mkdir(parents=True)
        for name in names:
            (folder / name).write_text(f"// {name}")
    return tmp_path / "node_modules"


@pytest.fixture
def vendor(node_modules: Path, tmp_path: Path) -> Path:
    install_runtime(node_modules, tmp_path / "vendor")
    return tmp_path / "vendor"


@pytest.fixture
def with_browser(bundle: Path, tmp_path: Path) -> Path:
    """A bundle with files where the browser's model would be."""
    copy = shutil.copytree(bundle, tmp_path / "bundle")
    (copy / "browser").mkdir()
    (copy / "browser/model.json").write_text("{}")
    manifest = read_fields(copy)
    (copy / MANIFEST_NAME).unlink()
    manifest.files.update(describe_files(copy))
    write_manifest(copy, manifest)
    return copy


def test_the_site_has_the_page_tfjs_and_the_browsers_model(
    with_browser: Path, vendor: Path, tmp_path: Path
) -> None:
    written = export_site(with_browser, tmp_path / "site", vendor=vendor)
    found = {
        path.relative_to(tmp_path / "site").as_posix()
        for path in (tmp_path / "site").rglob("*")
        if path.is_file()
    }
    assert written.files == len(found)
    assert {name for name in found if not name.startswith("static/")} == {
        "index.html",
        "sw.js",
        "site.json",
        "bundle/model.json",
        "bundle/browser/model.json",
        *(f"vendor/{name}" for name in NAMES),
    }
    assert {"static/app.js", "static/style.css", "static/icon.svg"} <= found
    site = json.loads((tmp_path / "site/site.json").read_text())
    assert (site["server"], site["feedback"], site["urls"], site["runtime"]) == (
        *(None, False, False),
        True,
    )
    assert site["model"] == read_fields(with_browser).sha256
    for name, sha256 in site["files"].items():
        if name != "bundle/model.json":
            path = tmp_path / "site" / ("index.html" if name == "./" else name)
            assert hashlib.sha256(path.read_bytes()).hexdigest() == sha256


def test_two_exports_are_the_same_bytes(with_browser: Path, vendor: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        export_site(with_browser, tmp_path / name, vendor=vendor)
    one, two = (
        {p.relative_to(tmp_path / name): p.read_bytes() for p in (tmp_path / name).rglob("*.*")}
        for name in ("one", "two")
    )
    assert one == two


def test_a_bundle_without_a_browsers_model_is_refused(
    bundle: Path, vendor: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="has no model for browsers .* Nothing was written."):
        export_site(bundle, tmp_path / "site", vendor=vendor)
    assert not (tmp_path / "site").exists()


def test_without_tfjs_it_says_how_to_install_it(with_browser: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="TF.js is not there, .* just page-tools. Or name a"):
        export_site(with_browser, tmp_path / "site", vendor=tmp_path / "none")


def test_with_a_server_the_page_needs_no_model_of_its_own(bundle: Path, tmp_path: Path) -> None:
    server = "http://127.0.0.1:8000/"
    export_site(bundle, tmp_path / "site", server=server, vendor=tmp_path / "none")
    site = json.loads((tmp_path / "site/site.json").read_text())
    assert (site["server"], site["runtime"]) == (server, False)
    assert "bundle/browser/model.json" not in site["files"]


def test_a_folder_that_exists_is_left_alone(
    with_browser: Path, vendor: Path, tmp_path: Path
) -> None:
    (tmp_path / "site").mkdir()
    with pytest.raises(UsageError, match="exists already. Name a new folder."):
        export_site(with_browser, tmp_path / "site", vendor=vendor)
    assert list((tmp_path / "site").iterdir()) == []


def test_a_broken_bundle_is_refused(with_browser: Path, vendor: Path, tmp_path: Path) -> None:
    (with_browser / "browser/model.json").write_text("{ }")
    with pytest.raises(UsageError, match="browser/model.json"):
        export_site(with_browser, tmp_path / "site", vendor=vendor)
    assert not (tmp_path / "site").exists()


def test_the_command_line_refuses_and_exits_with_2(bundle: Path, tmp_path: Path, capsys) -> None:
    assert main(["export-site", str(bundle), "--out", str(tmp_path / "site")]) == 2
    assert "leaflake export-site: " in capsys.readouterr().err


@pytest.mark.parametrize("text", ["leaves.example", "ftp://leaves.example", "https://a/?b", "a b"])
def test_an_address_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no address; expected one such as"):
        server_address(text)


def test_an_address_gets_the_slash_that_relative_ones_need() -> None:
    assert server_address("https://leaves.example/api-host") == "https://leaves.example/api-host/"
    assert server_address("http://127.0.0.1:8000/") == "http://127.0.0.1:8000/"
    assert server_address(None) is None


def test_tfjs_is_copied_whole_in_the_place_of_what_was_there(
    node_modules: Path, vendor: Path
) -> None:
    (vendor / "old.js").write_text("old")
    install_runtime(node_modules, vendor)
    assert sorted(path.name for path in vendor.iterdir()) == NAMES
    assert sorted(runtime_files(vendor)) == NAMES


def test_a_package_that_lacks_a_file_leaves_what_was_there(
    node_modules: Path, vendor: Path
) -> None:
    (node_modules / "@tensorflow/tfjs-core/dist/tf-core.es2017.min.js").unlink()
    with pytest.raises(UsageError, match="tf-core.es2017.min.js: is not there. .* is as it was."):
        install_runtime(node_modules, vendor)
    assert sorted(path.name for path in vendor.iterdir()) == NAMES
    assert sorted(vendor.parent.glob("vendor.tmp")) == []


def test_tfjs_without_its_core_counts_as_none(vendor: Path) -> None:
    (vendor / "tf-core.es2017.min.js").unlink()
    assert runtime_files(vendor) == {}
