import json

from PIL import Image

from train.curves import draw_curves

ROWS = [
    {"stage": "pictures/s", "float32": 20.0},
    {"stage": "heads", "loss": 0.1, "species_top1": 0.9, "joint_top1": 0.8},
    {"stage": "steps", "epoch": 1, "steps": 5, "loss": 2.0},
    {"stage": "fine-tune", "epoch": 1, "steps": 10, "loss": 1.5, "val_loss": 1.0,
     "species_top1": 0.95, "joint_top1": 0.85},
]  # fmt: skip


def write(run, rows):
    run.mkdir()
    (run / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    draw_curves(run)
    return (run / "metrics.png").read_bytes()


def test_the_same_rows_give_the_same_picture(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    one, again = (write(tmp_path / name / "run", ROWS) for name in ("a", "b"))
    assert one == again
    assert Image.open(tmp_path / "a/run/metrics.png").size == (1200, 480)
    assert sorted(path.name for path in (tmp_path / "a/run").iterdir()) == [
        "metrics.jsonl",
        "metrics.png",
    ]


def test_a_run_without_an_epoch_has_a_picture_too(tmp_path):
    assert write(tmp_path / "run", ROWS[:2]) != write(tmp_path / "other", ROWS)
