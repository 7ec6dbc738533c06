"""Members of a tar: written as tarfile writes them, and read as far as they are whole."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shards.tar_member import Member, end_bytes, member_bytes, walk

MEMBERS = st.lists(
    st.tuples(st.text("abcdef0123456789.", min_size=1, max_size=20), st.binary(max_size=1_200)),
    max_size=4,
)


@settings(deadline=None)  # files on a busy disk
@given(members=MEMBERS, cut=st.integers(0, 3_000), tail=st.binary(max_size=700))
def test_a_walk_gives_what_is_whole_however_the_tar_was_cut(
    tmp_path_factory, members, cut, tail
) -> None:
    """A killed writer leaves a cut member; a machine without power may leave any bytes there."""
    blobs = [member_bytes(name, data) for name, data in members]
    ends = [sum(map(len, blobs[: count + 1])) for count in range(len(blobs))]
    whole = b"".join(blobs)
    cut = min(cut, len(whole))
    path = tmp_path_factory.getbasetemp() / "walked.tar"
    path.write_bytes(whole[:cut])
    found = list(walk(path))
    padded = [(m.offset + m.length + 511) // 512 * 512 for m in found]
    assert padded == ends[: len(found)]
    assert [(m.name, whole[m.offset :][: m.length]) for m in found] == members[: len(found)]
    # All whose data is there, though its padding may not be.
    data_ends = [end - -len(data) % 512 for end, (_, data) in zip(ends, members, strict=True)]
    assert len(found) == sum(end <= cut for end in data_ends)
    kept = ends[len(found) - 1] if found else 0
    if cut == kept:
        path.write_bytes(whole[:kept] + b"\xff" + tail)
        assert list(walk(path)) == found


def test_the_end_is_that_of_the_tarfile_module(tmp_path) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        info = tarfile.TarInfo("a.json")
        info.size = 2
        tar.addfile(info, io.BytesIO(b"{}"))
    data = member_bytes("a.json", b"{}")
    assert data + end_bytes(len(data)) == out.getvalue()
    path = tmp_path / "a.tar"
    path.write_bytes(out.getvalue())
    assert list(walk(path)) == [Member("a.json", 512, 2)]


@pytest.mark.parametrize("data", [b"", b"text", bytes(2_000), b"x" * 2_000])
def test_what_is_no_tar_has_no_members(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.tar").write_bytes(data)
    assert list(walk(tmp_path / "a.tar")) == []
