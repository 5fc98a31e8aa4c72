# SPDX-License-Identifier: GPL-3.0-or-later
"""The chess board: two pieces, the near one sharp; snap rack to the far one as a hand reaches in."""

from __future__ import annotations

import math
from typing import Any

import bpy

from . import stage
from .shapes import Point, box, grown, lathe

SHOT = stage.Shot(
    title="Chess",
    frames=48,
    focal_mm=85.0,
    f_stop=2.5,
    rack_at=20,
    rack_over=7,
    blades=9,
    feel="SNAP",
)

SQUARE = 0.055
TURN = math.radians(28)
CENTRE = (0.0, 0.86)

# Half profiles, (radius, height) in millimetres, of a plain Staunton set.
BASE = [(0, 0), (19, 0), (19, 0), (19, 3.5), (18.2, 6), (16.5, 7), (16.8, 9.5), (13.5, 13),
        (11, 15), (11, 16.5)]
# fmt: off
KING = [*BASE, (8.4, 22), (6.6, 32), (6.0, 46), (6.4, 56), (10.8, 58.5),
        (11, 60.5), (8.2, 61.5), (9.6, 63.5), (9.4, 65), (7.4, 66), (8.6, 72),
        (11.2, 81), (11.4, 82.5), (9.5, 84.5), (4, 87.5), (2.4, 88.5), (0, 88.5)]
QUEEN = [*BASE, (8, 21), (6.2, 30), (5.6, 42), (6.0, 52), (10.2, 54.5), (10.4, 56.5), (7.8, 57.5), (9.0, 59.5),
         (8.8, 61), (7.0, 62), (8.0, 68), (11.0, 77), (11.2, 78.5), (10.2, 78.6), (8.6, 75.5), (6, 77.5), (3, 79.5),
         (2.0, 80.2), (3.2, 82), (3.4, 83.5), (2.2, 85.6), (0, 86.2)]
BISHOP = [(r * 0.88, z * 0.88) for r, z in BASE] + [
    (7, 19), (5.2, 28), (4.6, 38), (5, 44), (8.6, 46), (8.8, 47.8), (6.2, 48.8), (7.4, 50.5), (7, 52), (5.2, 53),
    (7.4, 57), (8.2, 62), (6.4, 68), (3, 72), (1.4, 73), (2.2, 74.4), (2.2, 75.6), (1.2, 77), (0, 77.2)]
PAWN = [(r * 0.78, z * 0.78) for r, z in BASE] + [
    (6, 17), (4.6, 24), (4.4, 30), (7.2, 32), (7.3, 33.4), (4.6, 34.4), (5.4, 36.4), (7.0, 40), (7.0, 43.5),
    (5.2, 47.2), (2, 48.8), (0, 48.9)]
ROOK = [(r * 0.92, z * 0.92) for r, z in BASE] + [
    (9, 19), (8, 28), (7.8, 38), (8.6, 41), (11, 42.5), (11, 44), (9.8, 45), (11.2, 47), (11.4, 54), (11.4, 54),
    (8.4, 54), (8.4, 54), (8.4, 51), (8.4, 51), (0, 51)]
# fmt: on


def build() -> tuple[Any, stage.Shot]:
    """Model the shot; the scene, and the shot with its measured distances."""
    scene = stage.new_scene(SHOT)
    stage.world(scene, (0.010, 0.013, 0.022))
    _board()
    near, far = _pieces()
    _hand(far)
    _room()
    _lights()
    stage.camera(scene, SHOT, (0.0, 0.0, 0.125), (0.004, 0.85, 0.049))
    stage.apply_modifiers(scene)
    return scene, stage.replace_distances(SHOT, scene, _front(near, 0.07), _front(far, 0.07))


def square(column: int, row: int) -> Point:
    """The centre of a square; column 0 is the left, row 0 the near side of the turned board."""
    x, y = (column - 3.5) * SQUARE, (row - 3.5) * SQUARE
    return (
        CENTRE[0] + x * math.cos(TURN) - y * math.sin(TURN),
        CENTRE[1] + x * math.sin(TURN) + y * math.cos(TURN),
        0.0,
    )


