import numpy as np
import pytest

from export.material import read_not_plants, read_spread, spread
from leaflake import UsageError
from shards.format import ShardWriter
from shards.select import Selection


def test_pictures_of_no_plant_are_read_by_name_and_other_files_passed_over(tmp_path, draw, encode):
    data = [encode(draw(seed)) for seed in range(2)]
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/a.jpg").write_bytes(data[0])
    (tmp_path / "tiger.jpg").write_bytes(data[1])
    (tmp_path / "LICENSE").write_text("free")
    (tmp_path / "cut.jpg").write_bytes(data[0][: len(data[0]) // 2])
    assert read_not_plants(tmp_path) == tuple(data)


def test_a_folder_without_pictures_or_none_at_all_is_refused(tmp_path):
    (tmp_path / "note.txt").write_text("nothing here")
    with pytest.raises(UsageError, match="none of its 1 files is a JPEG, PNG or WebP"):
        read_not_plants(tmp_path)
    with pytest.raises(UsageError, match="missing: there is no such folder"):
        read_not_plants(tmp_path / "missing")


@pytest.mark.parametrize(
    ("count", "most", "expected"), [(5, 3, [0, 2, 4]), (3, 9, [0, 1, 2]), (1, 1, [0])]
)
def test_at_most_so_many_are_taken_evenly(count, most, expected):
    assert spread(count, most).tolist() == expected


def test_only_the_pictures_that_are_wanted_are_read(tmp_path, draw, encode):
    writer = ShardWriter(tmp_path / "000000.tar")
    data = [encode(draw(seed), "PNG") for seed in range(5)]
    places = [writer.add(f"000000-{n:05d}", one, {}) for n, one in enumerate(data)]
    writer.close()
    offset, length = np.array(places).T
    length[[1, 3]] = 10**9  # reading these would fail
    zeros = np.zeros(5, dtype=np.int64)
    # In class order: 4, 1, 2, 3, 0; spread evenly over them: 4, 2, 0.
    classes = np.array([3, 1, 1, 2, 0])
    train = Selection(tuple("abcde"), ("set",) * 5, classes, zeros, offset, length, tmp_path)
    assert list(read_spread(train, 3)) == [data[4], data[2], data[0]]
