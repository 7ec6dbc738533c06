from __future__ import annotations

import argparse
from pathlib import Path

import pytest

import leaflake
from serve.serve_cli import add_serve


def parse(*args: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_serve(parser)
    return parser.parse_args(["bundle", *args])


def test_nothing_is_switched_on_that_was_not_asked_for() -> None:
    assert vars(parse()) == {
        "bundle": Path("bundle"),
        "host": "127.0.0.1",
        "port": 8000,
        "file": None,
        "workers": 1,
        "queue": None,
        "idle_stop_s": None,
        "cors": [],
        "rate": None,
        "proxies": [],
        "allow_urls": False,
        "inbox": None,
    }


def test_every_option_arrives() -> None:
    options = ["--workers", "3", "--queue", "40", "--rate", "60", "--allow-urls"]
    origins = ["--cors", "https://garden.example", "http://localhost:3000"]
    proxies = ["--proxies", "127.0.0.1", "10.0.0.0/8", "fd00::/8"]
    found = parse(*options, *origins, *proxies, "--inbox", "lake")
    assert (found.workers, found.queue, found.rate, found.allow_urls) == (3, 40, 60, True)
    assert found.cors == ["https://garden.example", "http://localhost:3000"]
    assert found.inbox == Path("lake")
    assert list(map(str, found.proxies)) == ["127.0.0.1/32", "10.0.0.0/8", "fd00::/8"]
    assert parse("--cors", "*").cors == ["*"]


@pytest.mark.parametrize(
    "args",
    [
        ["--port", "65536"],
        ["--port", "-1"],
        ["--port", "x"],
        ["--idle-stop-s", "0"],
        ["--workers", "0"],
        ["--queue", "0"],
        ["--rate", "-5"],
        ["--proxies", "proxy.example"],
        ["--proxies", "10.0.0.1/8"],
        ["--cors", "garden.example"],
        ["--cors", "https://garden.example/"],
        ["--cors", "https://somebody@garden.example"],
        ["--cors", "file://garden"],
    ],
    ids=" ".join,
)
def test_bad_arguments_end_with_two(args: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        leaflake.main(["serve", "bundle", *args])
    assert ended.value.code == 2
