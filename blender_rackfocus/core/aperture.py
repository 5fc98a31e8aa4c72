# SPDX-License-Identifier: GPL-3.0-or-later
"""The lens's opening: what shape of light a point out of focus becomes.

A point out of focus shows the aperture itself: a far point upright as the viewer sees the picture, a near
point turned by 180 degrees, because its rays have not crossed yet. `Aperture` describes the opening;
`kernel` draws it at any radius.

The opening lives in the *iris plane*, a plane whose unit is the circle of confusion's radius. All steps are
taken there, in this order: outline (circle, polygon, rounded polygon or picture), rotation, obstruction, the
barrel's cat's eye, brightness across it (spherical aberration), and last the anamorphic squeeze into the
picture.

Angles are counter-clockwise as seen in the picture, from +x (right). Array rows run downwards.

Sources
- Polygon inscribed in the circle of confusion, its vertices at rotation + 180/n degrees for a far point:
  Cycles' `regular_polygon_sample`; width divided by the squeeze, height kept: Cycles' `aperture_ratio`.
- Curved blades: arcs of one curvature through neighbouring vertices (plane geometry, see `_outline_span`).
- Spherical aberration: third-order transverse ray aberration, x = rho + e rho^3; its light density to first
  order in e. (Born & Wolf, Principles of Optics, 5.3; H. H. Nasse, Depth of Field and Bokeh, Zeiss 2010, for
  how it looks.)
- Cat's eye: the iris seen through the barrel's front rim, a second circle that moves across the first with
  the field angle (S. F. Ray, Applied Photographic Optics, 3rd ed., 14.4; overlap of two circles: plane
  geometry).
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np

Span = tuple[np.ndarray, np.ndarray]

CENTRE = (0.0, 0.0)
"""Field position of the picture's centre; a corner lies at distance 1."""

_LINES_PER_PIXEL = 12
_LINES_PER_RADIUS = 192
"""Least number of scan lines drawn across a pixel and across a radius."""

_SMALL_RADIUS_PX = 0.8
"""Below this radius the light on unit squares says too little: at 0.5 px it would be no blur at all. There the
kernel goes over to the single pixel with the radius squared, as the second moment of a disc does. Against pictures
of hard-edged shapes, blurred before sampling, this gains 3 to 5 dB from 0.25 to 0.6 px (37.7 dB at 0.5 px; 32.7
without); 0.8 px is the best of the changeover radii from 0.6 to 1 px.
"""

_CACHED_KERNELS = 128


@dataclass(frozen=True, eq=False)
class Aperture:
    """The opening of the lens. Every field is a plain number (or a picture); equal fields make equal,
    equally hashed apertures.

    blades: 0 for a circle, or 3..16 straight blades. The polygon is inscribed in the circle of confusion,
        as in Cycles: the same f-number gives the same circumradius, and (n / 2 pi) sin(2 pi / n) of the
        circle's area.
    rotation_deg: turns blades or picture counter-clockwise, degrees.
    roundness: 0..1. Curvature of the blades as a share of the circle's: 0 straight, 1 a full circle.
    squeeze: > 0. Anamorphic squeeze: height of the disc over its width. 2 (an anamorphic 2x) makes an
        ellipse 1:2, upright: as wide as half a radius to each side, as tall as a radius.
    obstruction: 0..<1. Share of the opening's *area* that a central mirror hides (ring bokeh); the hole has
        the outline's shape and sqrt(obstruction) of its diameter. In a picture kernel it is a circle with
        that share of the full circle.
    spherical: -1..1. Spherical aberration. Brightness across the disc is 1 + spherical (2 rho^2 - 1), rho
        the distance from the centre in radii: 1 makes a bright rim and dark centre of far points, -1 a
        bright core. Near points get the opposite, as in a real lens.
    cats_eye: 0..1. How far the barrel's rim, a circle as large as the circle of confusion, has moved over
        the iris at the picture's corner, in radii. 1 leaves the overlap of two circles one radius apart (39
        % of the area).
    vignetting: 0..1. Light lost to the barrel, on the scale of `cats_eye`: the picture's corner keeps the
        share of area that two circles so far apart overlap. Set both alike for a real lens; 0 keeps the
        exposure even. See `vignetting_gain`.
    picture: None or a 2-D array, any grey picture (finite, >= 0, not all 0) used as the opening instead of
        blades. Its longer side spans the diameter. Kept as a read-only float32 copy.

    Raises ValueError naming the field that is out of range.
    """

    blades: int = 0
    rotation_deg: float = 0.0
    roundness: float = 0.0
    squeeze: float = 1.0
    obstruction: float = 0.0
    spherical: float = 0.0
    cats_eye: float = 0.0
    vignetting: float = 0.0
    picture: np.ndarray | None = None
    _key: tuple = dataclasses.field(init=False, repr=False, default=())

    def __post_init__(self) -> None:
        if self.blades != int(self.blades) or not (self.blades == 0 or 3 <= self.blades <= 16):
            raise ValueError(f"blades must be 0 (a circle) or 3 to 16, not {self.blades!r}")
        object.__setattr__(self, "blades", int(self.blades))
        _require(self, "rotation_deg", math.isfinite, "finite")
        _require(self, "roundness", lambda v: 0 <= v <= 1, "from 0 to 1")
        _require(self, "squeeze", lambda v: 0 < v < math.inf, "positive")
        _require(self, "obstruction", lambda v: 0 <= v < 1, "from 0 to below 1")
        _require(self, "spherical", lambda v: -1 <= v <= 1, "from -1 to 1")
        _require(self, "cats_eye", lambda v: 0 <= v <= 1, "from 0 to 1")
        _require(self, "vignetting", lambda v: 0 <= v <= 1, "from 0 to 1")
        if self.picture is not None:
            object.__setattr__(self, "picture", _frozen_picture(self.picture))
        plain = [getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in ("picture", "_key")]
        object.__setattr__(self, "_key", (*plain, _digest(self.picture)))  # kernels are looked up by it very often

    def __eq__(self, other: object) -> bool:
        return self._key == other._key if isinstance(other, Aperture) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def varies_over_field(self) -> bool:
        """Whether the kernel's shape depends on where in the picture it stands."""
        return self.cats_eye > 0

    @property
    def same_when_turned(self) -> bool:
        """Whether near points show what far ones do: nothing about the shape changes by half a turn."""
        even = self.picture is None and self.blades % 2 == 0
        return even and self.spherical == 0 and self.cats_eye == 0


