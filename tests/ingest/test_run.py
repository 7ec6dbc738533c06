"""Ingestion as a whole, on a dozen pictures: rows, reruns, interruptions, changes, real faults."""

from __future__ import annotations

import csv
import errno
import hashlib
import json
import os
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from catalog.lake import open_lake
from ingest.pack import Packed, pack_shard
from ingest.plan import ShardPlan
from ingest.run import Ingested, ingest
from leaflake import UsageError
from shards.decode import decode_image
from shards.format import write_sidecar

CLASSES = {
    "Apple___Apple_scab": ("apple", "scab"),
    "Tomato___Late_blight": ("tomato", "late_blight"),
    "Tomato___healthy": ("tomato", "healthy"),
}


@pytest.fixture
def source(tmp_path, write, dozen) -> Path:
    """A dataset of twelve pictures in three class folders."""
    return write(tmp_path / "leaves", dozen)


@pytest.fixture
def lake(tmp_path) -> Path:
    """Where the lake of a test goes; nothing is there yet."""
    return tmp_path / "lake"


FILES_PER_SHARD = "ingest.plan.FILES_PER_SHARD"


@pytest.fixture
def small_shards(monkeypatch) -> None:
    """Five files a shard, so that the dozen takes three."""
    monkeypatch.setattr(FILES_PER_SHARD, 5)


@dataclass(frozen=True)
class Finished:
    """A source and its lake."""

    source: Path
    lake: Path
    done: Ingested


@pytest.fixture(scope="module")
def finished(tmp_path_factory, write, dozen) -> Finished:
    """The dozen and a page and an empty file, five files a shard, for tests that only look."""
    folder = tmp_path_factory.mktemp("finished")
    faults = {"Tomato___healthy/page.jpg": b"<html>", "Tomato___healthy/zero.jpg": b""}
    source = write(folder / "leaves", {**dozen, **faults})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FILES_PER_SHARD, 5)
        return Finished(source, folder / "lake", ingest([source], folder / "lake"))


def ask(lake: Path, query: str, at: int | None = None) -> list[tuple]:
    with open_lake(lake, at=at) as opened:
        return opened.connection.sql(query).fetchall()


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by relative path."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def stop_after(monkeypatch, shards: int) -> None:
    """Packing breaks down after so many shards."""
    packed = iter(range(shards))

    def pack(plan: ShardPlan) -> Packed:
        if next(packed, None) is None:
            raise KeyboardInterrupt
        return pack_shard(plan)

    monkeypatch.setattr("ingest.run.pack_shard", pack)


def test_a_dozen_pictures_become_a_dozen_rows(finished, dozen) -> None:
    assert finished.done == Ingested(files=14, shards=3, snapshot=2)
    rows = ask(
        finished.lake,
        'SELECT source_path, dataset, folder, species, "condition", status, sha256, '
        "width, height, original_width, original_height, format, mode, orientation, "
        "source_bytes, source_mtime_ns, length FROM samples ORDER BY 1",
    )
    expected = []
    for name, data in sorted(dozen.items()):
        folder = name.split("/")[0]
        expected.append(
            (
                str(finished.source / name),
                "leaves",
                folder,
                *CLASSES[folder],
                "ok",
                hashlib.sha256(data).hexdigest(),
                *(64, 48, 64, 48, "JPEG", "RGB", 1),
                len(data),
                (finished.source / name).stat().st_mtime_ns,
                len(data),
            )
        )
    assert rows == expected


def test_every_other_file_is_a_rejection(finished) -> None:
    folder = finished.source / "Tomato___healthy"
    assert ask(finished.lake, "FROM rejections ORDER BY source_path") == [
        ("leaves", "Tomato___healthy", str(folder / name), reason, "", size, mtime_ns)
        for name, reason, size, mtime_ns in [
            ("page.jpg", "not_an_image", 6, (folder / "page.jpg").stat().st_mtime_ns),
            ("zero.jpg", "empty", 0, (folder / "zero.jpg").stat().st_mtime_ns),
        ]
    ]


