"""Packing on a Ray cluster: two real nodes on this machine, and what happens when one is lost."""

from __future__ import annotations

import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from catalog.lake import open_lake
from ingest.pack import Packed, pack_shard
from ingest.plan import PLANNED, ShardPlan
from ingest.ray_engine import RayCluster
from ingest.run import ingest
from leaflake import UsageError

NODE = {"num_cpus": 1, "object_store_memory": 80 * 1024**2}
"""Ray's least store of objects."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head node and another one, of one processor each."""
    pytest.importorskip("ray", reason="needs the extra `ray`")
    # Not pytest's folder: the path of a socket has at most 107 bytes.
    with (
        tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_TMPDIR", folder)  # also the address that `auto` takes
        from ray.cluster_utils import Cluster

        head = {**NODE, "include_dashboard": False}
        cluster = Cluster(initialize_head=True, head_node_args=head)
        try:
            cluster.add_node(**NODE)
            cluster.wait_for_nodes()
            yield cluster
        finally:
            cluster.shutdown()


def plans_of(folder: Path, count: int) -> list[ShardPlan]:
    """Plans of one file each, which the tests' own functions do not open."""
    file = {"dataset": "d", "folder": "f", "path": str(folder / "a.jpg"), "size": 1, "mtime_ns": 1}
    table = pa.Table.from_pylist([file], schema=PLANNED)
    return [ShardPlan(shard, table, folder, 256) for shard in range(count)]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def tables(lake: Path) -> dict[str, list[tuple]]:
    with open_lake(lake) as opened:
        ask = opened.connection.sql
        return {
            name: ask(f"FROM {name} ORDER BY ALL").fetchall()
            for name in ("samples", "rejections", "folders")
        }


def test_two_nodes_make_the_same_lake_as_processes_of_this_machine(
    cluster, tmp_path, write, dozen, monkeypatch
) -> None:
    monkeypatch.setattr("ingest.plan.FILES_PER_SHARD", 2)
    broken = {"Tomato___healthy/page.jpg": b"<html>", "Tomato___healthy/zero.jpg": b""}
    source = write(tmp_path / "leaves", {**dozen, **broken})
    nodes = tmp_path / "nodes"
    nodes.mkdir()

    def pack(plan: ShardPlan) -> Packed:
        import ray

        (nodes / ray.get_runtime_context().get_node_id()).touch()
        time.sleep(0.2)  # so that one node is not done before the other one is asked
        return pack_shard(plan)

    local = ingest([source], tmp_path / "local")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ingest.run.pack_shard", pack)
        on_ray = ingest([source], tmp_path / "ray", engine=RayCluster(cluster.address))

    assert on_ray == local
    assert on_ray.totals == local.totals
    assert len(list(nodes.iterdir())) == 2
    shards = contents(tmp_path / "local/shards")
    assert sorted(shards) == [f"{n:06d}.{kind}" for n in range(7) for kind in ("parquet", "tar")]
    assert contents(tmp_path / "ray/shards") == shards
    assert tables(tmp_path / "ray") == tables(tmp_path / "local")
    with open_lake(tmp_path / "ray") as lake:
        settings = lake.connection.sql(
            "SELECT settings->>'engine', settings->>'address' FROM ingests"
        ).fetchall()
    assert settings == [("RayCluster", cluster.address)]


def test_at_most_two_plans_a_processor_are_under_way(cluster, tmp_path) -> None:
    asked = []

    class Plans(list):
        def __iter__(self) -> Iterator[ShardPlan]:
            for plan in super().__iter__():
                asked.append(plan.shard)
                yield plan

    def pack(plan: ShardPlan) -> Packed:
        return Packed(plan.shard, 1, 1, {}, 1, 1, False)

    found = RayCluster(cluster.address).map(pack, Plans(plans_of(tmp_path, 20)))
    next(found)
    assert asked == [0, 1, 2, 3]
    found.close()  # type: ignore[attr-defined]


def test_what_packing_raises_comes_back_as_it_was(cluster, tmp_path) -> None:
    def pack(plan: ShardPlan) -> Packed:
        raise OSError(28, "No space left on device", str(plan.tar))

    with pytest.raises(OSError) as raised:
        list(RayCluster(cluster.address).map(pack, plans_of(tmp_path, 1)))
    assert (raised.value.errno, raised.value.filename) == (28, f"{tmp_path}/000000.tar")


def test_a_shard_that_always_kills_its_process_is_named(cluster, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("ingest.ray_engine.RETRIES", 0)

    def pack(plan: ShardPlan) -> Packed:
        os._exit(3)

    with pytest.raises(UsageError) as refused:
        list(RayCluster(cluster.address).map(pack, plans_of(tmp_path, 1)))
    assert str(refused.value).startswith(f"{tmp_path}/000000.tar: was lost 1 times while it was")
    assert "Shards that are complete are kept" in str(refused.value)


def pack_nothing(plan: ShardPlan) -> Packed:
    return Packed(plan.shard, 0, 0, {}, 0, 0, False)


def test_a_node_without_the_code_is_told_to_install_it(cluster, tmp_path) -> None:
    # The nodes know nothing of this module.
    with pytest.raises(UsageError) as refused:
        list(RayCluster(cluster.address).map(pack_nothing, plans_of(tmp_path, 1)))
    assert re.match(
        r"a node of the cluster can't do the work: .*No module named .*test_ray.*\. Install "
        r"leaflake .* on every node\. Shards that are complete are kept",
        str(refused.value),
    )


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("lake", "does not see the lake's folder /nowhere. Mount it there on every node"),
        ("source", "does not see the source folder /nowhere. Mount the sources under the same"),
    ],
)
def test_a_node_that_does_not_see_the_files_is_refused(cluster, tmp_path, missing, message) -> None:
    plan = plans_of(tmp_path if missing == "source" else Path("/nowhere"), 1)[0]
    if missing == "source":
        plan = ShardPlan(0, plans_of(Path("/nowhere"), 1)[0].files, tmp_path, 256)
    with pytest.raises(UsageError, match=f"^node [0-9.]+: {message}"):
        list(RayCluster(cluster.address).map(pack_shard, [plan]))
    assert list(tmp_path.iterdir()) == []


