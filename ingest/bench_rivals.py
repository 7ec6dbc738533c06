"""What bench_ingest compares with, in the rivals' own environment. In: a list of paths, an empty
folder. Out: shards in that folder, and one line of JSON.

Each writer as its documentation shows; the picture's part is Pillow as one writes it there, and
chroma in full, as Leaflake stores it. This file imports nothing of ours, and each rival only where
it is called.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import io
import json
import multiprocessing
import resource
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

SHORT_SIDE = 256
JPEG_QUALITY = 90
SHARD_BYTES = 64 * 2**20


def prepare(path: str, draft: bool = False) -> dict[str, Any]:
    """Decode, turn upright, scale to the short side, encode, hash.

    With `draft` a JPEG that is twice as large is decoded at a half, which Pillow can, but only who
    knows it asks for.
    """
    data = Path(path).read_bytes()
    image: Image.Image = Image.open(io.BytesIO(data))
    if draft:
        image.draft("RGB", (SHORT_SIDE, SHORT_SIDE))
    ImageOps.exif_transpose(image, in_place=True)
    image = image.convert("RGB")
    scale = SHORT_SIDE / min(image.size)
    if scale < 1:
        image = image.resize((round(image.width * scale), round(image.height * scale)))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return {
        "jpeg": out.getvalue(),
        "sha256": hashlib.sha256(data).hexdigest(),
        "folder": Path(path).parent.name,
    }


def bare_pillow(paths: list[str], out: Path, workers: int, draft: bool = False) -> None:
    """The picture's part alone, in bare processes, which keep nothing."""
    with multiprocessing.Pool(workers) as pool:
        pool.starmap(_prepare_all, [(paths[w::workers], draft) for w in range(workers)], 1)


def _prepare_all(paths: list[str], draft: bool) -> None:
    for path in paths:
        prepare(path, draft)


def litdata(paths: list[str], out: Path, workers: int) -> None:
    """https://lightning.ai/docs/litdata: `optimize` over the paths."""
    from litdata import optimize

    optimize(
        fn=prepare,
        inputs=paths,
        output_dir=str(out),
        num_workers=workers,
        chunk_bytes=SHARD_BYTES,
        start_method="fork",  # its default imports torch anew in every worker
        verbose=False,
    )


def mosaicml(paths: list[str], out: Path, workers: int) -> None:
    """docs.mosaicml.com, "Parallel dataset conversion", way 2: a folder a process, then merge."""
    from streaming.base.util import merge_index

    with multiprocessing.Pool(workers) as pool:
        parts = [(paths[w::workers], str(out / f"{w:02d}")) for w in range(workers)]
        pool.starmap(_write_mds, parts, 1)
    merge_index(str(out), keep_local=True)


def _write_mds(paths: list[str], out: str) -> None:
    from streaming import MDSWriter

    columns = {"jpeg": "bytes", "sha256": "str", "folder": "str"}
    with MDSWriter(out=out, columns=columns, size_limit=SHARD_BYTES) as writer:
        for path in paths:
            writer.write(prepare(path))


def webdataset(paths: list[str], out: Path, workers: int, draft: bool = False) -> None:
    """A ShardWriter in every process of a pool, so that no picture travels between processes."""
    parts = [(paths[w::workers], out, w, draft) for w in range(workers)]
    with multiprocessing.Pool(workers) as pool:
        pool.starmap(_write_tars, parts, 1)


def _write_tars(paths: list[str], out: Path, worker: int, draft: bool) -> None:
    from webdataset import ShardWriter

    with ShardWriter(f"{out}/{worker:02d}-%06d.tar", maxsize=SHARD_BYTES, verbose=0) as writer:
        for index, path in enumerate(paths):
            made = prepare(path, draft)
            text = {"sha256": made["sha256"], "folder": made["folder"]}
            writer.write({"__key__": f"{worker:02d}{index:08d}", "jpg": made["jpeg"], "json": text})


RIVALS: dict[str, tuple[Callable[[list[str], Path, int], None], str]] = {
    "LitData optimize": (litdata, "litdata"),
    "MosaicML MDSWriter": (mosaicml, "streaming"),
    "webdataset ShardWriter": (webdataset, "webdataset"),
    "the same, with scaled decoding": (partial(webdataset, draft=True), "webdataset"),
    "bare Pillow": (bare_pillow, "PIL.JpegImagePlugin"),
    "bare Pillow, with scaled decoding": (partial(bare_pillow, draft=True), "PIL.JpegImagePlugin"),
}
"""Name -> its function, and the module whose import is no part of what is measured."""


def measure(run: Callable[[], object], pictures: int) -> dict[str, float]:
    """Wall and CPU seconds of one call, its processes included."""
    used, started = _cpu_seconds(), time.perf_counter()
    run()
    seconds = time.perf_counter() - started
    return {"pictures": pictures, "seconds": seconds, "cpu_s": _cpu_seconds() - used}


def _cpu_seconds() -> float:
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in spent)


def main() -> None:
    """Command line: python bench_rivals.py NAME LIST OUT WORKERS."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=RIVALS)
    parser.add_argument("paths", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("workers", type=int)
    args = parser.parse_args()
    paths = json.loads(args.paths.read_text())
    write, module = RIVALS[args.name]
    importlib.import_module(module)
    print(json.dumps(measure(partial(write, paths, args.out, args.workers), len(paths))))


if __name__ == "__main__":
    main()
