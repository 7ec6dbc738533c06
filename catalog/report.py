"""The numbers of a report on a lake, from its views. In: an open lake. Out: a `Figures`.

The pictures themselves, and the page, are made in shards/report_page.py; what is asked here are
keys of samples worth looking at. Every list has a bound, so that a lake of a million pictures makes
a page that a browser opens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from catalog.lake import Lake

PICTURES_A_CLASS = 8
CLASS_PICTURES = 1_200
"""Over all classes, about 6 MB. With more than 150 classes each shows fewer, and with more than 600
the smallest show none."""

LEAST_A_CLASS = 2
"""One picture says little of a class."""

FLAG_PICTURES = 8
MAX_PAIRS = 12
MAX_FOLDERS = 24
FOLDER_PICTURES = 4

LOW_FLAGS = ("blurry", "dark", "low_information", "grey", "tiny")
"""Flags whose worst pictures have the lowest value."""

Row = tuple[Any, ...]


@dataclass(frozen=True)
class ClassFigures:
    """One class and the pictures that show it."""

    species: str
    condition: str
    pictures: int
    train: int
    val: int
    test: int
    keys: tuple[str, ...]
    """Of samples to show: those with the smallest hashes, so a random choice that stays."""


@dataclass(frozen=True)
class FlagFigures:
    """One quality flag."""

    flag: str
    pictures: int
    worst: tuple[tuple[str, float], ...]
    """(key, value) of the samples that it fits best."""


@dataclass(frozen=True)
class Histogram:
    """How often a measure lies where."""

    title: str
    edges: tuple[float, ...]
    """One more than `counts`; what lies beyond the last is counted in the last."""

    counts: tuple[int, ...]


@dataclass(frozen=True)
class Figures:
    """All that a report says."""

    snapshot: int
    time: str
    """Of the snapshot, UTC."""

    totals: dict[str, int]
    species: list[Row]
    """(species, pictures, conditions, datasets, train, val, test), the largest first."""

    classes: list[ClassFigures]
    """The largest first."""

    histograms: list[Histogram]
    flags: list[FlagFigures]
    duplicates: list[Row]
    """(first_key, last_key, pictures); those in two folders first."""

    num_duplicates: int
    near_copies: list[tuple[str, ...]]
    """Keys of two near copies in different folders; those with different labels first."""

    num_near_copies: int
    conflicts: list[tuple[str, ...]]
    """Keys of the samples of one content with several labels."""

    num_conflicts: int
    review: list[tuple[Row, tuple[str, ...]]]
    """((dataset, folder, species, condition, rule, confidence, pictures), keys)."""

    num_review: int
    small_classes: list[Row]
    unsplit: list[Row]
    rejections: list[Row]
    runs: list[Row]


_TOTALS = """
SELECT count(*) AS pictures, count(DISTINCT species) AS species,
    (SELECT count(*) FROM class_balance) AS classes, count(DISTINCT dataset) AS datasets,
    (SELECT count(*) FROM folders) AS folders,
    count(*) FILTER (split = 'train') AS train, count(*) FILTER (split = 'val') AS val,
    count(*) FILTER (split = 'test') AS test, count(*) FILTER (split IS NULL) AS unsplit,
    coalesce(sum(length), 0)::BIGINT AS stored_bytes,
    coalesce(sum(source_bytes), 0)::BIGINT AS source_bytes, count(DISTINCT shard) AS shards,
    (SELECT count(*) FROM rejections) AS rejections, (SELECT count(*) FROM split_leaks) AS leaks
FROM samples
"""

_HISTOGRAMS = (
    ("Short side of the source, pixels", "least(original_width, original_height)", 0, 1_000, 25),
    ("Size of the source, kilobytes", "source_bytes / 1000", 0, 500, 25),
    ("Sharpness (variance of the Laplacian)", "sharpness", 0, 10_000, 25),
    ("Brightness, 0 to 255", "brightness", 0, 255, 25),
    ("Saturation, 0 to 255", "saturation", 0, 200, 25),
    ("Entropy of the grey values, bits", "entropy", 0, 8, 25),
)
"""(title, SQL, from, to, bars)"""


def figures(lake: Lake) -> Figures:
    """Ask everything; about 10 s on a million pictures."""
    ask = _Asker(lake)
    num_classes = ask.count("class_balance")
    (time,) = ask.rows(
        "SELECT strftime(snapshot_time AT TIME ZONE 'UTC', '%Y-%m-%d %H:%M') FROM lake.snapshots() "
        "WHERE snapshot_id = ?",
        lake.snapshot,
    )[0]
    return Figures(
        snapshot=lake.snapshot,
        time=time,
        totals=ask.one(_TOTALS),
        species=ask.rows("FROM species"),
        classes=_classes(ask, max(num_classes, 1)),
        histograms=[_histogram(ask, *wanted) for wanted in _HISTOGRAMS],
        flags=_flags(ask),
        duplicates=_duplicates(ask),
        num_duplicates=ask.count("duplicates"),
        near_copies=_near_copies(ask),
        num_near_copies=ask.rows(f"SELECT count(*) {_NEAR_COPIES}")[0][0],
        conflicts=_conflicts(ask),
        num_conflicts=ask.rows("SELECT count(DISTINCT sha256) FROM conflicts")[0][0],
        review=_review(ask),
        num_review=ask.count("label_review"),
        small_classes=ask.rows("FROM small_classes"),
        unsplit=ask.rows("SELECT why, count(*) FROM unsplit GROUP BY why ORDER BY ALL"),
        rejections=ask.rows("FROM rejections_by_reason"),
        runs=ask.rows(
            "SELECT started, minutes, sources, files, samples, rejections, shards, "
            "files_per_second, version FROM ingest_runs LIMIT 20"
        ),
    )


class _Asker:
    """The lake's connection, in fewer words."""

    def __init__(self, lake: Lake) -> None:
        self.connection = lake.connection

    def rows(self, query: str, *values: Any) -> list[Row]:
        return self.connection.execute(query, list(values)).fetchall()

    def one(self, query: str) -> dict[str, Any]:
        answer = self.connection.execute(query)
        names = [column[0] for column in answer.description or []]
        return dict(zip(names, answer.fetchall()[0], strict=True))

    def count(self, relation: str) -> int:
        return int(self.rows(f"SELECT count(*) FROM {relation}")[0][0])


