"""One finished picture: a leaf of one condition on some ground.

In: a Condition, a random generator, a side in pixels. Out: an RGB PIL image.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from ingest.draw_leaf import Leaf, Points, Vein, grow_leaf, place
from ingest.draw_lesion import (
    Canvas,
    LeafMaps,
    Plane,
    Rng,
    blend,
    noise,
    paint_symptom,
    plane_of,
)
from ingest.draw_scene import draw_ground, photograph
from ingest.draw_species import Condition, Species

# Drawn at twice the size and averaged down: ImageDraw does not smooth its edges.
SUPERSAMPLE = 2


def draw_leaf_picture(condition: Condition, rng: Rng, size: int) -> Image.Image:
    """Draw a `size` by `size` picture of one leaf with its symptoms."""
    side = size * SUPERSAMPLE
    ground = draw_ground(rng, side)
    leaf, scale, angle = _lay(condition, rng, side)
    maps = _maps(leaf, scale, angle, side)
    stalk = _strokes(leaf.stalks, scale, side)
    colours = _lamina(leaf, condition.species, maps, scale, rng)
    for symptom in condition.symptoms:
        colours = paint_symptom(colours, maps, symptom, rng)
    colours = colours * _relief(maps, condition, rng)[..., None]
    canvas = _shadow(ground, np.maximum(maps.mask, stalk), rng)
    canvas = blend(canvas, condition.species.stalk, stalk)
    alpha = maps.mask[..., None]
    return photograph(canvas * (1 - alpha) + colours * alpha, rng, size)


def _lay(condition: Condition, rng: Rng, side: int) -> tuple[Leaf, float, float]:
    """Grow a leaf and lay it on the picture; also its scale in pixels and its angle."""
    species = condition.species
    leaf = grow_leaf(species.shape, rng, curl=condition.curl)
    points = np.concatenate([b.outline for b in leaf.blades])
    low, high = points.min(0), points.max(0)
    scale = species.reach * rng.uniform(0.78, 1.08) * side / float((high - low).max())
    angle = rng.uniform(0, 2 * np.pi)
    middle = np.asarray((low + high) / 2)
    centre = side * (0.5 + rng.normal(0, 0.035, 2))

    def move(p: Points) -> Points:
        return place(p - middle, scale=scale, angle=angle, at=(centre[0], centre[1]))

    # (0, 1) turned by `angle` points along the midrib.
    return leaf.moved(move), scale, angle + np.pi / 2


def _xy(points: Points) -> list[tuple[float, float]]:
    return [(x, y) for x, y in points.tolist()]


def _strokes(veins: tuple[Vein, ...], scale: float, side: int) -> Plane:
    image = Image.new("L", (side, side))
    pen = ImageDraw.Draw(image)
    for vein in veins:
        width = max(1, round(vein.width * scale))
        pen.line(_xy(vein.points), fill=255, width=width, joint="curve")
    return plane_of(image, 0.7)


def _maps(leaf: Leaf, scale: float, angle: float, side: int) -> LeafMaps:
    image = Image.new("L", (side, side))
    pen = ImageDraw.Draw(image)
    depth = np.zeros((side, side), np.float32)
    for blade in leaf.blades:
        pen.polygon(_xy(blade.outline), fill=255)
        # Each blade has its own margin, also where it lies over a neighbour.
        alone = Image.new("L", (side // 4, side // 4))
        ImageDraw.Draw(alone).polygon(_xy(blade.outline / 4), fill=255)
        soft = Image.fromarray((plane_of(alone, side / 72) * 255).astype(np.uint8))
        depth = np.maximum(depth, plane_of(soft.resize((side, side), Image.Resampling.BILINEAR)))
    veins = tuple(v for b in leaf.blades for v in b.veins)
    lines = Image.fromarray((_strokes(veins, scale, side) * 255).astype(np.uint8))
    near = plane_of(lines, side / 75)
    near = (near / max(float(np.quantile(near, 0.985)), 1e-3)).clip(0, 1)
    return LeafMaps(
        mask=plane_of(image),
        vein_near=near.astype(np.float32),
        margin_near=(1 - ((depth - 0.5) * 2).clip(0, 1)).astype(np.float32),
        axis_angle=angle,
    )


def _lamina(leaf: Leaf, species: Species, maps: LeafMaps, scale: float, rng: Rng) -> Canvas:
    """Colours of the healthy blades: green, its halves lit apart, and veins."""
    side = maps.mask.shape[0]
    green = np.asarray(species.green, np.float32) * rng.uniform(0.86, 1.14)
    # Age and light turn any leaf a little yellower or bluer.
    green = green + rng.normal(0, 1, 3) * (9, 5, 7)
    mottle = 1 + 0.05 * noise(rng, side, 9) + 0.025 * noise(rng, side, side // 5, 1)
    canvas = (green * mottle[..., None]).astype(np.float32)
    image = Image.new("L", (side, side), 128)
    pen = ImageDraw.Draw(image)
    for blade in leaf.blades:
        tone = int(rng.integers(-26, 27))
        fold = int(rng.integers(8, 34))
        pen.polygon(_xy(blade.outline), fill=128 + tone)
        pen.polygon(_xy(blade.left_half), fill=128 + tone + fold)
        edge = [*_xy(blade.outline), _xy(blade.outline)[0]]
        pen.line(edge, fill=88, width=2)
    canvas = canvas * (0.62 + 0.76 * plane_of(image, 1.2))[..., None]
    strength = rng.uniform(0.5, 0.85)
    for is_main in (False, True):
        veins = tuple(v for b in leaf.blades for v in b.veins if v.is_main is is_main)
        lines = _strokes(veins, scale, side) * np.float32(strength * (1.0 if is_main else 0.65))
        canvas = blend(canvas, species.vein, lines)
    return canvas


def _relief(maps: LeafMaps, condition: Condition, rng: Rng) -> Plane:
    """Brightness of the surface: bulges between veins, and margins rolled up by curl."""
    angle = rng.uniform(0, 2 * np.pi)
    shift = (round(4 * np.sin(angle)), round(4 * np.cos(angle)))
    slope = maps.vein_near - np.roll(maps.vein_near, shift, (0, 1))
    shade = 1 + 0.75 * condition.species.pucker * slope
    side = maps.mask.shape[0]
    if condition.curl:
        rolled = np.sin(maps.margin_near * np.pi * 1.5) * condition.curl
        shade = shade + 0.16 * rolled + 0.07 * condition.curl * noise(rng, side, 16, 1)
    gloss = (noise(rng, side, 3, 2) * 0.5).clip(0, 1) * rng.uniform(0, 0.16)
    return (shade + gloss).astype(np.float32)


def _shadow(ground: Canvas, cover: Plane, rng: Rng) -> Canvas:
    side = ground.shape[0]
    small = Image.fromarray((cover * 255).astype(np.uint8)).resize((side // 2, side // 2))
    soft = Image.fromarray((plane_of(small, side * rng.uniform(0.004, 0.02)) * 255).astype("uint8"))
    # A shift that fills with nothing; np.roll would bring a cut-off leaf back in opposite.
    dx, dy = rng.uniform(-0.01, 0.01, 2) * side
    soft = soft.transform(soft.size, Image.Transform.AFFINE, (1, 0, dx, 0, 1, dy))
    cast = plane_of(soft.resize((side, side), Image.Resampling.BILINEAR))
    return blend(ground, (18, 18, 24), cast * np.float32(rng.uniform(0.2, 0.65)))
