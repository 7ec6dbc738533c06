"""`leaflake sql --shell`: what it attaches, what it refuses, and the shell itself on a terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import shutil
import struct
import sys
import termios
import time
from pathlib import Path

import pytest

import catalog.shell
from catalog.lake import create_lake, open_lake
from catalog.shell import attach_statements, open_shell, shell_program
from leaflake import UsageError

DEADLINE_S = 60
ANSWERS = {
    b"\x1b]11;?": b"\x1b]11;rgb:0000/0000/0000\x1b\\",  # which colour is the background?
    b"\x1b[c": b"\x1b[?1;2c",  # what are you?
    b"\x1b[6n": b"\x1b[1;1R",  # where is the cursor?
}
"""What a terminal is asked, and says (ECMA-48; xterm control sequences)."""


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> Path:
    """A lake with one sample in snapshot 2, and two in snapshot 3."""
    path = tmp_path_factory.mktemp("shell") / "lake"
    with create_lake(path) as lake:
        for key in ("a", "b"):
            with lake.commit(f"add {key}") as connection:
                connection.execute('INSERT INTO samples ("key") VALUES (?)', [key])
    return path


@pytest.fixture
def path(template, tmp_path) -> Path:
    """A copy of it, at a path that has to be quoted."""
    return shutil.copytree(template, tmp_path / "it's a lake")


class Terminal:
    """A program on a pseudo-terminal that answers like one."""

    def __init__(self, *command: str) -> None:
        self.text = b""
        self.pid, self._file = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "xterm"
            os.execv(command[0], command)
        fcntl.ioctl(self._file, termios.TIOCSWINSZ, struct.pack("4H", 50, 120, 0, 0))

    def until(self, pattern: str) -> str:
        """What was printed since the last call, up to `pattern`."""
        deadline = time.monotonic() + DEADLINE_S
        while not (found := re.search(pattern.encode(), self.text)):
            assert time.monotonic() < deadline, (pattern, self.text)
            if select.select([self._file], [], [], 0.1)[0]:
                try:
                    data = os.read(self._file, 65_536)
                except OSError:  # it has ended
                    data = b""
                assert data, (pattern, self.text)
                for question, answer in ANSWERS.items():
                    os.write(self._file, answer * data.count(question))
                self.text += data
        printed, self.text = self.text[: found.end()], self.text[found.end() :]
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", printed.decode(errors="replace"))

    def type(self, line: str) -> None:
        os.write(self._file, line.encode() + b"\r")

    def status(self) -> int:
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


@pytest.fixture
def shell_is_installed() -> None:
    try:
        shell_program()
    except UsageError as missing:
        pytest.skip(str(missing))


def test_the_shell_answers_for_reading_only(path, shell_is_installed) -> None:
    command = [sys.executable, "-m", "leaflake", "sql", "--lake", str(path), "--shell"]
    terminal = Terminal(*command, "--at", "2")
    assert "at snapshot 2, for reading" in terminal.until("lake> ")
    terminal.type("select 6 * 7 + count(*) as answer from samples;")
    terminal.until("43")
    terminal.until("lake> ")
    with open_lake(path, read_only=False) as lake, lake.commit("while it is open") as connection:
        connection.execute("DELETE FROM samples")
    terminal.type("delete from samples;")
    terminal.until("read-only mode")
    terminal.until("lake> ")
    terminal.type(".quit")
    assert terminal.status() == 0


def test_closing_the_terminal_leaves_nothing_behind(path, shell_is_installed, monkeypatch) -> None:
    folder = path.parent / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    command = [sys.executable, "-m", "leaflake", "sql", "--lake", str(path), "--shell"]
    terminal = Terminal(*command)
    terminal.until("lake> ")
    assert [name.name.startswith("leaflake-shell-") for name in folder.iterdir()] == [True]
    os.close(terminal._file)
    terminal.status()
    assert list(folder.iterdir()) == []


def test_what_is_attached(path) -> None:
    with open_lake(path) as lake:
        load, attach, use, greeting, prompt = attach_statements(lake, "/tmp/copy.ducklake", 2)
    assert load.startswith("LOAD ")
    place = str(path.resolve() / "catalog").replace("'", "''")
    assert attach == (
        f"ATTACH 'ducklake:/tmp/copy.ducklake' AS lake (DATA_PATH '{place}', "
        "OVERRIDE_DATA_PATH true, READ_ONLY, SNAPSHOT_VERSION 2);"
    )
    assert use == "USE lake;"
    assert greeting.count("'") == 2  # none of the path's own
    assert prompt == ".prompt 'lake> ' '  ... '"


def test_without_the_package_it_says_what_to_install(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb_cli", None)
    with pytest.raises(UsageError, match=r"pip install 'leaflake\[shell\]' \(or duckdb-cli=="):
        shell_program()


def test_a_shell_of_another_version_is_refused(monkeypatch) -> None:
    pytest.importorskip("duckdb_cli")
    monkeypatch.setattr(catalog.shell, "version", lambda _: "1.0.0")
    with pytest.raises(UsageError, match=r"duckdb-cli 1\.0\.0 is installed beside DuckDB "):
        shell_program()


def test_a_lake_behind_a_url_is_refused() -> None:
    with pytest.raises(UsageError, match="the shell reads lakes on a disk only"):
        open_shell("memory://bucket/lake")


def test_a_folder_that_is_no_lake_is_refused(tmp_path, shell_is_installed) -> None:
    with pytest.raises(UsageError, match="not a lake"):
        open_shell(tmp_path)
