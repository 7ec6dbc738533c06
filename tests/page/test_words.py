"""The page's words for answers of a model that knows plants, and of one that knows only classes."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from serve.site import STATIC

NODE = shutil.which("node")

SCRIPT = """
import fs from "node:fs";
import { inShort, leastSure, others, words } from "./words.js";
const { rows, bundle } = JSON.parse(fs.readFileSync(0));
console.log(JSON.stringify(rows.map((row) => {
  const { title, note } = words(row, { classes: [] });
  const could = (others(row)?.list ?? []).map(({ over, name }) => [over, name]);
  return [title, note ?? "", inShort(row), could, leastSure(row, bundle)];
})));
"""

BUNDLE = {
    "labels": {"species": [{"species_id": "beach"}, {"species_id": "no_plant"}]},
    "thresholds": {"species": [0.9, 0.5], "handover": {"species": 0.8}},
}


def row(rank: str, *ids: tuple[str, str], of_plants: bool = False) -> dict[str, Any]:
    named = rank == "species"
    return {
        "answer": {
            "rank": rank,
            "species": "Beach" if named else None,
            "species_id": "beach" if named else None,
            "condition_id": None,
        },
        "species": [{"species": "Beach", "species_id": "beach", "scientific": ""}],
        "conditions": [
            {"species_id": one, "species": "Beach", "condition_id": other, "condition": "Rust"}
            for one, other in ids
        ],
        "of_plants": of_plants,
        "source": "browser",
    }


@pytest.mark.skipif(NODE is None, reason="node is not installed")
def said(tmp_path: Path, rows: list[dict[str, Any]]) -> list[Any]:
    """For each row title, note, short form, what else it could be, and from where on it counts."""
    for name in ("labels.js", "words.js"):
        shutil.copy(STATIC / name, tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "run.js").write_text(SCRIPT)
    command, asked = [str(NODE), "run.js"], {"rows": rows, "bundle": BUNDLE}
    found = subprocess.run(
        command, cwd=tmp_path, input=json.dumps(asked).encode(), capture_output=True, check=True
    )
    return list(json.loads(found.stdout))


@pytest.mark.skipif(NODE is None, reason="node is not installed")
def test_what_is_no_plant_is_not_told_as_plants(tmp_path: Path) -> None:
    ids = [("beach", "unknown"), ("no_plant", "background")]
    ranks = ("species", "not_sure", "not_a_plant", "unknown_species")
    none = ["None of these", "It seems to be nothing that this model has learnt."]
    neither = ["", "None of these"]
    assert said(tmp_path, [row(rank, *ids) for rank in ranks]) == [
        ["Beach", "", ["Beach", ""], [neither], None],
        [
            "Not sure",
            "The best guess is Beach, but that is not sure enough to count.",
            ["Not sure", ""],
            [["", "Beach"], neither],
            0.9,
        ],
        [*none, ["None of these", ""], [], None],
        [*none, ["None of these", ""], [], None],
    ]


@pytest.mark.skipif(NODE is None, reason="node is not installed")
def test_plants_are_told_as_plants_also_without_conditions(tmp_path: Path) -> None:
    rust = [("beach", "unknown"), ("beach", "rust")]
    rows = [
        row("species", *rust, of_plants=True),
        row("species", ("beach", "unknown"), of_plants=True),
        row("not_a_plant", ("no_plant", "background"), of_plants=True),
    ]
    clear = (
        "Which plant it is seems clear, but not what it has. A picture of one leaf, close up and "
        "in daylight, often helps."
    )
    leaf = (
        "There seems to be no leaf in this picture. If there is one, move closer, so that it fills "
        "the picture."
    )
    assert said(tmp_path, rows) == [
        ["Beach", clear, ["Beach", "What it has is not clear"], [["Beach", "Rust"]], None],
        ["Beach", "", ["Beach", ""], [], None],
        ["Not a plant", leaf, ["Not a plant", ""], [], None],
    ]
