import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from export.bundle_files import describe_file, describe_files
from export.manifest import (
    Manifest,
    is_bundle,
    manifest_text,
    read_fields,
    read_manifest,
    write_manifest,
)
from leaflake import UsageError

FILES = {
    "server.fp32.onnx": b"weights",
    "browser/model.json": b"{}",
    "browser/group1-shard1of2.bin": b"first",
    "golden/answers.json": b"[]",
}


def two_plants(files: dict[str, Any]) -> Manifest:
    """Three classes of two species."""
    return Manifest(
        name="cpu-1",
        created="2026-01-31T12:00:00+00:00",
        tree={"species": [{"conditions": [{}, {}]}, {"conditions": [{}]}]},
        default="server.fp32.onnx",
        input={"name": "image", "eval_size": 224, "reduce_to": 896},
        outputs={"species_log_probs": {"shape": [2]}, "joint_log_probs": {"shape": [3]}},
        temperatures={"species": 0.8, "condition": 0.9},
        thresholds={"target": 0.95},
        rejection={"not_a_plant": {"threshold": 0.5}, "unknown_species": {"threshold": 1.5}},
        figures={"files": {}},
        provenance={"snapshot": 3},
        files=files,
    )


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    for name, data in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    write_manifest(folder, two_plants(describe_files(folder)))
    return folder


def change(bundle: Path, **entries: object) -> None:
    """As somebody does who knows of the manifest's own hash."""
    path = bundle / "model.json"
    path.write_text(manifest_text({**json.loads(path.read_text()), **entries}))


def test_what_was_written_is_read_back(bundle):
    files = {name: describe_file(bundle / name) for name in FILES}
    assert read_manifest(bundle) == two_plants(files) == read_fields(bundle)
    assert files["browser/group1-shard1of2.bin"] == {
        "bytes": 5,
        "sha256": "a7937b64b8caa58f03721bb6bacf5c78cb235febe0e70b1b84cd99541461a08e",
    }
    assert not (bundle / "model.json.tmp").exists()


@pytest.mark.parametrize("name", FILES)
def test_a_changed_file_is_refused_with_its_name(bundle, name):
    data = FILES[name]
    (bundle / name).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(UsageError, match=rf"{name}: found {len(data)} bytes"):
        read_manifest(bundle)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_refused_with_its_name(bundle, name):
    (bundle / name).unlink()
    with pytest.raises(UsageError, match=f"{name}: missing, though model.json lists it"):
        read_manifest(bundle)


SOME = settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # each example restores it
    deadline=None,
)


@SOME
@given(st.data())
def test_one_changed_byte_anywhere_is_refused_with_the_name_of_the_file(bundle, data):
    name = data.draw(st.sampled_from(["model.json", *FILES]))
    whole = (bundle / name).read_bytes()
    at, value = data.draw(st.integers(0, len(whole) - 1)), data.draw(st.integers(1, 255))
    (bundle / name).write_bytes(whole[:at] + bytes([whole[at] ^ value]) + whole[at + 1 :])
    try:
        with pytest.raises(UsageError, match=name):
            read_manifest(bundle)
    finally:
        (bundle / name).write_bytes(whole)


@SOME
@given(st.integers(0, 10**6), st.sampled_from(["model.json", *FILES]))
def test_a_file_that_was_cut_is_refused_with_its_name(bundle, length, name):
    whole = (bundle / name).read_bytes()
    (bundle / name).write_bytes(whole[: length % len(whole)])
    try:
        with pytest.raises(UsageError, match=name):
            read_manifest(bundle)
    finally:
        (bundle / name).write_bytes(whole)


@pytest.mark.parametrize(
    ("conditions", "sentence"),
    [
        ([2, 1, 1], "has 3 species and 4 classes, its graphs answer [2] and [3]"),
        ([3, 1], "has 2 species and 4 classes"),
        ([3], "has 1 species and 3 classes"),
    ],
)
def test_a_label_tree_of_another_size_is_refused(bundle, conditions, sentence):
    change(bundle, tree={"species": [{"conditions": [{}] * count} for count in conditions]})
    with pytest.raises(UsageError) as refusal:
        read_manifest(bundle)
    assert f"{bundle}/model.json: its label tree" in str(refusal.value)
    assert sentence in str(refusal.value)


@pytest.mark.parametrize(
    "name",
    [
        "../secret", "/etc/passwd", "golden/../../secret", "C:/secret", "golden\\secret", ".", "",
        "./server.fp32.onnx", "golden//answers.json", "model.json", "a\0b",
    ],
)  # fmt: skip
def test_a_name_outside_the_folder_or_in_two_spellings_is_refused_unread(bundle, name):
    (bundle.parent / "secret").write_bytes(b"secret")
    change(bundle, files={name: describe_file(bundle.parent / "secret")})
    with pytest.raises(UsageError, match=r"model\.json: lists .* not the name of a file in"):
        read_fields(bundle)


@pytest.mark.parametrize("described", [{}, {"bytes": "7", "sha256": ""}, {"bytes": 7}, None])
def test_a_listed_file_without_size_or_hash_is_refused(bundle, described):
    change(bundle, files={"server.fp32.onnx": described})
    with pytest.raises(UsageError, match='"server.fp32.onnx" has no "bytes" and "sha256"'):
        read_fields(bundle)


@pytest.mark.parametrize(
    "rejection",
    [{}, {"not_a_plant": {"threshold": 0.5}}, {"not_a_plant": 1, "unknown_species": {}}],
)
def test_a_rejection_rule_without_its_thresholds_is_refused(bundle, rejection):
    change(bundle, rejection=rejection)
    with pytest.raises(UsageError, match=r'model\.json: "rejection" has no thresholds of not_a'):
        read_fields(bundle)


def test_a_bundle_of_another_version_is_refused_with_both_versions(bundle):
    change(bundle, format_version=1)
    with pytest.raises(UsageError, match="bundle format 1, but this Leaflake reads 2"):
        read_manifest(bundle)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "not readable as JSON"),
        ("[" * 100_000, "not readable as JSON"),
        ("[]", "not the manifest of a bundle"),
        ('{"format": "leaflake-bundle", "format_version": 2}', "was changed or cut"),
        (manifest_text({"name": 1}), 'has no entry "name" of its kind'),
        (manifest_text({"name": "cpu-1"}), 'has no entry "created" of its kind'),
    ],
)
def test_a_broken_manifest_is_refused(bundle, text, sentence):
    (bundle / "model.json").write_text(text)
    with pytest.raises(UsageError, match=rf"model\.json: .*{sentence}"):
        read_manifest(bundle)


@SOME
@given(
    st.sampled_from(["name", "tree", "default", "outputs", "files"]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
        max_leaves=4,
    ),
)
def test_any_other_entry_is_read_or_refused(bundle, key, value):
    whole = (bundle / "model.json").read_bytes()
    change(bundle, **{key: value})
    try:
        manifest = read_manifest(bundle)
    except UsageError as error:
        assert str(error).startswith(f"{bundle}")
    else:
        assert getattr(manifest, key) == value
    finally:
        (bundle / "model.json").write_bytes(whole)


def test_a_figure_that_is_no_number_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="Out of range float"):
        write_manifest(tmp_path, replace(two_plants({}), figures={"accuracy": float("nan")}))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_manifest_is_no_bundle(tmp_path):
    with pytest.raises(UsageError, match="not a bundle"):
        read_manifest(tmp_path)


def test_a_bundle_is_known_by_its_manifest_even_if_a_file_is_missing(bundle):
    (bundle / "server.fp32.onnx").unlink()
    change(bundle, format_version=3)
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
