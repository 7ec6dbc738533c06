import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from colours import classifier
from small_graph import write_small_graph

from export import bench_answer
from export.bench_answer import (
    DECODING,
    Timed,
    draw_picture,
    main,
    open_contestants,
    table,
    time_answers,
)
from export.bench_contestants import (
    CannotRunError,
    with_onnxruntime,
    with_openvino,
    with_torch,
    with_torch_compile,
)
from export.latency import SHAPE
from export.parity import FP32, INT8


def test_the_picture_is_as_large_as_said_and_the_same_every_time():
    assert (draw_picture(1).shape, draw_picture(1).dtype) == (SHAPE, np.uint8)
    assert np.array_equal(draw_picture(1), draw_picture(1))
    assert not np.array_equal(draw_picture(1), draw_picture(2))


def test_contestants_give_log_probabilities_of_species(tmp_path, draw):
    image = draw(0, 20, 30).copy()
    said = with_torch(classifier())(image)
    assert said.shape == (3,)
    assert np.exp(said).sum() == pytest.approx(1)
    said = with_onnxruntime(write_small_graph(tmp_path), threads=1)(image)
    assert said.shape == (2,)
    assert np.exp(said).sum() == pytest.approx(1)


def test_openvino_says_so_if_it_is_not_installed(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(CannotRunError, match="not installed"):
        with_openvino(tmp_path / "any.onnx", threads=1)


def test_a_network_that_cannot_be_compiled_is_said(monkeypatch, draw):
    def compile(network, dynamic):
        def answer(image):
            raise RuntimeError("no compiler\nlong story")

        return answer

    monkeypatch.setattr(torch, "compile", compile)
    with pytest.raises(CannotRunError, match=r"torch\.compile failed \(no compiler\)$"):
        with_torch_compile(classifier(), draw(0, 20, 30))


def test_who_cannot_run_is_said_and_left_out(tmp_path, monkeypatch, capsys):
    def refuse(*_):
        raise CannotRunError("not today")

    monkeypatch.setattr(bench_answer, "with_openvino", refuse)
    monkeypatch.setattr(bench_answer, "with_torch_compile", refuse)
    path = write_small_graph(tmp_path)
    for name in (FP32, INT8):
        (tmp_path / name).write_bytes(path.read_bytes())
    answers = open_contestants(classifier(), tmp_path, draw_picture(0), 1)
    assert list(answers) == [FP32, INT8, "PyTorch"]
    assert "torch.compile is left out: not today" in capsys.readouterr().err


def test_all_and_the_decoder_are_timed_and_held_against_pytorch(monkeypatch):
    said = {"PyTorch": [0.5, 0.5], FP32: [0.25, 0.75]}
    answers = {name: lambda image, row=row: np.log(row) for name, row in said.items()}
    monkeypatch.setattr(bench_answer, "open_contestants", lambda *_: answers)
    threads = torch.get_num_threads()
    found = time_answers(classifier(), Path("bundle"), threads, 3)
    assert list(found) == [DECODING, "PyTorch", FP32]
    assert [one.difference for one in found.values()] == pytest.approx([0, 0, 0.25])
    assert all(0 < one.median_ms <= one.p99_ms for one in found.values())


def test_the_table_says_what_int8_gains():
    found = {
        DECODING: Timed(1.0, 1.5, 0.0),
        FP32: Timed(9.0, 12.0, 1e-6),
        INT8: Timed(4.5, 5.0, 0.03),
    }
    assert table(found) == [
        "decoding the JPEG          median     1.0 ms   p99     1.5 ms",
        "server.fp32.onnx           median     9.0 ms   p99    12.0 ms   1.0e-06 from PyTorch",
        "server.int8.onnx           median     4.5 ms   p99     5.0 ms   3.0e-02 from PyTorch",
        "server.int8.onnx is 2.00 times as fast as server.fp32.onnx; goal: 1.5",
    ]


@pytest.mark.parametrize(
    "arguments", [[], ["run"], ["--backbone", "swin"], ["run", "bundle", "--backbone", "swin"]]
)
def test_it_wants_a_bundle_or_a_backbone_and_not_both(arguments, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["bench", *arguments])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert "expected RUN BUNDLE, or --backbone NAME --classes-of RUN" in capsys.readouterr().err


def test_a_folder_that_is_no_bundle_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["bench", str(tmp_path), str(tmp_path)])
    assert main() == 2
    assert capsys.readouterr().err.startswith("export.bench_answer: ")
