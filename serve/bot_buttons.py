"""The buttons below an answer. In: an answer's name and what can be chosen. Out: a keyboard.

What a button does is in its own data, of at most 64 bytes (Bot API, InlineKeyboardButton), so that
buttons work after a restart too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from aiogram.filters.callback_data import CallbackData
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup

from serve.labels import Kind

Step = Literal["right", "wrong", "species", "other", "condition", "keep", "back"]
"""right: the answer is. wrong: choose a species; `choice` is the page. species: the one at `choice`
of the entry's. other: one that is none of them. condition: the one at `choice` of the entry's,
which are those of the species. keep: 1 with the picture, 0 without. back: to the first buttons."""

Row = tuple[str, Step, int]
"""What a button says, and what it does."""

PAGE = 8
"""Species on a page of buttons."""


class Press(CallbackData, prefix="a"):
    """What a button says when it is pressed."""

    answer: str
    """Name of the answer, 16 hexadecimal digits."""

    step: Step
    choice: int = 0


def first_buttons(answer: str, rank: Kind) -> InlineKeyboardMarkup:
    """Below an answer: is it right?"""
    if rank in ("not_sure", "unknown_species"):
        return _column(answer, [("I know what it is", "wrong", 0)])
    return _column(answer, [("That is right", "right", 0), ("It is something else", "wrong", 0)])


def species_buttons(answer: str, names: Sequence[str], page: int) -> InlineKeyboardMarkup:
    """A page of the species, likeliest first, and what is none of them."""
    start = page * PAGE
    rows: list[Row] = [
        (names[i], "species", i) for i in range(start, min(start + PAGE, len(names)))
    ]
    if start + PAGE < len(names):
        rows.append(("More", "wrong", page + 1))
    return _column(answer, [*rows, ("Another one", "other", 0), ("Never mind", "back", 0)])


def condition_buttons(answer: str, names: Sequence[str]) -> InlineKeyboardMarkup:
    """The conditions of a species; -1: nobody knows which."""
    rows: list[Row] = [(name, "condition", i) for i, name in enumerate(names)]
    return _column(
        answer, [*rows, ("I don\u2019t know", "condition", -1), ("Never mind", "back", 0)]
    )


def keep_buttons(answer: str) -> InlineKeyboardMarkup:
    """May the picture be kept?"""
    rows: list[Row] = [("Yes, keep it", "keep", 1), ("No, only note my answer", "keep", 0)]
    return _column(answer, [*rows, ("Never mind", "back", 0)])


def _column(answer: str, rows: Sequence[Row]) -> InlineKeyboardMarkup:
    return InlineKeyboardMarkup(
        inline_keyboard=[
            [
                InlineKeyboardButton(
                    text=text,
                    callback_data=Press(answer=answer, step=step, choice=choice).pack(),
                )
            ]
            for text, step, choice in rows
        ]
    )
