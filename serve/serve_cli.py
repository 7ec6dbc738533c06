"""`leaflake serve`: a bundle -> HTTP server and page, until it is told to stop."""

from __future__ import annotations

import argparse
import ipaddress
import os
import urllib.parse
from pathlib import Path

from leaflake import UsageError

EXAMPLE = """example:
  leaflake serve demo/bundle
  curl -F image=@leaf.jpg http://127.0.0.1:8000/api/predict

stops on Ctrl+C or SIGTERM, after answering what it took. On SIGHUP, or when the bundle or a link to
it changes, it takes the new bundle over without losing a request; a bad one it refuses."""


def add_serve(parser: argparse.ArgumentParser) -> None:
    """The arguments of `leaflake serve`."""
    parser.epilog = EXAMPLE
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder with a model.json")
    parser.add_argument(
        "--host", default="127.0.0.1", help="address; 0.0.0.0 is every one (default: %(default)s)"
    )
    parser.add_argument(
        "--port", type=port, default=8000, help="0: any that is free (default: %(default)s)"
    )
    parser.add_argument("--file", help="model of the bundle, such as server.int8.onnx")
    parser.add_argument(
        "--workers",
        type=count,
        default=1,
        metavar="N",
        help="processes that share the port and the cores (default: %(default)s)",
    )
    parser.add_argument(
        "--queue",
        type=count,
        metavar="N",
        help="pictures that may wait in a process, before others get 503 (default: as many as it "
        "answers in 0.8 s)",
    )
    parser.add_argument(
        "--idle-stop-s", type=positive, metavar="N", help="end after N seconds without a request"
    )
    add_options(parser.add_argument_group("who may do what"))


def add_options(group: argparse._ArgumentGroup) -> None:
    """The arguments that become an Options; all of these are off without being asked for."""
    group.add_argument(
        "--cors",
        type=origin,
        nargs="+",
        default=[],
        metavar="ORIGIN",
        help="other sites whose pages may ask, such as https://garden.example; * is every one",
    )
    group.add_argument(
        "--rate", type=count, metavar="N", help="requests a minute that one address may send"
    )
    group.add_argument(
        "--proxies",
        type=network,
        nargs="+",
        default=[],
        metavar="NETWORK",
        help="addresses or networks of proxies in front of it, such as 127.0.0.1 or 10.0.0.0/8, "
        "whose X-Forwarded-For says who asks",
    )
    group.add_argument(
        "--allow-urls",
        action="store_true",
        help='fetch the picture where a request is {"url": ...}, from public addresses alone',
    )
    group.add_argument(
        "--inbox",
        type=Path,
        metavar="LAKE",
        help="take corrections, and the pictures whose senders consent, into LAKE/inbox",
    )


def port(text: str) -> int:
    """A TCP port, for argparse."""
    value = int(text)
    if not 0 <= value <= 65535:
        raise argparse.ArgumentTypeError(f"{value} is not a port; expected 0 to 65535")
    return value


def count(text: str) -> int:
    """A whole number from 1 on, for argparse."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not a number from 1 on")
    return value


def positive(text: str) -> float:
    """A number of seconds over 0, for argparse."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds over 0")
    return value


def origin(text: str) -> str:
    """An origin as browsers send it (RFC 6454, 6.2), or `*`; for argparse."""
    parts = urllib.parse.urlsplit(text)
    whole = f"{parts.scheme}://{parts.netloc}"
    if text != "*" and (parts.scheme not in ("http", "https") or whole != text or "@" in text):
        raise argparse.ArgumentTypeError(
            f'"{text}" is not an origin; expected one such as https://garden.example, or *'
        )
    return text


def network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """An address or a network of them, for argparse."""
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f'"{text}" is no address or network; expected one such as 127.0.0.1 or 10.0.0.0/8'
        ) from None


def run_serve(args: argparse.Namespace) -> int:
    """Serve the bundle, return 0 after a stop."""
    if args.workers > 1 and args.idle_stop_s is not None:
        raise UsageError(
            "--idle-stop-s is for a server of one process, as no worker knows of the others' "
            "requests. Leave out one of --idle-stop-s and --workers. Nothing was started."
        )
    if args.workers > 1 and not hasattr(os, "fork"):
        raise UsageError("--workers needs a system with fork, such as Linux or macOS.")
    # Nothing here multiplies matrices but ONNX Runtime, and numpy would start a thread a core.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    import asyncio
    import logging

    from serve.options import Options
    from serve.settings import Settings
    from serve.speed import count_cores
    from serve.upload import Limits

    # Standard output has the one line that says where; logs go to standard error.
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    settings = Settings(
        args.bundle,
        file=args.file,
        host=args.host,
        port=args.port,
        idle_stop_s=args.idle_stop_s,
        limits=Limits(queue=args.queue),
        options=Options(
            cors=tuple(args.cors),
            rate=args.rate,
            proxies=tuple(args.proxies),
            allow_urls=args.allow_urls,
            inbox=args.inbox,
        ),
    )
    if args.workers > 1:
        from serve.workers import run_workers

        return run_workers(settings, args.workers)
    from serve.run import serve

    asyncio.run(serve(settings, count_cores()))
    return 0
