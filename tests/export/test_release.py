from export.release import without_nan


def test_what_is_no_number_becomes_none_at_any_depth():
    record = {"threshold": 1.5, "compared": {"gate": {"precision": float("nan"), "caught": 0.0}}}
    assert without_nan(record) == {
        "threshold": 1.5,
        "compared": {"gate": {"precision": None, "caught": 0.0}},
    }
