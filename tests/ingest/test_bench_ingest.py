"""The benchmark: the collections it makes, the work of the contestants, its table."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ingest import bench_rivals
from ingest.bench_ingest import BARE, KEEPS, OURS, Result, make_collections, pack_anew, table
from ingest.pack import pack_shard
from ingest.run import prepare
from shards.decode import decode_image, read_header


@pytest.fixture
def source(tmp_path, write, draw, encode) -> Path:
    """Four pictures in two classes, one of them large and turned, and a file that is none."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return write(
        tmp_path / "leaves",
        {
            "Apple___Apple_scab/a.jpg": encode(draw(1)),
            "Apple___Apple_scab/b.jpg": encode(draw(2, height=500, width=600), exif=exif),
            "Tomato___healthy/c.jpg": encode(draw(3)),
            "Tomato___healthy/d.png": encode(draw(4), "PNG"),
            "Tomato___healthy/page.jpg": b"<html>",
        },
    )


@pytest.fixture
def pictures(source) -> list[str]:
    """The paths of the four."""
    return sorted(str(path) for path in source.glob("*/?.*"))


def test_collections_are_the_sound_pictures_and_two_sizes_of_them(source, tmp_path) -> None:
    made = make_collections(source, tmp_path, 6, 2)
    real, sizes = made.values()
    assert len(made) == 2
    copies = sorted(path.read_bytes() for path in real.glob("*/*"))
    originals = sorted(path.read_bytes() for path in source.glob("*/?.*"))
    assert len(copies) == 6 and sorted(set(copies)) == originals
    shapes = sorted(decode_image(path.read_bytes()).shape for path in sizes.glob("*/*"))
    assert shapes == [(256, 256, 3)] * 4 + [(800, 800, 3)] * 2


def test_a_folder_without_pictures_is_refused(tmp_path) -> None:
    with pytest.raises(SystemExit, match="no picture in it. Name a folder of pictures."):
        make_collections(tmp_path, tmp_path / "out", 6, 2)


@pytest.mark.parametrize("draft", [False, True])
def test_a_rival_stores_what_leaflake_would(pictures, draft) -> None:
    large = bench_rivals.prepare(pictures[1], draft)
    assert (large["folder"], len(large["sha256"])) == ("Apple___Apple_scab", 64)
    assert read_header(large["jpeg"]).width == 256
    with Image.open(io.BytesIO(large["jpeg"])) as image:
        assert image.size == (256, 307)
    upright = np.asarray(Image.fromarray(decode_image(Path(pictures[1]).read_bytes())))
    small = np.asarray(Image.fromarray(upright).resize((256, 307)))
    assert np.abs(decode_image(large["jpeg"]).astype(int) - small).mean() < 3


@pytest.mark.parametrize("name", OURS)
def test_our_contestants_do_their_work_and_say_how_long_it_took(name, pictures, tmp_path) -> None:
    Path(pictures[0]).parents[1].joinpath("Tomato___healthy/page.jpg").unlink()
    out = tmp_path / "out"
    out.mkdir()
    result = Result(**OURS[name](pictures, out, 1))
    assert result.pictures == 4
    assert result.seconds > 0 and result.cpu_s > 0
    assert (result.commit_s > 0) == (name != BARE)


def test_all_encoded_anew_keeps_no_jpeg(source, tmp_path) -> None:
    plan = prepare([source], tmp_path / "lake").plans[0]
    plan.tar.parent.mkdir(parents=True)
    small = (source / "Apple___Apple_scab/a.jpg").read_bytes()
    stored = {}
    for name, pack in (("anew", pack_anew), ("kept", pack_shard)):
        assert pack(plan).samples == 4
        stored[name] = small in plan.tar.read_bytes()
        plan.sidecar.unlink()
    assert stored == {"anew": False, "kept": True}


def test_table_by_hand() -> None:
    def runs(*seconds: float, commit_s: float = 0.0) -> list[Result]:
        return [Result(1000, s, 2 * s, commit_s) for s in seconds]

    lines = table(
        {
            "LitData optimize": runs(4.0, 5.0, 9.0),
            "MosaicML MDSWriter": runs(4.0, 4.0, 4.0),
            "webdataset ShardWriter": runs(10.0, 10.0, 10.0),
            BARE: runs(1.0),
            KEEPS: runs(2.0, commit_s=0.6),
        }
    ).splitlines()
    commit = ["and", "0.6", "s", "for", "the", "catalog"]
    assert [line.split() for line in lines[1:]] == [
        ["LitData", "optimize", "200", "10.00", "0.80", "0.20"],
        ["MosaicML", "MDSWriter", "250", "8.00", "1.00", "0.25"],
        ["webdataset", "ShardWriter", "100", "20.00", "0.40", "0.10"],
        [*BARE.split(), "1,000", "2.00", "4.00", "1.00"],
        [*KEEPS.split(), "500", "4.00", "2.00", "0.50", *commit],
    ]
