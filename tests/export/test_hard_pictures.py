import re

import numpy as np
import pytest
from PIL import Image

from export.hard_pictures import Source, read_hard, read_sources
from leaflake import UsageError
from shards.decode import decode_image

RED = Source("fruit", "stamps", "1.0", "GPL-2", "usr/red*.png")


def test_the_list_names_kinds_packages_versions_licences_and_files():
    sources = read_sources()
    assert {"fruit", "vegetables", "flowers", "lawn", "green wall", "screenshots"} <= {
        one.kind for one in sources
    }
    assert all(re.fullmatch(r"[\d.+:~-]+", one.version) for one in sources)


def test_a_row_that_lacks_a_field_is_refused_with_its_line(tmp_path):
    (tmp_path / "list.tsv").write_text("# kinds\nfruit\tstamps\t1.0\tusr/*.png\n")
    with pytest.raises(UsageError, match=r"list.tsv:2: 4 fields; expected kind, package"):
        read_sources(tmp_path / "list.tsv")


def test_pictures_come_by_kind_with_what_is_see_through_on_white(tmp_path):
    (tmp_path / "usr").mkdir()
    picture = Image.new("RGBA", (20, 16), (255, 0, 0, 0))
    picture.paste((255, 0, 0, 255), (0, 0, 10, 16))
    picture.save(tmp_path / "usr/red1.png")
    Image.new("RGB", (1280, 640), "red").save(tmp_path / "usr/red2.png")
    found = read_hard(tmp_path, (RED,))
    first, second = map(decode_image, found["fruit"])
    expected = np.full((16, 20, 3), 255, np.uint8)
    expected[:, :10] = (255, 0, 0)
    assert (list(found), np.array_equal(first, expected)) == (["fruit"], True)
    assert second.shape == (320, 640, 3)


def test_a_package_that_was_not_unpacked_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"no file usr/red\*.png, which Debian's stamps 1.0 has"):
        read_hard(tmp_path, (RED,))
