"""What somebody says of an answer, checked. In: JSON and a label tree. Out: a Correction.

The row that is kept of it has nothing that says who sent it: no address, no browser, no file name.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from typing import Any, get_args

from serve.labels import NO_PLANT, Kind, Labels
from serve.refusals import ApiError

MAX_OTHER = 80
"""Letters of a plant's name that the label tree lacks."""

MAX_NOTE = 500

ROUNDING = 1e-3
"""By so much a sum of a browser's probabilities may be over one."""

KEYS = {"request_id", "predicted", "model", "source", "correct", "consent", "note"}
NODE_KEYS = {"rank", "species_id", "species", "condition_id", "condition", "probability"}
"""`predicted` may be the whole `answer` as it came; the names in it are not kept."""

MODEL_KEYS = {"name", "version", "sha256", "file"}
CORRECT_KEYS = {"species_id", "condition_id", "other"}

_ID = re.compile("[a-z0-9_]{1,80}")
_REQUEST_ID = re.compile("[0-9a-f]{16}")
_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Said:
    """What it shows, by whoever looked at the plant."""

    species_id: str | None
    """Of the label tree, or NO_PLANT; None where `other` says it."""

    condition_id: str | None
    """None: they do not know."""

    other: str | None
    """A plant that the label tree lacks, as they call it; it may name a disease too."""


@dataclass(frozen=True)
class Correction:
    """One correction. Its fields are the keys of its row."""

    request_id: str | None
    """Of the answer that was corrected, where the server gave it."""

    source: str
    """Who answered: server or browser."""

    model: dict[str, str]
    """`name`, `version`, `sha256` of the bundle that answered, and `file` if it was said."""

    predicted: dict[str, Any]
    """`rank`, `species_id`, `condition_id`, `probability` of the answer."""

    correct: Said

    consent: bool
    """Whether the picture may be kept, to learn from it."""

    note: str | None

    def to_row(self) -> dict[str, Any]:
        """As it is kept."""
        return asdict(self)


def read_correction(data: bytes, labels: Labels) -> Correction:
    """Check the JSON of one correction. Raises ApiError, which names the field."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise bad_feedback("it is not JSON") from None
    found = _object(value, "it", KEYS)
    consent = found.get("consent")
    if not isinstance(consent, bool):
        raise bad_feedback("`consent` is neither true nor false")
    source = found.get("source")
    if source not in ("server", "browser"):
        raise bad_feedback("`source` is neither server nor browser")
    return Correction(
        request_id=_matching(found.get("request_id"), "request_id", _REQUEST_ID),
        source=source,
        model=_read_model(found.get("model")),
        predicted=_read_predicted(found.get("predicted")),
        correct=_read_said(found.get("correct"), labels),
        consent=consent,
        note=_text(found.get("note"), "note", MAX_NOTE),
    )


def bad_feedback(what: str) -> ApiError:
    """A correction that cannot be kept as it is."""
    return ApiError(
        400,
        "bad_feedback",
        f"The correction cannot be read: {what}.",
        "Send it as /openapi.json describes it. Nothing was kept.",
    )


def _object(value: object, what: str, keys: set[str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise bad_feedback(f"{what} is no object")
    if unknown := sorted(value.keys() - keys):
        name = unknown[0][:40].encode("ascii", "replace").decode()
        raise bad_feedback(f'{what} has a key "{name}"; expected {", ".join(sorted(keys))}')
    return value


def _read_model(value: object) -> dict[str, str]:
    model = _object(value, "`model`", MODEL_KEYS)
    found = {key: _text(model.get(key), f"model.{key}", 100) for key in ("name", "version", "file")}
    found["sha256"] = _matching(model.get("sha256"), "model.sha256", _SHA256)
    if missing := [key for key in ("name", "version", "sha256") if found[key] is None]:
        raise bad_feedback(f"`model` has no {missing[0]}")
    return {key: text for key, text in found.items() if text is not None}


def _read_predicted(value: object) -> dict[str, Any]:
    node = _object(value, "`predicted`", NODE_KEYS)
    if node.get("rank") not in get_args(Kind):
        raise bad_feedback(f"`predicted.rank` is none of {', '.join(get_args(Kind))}")
    probability = node.get("probability")
    is_number = isinstance(probability, (int, float)) and not isinstance(probability, bool)
    if probability is not None and not (is_number and 0 <= probability <= 1 + ROUNDING):
        raise bad_feedback("`predicted.probability` is neither null nor a number from 0 to 1")
    return {
        "rank": node["rank"],
        # Not looked up: a browser may have answered with an older model.
        "species_id": _matching(node.get("species_id"), "predicted.species_id", _ID),
        "condition_id": _matching(node.get("condition_id"), "predicted.condition_id", _ID),
        "probability": probability if probability is None else min(float(probability), 1.0),
    }


def _read_said(value: object, labels: Labels) -> Said:
    said = _object(value, "`correct`", CORRECT_KEYS)
    other = _text(said.get("other"), "correct.other", MAX_OTHER)
    species_id, condition_id = said.get("species_id"), said.get("condition_id")
    if other is not None:
        if species_id is not None or condition_id is not None:
            raise bad_feedback("`correct` has ids beside `other`, which is for a plant without one")
        return Said(None, None, other)
    if species_id != NO_PLANT and species_id not in labels.species_ids:
        raise bad_feedback(
            "`correct.species_id` is no id of GET /api/species; a plant that is missing there goes "
            "into `correct.other`"
        )
    known = [one.condition_id for one in labels.classes if one.species_id == species_id]
    if condition_id is not None and condition_id not in known:
        raise bad_feedback(f"`correct.condition_id` is no condition of {species_id}")
    return Said(species_id, condition_id, None)


def _matching(value: object, name: str, pattern: re.Pattern[str]) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise bad_feedback(f"`{name}` is not of the form {pattern.pattern}")
    return value


def _text(value: object, name: str, most: int) -> str | None:
    """A text on one line; None where it is empty."""
    if value is None:
        return None
    text = " ".join(value.split()) if isinstance(value, str) else ""
    # Not printable are control signs, and halves of letters that no file can hold.
    if not isinstance(value, str) or len(text) > most or not text.isprintable():
        raise bad_feedback(f"`{name}` is no text of at most {most} letters")
    return text or None
