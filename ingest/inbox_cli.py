"""`leaflake inbox`: the corrections that people sent; one can be forgotten."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from catalog.storage import as_place

if TYPE_CHECKING:
    from shards.inbox_tar import Entry

EXAMPLE = """example:
  leaflake inbox lake/
  leaflake inbox lake/ --forget 2df79407db08b119

A line is: id, time, what was answered, what is said instead, and the tar with the picture, which
`tar xf TAR ID.jpg` takes out. `leaflake ingest lake/inbox --lake lake/` takes in what is new.

--forget overwrites the picture and what was said in the inbox, overwrites the picture in the lake's
shard, and deletes the rows. Older snapshots and the shard's own records keep its path, class and
numbers such as its size, but no picture. Runs that were trained on it stay as they are."""


def add_inbox(parser: argparse.ArgumentParser) -> None:
    """Arguments of `leaflake inbox`."""
    parser.epilog = EXAMPLE
    parser.add_argument("lake", type=as_place, metavar="LAKE", help="the folder above inbox/")
    parser.add_argument("--forget", metavar="ID", help="forget this correction and its picture")


def run_inbox(args: argparse.Namespace) -> int:
    """List, or forget."""
    from ingest.forget import find_entries, forget

    if args.forget is not None:
        done = forget(args.lake, args.forget)
        print(
            f"forgot {args.forget}: entries in the inbox {done.entries}, pictures in the lake "
            f"{done.samples}, rows in the table feedback {done.rows}"
        )
        return 0
    entries = find_entries(args.lake)
    for entry in entries:
        print(describe(entry))
    pictures = sum(entry.picture is not None for entry in entries)
    print(f"corrections: {len(entries):,}, with a picture: {pictures:,}")
    return 0


def describe(entry: Entry) -> str:
    """One line."""
    row = entry.row
    try:
        was, said = row["predicted"], row["correct"]
        answered = "/".join(filter(None, (was["species_id"], was["condition_id"]))) or was["rank"]
        instead = said["other"] or "/".join(
            filter(None, (said["species_id"], said["condition_id"]))
        )
        text = f"{row['received']}  {answered} -> {instead}"
    except (KeyError, TypeError):
        text = "damaged"
    picture = "" if entry.picture is None else f"  {entry.tar.name}"
    return f"{entry.key}  {text}{picture}"
