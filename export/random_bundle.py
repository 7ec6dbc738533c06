"""A bundle of any backbone with random weights, to time a server with: `just bench-upload` has one.

In: a backbone's name and a bundle, whose classes, thresholds and golden pictures it takes. Out: a
bundle that opens and answers like any other, in the time that a trained one takes: how long a
product takes does not depend on the numbers. Its answers mean nothing.

    python -m export.random_bundle swin_tiny_patch4_window7_224 BUNDLE OUT
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import torch

from catalog.taxonomy import LabelTree
from export.bundle_files import describe_files
from export.golden import read_golden, write_golden
from export.manifest import Manifest, read_manifest, write_manifest
from export.new_folder import new_folder, refuse_foreign_folder
from export.onnx_graph import describe_input, describe_outputs, export_onnx
from export.parity import FP32, INT8
from export.quantise import quantise
from export.reject import Rejection
from export.reject_scores import MaxSoftmax
from export.released import Released
from export.said import ask_onnx
from leaflake import UsageError
from shards.decode import decode_image
from train.backbones import load_backbone
from train.classifier import Classifier


def random_bundle(backbone: str, like: Path, out: Path, side: int) -> Manifest:
    """Write to `out` a bundle of `backbone`, which sees a square of `side` pixels.

    Raises UsageError if `like` is no bundle, `out` is something else, or timm lacks the backbone.
    """
    given, golden = read_manifest(like), read_golden(like)
    refuse_foreign_folder(out)
    torch.manual_seed(0)
    tree = LabelTree.from_json(given.tree)
    network = Classifier(load_backbone(backbone, pretrained=False), tree, side)
    released = Released(network.eval(), Rejection((), MaxSoftmax(), MaxSoftmax())).eval()
    with new_folder(out) as folder:
        export_onnx(released, folder / FP32)
        quantise(folder / FP32, folder / INT8, map(decode_image, golden.encoded))
        # What the default file says, as a server asks whether it still says so.
        said = ask_onnx(folder / INT8, golden.encoded, "golden")
        write_golden(folder, golden.encoded, golden.labels, said)
        manifest = replace(
            given,
            name=f"random-{backbone}",
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            default=INT8,
            input=describe_input(released),
            outputs=describe_outputs(released),
            figures={},
            provenance={"backbone": backbone, "weights": "random"},
            files=describe_files(folder),
        )
        write_manifest(folder, manifest)
    return manifest


def main() -> int:
    """Arguments, and the exit status."""
    parser = argparse.ArgumentParser(prog="python -m export.random_bundle", description=__doc__)
    parser.add_argument("backbone", help="of timm")
    parser.add_argument("like", type=Path, metavar="BUNDLE", help="whose classes it tells apart")
    parser.add_argument("out", type=Path)
    parser.add_argument("--side", type=int, default=224, help="of the square that it sees, pixels")
    args = parser.parse_args()
    try:
        manifest = random_bundle(args.backbone, args.like, args.out, args.side)
    except UsageError as error:
        print(f"export.random_bundle: {error}", file=sys.stderr)
        return 2
    print(f"{args.out}: {manifest.name}, whose answers mean nothing")
    return 0


if __name__ == "__main__":
    sys.exit(main())
