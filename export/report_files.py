"""The report on the model files: size, speed, accuracy, and how far they are from PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from export.manifest import Manifest
from export.parity import BROWSER
from export.report_html import per_cent, section, table


def files_section(manifest: Manifest) -> str:
    """Size, speed, accuracy and parity of each model file."""
    rows = []
    for name, found in manifest.figures["files"].items():
        test = found["test"]
        rows.append(
            [
                f"<code>{escape(name)}</code>",
                f"{_size(manifest, name) / 1e6:.1f} MB",
                _speed(manifest, name),
                _against(found, "species_top1"),
                _against(found, "joint_top1"),
                per_cent(test["changed"]),
                f"{test['largest_difference']:.2g}"
                f"<small>mean {test['mean_difference']:.2g}</small>",
                per_cent(test["rejection_changed"]),
                f"{test['pictures']:,}",
            ]
        )
    heads = ["file", "size", "one answer", "species", "both", "other answers"]
    heads += ["largest difference", "rejected otherwise", "pictures"]
    machine = manifest.provenance["hardware"]["exported"]
    kept = manifest.figures["int8"].get("kept_float", [])
    words = f" INT8 keeps {len(kept)} nodes in float." if kept else ""
    return section(
        "Files",
        f"Against PyTorch on test; in small print PyTorch's own share. One answer is the median, "
        f"below it the 99th percentile, for a picture of 800x600 on {machine['processor']}, "
        f"{machine['cores']} cores; of the browser's model in headless Chromium on one thread, for "
        f"640x480, with the resize.{words}",
        table(heads, rows),
    )


def _against(found: Mapping[str, Any], figure: str) -> str:
    return f"{per_cent(found[figure])}<small>{per_cent(found['torch'][figure])}</small>"


def _size(manifest: Manifest, name: str) -> int:
    if name == BROWSER:
        return int(manifest.figures["browser"]["bytes"])
    return int(manifest.files[name]["bytes"])


def _speed(manifest: Manifest, name: str) -> str:
    if name == BROWSER:
        times = manifest.figures["browser"]["times_ms"]
        return (
            f"{times['warm_median']:.0f} ms<small>{times['warm_p99']:.0f} ms</small>"
            f"<small>first {times['first']:.0f} ms</small>"
        )
    times = manifest.figures["latency_ms"][name]
    return f"{times['median']:.1f} ms<small>{times['p99']:.1f} ms</small>"
