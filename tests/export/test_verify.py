import json
from pathlib import Path

import onnx
import pytest

from export import verify
from export.bundle_files import describe_file
from export.manifest import manifest_text
from export.tfjs_tools import ToolFailedError
from export.verify import verify_bundle
from leaflake import UsageError, main


def test_a_whole_bundle_verifies(bundle):
    (bundle / "note.txt").write_text("of mine")
    found = verify_bundle(bundle)
    assert (found.name, found.faults, found.unlisted) == ("cpu-1", (), ("note.txt",))
    assert set(found.files.values()) == {None}
    assert list(found.parity) == ["server.fp32.onnx", "server.int8.onnx"]
    assert found.parity["server.fp32.onnx"].pictures == 24
    assert found.notes == (
        "browser/model.json: not asked, this bundle has none (it was exported with --no-browser).",
    )


def test_one_changed_byte_is_found_in_its_file_and_no_model_is_asked(bundle):
    path = bundle / "server.int8.onnx"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    (bundle / "golden/03.png").unlink()
    found = verify_bundle(bundle)
    assert found.parity == {}
    assert [fault.split(": ")[0] for fault in found.faults] == [
        f"{bundle}/golden/03.png",
        str(path),
    ]
    assert "missing" in found.faults[0] and "was changed or cut" in found.faults[1]


def test_a_browser_that_fails_is_a_fault_and_the_others_are_asked(bundle, monkeypatch):
    def fail(*args: object, **settings: object) -> None:
        raise ToolFailedError("chromium ended by itself with status 3")

    monkeypatch.setattr(verify, "_why_not_browser", lambda *args: "")
    monkeypatch.setattr(verify, "ask_in_browser", fail)
    found = verify_bundle(bundle)
    assert found.faults == ("browser/model.json: chromium ended by itself with status 3",)
    assert list(found.parity) == ["server.fp32.onnx", "server.int8.onnx"]


def reseal(bundle: Path, **fields: object) -> None:
    """As somebody does who knows of the hashes."""
    path = bundle / "model.json"
    data = json.loads(path.read_text())
    data["files"] = {name: describe_file(bundle / name) for name in data["files"]}
    path.write_text(manifest_text({**data, **fields}))


def test_a_graph_that_disagrees_with_the_golden_answers_is_named(bundle):
    path = bundle / "server.fp32.onnx"
    graph = onnx.load(path)
    (head,) = [one for one in graph.graph.initializer if one.name.endswith("species_head.weight")]
    values = onnx.numpy_helper.to_array(head)[::-1].copy()  # figs are apples
    head.CopyFrom(onnx.numpy_helper.from_array(values, head.name))
    onnx.save(graph, path)
    reseal(bundle)
    found = verify_bundle(bundle)
    assert all(fault.startswith("server.fp32.onnx: ") for fault in found.faults)
    assert "of the likeliest classes are not PyTorch's on 24 pictures; at most 0.0% is" in str(
        found.faults
    )


def test_golden_answers_of_a_tree_of_another_size_are_a_fault_of_every_graph(bundle):
    path = bundle / "golden/answers.json"
    rows = json.loads(path.read_text())
    for row in rows:
        row["joint"] = row["joint"][:3]
    path.write_text(json.dumps(rows))
    reseal(bundle)
    found = verify_bundle(bundle)
    sizes = "answers 3 species, 4 classes and 2 scores; the golden answers have 3, 3 and 2."
    assert [fault.partition(" They")[0] for fault in found.faults] == [
        f"server.fp32.onnx: {sizes}",
        f"server.int8.onnx: {sizes}",
    ]


def test_a_file_that_is_no_graph_is_refused_with_its_name(bundle):
    (bundle / "server.int8.onnx").write_bytes(b"no graph")
    reseal(bundle)
    with pytest.raises(UsageError, match=r"server\.int8\.onnx: ONNX Runtime .* cannot open or ask"):
        verify_bundle(bundle)


def test_golden_answers_that_are_not_whole_are_refused(bundle):
    (bundle / "golden/answers.json").write_text('[{"picture": "00.png"}]')
    reseal(bundle)
    with pytest.raises(UsageError, match=r"golden/answers\.json: not as export wrote it"):
        verify_bundle(bundle)


def test_the_browsers_model_is_asked_only_where_there_is_one(bundle):
    with pytest.raises(UsageError, match="cannot be asked, this bundle has none"):
        verify_bundle(bundle, browser=True)
    assert verify_bundle(bundle, browser=False).notes == (
        "browser/model.json: not asked, by --no-browser.",
    )


def test_the_command_prints_files_and_table_and_exits_with_0(bundle, capsys):
    assert main(["verify", str(bundle), "--no-browser"]) == 0
    said = capsys.readouterr().out
    assert "whole  golden/23.png\n" in said
    assert "server.int8.onnx" in said.partition("golden pictures")[2]
    assert said.endswith(f"{bundle}: cpu-1 is whole, and answers as it should\n")


def test_the_command_exits_with_1_and_names_what_is_wrong(bundle, capsys):
    (bundle / "report.html").write_text("changed")
    assert main(["verify", str(bundle)]) == 1
    said = capsys.readouterr()
    assert "BROKEN report.html\n" in said.out
    assert said.err.startswith(f"leaflake verify: {bundle}/report.html: found 7 bytes with sha256")
    assert said.out.endswith(f"{bundle}: cpu-1 must not be used\n")


def test_the_command_exits_with_2_where_there_is_no_bundle(tmp_path, capsys):
    assert main(["verify", str(tmp_path)]) == 2
    assert "not a bundle" in capsys.readouterr().err
