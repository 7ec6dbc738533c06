"""SIGKILL at random moments of a real `leaflake ingest`: the same lake in the end."""

from __future__ import annotations

import re
import shutil

from catalog.lake import open_lake
from ingest.kills import differences, kill_and_compare, main
from ingest.run import ingest


def test_a_killed_ingest_ends_with_the_lake_of_one_left_in_peace(tmp_path) -> None:
    verdict = kill_and_compare(tmp_path, kills=3, pictures=1_500, seed=3)
    assert (verdict.kills, verdict.differences) == (3, ())


def test_lakes_that_differ_are_told_apart(tmp_path, write, dozen) -> None:
    source = write(tmp_path / "leaves", dozen)
    one, other = tmp_path / "one", tmp_path / "other"
    ingest([source], one)
    shutil.copytree(one, other)
    assert list(differences(one, other)) == []
    with open_lake(other, read_only=False) as lake, lake.commit("mend") as connection:
        connection.execute("UPDATE samples SET \"condition\" = 'rust' WHERE folder LIKE 'Apple%'")
    (other / "taxonomy.json").write_text("{}")
    (other / "shards/000000.tar").write_bytes(b"other")
    (other / "shards/000001.tar.tmp").write_bytes(b"left behind")
    assert list(differences(one, other)) == [
        "shards/000000.tar differs",
        "shards/000001.tar.tmp is in one lake only",
        "taxonomy.json differs",
        "table samples differs (12 and 12 rows)",
    ]


def test_the_command_prints_its_verdict(tmp_path, capsys) -> None:
    assert main(["--kills", "1", "--pictures", "300", "--out", str(tmp_path)]) == 0
    # A kill that comes too late is no kill; then another ingest follows.
    assert re.fullmatch(
        r"1 kills in \d+ ingests of 300 pictures each: "
        "the lake is the same as the one that was left in peace\n",
        capsys.readouterr().out,
    )