def test_every_row_says_where_the_bytes_lie(finished) -> None:
    rows = ask(
        finished.lake,
        'SELECT source_path, "key", shard, "offset", length FROM samples ORDER BY 2',
    )
    assert {shard for _, _, shard, _, _ in rows} == {0, 1, 2}
    for path, key, shard, offset, length in rows:
        assert key.startswith(f"{shard:06d}-")
        tar = (finished.lake / f"shards/{shard:06d}.tar").read_bytes()
        assert tar[offset : offset + length] == Path(path).read_bytes()


def test_each_picture_is_a_group_and_every_class_in_all_three_splits(finished) -> None:
    lake = finished.lake
    assert ask(lake, "SELECT count(DISTINCT group_id) FROM samples") == [(12,)]
    assert ask(lake, 'SELECT species, "condition", pictures, train, val, test FROM conditions') == [
        ("apple", "scab", 4, 2, 1, 1),
        ("tomato", "healthy", 4, 2, 1, 1),
        ("tomato", "late_blight", 4, 2, 1, 1),
    ]
    assert (ask(lake, "FROM split_leaks"), ask(lake, "FROM unsplit")) == ([], [])


def test_the_run_and_the_readings_are_recorded(finished) -> None:
    lake = finished.lake
    assert ask(
        lake, "SELECT sources, files, samples, rejections, shards, version FROM ingests"
    ) == [(str(finished.source), 14, 12, 2, 3, "0.1.0")]
    assert ask(
        lake, 'SELECT dataset, folder, species, "condition", sure FROM folders ORDER BY 2'
    ) == [("leaves", folder, *label, True) for folder, label in CLASSES.items()]
    tree = json.loads((lake / "taxonomy.json").read_text())
    assert [
        (species["species_id"], condition["condition_id"])
        for species in tree["species"]
        for condition in species["conditions"]
    ] == [("apple", "scab"), ("tomato", "healthy"), ("tomato", "late_blight")]


def test_a_second_run_changes_nothing_and_tries_no_rejected_file_again(finished) -> None:
    before = contents(finished.lake)
    assert ingest([finished.source], finished.lake) == Ingested(files=0, shards=0, snapshot=2)
    assert contents(finished.lake) == before


def test_a_dry_run_writes_nothing(finished, source, lake) -> None:
    assert ingest([source], lake, dry_run=True) == Ingested(files=12, shards=1, snapshot=0)
    assert not lake.exists()
    before = contents(finished.lake)
    other = source.rename(source.with_name("more leaves"))
    again = ingest([other], finished.lake, dry_run=True)
    assert again == Ingested(files=12, shards=1, snapshot=2)
    assert contents(finished.lake) == before


def test_two_processes_write_the_same_shards_as_one(source, tmp_path, small_shards) -> None:
    ingest([source], tmp_path / "one", workers=1)
    ingest([source], tmp_path / "two", workers=2)
    assert contents(tmp_path / "one/shards") == contents(tmp_path / "two/shards")


def test_an_interrupted_first_run_leaves_no_catalog_and_is_gone_on_with(
    source, lake, tmp_path, small_shards, identity, monkeypatch
) -> None:
    ingest([source], tmp_path / "uninterrupted")
    stop_after(monkeypatch, 1)
    with pytest.raises(KeyboardInterrupt):
        ingest([source], lake)
    assert sorted(contents(lake / "shards")) == ["000000.parquet", "000000.tar"]
    assert not (lake / "catalog.ducklake").exists()
    done = identity(lake / "shards/000000.tar")
    monkeypatch.setattr("ingest.run.pack_shard", pack_shard)
    assert ingest([source], lake) == Ingested(files=12, shards=3, snapshot=2)
    assert identity(lake / "shards/000000.tar") == done
    assert contents(lake / "shards") == contents(tmp_path / "uninterrupted/shards")
    assert samples(lake) == samples(tmp_path / "uninterrupted")


