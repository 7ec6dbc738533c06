"""`just bench-serve`: Leaflake's server beside LitServe and BentoML, in one table and one plot.

In: a bundle, and the environment of the rivals. Out: the table, results.json and results.svg.
Everybody has the same bundle, pictures, decoder and answers, and connections that are kept alive.
One after another, in processes of their own, several rounds, of which the medians count; in each
round also the bare loop of ONNX Runtime and the decoder, which no server can beat.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from leaflake import UsageError
from serve.bench_plan import Plan, is_same
from serve.bench_serve_plot import plot
from serve.bench_serve_table import (
    CEILING,
    OURS,
    RIVALS,
    TITLES,
    Figures,
    goals,
    load_share,
    table,
)
from serve.bench_servers import ROOT, NotRun, Running, free_port, load, serving
from serve.speed import count_cores

GOLDEN = "golden"
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
MOST_PICTURES = 200
"""Spread over a folder; the load generator keeps them in memory."""

PATHS = {OURS: "/api/predict", "litserve": "/predict", "bentoml": "/rival/predict"}
"""Where each takes a picture."""

Runs = dict[str, dict[int, list[Figures]]]


@dataclass(frozen=True)
class Bench:
    """What is asked of everybody."""

    bundle: Path
    pictures: tuple[Path, ...]
    expected: tuple[dict[str, Any], ...]
    """For each picture the right `answer`."""

    clients: tuple[int, ...]
    seconds: float
    cores: int
    rivals: Path | None
    """`bin` of the rivals' environment."""

    out: Path
    """Where the servers' logs go."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Arguments, and the exit status."""
    parser = argparse.ArgumentParser(prog="just bench-serve", description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--rivals", type=Path, metavar="BIN", help="bin of their environment")
    parser.add_argument("--pictures", type=Path, help="a folder (default: the golden ones)")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 64])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=6.0, help="that each is timed")
    parser.add_argument("--only", help=f"some of {', '.join(TITLES)}, with commas between")
    parser.add_argument("--out", type=Path, default=Path("bench-serve"))
    args = parser.parse_args(arguments)
    try:
        names = chosen(args.only, with_rivals=args.rivals is not None)
        args.out.mkdir(parents=True, exist_ok=True)
        pictures = find_pictures(args.pictures or args.bundle / GOLDEN)
        bench = Bench(
            args.bundle.resolve(), pictures, right_answers(args.bundle, pictures),
            tuple(sorted(args.clients)), args.seconds, count_cores(), args.rivals, args.out,
        )  # fmt: skip
        runs, absent = run_rounds(bench, names, args.rounds)
        report(bench, args.rounds, runs, absent)
    except UsageError as error:
        print(f"bench-serve: {error}", file=sys.stderr)
        return 2
    return 0


def chosen(only: str | None, with_rivals: bool) -> list[str]:
    """Who takes part. Raises UsageError for a name that nobody has."""
    names = [name for name in TITLES if with_rivals or name not in RIVALS]
    wanted = names if only is None else only.split(",")
    if unknown := [name for name in wanted if name not in names]:
        raise UsageError(
            f"--only {only}: {', '.join(unknown)} is none of {', '.join(names)}"
            + ("" if with_rivals else " (rivals need --rivals BIN)")
            + ". Nothing was measured."
        )
    return [name for name in names if name in wanted]


