"""One shard: offsets, bytes that repeat, the sidecar, and the webdataset package as a reader."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.storage import read_ranges
from shards.format import ShardWriter, sidecar_plan_id, write_sidecar
from shards.tar_member import member_header

SAMPLES = [
    ("000000-00000", b"\xff\xd8 first \xff\xd9", {"folder": "Kürbis krank", "dataset": "a"}),
    ("000000-00001", b"\xff\xd8" + bytes(5_000) + b"\xff\xd9", {"folder": "b", "dataset": "a"}),
    ("000000-00002", b"", {}),
    ("000000-00003", b"x" * 512, {"folder": "c"}),
]


def write_shard(path: Path) -> list[tuple[int, int]]:
    writer = ShardWriter(path)
    places = [writer.add(*sample) for sample in SAMPLES]
    writer.close()
    return places


def test_places_by_hand_and_the_bytes_lie_there(tmp_path) -> None:
    # A header block of 512, data rounded up to 512; each JSON takes two blocks.
    assert write_shard(tmp_path / "000000.tar") == [
        (512, 11),
        (512 + 512 + 1024 + 512, 5_004),
        (2560 + 5_120 + 1024 + 512, 0),
        (9216 + 1024 + 512, 512),
    ]
    read = read_ranges(tmp_path / "000000.tar", write_shard(tmp_path / "again.tar"))
    assert read == [jpeg for _, jpeg, _ in SAMPLES]


def test_the_bytes_are_those_of_the_tarfile_module(tmp_path) -> None:
    write_shard(tmp_path / "ours.tar")
    with tarfile.open(tmp_path / "theirs.tar", "w", format=tarfile.USTAR_FORMAT) as tar:
        for key, jpeg, origin in SAMPLES:
            text = json.dumps(origin, ensure_ascii=False, sort_keys=True).encode()
            for name, data in ((f"{key}.jpg", jpeg), (f"{key}.json", text)):
                info = tarfile.TarInfo(name)
                info.size, info.mode = len(data), 0o644
                tar.addfile(info, io.BytesIO(data))
    assert (tmp_path / "ours.tar").read_bytes() == (tmp_path / "theirs.tar").read_bytes()


@given(
    name=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=100),
    size=st.integers(0, 8**11 - 1),
)
def test_a_header_is_that_of_the_tarfile_module(name, size) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o644
    assert member_header(name, size) == info.tobuf(tarfile.USTAR_FORMAT)


def test_the_same_samples_give_the_same_bytes(tmp_path) -> None:
    write_shard(tmp_path / "one.tar")
    write_shard(tmp_path / "other.tar")
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "other.tar").read_bytes()


def test_the_webdataset_package_reads_the_same_samples(tmp_path) -> None:
    webdataset = pytest.importorskip("webdataset")
    write_shard(tmp_path / "000000.tar")
    url = f"file:{tmp_path / '000000.tar'}"
    samples = list(webdataset.WebDataset(url, shardshuffle=False, empty_check=False))
    assert [(one["__key__"], one["jpg"], json.loads(one["json"])) for one in samples] == SAMPLES


def test_a_shard_has_its_name_only_when_it_is_complete(tmp_path) -> None:
    writer = ShardWriter(tmp_path / "000000.tar")
    writer.add(*SAMPLES[0])
    assert [path.name for path in tmp_path.iterdir()] == ["000000.tar.tmp"]
    writer.close()
    assert [path.name for path in tmp_path.iterdir()] == ["000000.tar"]


def test_the_writer_starts_over_where_one_was_cut_off(tmp_path) -> None:
    (tmp_path / "000000.tar.tmp").write_bytes(b"left behind" * 1_000)
    write_shard(tmp_path / "000000.tar")
    write_shard(tmp_path / "clean.tar")
    assert (tmp_path / "000000.tar").read_bytes() == (tmp_path / "clean.tar").read_bytes()


def test_the_sidecar_knows_its_plan(tmp_path) -> None:
    path = tmp_path / "000000.parquet"
    assert sidecar_plan_id(path) is None
    write_sidecar(path, pa.table({"key": ["a"]}), "plan 1")
    assert sidecar_plan_id(path) == "plan 1"
    assert [file.name for file in tmp_path.iterdir()] == ["000000.parquet"]


def test_a_sidecar_of_somebody_else_fulfils_no_plan(tmp_path) -> None:
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"key": ["a"]}), tmp_path / "000000.parquet")
    assert sidecar_plan_id(tmp_path / "000000.parquet") == ""


def test_the_same_sidecar_gives_the_same_bytes(tmp_path) -> None:
    table = pa.table({"key": ["a", None], "offset": [1, 2]})
    write_sidecar(tmp_path / "one.parquet", table, "plan")
    write_sidecar(tmp_path / "other.parquet", table, "plan")
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "other.parquet").read_bytes()
