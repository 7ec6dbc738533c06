"""`leaflake catalog`: create and check."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from catalog.lake import open_lake
from ingest.run import ingest
from leaflake import main


def test_a_lake_is_made_with_its_snapshots_elsewhere(tmp_path, capsys) -> None:
    lake, snapshots = tmp_path / "lake", tmp_path / "snapshots.ducklake"
    arguments = ["catalog", "create", "--lake", str(lake), "--catalog", str(snapshots)]
    for _ in range(2):  # a second time it stays as it is
        assert main(arguments) == 0
        assert capsys.readouterr().out == f"{lake}: a lake at snapshot 1, kept in {snapshots}\n"
    assert sorted(path.name for path in lake.iterdir()) == ["lake.json"]
    assert main([*arguments[:-1], str(tmp_path / "other")]) == 2
    assert f"keeps its snapshots in {snapshots} already" in capsys.readouterr().err


def test_without_a_database_it_is_a_file_in_the_lake(tmp_path, capsys) -> None:
    assert main(["catalog", "create", "--lake", str(tmp_path)]) == 0
    assert capsys.readouterr().out.endswith(f"kept in {tmp_path / 'catalog.ducklake'}\n")
    with open_lake(tmp_path) as lake:
        assert lake.snapshot == 1


def test_a_password_is_refused(tmp_path, capsys) -> None:
    address = "postgresql://me:geheim@db.example/leaves"
    assert main(["catalog", "create", "--lake", str(tmp_path), "--catalog", address]) == 2
    assert "geheim" not in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_check_counts_and_names_what_is_wrong(tmp_path, write, dozen, capsys) -> None:
    lake = tmp_path / "lake"
    ingest([write(tmp_path / "leaves", dozen)], lake)
    capsys.readouterr()
    check = ["catalog", "check", "--lake", str(lake)]
    assert main(check) == 0
    sound = "1 shards, 12 pictures: no faults; names and sizes were looked at\n"
    assert capsys.readouterr().out == sound
    assert main([*check, "--deep"]) == 0
    assert capsys.readouterr().out == sound.replace(
        "names and sizes were looked at", "every picture was read"
    )
    Path(lake / "shards/000000.tar").unlink()
    assert main(check) == 1
    assert capsys.readouterr().out == (
        f"{lake}/shards/000000.tar: is missing; pictures concerned: 12\n"
        "1 shards, 12 pictures: 1 faults; names and sizes were looked at\n"
        "Bring the files back from a copy. Without one, delete the rows of a shard (leaflake sql "
        f'--lake {lake} "delete from samples where shard = 0") and ingest their folders again.\n'
    )


def test_what_a_check_says_to_do_about_a_lost_shard_brings_its_pictures_back(
    tmp_path, write, dozen, capsys, monkeypatch
) -> None:
    monkeypatch.setattr("ingest.plan.FILES_PER_SHARD", 6)
    source, lake = write(tmp_path / "leaves", dozen), tmp_path / "lake"
    ingest([source], lake)
    (lake / "shards/000001.tar").unlink()
    assert main(["catalog", "check", "--lake", str(lake)]) == 1
    advice = capsys.readouterr().out.splitlines()[-1]
    delete = re.search(r'"(delete .*)"', advice)
    assert delete is not None
    assert main(["sql", "--lake", str(lake), delete[1]]) == 0
    assert ingest([source], lake).files == 6
    assert main(["catalog", "check", "--lake", str(lake), "--deep"]) == 0
    assert capsys.readouterr().out.endswith(
        "2 shards, 12 pictures: no faults; every picture was read\n"
    )


@pytest.mark.parametrize("argv", [["catalog"], ["catalog", "--help"]])
def test_the_actions_are_named(argv, capsys) -> None:
    try:
        assert main(argv) == 2
    except SystemExit as done:
        assert done.code == 0
    said = capsys.readouterr()
    assert "create" in said.out + said.err
    assert "check" in said.out + said.err
