# SPDX-License-Identifier: GPL-3.0-or-later
"""A scene rendered wider than its frame (overscan): the same view, pixel for pixel, with more of it on every side.

The copy's resolution grows by the margin, and so does what its camera's sensor (or an orthographic view) spans, so that
a pixel stays as large as it was; a lens shift, which is told as a share of that, shrinks.
"""

from __future__ import annotations

import math

import bpy

from ..blender import curves

STEP_PX = 4
"""Margins are multiples of this: cells of the blur then fall in the frame as they do without a margin."""
WIDENED = ("sensor_width", "sensor_height", "ortho_scale", "shift_x", "shift_y")
"""What is set anew in the camera's copy."""


def margin_px(percent: float, width: int) -> int:
    """How many pixels of margin a share of the picture's width is, on every side."""
    return STEP_PX * math.ceil(percent / 100 * width / STEP_PX) if percent > 0 else 0


def problem_of(camera: bpy.types.Object) -> str:
    """Why a camera cannot see wider; empty when it can."""
    if camera.type != "CAMERA" or camera.data.type not in {"PERSP", "ORTHO"}:
        return f'camera "{camera.name}" is panoramic, or of its own kind, and cannot see wider: set Overscan to 0'
    animation = camera.data.animation_data
    moved = {curve.data_path for curve in curves.of_nla(animation)} if animation is not None else set()
    if moved & set(WIDENED):
        return f'camera "{camera.name}" has its sensor or shift in NLA strips and cannot see wider: set Overscan to 0'
    return ""


def widen(
    data: bpy.types.Camera, own: bpy.types.Camera, size: tuple[int, int], margin: int, aspect: tuple[float, float]
) -> None:
    """Set a camera's copy to see so many pixels more on every side.

    own: the camera as it is at the frame. size: width and height of its frame in pixels. aspect: of a pixel, x and y.
    """
    wide = size[0] + 2 * margin, size[1] + 2 * margin
    factor = _spanned(own, wide, aspect) / _spanned(own, size, aspect)
    for name in WIDENED:
        value = getattr(own, name)
        setattr(data, name, value / factor if name.startswith("shift") else value * factor)


def _spanned(data: bpy.types.Camera, size: tuple[int, int], aspect: tuple[float, float]) -> float:
    """The side of a frame that the sensor spans, in widths of a pixel (`BKE_camera_params_compute_viewplane`)."""
    across, down = size[0] * aspect[0], size[1] * aspect[1]
    fit = data.sensor_fit
    return (across if fit == "HORIZONTAL" or (fit == "AUTO" and across >= down) else down) / aspect[0]
