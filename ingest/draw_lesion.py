"""What diseases do to the colour of a drawn leaf.

In: the leaf's colours and its LeafMaps (where the margin and the veins are), one Symptom.
Out: the colours with the symptom painted in.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Plane = NDArray[np.float32]
"""(H, W) values, mostly 0-1."""
Canvas = NDArray[np.float32]
"""(H, W, 3) RGB, 0-255, before quantising."""
Colour = tuple[int, int, int]
Rng = np.random.Generator


class Site(Enum):
    """Where on a blade a symptom begins."""

    ANYWHERE = "anywhere"
    BETWEEN_VEINS = "between veins"
    ALONG_VEINS = "along veins"
    MARGIN = "margin"


@dataclass(frozen=True)
class LeafMaps:
    """Where things are on one drawn leaf; all planes have the canvas's size."""

    mask: Plane
    """1 on a blade, 0 elsewhere."""
    vein_near: Plane
    """1 on a vein, falling to 0 midway between veins."""
    margin_near: Plane
    """1 at a blade's margin, falling to 0 deep inside."""
    axis_angle: float
    """Direction of the midrib, radians; long lesions lie along it."""

    def weight(self, site: Site) -> Plane:
        """How likely a symptom is at each pixel."""
        near = {
            Site.ANYWHERE: np.ones_like(self.mask),
            Site.BETWEEN_VEINS: (1 - self.vein_near) ** 2,
            Site.ALONG_VEINS: self.vein_near,
            Site.MARGIN: self.margin_near**2,
        }[site]
        return (near * self.mask).astype(np.float32)


@dataclass(frozen=True)
class Spots:
    """Separate lesions, round or drawn out along the leaf."""

    count: tuple[int, int]
    radius: tuple[float, float]
    """Shares of the picture's width."""
    centre: Colour
    rim: Colour
    halo: Colour | None = None
    halo_ratio: float = 1.7
    """Radius of the halo over that of the lesion."""
    rim_share: float = 0.3
    """Share of the radius that has the rim's colour."""
    rings: int = 0
    """Concentric rings inside, as Alternaria makes."""
    dots: int = 0
    """Black fruiting bodies (pycnidia) inside each lesion."""
    elongation: float = 1.0
    roughness: float = 0.12
    """How far the outline strays from an ellipse, as a share of the radius."""
    softness: float = 0.4
    """Blur of the edge, in thousandths of ten pictures' width (0.4: crisp; 2: velvety)."""
    site: Site = Site.ANYWHERE


@dataclass(frozen=True)
class Blotch:
    """One irregular area that covers a share of the leaf."""

    coverage: tuple[float, float]
    colour: Colour
    edge: Colour | None = None
    """Colour of the advancing front, if it differs."""
    grain: int = 7
    """Features across the picture; few: large patches."""
    softness: float = 0.1
    strength: float = 0.9
    """Opacity inside, 0-1."""
    site_pull: float = 1.0
    """Weight of the site against chance."""
    site: Site = Site.ANYWHERE


Symptom = Spots | Blotch


def noise(rng: Rng, size: int, cells: int, octaves: int = 3) -> Plane:
    """Smooth (size, size) noise of mean 0 and deviation 1, `cells` features across."""
    total = np.zeros((size, size), np.float32)
    for octave in range(octaves):
        side = min(cells * 2**octave + 2, size)
        grid = Image.fromarray(rng.standard_normal((side, side)).astype(np.float32))
        plane = np.asarray(grid.resize((size, size), Image.Resampling.BICUBIC))
        total += plane * np.float32(0.55**octave)
    level: Plane = (total - total.mean()) / (total.std() + np.float32(1e-6))
    return level


def blend(canvas: Canvas, colour: Colour, alpha: Plane) -> Canvas:
    """Paint `colour` over the canvas with per-pixel opacity."""
    return canvas + (np.asarray(colour, np.float32) - canvas) * alpha[..., None]


def plane_of(image: Image.Image, blur: float = 0.0) -> Plane:
    """An L image as values 0-1, blurred by `blur` pixels."""
    soft = image.filter(ImageFilter.GaussianBlur(blur)) if blur > 0 else image
    return np.asarray(soft, np.float32) / np.float32(255)


def paint_symptom(canvas: Canvas, maps: LeafMaps, symptom: Symptom, rng: Rng) -> Canvas:
    """Return the canvas with one symptom painted on the blades."""
    if isinstance(symptom, Spots):
        return _paint_spots(canvas, maps, symptom, rng)
    return _paint_blotch(canvas, maps, symptom, rng)


