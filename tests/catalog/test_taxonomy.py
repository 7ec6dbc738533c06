"""The label tree: its order, its blocks, its names, its JSON form, and what it refuses."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.name_tables import CAUSES, condition_rows, species_rows
from catalog.taxonomy import Condition, LabelTree, Species

PAIRS = [
    ("tomato", "late_blight"),
    ("apple", "scab"),
    ("no_plant", "background"),
    ("tomato", "healthy"),
    ("apple", "healthy"),
    ("tomato", "early_blight"),
]

slugs = st.from_regex(r"[a-z]{1,6}(_[a-z0-9]{1,4})?", fullmatch=True)
pair_lists = st.lists(st.tuples(slugs, slugs), max_size=20)


def test_classes_are_sorted_by_species_then_condition() -> None:
    tree = LabelTree.from_pairs(PAIRS)
    labels = [tree.label(k) for k in range(tree.num_classes)]
    assert [(s.species_id, c.condition_id) for s, c in labels] == [
        ("apple", "healthy"),
        ("apple", "scab"),
        ("no_plant", "background"),
        ("tomato", "early_blight"),
        ("tomato", "healthy"),
        ("tomato", "late_blight"),
    ]


def test_every_species_owns_one_contiguous_block() -> None:
    tree = LabelTree.from_pairs(PAIRS)
    assert (tree.num_species, tree.num_classes) == (3, 6)
    assert tree.blocks() == ((0, 2), (2, 3), (3, 6))
    assert tree.class_species() == (0, 0, 1, 2, 2, 2)


def test_indices_find_what_label_gives_back() -> None:
    tree = LabelTree.from_pairs(PAIRS)
    assert tree.species_index("no_plant") == 1
    assert tree.class_index("tomato", "late_blight") == 5


def test_order_and_repeats_of_the_pairs_do_not_matter() -> None:
    assert LabelTree.from_pairs(PAIRS[::-1] + PAIRS) == LabelTree.from_pairs(PAIRS)


def test_names_and_cause_come_from_the_tables() -> None:
    assert LabelTree.from_pairs([("bell_pepper", "late_blight")]).label(0) == (
        Species(
            "bell_pepper",
            "Bell pepper",
            "Capsicum annuum",
            (Condition("late_blight", "Late blight", "oomycete"),),
        ),
        Condition("late_blight", "Late blight", "oomycete"),
    )


def test_ids_outside_the_tables_get_readable_names() -> None:
    assert LabelTree.from_pairs([("moon_flower", "blue_haze")]).species == (
        Species(
            "moon_flower", "Moon flower", "", (Condition("blue_haze", "Blue haze", "unknown"),)
        ),
    )


def test_json_form_is_plain_and_in_class_order() -> None:
    tree = LabelTree.from_pairs([("no_plant", "background"), ("apple", "scab")])
    assert tree.to_json() == {
        "species": [
            {
                "species_id": "apple",
                "name": "Apple",
                "scientific": "Malus domestica",
                "conditions": [{"condition_id": "scab", "name": "Scab", "cause": "fungus"}],
            },
            {
                "species_id": "no_plant",
                "name": "No plant",
                "scientific": "",
                "conditions": [
                    {"condition_id": "background", "name": "Background", "cause": "none"}
                ],
            },
        ]
    }


@given(pair_lists)
def test_json_round_trip_gives_the_same_tree(pairs: list[tuple[str, str]]) -> None:
    tree = LabelTree.from_pairs(pairs)
    assert LabelTree.from_json(json.loads(json.dumps(tree.to_json()))) == tree


@given(pair_lists)
def test_blocks_cover_all_classes_once(pairs: list[tuple[str, str]]) -> None:
    tree = LabelTree.from_pairs(pairs)
    covered = [k for start, stop in tree.blocks() for k in range(start, stop)]
    assert covered == list(range(len(set(pairs))))
    assert [tree.class_index(*pair) for pair in sorted(set(pairs))] == covered


def test_an_empty_tree_has_no_classes() -> None:
    tree = LabelTree.from_pairs([])
    assert (tree.num_species, tree.num_classes, tree.blocks()) == (0, 0, ())


@pytest.mark.parametrize("bad", ["Late blight", "", "late__blight", "_x", "scab\n", "été"])
def test_an_id_that_is_no_slug_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="is not a slug: lower-case letters"):
        LabelTree.from_pairs([("apple", bad)])
    with pytest.raises(ValueError, match="species id .* is not a slug"):
        LabelTree.from_pairs([(bad, "scab")])


def test_unknown_positions_are_refused_by_name() -> None:
    tree = LabelTree.from_pairs(PAIRS)
    with pytest.raises(KeyError, match="species 'pear' is not in this label tree"):
        tree.species_index("pear")
    with pytest.raises(KeyError, match="the pair \\('apple', 'rust'\\) is not in this"):
        tree.class_index("apple", "rust")
    for outside in (-1, 6):
        with pytest.raises(IndexError, match=f"class {outside} is not in 0..5"):
            tree.label(outside)


def _entry(species_id: str, *condition_ids: str) -> dict[str, object]:
    conditions = [{"condition_id": c, "name": c, "cause": "unknown"} for c in condition_ids]
    return {"species_id": species_id, "name": "x", "scientific": "", "conditions": conditions}


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ([], 'the label tree must be an object with a list under "species"'),
        ({"species": {}}, 'the label tree must be an object with a list under "species"'),
        ({"species": ["apple"]}, 'species\\[0\\] must be an object with a text under "species_id"'),
        (
            {"species": [_entry("Apple", "scab")]},
            "species\\[0\\]: species id 'Apple' is not a slug",
        ),
        ({"species": [_entry("apple")]}, "species\\[0\\] \\(apple\\) has no condition"),
        (
            {"species": [_entry("pear", "scab"), _entry("apple", "scab")]},
            "species of the label tree must be sorted by id and none twice: 'apple' follows 'pear'",
        ),
        (
            {"species": [_entry("apple", "scab", "scab")]},
            "conditions of apple must be sorted by id and none twice: 'scab' follows 'scab'",
        ),
        (
            {"species": [{**_entry("apple", "scab"), "name": 3}]},
            'species\\[0\\] must be an object with a text under "name"',
        ),
        (
            {"species": [{**_entry("apple"), "conditions": [{"condition_id": "scab"}]}]},
            'species\\[0\\].conditions\\[0\\] must be an object with a text under "name"',
        ),
    ],
)
def test_broken_json_is_refused_with_its_place(document: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        LabelTree.from_json(document)


def test_the_tables_are_broad_and_every_cause_is_a_known_one() -> None:
    assert len(species_rows()) >= 250
    assert len(condition_rows()) >= 250
    assert {row.cause for row in condition_rows().values()} <= set(CAUSES)


def test_the_conditions_that_code_names_are_in_the_table() -> None:
    causes = {
        i: condition_rows()[i].cause for i in ("healthy", "unknown", "background", "diseased")
    }
    assert causes == {
        "healthy": "none",
        "unknown": "unknown",
        "background": "none",
        "diseased": "unknown",
    }
