"""The views, each over rows that are written out here."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from catalog.lake import Lake, create_lake

Ask = Callable[..., list[tuple[Any, ...]]]

PLAIN = {
    "dataset": "lab",
    "folder": "Tomato healthy",
    "source_path": "/lab/a.jpg",
    "species": "tomato",
    "condition": "healthy",
    "split": "train",
    "status": "ok",
    "shard": 0,
    "offset": 512,
    "length": 9,
    "width": 256,
    "height": 256,
    "original_width": 200,
    "original_height": 200,
    "sharpness": 500.0,
    "brightness": 120.0,
    "saturation": 40.0,
    "entropy": 7.0,
}
"""A sample that no view finds fault with."""


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> Path:
    """An empty lake."""
    path = tmp_path_factory.mktemp("views") / "lake"
    create_lake(path).connection.close()
    return path


@pytest.fixture
def lake(template, tmp_path) -> Iterator[Lake]:
    """A copy of it for one test, open for writing."""
    with create_lake(shutil.copytree(template, tmp_path / "lake")) as lake:
        yield lake


@pytest.fixture
def ask(lake) -> Ask:
    """ask(query, *samples): the answer, after a commit of the samples; each is a dict of what is
    not as in PLAIN. Key, hash and group are its number."""

    def ask(query: str, *samples: dict[str, Any]) -> list[tuple[Any, ...]]:
        with lake.commit("samples") as connection:
            for number, sample in enumerate(samples):
                own = {"key": f"k{number}", "sha256": f"s{number}", "group_id": f"g{number}"}
                row = {**PLAIN, **own, "phash": number, **sample}
                names = ", ".join(f'"{name}"' for name in row)
                marks = ", ".join("?" for _ in row)
                connection.execute(
                    f"INSERT INTO samples ({names}) VALUES ({marks})", list(row.values())
                )
        return lake.connection.execute(query).fetchall()

    return ask


def test_species_and_conditions_count_by_split(ask) -> None:
    rust = {"species": "apple", "condition": "rust", "dataset": "field"}
    samples = [{}, {"split": "val"}, {"split": None}, rust, {**rust, "split": "test"}]
    assert ask("FROM species", *samples) == [
        ("tomato", 3, 1, 1, 1, 1, 0),
        ("apple", 2, 1, 1, 1, 0, 1),
    ]
    assert ask("FROM conditions") == [
        ("tomato", "healthy", 3, 1, 1, 0),
        ("apple", "rust", 2, 1, 0, 1),
    ]


def test_class_balance_leaves_unlabelled_pictures_out(ask) -> None:
    blight, apple = {"condition": "late_blight"}, {"species": "apple"}
    samples = [{}, {}, {}, blight, apple, {"condition": None}]
    assert ask("FROM class_balance", *samples) == [
        ("tomato", "healthy", 3, 3 / 5, 3 / 4, 3 / 5, 5 / 9),
        ("apple", "healthy", 1, 1 / 5, 1.0, 4 / 5, 5 / 3),
        ("tomato", "late_blight", 1, 1 / 5, 1 / 4, 1.0, 5 / 3),
    ]


def test_small_classes_are_those_that_were_given_no_split(ask) -> None:
    samples = [
        {},
        {"condition": "rust", "split": None},
        {"condition": "rust", "split": None, "group_id": "g1", "folder": "Rust"},
        {"condition": "mosaic", "split": None, "status": "conflict"},
        {"condition": None, "split": None},
    ]
    assert ask("FROM small_classes", *samples) == [("tomato", "rust", 2, 1, 2)]


@pytest.mark.parametrize(
    ("flag", "value", "at", "beyond"),
    [
        ("blurry", 39.9, {"sharpness": 40.0}, {"sharpness": 39.9}),
        ("dark", 49.9, {"brightness": 50.0}, {"brightness": 49.9}),
        ("bright", 205.1, {"brightness": 205.0}, {"brightness": 205.1}),
        ("low_information", 4.4, {"entropy": 4.5}, {"entropy": 4.4}),
        ("grey", 5.9, {"saturation": 6.0}, {"saturation": 5.9}),
        ("odd_aspect", 2.5, {"original_height": 400}, {"original_height": 500}),
        ("tiny", 111.0, {"original_width": 112}, {"original_width": 111}),
    ],
)
def test_a_flag_finds_what_is_beyond_its_threshold_and_not_what_is_at_it(
    ask, flag, value, at, beyond
) -> None:
    assert ask("FROM quality_flags", {}, at, beyond) == [
        (flag, value, "k2", "lab", "tomato", "healthy", "train", "/lab/a.jpg")
    ]


def test_a_picture_can_have_several_flags(ask) -> None:
    found = ask("SELECT flag FROM quality_flags ORDER BY 1", {"sharpness": 1, "brightness": 1})
    assert found == [("blurry",), ("dark",)]


def test_duplicates_are_the_same_bytes_not_the_same_look(ask) -> None:
    copy = {"sha256": "s0", "phash": 0, "split": "train"}
    samples = [{}, copy, {"phash": 0}, copy, {}]
    assert ask("FROM duplicates", *samples) == [("s0", 3, "train", "k0", "k3")]


def test_groups_are_those_of_more_than_one_picture(ask) -> None:
    samples = [{}, {"group_id": "g0"}, {}]
    assert ask("FROM groups", *samples) == [("g0", 2, "train", "tomato", "k0")]


@pytest.mark.parametrize("first", ["train", "val", "test"])
@pytest.mark.parametrize("second", ["train", "val", "test", None])
def test_every_two_splits_of_one_group_are_a_leak(ask, first, second) -> None:
    samples = [{"split": first}, {"split": second, "group_id": "g0"}, {"split": "test"}]
    leaks = [("group", "g0", sorted([first, second or ""]), ["k0", "k1"])]
    assert ask("FROM split_leaks", *samples) == (leaks if second not in (first, None) else [])


@pytest.mark.parametrize(
    ("first", "second"), [("train", "val"), ("test", "train"), ("val", "test")]
)
def test_every_two_splits_of_the_same_bytes_are_a_leak(ask, first, second) -> None:
    other = {"split": second, "sha256": "s0", "phash": 0}
    near = {"split": second, "phash": 0}  # looks the same, and is another file
    assert ask("FROM split_leaks", {"split": first}, other, near) == [
        ("sha256", "s0", sorted([first, second]), ["k0", "k1"])
    ]


def test_conflicts_are_listed_by_their_bytes(ask) -> None:
    kept_out = {"status": "conflict", "split": None, "sha256": "s"}
    samples = [{}, kept_out, {**kept_out, "condition": "rust", "folder": "Rust"}]
    assert ask("FROM conflicts", *samples) == [
        ("s", "k1", "lab", "Tomato healthy", "tomato", "healthy", "/lab/a.jpg"),
        ("s", "k2", "lab", "Rust", "tomato", "rust", "/lab/a.jpg"),
    ]


def test_unsplit_says_why(ask) -> None:
    samples = [
        {},
        {"split": None, "status": "conflict"},
        {"split": None, "status": "tie"},
        {"split": None, "condition": None},
        {"split": None},
    ]
    assert ask('SELECT "key", why FROM unsplit ORDER BY 1', *samples) == [
        ("k1", "conflict"),
        ("k2", "tie"),
        ("k3", "no label"),
        ("k4", "class too small"),
    ]


def test_label_review_lists_unsure_folders_also_without_pictures(ask, lake) -> None:
    with lake.commit("folders") as connection:
        connection.execute(
            "INSERT INTO folders VALUES ('lab', 'Rust', NULL, 'rust', 'no-species', 0.5, false, "
            "'[]'), ('lab', 'Empty', NULL, NULL, 'nothing', 0, false, '[]'), "
            "('lab', 'Tomato healthy', 'tomato', 'healthy', 'exact', 0.99, true, '[]')"
        )
    assert ask("FROM label_review", {}, {"folder": "Rust"}, {"folder": "Rust"}) == [
        ("lab", "Empty", None, None, "nothing", 0.0, "[]", 0),
        ("lab", "Rust", None, "rust", "no-species", 0.5, "[]", 2),
    ]


def test_shard_sizes_add_up(ask) -> None:
    samples = [{}, {"length": 11, "split": "val"}, {"shard": 3}]
    assert ask("FROM shard_sizes", *samples) == [(0, 2, 20, 10.0, 1), (3, 1, 9, 9.0, 1)]


def test_rejections_are_counted_by_reason(ask, lake) -> None:
    with lake.commit("rejections") as connection:
        connection.execute(
            "INSERT INTO rejections (source_path, reason) VALUES ('b', 'empty'), ('a', 'empty'), "
            "('c', 'corrupt')"
        )
    assert ask("FROM rejections_by_reason") == [("empty", 2, "a"), ("corrupt", 1, "c")]


def test_ingest_runs_say_how_fast_the_newest_first(ask, lake) -> None:
    with lake.commit("runs") as connection:
        connection.execute(
            "INSERT INTO ingests (started, seconds, sources, files, samples, rejections, shards, "
            "source_bytes, stored_bytes, version) VALUES "
            "('2026-01-01', 30, '/a', 60, 59, 1, 2, 3000000, 2000000, '1'), "
            "('2026-01-02', 0, '/b', 0, 0, 0, 0, 0, 0, '1')"
        )
    assert ask("SELECT * EXCLUDE (started) FROM ingest_runs") == [
        (0.0, "/b", 0, 0, 0, 0, None, 0.0, 0.0, "1"),
        (0.5, "/a", 60, 59, 1, 2, 2.0, 3.0, 2.0, "1"),
    ]


def test_sources_say_who_took_how_many_pictures(ask) -> None:
    anna = {"source": "photographer:anna", "source_split": "train"}
    other = {**anna, "condition": "rust", "dataset": "field"}
    samples = [anna, {**other, "source_split": None}, {"source": "day:lab/2021-10-11"}, other]
    assert ask("FROM sources", *samples) == [
        ("photographer:anna", "photographer", 3, 2, 2, "train"),
        ("day:lab/2021-10-11", "day", 1, 1, 1, None),
    ]


def test_source_coverage_says_which_classes_are_judged(ask) -> None:
    sides = [("a", "train"), ("a", "train"), ("b", "test"), ("c", "val"), ("d", None)]
    samples = [{"source": source, "source_split": side} for source, side in sides]
    alone = {"condition": "rust", "source": "a", "source_split": "train"}
    assert ask("FROM source_coverage", *samples, alone) == [
        ("tomato", "healthy", 4, 3, 2, 1, 1, True),
        ("tomato", "rust", 1, 1, 1, 0, 0, False),
    ]


def test_source_leaks_lists_sources_groups_and_bytes_on_two_sides(ask) -> None:
    def on(side: str | None, source: str, **more: Any) -> dict[str, Any]:
        return {"source": source, "source_split": side, **more}

    samples = [
        on("train", "a"),
        on("test", "a"),
        on("val", "b", group_id="g"),
        on("test", "c", group_id="g"),
        on("train", "d", sha256="s", phash=99),
        on("val", "e", sha256="s", phash=99),
        on("train", "f", phash=77),  # looks the same, and is another file
        on("val", "g", phash=77),
        on(None, "b", group_id="g0"),
    ]
    assert sorted(ask("FROM source_leaks", *samples)) == [
        ("group", "g", ["test", "val"], ["k2", "k3"]),
        ("sha256", "s", ["train", "val"], ["k4", "k5"]),
        ("source", "a", ["test", "train"], ["k0", "k1"]),
    ]


def test_links_across_splits_are_pairs_whose_ends_have_different_splits(ask, lake) -> None:
    with lake.commit("links") as connection:
        connection.execute(
            "INSERT INTO links VALUES ('k0', 'k1', 'burst', 12), ('k0', 'k2', 'near_copy', 3), "
            "('k1', 'k3', 'numbered', 30)"
        )
    samples = [{}, {"split": "test"}, {}, {"split": None}]
    assert ask("FROM links_across_splits", *samples) == [
        ("burst", 12.0, "k0", "train", "k1", "test")
    ]


JUDGED = {
    "run": "cpu-1",
    "split": "test",
    "judge": "network",
    "species": "tomato",
    "condition": "healthy",
    "predicted_species": "tomato",
    "predicted_condition": "healthy",
    "species_probability": 0.9,
    "probability": 0.9,
    "label_probability": 0.9,
    "snapshot": 2,
    "evaluated": "2026-01-01",
}
"""A prediction that agrees with the label of PLAIN."""


def predict(lake: Lake, *predictions: dict[str, Any]) -> None:
    """Commit predictions, of k0, k1 and so on; each is a dict of what is not as in JUDGED."""
    with lake.commit("predictions") as connection:
        for number, prediction in enumerate(predictions):
            row = {"key": f"k{number}", **JUDGED, **prediction}
            names = ", ".join(f'"{name}"' for name in row)
            marks = ", ".join("?" for _ in row)
            connection.execute(
                f"INSERT INTO predictions ({names}) VALUES ({marks})", list(row.values())
            )


def taken_for(species: str, condition: str, label_probability: float) -> dict[str, Any]:
    return {
        "predicted_species": species,
        "predicted_condition": condition,
        "probability": 0.8,
        "label_probability": label_probability,
    }


def test_suspect_labels_are_those_that_the_model_believes_least(ask, lake) -> None:
    predict(lake, taken_for("tomato", "rust", 0.1), {}, taken_for("apple", "rust", 1e-6))
    other = ("cpu-1", "/lab/a.jpg")
    healthy = ("test", "tomato", "healthy")
    assert ask("FROM suspect_labels", {}, {}, {"folder": "A"}) == [
        (1, "k2", "lab", "A", *healthy, "apple", "rust", 0.8, 1e-6, *other),
        (2, "k0", "lab", "Tomato healthy", *healthy, "tomato", "rust", 0.8, 0.1, *other),
    ]


def test_a_label_that_was_changed_since_is_suspected_no_more(ask, lake) -> None:
    predict(lake, taken_for("apple", "rust", 0.1), taken_for("apple", "rust", 0.2))
    samples = [{"species": "apple", "condition": "rust"}, {}]
    assert ask('SELECT "key" FROM suspect_labels', *samples) == [("k1",)]
    assert ask("SELECT pictures FROM label_disagreements") == [(1,)]


def test_suspects_are_those_of_the_run_that_was_evaluated_last(ask, lake) -> None:
    again = {"run": "a", "evaluated": "2026-01-02"}
    predict(lake, taken_for("apple", "rust", 0.1), taken_for("apple", "rust", 0.2))
    predict(lake, again, {**again, **taken_for("apple", "scab", 0.3)})
    assert ask('SELECT "key", run, predicted_condition FROM suspect_labels', {}, {}) == [
        ("k1", "a", "scab")
    ]


def test_folders_are_listed_by_how_little_the_model_believes_their_labels(ask, lake) -> None:
    predict(
        lake,
        {},
        taken_for("apple", "rust", 0.004),
        taken_for("apple", "rust", 0.2),
        taken_for("apple", "scab", 0.3),
        taken_for("apple", "scab", 0.6),
    )
    mixed = {"folder": "B"}
    samples = [{}, mixed, mixed, {}, mixed]
    assert ask("FROM label_disagreements", *samples) == [
        ("lab", "B", 3, 3, 1.0, 1, pytest.approx(0.268), "apple, rust", "cpu-1"),
        ("lab", "Tomato healthy", 2, 1, 0.5, 0, pytest.approx(0.6), "apple, scab", "cpu-1"),
    ]
