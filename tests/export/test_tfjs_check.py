import sys
from pathlib import Path

import pytest

from export.tfjs_check import Checked, check_run, main, print_table
from export.tfjs_compare import Compared
from leaflake import UsageError

CHECKED = Checked(
    bytes=4_400_000,
    pictures=500,
    compared={
        "torch": Compared(0.95, 0.87, 0.0, 0.0),
        "tfjs": Compared(0.94, 0.868, 0.06, 0.012),
    },
    same_weights=4e-6,
    levels=0.004,
    times={"first_ms": {"tfjs": 645.2}, "warm_ms": {"tfjs": [30, 40, 50]}, "resize_ms": [1, 2, 9]},
    faults=["TF.js loses 1.00 points of species_top1"],
)


def test_without_the_tools_nothing_is_checked(tmp_path):
    with pytest.raises(UsageError, match="just tfjs-tools"):
        check_run(Path("run"), tmp_path, tools=tmp_path)


def test_a_folder_without_a_model_is_refused(tmp_path, monkeypatch):
    (tmp_path / ".complete").touch()
    monkeypatch.setenv("CHROMIUM", sys.executable)
    with pytest.raises(UsageError, match=r"not a TF.js model, there is no model.json in it"):
        check_run(Path("run"), tmp_path, tools=tmp_path)


def test_the_table_has_every_figure_in_words_and_ends_with_json(capsys):
    print_table(CHECKED)
    *lines, last = capsys.readouterr().out.splitlines()
    assert lines == [
        "torch  species 95.00 %, both 87.00 %; 0.00 % changed answers, at most 0 from torch",
        "tfjs   species 94.00 %, both 86.80 %; 1.20 % changed answers, at most 0.06 from torch",
        "tfjs   first answer 645 ms; warm median 40.0 ms, p99 49.8, least 30.0",
        "4,400,000 bytes; 500 pictures; TF.js at most 4e-06 from ONNX Runtime with its weights; "
        "the page's decoding and resize at most 0.004 levels from the run's; the resize takes "
        "2.0 ms",
        "beyond the bounds: TF.js loses 1.00 points of species_top1",
    ]
    assert last.startswith('{"bytes": 4400000, "pictures": 500, "compared": {"torch": {')


@pytest.mark.parametrize(("faults", "status"), [([], 0), (["too large"], 1)])
def test_the_exit_status_says_whether_all_is_within_bounds(faults, status, monkeypatch, capsys):
    checked = Checked(**{**CHECKED.__dict__, "faults": faults})
    asked = {}
    monkeypatch.setattr(
        "export.tfjs_check.check_run",
        lambda run, folder, **options: asked.update(options) or checked,
    )
    monkeypatch.setattr(sys, "argv", ["x", "run", "folder", "--split", "test", "--pictures", "7"])
    assert main() == status
    assert asked == {"lake": None, "split": "test", "pictures": 7, "threads": 1}


def test_wrong_use_is_one_line_and_2(tmp_path, monkeypatch, capsys):
    def refuse(*_: object, **__: object) -> Checked:
        raise UsageError("no browser found")

    monkeypatch.setattr("export.tfjs_check.check_run", refuse)
    monkeypatch.setattr(sys, "argv", ["x", "run", "folder"])
    assert main() == 2
    assert capsys.readouterr().err == "export.tfjs_check: no browser found\n"
