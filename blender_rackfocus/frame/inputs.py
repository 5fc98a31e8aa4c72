# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Rack Focus modifier can be told: one table, from which the node group's interface, the keyframable inputs,
the panel and the core's Lens, Aperture and Highlights are all made.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..core import Aperture, Highlights, Lens


@dataclass(frozen=True)
class Input:
    """One keyframable input. `advanced` ones sit in a closed sub-panel of the node group's interface."""

    name: str
    default: float
    minimum: float
    maximum: float
    description: str
    subtype: str = "NONE"
    integer: bool = False
    advanced: bool = False


_USUAL = (
    Input("Focus Distance", 3.0, 0.01, 1e6, "Distance from the camera to what is sharp, in metres", "DISTANCE"),
    Input("F-Stop", 2.8, 0.05, 1e6, "Aperture number: a small number is a wide opening and a shallow depth of field"),
    Input("Focal Length", 50.0, 1.0, 5000.0, "Focal length of the lens that took the picture, in millimetres"),
    Input("Sensor Width", 36.0, 0.1, 1000.0, "Width of the sensor that the picture's width shows, in millimetres"),
    Input(
        "Blades", 0, 0, 16, "Aperture blades: 3 to 16 make a polygon; 0 is a circle, and so are 1 and 2", integer=True
    ),
    Input("Blade Rotation", 0.0, -math.tau, math.tau, "Turns the aperture's blades counter-clockwise", "ANGLE"),
    Input(
        "Max Blur",
        0.0,
        0.0,
        100.0,
        "Largest diameter of a blur circle, in percent of the picture's width; 0 is no limit",
        "PERCENTAGE",
    ),
    Input(
        "Near Strength", 1.0, 0.0, 10.0, "Factor on the blur in front of the focus distance; 1 is what the lens does"
    ),
    Input("Far Strength", 1.0, 0.0, 10.0, "Factor on the blur behind the focus distance; 1 is what the lens does"),
    Input("Mix", 1.0, 0.0, 1.0, "How much of the result replaces the strip's own picture", "FACTOR"),
)
_ADVANCED = (
    Input("In-Focus Range", 0.0, 0.0, 1e6, "Depth around the focus distance that stays sharp, in metres", "DISTANCE"),
    Input("Roundness", 0.0, 0.0, 1.0, "Curvature of the blades: 0 is straight, 1 makes a circle", "FACTOR"),
    Input("Squeeze", 1.0, 0.25, 4.0, "Anamorphic squeeze: height of the bokeh over its width; 2 is a 2x anamorphic"),
    Input(
        "Obstruction",
        0.0,
        0.0,
        0.95,
        "Share of the aperture's area that a mirror lens's central mirror hides: ring bokeh",
        "FACTOR",
    ),
    Input(
        "Spherical Aberration",
        0.0,
        -1.0,
        1.0,
        "Above 0 discs behind the focus have a bright rim, below 0 a bright core; in front of it the reverse",
    ),
    Input(
        "Cat's Eye", 0.0, 0.0, 1.0, "How far the lens barrel cuts into discs towards the picture's corners", "FACTOR"
    ),
    Input("Vignetting", 0.0, 0.0, 1.0, "Light that the lens barrel takes towards the picture's corners", "FACTOR"),
    Input(
        "Axial Chromatic",
        0.0,
        -5.0,
        5.0,
        "Spread of the focal length between red and blue, in percent: coloured fringes out of focus",
    ),
    Input(
        "Highlight Gain",
        0.0,
        0.0,
        100.0,
        "Light given back to clipped highlights: white becomes 1 + gain times as bright",
    ),
    Input(
        "Highlight Threshold",
        0.9,
        0.0,
        0.999,
        "Brightness from which highlights gain, in linear light; 1 is white",
        "FACTOR",
    ),
    Input("Breathing", 0.0, -10.0, 10.0, "Change of the field of view with focus: 1 is what a thin lens does"),
)
INPUTS = (*_USUAL, *(replace(entry, advanced=True) for entry in _ADVANCED))
ZEROS = {
    "Blades": "a round opening",
    "Blade Rotation": "a blade's edge on top",
    "Max Blur": "no limit",
    "Near Strength": "sharp in front",
    "Far Strength": "sharp behind",
    "Mix": "the strip's own picture",
    "In-Focus Range": "sharp at one distance",
    "Roundness": "straight blades",
    "Obstruction": "no mirror",
    "Spherical Aberration": "even discs",
    "Cat's Eye": "whole discs",
    "Vignetting": "no light lost",
    "Axial Chromatic": "no fringes",
    "Highlight Gain": "highlights as they are",
    "Highlight Threshold": "all gains",
    "Breathing": "the frame stands still",
}
"""What an input's zero means, in words for the panel, where it is no number like others."""

NAMES = tuple(entry.name for entry in INPUTS)
LENS_FIELDS = {
    "focal_mm": "Focal Length",
    "f_number": "F-Stop",
    "sensor_mm": "Sensor Width",
    "focus_m": "Focus Distance",
    "near_strength": "Near Strength",
    "far_strength": "Far Strength",
    "max_blur_pct": "Max Blur",
    "in_focus_range_m": "In-Focus Range",
    "axial_chromatic": "Axial Chromatic",
    "breathing": "Breathing",
}
"""The input behind each field of the core's Lens."""


def is_idle(values: Mapping[str, float]) -> bool:
    """Whether input values by name change nothing of any picture."""
    return values["Mix"] <= 0 or values["Near Strength"] + values["Far Strength"] <= 0


def lens_of(values: Mapping[str, float]) -> Lens:
    """The core's Lens for input values by name. Raises ValueError naming the input that the core refuses."""
    try:
        return Lens(**{field: values[name] for field, name in LENS_FIELDS.items()})
    except ValueError as error:
        field, _, cause = str(error).partition(": ")
        raise ValueError(f"{LENS_FIELDS.get(field, field)} {cause}") from error


def aperture_of(values: Mapping[str, float]) -> Aperture:
    """The core's Aperture for input values by name (blade rotation there is in degrees, here in radians)."""
    blades = int(values["Blades"])
    return Aperture(
        blades=blades if blades >= 3 else 0,
        rotation_deg=math.degrees(values["Blade Rotation"]),
        roundness=values["Roundness"],
        squeeze=values["Squeeze"],
        obstruction=values["Obstruction"],
        spherical=values["Spherical Aberration"],
        cats_eye=values["Cat's Eye"],
        vignetting=values["Vignetting"],
    )


def highlights_of(values: Mapping[str, float]) -> Highlights:
    """The core's Highlights for input values by name."""
    return Highlights(gain=values["Highlight Gain"], threshold=values["Highlight Threshold"])
