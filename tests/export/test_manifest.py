import json
from pathlib import Path

import pytest

from export.manifest import Manifest, describe_file, is_bundle, read_manifest, write_manifest
from leaflake import UsageError


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    (tmp_path / "server.fp32.onnx").write_bytes(b"weights")
    write_manifest(
        tmp_path,
        Manifest(
            name="cpu-1",
            created="2026-01-31T12:00:00+00:00",
            tree={"species": []},
            default="server.fp32.onnx",
            input={"name": "image"},
            outputs={},
            thresholds={"species": 0.5, "condition": 0.5},
            provenance={"snapshot": 3},
            files={"server.fp32.onnx": describe_file(tmp_path / "server.fp32.onnx")},
        ),
    )
    return tmp_path


def change(bundle: Path, **entries: object) -> None:
    path = bundle / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **entries}))


def test_what_was_written_is_read_back(bundle):
    manifest = read_manifest(bundle)
    assert manifest.name == "cpu-1"
    assert manifest.thresholds == {"species": 0.5, "condition": 0.5}
    assert manifest.files["server.fp32.onnx"]["bytes"] == 7
    assert not (bundle / "model.json.tmp").exists()


def test_one_changed_byte_is_refused_with_the_name_of_the_file(bundle):
    (bundle / "server.fp32.onnx").write_bytes(b"weighty")
    with pytest.raises(UsageError, match=r"server\.fp32\.onnx: found 7 bytes"):
        read_manifest(bundle)


def test_a_missing_file_is_refused_with_its_name(bundle):
    (bundle / "server.fp32.onnx").unlink()
    with pytest.raises(UsageError, match=r"server\.fp32\.onnx: missing"):
        read_manifest(bundle)


def test_a_bundle_of_another_version_is_refused_with_both_versions(bundle):
    change(bundle, format_version=2)
    with pytest.raises(UsageError, match="bundle format 2, but this Leaflake reads 1"):
        read_manifest(bundle)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "not readable as JSON"),
        ("[]", "not the manifest of a bundle"),
        ('{"format": "leaflake-bundle", "format_version": 1}', "has no entry 'name'"),
    ],
)
def test_a_broken_manifest_is_refused(bundle, text, sentence):
    (bundle / "model.json").write_text(text)
    with pytest.raises(UsageError, match=sentence):
        read_manifest(bundle)


def test_a_folder_without_manifest_is_no_bundle(tmp_path):
    with pytest.raises(UsageError, match="not a bundle"):
        read_manifest(tmp_path)


def test_a_bundle_is_known_by_its_manifest_even_if_a_file_is_missing(bundle):
    (bundle / "server.fp32.onnx").unlink()
    change(bundle, format_version=2)
    assert is_bundle(bundle)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"format": "other"}', "\udcff"])
def test_another_tools_model_json_makes_no_bundle(tmp_path, text):
    (tmp_path / "model.json").write_bytes(text.encode(errors="surrogateescape"))
    assert not is_bundle(tmp_path)


def test_a_folder_without_manifest_and_a_file_are_no_bundles(tmp_path):
    (tmp_path / "file").write_text("{}")
    assert not is_bundle(tmp_path)
    assert not is_bundle(tmp_path / "file")
    assert not is_bundle(tmp_path / "missing")