def _classes(ask: _Asker, num_classes: int) -> list[ClassFigures]:
    each = max(LEAST_A_CLASS, min(PICTURES_A_CLASS, CLASS_PICTURES // num_classes))
    rows = ask.rows(
        "SELECT species, \"condition\", count(*) AS pictures, count(*) FILTER (split = 'train'), "
        "count(*) FILTER (split = 'val'), count(*) FILTER (split = 'test'), "
        f'min_by("key", sha256 || "key", {each}) '
        'FROM samples WHERE species IS NOT NULL AND "condition" IS NOT NULL '
        'GROUP BY species, "condition" ORDER BY pictures DESC, species, "condition"'
    )
    shown = CLASS_PICTURES // each
    return [
        ClassFigures(
            species, condition, pictures, train, val, test, tuple(keys) if place < shown else ()
        )
        for place, (species, condition, pictures, train, val, test, keys) in enumerate(rows)
    ]


def _histogram(
    ask: _Asker, title: str, value: str, first: float, last: float, bars: int
) -> Histogram:
    step = (last - first) / bars
    rows = ask.rows(
        f"SELECT greatest(0, least({bars - 1}, floor(({value} - {first}) / {step})))::INTEGER, "
        f"count(*) FROM samples WHERE {value} IS NOT NULL GROUP BY ALL"
    )
    found: dict[int, int] = dict(rows)
    edges = tuple(first + step * bar for bar in range(bars + 1))
    return Histogram(title, edges, tuple(found.get(bar, 0) for bar in range(bars)))


def _flags(ask: _Asker) -> list[FlagFigures]:
    counted = ask.rows("SELECT flag, count(*) FROM quality_flags GROUP BY flag ORDER BY flag")
    found = []
    for flag, pictures in counted:
        order = "ASC" if flag in LOW_FLAGS else "DESC"
        worst = ask.rows(
            'SELECT "key", value FROM quality_flags WHERE flag = ? '
            f'ORDER BY value {order}, "key" LIMIT {FLAG_PICTURES}',
            flag,
        )
        found.append(FlagFigures(flag, pictures, tuple((key, value) for key, value in worst)))
    return sorted(found, key=lambda one: -one.pictures)


def _duplicates(ask: _Asker) -> list[Row]:
    return ask.rows(
        "SELECT first_key, last_key, pictures FROM duplicates "
        'JOIN samples AS one ON one."key" = first_key JOIN samples AS other '
        'ON other."key" = last_key '
        "ORDER BY (one.dataset, one.folder) = (other.dataset, other.folder), pictures DESC, "
        f"first_key LIMIT {MAX_PAIRS}"
    )


_NEAR_COPIES = """
FROM links JOIN samples AS one ON one."key" = links."key"
    JOIN samples AS another ON another."key" = links.other
WHERE kind = 'near_copy' AND (one.dataset, one.folder) <> (another.dataset, another.folder)
"""


def _near_copies(ask: _Asker) -> list[tuple[str, ...]]:
    return ask.rows(
        f'SELECT links."key", links.other {_NEAR_COPIES} '
        'ORDER BY (one.species, one."condition") IS NOT DISTINCT FROM '
        '(another.species, another."condition"), distance, links."key", links.other '
        f"LIMIT {MAX_PAIRS}"
    )


def _conflicts(ask: _Asker) -> list[tuple[str, ...]]:
    rows = ask.rows(
        'SELECT list("key" ORDER BY "key")[:4] FROM conflicts GROUP BY sha256 '
        f"ORDER BY sha256 LIMIT {MAX_PAIRS}"
    )
    return [tuple(keys) for (keys,) in rows]


def _review(ask: _Asker) -> list[tuple[Row, tuple[str, ...]]]:
    rows = ask.rows(
        'SELECT dataset, folder, species, "condition", rule, confidence, pictures '
        f"FROM label_review ORDER BY pictures DESC, dataset, folder LIMIT {MAX_FOLDERS}"
    )
    return [(row, _keys_of(ask, row[0], row[1])) for row in rows]


def _keys_of(ask: _Asker, dataset: str, folder: str) -> tuple[str, ...]:
    (keys,) = ask.rows(
        f'SELECT min_by("key", sha256, {FOLDER_PICTURES}) FROM samples '
        "WHERE dataset = ? AND folder = ?",
        dataset,
        folder,
    )[0]
    return tuple(keys or ())
