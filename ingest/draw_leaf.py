"""Outlines and veins of drawn leaves, as polygons and polylines.

In: a LeafShape (how a species grows) and a random generator (how this one leaf grew).
Out: a Leaf in its own coordinates: base of the midrib at (0, 0), apex near (0, 1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
"""(N, 2) positions, x across the leaf, y from base to apex."""

Rng = np.random.Generator


class Form(Enum):
    """How a leaf is divided, and how its main veins run."""

    SIMPLE = "one blade, pinnate veins"
    PALMATE = "one lobed blade, main veins from one point"
    STRAP = "a long blade, parallel veins"
    PINNATE = "leaflets in pairs along a rachis"
    TRIFOLIATE = "three leaflets from one point"


@dataclass(frozen=True)
class LeafShape:
    """What the leaves of one species have in common."""

    form: Form
    half_width: float
    """Widest half of a blade, as a share of the blade's length."""
    widest: float
    """Where along the midrib the blade is widest, 0 base to 1 apex."""
    taper: float
    """Exponent of the margin: below 1 rounded (obtuse), above 1 drawn out (acuminate)."""
    teeth: int
    """Teeth on each side of a blade; for PALMATE, around the whole margin."""
    tooth_depth: float
    """Height of a tooth as a share of the half-width there."""
    vein_pairs: int
    """Secondary veins on each side of the midrib; for STRAP, parallel veins on each side."""
    leaflet_pairs: int = 0
    """For PINNATE only: pairs below the terminal leaflet."""


@dataclass(frozen=True)
class Vein:
    """A vein, rachis or petiole."""

    points: Points
    width: float
    """Share of the leaf's length."""
    is_main: bool


@dataclass(frozen=True)
class Blade:
    """One lamina: a whole simple leaf, or one leaflet."""

    outline: Points
    left_half: Points
    """The part left of the midrib, which catches the light differently."""
    veins: tuple[Vein, ...]


@dataclass(frozen=True)
class Leaf:
    """Everything to draw, back to front: stalks, then blades."""

    stalks: tuple[Vein, ...]
    blades: tuple[Blade, ...]

    def moved(self, move: Callable[[Points], Points]) -> Leaf:
        """The same leaf with every point passed through `move`; vein widths stay."""

        def veins(old: tuple[Vein, ...]) -> tuple[Vein, ...]:
            return tuple(Vein(move(v.points), v.width, v.is_main) for v in old)

        blades = (Blade(move(b.outline), move(b.left_half), veins(b.veins)) for b in self.blades)
        return Leaf(veins(self.stalks), tuple(blades))


def grow_leaf(shape: LeafShape, rng: Rng, *, curl: float = 0.0) -> Leaf:
    """Grow one leaf; `curl` 0 to 1 narrows and crumples its blades, as some viruses do."""
    if shape.form is Form.PALMATE:
        leaf = Leaf((_petiole(rng, 0.35),), (_lobed_blade(shape, rng),))
    elif shape.form is Form.PINNATE:
        leaf = _pinnate_leaf(shape, rng, curl)
    elif shape.form is Form.TRIFOLIATE:
        leaf = _trifoliate_leaf(shape, rng)
    else:
        petiole = () if shape.form is Form.STRAP else (_petiole(rng, 0.3),)
        leaf = Leaf(petiole, (_simple_blade(shape, rng),))
    return leaf.moved(_warp(rng, 0.012 + 0.05 * curl))


def place(points: Points, *, scale: float, angle: float, at: tuple[float, float]) -> Points:
    """Scale, turn (radians, anticlockwise) and shift points."""
    cos, sin = np.cos(angle), np.sin(angle)
    turned: Points = points @ np.array([[cos, sin], [-sin, cos]]) * scale + np.asarray(at)
    return turned


def _warp(rng: Rng, amount: float) -> Callable[[Points], Points]:
    """A smooth random displacement: no two leaves of a plant have the same outline."""
    waves = rng.uniform(4, 11, (3, 2))
    phases = rng.uniform(0, 2 * np.pi, (3, 2))

    def move(points: Points) -> Points:
        shift = sum(np.sin(points[:, ::-1] * w + p) for w, p in zip(waves, phases, strict=True))
        return points + amount * np.asarray(shift)

    return move


def _petiole(rng: Rng, length: float) -> Vein:
    t = np.linspace(0, 1, 12)
    bend = rng.uniform(-0.12, 0.12)
    return Vein(np.stack([bend * t**2, -t * length * rng.uniform(0.6, 1.1)], 1), 0.024, True)


def _half_width(shape: LeafShape, t: NDArray[np.float64]) -> NDArray[np.float64]:
    power = np.log(0.5) / np.log(shape.widest)
    width: NDArray[np.float64] = np.sin(np.pi * t**power).clip(0) ** shape.taper * shape.half_width
    return width


def _simple_blade(shape: LeafShape, rng: Rng) -> Blade:
    t = np.linspace(0, 1, 161)
    bend = rng.uniform(-0.16, 0.16)
    midrib = np.stack([bend * np.sin(np.pi * t * 0.9), t], 1)
    # A ramp that drops at once makes teeth that point to the apex (serrate).
    saw = (t * shape.teeth) % 1.0 if shape.teeth else np.zeros_like(t)
    width = _half_width(shape, t) * (1 + shape.tooth_depth * (saw - 0.5)) * rng.uniform(0.88, 1.12)
    left_width, right_width = width * rng.uniform(0.9, 1.1), width * rng.uniform(0.9, 1.1)
    across = np.array([1.0, 0.0])
    left = midrib - left_width[:, None] * across
    right = midrib + right_width[:, None] * across
    veins = [Vein(midrib, 0.045 if shape.form is Form.STRAP else 0.018, True)]
    for side, side_width in ((-1, left_width), (1, right_width)):
        add = _parallel_veins if shape.form is Form.STRAP else _side_veins
        veins += add(shape, rng, midrib, side * side_width)
    outline = np.concatenate([left, right[::-1]])
    return Blade(outline, np.concatenate([left, midrib[::-1]]), tuple(veins))