def _front(piece: Any, height: float) -> Point:
    """The point of a piece that faces the camera."""
    x, y, _ = piece.location
    return (x, y - 0.008, height)


def _board() -> None:
    walnut = stage.grained("Walnut", (0.030, 0.012, 0.006), (0.085, 0.036, 0.016), (9, 140, 9), 0.3, coat=0.5)
    maple = stage.grained("Maple", (0.36, 0.205, 0.095), (0.52, 0.33, 0.17), (9, 140, 9), 0.3, coat=0.5)
    frame = stage.grained("Frame", (0.020, 0.008, 0.004), (0.055, 0.022, 0.010), (6, 90, 6), 0.3, coat=0.5)
    for column in range(8):
        for row in range(8):
            x, y, _ = square(column, row)
            side = SQUARE - 0.0005
            box("Square", (side, side, 0.008), (x, y, -0.004), (walnut, maple)[(column + row) % 2], turn=TURN)
    width = 8 * SQUARE + 0.05
    box("Frame", (width, width, 0.024), (*CENTRE, -0.0125), frame, bevel=0.004, turn=TURN)
    table = stage.grained("Table", (0.014, 0.008, 0.006), (0.042, 0.021, 0.013), (3, 40, 3), 0.32, coat=0.3)
    box("Table", (2.6, 1.3, 0.04), (0, 0.72, -0.045), table, bevel=0.01)


def _pieces() -> tuple[Any, Any]:
    boxwood = stage.grained("Boxwood", (0.56, 0.34, 0.15), (0.70, 0.47, 0.24), (40, 40, 160), 0.28, coat=0.6)
    ebony = stage.grained("Ebony", (0.008, 0.006, 0.005), (0.030, 0.018, 0.013), (40, 40, 160), 0.24, coat=0.6)
    near = _piece("King", boxwood, square(1, 1))
    far = _piece("Queen", ebony, square(6, 5))
    for kind, wood, column, row in (
        ("Pawn", boxwood, 4, 1),
        ("Bishop", boxwood, 3, 4),
        ("Pawn", boxwood, 1, 3),
        ("Rook", ebony, 4, 7),
        ("Pawn", ebony, 2, 6),
        ("Pawn", ebony, 5, 6),
        ("Bishop", ebony, 6, 7),
        ("Pawn", ebony, 7, 6),
        ("Pawn", boxwood, 6, 2),
    ):
        _piece(kind, wood, square(column, row))
    return near, far


def _piece(kind: str, wood: Any, at: Point) -> Any:
    profile = {"King": KING, "Queen": QUEEN, "Bishop": BISHOP, "Pawn": PAWN, "Rook": ROOK}[kind]
    line = [(r / 1000, z / 1000) for r, z in profile]
    if kind == "Queen":  # the coronet's points
        made = lathe(kind, line, wood, ripple=lambda a, z: 1 + 0.07 * math.cos(9 * a) * _between(z, 0.072, 0.0785))
    elif kind == "Rook":  # the battlements
        made = lathe(kind, line, wood, segments=96)
        for step in range(6):
            angle = math.pi * step / 3
            gap = box("Gap", (0.004, 0.0036, 0.0045), (0.0099 * math.cos(angle), 0.0099 * math.sin(angle), 0.0528),
                      wood, turn=angle)
            gap.scale = (0.9, 0.9, 0.9)
            _cut_out(made, gap)
    else:
        made = lathe(kind, line, wood)
    if kind == "King":
        for size, z in (((0.0034, 0.0034, 0.0125), 0.0938), ((0.0095, 0.0034, 0.0034), 0.0948)):
            part = box("Cross", size, (0, 0, z), wood, bevel=0.0009)
            part.parent = made
    if kind == "Bishop":
        slit = box("Slit", (0.012, 0.02, 0.0012), (0.0055, 0, 0.066), wood)
        slit.rotation_euler = (0, math.radians(-38), 0)
        _cut_out(made, slit)
    made.location = at
    made.rotation_euler = (0, 0, TURN)
    return made