def test_a_lost_nodes_shard_is_packed_by_another_node(cluster, tmp_path) -> None:
    homes = [node.node_id for node in cluster.list_all_nodes()]
    started = tmp_path / "started"

    def pack(plan: ShardPlan) -> Packed:
        import ray

        if ray.get_runtime_context().get_node_id() not in homes:
            started.write_text(str(plan.shard))
            time.sleep(600)
        until = time.monotonic() + 60
        while plan.shard and not started.exists():  # leave plans for the node that comes
            assert time.monotonic() < until
            time.sleep(0.02)
        return Packed(plan.shard, 1, 1, {}, 1, 1, False)

    packing = RayCluster(cluster.address).map(pack, plans_of(tmp_path, 12))
    found = [next(packing)]
    doomed = cluster.add_node(**NODE)
    while not started.exists():
        time.sleep(0.02)
    cluster.remove_node(doomed, allow_graceful=False)
    found += packing
    assert sorted(one.shard for one in found) == list(range(12))
    assert int(started.read_text()) in range(1, 12)


def test_without_a_cluster_the_command_to_start_one_is_named(tmp_path) -> None:
    pytest.importorskip("ray", reason="needs the extra `ray`")
    with pytest.raises(UsageError) as refused:
        list(RayCluster("127.0.0.1:1").map(pack_shard, plans_of(tmp_path, 1)))
    assert str(refused.value) == (
        "--address 127.0.0.1:1: no Ray cluster answers there ([Errno 111] Connection refused). "
        "Start one with `ray start --head`, and on the other machines "
        "`ray start --address HOST:PORT`. Nothing was packed."
    )


def test_without_ray_its_extra_is_named(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match="^--engine ray: Ray is not installed. Install it on"):
        list(RayCluster("auto").map(pack_shard, plans_of(tmp_path, 1)))
