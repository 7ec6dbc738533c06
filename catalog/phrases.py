"""Find the names of plants and conditions in a folder name.

In: the tables of names/ and a text. Out: the `Span`s that explain most of its words,
longest names first, and the words that no name explains. What the spans mean
together is decided in label_rules.py and label_findings.py.

A phrase is looked up by its words joined without a space, so `Leaf spot`, `leafspot`
and `LeafSpot` are one key.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from itertools import permutations

from catalog.folder_words import Chunk, chunks_of, cuts_of, distance, typo_index, words_of
from catalog.name_tables import condition_rows, species_rows, word_lists
from catalog.spans import Meaning, Span, Word

MAX_SPAN_WORDS = 9
"""Longest name in the tables, with room for a `leaf` or `of` in between."""

MIN_FUZZY_LETTERS = 5
"""Below this a typo is as likely another word: pea, pear, tea."""

SURE_FUZZY_LETTERS = 8
"""From here on, one wrong letter with a single candidate is taken as a typo."""

TWO_TYPO_LETTERS = 10
"""From here on two wrong letters are looked for, and never sure."""

_SPECIES, _CONDITION, _LEAF, _NOISE = "species", "condition", "leaf", "noise"
_DISEASE = "disease"


class Lexicon:
    """All phrases of the tables; built once (`lexicon()`), never changed after."""

    def __init__(self) -> None:
        lists = word_lists()
        self._joining = frozenset(lists["joining"])
        self._dropped = frozenset(lists["grammar"]) | self._joining
        self._phrases: dict[str, tuple[Meaning, ...]] = {}
        self._vocabulary: set[str] = set()
        disease = frozenset(lists["disease"])
        self._plain = frozenset(lists["plain"]) | frozenset(lists["taxon"]) | disease
        self._noise = self._plain | frozenset(lists["noise"]) | frozenset(lists["organ"])
        self._leaf = frozenset(lists["leaf"])
        for word in self._noise:
            parts = tuple(word.split("_"))
            kind = _DISEASE if word in disease else _NOISE
            self._add("".join(parts), parts, Meaning(kind, word))
        for word in self._leaf:
            self._add(word, (word,), Meaning(_LEAF, word))
        self._species: dict[str, frozenset[str]] = {}
        self._add_species()
        self._add_conditions()
        self._typos: dict[str, list[str]] = {}

    def words(self, text: str) -> list[Word]:
        """The words of `text` as the tables spell them; grammar words are left out."""
        words: list[Word] = []
        joined = False
        for word in (one for chunk in chunks_of(text) for one in self._words_in(chunk)):
            if word.text in self._joining:
                joined = True
            elif word.text not in self._dropped:
                words.append(replace(word, joined=joined) if joined else word)
                joined = False
        return words

    def cover(self, words: Sequence[Word]) -> list[Span]:
        """The spans that explain `words` best: most letters in the longest phrases."""
        best: list[tuple[int, Span | None]] = [(0, None)] * (len(words) + 1)
        for start in range(len(words) - 1, -1, -1):
            options = self._spans_at(words, start)
            best[start] = max(
                ((span.score + best[span.stop][0], span) for span in options),
                key=lambda option: (option[0], option[1].stop),
            )
        spans: list[Span] = []
        position = 0
        while position < len(words):
            span = best[position][1]
            assert span is not None  # only the end, past the last word, has none
            spans.append(span)
            position = span.stop
        return spans

    def near_species(self, word: str) -> list[str]:
        """Species that a word no table knows might be a misspelling of, sorted."""
        near = self._near(word) if len(word) >= MIN_FUZZY_LETTERS - 1 else []
        found = {i for w in near for i in self._species.get(w, frozenset())}
        return sorted(found)

    def _add(self, key: str, words: tuple[str, ...], meaning: Meaning) -> None:
        present = self._phrases.get(key, ())
        if meaning not in present:
            self._phrases[key] = (*present, meaning)
        self._vocabulary.update(words)

    def _content(self, text: str) -> tuple[str, ...]:
        return tuple(word for word in words_of(text) if word not in self._dropped)

    def _add_species(self) -> None:
        loose: list[tuple[str, str, int]] = []
        genera: list[tuple[str, str, int]] = []
        for row in species_rows().values():
            if row.species_id == "no_plant":
                continue
            for name in row.names:
                self._add_plant(name, row.species_id, loose=0)
                # The sign of a hybrid is no letter: Fragaria × ananassa has two words.
                self._add_plant(name.replace(" x ", " "), row.species_id, loose=0)
            loose += [(name, row.species_id, name.count("?")) for name in row.loose_names]
            if " " in row.scientific:
                genera.append((row.scientific.split()[0], row.species_id, 1))
        # A genus that is listed for one of its plants is not taken for the others.
        for names in (loose, genera):
            taken = set(self._species)
            for name, species_id, looseness in names:
                if "".join(self._content(name)) not in taken:
                    self._add_plant(name, species_id, looseness)

    def _add_plant(self, name: str, species_id: str, loose: int) -> None:
        words = self._content(name)
        key = "".join(words)
        self._add(key, words, Meaning(_SPECIES, species_id, loose=loose))
        self._species[key] = self._species.get(key, frozenset()) | {species_id}

    def _add_conditions(self) -> None:
        variants: list[tuple[str, tuple[str, ...], Meaning]] = []
        for row in condition_rows().values():
            for name in row.names:
                words = self._content(name.text)
                embedded = self._species_within(words)
                meaning = Meaning(_CONDITION, row.condition_id, name.hosts, embedded=embedded)
                self._add("".join(words), words, meaning)
                variants += ((key, words, meaning) for key in self._variants(words))
        own = set(self._phrases)
        for key, words, meaning in variants:
            if key not in own:
                self._add(key, words, meaning)

    def _variants(self, words: tuple[str, ...]) -> Iterable[str]:
        """Keys without `leaf`, and in other word orders.

        At least two words stay: `leaf drop` must not make a name of `drop`.
        """
        short = tuple(w for w in words if w not in self._leaf)
        if len(short) > 1 and short != words:
            yield "".join(short)
        if 2 <= len(short) <= 3:
            yield from ("".join(one) for one in permutations(short) if one != short)
        if len(words) == 3 and short != words:
            yield from ("".join((*words[cut:], *words[:cut])) for cut in (1, 2))

    def _species_within(self, words: tuple[str, ...]) -> frozenset[str]:
        position, found = 0, set[str]()
        while position < len(words):
            for stop in range(len(words), position, -1):
                ids = self._species.get("".join(words[position:stop]))
                if ids:
                    found |= ids
                    position = stop - 1
                    break
            position += 1
        return frozenset(found)

    def _words_in(self, chunk: Chunk) -> list[Word]:
        """One chunk as the words that the tables know, or as near to them as it gets."""
        if self._knows(chunk.word) or len(chunk.word) == 1:
            return [Word(chunk.word)]
        parts = self._break(chunk.word)
        if parts:
            return [Word(part) for part in parts]
        if len(chunk.camel_words) > 1 and any(map(self._knows, chunk.camel_words)):
            return [word for part in chunk.camel_words for word in self._words_in(Chunk(part, ()))]
        return [self._corrected(chunk.word)]

    def _knows(self, word: str) -> bool:
        return word in self._vocabulary or word in self._phrases or word in self._dropped

    def _break(self, word: str) -> list[str]:
        """Fused words apart: `tomatoleaf` -> tomato, leaf; empty if that does not work out.

        No noise word may take part: cottonwood is not the wood of cotton.
        """
        if not 6 <= len(word) <= 40:
            return []
        best: list[list[str] | None] = [[]] + [None] * len(word)
        for stop in range(3, len(word) + 1):
            for start in range(max(0, stop - 20), stop - 2):
                head, piece = best[start], word[start:stop]
                if head is None or piece in self._noise or piece not in self._vocabulary:
                    continue
                if best[stop] is None or len(head) + 1 < len(best[stop] or []):
                    best[stop] = [*head, piece]
        parts = best[-1] or []
        return parts if len(parts) <= 4 else []

    def _corrected(self, word: str) -> Word:
        near = self._near(word) if len(word) >= MIN_FUZZY_LETTERS else []
        if len(near) != 1:
            return Word(word)
        typos = distance(word, near[0], limit=2)
        doubtful = len(word) < SURE_FUZZY_LETTERS or typos > 1
        return Word(near[0], fuzzy=True, doubtful=doubtful)

    def _near(self, word: str) -> list[str]:
        """Words of the tables at the least distance: 1, or 2 for a long word."""
        limit = _max_typos(word)
        if not self._typos:
            long_enough = (w for w in self._vocabulary if len(w) >= MIN_FUZZY_LETTERS)
            self._typos = typo_index(long_enough, _max_typos)
        # The first letter is seldom the wrong one: moonflower is no cornflower.
        pool = {
            other
            for cut in cuts_of(word, limit)
            for other in self._typos.get(cut, ())
            if other[0] == word[0]
        }
        ranked = [(distance(word, other, limit), other) for other in pool]
        least = min((d for d, _ in ranked), default=limit + 1)
        return sorted(other for d, other in ranked if d == least) if least <= limit else []

    def _spans_at(self, words: Sequence[Word], start: int) -> list[Span]:
        options = [Span(start, start + 1, (), 0)]
        for stop in range(start + 1, min(start + MAX_SPAN_WORDS, len(words)) + 1):
            texts = [word.text for word in words[start:stop]]
            span = self._phrase(texts, start, stop)
            if span:
                options.append(span)
        return options

    def _phrase(self, texts: list[str], start: int, stop: int) -> Span | None:
        meanings = self._phrases.get("".join(texts))
        if meanings:
            if meanings[0].kind in (_NOISE, _LEAF, _DISEASE) and len(texts) == 1:
                return Span(start, stop, meanings, 1)
            return Span(start, stop, meanings, _score(texts))
        kept = [text for text in texts if not self._soft(text)]
        if len(kept) in (0, 1, len(texts)) or self._soft(texts[0]) or self._soft(texts[-1]):
            return None
        meanings = self._phrases.get("".join(kept))
        return Span(start, stop, meanings, _score(kept) - 2) if meanings else None

    def _soft(self, text: str) -> bool:
        """Whether a name may have the word in its midst: bacterial leaf spot."""
        return len(text) == 1 or text in self._leaf or text in self._plain


@cache
def lexicon() -> Lexicon:
    """The lexicon of the tables, built at the first call (about 50 ms)."""
    return Lexicon()


def _max_typos(word: str) -> int:
    return 2 if len(word) >= TWO_TYPO_LETTERS else 1


def _score(texts: list[str]) -> int:
    # The bonus lets `citrus greening` as one name beat citrus and greening apart.
    return sum(map(len, texts)) + 4 * (len(texts) - 1)
