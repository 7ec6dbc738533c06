"""Print the answer to a question: a DuckDB relation as table, CSV, JSON or Parquet on stdout.

A table shows its first rows; the other formats have all of them.
"""

from __future__ import annotations

import csv
import json
import math
import sys
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb

FORMATS = ("table", "csv", "json", "parquet")

MAX_ROWS = 1_000
"""Of a table; more than that nobody reads, and a million rows would fill a terminal's memory."""


def print_answer(answer: duckdb.DuckDBPyRelation, output: str) -> None:
    """Print in one of FORMATS: `json` is one object a line, `parquet` the bytes of a file."""
    if output == "table":
        answer.show(max_rows=MAX_ROWS, max_width=10_000)
    elif output == "parquet":
        import pyarrow.parquet as pq

        pq.write_table(answer.to_arrow_table(), sys.stdout.buffer)
    elif output == "csv":
        rows = answer.fetchall()
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(answer.columns)
        writer.writerows([_cell(value) for value in row] for row in rows)
    else:
        for row in answer.fetchall():
            print(to_json(dict(zip(answer.columns, row, strict=True))))


def to_json(value: Any) -> str:
    """One line of JSON that every parser takes: NaN and infinity, which it lacks, are null."""
    return json.dumps(_plain(value), ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    """A value of DuckDB as JSON has it: decimals are numbers, bytes hexadecimal, times text."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Decimal):
        value = int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return value.hex() if isinstance(value, bytes | bytearray | memoryview) else str(value)


def _cell(value: Any) -> Any:
    """A value as CSV has it: lists and structs as JSON, bytes hexadecimal."""
    if isinstance(value, dict | list | tuple):
        return to_json(value)
    return value.hex() if isinstance(value, bytes | bytearray | memoryview) else value
