"""The benchmark of species that were left out: its tables, by hand."""

import numpy as np
import pytest

from export import bench_unknown
from export.bench_unknown import RULE, Fold, methods_table, species_table


def fold(threshold: float, **unknown: list[float]) -> Fold:
    """Two scores of 20 known pictures, 0 to 19; the second knows nothing."""
    known = np.arange(20.0)
    return Fold(
        known={RULE: known, "blind": np.zeros(20)},
        unknown={
            RULE: {name: np.array(found) for name, found in unknown.items()},
            "blind": {name: np.zeros(len(found)) for name, found in unknown.items()},
        },
        threshold=threshold,
    )


FOLDS = [fold(18.0, apple=[30.0, 18.5], fig=[30.0]), fold(15.0, corn=[0.5, 16.0, 17.0, 40.0])]


def cells(table: str) -> list[list[str]]:
    return [
        [cell.strip() for cell in line.split("  ") if cell.strip()] for line in table.splitlines()
    ]


def test_scores_are_compared_where_each_loses_as_many_known_pictures():
    # One of 20 may be lost, the highest: what is over 18 is turned away. The AUROC is the mean of
    # 0.975, 1 and (0.05 + 0.825 + 0.875 + 1) / 4, as equal scores count half.
    assert cells(methods_table(FOLDS)) == [
        ["score", "AUROC", "noticed, 5 % of known lost"],
        [RULE, "0.888", "75.0 %"],
        ["blind", "0.500", "0.0 %"],
    ]


def test_the_rule_is_told_by_species_at_its_own_threshold_with_what_that_costs():
    assert cells(species_table(FOLDS)) == [
        ["species left out", "pictures", "AUROC", "noticed", "known lost"],
        ["apple", "2", "0.975", "100.0 %", "10.0 %"],
        ["fig", "1", "1.000", "100.0 %", "10.0 %"],
        ["corn", "4", "0.688", "75.0 %", "25.0 %"],
        ["mean over species", "91.7 %", "17.5 %"],
    ]


def test_a_lake_that_is_not_there_is_refused(tmp_path, capsys):
    assert bench_unknown.main([str(tmp_path / "lake")]) == 2
    assert capsys.readouterr().err.startswith(f"bench_unknown: {tmp_path}/lake")


def test_folds_must_be_a_number(capsys):
    with pytest.raises(SystemExit) as refusal:
        bench_unknown.main(["lake", "--folds", "some"])
    assert refusal.value.code == 2
    assert "invalid int value: 'some'" in capsys.readouterr().err