def _cut_out(piece: Any, cutter: Any) -> None:
    cutter.parent, cutter.hide_render = piece, True
    cut = piece.modifiers.new(cutter.name, "BOOLEAN")
    cut.object, cut.operation = cutter, "DIFFERENCE"


def _between(z: float, low: float, high: float) -> float:
    return 1.0 if low < z <= high else 0.0


def _hand(piece: Any) -> None:
    """A hand in a dark sleeve comes in from the right, takes the piece and lifts it a little."""
    flesh = stage.skin("Skin", (0.56, 0.29, 0.19))
    # x runs from the wrist to the fingertips, y to the thumb's side, z up; metres. The grip closes at the origin.
    fingers = [
        [((-0.118, 0.010, 0.036), 0.0215), ((-0.080, 0.022, 0.044), 0.0190), ((-0.055, 0.022, 0.046), 0.0120)],
        [((-0.118, 0.006, 0.036), 0.0220), ((-0.080, 0.003, 0.046), 0.0185), ((-0.052, 0.001, 0.047), 0.0118)],
        [((-0.118, 0.000, 0.035), 0.0215), ((-0.082, -0.015, 0.042), 0.0175), ((-0.058, -0.019, 0.042), 0.0108)],
        [((-0.118, -0.006, 0.034), 0.0205), ((-0.088, -0.031, 0.036), 0.0155), ((-0.066, -0.036, 0.036), 0.0098)],
        # index: bent over the piece
        [((-0.055, 0.022, 0.046), 0.0112), ((-0.022, 0.018, 0.043), 0.0096), ((-0.003, 0.011, 0.026), 0.0085),
         ((0.001, 0.0075, 0.008), 0.0073)],
        [((-0.052, 0.001, 0.047), 0.0114), ((-0.014, -0.001, 0.045), 0.0098), ((0.007, -0.002, 0.026), 0.0087),
         ((0.008, -0.002, 0.006), 0.0075)],
        [((-0.058, -0.019, 0.042), 0.0106), ((-0.023, -0.021, 0.041), 0.0092), ((-0.006, -0.020, 0.024), 0.0083),
         ((-0.012, -0.017, 0.009), 0.0074)],
        [((-0.066, -0.036, 0.036), 0.0096), ((-0.038, -0.038, 0.036), 0.0082), ((-0.022, -0.036, 0.023), 0.0074),
         ((-0.027, -0.032, 0.011), 0.0067)],
        # thumb: from below the palm to meet the index finger
        [((-0.108, 0.018, 0.026), 0.0165), ((-0.066, 0.030, 0.020), 0.0132), ((-0.034, 0.021, 0.006), 0.0107),
         ((-0.010, 0.008, -0.002), 0.0086)],
        # wrist
        [((-0.118, 0.004, 0.036), 0.0225), ((-0.150, 0.003, 0.037), 0.0215), ((-0.200, 0.002, 0.042), 0.0235)],
    ]  # fmt: skip
    hand = grown("Hand", fingers, flesh, voxel=0.0022)
    shirt = stage.plain("Shirt", (0.62, 0.62, 0.60), 0.8)
    suit = stage.plain("Suit", (0.012, 0.014, 0.022), 0.85)
    cuff = lathe("Cuff", [(0.026, 0), (0.030, 0), (0.0315, 0.012), (0.0325, 0.05), (0.03, 0.05)], shirt, rounds=1)
    sleeve = lathe(
        "Sleeve", [(0.032, 0), (0.037, 0), (0.039, 0.02), (0.046, 0.14), (0.058, 0.34), (0.03, 0.34)], suit, rounds=1
    )
    for part, x in ((cuff, -0.166), (sleeve, -0.183)):
        part.parent, part.location, part.rotation_euler = hand, (x, 0.002, 0.038), stage.degrees(0, -90 + 6, 0)
    _reach(hand, piece)