def _parallel_veins(shape: LeafShape, rng: Rng, midrib: Points, width: Points) -> list[Vein]:
    shares = (np.arange(shape.vein_pairs) + rng.uniform(0.4, 0.6)) / shape.vein_pairs
    lines = (midrib + (share * width)[:, None] * np.array([1.0, 0.0]) for share in shares)
    return [Vein(line[::4], 0.004, False) for line in lines]


def _side_veins(shape: LeafShape, rng: Rng, midrib: Points, width: Points) -> list[Vein]:
    """Veins that leave the midrib and arch towards the apex as they near the margin."""
    along = np.linspace(0, 1, len(midrib))
    u = np.linspace(0, 1, 9)
    veins = []
    for i in range(shape.vein_pairs):
        start = 0.06 + 0.8 * (i + rng.uniform(0.3, 0.6)) / shape.vein_pairs
        end = min(start + rng.uniform(0.13, 0.18), 0.98)
        t = start + (end - start) * u**1.4
        x = np.interp(t, along, midrib[:, 0]) + 0.93 * u * np.interp(end, along, width)
        veins.append(Vein(np.stack([x, t], 1), 0.008, False))
    return veins


def _lobed_blade(shape: LeafShape, rng: Rng) -> Blade:
    """Five lobes around the petiole's end, with a sinus where the petiole comes in."""
    theta = np.linspace(-2.85, 2.85, 321)
    angles = np.array([-2.05, -1.0, 0.0, 1.0, 2.05]) + rng.normal(0, 0.05, 5)
    lengths = np.array([0.62, 0.85, 1.0, 0.85, 0.62]) * rng.uniform(0.92, 1.06, 5)
    depth = rng.uniform(0.27, 0.38)
    off = np.abs(theta[:, None] - angles) / 0.5
    radius = (lengths * (1 - depth * np.minimum(off, 1.6) ** 1.15)).max(1)
    saw = np.abs(((theta / 5.7 * shape.teeth) % 1.0) - 0.5) * 2
    radius = radius * (1 + shape.tooth_depth * (saw - 0.5)) * shape.half_width * 1.35
    outline = np.stack([np.sin(theta), np.cos(theta)], 1) * radius[:, None]
    veins: list[Vein] = []
    for angle, length in zip(angles, lengths, strict=True):
        reach = 0.93 * length * shape.half_width * 1.35
        tip = reach * np.array([np.sin(angle), np.cos(angle)])
        veins.append(Vein(np.linspace(0, 1, 8)[:, None] * tip, 0.016, True))
        for share in np.arange(1, shape.vein_pairs + 1) / (shape.vein_pairs + 1):
            for side in (-0.75, 0.75):
                way = np.array([np.sin(angle + side), np.cos(angle + side)])
                branch = np.linspace(0, 0.42 * reach * (1 - 0.65 * share), 6)[:, None] * way
                veins.append(Vein(share * tip + branch, 0.007, False))
    left_half = np.concatenate([outline[theta <= 0], np.zeros((1, 2))])
    return Blade(outline, left_half, tuple(veins))


def _leaflet(
    shape: LeafShape, rng: Rng, *, scale: float, angle: float, at: tuple[float, float]
) -> Blade:
    def move(points: Points) -> Points:
        return place(points, scale=scale, angle=angle, at=at)

    return Leaf((), (_simple_blade(shape, rng),)).moved(move).blades[0]


def _pinnate_leaf(shape: LeafShape, rng: Rng, curl: float) -> Leaf:
    t = np.linspace(-0.3, 0.8, 16)
    bend = rng.uniform(-0.1, 0.1)
    rachis = np.stack([bend * t**2, t], 1)
    blades = []
    for pair in range(shape.leaflet_pairs):
        height = 0.02 + 0.66 * pair / shape.leaflet_pairs
        for side in (-1, 1):
            y = height + rng.uniform(-0.03, 0.05)
            angle = -side * rng.uniform(1.0, 1.3)
            size = (0.46 - 0.05 * abs(pair - 1)) * rng.uniform(0.85, 1.1) * (1 - 0.25 * curl)
            at = (bend * y * y, y)
            blades.append(_leaflet(shape, rng, scale=size, angle=angle, at=at))
    terminal = 0.56 * rng.uniform(0.9, 1.1) * (1 - 0.25 * curl)
    at = (bend * 0.41, 0.64)
    blades.append(_leaflet(shape, rng, scale=terminal, angle=rng.normal(0, 0.12), at=at))
    return Leaf((Vein(rachis, 0.02, True),), tuple(blades))


def _trifoliate_leaf(shape: LeafShape, rng: Rng) -> Leaf:
    spread = rng.uniform(1.25, 1.55)
    blades = [
        _leaflet(shape, rng, scale=size * rng.uniform(0.92, 1.06), angle=angle, at=(0.0, 0.0))
        for size, angle in ((0.7, spread), (0.7, -spread), (0.78, rng.normal(0, 0.08)))
    ]
    return Leaf((_petiole(rng, 0.5),), tuple(blades))
