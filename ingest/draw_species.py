"""The species and conditions that are drawn, one entry a folder.

Colours and sizes follow the field descriptions of each disease, simplified
until a picture of 192 pixels shows them.
"""

from __future__ import annotations

from dataclasses import dataclass

from ingest.draw_leaf import Form, LeafShape
from ingest.draw_lesion import Blotch, Colour, Site, Spots, Symptom


@dataclass(frozen=True)
class Species:
    """What all leaves of a species share, sick or not."""

    shape: LeafShape
    green: Colour
    """Colour of a healthy blade in neutral light."""
    vein: Colour
    stalk: Colour
    reach: float
    """Longer side of the whole leaf over the picture's width; above 1 it is cut off."""
    pucker: float
    """Height of the blade between its veins: 0 flat, 1 quilted."""


@dataclass(frozen=True)
class Condition:
    """One folder of pictures."""

    folder: str
    """Spelled the way one of the public collections spells it."""
    species: Species
    symptoms: tuple[Symptom, ...] = ()
    """Painted in this order."""
    curl: float = 0.0
    """How far the blades are narrowed and crumpled, 0-1."""


APPLE = Species(
    LeafShape(Form.SIMPLE, 0.33, 0.44, 0.72, teeth=30, tooth_depth=0.07, vein_pairs=8),
    green=(84, 128, 58),
    vein=(158, 184, 118),
    stalk=(138, 128, 78),
    reach=0.86,
    pucker=0.5,
)
TOMATO = Species(
    LeafShape(Form.PINNATE, 0.28, 0.36, 0.95, 6, 0.5, vein_pairs=5, leaflet_pairs=3),
    green=(76, 122, 54),
    vein=(142, 172, 100),
    stalk=(110, 146, 78),
    reach=0.95,
    pucker=0.6,
)
GRAPE = Species(
    LeafShape(Form.PALMATE, 0.52, 0.5, 1.0, teeth=42, tooth_depth=0.1, vein_pairs=3),
    green=(96, 142, 60),
    vein=(178, 196, 122),
    stalk=(160, 120, 92),
    reach=0.85,
    pucker=0.7,
)
CORN = Species(
    LeafShape(Form.STRAP, 0.125, 0.38, 0.6, teeth=0, tooth_depth=0.0, vein_pairs=7),
    green=(88, 146, 62),
    vein=(172, 206, 138),
    stalk=(150, 180, 110),
    reach=1.4,
    pucker=0.25,
)
POTATO = Species(
    LeafShape(Form.PINNATE, 0.40, 0.45, 0.62, 0, 0.0, vein_pairs=5, leaflet_pairs=2),
    green=(72, 112, 62),
    vein=(134, 164, 108),
    stalk=(120, 150, 90),
    reach=0.92,
    pucker=0.85,
)
STRAWBERRY = Species(
    LeafShape(Form.TRIFOLIATE, 0.43, 0.58, 0.6, teeth=9, tooth_depth=0.2, vein_pairs=7),
    green=(66, 124, 58),
    vein=(140, 178, 104),
    stalk=(168, 140, 96),
    reach=0.9,
    pucker=0.9,
)

