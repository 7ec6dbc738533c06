"""`leaflake shards export --format ffcv`: one file that ffcv reads."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from catalog.lake import open_lake
from ingest.run import ingest
from leaflake import UsageError, main
from shards.export import export_beton
from shards.select import every_class, read_encoded, select


@pytest.fixture(scope="module")
def template(tmp_path_factory, write, dozen) -> Path:
    """The dozen in a lake: 4 apple scab, 4 tomato healthy, 4 tomato late blight; snapshot 2."""
    folder = tmp_path_factory.mktemp("export-ffcv")
    ingest([write(folder / "leaves", dozen)], folder / "lake")
    return folder / "lake"


@pytest.fixture
def lake(template, tmp_path) -> Path:
    return shutil.copytree(template, tmp_path / "lake")


@pytest.fixture
def ffcv() -> None:
    pytest.importorskip("ffcv", reason="needs the extra `ffcv`")


def export(lake: Path, out: Path | str, *arguments: str) -> int:
    options = ["--lake", str(lake), "--format", "ffcv", "--out", str(out), *arguments]
    return main(["shards", "export", *options])


def stored(lake: Path, where: str) -> tuple[list[bytes], list[int]]:
    """Bytes and class indices, in the order of the shards."""
    with open_lake(lake) as opened:
        selection = select(opened, where, every_class(opened))
        return list(read_encoded(selection)), selection.class_index.tolist()


def test_the_jpegs_lie_in_the_file_byte_for_byte(lake, tmp_path, capsys, ffcv) -> None:
    from ffcv.reader import Reader

    out = tmp_path / "new/tomato.beton"
    assert export(lake, out, "--where", "species = 'tomato'") == 0
    assert capsys.readouterr().out == (
        f"{out}: 8 pictures of 2 classes in 1 file, from snapshot 2\n"
    )
    assert sorted(out.parent.iterdir()) == [out, out.with_name("tomato.classes.json")]
    reader, data = Reader(str(out)), out.read_bytes()
    assert reader.field_names == ["image", "label"]
    sizes = dict(zip(reader.alloc_table["ptr"], reader.alloc_table["size"], strict=True))
    image = reader.metadata["f0"]
    jpegs, classes = stored(lake, "species = 'tomato'")
    assert [data[at : at + sizes[at]] for at in image["data_ptr"]] == jpegs
    assert reader.metadata["f1"].tolist() == classes
    assert list(zip(image["height"], image["width"], strict=True)) == [(48, 64)] * 8


def test_ffcv_reads_it_with_its_own_decoders(lake, tmp_path, ffcv) -> None:
    from ffcv.fields.decoders import CenterCropRGBImageDecoder, IntDecoder
    from ffcv.loader import Loader, OrderOption

    assert export(lake, tmp_path / "all.beton") == 0
    loader = Loader(
        str(tmp_path / "all.beton"),
        batch_size=5,
        num_workers=1,
        order=OrderOption.SEQUENTIAL,
        drop_last=False,
        pipelines={"image": [CenterCropRGBImageDecoder((24, 24), 1)], "label": [IntDecoder()]},
    )
    found = [(images.copy(), labels.copy()) for images, labels in loader]
    assert [images.shape for images, _ in found] == [(5, 24, 24, 3), (5, 24, 24, 3), (2, 24, 24, 3)]
    assert (
        np.concatenate([labels for _, labels in found]).ravel().tolist() == stored(lake, "true")[1]
    )


def test_classes_are_those_of_the_other_format(lake, tmp_path, ffcv) -> None:
    where = ("--where", "species = 'apple'")
    assert export(lake, tmp_path / "apple.beton", *where) == 0
    plain = ["--lake", str(lake), "--out", str(tmp_path / "plain"), *where]
    assert main(["shards", "export", *plain]) == 0
    found = json.loads((tmp_path / "apple.classes.json").read_text())
    assert found == json.loads((tmp_path / "plain/classes.json").read_text())
    assert [one["samples"] for one in found["classes"]] == [4, 0, 0]


def test_a_second_export_has_the_same_bytes(lake, tmp_path, ffcv) -> None:
    for name in ("one", "other"):
        assert export(lake, tmp_path / f"{name}.beton") == 0
    assert (tmp_path / "one.beton").read_bytes() == (tmp_path / "other.beton").read_bytes()


def test_a_picture_larger_than_ffcvs_page_gets_a_larger_page(tmp_path, shards, ffcv, draw, encode):
    from ffcv.reader import Reader

    from shards.ffcv_beton import PAGE_BYTES, write_beton

    small = encode(draw(0))
    comment = b"\xff\xfe\xff\xff" + bytes(0xFFFF - 2)  # a segment as long as one may be
    large = small[:2] + comment * 130 + small[2:]
    write_beton(shards(tmp_path / "shards", [small, large]), tmp_path / "large.beton")
    reader, data = Reader(str(tmp_path / "large.beton")), (tmp_path / "large.beton").read_bytes()
    assert (len(large) > PAGE_BYTES, int(reader.page_size)) == (True, 2 * PAGE_BYTES)
    starts = reader.metadata["f0"]["data_ptr"].tolist()
    assert data[starts[0] :][: len(small)] == small
    assert data[starts[1] :][: len(large)] == large


def test_a_file_that_exists_is_refused_and_left_alone(lake, tmp_path, capsys) -> None:
    out = tmp_path / "mine.beton"
    out.write_text("mine")
    assert export(lake, out) == 2
    assert capsys.readouterr().err == (
        f"leaflake shards: {out}: exists. Name a new file, or delete it. Nothing was written.\n"
    )
    assert out.read_text() == "mine"


@pytest.mark.parametrize("out", ["train", "s3://bucket/train.beton"])
def test_what_ffcv_cannot_read_is_no_place_for_it(lake, tmp_path, capsys, monkeypatch, out) -> None:
    monkeypatch.chdir(tmp_path)
    assert export(lake, out) == 2
    assert capsys.readouterr().err == (
        f"leaflake shards: {out}: ffcv reads a file of this machine. Name one that ends in "
        ".beton. Nothing was written.\n"
    )


def test_tars_are_not_of_this_format(lake, tmp_path, capsys) -> None:
    assert export(lake, tmp_path / "a.beton", "--samples-per-shard", "5") == 2
    assert "--samples-per-shard is of tars" in capsys.readouterr().err
    assert not (tmp_path / "a.beton").exists()


def test_without_ffcv_it_says_what_to_install(lake, tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "ffcv.loader", None)
    with open_lake(lake) as opened, pytest.raises(UsageError) as refused:
        export_beton(opened, "true", tmp_path / "new/a.beton")
    for part in (
        "--format ffcv needs the package ffcv",
        "pip install leaflake[ffcv]",
        "libopencv-dev, libturbojpeg0-dev and pkg-config",
        "Nothing was written.",
    ):
        assert part in str(refused.value)
    assert not (tmp_path / "new").exists()


def test_a_selection_of_nothing_writes_nothing(lake, tmp_path, capsys, ffcv) -> None:
    assert export(lake, tmp_path / "new/a.beton", "--where", "species = 'moon flower'") == 2
    assert "no labelled sample matches" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_a_shard_that_is_cut_off_leaves_no_file(lake, tmp_path, capsys, ffcv) -> None:
    tar = lake / "shards/000000.tar"
    tar.write_bytes(tar.read_bytes()[:20_000])
    assert export(lake, tmp_path / "new/a.beton") == 2
    assert "is too short" in capsys.readouterr().err
    assert list((tmp_path / "new").iterdir()) == []


def test_a_jpeg_without_its_second_half_leaves_no_file(
    tmp_path, shards, ffcv, draw, encode
) -> None:
    from shards.ffcv_beton import write_beton

    selection = shards(tmp_path / "shards", [encode(draw(0)), encode(draw(1))[:300]])
    with pytest.raises(UsageError, match="key 1: the decoder found damaged data.* Nothing"):
        write_beton(selection, tmp_path / "cut.beton")
    assert list(tmp_path.iterdir()) == [tmp_path / "shards"]


def test_a_full_disk_is_refused_beforehand(lake, tmp_path, capsys, monkeypatch, ffcv) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, 1))
    assert export(lake, tmp_path / "new/a.beton") == 2
    assert "0.0 MB are free, and 12 pictures need" in capsys.readouterr().err
    assert list((tmp_path / "new").iterdir()) == []
