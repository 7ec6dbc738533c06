"""What surrounds a drawn leaf: the ground it lies on, and the camera.

In: a random generator and a side in pixels. Out: float RGB canvases, 0-255.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from ingest.draw_lesion import Canvas, Colour, Plane, Rng, blend, noise


def draw_ground(rng: Rng, size: int) -> Canvas:
    """One of six grounds, each as likely: the ground must say nothing about the class."""
    grounds: tuple[Callable[[Rng, int], Canvas], ...] = (
        draw_board,
        draw_soil,
        draw_wood,
        draw_table,
        draw_sky,
        draw_foliage,
    )
    return grounds[int(rng.integers(len(grounds)))](rng, size)


def flat(size: int, colour: Colour) -> Canvas:
    """A canvas of one colour."""
    return np.full((size, size, 3), colour, np.float32)


def pick(rng: Rng, *colours: Colour) -> Colour:
    """One of the colours, each channel shifted a little."""
    red, green, blue = (
        int(np.clip(c + rng.integers(-14, 15), 0, 255))
        for c in colours[int(rng.integers(len(colours)))]
    )
    return red, green, blue


def ramp(rng: Rng, size: int) -> Plane:
    """A straight gradient from 0 to 1 in a random direction."""
    angle = rng.uniform(0, 2 * np.pi)
    axis = np.linspace(-0.5, 0.5, size, dtype=np.float32)
    plane = np.cos(angle) * axis[None, :] + np.sin(angle) * axis[:, None]
    level: Plane = ((plane - plane.min()) / np.ptp(plane)).astype(np.float32)
    return level


def draw_board(rng: Rng, size: int) -> Canvas:
    """The grey or lilac paper of studio collections."""
    paper = flat(size, pick(rng, (158, 154, 162), (130, 128, 130), (182, 178, 176)))
    grit = noise(rng, size, size // 3, 1)
    canvas: Canvas = paper + (grit * 5 + noise(rng, size, 3) * 4)[..., None]
    return canvas


def draw_soil(rng: Rng, size: int) -> Canvas:
    """Crumbly brown earth with some pebbles."""
    canvas = flat(size, pick(rng, (98, 74, 54), (122, 96, 72), (84, 70, 60)))
    canvas = canvas * (1 + 0.2 * noise(rng, size, 14, 4))[..., None]
    image = Image.fromarray(canvas.clip(0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(image)
    for x, y in rng.uniform(0, size, (int(rng.integers(6, 30)), 2)):
        wide, high = rng.uniform(0.005, 0.022, 2) * size
        pen.ellipse((x - wide, y - high + 2, x + wide, y + high + 3), fill=(48, 38, 30))
        pen.ellipse((x - wide, y - high, x + wide, y + high), fill=pick(rng, (148, 134, 118)))
    return np.asarray(image.filter(ImageFilter.GaussianBlur(0.8)), np.float32)


def draw_wood(rng: Rng, size: int) -> Canvas:
    """Planks with grain along one side of the picture."""
    colour = pick(rng, (168, 128, 88), (134, 96, 64), (190, 160, 124))
    y = np.linspace(0, 1, size, dtype=np.float32)[:, None]
    warp = noise(rng, size, 2, 2) * np.float32(0.05)
    grain = np.sin((y + warp) * np.float32(rng.uniform(60, 140)))
    fibre = np.repeat(rng.standard_normal((size, 1)).astype(np.float32), size, 1)
    planks = (y * rng.uniform(2.5, 4.5) + rng.uniform()) % 1.0 < 0.015
    shade = 1 + 0.06 * grain + 0.035 * fibre - 0.45 * planks
    canvas: Canvas = flat(size, colour) * shade[..., None].astype(np.float32)
    return canvas if rng.random() < 0.5 else canvas.transpose(1, 0, 2).copy()


def draw_table(rng: Rng, size: int) -> Canvas:
    """A plain or checked cloth."""
    first = pick(rng, (226, 222, 214), (70, 84, 110), (150, 62, 58), (52, 52, 56), (206, 190, 150))
    canvas = flat(size, first) + (noise(rng, size, 4) * 3)[..., None]
    if rng.random() < 0.45:
        steps = (np.arange(size) * rng.uniform(6, 12) / size).astype(int) % 2
        checks = (steps[:, None] + steps[None, :]).astype(np.float32) * np.float32(0.16)
        canvas = blend(canvas, pick(rng, (238, 234, 226), (40, 44, 60)), checks)
    return canvas


def draw_sky(rng: Rng, size: int) -> Canvas:
    """Blue with soft clouds."""
    canvas = flat(size, pick(rng, (126, 172, 220), (160, 192, 222)))
    canvas = blend(canvas, (222, 232, 240), ramp(rng, size) * np.float32(0.7))
    clouds = (noise(rng, size, 3, 4) * 0.35).clip(0, 0.8).astype(np.float32)
    return blend(canvas, (250, 250, 250), clouds)


def draw_foliage(rng: Rng, size: int) -> Canvas:
    """Other plants, far out of focus."""
    small = size // 4
    image = Image.new("RGB", (small, small), pick(rng, (54, 76, 42), (84, 104, 60)))
    pen = ImageDraw.Draw(image)
    for x, y in rng.uniform(0, small, (36, 2)):
        wide, high = rng.uniform(0.04, 0.2, 2) * small
        tint = pick(rng, (70, 104, 52), (112, 142, 78), (40, 58, 34), (150, 168, 112), (92, 84, 58))
        pen.ellipse((x - wide, y - high, x + wide, y + high), fill=tint)
    image = image.filter(ImageFilter.GaussianBlur(small * rng.uniform(0.025, 0.06)))
    return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC), np.float32)


def photograph(canvas: Canvas, rng: Rng, size: int) -> Image.Image:
    """Light the canvas, bring it down to `size` pixels, and add a camera's faults."""
    light = 1 + rng.uniform(0, 0.35) * (ramp(rng, canvas.shape[0]) - np.float32(0.5))
    white_balance = rng.uniform(0.94, 1.06, 3) * rng.uniform(0.84, 1.14)
    lit = (canvas * light[..., None] * white_balance).clip(0, 255).astype(np.uint8)
    image = Image.fromarray(lit).resize((size, size), Image.Resampling.BOX)
    image = image.filter(ImageFilter.GaussianBlur(max(0.0, rng.uniform(-0.6, 0.9))))
    grain = rng.standard_normal((size, size, 1)) + 0.5 * rng.standard_normal((size, size, 3))
    noisy = np.asarray(image, np.float32) + grain * rng.uniform(0.5, 5.0)
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))
