"""Places: the same operations in a folder, in memory and in a real S3 server on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog import storage
from catalog.storage import (
    Place,
    as_place,
    delete,
    exists,
    is_url,
    join,
    list_sizes,
    make_folder,
    open_file,
    publish,
    read_ranges,
)
from leaflake import UsageError


@pytest.fixture(params=["folder", "memory", "s3"])
def place(request, tmp_path) -> Iterator[Place]:
    """An empty place of each kind."""
    if request.param == "folder":
        yield tmp_path / "place"
    elif request.param == "memory":
        yield f"memory://{request.node.name}"
    else:
        yield f"{request.getfixturevalue('bucket')}/place"


def put(place: Place, data: bytes) -> None:
    with publish(place) as file:
        file.write(data)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("lake/", Path("lake")),
        (Path("lake"), Path("lake")),
        ("file:///data/lake", Path("/data/lake")),
        ("s3://bucket/lake/", "s3://bucket/lake"),
        ("memory://lake", "memory://lake"),
    ],
)
def test_a_place_is_a_path_or_a_url(text, place) -> None:
    assert as_place(text) == place


def test_what_lies_below_a_place() -> None:
    assert join(Path("lake"), "shards", "000000.tar") == Path("lake/shards/000000.tar")
    assert join("s3://b/lake", "shards", "000000.tar") == "s3://b/lake/shards/000000.tar"
    assert (is_url("s3://b/lake"), is_url(Path("lake"))) == (True, False)


def test_files_are_written_listed_read_and_removed(place) -> None:
    make_folder(join(place, "shards"))
    tar = join(place, "shards", "000000.tar")
    assert (exists(tar), list_sizes(join(place, "shards"))) == (False, {})
    assert list_sizes(join(place, "nothing")) == {}
    put(tar, b"0123456789")
    put(join(place, "shards", "000000.parquet"), b"abc")
    assert exists(tar)
    assert list_sizes(join(place, "shards")) == {"000000.parquet": 3, "000000.tar": 10}
    with open_file(tar) as file:
        assert file.read() == b"0123456789"
    put(tar, b"new")  # another shard of that number
    with open_file(tar) as file:
        assert file.read() == b"new"
    delete(tar)
    delete(tar)
    assert not exists(tar)
    with pytest.raises(FileNotFoundError):
        open_file(tar).read()


def test_a_file_that_was_not_finished_never_gets_its_name(place) -> None:
    make_folder(place)
    with pytest.raises(ZeroDivisionError), publish(join(place, "a.tar")) as file:
        file.write(b"half")
        raise ZeroDivisionError
    assert not exists(join(place, "a.tar"))


def test_ranges_come_in_the_order_in_which_they_were_asked_for(place, monkeypatch) -> None:
    make_folder(place)
    tar = join(place, "a.tar")
    put(tar, bytes(range(200)))
    monkeypatch.setattr(storage, "GAP_BYTES", 10)
    asked = [(150, 3), (0, 2), (5, 1), (150, 3), (199, 1), (151, 0)]
    assert read_ranges(tar, asked) == [
        bytes([150, 151, 152]),
        bytes([0, 1]),
        bytes([5]),
        bytes([150, 151, 152]),
        bytes([199]),
        b"",
    ]
    assert read_ranges(tar, []) == []
    with pytest.raises(EOFError, match="a.tar: 1 of 2 bytes at offset 199"):
        read_ranges(tar, [(0, 1), (199, 2)])
    with pytest.raises(FileNotFoundError):
        read_ranges(join(place, "b.tar"), [(0, 1)])


ranges = st.tuples(st.integers(0, 999), st.integers(0, 1000)).filter(lambda r: sum(r) <= 1000)


@given(st.lists(ranges), st.integers(0, 300), st.integers(1, 600))
def test_ranges_fetched_together_are_what_they_are_one_by_one(asked, gap, most) -> None:
    data = bytes(number % 251 for number in range(1000))
    put("memory://ranges/a.tar", data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(storage, "GAP_BYTES", gap)
        patch.setattr(storage, "REQUEST_BYTES", most)
        found = read_ranges("memory://ranges/a.tar", asked)
    assert found == [data[offset : offset + length] for offset, length in asked]


def test_near_ranges_are_one_request(monkeypatch) -> None:
    put("memory://requests/a.tar", bytes(1000))
    requests = []
    fetch = storage._files("memory://x").__class__.cat_ranges

    def count(self, paths, starts, ends, **options):
        requests.extend(zip(starts, ends, strict=True))
        return fetch(self, paths, starts, ends, **options)

    monkeypatch.setattr(storage._files("memory://x").__class__, "cat_ranges", count)
    monkeypatch.setattr(storage, "GAP_BYTES", 100)
    read_ranges("memory://requests/a.tar", [(0, 50), (100, 50), (600, 50), (640, 20)])
    assert requests == [(0, 150), (600, 660)]


def test_a_url_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(UsageError, match="^nowhere://: cannot be opened: Protocol not known"):
        exists("nowhere://bucket/lake")
