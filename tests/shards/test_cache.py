"""The cache: the right bytes, once a machine, no more than fits, and nothing left of it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from leaflake import UsageError
from shards import reads
from shards.cache import Cache, in_gb
from shards.select import Selection

PICTURES = [bytes([n]) * (50 + 7 * n) for n in range(11)]


@pytest.fixture
def selection(tmp_path, shards) -> Selection:
    return shards(tmp_path / "shards", PICTURES)


def held(cache: Cache) -> list[bytes]:
    length = cache.selection.length
    return [
        cache.data[start : start + size].tobytes()
        for start, size in zip(cache.starts, length, strict=True)
    ]


def notes() -> list[str]:
    folder = Path(tempfile.gettempdir()) / f"leaflake-{os.getuid()}"
    return sorted(path.name for path in folder.iterdir() if path.name != "lock")


def test_it_holds_the_bytes_of_every_row(selection) -> None:
    cache = Cache(selection, leave_bytes=0)
    cache.wait()
    assert cache.is_full
    assert held(cache) == PICTURES
    cache.close()


def test_rows_may_come_in_any_order_and_some_of_them_only(selection) -> None:
    rows = np.array([9, 0, 4, 3])
    cache = Cache(selection.take(rows), leave_bytes=0)
    cache.wait()
    assert held(cache) == [PICTURES[row] for row in rows]
    cache.close()


def test_pictures_far_apart_are_read_each_on_its_own(selection, monkeypatch) -> None:
    monkeypatch.setattr(reads, "MAX_GAP", 0)
    cache = Cache(selection, leave_bytes=0)
    cache.wait()
    assert held(cache) == PICTURES
    cache.close()


def test_the_same_rows_are_in_memory_once(selection) -> None:
    one = Cache(selection, leave_bytes=0)
    one.wait()
    other = Cache(selection, leave_bytes=0)
    assert other.is_full
    assert os.stat(other.path).st_ino == os.stat(one.path).st_ino
    one.close()
    assert held(other) == PICTURES
    other.close()


def test_other_rows_are_other_memory(selection) -> None:
    caches = [Cache(rows, leave_bytes=0) for rows in (selection, selection.take(np.arange(3)))]
    assert os.stat(caches[0].path).st_ino != os.stat(caches[1].path).st_ino
    for cache in caches:
        cache.close()


def test_another_process_finds_it(selection) -> None:
    cache = Cache(selection, leave_bytes=0)
    cache.wait()
    [name] = notes()
    code = (
        "import sys, tempfile; tempfile.tempdir = sys.argv[1]\n"
        "from shards.shared import find_or_create\n"
        "print(bytes(find_or_create(sys.argv[2], 1, lambda: sys.exit('not found')).data).hex())"
    )
    command = [sys.executable, "-c", code, str(selection.shards_folder.parent), name]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert bytes.fromhex(found.stdout) == cache.data.tobytes()
    cache.close()


def test_what_does_not_fit_is_refused_with_what_would(selection) -> None:
    big = replace(selection, length=np.full(11, 10**9))
    with pytest.raises(UsageError) as refused:
        Cache(big, leave_bytes=2 * 10**9, limit=6 * 10**9)
    assert str(refused.value) == (
        "11 pictures need 11.0 GB of memory; 6.0 GB are free, of which 2.0 GB are to be left. That "
        "fits 3 of them, or all at 60% of their sides. Narrow the selection, ingest with a smaller "
        "--short-side, or stream from the shards instead (--stream, or cache=False). "
        "Nothing was written."
    )
    assert notes() == []


def test_a_small_cache_is_granted_whatever_is_to_be_left(selection) -> None:
    Cache(selection, leave_bytes=10**12, limit=10**6).close()


def test_it_says_what_it_needs(selection, capsys) -> None:
    Cache(selection, leave_bytes=0, limit=3 * 10**9).close()
    assert "cache: 11 pictures in 0.0 MB of 3.0 GB\n" in capsys.readouterr().err


def test_a_shard_that_was_cut_off_is_said_and_the_rest_stays(selection, capsys) -> None:
    path = selection.shards_folder / "000001.tar"
    path.write_bytes(path.read_bytes()[:1_000])
    cache = Cache(selection, leave_bytes=0)
    with pytest.raises(EOFError, match=r"000001.tar: \d+ of \d+ bytes at offset 512"):
        cache.wait()
    assert cache.data[:11].tolist() == [1] * 4 + [0] * 7
    assert "the rest is read when it is asked for" in capsys.readouterr().err
    cache.close()


def test_a_killed_process_leaves_no_memory_and_the_next_start_removes_its_note(selection) -> None:
    code = (
        "import os, signal, sys, tempfile; tempfile.tempdir = sys.argv[1]\n"
        "from shards.shared import find_or_create\n"
        "shared = find_or_create('killed', 4096, lambda: None)\n"
        "print(shared.path, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    command = [sys.executable, "-c", code, str(selection.shards_folder.parent)]
    path = subprocess.run(command, capture_output=True, text=True).stdout.strip()
    assert path.startswith("/proc/") and not os.path.exists(path)
    assert notes() == ["killed"]
    cache = Cache(selection, leave_bytes=0)
    assert len(notes()) == 1 and "killed" not in notes()
    cache.close()


@pytest.mark.parametrize(
    ("num_bytes", "text"), [(1_234_567_890, "1.2 GB"), (12_300_000, "12.3 MB")]
)
def test_sizes_for_people(num_bytes, text) -> None:
    assert in_gb(num_bytes) == text
