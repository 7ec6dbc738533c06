"""Rows of `leaflake classify` as CSV, for people with a spreadsheet. In: rows. Out: lines.

RFC 4180 but for the end of a line, which is the system's. Empty is what a row does not have.
"""

from __future__ import annotations

import csv
import io
from typing import Any

COLUMNS = (
    "image",
    *("rank", "species_id", "species", "condition_id", "condition", "probability"),
    *("likeliest_species_id", "likeliest_species_probability"),
    *("not_a_plant", "unknown_species"),
    *("model", "model_version", "model_sha256", "model_file"),
    *("error", "message"),
)
"""The answer, as in its JSON; the likeliest species, also where it was not sure enough; the scores
of the rejection rule; the model; and for a picture that could not be used, why."""


class CsvLines:
    """Called with a row, its line; the first one has the header above it."""

    def __init__(self) -> None:
        self._header: tuple[str, ...] = COLUMNS

    def __call__(self, row: dict[str, Any]) -> str:
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        if self._header:
            writer.writerow(self._header)
            self._header = ()
        writer.writerow(fields(row))
        return out.getvalue().removesuffix("\n")


def fields(row: dict[str, Any]) -> list[Any]:
    """One value for each of COLUMNS."""
    likeliest = row["species"][0] if row["species"] else {}
    model = row.get("model", {})
    error = row.get("error", {})
    found = {
        "image": row["image"],
        **row["answer"],
        "likeliest_species_id": likeliest.get("species_id"),
        "likeliest_species_probability": likeliest.get("probability"),
        **row.get("rejection", {}),
        "model": model.get("name"),
        **{f"model_{key}": model.get(key) for key in ("version", "sha256", "file")},
        "error": error.get("code"),
        "message": error.get("message"),
    }
    return [found.get(column) for column in COLUMNS]
