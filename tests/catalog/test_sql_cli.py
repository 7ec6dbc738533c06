"""`leaflake sql`: the list of what there is, the output formats, refusals, and changes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from catalog.describe import relations, summary
from catalog.lake import create_lake, open_lake
from leaflake import main

QUESTION = 'SELECT "key", species, width FROM samples ORDER BY 1'


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> Path:
    """A lake with two samples, in snapshot 2."""
    path = tmp_path_factory.mktemp("sql") / "lake"
    with create_lake(path) as lake, lake.commit("two") as connection:
        connection.execute(
            'INSERT INTO samples ("key", species, width, split, dataset, folder, source_path, '
            "sha256, phash) VALUES ('000000-00000', 'tomato, cherry', 256, 'train', 'd', 'f', "
            "'a.jpg', 'aa', 0), ('000000-00001', NULL, 300, 'val', 'd', 'f', 'z.jpg', 'bb', "
            "12297829382473034410)"
        )
    return path


@pytest.fixture
def path(template, tmp_path) -> Path:
    """A copy of it for one test."""
    return shutil.copytree(template, tmp_path / "lake")


@pytest.fixture
def sql(path, capsys):
    """sql(*arguments) -> (exit status, standard output, standard error)."""

    def run(*arguments: str) -> tuple[int, str, str]:
        status = main(["sql", "--lake", str(path), *arguments])
        return status, *capsys.readouterr()

    return run


def test_table_is_the_usual_format(sql) -> None:
    status, out, _ = sql(QUESTION)
    assert status == 0
    cells = [[cell.strip() for cell in line.strip("│").split("│")] for line in out.splitlines()]
    assert cells[1:3] == [["key", "species", "width"], ["varchar", "varchar", "int32"]]
    assert cells[4:6] == [
        ["000000-00000", "tomato, cherry", "256"],
        ["000000-00001", "NULL", "300"],
    ]


def test_csv(sql) -> None:
    expected = 'key,species,width\n000000-00000,"tomato, cherry",256\n000000-00001,,300\n'
    assert sql("--format", "csv", QUESTION) == (0, expected, "")


def test_json_is_one_object_a_line(sql) -> None:
    status, out, _ = sql("--format", "json", QUESTION)
    assert status == 0
    assert [json.loads(line) for line in out.splitlines()] == [
        {"key": "000000-00000", "species": "tomato, cherry", "width": 256},
        {"key": "000000-00001", "species": None, "width": 300},
    ]


def test_json_writes_times_and_letters_as_text(sql) -> None:
    question = "SELECT TIMESTAMP '2026-01-31 12:00:00' AS started, 'Kürbis' AS name"
    assert sql("--format", "json", question)[1] == (
        '{"started": "2026-01-31 12:00:00", "name": "Kürbis"}\n'
    )


def test_json_has_numbers_for_decimals_and_null_for_what_it_lacks(sql) -> None:
    question = (
        "SELECT 1.50::DECIMAL(9, 2) AS half, 2::DECIMAL(9, 2) AS whole, 'nan'::DOUBLE AS nan, "
        "'-inf'::DOUBLE AS low, 170141183460469231731687303715884105727 AS huge, "
        "[1.25::DECIMAL(4, 2), NULL] AS list, {'a': '\\x0F'::BLOB} AS struct, true AS yes"
    )
    assert sql("--format", "json", question)[1] == (
        '{"half": 1.5, "whole": 2, "nan": null, "low": null, '
        '"huge": 170141183460469231731687303715884105727, "list": [1.25, null], '
        '"struct": {"a": "0f"}, "yes": true}\n'
    )


def test_csv_has_lists_as_json_and_bytes_as_hexadecimal(sql) -> None:
    question = "SELECT ['a', 'b'] AS list, '\\x0F'::BLOB AS bytes, 'nan'::DOUBLE AS nan"
    assert sql("--format", "csv", question)[1] == 'list,bytes,nan\n"[""a"", ""b""]",0f,nan\n'


def test_a_time_reads_the_lake_as_it_was(sql, path) -> None:
    with open_lake(path) as lake:
        ((then,),) = lake.connection.execute(
            "SELECT snapshot_time FROM lake.snapshots() WHERE snapshot_id = 2"
        ).fetchall()
    assert sql("DELETE FROM samples")[0] == 0
    count = "SELECT count(*) AS n FROM samples"
    assert sql("--format", "csv", "--at", then.isoformat(), count)[1] == "n\n2\n"
    assert sql("--format", "csv", count)[1] == "n\n0\n"


def test_a_moment_that_is_none_is_wrong_use(sql, capsys) -> None:
    with pytest.raises(SystemExit) as stopped:
        sql("--at", "yesterday", QUESTION)
    assert stopped.value.code == 2
    assert "'yesterday' is neither the number of a snapshot nor a time" in capsys.readouterr().err


def test_the_shell_takes_no_question(sql) -> None:
    assert sql("--shell", QUESTION) == (
        2,
        "",
        "leaflake sql: --shell takes no question: type it at the prompt, or leave out --shell.\n",
    )


def test_parquet_goes_to_standard_output(path) -> None:
    ask = [sys.executable, "-m", "leaflake", "sql", "--lake", str(path), "--format", "parquet"]
    done = subprocess.run([*ask, QUESTION], capture_output=True, check=True)
    assert pq.read_table(pa.BufferReader(done.stdout)).to_pydict() == {
        "key": ["000000-00000", "000000-00001"],
        "species": ["tomato, cherry", None],
        "width": [256, 300],
    }


def test_no_question_describes_every_table_view_and_column(sql, path) -> None:
    with open_lake(path) as lake:
        expected = summary(relations(lake.connection))
    assert sql() == (0, expected + "\n", "")
    assert "samples.split " in expected


def test_an_older_snapshot_says_what_it_had(sql) -> None:
    assert sql("--at", "1")[1].startswith("table  compared_shards ")
    assert sql("--at", "0") == (0, "\n", "")


def test_a_folder_that_is_no_lake_is_wrong_use(tmp_path, capsys) -> None:
    for question in ([], ["FROM samples"]):
        assert main(["sql", "--lake", str(tmp_path), *question]) == 2
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err == (
            f"leaflake sql: {tmp_path}: not a lake, there is no catalog.ducklake in it. "
            "Name a folder that `leaflake ingest` made. Nothing was written.\n"
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("output", ["table", "csv", "json", "parquet"])
@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("SELEC 1", 'Parser Error: syntax error at or near "SELEC"'),
        ("FROM nothing", "Catalog Error: Table with name nothing does not exist!"),
        ("SELECT species::INTEGER FROM samples", "Conversion Error: Could not convert"),
    ],
)
def test_a_question_that_fails_is_wrong_use_and_answers_nothing(
    sql, output, question, said
) -> None:
    status, out, error = sql("--format", output, question)
    assert (status, out) == (2, "")
    assert error.startswith(f"leaflake sql: {said}")
    assert error.count("\n") == 1


def test_an_update_is_a_snapshot_of_its_own(sql, path) -> None:
    update = "UPDATE samples SET width = 1 WHERE width = 300"
    assert sql(update) == (0, "1 rows, snapshot 3; --at 2 reads the lake as it was\n", "")
    widths = 'SELECT width FROM samples ORDER BY "key"'
    assert sql("--format", "csv", widths)[1] == "width\n256\n1\n"
    assert sql("--format", "csv", "--at", "2", widths)[1] == "width\n256\n300\n"
    with open_lake(path) as lake:
        assert lake.connection.sql(
            "SELECT snapshot_id, commit_message FROM lake.snapshots() WHERE snapshot_id > 2"
        ).fetchall() == [(3, update)]


def test_a_question_that_fails_half_way_changes_nothing(sql, path) -> None:
    status, out, _ = sql("DELETE FROM samples; UPDATE nothing SET a = 1")
    assert (status, out) == (2, "")
    with open_lake(path) as lake:
        assert lake.snapshot == 2


@pytest.mark.parametrize("question", ["", "-- only a comment"])
def test_an_empty_question_has_an_empty_answer(sql, question) -> None:
    assert sql(question) == (0, "", "")


def test_two_questions_at_once_do_not_lock_each_other_out(sql, path) -> None:
    with open_lake(path):
        assert sql("--format", "csv", "SELECT 1 AS one") == (0, "one\n1\n", "")


def test_a_question_is_no_snapshot(sql, path) -> None:
    sql(QUESTION)
    with open_lake(path) as lake:
        assert lake.snapshot == 2


def test_an_older_snapshot_cannot_be_changed(sql, path) -> None:
    status, out, error = sql("--at", "2", "DELETE FROM samples")
    assert (status, out) == (2, "")
    assert "an older snapshot can be read, not written" in error
    with open_lake(path) as lake:
        assert lake.snapshot == 2


def test_an_unknown_snapshot_is_wrong_use(sql) -> None:
    status, out, error = sql("--at", "99", QUESTION)
    assert (status, out) == (2, "")
    assert error.endswith("lake: has no snapshot 99; there are 0 to 2.\n")


@pytest.mark.parametrize("statement", ["DROP TABLE samples", "ALTER TABLE samples DROP width"])
def test_what_would_take_a_table_apart_is_refused(sql, path, statement) -> None:
    status, out, error = sql(statement)
    assert (status, out) == (2, "")
    assert error.startswith(f"leaflake sql: {statement.split()[0]}: would change more than rows.")
    with open_lake(path) as lake:
        assert lake.snapshot == 2


def test_a_label_that_is_no_id_is_refused_and_nothing_is_written(sql, path) -> None:
    status, out, error = sql("UPDATE samples SET species = 'Bell pepper', \"condition\" = 'rust'")
    assert (status, out) == (2, "")
    assert "'Bell pepper'" in error
    with open_lake(path) as lake:
        assert lake.snapshot == 2
