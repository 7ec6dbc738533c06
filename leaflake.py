"""The console command `leaflake`: one subcommand a stage, each imported only when it is called.

Every stage keeps its arguments in a `*_cli.py` of its own, which imports nothing heavy before it
runs, so that `leaflake STAGE --help` answers at once.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys

# ONNX Runtime's packages report every session to their makers, on Linux since 1.29: hashes of
# models, a number of the machine. It looks here when it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

COMMANDS = {
    "ingest": ("ingest.ingest_cli", "flat folders of pictures -> shards and catalog"),
    "group": ("ingest.group_cli", "find the shots of one leaf by appearance"),
    "sql": ("catalog.sql_cli", "ask the catalog a question in SQL"),
    "catalog": ("catalog.catalog_cli", "the snapshots of a lake, their history; check its shards"),
    "report": ("shards.report_cli", "a lake -> one HTML file to look through"),
    "shards": ("shards.shards_cli", "a selection -> a plain WebDataset"),
    "labels": ("catalog.labels_cli", "show what the folder-name reader makes of a name"),
    "augment": ("train.augment_cli", "labelled pictures -> more of them, with weights"),
    "crop": ("train.crop_cli", "pictures -> their leaves, found by a small network"),
    "train": ("train.train_cli", "a lake -> a run folder with a trained model"),
    "tune": ("train.tune_cli", "settings of a recipe, searched for by many short trainings"),
    "evaluate": ("train.evaluate_cli", "a run -> its figures on the test split"),
    "compare": ("train.compare_cli", "runs -> their accuracy, speed and size, side by side"),
    "export": ("export.export_cli", "a run -> a release bundle, checked in every runtime"),
    "verify": ("export.verify_cli", "is a bundle whole, and does it answer here as it should?"),
    "serve": ("serve.serve_cli", "a bundle -> HTTP server and page"),
    "bot": ("serve.bot_cli", "a bundle -> a Telegram bot that answers photographs"),
    "export-site": ("serve.export_site_cli", "a bundle -> its page, for any static host"),
    "classify": ("serve.classify_cli", "pictures -> species and condition, on the command line"),
    "inbox": ("ingest.inbox_cli", "corrections that people sent: look at them, or forget one"),
    "retrain": ("retrain.retrain_cli", "corrections -> a new model, if it is better"),
    "rollback": ("retrain.rollback_cli", "the model that was in production before"),
    "draw": ("ingest.draw_cli", "draw leaf pictures, for trying Leaflake without data"),
}


class UsageError(Exception):
    """Bad input or settings: the stage stops before it writes, and the command exits with 2.

    The message says what was found, where, what was expected, what to do, and what state things
    are in now; it is shown to the user as it is, on one line of standard error.
    """


def main(argv: list[str] | None = None) -> int:
    """Run one subcommand. Returns 0 (done), 1 (ran, and the answer is no) or 2 (wrong use)."""
    argv = sys.argv[1:] if argv is None else argv
    if not argv or argv[0] in ("-h", "--help"):
        print(overview())
        return 0 if argv else 2
    name = argv[0]
    if name == "--version":
        from importlib.metadata import version

        print(f"leaflake {version('leaflake')}")
        return 0
    if name not in COMMANDS:
        known = ", ".join(COMMANDS)
        print(f'leaflake: "{name}" is not a command; expected one of: {known}.', file=sys.stderr)
        return 2
    return run(name, argv[1:])


def overview() -> str:
    """The text of `leaflake --help`."""
    commands = [f"  {name:<11} {summary}" for name, (_, summary) in COMMANDS.items()]
    return "\n".join(
        [
            "usage: leaflake COMMAND ...",
            "",
            "From flat folders of plant photographs to a diagnosis that people can trust.",
            "",
            *commands,
            "",
            "leaflake COMMAND --help shows each with an example.",
        ]
    )


def run(name: str, argv: list[str]) -> int:
    """Parse the arguments of one subcommand and run it, turning a UsageError into exit status 2."""
    module_name, summary = COMMANDS[name]
    module = importlib.import_module(module_name)
    parser = argparse.ArgumentParser(
        prog=f"leaflake {name}",
        description=summary[0].upper() + summary[1:] + ".",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    function = name.replace("-", "_")
    getattr(module, f"add_{function}")(parser)
    args = parser.parse_args(argv)
    try:
        return int(getattr(module, f"run_{function}")(args))
    except UsageError as error:
        print(f"leaflake {name}: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # `leaflake sql ... | head` closes our standard output early; that is no failure.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print(f"leaflake {name}: stopped; what was complete is kept.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    # Run as a file this module is `__main__`; the stages know it as `leaflake`.
    sys.exit(importlib.import_module("leaflake").main())
