"""The data engineer's page, docs/lake.md, from the comments of the SQL files.

    python -m catalog.lake_page > docs/lake.md     (just docs)

In: an empty lake, made for it. Out: Markdown; a test compares it with the file.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from catalog.describe import Query, Relation, documented_queries, relations
from catalog.lake import create_lake

INTRO = """\
# The lake in SQL

*Made from the comments of `catalog/schema.sql`, `catalog/views/*.sql` and
`catalog/documented_queries.sql` by `just docs`. Change it there.*

A lake is a DuckLake: Parquet files, and a small database that says which of them make up which
snapshot. `LAKE/shards/*.tar` hold the pictures; a row of `samples` says for each in which tar and
at which bytes it lies, what it shows, and in which split it is.

## Ask

    leaflake sql --lake lake "from species"
    leaflake sql --lake lake --format csv "from label_review" > review.csv
    leaflake sql --lake lake --shell

Formats are `table`, `csv`, `json` (one object a line) and `parquet`. `--shell` (or `just sql`) is
DuckDB's own shell with the lake attached for reading. Any DuckDB opens the lake as well:

```sql
INSTALL ducklake; LOAD ducklake;
ATTACH 'ducklake:lake/catalog.ducklake' AS lake (READ_ONLY);
USE lake;
```

## Change

    leaflake sql --lake lake "update samples set condition = 'rust' where folder = 'Apple_spot'"

INSERT, UPDATE and DELETE are each one snapshot. Groups and splits are brought up to date with them,
which plain DuckDB would not do. A label that is no id is refused, and so is DROP or ALTER.

## Go back

    leaflake catalog history --lake lake
    leaflake sql --lake lake --at 7 "from species"
    leaflake sql --lake lake --at 2026-05-31T14:00+02:00 "from species"

`--at` takes the number of a snapshot or a time (UTC without an offset). `report`, `shards export`
and `labels review` take it too.

## Take out

    leaflake shards export --lake lake --where "split = 'train'" --out plain/train
    leaflake report --lake lake --out report.html

The first writes plain WebDataset tars, by copying bytes; the second one HTML file to look through.
"""


def lake_page(found: Sequence[Relation], queries: Sequence[Query]) -> str:
    """The page, for tables and views that `relations` found."""
    parts = [INTRO, "## Questions to start from\n"]
    parts += [f"{query.title}:\n\n```sql\n{query.sql};\n```\n" for query in queries]
    for kind, title in (("table", "Tables"), ("view", "Views")):
        parts.append(f"## {title}\n")
        parts += [_relation(one) for one in found if one.kind == kind]
    return "\n".join(parts)


def _relation(one: Relation) -> str:
    rows = [
        f"| `{column.name}` | {column.type} | {column.comment.replace('|', chr(92) + '|')} |"
        for column in one.columns
    ]
    sentence = one.comment if one.comment.endswith(".") else f"{one.comment}."
    head = ["| column | type | |", "|---|---|---|"]
    return "\n".join([f"### {one.name}\n", f"{sentence}\n", *head, *rows, ""])


def main() -> int:
    """Print the page of a lake as this version makes it."""
    with (
        tempfile.TemporaryDirectory(prefix="leaflake-") as folder,
        create_lake(Path(folder)) as lake,
    ):
        sys.stdout.write(lake_page(relations(lake.connection), documented_queries()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
