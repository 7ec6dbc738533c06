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
import { inShort, words } from "./words.js";
const rows = JSON.parse(fs.readFileSync(0));
console.log(JSON.stringify(rows.map((row) => {
  const { title, note } = words(row, { classes: [] });
  return [title, note ?? "", inShort(row)];
})));
"""


def row(rank: str, *ids: tuple[str, str]) -> dict[str, Any]:
    return {
        "answer": {"rank": rank, "species": "Beach", "species_id": "beach"},
        "species": [{"species": "Beach", "scientific": ""}],
        "conditions": [{"species_id": one, "condition_id": other} for one, other in ids],
    }


@pytest.mark.skipif(NODE is None, reason="node is not installed")
def test_classes_without_conditions_are_not_told_as_plants(tmp_path: Path) -> None:
    for name in ("labels.js", "words.js"):
        shutil.copy(STATIC / name, tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "run.js").write_text(SCRIPT)
    flat = [("beach", "unknown"), ("no_plant", "background")]
    ranks = ("species", "not_sure", "not_a_plant", "unknown_species")
    rows = [row(rank, *flat) for rank in ranks]
    rows += [row("species", ("beach", "unknown"), ("beach", "rust"))]
    rows += [row("not_a_plant", ("no_plant", "background"))]
    command = [str(NODE), "run.js"]
    said = subprocess.run(
        command, cwd=tmp_path, input=json.dumps(rows).encode(), capture_output=True, check=True
    )
    none = ["None of these", "It seems to be nothing that this model has learnt."]
    found = json.loads(said.stdout)
    assert found[:4] == [
        ["Beach", "", ["Beach", ""]],
        [
            "Not sure",
            "The best guess is Beach, but that is not sure enough to count.",
            ["Not sure", ""],
        ],
        [*none, ["None of these", ""]],
        [*none, ["None of these", ""]],
    ]
    plants = [(title, short) for title, _, short in found[4:]]
    assert plants == [
        ("Beach", ["Beach", "What it has is not clear"]),
        ("Not a plant", ["Not a plant", ""]),
    ]
