import sys

import numpy as np
import pytest

from export.golden import read_golden
from export.manifest import read_manifest
from export.parity import INT8
from export.random_bundle import main, random_bundle
from export.said import ask_onnx
from leaflake import UsageError
from serve.model import Model
from train.plain_cnn import PLAIN_CNN


def test_a_random_bundle_opens_like_any_other_and_says_what_its_golden_answers_say(made, tmp_path):
    written = random_bundle(PLAIN_CNN, made, tmp_path / "random", 32)
    given, found = read_manifest(made), read_manifest(tmp_path / "random")
    assert found == written
    assert (found.name, found.default) == ("random-plain_cnn", INT8)
    assert found.provenance == {"backbone": "plain_cnn", "weights": "random"}
    assert (found.tree, found.thresholds) == (given.tree, given.thresholds)
    assert (found.input["eval_size"], found.input["reduce_to"]) == (32, 128)
    golden = read_golden(tmp_path / "random")
    assert golden.encoded == read_golden(made).encoded
    said = ask_onnx(tmp_path / "random" / INT8, golden.encoded, "golden")
    assert np.allclose(said.joint, golden.said.joint, atol=1e-5)
    assert Model.load(tmp_path / "random").file == INT8


def test_what_is_no_bundle_or_no_backbone_is_refused(made, tmp_path, monkeypatch, capsys):
    with pytest.raises(UsageError, match="no_such_net"):
        random_bundle("no_such_net", made, tmp_path / "random", 32)
    monkeypatch.setattr(sys, "argv", ["random_bundle", "any", str(tmp_path), str(tmp_path / "r")])
    assert main() == 2
    assert "not a bundle" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
