"""The tables of names: nothing in them contradicts anything else in them."""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations

from catalog.folder_words import words_of
from catalog.name_tables import condition_rows, species_rows, word_lists


def key(text: str) -> str:
    return "".join(words_of(text))


def test_a_name_means_one_plant() -> None:
    meant = defaultdict(set)
    for row in species_rows().values():
        for name in row.names:
            meant[key(name)].add(row.species_id)
    assert {name: ids for name, ids in meant.items() if len(ids) > 1} == {}


def test_a_name_means_one_condition_on_a_plant() -> None:
    """Of two rows with a name, the one with fewer hosts wins; with equally many, none would."""
    meant = defaultdict(set)
    for row in condition_rows().values():
        for name in row.names:
            meant[key(name.text)].add((row.condition_id, name.hosts))
    torn = {
        name: (one[0], other[0])
        for name, rows in meant.items()
        for one, other in combinations(sorted(rows, key=str), 2)
        if one[0] != other[0]
        and (one[1] == other[1] or (len(one[1]) == len(other[1]) and one[1] & other[1]))
    }
    assert torn == {}


def test_no_plant_is_called_like_a_condition() -> None:
    conditions = {key(name.text) for row in condition_rows().values() for name in row.names}
    plants = {key(name) for row in species_rows().values() for name in row.names}
    assert plants & conditions == {"noplant"}


def test_no_condition_is_called_like_a_plant_and_its_leaf() -> None:
    """`orange leaf` must stay a leaf of an orange tree."""
    lists = word_lists()
    soft = {*lists["leaf"], *lists["plain"]}
    plants = {key(name) for row in species_rows().values() for name in row.names}
    taken = [
        name.text
        for row in condition_rows().values()
        for name in row.names
        if soft & set(words_of(name.text))
        and "".join(word for word in words_of(name.text) if word not in soft) in plants
    ]
    assert taken == []


def test_the_tables_cover_what_collections_ask_for() -> None:
    assert len(species_rows()) > 950
    assert len(condition_rows()) > 550
