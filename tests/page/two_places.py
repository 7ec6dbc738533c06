"""The bundle of page_bundle.py, but of beaches and mountains: sand and grey; red is neither."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import page_bundle
import pytest
import two_plants

BEACH = (204, 178, 127)
MOUNTAIN = (76, 89, 102)
BETWEEN = (145, 136, 115)
NEITHER = (230, 25, 25)
COLOURS = [(0.8, 0.7, 0.5), (0.3, 0.35, 0.4), (0.9, 0.1, 0.1)]


def species(name: str, condition: str = "unknown") -> dict[str, Any]:
    conditions = [{"condition_id": condition, "name": condition.title(), "cause": "unknown"}]
    title = name.replace("_", " ").capitalize()
    return {"species_id": name, "name": title, "scientific": "", "conditions": conditions}


CHANGES = {
    "TREE": {"species": [species("beach"), species("mountain"), species("no_plant", "background")]},
    "BLOCKS": [1, 1, 1],
    "SPECIES_COLOURS": COLOURS,
    "CLASS_COLOURS": COLOURS,
    "THRESHOLDS": {"target": 0.95, "species": [0.9] * 3, "condition": [2.0] * 3},
    "REJECTION": {"not_a_plant": {"threshold": 9.0}, "unknown_species": {"threshold": 9.0}},
    "GOLDEN": {"beach/unknown": BEACH, "mountain/unknown": MOUNTAIN, "not a plant": NEITHER},
}


def write_places(folder: Path) -> Path:
    """A complete bundle in `folder`."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (two_plants, page_bundle):
            for name in CHANGES.keys() & vars(module).keys():
                patch.setattr(module, name, CHANGES[name])
        return page_bundle.write_page_bundle(folder)
