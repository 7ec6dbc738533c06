"""Drawn pictures that show no plant, so that a model can learn to say so.

In: a random generator and a side in pixels. Out: an RGB PIL image.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

from ingest.draw_lesion import Canvas, Colour, Rng, noise
from ingest.draw_scene import (
    draw_board,
    draw_sky,
    draw_soil,
    draw_table,
    draw_wood,
    flat,
    photograph,
    pick,
)

_PAINTS: tuple[Colour, ...] = (
    (188, 62, 54),
    (54, 92, 160),
    (228, 186, 70),
    (60, 60, 66),
    (236, 232, 224),
    (70, 140, 96),  # Green things that are no leaves: colour alone must not decide.
    (150, 106, 70),
)


def draw_not_plant_picture(rng: Rng, size: int) -> Image.Image:
    """Draw a `size` by `size` picture of things, patterns or bare ground."""
    side = size * 2  # Twice the size, averaged down, as the leaves are.
    scenes: tuple[Callable[[Rng, int], Canvas], ...] = (
        _stripes,
        _gravel,
        _furniture,
        _page,
        _crockery,
        _tiles,
        _bare_ground,
    )
    canvas = scenes[int(rng.integers(len(scenes)))](rng, side)
    return photograph(canvas, rng, size)


def _bare_ground(rng: Rng, side: int) -> Canvas:
    grounds = (draw_board, draw_soil, draw_wood, draw_table, draw_sky)
    return grounds[int(rng.integers(len(grounds)))](rng, side)


def _as_canvas(image: Image.Image) -> Canvas:
    return np.asarray(image, np.float32)


def _as_image(canvas: Canvas) -> Image.Image:
    return Image.fromarray(canvas.clip(0, 255).astype(np.uint8))


def _stripes(rng: Rng, side: int) -> Canvas:
    angle = rng.uniform(0, np.pi)
    axis = np.arange(side) / side
    along = np.cos(angle) * axis[None, :] + np.sin(angle) * axis[:, None]
    band = (along * rng.uniform(4, 16)).astype(int) % int(rng.integers(2, 4))
    paints = np.asarray([pick(rng, *_PAINTS) for _ in range(3)], np.float32)
    canvas: Canvas = paints[band] + (noise(rng, side, 40, 1) * 4)[..., None]
    return canvas


def _gravel(rng: Rng, side: int) -> Canvas:
    image = Image.new("RGB", (side, side), (74, 70, 66))
    pen = ImageDraw.Draw(image)
    radius = rng.uniform(0.02, 0.05) * side
    for x, y in rng.uniform(0, side, (int(2.2 * (side / radius) ** 2 / 4), 2)):
        theta = np.sort(rng.uniform(0, 2 * np.pi, 9))
        reach = radius * rng.uniform(0.6, 1.2)
        stone = np.stack([x + reach * np.cos(theta), y + reach * np.sin(theta)], 1)
        pen.polygon([(a, b + 3) for a, b in stone.tolist()], fill=(52, 48, 46))
        tint = pick(rng, (150, 146, 140), (176, 166, 152), (120, 116, 114), (160, 138, 118))
        pen.polygon([(a, b) for a, b in stone.tolist()], fill=tint)
    return _as_canvas(image) * (1 + 0.05 * noise(rng, side, 60, 1))[..., None]


def _furniture(rng: Rng, side: int) -> Canvas:
    """A cupboard against a wall, with doors and knobs."""
    wall = flat(side, pick(rng, (214, 206, 192), (178, 190, 200), (226, 220, 206)))
    image = _as_image(wall + (noise(rng, side, 3) * 3)[..., None])
    pen = ImageDraw.Draw(image)
    floor = side * rng.uniform(0.78, 0.92)
    pen.rectangle((0, floor, side, side), fill=pick(rng, (132, 100, 72), (112, 110, 108)))
    left, right = side * rng.uniform(0.06, 0.25), side * rng.uniform(0.7, 0.94)
    top = side * rng.uniform(0.1, 0.4)
    paint = pick(rng, *_PAINTS)
    dark: Colour = (paint[0] // 2, paint[1] // 2, paint[2] // 2)
    pen.rectangle((left + 12, top + 8, right + 12, floor + 8), fill=dark)
    pen.rectangle((left, top, right, floor), fill=paint, outline=dark, width=3)
    doors, rows = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    wide, high = (right - left) / doors, (floor - top) / rows
    gap = side * 0.02
    for i in range(doors):
        for j in range(rows):
            x, y = left + i * wide, top + j * high
            panel = (x + gap, y + gap, x + wide - gap, y + high - gap)
            pen.rectangle(panel, outline=dark, width=3)
            pen.circle((x + wide / 2, y + high / 2), side * 0.013, (230, 220, 180), dark)
    return _as_canvas(image)


def _page(rng: Rng, side: int) -> Canvas:
    """Rows of marks that look like words, from no font and in no script."""
    image = Image.new("RGB", (side, side), pick(rng, (244, 240, 230), (232, 234, 238)))
    pen = ImageDraw.Draw(image)
    ink = pick(rng, (36, 36, 44), (46, 60, 110))
    high = side * rng.uniform(0.018, 0.04)
    for y in np.arange(side * 0.07, side * 0.93, high * 2.1):
        x, end = side * 0.08, side * rng.uniform(0.55, 0.93)
        while x < end:
            for _ in range(int(rng.integers(2, 9))):
                foot, head = rng.uniform(0, 0.4, 2) * high
                pen.line((x, y + high - foot, x + high * 0.25, y + head), fill=ink, width=2)
                pen.arc((x, y + head, x + high * 0.5, y + high), 0, 250, fill=ink, width=2)
                x += high * 0.6
            x += high * 0.7
    turned = image.rotate(rng.normal(0, 5), Image.Resampling.BILINEAR, fillcolor=(120, 96, 74))
    return _as_canvas(turned)


def _crockery(rng: Rng, side: int) -> Canvas:
    """Plates and mugs on a table, from above."""
    ground = draw_wood(rng, side) if rng.random() < 0.5 else draw_table(rng, side)
    image = _as_image(ground)
    pen = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(1, 4))):
        x, y = rng.uniform(0.25, 0.75, 2) * side
        radius = rng.uniform(0.13, 0.3) * side
        paint = pick(rng, *_PAINTS)
        dark: Colour = (paint[0] * 3 // 4, paint[1] * 3 // 4, paint[2] * 3 // 4)
        pen.circle((x + radius * 0.1, y + radius * 0.13), radius, (40, 36, 34))
        if rng.random() < 0.5:
            handle = (x + radius * 0.8, y - radius * 0.25, x + radius * 1.5, y + radius * 0.25)
            pen.ellipse(handle, outline=dark, width=max(1, side // 42))
        for share, fill in ((1.0, paint), (0.84, dark), (0.78, pick(rng, paint))):
            pen.circle((x, y), radius * share, fill)
    return _as_canvas(image)


def _tiles(rng: Rng, side: int) -> Canvas:
    image = Image.new("RGB", (side, side), pick(rng, (196, 192, 186), (90, 88, 86)))
    pen = ImageDraw.Draw(image)
    wide, high = rng.uniform(0.1, 0.26) * side, rng.uniform(0.06, 0.2) * side
    grout = side * 0.016
    paints = [pick(rng, *_PAINTS) for _ in range(int(rng.integers(1, 4)))]
    for row, y in enumerate(np.arange(-high, side + high, high)):
        for x in np.arange(-wide, side + wide, wide):
            left = x + (row % 2) * wide / 2
            fill = pick(rng, *paints)
            pen.rectangle((left, y, left + wide - grout, y + high - grout), fill=fill)
    return _as_canvas(image) + (noise(rng, side, 30) * 3)[..., None]
