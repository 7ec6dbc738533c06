"""`leaflake ingest`: arguments, and the lines that say what was found."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

EXAMPLE = """example:
  leaflake ingest photos/ --lake lake/
  leaflake ingest mango_photos/ --species mango --lake lake/

A source is a folder of class folders, or a folder of such datasets. Where folders name only a
disease, the species comes from --species, or from a SOURCES.tsv in the source with the columns
`dataset` and `species`. Running it again takes in what is new."""


def add_ingest(parser: argparse.ArgumentParser) -> None:
    """Arguments of `leaflake ingest`."""
    parser.epilog = EXAMPLE
    parser.add_argument("sources", nargs="+", type=Path, metavar="SRC", help="folder of folders")
    parser.add_argument("--lake", type=Path, required=True, metavar="DIR", help="the lake to fill")
    parser.add_argument("--species", help="species of folders that name only a disease")
    parser.add_argument(
        "--short-side",
        type=positive,
        default=256,
        metavar="PIXELS",
        help="scale larger pictures to this short side (default 256)",
    )
    parser.add_argument(
        "--workers",
        type=positive,
        default=os.cpu_count() or 1,
        metavar="N",
        help="processes (default: one a core)",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and stop")


def run_ingest(args: argparse.Namespace) -> int:
    """Run it, and print what the lake holds now."""
    from ingest.run import ingest
    from ingest.scan import stray_files

    done = ingest(
        args.sources,
        args.lake,
        species=args.species,
        short_side=args.short_side,
        workers=args.workers,
        dry_run=args.dry_run,
    )
    if args.dry_run:
        print(f"would pack {_count(done.files, 'new file')} into {_count(done.shards, 'shard')}")
        print(_readings(args.sources, args.species))
        print("nothing was written")
        return 0
    if not done.files:
        print(f"nothing new; the lake stays at snapshot {done.snapshot}")
    else:
        print(f"{_count(done.files, 'new file')} in {_count(done.shards, 'shard')}, ", end="")
        print(f"snapshot {done.snapshot}")
    print(summary(args.lake))
    if strays := stray_files(args.sources):
        print(f"passed over: {_count(strays, 'file')} outside the class folders")
    if done.gone:
        print(f"no longer in their folders: {_count(done.gone, 'file')}; their samples stay")
    return 0


def _readings(sources: list[Path], species: str | None) -> str:
    """What would be made of the folder names: the unsure ones, a line each."""
    from catalog.labels import read_folder_name
    from ingest.scan import scan

    readings = [read_folder_name(one.folder, one.species_hint) for one in scan(sources, species)]
    unsure = [reading for reading in readings if not reading.sure]
    lines = [f"{_count(len(readings), 'class folder')}, {len(unsure)} names to review"]
    lines += [f"  {r.folder}: {r.species}, {r.condition} ({r.rule})" for r in unsure]
    return "\n".join(lines)


def summary(lake_path: Path) -> str:
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
