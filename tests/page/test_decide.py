"""The page's decisions against the server's, in node: the same rows for the same probabilities."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.given import KINDS, Given
from export.handover import HandOver
from export.manifest import REJECTIONS
from serve.answer import Prediction, Question, answer_json
from serve.labels import Labels, Thresholds
from serve.site import STATIC

NODE = shutil.which("node")
CASES = 400
MODEL = {"name": "two-plants", "version": "2026", "sha256": "0" * 64, "file": "browser/model.json"}

SCRIPT = """
import fs from "node:fs";
import { answerRow } from "./decide.js";
import { stands, unsure } from "./handover.js";
import { readLabels, readThresholds } from "./labels.js";
const { manifest, cases, model } = JSON.parse(fs.readFileSync(0));
const labels = readLabels(manifest.tree);
const thresholds = readThresholds(manifest);
console.log(JSON.stringify(cases.map(({ said, reject }) => {
  const row = answerRow(said, labels, thresholds, model, { reject });
  return { row, stands: stands(row, thresholds), unsure: unsure(row) };
})));
"""


def in_node(folder: Path, manifest: dict[str, Any], cases: list[dict[str, Any]]) -> Any:
    for name in ("decide.js", "handover.js", "labels.js"):
        shutil.copy(STATIC / name, folder)
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "run.js").write_text(SCRIPT)
    asked = json.dumps({"manifest": manifest, "cases": cases, "model": MODEL})
    command = [str(NODE), "run.js"]
    out = subprocess.run(command, cwd=folder, input=asked.encode(), capture_output=True, check=True)
    return json.loads(out.stdout)


def draw_tree(random: np.random.Generator) -> dict[str, Any]:
    """Five species, one of them no plant, with one to four conditions, some unknown."""
    names = [f"plant_{number}" for number in range(4)] + ["no_plant"]
    return {
        "species": [
            {
                "species_id": name,
                "name": name.title(),
                "scientific": f"{name} vulgaris",
                "conditions": [
                    {
                        "condition_id": "unknown" if random.random() < 0.2 else f"condition_{i}",
                        "name": f"Condition {i}",
                        "cause": "fungus",
                    }
                    for i in range(random.integers(1, 5))
                ],
            }
            for name in names
        ]
    }


def draw_probabilities(random: np.random.Generator, sizes: list[int]) -> tuple[Any, Any]:
    """(S,) and (C,), on a coarse grid, so that ties and hits of a threshold are common."""
    species = random.integers(0, 5, len(sizes)) / 4
    joint = [species[i] * random.integers(0, 5, size) / 4 for i, size in enumerate(sizes)]
    return species, np.concatenate(joint)


@pytest.mark.skipif(NODE is None, reason="needs node")
def test_the_page_decides_as_the_server_does(tmp_path):
    random = np.random.default_rng(7)
    tree = draw_tree(random)
    labels = Labels.from_tree(tree)
    sizes = [len(one["conditions"]) for one in tree["species"]]
    manifest = {
        "tree": tree,
        "thresholds": {
            "target": 0.95,
            "species": (random.integers(0, 5, len(sizes)) / 4).tolist(),
            "condition": (random.integers(0, 5, sum(sizes)) / 4).tolist(),
            "handover": {"species": 0.75, "condition": 0.5},
        },
        "rejection": {name: {"threshold": 0.5} for name in REJECTIONS},
        "figures": {"files": {"browser/model.json": {"test": {"rejection_difference": 0.5}}}},
    }
    thresholds = Thresholds.from_manifest(manifest["thresholds"], manifest["rejection"], labels)
    handover = HandOver(**manifest["thresholds"]["handover"])
    cases, rows = [], []
    for _ in range(CASES):
        species, joint = draw_probabilities(random, sizes)
        scores = random.integers(-1, 5, 2) / 2
        reject = bool(random.random() < 0.7)
        said = {"species": species.tolist(), "joint": joint.tolist(), "rejection": scores.tolist()}
        cases.append({"said": said, "reject": reject})
        prediction = Prediction(species, joint, scores)
        rows.append(answer_json(prediction, labels, thresholds, MODEL, Question(reject=reject)))
    found = in_node(tmp_path, manifest, cases)
    assert [one["row"] for one in found] == rows
    assert {row["answer"]["rank"] for row in rows} == {
        *("condition", "species", "not_sure", "not_a_plant", "unknown_species")
    }
    answers = [row["answer"] for row in rows]
    given = Given(
        np.array([KINDS.index(each["rank"]) for each in answers]),
        np.array([each["probability"] for each in answers], float),  # none becomes NaN
        np.zeros(CASES, bool),
    )
    narrow = [  # a score of 0.5 (1 + 0.5) over its threshold is a clear one
        row["answer"]["probability"] is None
        and row["rejection"][row["answer"]["rank"]] < 0.5 + 0.5 * 1.5
        for row in rows
    ]
    assert [one["stands"] for one in found] == (handover.keeps(given) & ~np.array(narrow)).tolist()
    nothing = dict.fromkeys(("species_id", "species", "condition_id", "condition"))
    assert [one["unsure"]["answer"] for one in found] == [
        {"rank": "not_sure", **nothing, "probability": row["species"][0]["probability"]}
        for row in rows
    ]


def small_tree(scientific: str, *condition_ids: str) -> dict[str, Any]:
    conditions = [{"condition_id": one, "name": one, "cause": "none"} for one in condition_ids]
    one = {"species_id": "rose", "name": "Rose", "scientific": scientific, "conditions": conditions}
    background = [{"condition_id": "background", "name": "Background", "cause": "none"}]
    none = {"species_id": "no_plant", "name": "No plant", "scientific": ""}
    return {"species": [{**none, "conditions": background}, one]}


@pytest.mark.skipif(NODE is None, reason="needs node")
def test_page_and_server_agree_which_tree_is_of_plants(tmp_path):
    trees = [
        (small_tree("", "unknown"), False),
        (small_tree("Rosa", "unknown"), True),
        (small_tree("", "rust", "unknown"), True),
    ]
    for tree, of_plants in trees:
        assert Labels.from_tree(tree).of_plants is of_plants
        thresholds = {"species": [2, 2], "condition": [2, 2, 2], "target": 0.95}
        manifest = {
            "tree": tree,
            "thresholds": thresholds,
            "rejection": {name: {"threshold": 0.5} for name in REJECTIONS},
            "figures": {},
        }
        joint = [0.25] * sum(len(one["conditions"]) for one in tree["species"])
        said = {"species": [0.5, 0.5], "joint": joint, "rejection": [0, 0]}
        (found,) = in_node(tmp_path, manifest, [{"said": said, "reject": False}])
        assert found["row"]["of_plants"] is of_plants