def kernel(radius_px: float, aperture: Aperture, field: tuple[float, float] = CENTRE) -> np.ndarray:
    """The light that a point spreads, as a picture of the aperture at `radius_px`.

    radius_px: signed radius of the circle of confusion in pixels, any real number; negative is nearer than the focus
    plane (turned by 180 degrees, spherical aberration reversed), as `lens.coc_px` gives it. field: where in the picture
    the point stands: (x right, y down) from the centre, in half diagonals, so that a corner is at distance 1. Only the
    cat's eye depends on it.

    Returns (odd height, odd width) float32, read-only, centred, >= 0, sum 1. Each element is the light that falls on
    that pixel's unit square: horizontally integrated exactly, vertically by the midpoint rule on at least 12 scan lines
    a pixel and 192 a radius. Below 0.8 px the kernel is a share (radius / 0.8)^2 of the kernel at 0.8 px, the rest
    staying on the centre pixel (see `_SMALL_RADIUS_PX`).

    Raises ValueError if a number is not finite.
    """
    if not math.isfinite(radius_px):
        raise ValueError(f"radius_px must be finite, not {radius_px!r}")
    if not all(math.isfinite(v) for v in field):
        raise ValueError(f"field must be two finite numbers, not {field!r}")
    where = (float(field[0]), float(field[1])) if aperture.varies_over_field else CENTRE
    return _kernel(float(radius_px), aperture, where)


