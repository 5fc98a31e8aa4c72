# SPDX-License-Identifier: GPL-3.0-or-later
"""Lenses and sensor formats by name.

Sensor widths are those that span the picture's width, in millimetres, from the makers' data sheets and the standards
named beside them. Lenses are kinds, not makes: a cinema T-stop is told as the f-number it has before transmission loss.
"""

from __future__ import annotations

from dataclasses import dataclass

TRANSMISSION = 0.9
"""Share of light that passes the glass of a coated cinema prime."""


@dataclass(frozen=True)
class LensPreset:
    """A lens by name. f_number: wide open. nearest_m: closest focus, metres. blades: 0 = a circle.

    squeeze: anamorphic factor (1 = spherical). Once the squeeze is taken out, such a picture spans squeeze times the
    sensor's width: give the thin lens sensor_mm = squeeze * width_mm, so that 40 mm 2x sees as wide as 20 mm.
    """

    label: str
    focal_mm: float
    f_number: float
    nearest_m: float
    squeeze: float = 1.0
    blades: int = 0
    explanation: str = ""


@dataclass(frozen=True)
class SensorFormat:
    """A sensor or film gate by name; width_mm spans the picture's width."""

    label: str
    width_mm: float
    explanation: str = ""


LENSES: dict[str, LensPreset] = {
    "W24_14": LensPreset("24 mm f/1.4", 24, 1.4, 0.25, blades=9, explanation="Wide and fast: the room, with some air"),
    "W28_20": LensPreset("28 mm f/2", 28, 2.0, 0.25, blades=8, explanation="Reportage"),
    "N35_14": LensPreset("35 mm f/1.4", 35, 1.4, 0.28, blades=9, explanation="Two people and where they are"),
    "N40_28": LensPreset("40 mm f/2.8", 40, 2.8, 0.3, blades=7, explanation="Plain, honest, small"),
    "N50_18": LensPreset("50 mm f/1.8", 50, 1.8, 0.45, blades=7, explanation="How the eye sees; kind racks"),
    "N50_12": LensPreset("50 mm f/1.2", 50, 1.2, 0.45, blades=10, explanation="Nothing sharp but the eyes"),
    "P75_20": LensPreset("75 mm T2.1", 75, 2.0, 0.6, blades=11, explanation="Cinema portrait"),
    "P85_14": LensPreset("85 mm f/1.4", 85, 1.4, 0.8, blades=9, explanation="The portrait lens: long, soft racks"),
    "P85_18": LensPreset("85 mm f/1.8", 85, 1.8, 0.8, blades=9, explanation="Portrait, a little deeper"),
    "M100_28": LensPreset("100 mm f/2.8 macro", 100, 2.8, 0.3, blades=9, explanation="Rings, eyes, letters, insects"),
    "T135_20": LensPreset("135 mm f/2", 135, 2.0, 0.8, blades=9, explanation="Stacks the planes of a street"),
    "T200_28": LensPreset("200 mm f/2.8", 200, 2.8, 1.5, blades=9, explanation="From across the street"),
    "A40_20": LensPreset("40 mm anamorphic 2x T2.3", 40, 2.2, 0.8, 2.0, explanation="Wide scope, tall oval bokeh"),
    "A50_20": LensPreset("50 mm anamorphic 2x T2.3", 50, 2.2, 0.85, 2.0, explanation="Scope, the usual one"),
    "A75_20": LensPreset("75 mm anamorphic 2x T2.3", 75, 2.2, 1.0, 2.0, explanation="Scope close-up"),
    "A65_15": LensPreset("65 mm anamorphic 1.5x T2.3", 65, 2.2, 0.9, 1.5, explanation="Gentle ovals, for 16:9 sensors"),
}
"""Presets by stable key, in order of a menu."""

FASTEST, SLOWEST = min(lens.f_number for lens in LENSES.values()), 22.0
"""f-numbers that lenses have, wide open and closed down."""

SENSORS: dict[str, SensorFormat] = {
    "FULL_FRAME": SensorFormat("Full Frame", 36.0, "36 x 24 mm, 35 mm still film; ISO 1007"),
    "SUPER_35": SensorFormat("Super 35", 24.89, "24.89 x 18.66 mm, four perforations"),
    "ACADEMY_35": SensorFormat("Academy 35", 21.95, "21.95 x 16.00 mm, 35 mm sound film; SMPTE ST 59"),
    "SCOPE_35": SensorFormat("Anamorphic 35", 21.95, "21.95 x 18.59 mm before the squeeze is taken out"),
    "APS_C": SensorFormat("APS-C", 23.6, "23.6 x 15.7 mm"),
    "APS_C_CANON": SensorFormat("APS-C (Canon)", 22.3, "22.3 x 14.9 mm"),
    "MFT": SensorFormat("Micro Four Thirds", 17.3, "17.3 x 13.0 mm"),
    "ONE_INCH": SensorFormat('1"', 13.2, "13.2 x 8.8 mm"),
    "SUPER_16": SensorFormat("Super 16", 12.52, "12.52 x 7.41 mm; SMPTE ST 201"),
    "STANDARD_16": SensorFormat("16 mm", 10.26, "10.26 x 7.49 mm; SMPTE ST 7"),
    "SUPER_8": SensorFormat("Super 8", 5.79, "5.79 x 4.01 mm"),
    "LARGE_FORMAT": SensorFormat("Large Format cinema", 36.7, "36.70 x 25.54 mm, open gate"),
    "FILM_65": SensorFormat("65 mm", 52.48, "52.48 x 23.01 mm, five perforations"),
    "DIGITAL_65": SensorFormat("65 mm digital", 54.12, "54.12 x 25.58 mm"),
    "IMAX": SensorFormat("IMAX 15/70", 70.41, "70.41 x 52.63 mm"),
    "MEDIUM_645": SensorFormat("Medium format digital", 43.8, "43.8 x 32.9 mm"),
    "PHONE_MAIN": SensorFormat('Phone, main camera 1/1.3"', 9.8, "About 9.8 x 7.3 mm"),
    "PHONE": SensorFormat('Phone, 1/2.55"', 5.64, "About 5.64 x 4.23 mm"),
    "TWO_THIRDS": SensorFormat('2/3" broadcast', 9.59, "9.59 x 5.39 mm"),
}
"""Formats by stable key, in order of a menu."""


def nearest_preset(focal_mm: float, f_number: float, squeeze: float = 1.0) -> str | None:
    """Key of the preset with these numbers (within 1 %), or None: what a menu shows for settings made by hand."""
    for key, lens in LENSES.items():
        pairs = ((lens.focal_mm, focal_mm), (lens.f_number, f_number), (lens.squeeze, squeeze))
        if all(abs(a - b) <= 0.01 * a for a, b in pairs):
            return key
    return None


def nearest_sensor(width_mm: float) -> str | None:
    """Key of the first format of this width (within 0.05 mm), or None."""
    return next((key for key, sensor in SENSORS.items() if abs(sensor.width_mm - width_mm) <= 0.05), None)


def t_stop_f_number(t_stop: float) -> float:
    """f-number of a lens with this T-stop: N = T sqrt(transmission) (Ray, "Applied Photographic Optics", ch. 5)."""
    if not t_stop > 0:
        raise ValueError(f"t_stop must be above 0, got {t_stop}")
    return t_stop * TRANSMISSION**0.5
