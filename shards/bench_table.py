"""What `just bench-loader` says of its measurements. In: medians by name. Out: lines for people."""

from __future__ import annotations

from collections.abc import Mapping

TITLES = {
    "leaflake": "Leaflake",
    "leaflake_stream": "Leaflake, streaming",
    "ceiling_decode": "ceiling: whole pictures decoded",
    "ceiling_crop": "ceiling: decoded, cropped, resized",
    "torchvision": "ImageFolder + DataLoader",
    "torch_fast": "DataLoader, simplejpeg + OpenCV",
    "webdataset": "webdataset",
    "litdata": "LitData",
    "mosaicml": "MosaicML streaming",
    "spdl": "SPDL",
    "ffcv_jpeg": "ffcv, JPEG",
    "ffcv_raw": "ffcv, raw pixels",
}
"""Everybody who takes part, with the name for people."""

OURS = ("leaflake", "leaflake_stream")
CEILINGS = ("ceiling_decode", "ceiling_crop")
KEEPS_PIXELS = "ffcv_raw"
"""The only one that stores pixels instead of JPEGs."""

RIVAL_GOAL, CEILING_GOAL, MEMORY_GOAL = 1.3, 0.85, 0.1
"""At least: rate over the fastest rival that keeps JPEGs, and over `ceiling_crop`. At most: memory
over that of raw pixels."""

NOTE = """\
PSS: memory of all its processes, shared pages counted once. Pictures: the bytes that must be in
memory; those of loaders that read files lie in the system's file cache, outside of PSS.
Programs: the rest of PSS: Python, libraries, batches."""


def programs_mb(figures: Mapping[str, float]) -> float:
    """Memory of its processes that is not pictures."""
    return figures["pss_mb"] + figures["file_cache_mb"] - figures["pictures_mb"]


def by_rate(medians: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Names, fastest first."""
    return sorted(medians, key=lambda name: -medians[name]["pictures_per_s"])


def table(medians: Mapping[str, Mapping[str, float]]) -> str:
    """Fastest first, one line each."""
    head = f"{'pictures/s':>11}{'CPU s/1,000':>13}{'PSS MB':>9}{'pictures MB':>13}"
    lines = [f"{'':36}{head}{'programs MB':>13}"]
    for name in by_rate(medians):
        figures = medians[name]
        lines.append(
            f"{TITLES[name]:<36}{figures['pictures_per_s']:>11,.0f}"
            f"{figures['cpu_s_per_1000']:>13.2f}{figures['pss_mb']:>9,.0f}"
            f"{figures['pictures_mb']:>13,.0f}{programs_mb(figures):>13,.0f}"
        )
    return "\n".join([*lines, NOTE])


def goals(medians: Mapping[str, Mapping[str, float]]) -> list[str]:
    """How Leaflake stands to what it is meant to reach, as far as that was measured."""
    if "leaflake" not in medians:
        return []
    ours = medians["leaflake"]
    rate = ours["pictures_per_s"]
    others = {*OURS, *CEILINGS, KEEPS_PIXELS}
    rivals = [name for name in by_rate(medians) if name not in others]
    lines = []
    if rivals:
        ratio = rate / medians[rivals[0]]["pictures_per_s"]
        lines.append(
            f"{ratio:.2f} x the fastest rival that keeps JPEGs, {TITLES[rivals[0]]} "
            f"(goal {RIVAL_GOAL}: {verdict(ratio >= RIVAL_GOAL)})"
        )
    if "ceiling_crop" in medians:
        share = rate / medians["ceiling_crop"]["pictures_per_s"]
        lines.append(
            f"{share:.0%} of the ceiling with crop and resize "
            f"(goal {CEILING_GOAL:.0%}: {verdict(share >= CEILING_GOAL)})"
        )
    if KEEPS_PIXELS in medians:
        raw = medians[KEEPS_PIXELS]
        ratio = rate / raw["pictures_per_s"]
        share = ours["pictures_mb"] / raw["pictures_mb"]
        lines += [
            f"{ratio:.2f} x {TITLES[KEEPS_PIXELS]} (goal over 1: {verdict(ratio > 1)})",
            f"pictures in {share:.1%} of its memory "
            f"(goal {MEMORY_GOAL:.0%}: {verdict(share <= MEMORY_GOAL)}); "
            f"with programs and batches, which do not grow with the pictures, in "
            f"{ours['pss_mb'] / raw['pss_mb']:.1%}",
        ]
    return lines


def verdict(is_reached: bool) -> str:
    """Of a goal."""
    return "reached" if is_reached else "MISSED"
