"""Beach or mountain, by the README's own commands: any folders make a classifier that can doubt."""

from __future__ import annotations

import glob
import itertools
import json
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from export.manifest import read_manifest
from leaflake import main
from train.predict import one_thread_each

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")

FOLDERS = {"coast": "beach", "dunes": "beach", "peaks": "mountain"}

SHORTER = {
    "--minutes 10": "--epochs 8 --set backbone=plain_cnn --set pretrained=no --set train_size=64 "
    "--set eval_size=64 --set first_size=none --set batch_size=8 --set precision=float32 "
    "--set workers=1",
    "leaflake export ": "leaflake export --no-browser ",
    "leaflake export-site ": "leaflake export-site --server http://127.0.0.1:8000/ ",
}
"""What the test changes in the README's commands, to be quick; the browser's tools take 2 GB."""


def draw_place(kind: str, seed: int, side: int = 96) -> np.ndarray:
    """uint8 (side, side, 3): sand below the sea, or a grey peak before the sky; both with noise."""
    random = np.random.default_rng((len(kind), seed))
    row, column = np.mgrid[:side, :side] / side
    image = np.empty((side, side, 3))
    image[:] = (150, 190, 235)
    if kind == "beach":
        image[row > random.uniform(0.3, 0.45)] = (40, 110, 160)
        image[row + 0.1 * np.sin(6 * column + random.uniform(0, 6)) > 0.65] = (225, 200, 150)
    else:
        slope = random.uniform(1.2, 2.0) * abs(column - random.uniform(0.35, 0.65))
        image[row > random.uniform(0.1, 0.2) + slope] = (105, 105, 110)
        image[row > 0.85] = (50, 80, 45)
    noisy = image * random.uniform(0.8, 1.1) + random.normal(0, 12, image.shape)
    return noisy.clip(0, 255).astype(np.uint8)


def readme_block() -> list[str]:
    """The lines of the README's example."""
    (section,) = re.findall(r"^## Not plants\n(.*?)^## ", README, re.MULTILINE | re.DOTALL)
    (block,) = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    return block.splitlines()


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Pictures of 64 pixels are too small for more, which wait for each other on a busy machine."""
    with one_thread_each():
        yield


@pytest.fixture(scope="module")
def work(tmp_path_factory, write, encode, one_thread) -> Path:
    """The README's example, run line by line in a folder with drawn pictures."""
    folder = tmp_path_factory.mktemp("not-plants")
    write(
        folder / "places",
        {
            f"{name}/{place}.jpg": encode(draw_place(kind, 97 * number + place))
            for number, (name, kind) in enumerate(FOLDERS.items())
            for place in range(40 if kind == "mountain" else 20)
        },
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for line in readme_block():
            if not line.startswith("leaflake "):
                subprocess.run(["bash", "-c", line], check=True)
                continue
            for long, short in SHORTER.items():
                line = line.replace(long, short)
            words = [word for part in shlex.split(line)[1:] for word in glob.glob(part) or [part]]
            assert main(words) == 0, line
    return folder


@pytest.fixture
def ask(work, tmp_path, encode, capsys) -> Callable[[np.ndarray], tuple[str, dict]]:
    """ask(image) -> the answer in words, and as JSON."""

    def answer(image: np.ndarray) -> tuple[str, dict]:
        path = tmp_path / "place.jpg"
        path.write_bytes(encode(image))
        said = []
        capsys.readouterr()
        for options in ([], ["--json"]):
            bundle = ["--bundle", str(work / "places.bundle")]
            assert main(["classify", "--image", str(path), *bundle, "--no-reject", *options]) == 0
            said.append(capsys.readouterr().out.strip())
        return said[0].removeprefix(f"{path}: "), json.loads(said[1])

    return answer


def test_a_class_is_answered_by_its_name_alone(ask):
    for kind in ("beach", "mountain"):
        words, row = ask(draw_place(kind, 1000))
        assert (row["answer"]["rank"], row["answer"]["species_id"]) == ("species", kind)
        assert re.fullmatch(rf"{kind.title()} \(\d\d %\)", words)


def test_between_the_two_lies_a_band_that_is_not_sure(work, tmp_path, write, encode, capsys):
    beach, mountain = draw_place("beach", 1000), draw_place("mountain", 1000)
    blends = [
        (share * mountain + (1 - share) * beach).astype(np.uint8) for share in np.linspace(0, 1, 65)
    ]
    write(tmp_path / "blends", {f"{n:02}.jpg": encode(image) for n, image in enumerate(blends)})
    bundle = ["--bundle", str(work / "places.bundle")]
    capsys.readouterr()
    assert main(["classify", "--image", str(tmp_path / "blends"), *bundle, "--no-reject"]) == 0
    said = [line.partition(".jpg: ")[2] for line in capsys.readouterr().out.splitlines()]
    kinds = [words.split(" (")[0] for words in said]
    assert [kind for kind, _ in itertools.groupby(kinds)] == ["Beach", "not sure", "Mountain"]


def test_bundle_and_site_know_the_two_classes(work):
    tree = read_manifest(work / "places.bundle").tree
    assert [one["name"] for one in tree["species"]] == ["Beach", "Mountain"]
    assert (work / "places.site/index.html").is_file()