_SCAB = Spots(
    (9, 20),
    (0.016, 0.036),
    centre=(50, 50, 28),
    rim=(82, 84, 40),
    roughness=0.35,
    softness=2.0,
    site=Site.ALONG_VEINS,
)
_CEDAR_RUST = Spots(
    (6, 14),
    (0.016, 0.034),
    centre=(236, 132, 26),
    rim=(196, 60, 24),
    halo=(232, 204, 64),
    halo_ratio=1.5,
)
_FROGEYE = Spots(
    (6, 13),
    (0.022, 0.042),
    centre=(176, 142, 100),
    rim=(84, 38, 44),
    rim_share=0.34,
    rings=1,
    site=Site.BETWEEN_VEINS,
)
_SEPTORIA = Spots(
    (55, 95),
    (0.006, 0.013),
    centre=(188, 180, 156),
    rim=(58, 42, 26),
    halo=(170, 170, 66),
    rim_share=0.42,
)
_GRAPE_ROT = Spots(
    (14, 30),
    (0.011, 0.027),
    centre=(158, 98, 56),
    rim=(62, 32, 22),
    rim_share=0.25,
    dots=5,
    site=Site.BETWEEN_VEINS,
)
_COMMON_RUST = Spots(
    (130, 230),
    (0.0045, 0.0085),
    centre=(164, 74, 26),
    rim=(110, 46, 22),
    halo=(176, 176, 70),
    halo_ratio=1.5,
    elongation=1.9,
)
_NORTHERN_BLIGHT = Spots(
    (4, 9),
    (0.018, 0.030),
    centre=(184, 164, 118),
    rim=(104, 88, 56),
    rim_share=0.2,
    elongation=4.6,
    site=Site.BETWEEN_VEINS,
)
_EARLY_BLIGHT = Spots(
    (7, 15),
    (0.018, 0.042),
    centre=(112, 76, 44),
    rim=(52, 32, 20),
    halo=(204, 190, 70),
    halo_ratio=1.6,
    rim_share=0.15,
    rings=3,
)
_SCORCH = Spots(
    (45, 80),
    (0.007, 0.018),
    centre=(82, 26, 46),
    rim=(124, 44, 60),
    roughness=0.4,
    softness=0.9,
    site=Site.BETWEEN_VEINS,
)
_LATE_BLIGHT = Blotch(
    (0.25, 0.5),
    (72, 58, 42),
    edge=(152, 158, 96),
    grain=6,
    site=Site.MARGIN,
    site_pull=0.35,
)
_MILDEW_FRONT = Blotch((0.03, 0.08), (206, 206, 196), grain=24, softness=0.5, strength=0.6)
_ESCA_YELLOW = Blotch(
    (0.45, 0.62),
    (196, 174, 70),
    grain=5,
    softness=0.6,
    strength=0.8,
    site=Site.BETWEEN_VEINS,
    site_pull=1.3,
)
_ESCA_BROWN = Blotch(
    (0.2, 0.36),
    (126, 60, 40),
    grain=5,
    softness=0.3,
    site=Site.BETWEEN_VEINS,
    site_pull=1.3,
)
_CURL_YELLOW = Blotch(
    (0.5, 0.75), (208, 202, 84), grain=6, softness=1.1, strength=0.8, site=Site.MARGIN
)
_SCORCHED_MARGIN = Blotch(
    (0.06, 0.18), (134, 84, 58), edge=(150, 78, 74), grain=9, site=Site.MARGIN, site_pull=1.3
)

CONDITIONS: tuple[Condition, ...] = (
    Condition("Apple___healthy", APPLE),
    Condition("Apple___Apple_scab", APPLE, (_SCAB,)),
    Condition("Apple rust leaf", APPLE, (_CEDAR_RUST,)),
    Condition("Apple___Black_rot", APPLE, (_FROGEYE,)),
    Condition("Tomato_healthy", TOMATO),
    Condition("Tomato___Late_blight", TOMATO, (_LATE_BLIGHT, _MILDEW_FRONT)),
    Condition("Tomato Septoria leaf spot", TOMATO, (_SEPTORIA,)),
    Condition("Tomato__Tomato_YellowLeaf__Curl_Virus", TOMATO, (_CURL_YELLOW,), curl=1.0),
    Condition("Grape_healthy", GRAPE),
    Condition("grape leaf black rot", GRAPE, (_GRAPE_ROT,)),
    Condition("Grape___Esca_(Black_Measles)", GRAPE, (_ESCA_YELLOW, _ESCA_BROWN)),
    Condition("Corn_(maize)___healthy", CORN),
    Condition("Corn_(maize)___Common_rust_", CORN, (_COMMON_RUST,)),
    Condition("Corn leaf blight", CORN, (_NORTHERN_BLIGHT,)),
    Condition("Potato___healthy", POTATO),
    Condition("Potato_Early_blight", POTATO, (_EARLY_BLIGHT,)),
    Condition("Strawberry___healthy", STRAWBERRY),
    Condition("strawberry-leaf-scorch", STRAWBERRY, (_SCORCH, _SCORCHED_MARGIN)),
)
