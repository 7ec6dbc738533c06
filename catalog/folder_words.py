"""Cut a folder name into plain words.

In: any text. Out: chunks of letters in lower case without accents, singular, with
the cuts that its capitals suggest. Nothing here knows a plant or a disease.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass

MAX_NAME_LETTERS = 400
"""Longer names are cut: file systems allow 255 bytes, so more is no folder name."""

_CHUNK = re.compile(r"[^\W\d_]+")
_CAMEL = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^A-Z]+")
_SPELLINGS = {
    "grey": "gray",
    "mould": "mold",
    "moulds": "mold",
    "sulphur": "sulfur",
    "colour": "color",
    "fibre": "fiber",
    "oidium": "oidium",
}
_IRREGULAR = {
    "leaves": "leaf",
    "leafs": "leaf",
    "viruses": "virus",
    "larvae": "larva",
    "fungi": "fungus",
    "bacteria": "bacterium",
    "mice": "mouse",
    "species": "species",
}
# Words that end in s and are no plural; cutting them would only make them ugly in a report.
_KEEP_S = ("ss", "us", "is", "as", "os")


@dataclass(frozen=True)
class Chunk:
    """One run of letters of a name."""

    word: str
    """Lower case, no accents, singular."""

    camel_words: tuple[str, ...]
    """What its capitals suggest: `RedRot` -> red, rot. One word: no suggestion."""


def chunks_of(text: str) -> list[Chunk]:
    """The runs of letters of `text`, in order; digits and signs only separate."""
    decomposed = unicodedata.normalize("NFKD", text[:MAX_NAME_LETTERS])
    plain = "".join(c for c in decomposed if not unicodedata.combining(c))
    # An apostrophe belongs to its word: Stewart's wilt, l'oïdium.
    plain = re.sub(r"(?<=\w)['’](s\b|S\b)", "", plain)
    return [_chunk(match.group()) for match in _CHUNK.finditer(plain)]


def words_of(text: str) -> tuple[str, ...]:
    """The words of a table entry, in the same spelling as `chunks_of`."""
    return tuple(chunk.word for chunk in chunks_of(text))


def plain_word(word: str) -> str:
    """Lower case, British spelling to American, plural to singular."""
    word = word.casefold()
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    word = _SPELLINGS.get(word, word)
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 5 and word.endswith("oes"):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(_KEEP_S):
        return word[:-1]
    return word


def _chunk(letters: str) -> Chunk:
    camel = tuple(plain_word(part) for part in _CAMEL.findall(letters))
    return Chunk(plain_word(letters), camel)


def distance(one: str, other: str, limit: int) -> int:
    """Optimal string alignment distance (swapped neighbours count once), or limit + 1."""
    if abs(len(one) - len(other)) > limit:
        return limit + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        before, last, row = row, before, [i]
        for j, b in enumerate(other, start=1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
        if min(row) > limit:
            return limit + 1
    return row[-1]


def cuts_of(word: str, depth: int) -> set[str]:
    """The word and all that is left of it when up to `depth` letters go."""
    cuts = {word}
    for _ in range(depth):
        cuts |= {cut[:i] + cut[i + 1 :] for cut in cuts for i in range(len(cut))}
    return cuts


def typo_index(words: Iterable[str], depth_of: Callable[[str], int]) -> dict[str, list[str]]:
    """Words by what is left of them when letters go: a typo leaves the same rest."""
    index: dict[str, list[str]] = {}
    for word in sorted(words):
        for cut in cuts_of(word, depth_of(word)):
            index.setdefault(cut, []).append(word)
    return index
