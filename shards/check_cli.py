"""`leaflake catalog check`: whether the shards are what the catalog says. In: a lake."""

from __future__ import annotations

import argparse

from catalog.storage import as_place

CHECK_EXAMPLE = """example:
  leaflake catalog check --lake lake/
  leaflake catalog check --lake lake/ --deep

Looks whether every tar and sidecar is there and long enough, in a moment; --deep reads every
picture as well. Exit status 1 if something is wrong."""


def add_check(parser: argparse.ArgumentParser) -> None:
    """Arguments of `leaflake catalog check`."""
    parser.add_argument("--lake", type=as_place, required=True, metavar="DIR", help="or a URL")
    parser.add_argument("--deep", action="store_true", help="read every picture")


def run_check(args: argparse.Namespace) -> int:
    """Print each fault, or that there is none. Returns 1 if there is one."""
    from catalog.lake import open_lake
    from shards.check_shards import check_shards

    with open_lake(args.lake) as lake:
        faults = check_shards(lake, deep=args.deep)
        row = lake.connection.sql("SELECT count(*), count(DISTINCT shard) FROM samples").fetchone()
        assert row is not None  # counting always gives one row
    for fault in faults:
        print(f"{fault.place}: {fault.problem}; pictures concerned: {fault.pictures:,}")
    pictures, shards = row
    how = "every picture was read" if args.deep else "names and sizes were looked at"
    print(f"{shards:,} shards, {pictures:,} pictures: {len(faults) or 'no'} faults; {how}")
    if faults:
        print(
            "Bring the files back from a copy. Without one, delete the rows of a shard "
            f'(leaflake sql --lake {args.lake} "delete from samples where shard = '
            f'{faults[0].shard}") and ingest their folders again.'
        )
    return 1 if faults else 0
