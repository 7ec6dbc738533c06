"""Pack all shards under a progress bar. In: plans and an engine. Out: Totals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tqdm import tqdm

from ingest.engines import Engine
from ingest.needs import show_bytes
from ingest.pack import Packed
from ingest.plan import ShardPlan
from leaflake import UsageError


@dataclass(frozen=True)
class Totals:
    """What became of the files."""

    files: int = 0
    samples: int = 0

    rejections: Mapping[str, int] = field(default_factory=dict)
    """Reason -> files, the most frequent first."""

    source_bytes: int = 0
    stored_bytes: int = 0

    found_complete: int = 0
    """Files in shards that an interrupted run had packed."""


def pack_all(
    pack: Callable[[ShardPlan], Packed], plans: Sequence[ShardPlan], engine: Engine
) -> Totals:
    """Pack every shard. The bar shows pictures/s, bytes/s read, rejections and the time left.

    Raises UsageError, with complete shards kept, if a shard cannot be written.
    """
    done: list[Packed] = []
    rejections: Counter[str] = Counter()
    read_bytes = 0
    total = sum(plan.files.num_rows for plan in plans)
    with tqdm(total=total, unit="picture", desc="ingest", smoothing=0, disable=not plans) as bar:
        try:
            for packed in engine.map(pack, plans):
                done.append(packed)
                rejections.update(packed.rejections)
                if packed.was_complete:
                    bar.initial += packed.files  # they cost no time, and say nothing of the rate
                else:
                    read_bytes += packed.source_bytes
                rate = read_bytes / max(bar.format_dict["elapsed"], 1e-9)
                bar.set_postfix_str(
                    f"{show_bytes(rate)}/s, {rejections.total():,} rejected", refresh=False
                )
                bar.update(packed.files)
        except OSError as error:
            # Reading is no reason (that is a rejection), so it was a shard that could not be
            # written: a full disk, or one that went away.
            raise UsageError(
                f"{error.filename or plans[0].folder}: a shard could not be written "
                f"({error.strerror or error}). Shards that are complete are kept, and the catalog "
                "is as it was; make room, and the same command goes on from there."
            ) from error
    return Totals(
        files=sum(one.files for one in done),
        samples=sum(one.samples for one in done),
        rejections=dict(sorted(rejections.items(), key=lambda item: (-item[1], item[0]))),
        source_bytes=sum(one.source_bytes for one in done),
        stored_bytes=sum(one.stored_bytes for one in done),
        found_complete=sum(one.files for one in done if one.was_complete),
    )
