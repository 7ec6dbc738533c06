"""What ffcv is to make of a .beton in an epoch. In: the epoch's order and draws. Out: places.

The order, boxes and turns are those of shards/loader.py, from the same random numbers.
"""

from __future__ import annotations

import numpy as np

from shards.crop import WAYS, Crops
from shards.order import Epoch

PLACE = np.dtype(
    [
        ("data_ptr", "<i8"),  # of the JPEG in the file
        ("length", "<i8"),  # its bytes
        ("width", "<i4"),  # of the picture, as all that follows in pixels
        ("height", "<i4"),
        ("left", "<i4"),
        ("top", "<i4"),
        ("right", "<i4"),
        ("bottom", "<i4"),
        ("scale", "<i4"),  # by how much to shrink while decoding: 1, 2, 4 or 8
        ("variant", "<i4"),  # of shards/crop.py's `turn`
    ]
)
"""What makes one picture of an epoch. An epoch's places stand in for the file's metadata."""


def epoch_places(
    stored: np.ndarray, length: np.ndarray, plan: Epoch, crops: Crops | None, size: int
) -> np.ndarray:
    """PLACE (M,), as the field f0 of an array, as ffcv has its metadata.

    `stored` (N,) is the field of the file's own metadata, `length` int64 (N,) bytes of each JPEG,
    `crops` None for whole pictures, `size` the side of the square.
    """
    places = np.zeros(len(plan.index), [("f0", PLACE)])
    found = places["f0"]
    for name in ("data_ptr", "width", "height"):
        found[name] = stored[name][plan.index]
    found["length"] = length[plan.index]
    found["scale"] = 1
    if crops is None:
        return places
    left, top, right, bottom = crop_boxes(plan.draws, found["height"], found["width"], crops)
    found["left"], found["top"], found["right"], found["bottom"] = left, top, right, bottom
    side = np.minimum(right - left, bottom - top)
    for scale in (2, 4, 8):  # as `decoder_scale`
        found["scale"][side >= scale * size] = scale
    found["variant"] = np.array(WAYS)[(plan.draws[:, 4] * crops.turns).astype(np.int64)]
    return places


def crop_boxes(
    draws: np.ndarray, height: np.ndarray, width: np.ndarray, crops: Crops
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """`crop_box` of many pictures at once: draws float32 (M, 5), sides int (M,) -> left, top,
    right, bottom, int64 (M,) each."""
    random = draws.astype(np.float64).T
    height, width = height.astype(np.int64), width.astype(np.int64)
    low, high = crops.area
    area = (low + (high - low) * random[0]) * height * width
    low, high = np.log(crops.aspect)
    aspect = np.exp(low + (high - low) * random[1])
    box_width = np.clip(np.rint(np.sqrt(area * aspect)), 1, width).astype(np.int64)
    box_height = np.clip(np.rint(np.sqrt(area / aspect)), 1, height).astype(np.int64)
    left = (random[2] * (width - box_width + 1)).astype(np.int64)
    top = (random[3] * (height - box_height + 1)).astype(np.int64)
    return left, top, left + box_width, top + box_height