def _reach(hand: Any, piece: Any) -> None:
    x, y, _ = piece.location
    grip = (x + 0.006, y - 0.002, 0.082)
    hand.rotation_euler = stage.degrees(0, 16, 196)
    away = (x + 0.34, y + 0.04, 0.19)
    over = (x + 0.045, y + 0.004, 0.112)
    stage.move(hand, {1: away, 8: away, 26: over, 33: grip, 38: grip})
    lifted = (0.012, -0.004, 0.020)
    for made, start in ((piece, tuple(piece.location)), (hand, grip)):
        stage.move(made, {38: start, 48: tuple(a + b for a, b in zip(start, lifted, strict=True))})


def _room() -> None:
    """A dark room: a wall, a shelf of books, a lamp, and small lights that become discs."""
    wall = stage.grained("Wall", (0.010, 0.016, 0.018), (0.020, 0.028, 0.030), (1.5, 1.5, 0.8), 0.8)
    box("Wall", (9, 0.1, 4), (0, 4.6, 0.8), wall)
    shade = stage.glow("Shade", (1.0, 0.42, 0.12), 0.9)
    lamp = lathe("Lamp", [(0.19, 0), (0.12, 0.26)], shade, rounds=0)
    lamp.location = (-0.70, 3.3, -0.03)
    brass = stage.plain("Brass", (0.5, 0.3, 0.1), 0.3, metallic=1.0)
    foot = lathe("Foot", [(0.07, -0.5), (0.02, -0.47), (0.012, -0.1), (0.012, 0.02)], brass)
    foot.location = (-0.70, 3.3, -0.03)
    cloths = [stage.plain(f"Book {k}", colour, 0.7) for k, colour in enumerate(
        ((0.16, 0.03, 0.02), (0.03, 0.06, 0.09), (0.14, 0.09, 0.03), (0.03, 0.08, 0.05), (0.10, 0.08, 0.07)))]
    place = 0.12
    for number in range(17):
        thick = 0.028 + 0.017 * ((number * 7) % 5) / 4
        tall = 0.19 + 0.06 * ((number * 11) % 7) / 6
        at = (place + thick / 2, 4.35, -0.26 + tall / 2)
        box("Book", (thick, 0.15, tall), at, cloths[(number * 3) % 5], bevel=0.003)
        place += thick + 0.002
    box("Shelf", (1.4, 0.24, 0.03), (0.62, 4.35, -0.277), bpy.data.materials["Frame"])
    warm, amber, cool = (1.0, 0.58, 0.24), (1.0, 0.40, 0.10), (0.45, 0.68, 1.0)
    for number, (x, y, z, radius, strength, colour) in enumerate(
        (
            (-0.40, 3.9, 0.12, 0.012, 60, warm),
            (-0.17, 3.7, 0.04, 0.009, 50, amber),
            (-0.05, 4.1, 0.13, 0.012, 60, warm),
            (0.13, 3.6, 0.02, 0.008, 45, amber),
            (0.29, 4.0, 0.12, 0.012, 60, warm),
            (0.46, 3.5, 0.00, 0.008, 45, cool),
            (0.57, 4.1, 0.11, 0.011, 60, warm),
            (0.74, 3.8, 0.03, 0.009, 50, amber),
            (0.20, 4.3, -0.10, 0.009, 40, cool),
            (-0.31, 4.2, -0.13, 0.009, 40, cool),
        )
    ):
        stage.bulb(f"Bulb {number}", (x, y, z), radius, strength, colour)


def _lights() -> None:
    """Warm key from behind on the left, a cool edge from the right, a breath of fill from the camera."""
    target = (0.0, 0.9, 0.04)
    stage.area_light("Key", (-0.75, 1.35, 0.85), target, 0.35, 30.0, (1.0, 0.80, 0.58))
    stage.area_light("Edge", (0.95, 1.45, 0.55), target, 0.35, 9.0, (0.50, 0.70, 1.0))
    stage.area_light("Fill", (-0.45, -0.05, 0.65), target, 0.6, 6.5, (1.0, 0.88, 0.74))