def test_an_interrupted_later_run_leaves_the_old_catalog(
    source, lake, write, draw, encode, small_shards, monkeypatch
) -> None:
    ingest([source], lake)
    before = samples(lake)
    write(source, {f"Tomato___healthy/new {n}.jpg": encode(draw(100 + n)) for n in range(7)})
    stop_after(monkeypatch, 1)
    with pytest.raises(KeyboardInterrupt):
        ingest([source], lake)
    assert samples(lake) == before
    assert ask(lake, "SELECT max(snapshot_id) FROM lake.snapshots()") == [(2,)]
    monkeypatch.setattr("ingest.run.pack_shard", pack_shard)
    assert ingest([source], lake) == Ingested(files=7, shards=2, snapshot=3)
    assert len(samples(lake)) == 19


def samples(lake: Path) -> list[tuple]:
    return ask(lake, 'FROM samples ORDER BY "key"')


def test_files_that_change_while_interrupted_are_planned_anew(
    source, lake, tmp_path, small_shards, monkeypatch, draw, encode
) -> None:
    stop_after(monkeypatch, 2)
    with pytest.raises(KeyboardInterrupt):
        ingest([source], lake)
    (source / "Tomato___healthy/ant.jpg").write_bytes(encode(draw(77)))
    monkeypatch.setattr("ingest.run.pack_shard", pack_shard)
    ingest([source], lake)
    ingest([source], tmp_path / "uninterrupted")
    assert contents(lake / "shards") == contents(tmp_path / "uninterrupted/shards")


def test_new_files_go_into_new_shards_and_old_rows_stay(source, lake, write, draw, encode) -> None:
    ingest([source], lake)
    before, shards_before = samples(lake), contents(lake / "shards")
    new = {f"Tomato___healthy/new {n}.jpg": encode(draw(100 + n)) for n in range(4)}
    write(source, new)
    assert ingest([source], lake) == Ingested(files=4, shards=1, snapshot=3)
    assert samples(lake)[:12] == before
    assert [row[0] for row in samples(lake)[12:]] == [f"000001-{n:05d}" for n in range(4)]
    after = contents(lake / "shards")
    assert sorted(set(after) - set(shards_before)) == ["000001.parquet", "000001.tar"]
    assert {name: after[name] for name in shards_before} == shards_before
    assert ask(lake, "SELECT count(*) FROM samples", at=2) == [(12,)]
    assert ask(lake, "FROM split_leaks") == []


def test_a_copy_that_comes_later_goes_to_the_split_of_the_first(source, lake, write, dozen) -> None:
    ingest([source], lake)
    names = ("ant", "bee", "cat", "dog")
    write(source, {f"Apple_scab/{n}.jpg": dozen[f"Apple___Apple_scab/{n}.jpg"] for n in names})
    ingest([source], lake)
    pairs = ask(
        lake,
        "SELECT pictures, split IS NOT NULL FROM duplicates",
    )
    assert pairs == [(2, True)] * 4
    assert ask(lake, "FROM split_leaks") == []
    assert ask(lake, "SELECT DISTINCT status FROM samples") == [("ok",)]


def test_a_changed_file_supersedes_its_row(source, lake, draw, encode) -> None:
    ingest([source], lake)
    path = source / "Tomato___healthy/ant.jpg"
    old = hashlib.sha256(path.read_bytes()).hexdigest()
    path.write_bytes(encode(draw(55)))
    assert ingest([source], lake) == Ingested(files=1, shards=1, snapshot=3)
    question = f"SELECT \"key\", sha256 FROM samples WHERE source_path = '{path}'"
    new = hashlib.sha256(path.read_bytes()).hexdigest()
    assert ask(lake, question) == [("000001-00000", new)]
    assert [sha256 for _, sha256 in ask(lake, question, at=2)] == [old]
    assert ask(lake, "SELECT count(*) FROM samples") == [(12,)]


