"""`leaflake ingest`: arguments, and the lines that say what was found."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from catalog.storage import Place, as_place

if TYPE_CHECKING:
    from ingest.run import Ingested
    from ingest.scan import Scan

EXAMPLE = """example:
  leaflake ingest photos/ --lake lake/
  leaflake ingest mango_photos/ --species mango --lake lake/
  leaflake ingest photos/ --lake lake/ --dry-run
  leaflake ingest photos/ --lake s3://bucket/lake --engine ray --address head:6379
  leaflake ingest lake/inbox --lake lake/
  leaflake ingest places/ --classes classes.tsv --lake places_lake/

A source is a folder of class folders, or a folder of such datasets. Where folders name only a
disease, the species comes from --species, or from a SOURCES.tsv in the source with the columns
`dataset` and `species`. Its column `shots` may hold a regular expression with one group: files of
a class folder in whose names it captures the same text show one thing. An inbox holds what people
sent to `leaflake serve --inbox`; its pictures get the labels that were said. --classes is for
pictures of other things: a table with the columns `folder` and `class`, tab-separated, that names
the class of every folder; several folders may be one class, and `no_plant` is for what is in none.
Running it again takes in what is new, or goes on where it was interrupted."""


def add_ingest(parser: argparse.ArgumentParser) -> None:
    """Arguments of `leaflake ingest`."""
    parser.epilog = EXAMPLE
    parser.add_argument("sources", nargs="+", type=Path, metavar="SRC", help="folder of folders")
    parser.add_argument(
        "--lake", type=as_place, required=True, metavar="DIR", help="the lake to fill, or its URL"
    )
    label = parser.add_mutually_exclusive_group()
    label.add_argument("--species", help="species of folders that name only a disease")
    label.add_argument(
        "--classes", type=Path, metavar="TSV", help="what every folder shows, if not plants"
    )
    size = parser.add_mutually_exclusive_group()
    size.add_argument(
        "--short-side",
        type=positive,
        default=256,
        metavar="PIXELS",
        help="scale larger pictures to this short side (default 256)",
    )
    size.add_argument("--keep-original", action="store_true", help="store every picture's own size")
    parser.add_argument(
        "--workers",
        type=positive,
        default=os.cpu_count() or 1,
        metavar="N",
        help="processes (default: one a core)",
    )
    parser.add_argument(
        "--engine", choices=("local", "ray"), default="local", help="who packs (default: local)"
    )
    parser.add_argument(
        "--address",
        default="auto",
        metavar="HOST:PORT",
        help="with --engine ray: its head node (default: the cluster that this machine is part of)",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and stop")


def run_ingest(args: argparse.Namespace) -> int:
    """Run it, and print what it did and what the lake holds now."""
    from ingest.ray_engine import RayCluster
    from ingest.run import ingest

    short_side = None if args.keep_original else args.short_side
    if args.dry_run:
        print(_dry_run(args, short_side))
        return 0
    done = ingest(
        args.sources,
        args.lake,
        species=args.species,
        classes=args.classes,
        short_side=short_side,
        workers=args.workers,
        engine=RayCluster(args.address) if args.engine == "ray" else None,
    )
    if done.files:
        print(f"{_count(done.files, 'new file')} in {_count(done.shards, 'shard')}, ", end="")
        print(f"snapshot {done.snapshot}")
        print(_run_table(done))
    elif done.corrections:
        print(f"no new file; snapshot {done.snapshot}")
    else:
        print(f"nothing new; the lake is at snapshot {done.snapshot}")
    print(summary(args.lake))
    for line in _notes(done):
        print(line)
    if count := _num_not_compared(args.lake):
        print(
            f"not compared by appearance: {_count(count, 'picture')}; leaflake group finds the "
            "ones that show one leaf"
        )
    return 0


def _num_not_compared(lake_path: Place) -> int:
    from catalog.lake import open_lake

    with open_lake(lake_path) as lake:
        row = lake.connection.execute(
            "SELECT count(*) FROM samples WHERE shard NOT IN (SELECT shard FROM compared_shards)"
        ).fetchone()
    assert row is not None  # an aggregate has one row
    return int(row[0])


def _dry_run(args: argparse.Namespace, short_side: int | None) -> str:
    from ingest.run import prepare

    work = prepare(
        args.sources,
        args.lake,
        species=args.species,
        classes=args.classes,
        short_side=short_side,
    )
    lines = [
        f"would pack {_count(work.num_files, 'new file')} into {_count(len(work.plans), 'shard')}",
        str(work.needs),
        *_readings(work.scan),
        "nothing was written",
    ]
    return "\n".join(lines)


def _readings(scan: Scan) -> Iterator[str]:
    """What would be made of the folder names: the unsure ones, a line each."""
    from catalog.labels import read_folder_name

    to_read = [one for one in scan.folders if one.label is None]
    readings = [read_folder_name(one.folder, one.species_hint) for one in to_read]
    unsure = [reading for reading in readings if not reading.sure]
    yield f"{_count(len(scan.folders), 'class folder')}, {len(unsure)} names to review"
    for reading in unsure:
        yield f"  {reading.folder}: {reading.species}, {reading.condition} ({reading.rule})"


def _run_table(done: Ingested) -> str:
    """What this run did, and how long each stage took."""
    from ingest.needs import show_bytes

    totals = done.totals
    reasons = ", ".join(f"{files:,} {reason}" for reason, files in totals.rejections.items())
    pack_s = done.durations["pack"]
    packed = totals.files - totals.found_complete
    rate = f" ({packed / pack_s:,.0f} pictures/s)" if packed else ""
    kept = f", {totals.found_complete:,} packed before" if totals.found_complete else ""
    rows = {
        "files": f"{totals.files:,}{kept}",
        "samples": f"{totals.samples:,}",
        "rejected": f"{totals.files - totals.samples:,}" + (f" ({reasons})" if reasons else ""),
        "read": show_bytes(totals.source_bytes),
        "shards": f"{done.shards:,}, {show_bytes(totals.stored_bytes)}",
        **{stage: f"{seconds:.1f} s" for stage, seconds in done.durations.items()},
    }
    rows["pack"] += rate
    return "\n".join(f"  {name:<9} {text}" for name, text in rows.items())


def _notes(done: Ingested) -> Iterator[str]:
    """What a count of samples and rejections does not show."""
    found = done.passed_over
    parts = [
        (found.strays, "file", " outside the class folders"),
        (found.hidden_files, "hidden file", ""),
        (found.hidden_folders, "hidden folder", ""),
        (found.damaged, "damaged correction", ""),
    ]
    if done.corrections:
        yield f"{_count(done.corrections, 'new correction')}: leaflake sql 'from corrections'"
    if texts := [_count(number, noun) + where for number, noun, where in parts if number]:
        yield f"passed over: {', '.join(texts)}"
    if done.empty_folders:
        yield f"without a file: {_count(done.empty_folders, 'class folder')}"
    if done.gone:
        yield f"no longer in their folders: {_count(done.gone, 'file')}; their samples stay"


def summary(lake_path: Place) -> str:
    """What the lake holds, in a few lines."""
    from catalog.lake import open_lake

    with open_lake(lake_path) as lake:
        ask = lake.connection.execute
        samples, species, classes, train, val, test, groups = (
            ask(
                'SELECT count(*), count(DISTINCT species), count(DISTINCT (species, "condition")), '
                "count(*) FILTER (split = 'train'), count(*) FILTER (split = 'val'), "
                "count(*) FILTER (split = 'test'), count(DISTINCT group_id) FROM samples"
            ).fetchone()
            or (0,) * 7
        )
        reasons = ask("SELECT reason, files FROM rejections_by_reason").fetchall()
        unsplit = ask("SELECT why, count(*) FROM unsplit GROUP BY ALL ORDER BY why").fetchall()
        unsure, leaks = ask(
            "SELECT (SELECT count(*) FROM label_review), (SELECT count(*) FROM split_leaks)"
        ).fetchone() or (0, 0)
    rejected = ", ".join(f"{files} {reason}" for reason, files in reasons) or "none"
    kept_out = ", ".join(f"{count} {why}" for why, count in unsplit) or "none"
    return "\n".join(
        [
            f"{samples:,} samples of {species} species in {classes} classes, {groups:,} groups: "
            f"{train:,} train, {val:,} val, {test:,} test; {leaks} leaks",
            f"rejected: {rejected}; in no split: {kept_out}; folder names to review: {unsure}",
        ]
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not 1 or more")
    return value
