"""The reader on the folder names of some hundred public collections (folder_names.tsv)."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from catalog.labels import Reading, read_folder_name

NAMES = [
    tuple(line.split("\t"))
    for line in Path(__file__).with_name("folder_names.tsv").read_text("utf-8").splitlines()
    if not line.startswith("#")
]

NOT_TELLING = """
xyz123 ; -
New folder (3) ; -
DSC_0012 ; -
class_07 ; tomato
tmt lb ; -
EB ; tomato
H ; rice
FN ; lettuce
MR ; wheat
Resistant ; wheat
aplle scb ; -
potatoe erly blite ; -
苹果黑星病 ; -
mixed ; -
leaf ; -
yellow ; -
bp_bs ; -
Peper bell bact. ; -
apple or pear scab ; -
tomato potato late blight ; -
Tomato no late blight ; -
Tomato without late blight ; -
Crab apple scab on tomato ; -
Sweet corn potato blight ; -
apple cedar ; -
disease ; -
maybe tomato rust ; -
wheat resistant to rust ; -
sprayed against late blight potato ; -
tomato before late blight ; -
mango free from anthracnose ; -
rust free wheat ; -
Water chestnut leaf blight ; -
Banana pepper bacterial spot ; -
Fresh tomato with late blight ; -
Leaf blight stage early potato ; -
wheat leaf without rust ; -
bee on sunflower ; -
treated tomato late blight ; -
tomato background ; -
orange rust citrus ; -
"""
"""Names of which nobody could be sure: codes, typos, other languages, negations, two plants."""


def read(folder: str, source: str) -> Reading:
    return read_folder_name(folder, None if source == "-" else source)


def label(reading: Reading) -> tuple[str, str]:
    return reading.species or "-", reading.condition or "-"


def test_names_of_public_collections_are_read_right() -> None:
    wrong = {
        (folder, source): (*label(reading), reading.sure)
        for folder, source, species, condition in NAMES
        if label(reading := read(folder, source)) != (species, condition)
    }
    # Every one is known, and none is sure.
    assert wrong == {
        ("Onion stalk rot", "-"): ("onion", "stalk_rot", False),
        ("Negative", "-"): ("-", "-", False),
        ("Kartoffelkäfer", "-"): ("-", "colorado_potato_beetle", False),
        ("RedRust", "Sugarcane"): ("sugarcane", "algal_leaf_spot", False),
        ("Tomato Blossom Drop & Wilting", "-"): ("tomato", "blossom_drop", False),
    }
    assert len(NAMES) > 1_000


def test_most_of_these_names_need_nobody_to_look() -> None:
    sure = sum(read(folder, source).sure for folder, source, _, _ in NAMES)
    assert sure > 0.9 * len(NAMES)


@pytest.mark.parametrize(
    ("folder", "source"), [line.split(" ; ") for line in NOT_TELLING.strip().split("\n")]
)
def test_a_name_that_does_not_tell_is_never_sure(folder: str, source: str) -> None:
    assert not read(folder, source).sure


def test_the_readings_of_a_large_lake_take_seconds() -> None:
    folders = [(f"{folder} {n}", source) for n in range(12) for folder, source, _, _ in NAMES]
    start_s = time.perf_counter()
    for folder, source in folders:
        read(folder, source)
    # Measured 1.3 s on one of two shared cores, 2026-11-22; the limit catches a change of order.
    assert len(folders) >= 11_499
    assert time.perf_counter() - start_s < 15