def test_a_mended_file_is_a_sample_and_no_rejection_any_more(source, lake, draw, encode) -> None:
    path = source / "Tomato___healthy/ant.jpg"
    path.write_bytes(b"")
    ingest([source], lake)
    assert ask(lake, "SELECT source_path, reason FROM rejections") == [(str(path), "empty")]
    path.write_bytes(encode(draw(55)))
    ingest([source], lake)
    assert ask(lake, "FROM rejections") == []
    assert ask(lake, "SELECT count(*) FROM samples") == [(12,)]


def test_a_shard_that_an_older_snapshot_reads_is_never_written_again(
    tmp_path, lake, write, draw, encode
) -> None:
    source = write(tmp_path / "leaves", {"Tomato___healthy/a.jpg": encode(draw(1))})
    ingest([source], lake)
    first = (lake / "shards/000000.tar").read_bytes()
    write(source, {"Tomato___healthy/a.jpg": b"damaged"})
    ingest([source], lake)
    assert ask(lake, "FROM samples") == []
    write(source, {"Tomato___healthy/a.jpg": encode(draw(2))})
    ingest([source], lake)
    assert ask(lake, 'SELECT "key" FROM samples') == [("000002-00000",)]
    assert (lake / "shards/000000.tar").read_bytes() == first


def test_a_reading_that_a_person_mended_stays(source, lake, write, draw, encode) -> None:
    ingest([source], lake)
    with open_lake(lake, read_only=False) as opened, opened.commit("mended") as connection:
        connection.execute(
            "UPDATE folders SET \"condition\" = 'early_blight' WHERE folder LIKE '%Late_blight'"
        )
    write(source, {"Tomato___Late_blight/new.jpg": encode(draw(9))})
    ingest([source], lake)
    question = "SELECT \"condition\" FROM samples WHERE source_path LIKE '%Late_blight/new.jpg'"
    assert ask(lake, question) == [("early_blight",)]


def test_the_species_that_the_source_names_is_a_hint(tmp_path, lake, write, draw, encode) -> None:
    files = {f"Anthracnose/{n}.jpg": encode(draw(n)) for n in range(3)}
    ingest([write(tmp_path / "photos", files)], lake, species="mango")
    assert ask(lake, 'SELECT DISTINCT species, "condition" FROM samples') == [
        ("mango", "anthracnose")
    ]


def test_a_turned_copy_and_a_burst_are_one_group(tmp_path, lake, write, draw, encode) -> None:
    image = draw(1, height=90, width=120)
    files = {
        "Tomato___healthy/photo.png": encode(image, "PNG"),
        "Tomato___healthy/turned.jpg": encode(image[::-1].transpose(1, 0, 2)),
        "Tomato___healthy/small.jpg": encode(image[::2, ::2]),
        "Tomato___healthy/other.jpg": encode(draw(2)),
    }
    ingest([write(tmp_path / "leaves", files)], lake)
    groups = ask(
        lake,
        "SELECT list(parse_filename(source_path) ORDER BY source_path) FROM samples "
        "GROUP BY group_id ORDER BY 1",
    )
    assert groups == [(["other.jpg"],), (["photo.png", "small.jpg", "turned.jpg"],)]


def test_odd_names_come_through_whole(tmp_path, lake, write, draw, encode) -> None:
    names = [
        "IMG.2024.01.02.jpg",
        "été – 葉 (1).JPG",
        "ohne_endung",
        'it\'s "quoted".jpg',
        "a\nb.jpg",
    ]
    files = {f"Tomato___healthy/{name}": encode(draw(n)) for n, name in enumerate(names)}
    source = write(tmp_path / "leaves", files)
    ingest([source], lake)
    found = ask(lake, "SELECT source_path FROM samples")
    assert {path for (path,) in found} == {str(source / name) for name in files}


