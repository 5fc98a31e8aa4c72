# SPDX-License-Identifier: GPL-3.0-or-later
"""From a point of the sequencer's preview to a pixel of a strip's own picture, and to the distance there.

`Placement`, `to_strip` and `from_strip` are plain arithmetic, after Blender's `sequencer_image_crop_transform_matrix`
and `sequencer_image_crop_init` (source/blender/sequencer/intern/render.cc): a strip's picture is cropped, scaled and
turned about its origin, moved on the canvas, and flips mirror all of that about the canvas's middle. Zoom and pan are
the region's own, and a proxy changes nothing: the view counts in pixels of the full-size canvas, around its middle.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import bpy
import numpy as np

from ...craft.track import depth_at_point
from ...media.colour import linear_to_srgb
from ..blender import pairs, strips
from ..shot import modifier
from . import frames

PATCH = 21
"""Pixels across the magnified patch; odd, so that one is in the middle."""


@dataclass(frozen=True)
class Placement:
    """How a picture lies on a canvas.

    size, canvas: width and height in pixels. offset: pixels, x to the right and y up. scale, rotation (radians,
    counter-clockwise), origin: share of the picture's size, from its lower left corner. flip: x, y. crop: pixels taken
    off left, right, bottom and top of the picture in its file.
    """

    size: tuple[float, float]
    canvas: tuple[float, float]
    offset: tuple[float, float] = (0.0, 0.0)
    scale: tuple[float, float] = (1.0, 1.0)
    rotation: float = 0.0
    origin: tuple[float, float] = (0.5, 0.5)
    flip: tuple[bool, bool] = (False, False)
    crop: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Pick:
    """What lies under a point of the preview. strip: with a Rack Focus modifier. x, y: pixels of its picture from the
    top left, a pixel's centre at 0.5. metres: inf for the sky, NaN where there is no depth. patch: (PATCH, PATCH, 4)
    float32 of the picture around it, sRGB, 0 to 1, clipped to it at borders. depth_m: (height, width) of the whole
    picture."""

    strip: bpy.types.Strip
    x: float
    y: float
    metres: float
    width: int
    height: int
    patch: np.ndarray
    depth_m: np.ndarray


def to_strip(x: float, y: float, placement: Placement) -> tuple[float, float] | None:
    """The picture's pixel (from its top left) under a canvas point (pixels from the canvas's middle, y up); None where
    the picture does not reach or is cropped."""
    width, height = placement.size
    pivot = width * placement.origin[0], height * placement.origin[1]
    if not all(placement.scale):
        return None
    x, y = (-x if placement.flip[0] else x), (-y if placement.flip[1] else y)
    # canvas middle -> canvas corner -> relative to the placed pivot
    px = x + placement.canvas[0] / 2 - placement.offset[0] - (placement.canvas[0] - width) / 2 - pivot[0]
    py = y + placement.canvas[1] / 2 - placement.offset[1] - (placement.canvas[1] - height) / 2 - pivot[1]
    c, s = math.cos(placement.rotation), math.sin(placement.rotation)
    u = (c * px + s * py) / placement.scale[0] + pivot[0]
    v = (-s * px + c * py) / placement.scale[1] + pivot[1]
    left, right, bottom, top = placement.crop
    if not (left <= u < width - right and bottom <= v < height - top):
        return None
    return min(max(u, 0.0), width - 1e-3), min(max(height - v, 0.0), height - 1e-3)


def from_strip(x: float, y: float, placement: Placement) -> tuple[float, float]:
    """Inverse of `to_strip` (crop apart): where on the canvas a picture's pixel lies."""
    width, height = placement.size
    pivot = width * placement.origin[0], height * placement.origin[1]
    u, v = x, height - y
    c, s = math.cos(placement.rotation), math.sin(placement.rotation)
    du, dv = (u - pivot[0]) * placement.scale[0], (v - pivot[1]) * placement.scale[1]
    px, py = c * du - s * dv, s * du + c * dv
    out_x = px + pivot[0] + (placement.canvas[0] - width) / 2 + placement.offset[0] - placement.canvas[0] / 2
    out_y = py + pivot[1] + (placement.canvas[1] - height) / 2 + placement.offset[1] - placement.canvas[1] / 2
    return (-out_x if placement.flip[0] else out_x), (-out_y if placement.flip[1] else out_y)


def through(x: float, y: float, placements: Sequence[Placement]) -> tuple[float, float] | None:
    """`to_strip` through meta strips: placements from the outermost to the strip itself."""
    for i, placement in enumerate(placements):
        inside = to_strip(x, y, placement)
        if inside is None:
            return None
        if i + 1 < len(placements):
            x, y = inside[0] - placement.size[0] / 2, placement.size[1] / 2 - inside[1]
        else:
            return inside
    return None


