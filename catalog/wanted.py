"""What a lake wants most, also of a lake that an older version made. In: an open lake. Out: SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from catalog.schema import missing_tables, table_statements, view_text

if TYPE_CHECKING:
    import duckdb

    from catalog.lake import Lake


def wanted(lake: Lake, top: int | None = None) -> duckdb.DuckDBPyRelation:
    """The rows of the view `wanted` as this version has it, the first `top` of them.

    A lake that an older version made, or an older snapshot, may have neither the view nor the
    tables that it reads. It is open for reading, so they are made beside it, empty, for this
    connection alone.
    """
    connection = lake.connection
    for table in missing_tables(connection):
        create = table_statements(table)[0]
        connection.execute(create.replace("CREATE TABLE", "CREATE TEMP TABLE", 1))
    text = view_text("wanted").replace("CREATE OR REPLACE VIEW", "CREATE OR REPLACE TEMP VIEW", 1)
    connection.execute(text)
    return connection.sql("FROM temp.wanted" + ("" if top is None else f" LIMIT {top}"))