def find_pictures(folder: Path) -> tuple[Path, ...]:
    """At most MOST_PICTURES, spread over the folder in the order of their names."""
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not found:
        raise UsageError(
            f"{folder}: no picture in it. Name a folder with --pictures. Nothing was measured."
        )
    step = max(1, -(-len(found) // MOST_PICTURES))
    return tuple(found[::step])


def right_answers(bundle: Path, pictures: Sequence[Path]) -> tuple[dict[str, Any], ...]:
    """What the bundle answers, asked here. Raises UsageError as Model.load does."""
    from serve.answer import Question
    from serve.model import Model

    model = Model.load(bundle)
    answers = (model.answer(model.decode(path.read_bytes()), Question()) for path in pictures)
    return tuple(one["answer"] for one in answers)


def run_rounds(bench: Bench, names: Sequence[str], rounds: int) -> tuple[Runs, dict[str, str]]:
    """Everybody in turn, several times; and who could not run, with the reason."""
    runs: Runs = defaultdict(lambda: defaultdict(list))
    absent: dict[str, str] = {}
    for _ in range(rounds):
        for name in names:
            if name in absent:
                continue
            try:
                found = ceiling(bench) if name == CEILING else serve_and_ask(bench, name)
            except NotRun as error:
                absent[name] = str(error)
                print(f"{TITLES[name]} cannot run here: {error}", file=sys.stderr, flush=True)
                continue
            for clients, figures in found.items():
                runs[name][clients].append(figures)
            rates = ", ".join(f"{one.requests_per_s:.1f}" for one in found.values())
            print(f"{TITLES[name]:<10}{rates} requests/s", file=sys.stderr, flush=True)
    return {name: runs[name] for name in names if name not in absent}, absent


def ceiling(bench: Bench) -> dict[int, Figures]:
    """The bare loop: one for one client, one on each core for several."""
    command = [sys.executable, "-m", "serve.bench_ceiling", str(bench.bundle)]
    command += [str(bench.cores), str(bench.seconds), *map(str, bench.pictures)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    if done.returncode != 0:
        raise NotRun((done.stderr.strip().splitlines() or ["no message"])[-1])
    found = json.loads(done.stdout)
    return {
        clients: Figures(rate, cpu_ms=cpu_ms)
        for clients in bench.clients
        for rate, cpu_ms in [found["alone" if clients == 1 else "side_by_side"]]
    }


def serve_and_ask(bench: Bench, name: str) -> dict[int, Figures]:
    """One server, from start to stop, with every number of clients."""
    port = free_port()
    path = PATHS[name]
    log = bench.out / f"{name}.log"
    variables = {
        "LEAFLAKE_BENCH_BUNDLE": str(bench.bundle),
        "BENTOML_HOME": str(bench.out.resolve() / "bentoml"),
        "BENTOML_DO_NOT_TRACK": "True",
    }
    picture = bench.pictures[0]
    with serving(command(bench, name, port), port, path, picture, log, **variables) as running:
        return {clients: ask(bench, running, name, clients) for clients in bench.clients}


def command(bench: Bench, name: str, port: int) -> list[str]:
    """What starts it."""
    if name == OURS:
        return [
            sys.executable, "-m", "leaflake", "serve", str(bench.bundle), "--port", str(port)
        ]  # fmt: skip
    assert bench.rivals is not None  # `chosen` lets nobody take part who needs it
    if name == "litserve":
        module = "serve.rivals.litserve_server"
        return [
            str(bench.rivals / "python"), "-P", "-m", module, str(port), str(bench.cores)
        ]  # fmt: skip
    return [
        str(bench.rivals / "bentoml"), "serve", "serve.rivals.bentoml_service:Answers",
        "--working-dir", str(ROOT), "--host", "127.0.0.1", "--port", str(port),
    ]  # fmt: skip


def ask(bench: Bench, running: Running, name: str, clients: int) -> Figures:
    """One number of clients. Raises NotRun if the server goes away or says something wrong."""
    plan = Plan(running.port, running.path, tuple(map(str, bench.pictures)), clients, bench.seconds)
    process = load(plan)
    time.sleep(plan.warm_up_s)
    cpu, begun = running.cpu_s(), time.monotonic()
    time.sleep(bench.seconds / 2)
    memory_mb = running.memory_mb()
    time.sleep(max(0.0, begun + bench.seconds - time.monotonic()))
    cpu_cores = (running.cpu_s() - cpu) / (time.monotonic() - begun)
    out, errors = process.communicate()
    if process.returncode != 0:
        raise NotRun(errors.strip().splitlines()[-1])
    row, last = map(json.loads, out.splitlines())
    refuse_wrong(name, last["answers"], bench.expected)
    rate = row["statuses"].get("200", 0) / row["seconds"]
    return Figures(
        requests_per_s=rate,
        p50_ms=row["p50_ms"],
        p99_ms=row["p99_ms"],
        errors=sum(count for status, count in row["statuses"].items() if status != "200"),
        memory_mb=memory_mb,
        cpu_ms=1000 * cpu_cores / rate if rate else None,
        load_cores=row["cpu_s"] / row["seconds"],
    )


def refuse_wrong(
    name: str, answers: Sequence[dict[str, Any] | None], expected: Sequence[dict[str, Any]]
) -> None:
    """Raise NotRun if a picture that was answered was answered otherwise than it should be."""
    pairs = zip(answers, expected, strict=True)
    wrong = sum(found is not None and not is_same(found, right) for found, right in pairs)
    if wrong:
        raise NotRun(f"{TITLES[name]} answers {wrong} of {len(expected)} pictures otherwise")


def report(bench: Bench, rounds: int, runs: Runs, absent: Mapping[str, str]) -> None:
    """Print the table and what could not run; write results.json and results.svg."""
    if not runs:
        raise UsageError("nobody could run, see above. No result was written.")
    today = datetime.now(UTC).date().isoformat()
    results = {
        name: {clients: medians(found) for clients, found in row.items()}
        for name, row in runs.items()
    }
    kilobytes = sum(path.stat().st_size for path in bench.pictures) / len(bench.pictures) / 1000
    head = f"{name_of(bench.bundle)}: {len(bench.pictures)} pictures of {kilobytes:.0f} KB"
    measured = f"{bench.cores} cores, {rounds} rounds of {bench.seconds:g} s, medians; {today}"
    print(f"{head}; {measured}\n{table(results)}")
    print(f"the load generator took up to {load_share(results):.3f} of a core")
    for line in goals(results):
        print(f"Leaflake, {line}")
    for name, reason in absent.items():
        print(f"not run: {TITLES[name]}: {reason}")
    everything = {
        "date": today, "bundle": str(bench.bundle), "pictures": len(bench.pictures),
        "cores": bench.cores, "seconds": bench.seconds, "not_run": absent,
        "runs": {
            name: {clients: [asdict(one) for one in found] for clients, found in row.items()}
            for name, row in runs.items()
        },
    }  # fmt: skip
    _write(bench.out / "results.json", json.dumps(everything, indent=1) + "\n")
    _write(bench.out / "results.svg", plot(results, head, measured))
    print(f"plot: {bench.out / 'results.svg'}")


def name_of(bundle: Path) -> str:
    """The run that it was made from."""
    from export.manifest import read_fields

    return read_fields(bundle).name


def medians(found: Sequence[Figures]) -> Figures:
    """Field by field, over the rounds."""
    middle: dict[str, Any] = {}
    for field in fields(Figures):
        values = [getattr(one, field.name) for one in found]
        middle[field.name] = None if None in values else median(values)
    return Figures(**middle)


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.rename(path)


if __name__ == "__main__":
    sys.exit(main())
