"""`just bench-answer`: how long one answer takes, ours beside PyTorch and OpenVINO, in one run.

In: a run and its bundle, or the name of a backbone, which then has random weights, and a run whose
classes it shall tell apart. Out: a table, and one line of JSON. All take turns on one picture.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import simplejpeg
import torch

from export.bench_contestants import (
    Answer,
    CannotRunError,
    with_onnxruntime,
    with_openvino,
    with_torch,
    with_torch_compile,
)
from export.latency import SHAPE, time_in_turn
from export.manifest import read_manifest
from export.onnx_graph import export_onnx
from export.parity import FP32, INT8
from export.quantise import quantise
from export.reject import Rejection
from export.reject_scores import MaxSoftmax
from export.released import Released
from leaflake import UsageError
from shards.decode import decode_image
from train.backbones import load_backbone
from train.classifier import Classifier
from train.run_folder import read_run

GOAL = 1.5
"""Times as fast as float32 that INT8 should be."""

CALIBRATION_PICTURES = 16
"""For random weights, whose answers mean nothing."""

DECODING = "decoding the JPEG"


@dataclass(frozen=True)
class Timed:
    """One contestant."""

    median_ms: float
    p99_ms: float

    difference: float
    """Largest difference of a species' probability from PyTorch's; the bench would show a runtime
    that computes something else."""


def bench_bundle(run: Path, bundle: Path, threads: int, repeats: int) -> dict[str, Timed]:
    """Time the files of a bundle, and the network of the run that it was made from."""
    manifest = read_manifest(bundle)
    network = read_run(run).load_model()
    temperatures = [manifest.temperatures[rank] for rank in ("species", "condition")]
    network.heads.get_buffer("temperatures").copy_(torch.tensor(temperatures))
    return time_answers(network, bundle, threads, repeats)


def bench_backbone(
    name: str, classes_of: Path, threads: int, repeats: int, side: int
) -> dict[str, Timed]:
    """The same of a network with random weights, exported and quantised here, which sees a square
    of `side` pixels. Its speed is that of a trained one: how long a product takes does not depend
    on the numbers."""
    run = read_run(classes_of)
    torch.manual_seed(0)
    backbone = load_backbone(name, pretrained=False)
    network = Classifier(backbone, run.tree, side).eval()
    rule = Rejection((), MaxSoftmax(), MaxSoftmax())
    with tempfile.TemporaryDirectory(prefix="leaflake-bench-") as folder:
        fp32, int8 = Path(folder) / FP32, Path(folder) / INT8
        export_onnx(Released(network, rule).eval(), fp32)
        quantise(fp32, int8, map(draw_picture, range(CALIBRATION_PICTURES)))
        return time_answers(network, Path(folder), threads, repeats)


def time_answers(network: Classifier, folder: Path, threads: int, repeats: int) -> dict[str, Timed]:
    """Time every contestant that can run here, and the decoder, which all of them need."""
    torch.set_num_threads(threads)
    image = draw_picture(0)
    jpeg = simplejpeg.encode_jpeg(image, quality=90)
    answers = open_contestants(network, folder, image, threads)
    calls: dict[str, Callable[[], object]] = {DECODING: partial(decode_image, jpeg)}
    calls |= {name: partial(answer, image) for name, answer in answers.items()}
    expected = np.exp(answers["PyTorch"](image))
    differences = {
        name: float(np.abs(np.exp(answer(image)) - expected).max())
        for name, answer in answers.items()
    }
    return {
        name: Timed(
            float(np.median(found)), float(np.percentile(found, 99)), differences.get(name, 0.0)
        )
        for name, found in time_in_turn(calls, repeats).items()
    }


def open_contestants(
    network: Classifier, folder: Path, image: np.ndarray, threads: int
) -> dict[str, Answer]:
    """Name -> answer, of those that can run here; why the others cannot goes to standard error."""
    fp32, int8 = folder / FP32, folder / INT8
    openers: dict[str, Callable[[], Answer]] = {
        FP32: partial(with_onnxruntime, fp32, threads),
        INT8: partial(with_onnxruntime, int8, threads),
        "PyTorch": partial(with_torch, network),
        "torch.compile": partial(with_torch_compile, network, image),
        "OpenVINO, float32": partial(with_openvino, fp32, threads, "f32"),
        "OpenVINO, its choice": partial(with_openvino, fp32, threads),
        f"OpenVINO, {INT8}": partial(with_openvino, int8, threads),
    }
    answers = {}
    for name, opener in openers.items():
        try:
            answers[name] = opener()
        except CannotRunError as error:
            print(f"{name} is left out: {error}", file=sys.stderr)
    return answers


def draw_picture(seed: int) -> np.ndarray:
    """uint8 SHAPE: soft patches of colour with some grain, so that its JPEG is like a
    photograph's."""
    height, width, _ = SHAPE
    random = np.random.default_rng(seed)
    patches = random.uniform(0, 255, (6, 8, 3)).astype(np.float32)
    scene = cv2.resize(patches, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(scene + random.normal(0, 6, SHAPE), 0, 255).astype(np.uint8)


def table(found: Mapping[str, Timed]) -> list[str]:
    """A line each, and what INT8 gains."""
    lines = [
        f"{name:<26} median {one.median_ms:7.1f} ms   p99 {one.p99_ms:7.1f} ms"
        + ("" if name == DECODING else f"   {one.difference:.1e} from PyTorch")
        for name, one in found.items()
    ]
    times = found[FP32].median_ms / found[INT8].median_ms
    return [*lines, f"{INT8} is {times:.2f} times as fast as {FP32}; goal: {GOAL}"]


def main() -> int:
    """Arguments, and the exit status."""
    parser = argparse.ArgumentParser(prog="python -m export.bench_answer", description=__doc__)
    parser.add_argument("run", type=Path, nargs="?", metavar="RUN")
    parser.add_argument("bundle", type=Path, nargs="?", metavar="BUNDLE")
    parser.add_argument("--backbone", metavar="NAME", help="of timm, with random weights")
    parser.add_argument("--classes-of", type=Path, metavar="RUN", help="for --backbone")
    parser.add_argument("--side", type=int, default=224, help="of the square, for --backbone")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=200)
    args = parser.parse_args()
    how = {"threads": args.threads, "repeats": args.repeats}
    try:
        if args.backbone and args.classes_of and not args.run:
            what = args.backbone
            found = bench_backbone(what, args.classes_of, **how, side=args.side)
        elif args.run and args.bundle and not args.backbone:
            what, found = args.run.name, bench_bundle(args.run, args.bundle, **how)
        else:
            parser.error("expected RUN BUNDLE, or --backbone NAME --classes-of RUN")
    except UsageError as error:
        print(f"export.bench_answer: {error}", file=sys.stderr)
        return 2
    size = f"{SHAPE[1]}x{SHAPE[0]}"
    print(f"{what}, one picture of {size}, {args.threads} threads, {args.repeats} times")
    for line in table(found):
        print(line)
    print(json.dumps({name: asdict(one) for name, one in found.items()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
