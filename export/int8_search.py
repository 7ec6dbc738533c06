"""Which nodes of the INT8 graph stay in float32: those that are quicker so, and the fewest others
with which it is good enough.

In: the float32 graph, train pictures, judges and bounds. Out: the INT8 file and what was tried.
Eight bits for all but the first layers that are slower with them (int8_start.py) come first. If
that loses more than the bounds allow, each node is measured alone (what its eight bits do to the
answers), and the most harmful ones return to float32, as few as it takes.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from catalog.taxonomy import LabelTree
from export.harm import harm
from export.int8_start import quickest_start
from export.measure import as_predictions
from export.onnx_session import open_session
from export.parity import INT8, BeyondBoundsError
from export.quantise import Calibrated, calibrate
from export.said import OUTPUTS, Said
from train.metrics import figures
from train.predict import num_cores

HARM_PICTURES = 32
"""Calibration pictures on which each node is measured."""


@dataclass(frozen=True)
class Drop:
    """What an INT8 file loses on the pictures of its judge against the float32 file. As bounds:
    the most that it may lose."""

    species: float
    """Share of pictures, species right in float32 less those right in INT8; may be negative."""

    both: float
    """Likewise of species and condition together."""

    changed: float
    """Share of pictures with another likeliest species. Gains and losses may happen to cancel out
    on these pictures; on others they will not."""

    rejection: float
    """Share of pictures that the rejection rule turns away in one of the two files alone."""

    def within(self, bounds: Drop) -> bool:
        """Whether nothing is lost beyond `bounds`."""
        return all(lost <= most for lost, most in zip(astuple(self), astuple(bounds), strict=True))

    def __str__(self) -> str:
        return (
            f"loses {100 * self.species:.2f} points of species and {100 * self.both:.2f} of both; "
            f"{100 * self.changed:.2f} % other species, {100 * self.rejection:.2f} % other "
            "rejections"
        )


BOUNDS = Drop(species=0.0025, both=0.005, changed=0.0075, rejection=0.015)
"""Of val. Half of what test may lose, for test holds other pictures. More species may change, as
some change for the better; but two files that changed 0.9 and 1.1 % of val, and lost next to none
there, lost 0.53 and 0.64 % of test."""

Judge = Callable[[Path], Drop]
Critic = Callable[[Path], Sequence[str]]
"""File -> what is wrong with it, a sentence each; asked about files that are within the bounds."""

Start = Callable[[Calibrated, Path], tuple[str, ...]]
"""As quickest_start."""


@dataclass(frozen=True)
class Tried:
    """One choice of nodes."""

    kept_float: int
    """How many: the first layers that are quicker so, then the most harmful."""

    drop: Drop


@dataclass(frozen=True)
class Int8Search:
    """What was found."""

    kept_float: tuple[str, ...]
    """The nodes left in float32: the first layers that are quicker so, then the most harmful of the
    others, worst first."""

    tried: tuple[Tried, ...]
    """In the order of trying."""

    harm: dict[str, float]
    """Node -> see `measure_harm`; empty if eight bits were good enough for all."""


def search_int8(
    fp32: Path,
    int8: Path,
    calibration: Sequence[np.ndarray],
    judge: Judge,
    bounds: Drop = BOUNDS,
    start: Start = quickest_start,
    critic: Critic = lambda path: (),
) -> Int8Search:
    """Write an INT8 twin of `fp32` to `int8` that `judge` finds within `bounds`, and `critic` fine.

    `calibration` are train pictures uint8 (H, W, 3). `start` says which
    layers are quicker in float32; but for it the same input gives the same file. What was tried is
    printed to standard error. Raises BeyondBoundsError if not even with all nodes but the
    least harmful one in float32 it is good enough; `int8` is not written then.
    """
    with tempfile.TemporaryDirectory(prefix="leaflake-int8-") as folder:
        graph = calibrate(fp32, tqdm(calibration, desc="ranges", unit="picture"), Path(folder))
        attempt = _Attempts(graph, Path(folder) / "tried.onnx", judge, bounds, critic)
        harm: dict[str, float] = {}
        kept = start(graph, Path(folder))
        if not attempt(kept):
            spread = np.linspace(0, len(calibration) - 1, min(HARM_PICTURES, len(calibration)))
            pictures = [calibration[i] for i in spread.round().astype(int)]
            harm = measure_harm(fp32, graph, pictures)
            others = [name for name in harm if name not in kept]
            worst = tuple(sorted(others, key=lambda name: (-harm[name], name)))
            kept += worst[: fewest(lambda count: attempt(kept + worst[:count]), len(worst))]
        graph.write(int8, kept)
    return Int8Search(kept, tuple(attempt.tried), harm)


class _Attempts:
    """Writes, judges and notes one choice after another."""

    def __init__(
        self, graph: Calibrated, path: Path, judge: Judge, bounds: Drop, critic: Critic
    ) -> None:
        self._graph, self._path = graph, path
        self._judge, self._bounds, self._critic = judge, bounds, critic
        self.tried: list[Tried] = []

    def __call__(self, kept: Sequence[str]) -> bool:
        self._graph.write(self._path, kept)
        drop = self._judge(self._path)
        self.tried.append(Tried(len(kept), drop))
        wrong = ["beyond the bounds"]
        if drop.within(self._bounds):
            wrong = list(self._critic(self._path))
        verdict = "; ".join(wrong) or "within bounds"
        total = len(self._graph.layers)
        print(f"INT8 but for {len(kept)} of {total} nodes: {drop}: {verdict}", file=sys.stderr)
        return not wrong


def fewest(good: Callable[[int], bool], most: int) -> int:
    """The least count from 1 to `most` that is good, if from some count on all are.

    Doubles the count until it is good, then halves the way back: few are wanted, and each try
    costs an export's worth of answers. Raises BeyondBoundsError if `most` is not good.
    """
    bad, count = 0, 1
    while not good(min(count, most)):
        if count >= most:
            raise BeyondBoundsError(
                f"{INT8}: loses too much with 8 bits, even if its {most} most harmful nodes stay "
                "in float32. So there is no bundle. Nothing was written."
            )
        bad, count = count, 2 * count
    count = min(count, most)
    while count - bad > 1:
        middle = (bad + count) // 2
        if good(middle):
            count = middle
        else:
            bad = middle
    return count


def measure_harm(fp32: Path, graph: Calibrated, pictures: Sequence[np.ndarray]) -> dict[str, float]:
    """Of each node, what 8 bits for it alone do to the answers, in nats; see `harm`."""
    exact = ask(fp32, pictures)
    found = {}
    with tempfile.TemporaryDirectory(prefix="leaflake-int8-") as folder:
        path = Path(folder) / "alone.onnx"
        for name in tqdm(graph.layers, desc="nodes with 8 bits", unit="node"):
            graph.write(path, graph.layers.keys() - {name})
            found[name] = harm(exact, ask(path, pictures))
    return found


def ask(path: Path, pictures: Sequence[np.ndarray]) -> Said:
    """The answers of an ONNX file to decoded pictures, as many at a time as there are cores."""
    session = open_session(path, threads=1)
    with ThreadPoolExecutor(num_cores()) as pool:
        return Said.stack(
            list(pool.map(lambda image: session.run(OUTPUTS, {"image": image}), pictures))
        )


def drop_of(
    int8: Said, fp32: Said, class_index: np.ndarray, tree: LabelTree, thresholds: np.ndarray
) -> Drop:
    """What `int8` loses against `fp32` on N pictures whose classes are int64 (N,) `class_index`;
    `thresholds` float (2,) are those of the rejection scores."""
    own, reference = (
        figures(as_predictions(said, class_index, tree), tree) for said in (int8, fp32)
    )
    rejected, expected = (said.rejection >= thresholds for said in (int8, fp32))
    return Drop(
        species=_lost(own, reference, "species_top1"),
        both=_lost(own, reference, "joint_top1"),
        changed=float((int8.species.argmax(axis=1) != fp32.species.argmax(axis=1)).mean()),
        rejection=float((rejected != expected).any(axis=1).mean()),
    )


def _lost(own: Mapping[str, float], reference: Mapping[str, float], figure: str) -> float:
    # Without a plant among the pictures there is neither figure, and nothing to lose.
    return float(reference.get(figure, 0.0) - own.get(figure, 0.0))
