"""`leaflake classify`: pictures -> species and condition, one line each."""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaflake import UsageError, run

if TYPE_CHECKING:
    from serve.classify import Answerer

DEFAULT_BUNDLE = Path("demo/bundle")

PROGRESS_FROM = 20
"""Fewer pictures are done before a progress bar can be read."""

EXAMPLE = """example:
  leaflake classify --image leaf.jpg
  leaflake classify --bundle demo/bundle --image photographs/ --json
  leaflake classify --image photographs/ --csv > answers.csv
  cat leaf.jpg | leaflake classify --server http://127.0.0.1:8000/

exit status: 0 all answered; 1 some pictures could not be used, each has its reason in the output;
2 nothing was answered."""


def add_classify(parser: argparse.ArgumentParser) -> None:
    """The arguments of `leaflake classify`."""
    parser.epilog = EXAMPLE
    parser.add_argument("paths", type=Path, nargs="*", metavar="PATH", help="the same as --image")
    parser.add_argument(
        "--image",
        type=Path,
        nargs="+",
        metavar="PATH",
        action="extend",
        help="pictures, or folders with pictures; without it, one picture on standard input",
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--bundle",
        type=Path,
        help=f"folder with a model.json (default: $LEAFLAKE_BUNDLE, else {DEFAULT_BUNDLE})",
    )
    where.add_argument("--server", metavar="URL", help="upload to a running `leaflake serve`")
    parser.add_argument(
        "--top", type=top, default=5, metavar="N", help="candidates to list, 1 to 50 (default: 5)"
    )
    parser.add_argument(
        "--no-reject",
        dest="reject",
        action="store_false",
        help='never say "not a plant" or "unknown species" by the rejection rule',
    )
    parser.add_argument("--verbose", action="store_true", help="list the candidates too")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON object a line")
    form.add_argument("--csv", action="store_true", help="a table with a header")


def top(text: str) -> int:
    """How many candidates, for argparse; the same range as the server's."""
    value = int(text)
    if not 1 <= value <= 50:
        raise argparse.ArgumentTypeError(f"{value} is not a number from 1 to 50")
    return value


def main() -> int:
    """The console command `classify`."""
    return run("classify", sys.argv[1:])


def run_classify(args: argparse.Namespace) -> int:
    """Answer every picture; see EXAMPLE for the exit status."""
    from tqdm import tqdm

    from serve.classify import classify, find_pictures

    named = [*args.paths, *(args.image or [])] or [standard_input()]
    paths = find_pictures(named)
    # A single file that was named is what the caller wants to know: there, a bad one is wrong use.
    single = len(paths) == 1 and named == paths
    answer = open_answerer(args)
    show = formatter(args)
    # A name of a file may hold bytes that are no letters.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    num_errors = 0
    bar = tqdm(paths, unit="picture", file=sys.stderr, disable=len(paths) < PROGRESS_FROM)
    for path in bar:
        row = classify(path, answer)
        if "error" in row and single:
            raise UsageError(f"{path}: {row['error']['message']}. Name a JPEG, PNG or WebP file.")
        num_errors += "error" in row
        tqdm.write(show(row), file=sys.stdout)  # lifts the bar first where both share a terminal
    return 1 if num_errors else 0


def formatter(args: argparse.Namespace) -> Callable[[dict[str, Any]], str]:
    """How a row is written."""
    from serve.classify_csv import CsvLines

    if args.csv:
        return CsvLines()
    if args.json:
        return partial(json.dumps, ensure_ascii=False)
    return partial(describe, verbose=args.verbose)


def standard_input() -> Path:
    """The name of standard input, unless a person sits there and waits."""
    from serve.classify import STANDARD_INPUT

    if sys.stdin.isatty():
        raise UsageError(
            "no picture: name one with --image PATH, or `cat PATH | leaflake classify`"
        )
    return Path(STANDARD_INPUT)


def open_answerer(args: argparse.Namespace) -> Answerer:
    """The server if one was named, else the bundle."""
    from serve.answer import Question
    from serve.classify import local_answerer, server_answerer

    question = Question(args.top, args.reject)
    if args.server is not None:
        return server_answerer(args.server, question)
    from serve.model import Model  # here, so that asking a server needs no ONNX Runtime

    return local_answerer(Model.load(find_bundle(args.bundle)), question)


def find_bundle(named: Path | None) -> Path:
    """The bundle that was named, else the environment's, else the demo's."""
    if named is not None:
        return named
    if from_environment := os.environ.get("LEAFLAKE_BUNDLE"):
        return Path(from_environment)
    if DEFAULT_BUNDLE.is_dir():
        return DEFAULT_BUNDLE
    raise UsageError(
        f"no bundle: {DEFAULT_BUNDLE} does not exist. Name one with --bundle or LEAFLAKE_BUNDLE, "
        "or a running server with --server."
    )


def describe(row: dict[str, Any], verbose: bool) -> str:
    """One row for people; with `verbose`, its candidates below it."""
    lines = [f"{row['image']}: {say(row)}"]
    if verbose:
        lines += [
            f"  {100 * each['probability']:5.1f} %  {name_of(each, row)}"
            for each in row["conditions"]
        ]
    return "\n".join(lines)


def say(row: dict[str, Any]) -> str:
    """The answer in words."""
    if "error" in row:
        return f"error: {row['error']['message']}"
    answer, guess = row["answer"], row["species"][0]["species"]
    rank = answer["rank"]
    if not row["of_plants"] and rank in ("not_a_plant", "unknown_species"):
        return "none of these"
    if rank == "unknown_species":
        return (
            "unknown species (a plant, but none of the species that this model knows; most like "
            f"{guess})"
        )
    if answer["probability"] is None:
        return "not a plant"
    sure = percent(answer["probability"])
    if rank == "condition":
        return f"{answer['species']}, {answer['condition']} ({sure})"
    if rank == "species":
        unsure = ", condition not sure" if has_conditions(row) else ""
        return f"{answer['species']}{unsure} ({sure})"
    if rank == "not_a_plant":
        return f"not a plant ({sure})"
    return f"not sure (best guess {guess}, {sure})"


def has_conditions(row: dict[str, Any]) -> bool:
    """Whether the species answered can have a condition that tells something, as far as the row
    lists them."""
    from serve.labels import UNKNOWN  # brings numpy, for which --help must not wait

    species = row["answer"]["species_id"]
    own = [one["condition_id"] for one in row["conditions"] if one["species_id"] == species]
    return any(one != UNKNOWN for one in own)


def name_of(candidate: dict[str, Any], row: dict[str, Any]) -> str:
    """A candidate of a row: `Apple, Scab`, or `Beach` where there is nothing but classes."""
    from serve.labels import NO_PLANT

    if row["of_plants"]:
        return f"{candidate['species']}, {candidate['condition']}"
    return "none of these" if candidate["species_id"] == NO_PLANT else str(candidate["species"])


def percent(probability: float) -> str:
    """`93 %`; never 100 %, which no model can know."""
    return f"{min(round(100 * probability), 99)} %"