def test_a_file_whose_name_is_not_utf_8_is_a_rejection(source, lake) -> None:
    try:
        shutil.copy(
            source / "Tomato___healthy/ant.jpg",
            source / "Tomato___healthy" / os.fsdecode(b"\xe9t\xe9.jpg"),
        )
    except OSError as error:
        pytest.skip(f"this file system takes no such name: {error}")
    ingest([source], lake)
    assert ask(lake, "SELECT source_path, reason, detail FROM rejections") == [
        (f"{source}/Tomato___healthy/\\xe9t\\xe9.jpg", "unreadable", "No such file or directory")
    ]
    assert len(samples(lake)) == 12


def test_large_pictures_are_stored_at_the_short_side(tmp_path, lake, write, draw, encode) -> None:
    source = write(tmp_path / "leaves", {"Tomato/a.jpg": encode(draw(1, height=120, width=160))})
    ingest([source], lake, short_side=48)
    ((offset, length, *sizes),) = ask(
        lake,
        'SELECT "offset", length, width, height, original_width, original_height FROM samples',
    )
    assert sizes == [64, 48, 160, 120]
    data = (lake / "shards/000000.tar").read_bytes()[offset : offset + length]
    assert decode_image(data).shape == (48, 64, 3)


def test_a_full_disk_is_refused_before_anything_is_written(source, lake, monkeypatch) -> None:
    usage = type(shutil.disk_usage(source))(total=10, used=9, free=1)
    monkeypatch.setattr("ingest.needs.shutil.disk_usage", lambda path: usage)
    with pytest.raises(UsageError, match="Make room, name another disk, .* Nothing was written."):
        ingest([source], lake)
    assert not lake.exists()


def test_the_catalog_and_the_sidecars_say_the_same(finished) -> None:
    lake = finished.lake
    sidecars = [
        row
        for path in sorted((lake / "shards").glob("*.parquet"))
        for row in pq.read_table(path).to_pylist()
    ]
    columns = ["key", "offset", "length", "sha256", "phash", "layout", "sharpness", "brightness"]
    quoted = ", ".join(f'"{name}"' for name in columns)
    assert ask(lake, f'SELECT {quoted} FROM samples ORDER BY "key"') == [
        tuple(row[name] for name in columns) for row in sidecars if row["key"]
    ]
    assert ask(lake, "SELECT source_path, reason FROM rejections ORDER BY 1") == sorted(
        (row["source_path"], row["reason"]) for row in sidecars if not row["key"]
    )


REJECTED = {
    "zero_bytes_0.JPG": "empty",
    "zero_bytes_1.JPG": "empty",
    "truncated_0.JPG": "truncated",
    "truncated_1.JPG": "truncated",
    "tail_missing.jpg": "truncated",
    "Thumbs.db": "not_an_image",
    "readme.txt": "not_an_image",
    "page.jpg": "not_an_image",
    "bomb.png": "too_large",
    "tiny.png": "too_small",
    "anim.gif": "unsupported",
    "flipped_bytes.jpg": "corrupt",
}
"""What EXPECTED.tsv of messy/ asks for in words, in ours."""


@pytest.fixture(scope="module")
def messy(shared_data, tmp_path_factory) -> Path:
    """A lake of the faults that were found in real collections."""
    lake = tmp_path_factory.mktemp("messy") / "lake"
    ingest([shared_data / "messy"], lake)
    return lake


def test_messy_every_file_is_a_sample_or_a_rejection(messy, shared_data) -> None:
    files = [p for p in (shared_data / "messy").glob("*/**/*") if p.is_file()]
    files = [p for p in files if p.name != ".gitkeep"]  # its folder is listed, with no picture
    rows = ask(
        messy, "SELECT source_path FROM samples UNION ALL SELECT source_path FROM rejections"
    )
    assert sorted(path for (path,) in rows) == sorted(str(path) for path in files)


def test_messy_is_judged_as_expected(messy, shared_data) -> None:
    reasons = dict(ask(messy, "SELECT parse_filename(source_path), reason FROM rejections"))
    assert reasons == REJECTED
    with (shared_data / "messy/EXPECTED.tsv").open(encoding="utf-8") as file:
        expected = {row["file"]: row["expected"] for row in csv.DictReader(file, delimiter="\t")}
    refused = {Path(name).name for name, what in expected.items() if is_refused(what)}
    assert refused == set(REJECTED)


