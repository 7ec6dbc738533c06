"""How much memory is free: the machine's word and the container's."""

from __future__ import annotations

from pathlib import Path

import pytest

from shards import memory


@pytest.mark.parametrize(
    ("files", "free"),
    [
        ({}, None),
        ({"memory.max": "max\n", "memory.current": "5\n", "memory.stat": ""}, None),
        (
            {
                "memory.max": "1000\n",
                "memory.current": "700\n",
                "memory.stat": "anon 500\ninactive_file 150\n",
            },
            450,
        ),
        (
            {
                "memory/memory.limit_in_bytes": "1000\n",
                "memory/memory.usage_in_bytes": "700\n",
                "memory/memory.stat": "cache 1\ninactive_file 100\n",
            },
            400,
        ),
    ],
    ids=["none", "no limit", "version 2", "version 1"],
)
def test_a_containers_limit_counts_file_cache_as_free(tmp_path, write, files, free) -> None:
    write(tmp_path, {name: text.encode() for name, text in files.items()})
    assert memory._container(tmp_path) == free


def test_the_machines_memory_is_what_is_available(tmp_path) -> None:
    path = tmp_path / "meminfo"
    path.write_text("MemTotal: 100 kB\nMemFree: 1 kB\nMemAvailable: 7 kB\n")
    assert memory._machine(path) == 7 * 1024
    assert memory._machine(tmp_path / "none") is None


@pytest.mark.parametrize(
    ("machine", "container", "free"), [(5, 3, 3), (5, None, 5), (None, 3, 3), (None, None, None)]
)
def test_the_smaller_one_counts(monkeypatch, machine, container, free) -> None:
    monkeypatch.setattr(memory, "_machine", lambda path=Path(): machine)
    monkeypatch.setattr(memory, "_container", lambda path=Path(): container)
    assert memory.available_bytes() == free
