"""Leaves cut from the grey board that they were photographed on. In: such a picture. Out: the leaf
without its board, which can be pasted on any other picture, and then has an exact box.

A board is grey and a leaf is not, so colour tells them apart and shadows do not matter (Otsu, "A
Threshold Selection Method from Gray-Level Histograms", 1979, on the distance from the board's
colour).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

BORDER = 0.04
"""Share of the picture's side that shows the board."""

GREYEST = 20.0
"""How far from grey a board may be, in CIE Lab; where the edge is further, a leaf fills it."""

LEAST_COLOUR = 10.0
"""Distance from the board's colour in CIE Lab from which something is no board."""

AREA = (0.08, 0.85)
"""Share of the picture that a leaf takes; less is a speck, more has no board around it."""

MOST_AT_EDGE = 0.3
"""Of the picture's edge that a leaf may touch; more was no board."""

FEATHER = 1.5
"""Pixels over which a pasted leaf fades out: a hard edge would be what is learnt."""


@dataclass(frozen=True)
class Leaf:
    """A leaf without its board, as large as it is."""

    image: np.ndarray
    """RGB uint8 (H, W, 3)."""

    mask: np.ndarray
    """uint8 (H, W), 255 where the leaf is."""


def leaf_mask(image: np.ndarray) -> np.ndarray | None:
    """uint8 (H, W), 255 on the leaf, of RGB uint8 (H, W, 3) with one leaf on a plain board.

    None where there is no such thing: a board of some colour, a leaf without, one that is too small
    or fills the picture.
    """
    height, width = image.shape[:2]
    lab = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    rows, columns = max(1, round(BORDER * height)), max(1, round(BORDER * width))
    edge = np.ones((height, width), bool)
    edge[rows:-rows, columns:-columns] = False
    colour = lab[..., 1:]
    board = np.median(colour[edge], axis=0)
    if np.hypot(*board) > GREYEST:
        return None
    away = np.linalg.norm(colour - board, axis=2)
    levels = cv2.GaussianBlur(away, (5, 5), 0).clip(0, 255).astype(np.uint8)
    otsu, _ = cv2.threshold(levels, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    # Otsu's threshold lies in the middle; the pale rim of a leaf is nearer to the board.
    mask = (levels > max(LEAST_COLOUR, 0.7 * otsu)).astype(np.uint8)
    mask = _largest(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8)))
    share = mask.mean() / 255
    outline = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    is_leaf = AREA[0] <= share <= AREA[1] and outline.mean() / 255 <= MOST_AT_EDGE
    return mask if is_leaf else None


def cut_leaf(image: np.ndarray) -> Leaf | None:
    """The leaf of a picture that shows one on a plain board; None where there is no such thing."""
    mask = leaf_mask(image)
    if mask is None:
        return None
    x, y, width, height = cv2.boundingRect(mask)
    part = np.s_[y : y + height, x : x + width]
    return Leaf(image[part], mask[part])


def mask_box(mask: np.ndarray) -> np.ndarray:
    """float32 (4,), the box of what is not 0 in a mask (H, W), as shares."""
    x, y, width, height = cv2.boundingRect(mask)
    scale = np.array(mask.shape[::-1] * 2, np.float32)
    return np.array([x, y, x + width, y + height], np.float32) / scale


def paste(
    canvas: np.ndarray, leaf: Leaf, *, length: float, angle: float, centre: tuple[float, float]
) -> np.ndarray:
    """Lay a leaf on a canvas, RGB uint8 (S, S, 3), in place. Returns its mask, uint8 (S, S).

    `length`: of its longer side, pixels; `angle`: degrees; `centre`: x and y in pixels.
    """
    height, width = leaf.mask.shape
    size = (canvas.shape[1], canvas.shape[0])
    move = cv2.getRotationMatrix2D((width / 2, height / 2), angle, length / max(height, width))
    move[:, 2] += np.array(centre) - np.array([width / 2, height / 2])
    image = cv2.warpAffine(leaf.image, move, size, flags=cv2.INTER_AREA)
    mask = cv2.warpAffine(leaf.mask, move, size, flags=cv2.INTER_AREA)
    inner = cv2.erode(mask, np.ones((3, 3), np.uint8))  # the rim still has the board's colour
    cover = cv2.GaussianBlur(inner, (0, 0), FEATHER)[..., None] / np.float32(255)
    canvas[:] = (canvas + cover * (image.astype(np.float32) - canvas)).round().astype(np.uint8)
    return (inner > 127).astype(np.uint8) * 255


def _largest(mask: np.ndarray) -> np.ndarray:
    """The largest connected part of a mask of 0 and 1, with its holes filled, as 0 and 255."""
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros_like(mask)
    if outlines:
        cv2.drawContours(filled, [max(outlines, key=cv2.contourArea)], 0, 255, cv2.FILLED)
    return filled