def kernels_over_field(radius_px: float, aperture: Aperture) -> Callable[[tuple[float, float]], np.ndarray]:
    """A function that gives `kernel(radius_px, aperture, field)` for many field positions quickly, all of one shape.
    Returns what gives (odd height, odd width) float32, >= 0, sum 1.

    From a radius of 12 px on the kernel without the cat's eye is drawn once and cut by the barrel's rim, its edge
    softened over one pixel; by the sum of absolute differences that is within 2 % of the exact kernel.
    """
    uncut = replace(aperture, cats_eye=0.0)
    plain = kernel(radius_px, uncut)
    radius = abs(radius_px)
    if radius < 12.0:
        return lambda field: kernel(radius_px, aperture, field)
    turn = math.copysign(1.0, radius_px)
    x = (np.arange(plain.shape[1], dtype=np.float32) - plain.shape[1] // 2) * aperture.squeeze
    y = plain.shape[0] // 2 - np.arange(plain.shape[0], dtype=np.float32)

    def inside(x_centre: float, y_centre: float) -> np.ndarray:
        distance = np.sqrt(((x - x_centre) ** 2)[None, :] + ((y - y_centre) ** 2)[:, None])
        return np.clip(radius + 0.5 - distance, 0.0, 1.0)

    circle = np.maximum(inside(0.0, 0.0), 1e-6)  # where iris and rim share an edge it is softened once, not twice

    def cut(field: tuple[float, float]) -> np.ndarray:
        rim_x, rim_y = (turn * radius * v for v in _rim_centre(aperture, field))
        weights = plain * np.minimum(inside(rim_x, rim_y) / circle, 1.0)
        total = weights.sum()
        return weights / total if total > 0 else plain

    return cut


def vignetting_gain(height: int, width: int, aperture: Aperture) -> np.ndarray:
    """Share of light that the barrel lets through at each pixel: (height, width) float32, 1 in the centre.

    The overlap of two unit circles `vignetting * t` apart, over the circle's area; t is 0 in the centre and
    1 in the corner.
    """
    x, y = field_axes(height, width)
    return overlap_share(aperture.vignetting * np.hypot(x[None, :], y[:, None])).astype(np.float32)


def field_axes(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Field positions of pixel centres, in half diagonals from the centre.

    Returns x, (width,) float64 rightwards, and y, (height,) float64 downwards.
    """
    half_diagonal = 0.5 * math.hypot(height, width)
    x, y = np.arange(width) - 0.5 * (width - 1), np.arange(height) - 0.5 * (height - 1)
    return x / half_diagonal, y / half_diagonal


def overlap_share(distance: np.ndarray | float) -> np.ndarray:
    """Area that two unit circles have in common, over the area of one: (2 acos(d/2) - d sqrt(1 - d^2/4)) / pi.

    distance: (...) float64, between their centres in radii, or a number. Returns (...) float64, 0 to 1.
    """
    d = np.clip(np.asarray(distance, dtype=np.float64), 0.0, 2.0)
    return (2.0 * np.arccos(0.5 * d) - d * np.sqrt(1.0 - 0.25 * d * d)) / math.pi


def _require(aperture: Aperture, name: str, good: Callable[[float], bool], must_be: str) -> None:
    value = getattr(aperture, name)
    if not good(value):
        raise ValueError(f"{name} must be {must_be}, not {value!r}")
    object.__setattr__(aperture, name, float(value))


def _frozen_picture(picture: np.ndarray) -> np.ndarray:
    grey = np.array(picture, dtype=np.float32, order="C")
    if grey.ndim != 2 or grey.size == 0:
        raise ValueError(f"picture must be a 2-D array, not one of shape {grey.shape}")
    if not np.isfinite(grey).all() or grey.min() < 0 or grey.max() <= 0:
        raise ValueError("picture must be finite, nowhere negative, and not black all over")
    grey.flags.writeable = False
    return grey


def _digest(picture: np.ndarray | None) -> bytes:
    return b"" if picture is None else hashlib.sha256(repr(picture.shape).encode() + picture.tobytes()).digest()


@lru_cache(maxsize=_CACHED_KERNELS)
def _kernel(radius_px: float, aperture: Aperture, field: tuple[float, float]) -> np.ndarray:
    if abs(radius_px) >= _SMALL_RADIUS_PX:
        weights = _drawn(radius_px, aperture, field)
    else:
        weights = _drawn(math.copysign(_SMALL_RADIUS_PX, radius_px), aperture, field)
        share = (radius_px / _SMALL_RADIUS_PX) ** 2
        weights = weights * share
        weights[weights.shape[0] // 2, weights.shape[1] // 2] += 1.0 - share
    weights = weights.astype(np.float32)
    weights.flags.writeable = False
    return weights


def _drawn(radius_px: float, aperture: Aperture, field: tuple[float, float]) -> np.ndarray:
    """The aperture at this radius, pixel by pixel: float64, sum 1."""
    near = radius_px < 0
    draw = _outline_weights if aperture.picture is None else _picture_weights
    weights = draw(abs(radius_px), near, aperture, field)
    total = weights.sum()
    if total <= 0:  # the barrel hides all that is open (a picture that is black on that side)
        return _drawn(radius_px, replace(aperture, cats_eye=0.0), CENTRE)
    return (weights[::-1, ::-1] if near else weights) / total


def _reach(radius: float, aperture: Aperture) -> tuple[int, int]:
    """Whole pixels that the kernel reaches beyond its centre pixel: (rows, columns)."""
    diagonal = math.sqrt(2.0) if aperture.picture is not None else 1.0
    tall, wide = radius * diagonal, radius * diagonal / aperture.squeeze
    return max(0, math.ceil(tall - 0.5 - 1e-9)), max(0, math.ceil(wide - 0.5 - 1e-9))


def _rim_centre(aperture: Aperture, field: tuple[float, float]) -> tuple[float, float]:
    """Centre of the barrel's rim in the iris plane, y up: it moves towards the picture's centre, so the
    outer side is cut.

    A near point's kernel is drawn as a far one's and turned afterwards. The rim is where it is for both,
    since it sits in the lens: both lose the rays that pass the iris on its outer side.
    """
    return -aperture.cats_eye * field[0], aperture.cats_eye * field[1]


def _profile(near: bool, aperture: Aperture) -> float:
    """Spherical aberration as this point sees it: what brightens the rim behind the focus plane darkens it
    in front.
    """
    return -aperture.spherical if near else aperture.spherical


def _outline_weights(radius: float, near: bool, aperture: Aperture, field: tuple[float, float]) -> np.ndarray:
    """Light on each pixel (float64, not normalised) of the outline, less its hole, within the rim."""
    light = _shape_weights(radius, near, aperture, field, 1.0)
    if aperture.obstruction > 0:
        light -= _shape_weights(radius, near, aperture, field, math.sqrt(aperture.obstruction))
    return np.maximum(light, 0.0)


def _shape_weights(
    radius: float, near: bool, aperture: Aperture, field: tuple[float, float], scale: float
) -> np.ndarray:
    """Light on each pixel (float64, not normalised) of the outline times `scale`, within the rim.

    Scan lines across the iris plane: every part is convex, so a line meets it in one interval; the light density is a
    polynomial of x there and is integrated between pixel borders exactly. A pixel row's lines are spread over the part
    of it that the shape reaches into, so that a level edge moves as smoothly with the radius as an upright one.
    """
    rows, columns = _reach(radius, aperture)
    lowest, highest = _vertical_extent(aperture, scale, field)
    edges = (np.arange(2 * rows + 2) - rows - 0.5) / -radius  # downwards; iris plane, up
    edges = np.clip(edges, lowest, highest)
    lines = max(_LINES_PER_PIXEL, math.ceil(_LINES_PER_RADIUS / radius))
    thickness = (edges[:-1] - edges[1:])[:, None] / lines
    y = (edges[1:, None] + thickness * (np.arange(lines) + 0.5)).ravel()
    borders = (np.arange(2 * columns + 2) - columns - 0.5) * aperture.squeeze / radius
    light = _light_between(_shape_span(y, aperture, scale, field), y, borders, _profile(near, aperture))
    return (light.reshape(2 * rows + 1, lines, -1) * thickness[:, :, None]).sum(axis=1)


def _shape_span(y: np.ndarray, aperture: Aperture, scale: float, field: tuple[float, float]) -> Span:
    outline = _outline_span(y, aperture, scale)
    if not aperture.varies_over_field:
        return outline
    return _intersect(outline, _disc_span(y, *_rim_centre(aperture, field), 1.0))


@lru_cache(maxsize=_CACHED_KERNELS)
def _vertical_extent(aperture: Aperture, scale: float, field: tuple[float, float]) -> tuple[float, float]:
    """Lowest and highest y of the shape in the iris plane, by narrowing down; (0, 0) if it is empty."""

    def inside(y: np.ndarray) -> np.ndarray:
        left, right = _shape_span(y, aperture, scale, field)
        return right > left

    y = np.linspace(-1.0, 1.0, 257)
    for _ in range(5):
        within = np.flatnonzero(inside(y))
        if within.size == 0:
            return 0.0, 0.0
        first, last = within[0], within[-1]
        lowest, highest = y[first], y[last]
        ends = [np.linspace(y[max(first - 1, 0)], lowest, 65), np.linspace(highest, y[min(last + 1, y.size - 1)], 65)]
        y = np.concatenate(ends)
    return float(lowest), float(highest)


def _light_between(span: Span, y: np.ndarray, borders: np.ndarray, spherical: float) -> np.ndarray:
    """Integral over x of 1 + spherical (2 (x^2 + y^2) - 1), from left to right, between pixel borders:
    (lines, pixels).
    """
    left, right = span
    left, right = np.clip(left, borders[0], borders[-1]), np.clip(right, borders[0], borders[-1])
    x = np.clip(borders[None, :], left[:, None], np.maximum(left, right)[:, None])
    if spherical:
        x = x * (1.0 - spherical + 2.0 * spherical * (y * y)[:, None]) + (2.0 / 3.0 * spherical) * x**3
    return np.diff(x, axis=1)


def _intersect(a: Span, b: Span) -> Span:
    return np.maximum(a[0], b[0]), np.minimum(a[1], b[1])


def _disc_span(y: np.ndarray, x_centre: float, y_centre: float, radius: float) -> Span:
    """Where scan lines y enter and leave a disc; an empty interval (left > right) where they miss it."""
    square = radius * radius - (y - y_centre) ** 2
    half = np.where(square >= 0, np.sqrt(np.maximum(square, 0.0)), -np.inf)
    return x_centre - half, x_centre + half


def _outline_span(y: np.ndarray, aperture: Aperture, scale: float) -> Span:
    """Where scan lines y enter and leave the opening, scaled by `scale` about its centre.

    A curved blade is the arc of radius 1 / roundness through two neighbouring vertices of the inscribed
    polygon. With half the chord sin(pi/n) and the chord's distance cos(pi/n) from the centre, the arc's
    centre lies on the blade's axis at cos(pi/n) - sqrt(1 / roundness^2 - sin(pi/n)^2): 0 for a full circle,
    far behind for a straight blade. The opening is what all these discs (or half planes) have in common.
    """
    if aperture.blades == 0 or aperture.roundness == 1.0:
        return _disc_span(y, 0.0, 0.0, scale)
    left, right = np.full_like(y, -np.inf), np.full_like(y, np.inf)
    step = 2.0 * math.pi / aperture.blades
    chord = math.cos(0.5 * step)
    for blade in range(aperture.blades):
        axis = math.radians(aperture.rotation_deg) + blade * step  # a blade's middle, between two vertices
        if aperture.roundness < 1e-6:  # too straight to tell from a half plane
            span = _half_plane_span(y, math.cos(axis), math.sin(axis), scale * chord)
        else:
            arc = 1.0 / aperture.roundness
            centre = scale * (chord - math.sqrt(arc * arc - math.sin(0.5 * step) ** 2))
            span = _disc_span(y, centre * math.cos(axis), centre * math.sin(axis), scale * arc)
        left, right = _intersect((left, right), span)
    return left, right


def _half_plane_span(y: np.ndarray, nx: float, ny: float, distance: float) -> Span:
    """Where scan lines lie in the half plane nx x + ny y <= distance."""
    left, right = np.full_like(y, -np.inf), np.full_like(y, np.inf)
    room = distance - ny * y
    if abs(nx) < 1e-12:
        return np.where(room >= 0, left, np.inf), np.where(room >= 0, right, -np.inf)
    return (left, room / nx) if nx > 0 else (room / nx, right)


def _picture_weights(radius: float, near: bool, aperture: Aperture, field: tuple[float, float]) -> np.ndarray:
    """Light on each pixel (float64, not normalised) of a picture used as the opening.

    The picture is sampled bilinearly on a grid at least as fine as its own pixels, which is then summed per
    pixel.
    """
    picture = aperture.picture
    assert picture is not None  # for the type checker: only called for one
    rows, columns = _reach(radius, aperture)
    longer = max(picture.shape)
    wanted = max(4.0, longer / (2.0 * radius), 16.0 / radius)
    fine = math.ceil(min(wanted, 2048.0 / (2 * max(rows, columns) + 1)))
    height, width = (2 * rows + 1) * fine, (2 * columns + 1) * fine
    x = ((np.arange(width) + 0.5) / fine - columns - 0.5) * aperture.squeeze / radius
    y = -((np.arange(height) + 0.5) / fine - rows - 0.5) / radius
    turn = math.radians(aperture.rotation_deg)
    along = x[None, :] * math.cos(turn) + y[:, None] * math.sin(turn)
    up = y[:, None] * math.cos(turn) - x[None, :] * math.sin(turn)
    map_x = (along * 0.5 * longer + 0.5 * picture.shape[1] - 0.5).astype(np.float32)
    map_y = (-up * 0.5 * longer + 0.5 * picture.shape[0] - 0.5).astype(np.float32)
    light = cv2.remap(picture, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    light = light.astype(np.float64)
    square = x[None, :] ** 2 + y[:, None] ** 2
    if aperture.obstruction > 0:
        light[square < aperture.obstruction] = 0.0
    if aperture.spherical:
        light *= np.maximum(1.0 + _profile(near, aperture) * (2.0 * square - 1.0), 0.0)
    if aperture.varies_over_field:
        rim_x, rim_y = _rim_centre(aperture, field)
        light[(x[None, :] - rim_x) ** 2 + (y[:, None] - rim_y) ** 2 > 1.0] = 0.0
    return light.reshape(2 * rows + 1, fine, 2 * columns + 1, fine).sum(axis=(1, 3))