def is_refused(what: str) -> bool:
    return any(word in what for word in ("rejected", "skipped"))


def test_messy_same_picture_under_two_labels_is_a_conflict_in_no_split(messy) -> None:
    rows = ask(messy, "SELECT folder, species, status, split FROM samples JOIN conflicts USING "
                      '("key", folder, species) ORDER BY folder')  # fmt: skip
    assert rows == [
        ("Chilli___Cercospora", "chilli", "conflict", None),
        ("Chilli___Powdery_mildew", "chilli", "conflict", None),
    ]


def test_messy_exact_copies_under_two_spellings_share_group_and_split(messy) -> None:
    pairs = ask(
        messy,
        "SELECT count(*), count(DISTINCT group_id), count(DISTINCT coalesce(split, '')), "
        'count(DISTINCT (species, "condition")) FROM samples '
        "WHERE folder IN ('Apple_rust', 'Apple___Cedar_apple_rust') GROUP BY sha256",
    )
    assert pairs == [(2, 1, 1, 1)] * 3


def test_messy_is_described_as_it_is(messy) -> None:
    rows = ask(
        messy,
        "SELECT parse_filename(source_path), folder, format, mode, orientation FROM samples",
    )
    found = {name: row for name, *row in rows}
    assert {name: found[name] for name in (
        "mpo_0.jpg", "png_0.jpg", "rgba_0.png", "cmyk_0.jpg", "grey_0.jpg",
        "exif_rotated_0_o6.jpg", "photo.webp", "a.jpg",
    )} == {
        "mpo_0.jpg": ["Chilli___leaf_curl", "MPO", "RGB", 1],
        "png_0.jpg": ["Apple___Rust", "PNG", "RGB", 1],
        "rgba_0.png": ["Rice___Brown_spot", "PNG", "RGBA", 1],
        "cmyk_0.jpg": ["Apple___scab", "JPEG", "CMYK", 1],
        "grey_0.jpg": ["Apple___scab", "JPEG", "L", 1],
        "exif_rotated_0_o6.jpg": ["Mango___Anthracnose", "JPEG", "RGB", 6],
        "photo.webp": ["Tomato___Early_blight", "WEBP", "RGB", 1],
        "a.jpg": ["Tomato_healthy", "JPEG", "RGB", 1],
    }  # fmt: skip
    assert ask(messy, "SELECT species FROM folders WHERE folder = 'Empty___folder'") == [(None,)]
    assert ask(messy, "FROM split_leaks") == []


def test_a_lake_inside_its_source_is_refused_and_nothing_is_written(source) -> None:
    before = sorted(source.rglob("*"))
    with pytest.raises(UsageError, match="lies in the source"):
        ingest([source], source / "lake")
    assert sorted(source.rglob("*")) == before


def test_a_second_dataset_of_one_name_is_refused(source, lake, tmp_path) -> None:
    ingest([source], lake)
    other = shutil.copytree(source, tmp_path / "elsewhere/leaves")
    with pytest.raises(UsageError, match="of a dataset 'leaves' from elsewhere"):
        ingest([other], lake)
    assert len(samples(lake)) == 12


def test_a_file_that_was_only_touched_keeps_its_mended_label_and_its_split(source, lake) -> None:
    ingest([source], lake)
    path = source / "Tomato___healthy/ant.jpg"
    where = f"source_path = '{path}'"
    with open_lake(lake, read_only=False) as opened, opened.commit("mend") as connection:
        connection.execute(
            "UPDATE samples SET \"condition\" = 'leaf_mold', source = 'photographer:anna', "
            f"source_split = 'train' WHERE {where}"
        )
    question = (
        'SELECT species, "condition", split, source, source_split, sha256 FROM samples '
        f"WHERE {where}"
    )
    before = ask(lake, question)
    os.utime(path, ns=(1, 1))
    assert ingest([source], lake).files == 1
    assert ask(lake, question) == before


