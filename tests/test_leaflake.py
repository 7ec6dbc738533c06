"""The console command: help, exit codes, and that nothing heavy is imported for it."""

from __future__ import annotations

import subprocess
import sys

import pytest

import leaflake
from leaflake import COMMANDS, UsageError

NAMES = [
    "ingest",
    "group",
    "sql",
    "catalog",
    "report",
    "shards",
    "labels",
    "augment",
    "crop",
    "train",
    "tune",
    "evaluate",
    "compare",
    "export",
    "verify",
    "serve",
    "bot",
    "export-site",
    "classify",
    "inbox",
    "retrain",
    "rollback",
    "draw",
]

HELP_OF_ALL = """
import sys
import leaflake
for name in leaflake.COMMANDS:
    try:
        leaflake.main([name, "--help"])
    except SystemExit as done:
        assert done.code == 0, (name, done.code)
    heavy = {"torch", "numpy", "duckdb", "onnxruntime"} & set(sys.modules)
    assert not heavy, (name, heavy)
print("light")
"""


def test_the_commands_are_the_stages() -> None:
    assert list(COMMANDS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_help_of_a_command_shows_an_example(name, capsys) -> None:
    with pytest.raises(SystemExit) as stopped:
        leaflake.main([name, "--help"])
    assert stopped.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith(f"usage: leaflake {name} ")
    assert f"example:\n  leaflake {name} " in text


def test_help_imports_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", HELP_OF_ALL], capture_output=True, text=True)
    assert (done.returncode, done.stdout.splitlines()[-1:], done.stderr) == (0, ["light"], "")


def test_help_without_a_command_lists_all_of_them(capsys) -> None:
    assert leaflake.main(["--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if line.startswith("  ")] == NAMES


def test_no_command_at_all_is_wrong_use(capsys) -> None:
    assert leaflake.main([]) == 2
    assert capsys.readouterr().out.startswith("usage: leaflake COMMAND ...")


def test_unknown_command_names_the_known_ones(capsys) -> None:
    assert leaflake.main(["ingset", "--lake", "x"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == (
        'leaflake: "ingset" is not a command; expected one of: ' + ", ".join(NAMES) + ".\n"
    )


def test_version_is_the_packages(capsys) -> None:
    assert leaflake.main(["--version"]) == 0
    assert capsys.readouterr().out == "leaflake 0.1.0\n"


def test_usage_error_is_one_line_and_exit_2(capsys, monkeypatch) -> None:
    def refuse(args: object) -> int:
        raise UsageError("lake/: not a lake. Nothing was written.")

    monkeypatch.setattr("catalog.sql_cli.run_sql", refuse)
    assert leaflake.main(["sql", "--lake", "lake"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == "leaflake sql: lake/: not a lake. Nothing was written.\n"


def test_a_stage_may_answer_no_with_1(monkeypatch) -> None:
    monkeypatch.setattr("catalog.sql_cli.run_sql", lambda args: 1)
    assert leaflake.main(["sql", "--lake", "lake"]) == 1


def test_ctrl_c_is_130_without_a_traceback(capsys, monkeypatch) -> None:
    def interrupt(args: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("catalog.sql_cli.run_sql", interrupt)
    assert leaflake.main(["sql", "--lake", "lake"]) == 130
    assert capsys.readouterr().err == ("leaflake sql: stopped; what was complete is kept.\n")


def test_a_bug_is_left_to_raise(monkeypatch) -> None:
    def break_down(args: object) -> int:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("catalog.sql_cli.run_sql", break_down)
    with pytest.raises(ZeroDivisionError, match="a bug"):
        leaflake.main(["sql", "--lake", "lake"])


def test_output_cut_by_head_is_no_failure(tmp_path) -> None:
    from catalog.lake import create_lake

    create_lake(tmp_path / "lake").connection.close()
    ask = [sys.executable, "-m", "leaflake", "sql", "--lake", str(tmp_path / "lake")]
    with subprocess.Popen(
        [*ask, "--format", "csv", "select range, 'a long enough line' from range(100000)"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline().rstrip() == "range,'a long enough line'"
        process.stdout.close()
        assert (process.wait(), process.stderr.read()) == (0, "")
