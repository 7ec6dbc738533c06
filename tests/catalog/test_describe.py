"""What the lake says of itself: comments of tables, views and columns, the page, the questions."""

from __future__ import annotations

from pathlib import Path

import pytest

import catalog.lake
from catalog.describe import (
    Column,
    Query,
    Relation,
    documented_queries,
    relations,
    summary,
    view_comment,
)
from catalog.lake import Lake, create_lake
from catalog.lake_page import lake_page

SQL = Path(catalog.lake.__file__).parent
PAGE = Path(__file__).parents[2] / "docs/lake.md"

PETS = [
    Relation("table", "pets", "One row a pet", (Column("name", "VARCHAR", "What it answers to"),)),
    Relation("view", "old", "Pets over ten.", (Column("age", "INTEGER", "In years | whole"),)),
]


@pytest.fixture(scope="module")
def lake(tmp_path_factory) -> Lake:
    """An empty lake."""
    return create_lake(tmp_path_factory.mktemp("describe") / "lake")


def test_the_comment_of_a_view_is_what_heads_its_file() -> None:
    text = "-- Old pets.\n-- name: Of the pet\nCREATE VIEW old AS\n-- slow\nSELECT 1;\n-- end\n"
    assert view_comment(text) == "Old pets.\nname: Of the pet"
    assert view_comment("SELECT 1;\n-- end\n") == ""


def test_every_table_view_and_column_has_a_comment(lake) -> None:
    found = relations(lake.connection)
    silent = [one.name for one in found if not one.comment]
    silent += [f"{one.name}.{c.name}" for one in found for c in one.columns if not c.comment]
    assert silent == []


def test_a_view_has_no_comment_for_a_column_that_it_lacks(lake) -> None:
    for one in relations(lake.connection):
        if one.kind == "view":
            header = view_comment((SQL / f"views/{one.name}.sql").read_text())
            lines = [f"{c.name}: {c.comment}" for c in one.columns]
            assert header.splitlines()[-len(lines) :] == lines


def test_relations_are_tables_then_views_with_types(lake) -> None:
    found = relations(lake.connection)
    kinds = [one.kind for one in found]
    assert kinds == sorted(kinds)
    (reasons,) = (one for one in found if one.name == "rejections_by_reason")
    assert reasons == Relation(
        "view",
        "rejections_by_reason",
        "How many files were turned away, and why.",
        (
            Column("reason", "VARCHAR", "One word of a short list"),
            Column("files", "BIGINT", "How many"),
            Column("example", "VARCHAR", "One of them"),
        ),
    )


def test_the_summary_lists_relations_then_columns() -> None:
    assert summary(PETS).splitlines() == [
        "table  pets                   One row a pet",
        "view   old                    Pets over ten.",
        "",
        "pets.name  VARCHAR    What it answers to",
        "",
        "old.age    INTEGER    In years | whole",
    ]
    assert summary([]) == ""


def test_the_page_shows_questions_then_tables_then_views() -> None:
    page = lake_page(PETS, [Query("How old they are", "SELECT age\nFROM old")])
    assert page[page.index("## Questions") :] == (
        "## Questions to start from\n\n"
        "How old they are:\n\n```sql\nSELECT age\nFROM old;\n```\n\n"
        "## Tables\n\n### pets\n\nOne row a pet.\n\n| column | type | |\n|---|---|---|\n"
        "| `name` | VARCHAR | What it answers to |\n\n"
        "## Views\n\n### old\n\nPets over ten.\n\n| column | type | |\n|---|---|---|\n"
        "| `age` | INTEGER | In years \\| whole |\n"
    )


def test_the_page_in_docs_is_the_one_that_the_comments_make(lake) -> None:
    made = lake_page(relations(lake.connection), documented_queries())
    assert PAGE.read_text(encoding="utf-8") == made, "run: just docs"


def test_documented_queries_have_a_title_and_one_statement() -> None:
    queries = documented_queries()
    assert len(queries) >= 15
    assert queries[0] == Query("Pictures of each species", "FROM species")
    assert len({query.title for query in queries}) == len(queries)
    assert [query for query in queries if not query.title or ";" in query.sql] == []


@pytest.mark.parametrize("query", documented_queries(), ids=lambda query: query.title)
def test_a_documented_query_finds_nothing_in_an_empty_lake(lake, query) -> None:
    rows = lake.connection.execute(query.sql).fetchall()
    assert [value for row in rows for value in row if value] == []
