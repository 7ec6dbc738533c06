"""`leaflake group` on small lakes: what it links, when it has nothing to do, what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from leaf_pictures import draw_mottled, turn

import ingest.group
from catalog.lake import open_lake
from ingest.group import Grouped, group
from ingest.run import ingest as ingest_folders
from leaflake import UsageError, main

NAMES = ("ant", "bee", "cat", "dog", "eel", "fox", "gnu", "hen", "ibex", "jay", "kite", "lynx")


@pytest.fixture
def source(tmp_path, write, encode) -> Path:
    """Twelve pictures of one class: lynx shows the leaf of ant, the others one of their own."""
    images = {name: draw_mottled(seed) for seed, name in enumerate(NAMES[:-1])}
    images["lynx"] = turn(images["ant"], 50)
    files = {f"Tomato healthy/{name}.jpg": encode(image) for name, image in images.items()}
    return write(tmp_path / "leaves", files)


@pytest.fixture
def lake(source, tmp_path) -> Path:
    ingest_folders([source], tmp_path / "lake")
    return tmp_path / "lake"


def ask(lake: Path, query: str) -> list[tuple]:
    with open_lake(lake) as opened:
        return opened.connection.sql(query).fetchall()


def linked_names(lake: Path) -> list[list[str]]:
    """The names of both ends of every link by appearance."""
    found = ask(
        lake,
        "SELECT one.source_path, another.source_path FROM links "
        'JOIN samples AS one ON one."key" = links."key" '
        "JOIN samples AS another ON another.\"key\" = other WHERE kind = 'same_thing' ORDER BY ALL",
    )
    return sorted(sorted(Path(path).stem for path in row) for row in found)


def together(lake: Path, *names: str) -> bool:
    found = ask(lake, "SELECT source_path, group_id, split FROM samples")
    of_name = {Path(path).stem: rest for path, *rest in found}
    return all(of_name[name] == of_name[names[0]] for name in names)


def test_two_shots_of_a_leaf_are_linked_and_with_new_splits_together(lake) -> None:
    done = group(lake, new_splits=True)
    assert done == Grouped(12, 12, 12, 1, snapshot=3, seconds=done.seconds)
    assert linked_names(lake) == [["ant", "lynx"]]
    assert together(lake, "ant", "lynx")
    assert ask(lake, "SELECT count(split) FROM samples") == [(12,)]
    assert ask(lake, "FROM split_leaks") == []


def test_a_split_that_was_given_stays(lake) -> None:
    before = ask(lake, 'SELECT "key", split FROM samples ORDER BY ALL')
    group(lake)
    assert ask(lake, 'SELECT "key", split FROM samples ORDER BY ALL') == before
    assert linked_names(lake) == [["ant", "lynx"]]


def test_a_second_run_has_nothing_to_do(lake) -> None:
    group(lake)
    again = group(lake)
    assert again == Grouped(12, 0, 0, 0, snapshot=3, seconds=again.seconds)


def test_new_pictures_are_compared_with_the_old_ones(lake, source, write, encode) -> None:
    group(lake)
    image = turn(draw_mottled(3), -40)
    write(source, {"Tomato healthy/zebra.jpg": encode(image)})
    ingest_folders([source], lake)
    done = group(lake)
    assert (done.pictures, done.described, done.compared, done.links) == (13, 1, 13, 1)
    assert linked_names(lake) == [["ant", "lynx"], ["dog", "zebra"]]
    assert together(lake, "dog", "zebra")


def test_another_class_is_not_compared(lake, source, write, encode) -> None:
    group(lake)
    write(source, {"Apple healthy/other.jpg": encode(turn(draw_mottled(3), -40))})
    ingest_folders([source], lake)
    done = group(lake)
    assert (done.compared, done.links) == (1, 0)
    assert linked_names(lake) == [["ant", "lynx"]]


def test_where_compares_its_samples_anew_and_leaves_the_others_to_a_later_run(lake) -> None:
    where = "source_path LIKE '%ant.jpg' OR source_path LIKE '%bee.jpg'"
    for _ in range(2):
        done = group(lake, where=where)
        assert (done.pictures, done.compared, done.links) == (2, 2, 0)
    done = group(lake)
    assert (done.described, done.compared, done.links) == (12, 12, 1)
    # The link is known already, so it is not written twice.
    assert group(lake, where="true").links == 0
    assert linked_names(lake) == [["ant", "lynx"]]


def test_an_unlabelled_folder_is_compared_within_itself(tmp_path, write, encode) -> None:
    image = draw_mottled(1)
    files = {"Xyzzy/a.jpg": encode(image), "Xyzzy/b.jpg": encode(turn(image, 45))}
    ingest_folders([write(tmp_path / "odd", files)], tmp_path / "lake")
    group(tmp_path / "lake")
    assert linked_names(tmp_path / "lake") == [["a", "b"]]


def test_two_workers_find_the_same_as_one(lake, source, write, encode, tmp_path) -> None:
    image = draw_mottled(50)
    shots = {"Apple healthy/one.jpg": image, "Apple healthy/two.jpg": turn(image, 70)}
    write(source, {name: encode(shot) for name, shot in shots.items()})
    ingest_folders([source], lake)
    assert group(lake, workers=2).links == 2
    ingest_folders([source], tmp_path / "other")
    assert group(tmp_path / "other", workers=1).links == 2
    assert linked_names(lake) == linked_names(tmp_path / "other")


def test_an_interrupted_run_goes_on_where_it_was(lake, monkeypatch) -> None:
    def stop(*_: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ingest.group, "_write", stop)
        with pytest.raises(KeyboardInterrupt):
            group(lake)
    assert linked_names(lake) == []
    monkeypatch.setattr(ingest.group, "find_links", stop)  # there is no need for it any more
    done = group(lake)
    assert (done.described, done.compared, done.links) == (0, 12, 1)
    assert linked_names(lake) == [["ant", "lynx"]]
    assert sorted(path.name for path in (lake / "features").iterdir()) == ["000000.npy"]


def test_features_that_were_deleted_are_made_again(lake) -> None:
    group(lake)
    file = lake / "features" / "000000.npy"
    before = file.read_bytes()
    file.unlink()
    assert group(lake).described == 12
    assert file.read_bytes() == before


def test_features_may_lie_elsewhere(lake, tmp_path) -> None:
    group(lake, features=tmp_path / "elsewhere")
    assert [path.name for path in (tmp_path / "elsewhere").iterdir()] == ["000000.npy"]
    assert not (lake / "features").exists()


def test_a_condition_that_is_no_sql_is_refused(lake, capsys) -> None:
    assert main(["group", "--lake", str(lake), "--where", "species =", "--workers", "1"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("leaflake group: --where 'species =': Parser Error: ")
    assert error.endswith(". Nothing was written.\n")
    assert not (lake / "features").exists()


def test_a_missing_shard_is_refused(lake) -> None:
    (lake / "shards/000000.tar").unlink()
    with pytest.raises(UsageError, match=r"000000\.tar.*Bring the shard back.*The lake is as it"):
        group(lake)
    assert ask(lake, "FROM compared_shards") == []


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY nonsense", b"text"])
def test_a_foreign_file_among_the_features_is_refused(lake, content) -> None:
    (lake / "features").mkdir()
    (lake / "features/000000.npy").write_bytes(content)
    with pytest.raises(UsageError, match=r"000000\.npy: not the features of a shard"):
        group(lake)


def test_no_lake_is_refused(tmp_path) -> None:
    with pytest.raises(UsageError, match="not a lake"):
        group(tmp_path)


def test_a_lake_in_an_object_store_needs_a_folder_for_features() -> None:
    with pytest.raises(UsageError, match="--features DIR. Nothing was written"):
        group("s3://bucket/lake")


def test_it_says_what_it_found(lake, capsys) -> None:
    command = ["group", "--lake", str(lake), "--workers", "1", "--new-splits"]
    assert main(command) == 0
    first, second, holds, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith("12 pictures compared, 12 of them described now, in ")
    assert second == "1 new pair of one leaf, snapshot 3"
    assert holds.startswith("12 samples of 1 species in 1 classes, ")
    assert main(command[:-1]) == 0
    assert capsys.readouterr().out.splitlines()[0] == (
        "nothing new among 12 pictures; the lake is at snapshot 3"
    )
