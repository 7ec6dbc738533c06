"""A lake of an older version, opened by this one."""

from __future__ import annotations

import pytest

import catalog.lake
from catalog.lake import Lake, create_lake, open_lake
from catalog.schema import is_up_to_date, missing_tables, newest_schema, table_statements


def older(lake: Lake) -> None:
    """Without the newest table and the views that read it, with an older view, a comment less, and
    a view of somebody's own."""
    for view in ("corrections", "senders", "wanted", "species"):
        lake.connection.execute(f"DROP VIEW {view}")
    lake.connection.execute("DROP TABLE feedback")
    lake.connection.execute("CREATE VIEW species AS SELECT DISTINCT species FROM samples")
    lake.connection.execute("COMMENT ON VIEW groups IS 'What?'")
    lake.connection.execute("CREATE VIEW mine AS SELECT 'mine' AS mine")
    lake.connection.execute("INSERT INTO samples (\"key\", species) VALUES ('k0', 'tomato')")


@pytest.fixture
def path(tmp_path):
    with create_lake(tmp_path / "lake") as lake:
        older(lake)
    return tmp_path / "lake"


def test_opening_for_writing_adds_what_is_missing_in_one_snapshot_and_keeps_the_rest(path) -> None:
    with open_lake(path) as lake:
        before = lake.snapshot
        assert missing_tables(lake.connection) == ["feedback"]
        assert not is_up_to_date(lake.connection)
    with open_lake(path, read_only=False) as lake:
        assert lake.snapshot == before + 1
        assert is_up_to_date(lake.connection)
        ask = lake.connection.execute
        assert ask("FROM species").fetchall() == [("tomato", 1, 0, 0, 0, 0, 0)]
        assert ask("FROM mine").fetchall() == [("mine",)]
        comments = ask(
            "SELECT comment FROM duckdb_tables() WHERE table_name = 'feedback' UNION ALL "
            "SELECT comment FROM duckdb_columns() WHERE table_name = 'feedback' AND "
            "database_name = 'lake' AND column_name = 'sender'"
        ).fetchall()
        assert [text[:17] for (text,) in comments] == ["One row a correct", "The same for what"]
    with open_lake(path, read_only=False) as lake, create_lake(tmp := path.parent / "new") as new:
        assert lake.snapshot == before + 1  # a second time there is nothing to do
        assert new.snapshot == 1, tmp


def test_a_lake_that_is_killed_in_the_middle_stays_as_it_was(path, monkeypatch) -> None:
    with open_lake(path) as lake:
        before = lake.snapshot

    def cut_off(connection: object) -> None:
        connection.execute("CREATE TABLE feedback (a INTEGER)")
        raise KeyboardInterrupt

    monkeypatch.setattr(catalog.lake, "bring_up_to_date", cut_off)
    with pytest.raises(KeyboardInterrupt):
        open_lake(path, read_only=False)
    with open_lake(path) as lake:
        assert lake.snapshot == before
        assert missing_tables(lake.connection) == ["feedback"]


def test_reading_writes_nothing(path) -> None:
    with open_lake(path) as lake:
        before = lake.snapshot
    with open_lake(path) as lake:
        assert lake.snapshot == before


def test_a_tables_statements_are_its_own() -> None:
    statements = table_statements("compared_shards")
    assert [statement.split(" (")[0].split(" IS")[0] for statement in statements] == [
        "CREATE TABLE compared_shards",
        "COMMENT ON TABLE compared_shards",
        "COMMENT ON COLUMN compared_shards.shard",
    ]
    assert all(table_statements(table) for table in newest_schema().tables)
