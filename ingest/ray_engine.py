"""Pack shards on the machines of a Ray cluster. In: plans. Out: Packed, in any order.

Every node has this package in this version, and sees the sources under the same paths; the lake
too, or it lies in an object store. Needs the extra `ray`.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any

from ingest.engines import Pack
from ingest.pack import Packed
from ingest.plan import ShardPlan
from leaflake import UsageError

PLANS_AHEAD = 2
"""Plans under way for every processor of the cluster: one at work and one that waits for it, so
that no processor is idle between two shards and no plan waits long in the cluster's memory."""

RETRIES = 3
"""How often a shard is packed again whose process or node was lost. A file that takes the process
down each time would else be tried for ever."""

ANSWER_TIMEOUT_S = 10.0
"""How long the head node may take to accept a connection."""

GOES_ON = (
    "Shards that are complete are kept, and the catalog is as it was; the same command goes on "
    "from there."
)


@dataclass(frozen=True)
class RayCluster:
    """The processors of a running Ray cluster."""

    address: str
    """HOST:PORT of its head node, or `auto` for the cluster that this machine is part of."""

    def __str__(self) -> str:
        return f"on the Ray cluster {self.address}"

    def map(self, pack: Pack, plans: Sequence[ShardPlan]) -> Iterator[Packed]:
        """As Engine.map says. A shard whose node is lost is packed anew on another one."""
        ray = _connect(self.address)
        try:
            yield from _map(ray, pack, plans)
        finally:
            ray.shutdown()


def _map(ray: Any, pack: Pack, plans: Sequence[ShardPlan]) -> Iterator[Packed]:
    task = ray.remote(num_cpus=1, max_retries=RETRIES)(_pack_on_node)
    wanted = version("leaflake")
    waiting = iter(plans)
    busy: dict[Any, ShardPlan] = {}
    try:
        while True:
            # Asked anew each time: nodes come and go.
            room = PLANS_AHEAD * max(1, int(ray.cluster_resources().get("CPU", 0))) - len(busy)
            for plan in islice(waiting, max(0, room)):
                busy[task.remote(pack, plan, wanted)] = plan
            if not busy:
                return
            (done, *_), _ = ray.wait(list(busy), num_returns=1)
            yield _result(ray, done, busy.pop(done))
    finally:
        for reference in busy:
            ray.cancel(reference, force=True)


def _result(ray: Any, reference: Any, plan: ShardPlan) -> Packed:
    try:
        packed: Packed = ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, ray.exceptions.RayError):  # the work could not be unpacked there
            raise UsageError(
                f"a node of the cluster can't do the work: {_first_line(error.cause)}. Install "
                f"leaflake {version('leaflake')} on every node. {GOES_ON}"
            ) from None
        # What the pack function raised, as local processes give it.
        error.cause.add_note(f"on a node of the cluster:\n{error}")
        raise error.cause from None
    except ray.exceptions.RayError as error:  # its process or its node was lost, RETRIES times
        raise UsageError(
            f"{plan.tar}: was lost {RETRIES + 1} times while it was packed "
            f"({_first_line(error)}). {GOES_ON}"
        ) from None
    return packed


def _pack_on_node(pack: Pack, plan: ShardPlan, wanted: str) -> Packed:
    """What a node does. Raises UsageError if it is not like the one that sent the plan."""
    if version("leaflake") != wanted:
        raise UsageError(
            f"node {_node()}: has leaflake {version('leaflake')}, and {wanted} packs this lake. "
            f"Install the same version on every node. {GOES_ON}"
        )
    if isinstance(plan.folder, Path) and not plan.folder.is_dir():
        raise UsageError(
            f"node {_node()}: does not see the lake's folder {plan.folder}. Mount it there on "
            f"every node, or put the lake into an object store. {GOES_ON}"
        )
    # A file may have been taken away since the scan, and is a rejection then. Where not even one
    # folder is there, the source is not mounted, and every picture would become a rejection.
    folders = {os.path.dirname(path) for path in plan.files["path"].to_pylist()}
    if not any(map(os.path.isdir, folders)):
        raise UsageError(
            f"node {_node()}: does not see the source folder {min(folders)}. Mount the sources "
            f"under the same path on every node. {GOES_ON}"
        )
    return pack(plan)


def _node() -> str:
    import ray

    return str(ray.util.get_node_ip_address())


def _connect(address: str) -> Any:
    """Ray, connected to the cluster. Raises UsageError if it is not installed or not running."""
    try:
        import ray
    except ImportError:
        raise UsageError(
            "--engine ray: Ray is not installed. Install it on every node with "
            "`pip install leaflake[ray]`. Nothing was written."
        ) from None
    try:
        _refuse_silence(address)
        ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False)
    except (OSError, ValueError, RuntimeError) as error:
        raise UsageError(
            f"--address {address}: no Ray cluster answers there ({_first_line(error)}). Start one "
            "with `ray start --head`, and on the other machines `ray start --address HOST:PORT`. "
            "Nothing was packed."
        ) from None
    return ray


def _refuse_silence(address: str) -> None:
    """Raises OSError where no one listens; Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=ANSWER_TIMEOUT_S).close()


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0].rstrip(".")