def test_files_that_are_gone_are_counted_and_their_samples_stay(source, lake) -> None:
    ingest([source], lake)
    (source / "Tomato___healthy/ant.jpg").unlink()
    assert ingest([source], lake) == Ingested(files=0, shards=0, snapshot=2, gone=1)
    assert len(samples(lake)) == 12


def test_two_ingests_at_once_are_refused(source, lake) -> None:
    import fcntl

    (lake / "shards").mkdir(parents=True)
    with (lake / "ingest.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(UsageError, match="another ingest is at work"):
            ingest([source], lake)
    assert ingest([source], lake).files == 12


def test_a_guess_gives_no_label(tmp_path, lake, write, dozen) -> None:
    pictures = [data for _, data in sorted(dozen.items())][:3]
    source = write(tmp_path / "odd", {f"Pepper blight/{n}.jpg": d for n, d in enumerate(pictures)})
    ingest([source], lake)
    assert ask(lake, "SELECT DISTINCT species, split FROM samples") == [(None, None)]
    assert ask(lake, "SELECT folder, species, sure FROM folders") == [
        ("Pepper blight", "bell_pepper", False)
    ]


def test_a_lake_below_a_file_is_refused(source, tmp_path) -> None:
    (tmp_path / "afile").write_text("x")
    with pytest.raises(UsageError, match="afile: is a file"):
        ingest([source], tmp_path / "afile/lake")


def test_what_another_ingest_took_in_meanwhile_is_not_taken_in_again(
    source, lake, monkeypatch
) -> None:
    from ingest import run

    def other_ingest_ends_first(*_: object) -> None:
        monkeypatch.undo()
        ingest([source], lake)

    monkeypatch.setattr(run, "refuse_full_disk", other_ingest_ends_first)
    assert ingest([source], lake) == Ingested(files=0, shards=0, snapshot=2)
    assert len(samples(lake)) == 12


def pack_or_be_killed(plan: ShardPlan) -> Packed:
    """As pack_shard, but the second shard takes more memory than there is."""
    if plan.shard == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return pack_shard(plan)


def test_a_worker_that_is_killed_ends_the_run_and_what_is_complete_is_kept(
    source, lake, small_shards, monkeypatch
) -> None:
    monkeypatch.setattr("ingest.run.pack_shard", pack_or_be_killed)
    with pytest.raises(UsageError, match=r"000001.tar: .* killed by signal 9.* goes on from there"):
        ingest([source], lake, workers=2)
    assert not (lake / "catalog.ducklake").exists()
    monkeypatch.setattr("ingest.run.pack_shard", pack_shard)
    done = ingest([source], lake)
    assert (done.files, done.totals.files) == (12, 12)


def test_a_disk_that_fills_up_ends_the_run_and_what_is_complete_is_kept(
    source, lake, small_shards, monkeypatch
) -> None:
    written = iter(range(1))

    def write_until_full(path: Path, *args: object) -> None:
        if next(written, None) is None:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        write_sidecar(path, *args)

    monkeypatch.setattr("ingest.pack.write_sidecar", write_until_full)
    with pytest.raises(UsageError) as refused:
        ingest([source], lake)
    assert str(refused.value) == (
        f"{lake}/shards/000001.parquet: a shard could not be written (No space left on device). "
        "Shards that are complete are kept, and the catalog is as it was; make room, and the same "
        "command goes on from there."
    )
    monkeypatch.undo()
    monkeypatch.setattr(FILES_PER_SHARD, 5)
    assert ingest([source], lake).totals.found_complete == 5


def test_the_totals_say_what_became_of_the_files(finished) -> None:
    totals = finished.done.totals
    assert (totals.files, totals.samples, totals.found_complete) == (14, 12, 0)
    assert totals.rejections == {"empty": 1, "not_an_image": 1}
    assert totals.stored_bytes == sum(p.stat().st_size for p in finished.lake.rglob("*.tar"))
    assert list(finished.done.durations) == ["scan", "plan", "pack", "commit"]
