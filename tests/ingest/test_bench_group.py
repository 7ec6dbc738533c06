"""The measure itself: what the numbers in names stand for, and the shares."""

from __future__ import annotations

import numpy as np
import pytest

from catalog.groups import KINDS, Links
from ingest.bench_group import Proxy, Result, bench, judge, make_proxy
from ingest.group import Picture
from ingest.run import ingest
from leaflake import UsageError


def picture(name: str) -> Picture:
    return Picture(name, "set", "Apple", f"/set/Apple/{name}", "apple/healthy", True)


def test_numbers_that_count_on_are_near_and_others_far() -> None:
    names = [f"IMG_{number}.jpg" for number in (*range(11), 45)]
    proxy = make_proxy([picture(name) for name in names])
    assert sorted(map(sorted, proxy.near.tolist())) == [[n, n + 1] for n in range(10)]
    assert sorted(map(sorted, proxy.far.tolist())) == [[n, 11] for n in range(11)]


def test_a_folder_of_few_numbers_says_nothing() -> None:
    proxy = make_proxy([picture(f"IMG_{number}.jpg") for number in range(10)])
    assert (proxy.near.shape, proxy.far.shape) == ((0, 2), (0, 2))


def test_shares_of_pairs_in_one_group() -> None:
    proxy = Proxy(near=np.array([[0, 1], [2, 3]]), far=np.array([[0, 2], [0, 3], [1, 2], [1, 3]]))
    kind = np.array([KINDS.index("same_thing")], dtype=np.int8)
    links = Links(np.array([0]), np.array([1]), kind, np.array([0.1]))
    assert judge(4, links, proxy) == Result(
        near_together=0.5, far_together=0.0, groups=3, largest=2
    )


def test_a_lake_without_features_is_refused(tmp_path, write, dozen) -> None:
    ingest([write(tmp_path / "leaves", dozen)], tmp_path / "lake")
    with pytest.raises(UsageError, match="Run leaflake group"):
        bench(tmp_path / "lake", "true")
