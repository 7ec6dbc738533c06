"""`leaflake export-site`: a bundle -> its page as a folder for any static host."""

from __future__ import annotations

import argparse
from pathlib import Path

from leaflake import UsageError

EXAMPLE = """example:
  leaflake export-site demo/bundle --out site
  python -m http.server --directory site

All addresses in it are relative: it works at the root of a host and below a path. Browsers keep it
for visits without a network only at https or on this machine."""


def add_export_site(parser: argparse.ArgumentParser) -> None:
    """The arguments of `leaflake export-site`."""
    parser.epilog = EXAMPLE
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder with a model.json")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="a new folder")
    parser.add_argument(
        "--server",
        metavar="URL",
        help="a Leaflake server for what browsers are not sure of; "
        "start that with --cors and the host of this page",
    )


def run_export_site(args: argparse.Namespace) -> int:
    """Write the folder, say what is in it, return 0."""
    from serve.export_site import export_site

    written = export_site(args.bundle, args.out, server=server_address(args.server))
    print(f"{args.out}: {written.files} files, {written.bytes / 1e6:.1f} MB")
    return 0


def server_address(text: str | None) -> str | None:
    """The address with a slash at its end. Raises UsageError if it is none of http or https."""
    if text is None:
        return None
    if not text.startswith(("http://", "https://")) or " " in text or "?" in text or "#" in text:
        raise UsageError(
            f'--server "{text}" is no address; expected one such as https://leaves.example/. '
            "Nothing was written."
        )
    return text.rstrip("/") + "/"
