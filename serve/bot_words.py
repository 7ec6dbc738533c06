"""What the bot says. In: a row of serve/answer.py. Out: plain text, short enough for a phone."""

from __future__ import annotations

import math
from typing import Any

from serve.classify_cli import has_conditions, name_of, percent
from serve.labels import UNKNOWN

WELCOME = """\
Send me a photograph of a leaf, and I say which plant it is and what it has.

One leaf, close up and in daylight, works best. Several pictures of one plant, sent together as an \
album, are answered together. I say so when I am not sure, or when I see no plant.\
"""

WELCOME_CLASSES = """\
Send me a photograph, and I say what it shows.

Several pictures of one thing, sent together as an album, are answered together. I say so when I \
am not sure, or when it is nothing that I know.\
"""
"""Of a model that is not of plants."""

PRIVACY = """

Your pictures are looked at and forgotten. Only if you correct an answer you are asked whether \
they may be kept, so that the next model learns from them."""

FORGETS = "\n\nYour pictures are looked at and forgotten."

NO_PICTURE = "I can only look at pictures. Send a photograph, or a JPEG, PNG or WebP file."

NOT_FETCHED = "I could not get the picture from Telegram. Please send it again."

TROUBLE = "Something went wrong here, and it was written down. Please try again later."

BUSY = "Too many people are asking at once. Please send the picture again in a minute."

LEAST_SHOWN = 0.01
"""Of a candidate beside the answer: below, it is none."""

OTHER_LINES = 2
"""Candidates beside the answer; with no answer one more."""


def too_many(wait_s: float) -> str:
    """To somebody who sent more pictures than one person may."""
    wait = math.ceil(wait_s)
    return f"These are more pictures than I take from one person. Try again in {wait} s."


def too_large(most_bytes: int) -> str:
    """To somebody whose file a bot cannot get."""
    return (
        f"The file is over {most_bytes // 10**6} MB, which is more than Telegram hands to bots. "
        "Send it as a photo instead of a file."
    )


def refusal(message: str, what_to_do: str) -> str:
    """A refusal of the server's, as sentences."""
    sentence = message[:1].upper() + message[1:]
    return f"{sentence.rstrip('.')}. {what_to_do}"


def sureness(probability: float) -> str:
    """In words, as the page says it."""
    for least, words in ((0.95, "Very sure"), (0.8, "Fairly sure"), (0.6, "Rather sure")):
        if probability >= least:
            return words
    return "A guess"


def describe(row: dict[str, Any], left_out: int = 0) -> str:
    """The answer, how sure it is, and what else it could be; `left_out` pictures were too many."""
    parts = [_said(row), _others(row)]
    if "combined" in row:
        parts.append(f"From the {row['combined']}.")
    if left_out:
        parts.append(f"I did not look at the last {left_out}: that many help no more.")
    return "\n\n".join(part for part in parts if part)


def _said(row: dict[str, Any]) -> str:
    answer, guess = row["answer"], row["species"][0]["species"]
    probability = answer["probability"]
    sure = "" if probability is None else f"{sureness(probability)}, {percent(probability)}."
    if not row["of_plants"]:
        return _said_class(answer, guess, sure)
    match answer["rank"]:
        case "condition":
            return f"{answer['species']}: {answer['condition']}\n{sure}"
        case "species":
            unclear = (
                " What it has is not clear. A picture of one leaf, close up and in daylight, often "
                "helps."
            )
            return f"{answer['species']}\n{sure}{unclear if has_conditions(row) else ''}"
        case "not_a_plant":
            return (
                "Not a plant\nThere seems to be no leaf in this picture. If there is one, move "
                "closer, so that it fills the picture."
            )
        case "unknown_species":
            return (
                "Unknown species\nA plant, but none of the species that this model knows. Of those "
                f"it is most like {guess}."
            )
    return (
        f"Not sure\nThe best guess is {guess}, {percent(row['species'][0]['probability'])}, but "
        "that is not sure enough to count. It may be a plant that this model has not learnt, or a "
        "picture that is dark or out of focus."
    )


def _said_class(answer: dict[str, Any], guess: str, sure: str) -> str:
    """Where there are no plants."""
    if answer["rank"] == "species":
        return f"{answer['species']}\n{sure}"
    if answer["rank"] == "not_sure":
        return (
            f"Not sure\nThe best guess is {guess}, {percent(answer['probability'])}, but that is "
            "not sure enough to count."
        )
    return "None of these\nIt seems to be none of what this model knows."


def _others(row: dict[str, Any]) -> str:
    """What it could be beside the answer; empty where nothing is worth saying."""
    answer, rank = row["answer"], row["answer"]["rank"]
    if rank in ("not_a_plant", "unknown_species"):
        return ""
    likely = [one for one in row["conditions"] if one["probability"] >= LEAST_SHOWN]
    head = {"condition": "The next likeliest:", "species": "What it could have:"}
    if row["of_plants"]:
        listed = [one for one in likely if one["condition_id"] != UNKNOWN]
        if rank == "species":
            listed = [one for one in listed if one["species_id"] == answer["species_id"]]
        said = (answer["species_id"], answer["condition_id"])
        listed = [one for one in listed if (one["species_id"], one["condition_id"]) != said]
    else:
        listed = [one for one in likely if one["species_id"] != answer["species_id"]]
        head = {"species": "The next likeliest:"}
    shown = listed[: OTHER_LINES + (rank == "not_sure")]
    if not shown:
        return ""
    lines = [f"{name_of(one, row)} ({percent(one['probability'])})" for one in shown]
    return "\n".join([head.get(rank, "What it could be:"), *lines])
