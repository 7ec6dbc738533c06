"""What is found in a folder name: words, and spans of words with what they mean.

In: nothing. Out: the values that phrases.py finds and label_rules.py and label_findings.py judge.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Meaning:
    """One thing that a phrase can mean."""

    kind: str
    """`species`, `condition`, `leaf`, `disease` or `noise` (says nothing: image, train)."""

    meant_id: str
    hosts: frozenset[str] = frozenset()
    """Of a condition: the species on which the phrase means this; empty: any."""

    loose: int = 0
    """0: the phrase means this; 1: it often does; 2: it does now and then."""

    embedded: frozenset[str] = frozenset()
    """Species whose name is part of the phrase: tomato in `tomato mosaic virus`."""


@dataclass(frozen=True)
class Word:
    """One word of a folder name, after typo correction."""

    text: str
    fuzzy: bool = False
    doubtful: bool = False
    """Corrected, and the word is too short or the typo too large to be sure."""

    joined: bool = False
    """An `and` stands before it."""


@dataclass(frozen=True)
class Span:
    """Words [start, stop) and what they mean; no meaning: nobody knows the word."""

    start: int
    stop: int
    meanings: tuple[Meaning, ...]
    score: int

    @property
    def kind(self) -> str:
        return self.meanings[0].kind if self.meanings else ""
