"""`just bench-upload`: from a phone's 12-megapixel photograph to its answer.

In: bundles. Out: for each the time from the first byte sent to the last byte of the answer, over
this machine's own network, and what the server spent it on. Each bundle has a server of its own,
one after another; one upload at a time.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image

from leaflake import UsageError
from serve.bench_plan import HOST, percentile
from serve.bench_serve_table import verdict
from serve.bench_servers import NotRun, free_port, serving

PATH = "/api/predict"

SIZE = (4032, 3024)
"""Width and height of what phones with 12 megapixels make."""

QUALITY = 92
GRAIN = 18.0
"""Standard deviation of the grain before it is softened, 0-255: with it the JPEG has the 4 MB that
phones' photographs of this size have."""

GOALS_MS = (("swin", 1000.0), ("", 300.0))
"""What the backbone's name begins with -> under how many milliseconds."""

WARM_UP = 3


@dataclass(frozen=True)
class Upload:
    """What uploads to one server took, in milliseconds."""

    total_ms: tuple[float, ...]
    """Of each, in ascending order."""

    parts_ms: dict[str, float]
    """Medians of what the server says that it spent it on."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Arguments, and the exit status: 1 if a goal is missed."""
    parser = argparse.ArgumentParser(prog="just bench-upload", description=__doc__)
    parser.add_argument("bundles", type=Path, nargs="+", metavar="BUNDLE")
    parser.add_argument("--picture", type=Path, help="a photograph (default: one is drawn)")
    parser.add_argument("--file", help="model of the bundle, such as server.fp32.onnx")
    parser.add_argument("--repeats", type=int, default=50)
    parser.add_argument("--out", type=Path, default=Path("bench-serve"), help="for the logs")
    args = parser.parse_args(arguments)
    try:
        args.out.mkdir(parents=True, exist_ok=True)
        data = args.picture.read_bytes() if args.picture else draw_photograph()
        name = args.picture.name if args.picture else f"{SIZE[0]}x{SIZE[1]}, drawn"
        print(f"{name}: {len(data) / 1e6:.1f} MB, {args.repeats} uploads one after another")
        reached = [bench(args, bundle, data) for bundle in args.bundles]
    except (UsageError, NotRun, OSError) as error:
        print(f"bench-upload: {error}", file=sys.stderr)
        return 2
    return 0 if all(reached) else 1


def draw_photograph(size: tuple[int, int] = SIZE) -> bytes:
    """A photograph of soft patches of colour."""
    patches = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    return as_photograph(Image.fromarray(patches), size)


def as_photograph(scene: Image.Image, size: tuple[int, int] = SIZE) -> bytes:
    """A JPEG of an RGB picture, enlarged and with some grain, 4:2:0 as phones write it."""
    width, height = size
    grain = np.random.default_rng(1).normal(128, GRAIN, (height // 2, width // 2))
    soft = Image.fromarray(grain.clip(0, 255).astype(np.uint8))
    rough = np.asarray(soft.resize(size, Image.Resampling.BILINEAR), np.int16)[:, :, None] - 128
    noisy = np.asarray(scene.resize(size, Image.Resampling.BICUBIC), np.int16) + rough
    out = io.BytesIO()
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(
        out, "JPEG", quality=QUALITY, subsampling="4:2:0"
    )
    return out.getvalue()


def bench(args: argparse.Namespace, bundle: Path, data: bytes) -> bool:
    """One bundle: print its line; whether its goal is reached."""
    port = free_port()
    command = [sys.executable, "-m", "leaflake", "serve", str(bundle), "--port", str(port)]
    command += ["--file", args.file] if args.file else []
    picture = args.out / "photograph.jpg"
    picture.write_bytes(data)
    with serving(command, port, PATH, picture, args.out / "upload.log"):
        model = json.loads(get(port, "/api/model"))
        found = upload(port, data, args.repeats)
    goal = goal_ms(backbone_of(bundle))
    middle, p99 = median(found.total_ms), percentile(found.total_ms, 99)
    parts = ", ".join(f"{key[:-3]} {value:.1f}" for key, value in found.parts_ms.items())
    print(
        f"{model['name']}, {model['file']}: median {middle:.0f} ms, p99 {p99:.0f} ms "
        f"(goal under {goal:.0f}: {verdict(middle < goal)}); of it {parts} ms"
    )
    return middle < goal


def backbone_of(bundle: Path) -> str:
    """What the network is, as the manifest says."""
    from export.manifest import read_fields

    return str(read_fields(bundle).provenance.get("backbone", ""))


def goal_ms(backbone: str) -> float:
    """Under what the median shall be."""
    return next(goal for begin, goal in GOALS_MS if backbone.startswith(begin))


def get(port: int, path: str) -> bytes:
    """The body of a GET."""
    connection = HTTPConnection(HOST, port, timeout=30)
    connection.request("GET", path)
    try:
        return connection.getresponse().read()
    finally:
        connection.close()


def upload(port: int, data: bytes, repeats: int) -> Upload:
    """One after another, each over a connection of its own, as a phone's are."""
    totals, parts = [], []
    for number in range(WARM_UP + repeats):
        started = time.perf_counter()
        connection = HTTPConnection(HOST, port, timeout=30)
        connection.request("POST", PATH, data, {"Content-Type": "image/jpeg"})
        response = connection.getresponse()
        body = response.read()
        took = 1000 * (time.perf_counter() - started)
        connection.close()
        if response.status != 200:
            raise NotRun(f"an upload was answered with {response.status}: {body[:200]!r}")
        if number >= WARM_UP:
            totals.append(took)
            parts.append(json.loads(body)["timings"])
    return Upload(
        tuple(sorted(totals)), {key: median(one[key] for one in parts) for key in parts[0]}
    )


if __name__ == "__main__":
    sys.exit(main())
