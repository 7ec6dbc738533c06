"""What the bodies of requests and answers look like, as JSON Schema for serve/openapi.py."""

from __future__ import annotations

from typing import Any, get_args

from serve.correction import MAX_NOTE, MAX_OTHER
from serve.labels import Kind

Schema = dict[str, Any]


def text(about: str = "", **more: Any) -> Schema:
    """A string."""
    return {"type": "string", **({"description": about} if about else {}), **more}


def maybe(schema: Schema) -> Schema:
    """The same, or null."""
    return {**schema, "type": [schema["type"], "null"]}


def obj(properties: dict[str, Schema], about: str = "", optional: tuple[str, ...] = ()) -> Schema:
    """An object with these properties and no others, all of them there but the `optional`."""
    return {
        "type": "object",
        **({"description": about} if about else {}),
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }


def array(of: Schema, about: str = "", **more: Any) -> Schema:
    """A list."""
    return {"type": "array", "items": of, **({"description": about} if about else {}), **more}


def ref(name: str) -> Schema:
    """One of SCHEMAS."""
    return {"$ref": f"#/components/schemas/{name}"}


PROBABILITY = {"type": "number", "minimum": 0, "maximum": 1}

MS = {"type": "number", "minimum": 0}
LEAST = {
    "type": "number",
    "description": "The probability from which on it is answered; over 1 if it never is.",
}
REQUEST_ID = text("Of the request; it is in the server's log too.", pattern="^[0-9a-f]{16}$")
SHA256 = text("Of the bundle's manifest.", pattern="^[0-9a-f]{64}$")
SOURCE = text("Who answered.", enum=["server", "browser"])
RANK = text("What is answered; see below.", enum=list(get_args(Kind)))

NODE = {
    "rank": RANK,
    "species_id": maybe(text()),
    "species": maybe(text("Null unless it is the answer.")),
    "condition_id": maybe(text()),
    "condition": maybe(text("Null unless it is the answer.")),
    "probability": {
        **maybe(PROBABILITY),
        "description": "Of what is answered; for not_sure, of the likeliest species. Null where "
        "the rejection rule answered, which has scores and no probabilities.",
    },
}

SPECIES = {
    "species_id": text(),
    "species": text("For people."),
    "scientific": text("In Latin; empty for what is no plant."),
}

CONDITION = {"condition_id": text(), "condition": text("For people.")}

MODEL = {
    "name": text("The training run."),
    "version": text("When the bundle was made, ISO 8601."),
    "sha256": SHA256,
    "file": text("The graph that answered."),
}

SCHEMAS: dict[str, Schema] = {
    "Answer": obj(
        {
            "answer": ref("Node"),
            "species": array(ref("SpeciesGuess"), "The likeliest, likeliest first."),
            "conditions": array(ref("ConditionGuess"), "The same, of p(species, condition)."),
            "rejection": obj(
                {"not_a_plant": {"type": "number"}, "unknown_species": {"type": "number"}},
                "Scores of the rejection rule; GET /api/model has their thresholds.",
            ),
            "of_plants": {
                "type": "boolean",
                "description": "Whether the model is of plants. If not, not_a_plant and "
                "unknown_species mean that it is nothing that the model knows.",
            },
            "model": ref("Model"),
            "pictures": array(
                obj({"answer": ref("Node"), "species": array(ref("SpeciesGuess"))}),
                "Only if several pictures were sent: what each says alone.",
            ),
            "combined": text("Only then: how one answer was made of them."),
            "source": SOURCE,
            "timings": obj(
                {
                    "upload_ms": MS,
                    "wait_ms": MS,
                    "decode_ms": MS,
                    "inference_ms": MS,
                    "total_ms": MS,
                }
            ),
            "request_id": REQUEST_ID,
        },
        optional=("pictures", "combined"),
    ),
    "Node": obj(NODE, "A node of the label tree, or why there is none."),
    "SpeciesGuess": obj({**SPECIES, "probability": PROBABILITY}),
    "ConditionGuess": obj(
        {
            "species_id": text(),
            "species": text(),
            **CONDITION,
            "probability": PROBABILITY,
        }
    ),
    "Model": obj(MODEL),
    "Species": obj(
        {
            **SPECIES,
            "answered_from": LEAST,
            "conditions": array(
                obj(
                    {
                        **CONDITION,
                        "cause": maybe(text("fungus, virus, ...")),
                        "answered_from": LEAST,
                    }
                )
            ),
        }
    ),
    "Error": obj(
        {
            "error": obj(
                {
                    "code": text("For programs."),
                    "message": text("What was found."),
                    "what_to_do": text("For people."),
                }
            ),
            "request_id": REQUEST_ID,
        }
    ),
    "Correction": obj(
        {
            "request_id": maybe(REQUEST_ID),
            "predicted": obj(
                NODE, "The `answer` as it came.", optional=tuple(n for n in NODE if n != "rank")
            ),
            "model": obj(MODEL, "As it came.", optional=("file",)),
            "source": SOURCE,
            "correct": obj(
                {
                    "species_id": maybe(text("Null where `other` names it.")),
                    "condition_id": maybe(text("Null: not known.")),
                    "other": maybe(text("A plant that the model lacks.", maxLength=MAX_OTHER)),
                },
                "What it shows.",
                optional=("species_id", "condition_id", "other"),
            ),
            "consent": {
                "type": "boolean",
                "description": "Whether the picture may be kept, to learn from it.",
            },
            "note": maybe(text(maxLength=MAX_NOTE)),
        },
        optional=("request_id", "note"),
    ),
}
