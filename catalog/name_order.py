"""Which file comes after which in a folder, by name. In: paths. Out: sort keys, and what follows.

Cameras count their pictures or stamp them with the time, so neighbours in this order were often
taken one after another, of one thing.
"""

from __future__ import annotations

import os
import re

NUMBER_GAP = 2
"""Laboratories took up to three shots of a leaf; one of them may have been sorted out."""

CLOCK_GAP_S = 10
"""Between two shots of one thing, by a time in the name (20211008_124302) or by EXIF."""

NameKey = tuple[tuple[int, int, str], ...]
"""Numbers as (0, number, "") and the text between them as (1, 0, text)."""

_UUID_PREFIX = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}_*")
"""PlantVillage puts a random identity before the camera's own file name."""

_NUMBER = re.compile(r"(\d+)")


def natural_key(path: str) -> NameKey:
    """Sort key under which `IMG_9` comes before `IMG_10`; a random identity in front is dropped."""
    stem = _UUID_PREFIX.sub("", os.path.splitext(os.path.basename(path))[0])
    return tuple(
        (0, int(part), "") if part.isdecimal() else (1, 0, part) for part in _NUMBER.split(stem)
    )


def follow_each_other(first: NameKey, second: NameKey) -> bool:
    """Whether two names are the same but for one number that counts on, or a time that goes on."""
    if len(first) != len(second):
        return False
    places = [i for i, (a, b) in enumerate(zip(first, second, strict=True)) if a != b]
    if len(places) != 1:
        return False
    (kind_a, a, _), (kind_b, b, _) = first[places[0]], second[places[0]]
    if kind_a or kind_b:
        return False
    if _is_clock(first, places[0]):
        return abs(_seconds(a) - _seconds(b)) <= CLOCK_GAP_S
    return abs(a - b) <= NUMBER_GAP


def _is_clock(key: NameKey, place: int) -> bool:
    """Whether the number at `place` is HHMMSS after a date YYYYMMDD: 20211008_124302."""
    date = key[place - 2][1] if place >= 2 else 0
    return 19_000_000 < date < 21_000_000 and key[place][1] < 240_000


def _seconds(clock: int) -> int:
    """HHMMSS -> seconds since midnight."""
    return clock // 10_000 * 3_600 + clock // 100 % 100 * 60 + clock % 100