def onto(x: float, y: float, placements: Sequence[Placement]) -> tuple[float, float]:
    """`from_strip` through meta strips: where on the canvas a picture's pixel lies, also one that is cropped away."""
    point = x, y
    for i in reversed(range(len(placements))):
        canvas_x, canvas_y = from_strip(*point, placements[i])
        outer = placements[i - 1].size if i else (0.0, 0.0)
        point = (canvas_x + outer[0] / 2, outer[1] / 2 - canvas_y) if i else (canvas_x, canvas_y)
    return point


def out_of(x: float, y: float, placements: Sequence[Placement]) -> tuple[float, float] | None:
    """Inverse of `through`: where on the canvas a picture's pixel is seen; None where it is cropped away."""
    point = onto(x, y, placements)
    return point if through(*point, placements) is not None else None


def placement_of(strip: bpy.types.Strip, size: tuple[float, float], canvas: tuple[float, float]) -> Placement:
    """A strip's placement. size: of its picture; a meta strip's is the canvas."""
    transform, crop = strip.transform, strip.crop
    return Placement(
        size=size,
        canvas=canvas,
        offset=(transform.offset_x, transform.offset_y),
        scale=(transform.scale_x, transform.scale_y),
        rotation=transform.rotation,
        origin=tuple(transform.origin),
        flip=(strip.use_flip_x, strip.use_flip_y),
        crop=(crop.min_x, crop.max_x, crop.min_y, crop.max_y),
    )


def placements_of(strip: bpy.types.Strip, size: tuple[float, float]) -> list[Placement]:
    """Placements from the outermost meta strip around a strip to the strip itself, in its scene's canvas."""
    render = strip.id_data.render
    canvas = float(render.resolution_x), float(render.resolution_y)
    chain = [placement_of(strip, size, canvas)]
    meta = strip.parent_meta()
    while meta is not None:
        chain.insert(0, placement_of(meta, canvas, canvas))
        meta = meta.parent_meta()
    return chain


def view_point(region: bpy.types.Region, scene: bpy.types.Scene, x: float, y: float) -> tuple[float, float]:
    """A preview region's pixel as a canvas point. The view is stretched by the pixels' aspect."""
    u, v = region.view2d.region_to_view(x, y)
    return u * scene.render.pixel_aspect_y / scene.render.pixel_aspect_x, v


def region_point(region: bpy.types.Region, scene: bpy.types.Scene, x: float, y: float) -> tuple[float, float]:
    """Inverse of `view_point`: the region's pixel of a canvas point, also outside of the region."""
    aspect = scene.render.pixel_aspect_x / scene.render.pixel_aspect_y
    return region.view2d.view_to_region(x * aspect, y, clip=False)


def candidates(scene: bpy.types.Scene, frame: float) -> list[strips.Shown]:
    """Strips with a Rack Focus modifier that a frame shows, the topmost first; the active one before all others. Of a
    placed strip its original."""
    here = (shown for shown in strips.walk(scene, frame) if shown.scene == scene)
    meant = [replace(shown, strip=pairs.meant(shown.strip)) for shown in here]
    racked = [shown for shown in meant if modifier.find(shown.strip) is not None]
    racked.reverse()
    active = pairs.meant(scene.sequence_editor.active_strip)
    return sorted(racked, key=lambda shown: shown.strip != active)


def pick(scene: bpy.types.Scene, x: float, y: float, nearest: bool = False, radius_px: int = 0) -> Pick | None:
    """What lies under a canvas point at the scene's current frame; None where no racked strip shows.

    nearest: read the nearest surface in the patch, not the one that fills most of it. radius_px: of the patch that is
    read; 0 = by the picture's size. Raises FrameError, MediaError, ValueError.
    """
    for candidate in candidates(scene, strips.standing_at(scene)):
        picture, depth_m = frames.sources(frames.look_job(candidate, modifier.find(candidate.strip)))
        height, width = depth_m.shape
        point = through(x, y, placements_of(candidate.strip, (float(width), float(height))))
        if point is None:
            continue
        radius = radius_px or max(2, round(width / 640))
        metres = depth_at_point(depth_m, *point, radius_px=radius, nearest=nearest)
        return Pick(candidate.strip, *point, metres, width, height, _patch(picture, *point), depth_m)
    return None


def _patch(picture: np.ndarray, x: float, y: float) -> np.ndarray:
    half = PATCH // 2
    rows = np.clip(np.arange(int(y) - half, int(y) + half + 1), 0, picture.shape[0] - 1)
    columns = np.clip(np.arange(int(x) - half, int(x) + half + 1), 0, picture.shape[1] - 1)
    patch = picture[rows[:, None], columns].copy()
    patch[..., :3] = linear_to_srgb(np.clip(patch[..., :3], 0, 1))
    return patch
