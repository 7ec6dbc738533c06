"""Label files of `leaflake augment`: what is read, what is refused, and the weights."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from leaflake import UsageError
from train.offline_labels import (
    LabelFile,
    LabelRow,
    class_weights,
    read_labels,
    write_labels,
)


@pytest.fixture
def photos(tmp_path, write):
    return write(tmp_path / "photos", {"a.jpg": b"a", "sub/b.jpg": b"b"})


def test_rows_are_read_in_order_with_absolute_paths_and_the_mark_of_spreadsheets(photos, tmp_path):
    file = tmp_path / "labels.csv"
    text = f"label,path,split\nrust,{photos}/sub/b.jpg,test\n'a, b',./a.jpg,train\n"
    file.write_text("\ufeff" + text.replace("'", '"'))
    assert read_labels(file, photos) == LabelFile(
        (LabelRow("sub/b.jpg", "rust", "test"), LabelRow("a.jpg", "a, b", "train")), True
    )


def test_without_a_column_of_splits_all_are_to_learn_from(photos, tmp_path):
    (tmp_path / "labels.csv").write_text("path,label\na.jpg,rust\n")
    read = read_labels(tmp_path / "labels.csv", photos)
    assert read == LabelFile((LabelRow("a.jpg", "rust", "train"),), False)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", ":1: the columns are none; expected path,label"),
        ("file,label\na.jpg,x\n", ":1: the columns are file, label; expected path,label"),
        ("path,label\na.jpg,x,train\n", ":2: the row has another number of cells"),
        ("path,label,split\na.jpg,x,train\nsub/b.jpg,x", ":3: the row has another number of"),
        ("path,label\n../labels.csv,x\n", ":2: ../labels.csv is not in"),
        ("path,label\nc.jpg,x\n", ":2: there is no file"),
        ("path,label\n,x\n", ":2:"),
        ("path,label\na.jpg, \n", ":2: a.jpg has no label"),
        ("path,label,split\na.jpg,x,valid\n", ":2: a.jpg is in the split 'valid'; expected one of"),
        ("path,label\na.jpg,x\nsub/../a.jpg,y\n", ": a.jpg stands in 2 rows; expected one row"),
        ('path,label\n"a.jpg,x\n', ": is no CSV in UTF-8"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(photos, tmp_path, text, why):
    file = tmp_path / "labels.csv"
    file.write_text(text)
    with pytest.raises(UsageError) as refused:
        read_labels(file, photos)
    assert f"{file}{why}" in str(refused.value)
    assert str(refused.value).endswith("Nothing was written.")


def test_a_file_that_is_not_there_or_no_text_is_refused(photos, tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        read_labels(tmp_path / "none.csv", photos)
    (tmp_path / "labels.csv").write_bytes(b"path,label\na.jpg,\xff\n")
    with pytest.raises(UsageError, match="no CSV in UTF-8"):
        read_labels(tmp_path / "labels.csv", photos)


def test_weights_make_classes_count_alike_and_what_is_judged_on_weighs_one(tmp_path):
    rows = [LabelRow(f"{n}.jpg", "many") for n in range(6)]
    rows += [
        LabelRow("few.jpg", "few"),
        LabelRow("few2.jpg", "few"),
        LabelRow("t.jpg", "few", "test"),
    ]
    # 8 pictures, 2 classes: 8 / (2 * 6) and 8 / (2 * 2)
    assert class_weights(rows) == {"many": 8 / 12, "few": 2.0}
    write_labels(tmp_path / "new.csv", rows[5:], True)
    assert (tmp_path / "new.csv").read_text().splitlines() == [
        "path,label,weight,split",
        "5.jpg,many,1.5,train",
        "few.jpg,few,0.75,train",
        "few2.jpg,few,0.75,train",
        "t.jpg,few,1,test",
    ]
    write_labels(tmp_path / "new.csv", rows[:1], False)
    assert (tmp_path / "new.csv").read_text() == "path,label,weight\n0.jpg,many,1\n"


@given(some.lists(some.sampled_from("abc"), min_size=1))
def test_every_class_has_the_same_share_and_the_mean_weight_is_one(labels):
    weights = class_weights([LabelRow(str(n), label) for n, label in enumerate(labels)])
    share = len(labels) / len(weights)
    for label, weight in weights.items():
        assert weight * labels.count(label) == pytest.approx(share)
    assert sum(weights[label] for label in labels) == pytest.approx(len(labels))
