"""`leaflake export`: arguments, and what came out."""

from __future__ import annotations

import argparse
from pathlib import Path

from catalog.storage import as_place

EXAMPLE = """example:
  leaflake export runs/cpu-20260131-120000 --out bundle/

The bundle's graphs take upright RGB uint8 of any size; nothing has to be prepared."""


def add_export(parser: argparse.ArgumentParser) -> None:
    """Arguments of `leaflake export`."""
    parser.epilog = EXAMPLE
    parser.add_argument("run", type=Path, metavar="RUN")
    parser.add_argument("--out", type=Path, required=True, metavar="BUNDLE")
    parser.add_argument("--lake", type=as_place, metavar="DIR", help="if it was moved since")
    parser.add_argument("--reuse", action="store_true", help="if it is there already, keep it")


def run_export(args: argparse.Namespace) -> int:
    """Export, and print each file's size, accuracy and speed."""
    from export.manifest import MANIFEST_NAME, read_manifest

    if args.reuse and (args.out / MANIFEST_NAME).is_file():
        manifest = read_manifest(args.out)
        if manifest.name == args.run.name:
            print(f"{args.out}: exported before from {manifest.name}")
            return 0
    from export.bundle import export_bundle

    done = export_bundle(args.run, args.out, lake_path=args.lake)
    for name, found in done.files.items():
        print(
            f"{name}: {found['bytes'] / 1e6:.1f} MB; val species "
            f"{100 * found['species_top1']:.1f} %, both {100 * found['joint_top1']:.1f} %; "
            f"{found['milliseconds']:.1f} ms a picture; "
            f"at most {found['largest_difference']:.2g} from torch"
        )
    species, condition = (_from(done.thresholds[rank]) for rank in ("species", "condition"))
    print(f"{args.out}: answers with {done.default}; a species {species}, a condition {condition}")
    return 0


def _from(threshold: float) -> str:
    return "never" if threshold > 1 else f"from p >= {threshold:.2f}"
