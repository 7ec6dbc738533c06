"""The measuring of a large ingest, on a tiny one, and the collection that is drawn for it."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

from catalog.labels import read_folder_name
from ingest.bench_scale import main
from ingest.draw_scale import (
    BROKEN,
    COPIES,
    DrawnFolder,
    draw_collection,
    draw_folder,
    plan_folders,
)
from shards.decode import DecodeError, decode_image


def test_a_tiny_run_is_measured_and_written_down(tmp_path, capsys) -> None:
    assert main(["--pictures", "60", "--folders", "4", "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    report = json.loads((tmp_path / "scale.json").read_text())
    (step,) = report["steps"]
    assert (step["pictures"], step["folders"], step["num_new"]) == (60, 4, 60)
    assert step["counts"]["samples"] + step["counts"]["rejections"] == 60
    assert step["counts"]["folders"] == 4
    assert set(step["durations"]) == {"scan", "plan", "pack", "commit"}
    for run in ("first", "nothing_new", "with_new"):
        assert 0 < step[run]["seconds"] < 60
        assert 50 < step[run]["peak_mb"]["first"] < 2_000
    assert printed.splitlines()[2].split()[:2] == ["60", "4"]
    assert printed.splitlines()[-1] == f"{tmp_path}/scale.json"


def test_more_folders_than_pictures_are_refused(tmp_path, capsys) -> None:
    assert main(["--pictures", "3", "--folders", "4", "--out", str(tmp_path / "out")]) == 2
    assert "--folders 4: more than the 3 pictures" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_collection_has_its_folders_and_sizes() -> None:
    folders = plan_folders(Path("out"), 1_470_000, 11_499, 0, "set")
    sizes = sorted(folder.num_pictures for folder in folders)
    assert len({folder.path for folder in folders}) == 11_499
    assert sum(sizes) == 1_470_000
    assert sizes[0] == 1
    assert 20_000 < sizes[-1] < 60_000


def test_species_have_from_one_to_sixty_conditions_and_the_reader_reads_most() -> None:
    folders = plan_folders(Path("out"), 4_000, 4_000, 0, "set")
    readings = [read_folder_name(folder.path.name, None) for folder in folders]
    labels = {(one.species, one.condition) for one in readings if one.sure}
    by_species = Counter(species for species, _ in labels)
    assert min(by_species.values()) == 1
    assert max(by_species.values()) > 40
    assert sum(one.sure for one in readings) > 3_500


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_an_interrupted_drawing_goes_on_and_ends_the_same(tmp_path) -> None:
    assert draw_collection(tmp_path / "a", pictures=200, folders=9, seed=5) == 200
    whole = contents(tmp_path / "a")
    lost = next(path for path in sorted((tmp_path / "a/set_000").iterdir()))
    num_lost = len(list(lost.iterdir()))
    shutil.move(lost, lost.with_name(lost.name + ".tmp"))
    assert draw_collection(tmp_path / "a", pictures=200, folders=9, seed=5) == num_lost
    assert contents(tmp_path / "a") == whole
    assert len(whole) == 200


def test_pictures_are_distinct_but_for_a_few_copies_and_broken_files(tmp_path) -> None:
    draw_folder(DrawnFolder(tmp_path / "Apple rust", 2_000, (0, 3, 1), file_names=0))
    files = contents(tmp_path / "Apple rust")
    fit = [data for data in files.values() if is_picture(data)]
    assert abs(2_000 - len(fit) - 2_000 * BROKEN) < 20
    assert abs(len(fit) - len(set(fit)) - 2_000 * COPIES) < 25
    assert 1_000 < sum(len(data) for data in fit) / len(fit) < 2_000


def is_picture(data: bytes) -> bool:
    try:
        return decode_image(data).shape == (64, 64, 3)
    except DecodeError:
        return False