def _centres(weight: Plane, count: int, rng: Rng) -> NDArray[np.float64]:
    """`count` positions (x, y), drawn in proportion to `weight`."""
    step = 4
    coarse = weight[::step, ::step].astype(np.float64).ravel() + 1e-9
    picks = rng.choice(coarse.size, count, p=coarse / coarse.sum())
    columns = -(-weight.shape[1] // step)
    cells = np.stack([picks % columns, picks // columns], 1)
    return np.asarray((cells + rng.random((count, 2))) * step)


def _patch(
    at: NDArray[np.float64], radius: float, spots: Spots, angle: float, rng: Rng
) -> NDArray[np.float64]:
    """Outline of one lesion around (0, 0) -> at, 28 points."""
    theta = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    rough = sum(np.sin(k * theta + rng.uniform(0, 6.3)) / k for k in (2, 3, 5))
    reach = radius * (1 + spots.roughness * np.asarray(rough))
    along, across = reach * np.cos(theta) * spots.elongation, reach * np.sin(theta)
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([along * cos - across * sin, along * sin + across * cos], 1) + at


def _paint_spots(canvas: Canvas, maps: LeafMaps, spots: Spots, rng: Rng) -> Canvas:
    size = canvas.shape[0]
    layers = {n: Image.new("L", (size, size)) for n in ("halo", "rim", "centre", "rings", "dots")}
    pens = {name: ImageDraw.Draw(layer) for name, layer in layers.items()}
    count = int(rng.integers(spots.count[0], spots.count[1] + 1))
    for at in _centres(maps.weight(spots.site), count, rng):
        radius = rng.uniform(*spots.radius) * size
        angle = maps.axis_angle + rng.normal(0, 0.06)
        outline = _patch(at, radius, spots, angle, rng)

        def shrunk(
            share: float, outline: NDArray[np.float64] = outline, at: NDArray[np.float64] = at
        ) -> list[tuple[float, float]]:
            return [(float(x), float(y)) for x, y in (outline - at) * share + at]

        pens["halo"].polygon(shrunk(spots.halo_ratio), fill=235)
        pens["rim"].polygon(shrunk(1.0), fill=int(rng.integers(215, 256)))
        pens["centre"].polygon(shrunk(1 - spots.rim_share), fill=int(rng.integers(205, 256)))
        for ring in range(spots.rings):
            path = shrunk(0.85 * (ring + 0.7) / spots.rings)
            pens["rings"].line([*path, path[0]], fill=230, width=max(1, size // 190))
        for x, y in rng.normal(0, 0.4 * radius, (spots.dots, 2)) + at:
            pens["dots"].ellipse((x - 1.3, y - 1.3, x + 1.3, y + 1.3), fill=255)
    blur = spots.softness * size / 200
    if spots.halo is not None:
        canvas = blend(canvas, spots.halo, plane_of(layers["halo"], size / 90) * maps.mask * 0.85)
    canvas = blend(canvas, spots.rim, plane_of(layers["rim"], blur) * maps.mask)
    canvas = blend(canvas, spots.centre, plane_of(layers["centre"], blur) * maps.mask)
    if spots.rings:
        canvas = blend(canvas, spots.rim, plane_of(layers["rings"], 0.6) * maps.mask)
    if spots.dots:
        canvas = blend(canvas, (25, 18, 16), plane_of(layers["dots"], 0.5) * maps.mask)
    return canvas


def _paint_blotch(canvas: Canvas, maps: LeafMaps, blotch: Blotch, rng: Rng) -> Canvas:
    size = canvas.shape[0]
    pull = maps.weight(blotch.site) * np.float32(2.2 * blotch.site_pull)
    field = noise(rng, size, blotch.grain) * np.float32(0.45) + pull
    inside = field[maps.mask > 0.5]
    if inside.size == 0:
        return canvas
    front = np.quantile(inside[::7], 1 - rng.uniform(*blotch.coverage))
    rise = ((field - front) / blotch.softness + 0.5).clip(0, 1)
    if blotch.edge is not None:
        reach = ((field - front + 0.3) / 0.3).clip(0, 1)
        canvas = blend(canvas, blotch.edge, (reach * maps.mask * 0.75).astype(np.float32))
    return blend(canvas, blotch.colour, (rise * maps.mask * blotch.strength).astype(np.float32))
