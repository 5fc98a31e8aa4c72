# SPDX-License-Identifier: GPL-3.0-or-later
"""A Blender camera as the values of Rack Focus inputs: what a thin-lens render engine would take from it."""

from __future__ import annotations

import bpy

from ..blender.errors import FrameError

NAMES = ("Focus Distance", "F-Stop", "Focal Length", "Sensor Width", "Blades", "Blade Rotation", "Squeeze")
"""The inputs that a camera tells."""


def values_of(camera: bpy.types.Object, render: bpy.types.RenderSettings) -> dict[str, float]:
    """Inputs by name, from an evaluated camera object.

    Focus is the distance along the camera's axis to the focus object (or the named bone of it), else the focus
    distance; a Blender unit is a metre, as Cycles takes it. Raises FrameError for panoramic and orthographic ones.
    """
    data = camera.data
    if camera.type != "CAMERA":
        raise FrameError(f'camera "{camera.name}": it is no camera object')
    if data.type != "PERSP":
        raise FrameError(f'camera "{camera.name}": only perspective cameras have a thin lens; set Lens to Inputs')
    dof = data.dof
    wide, high = _frame_size(render)
    return {
        "Focus Distance": _focus_m(camera),
        "F-Stop": dof.aperture_fstop,
        "Focal Length": data.lens,
        "Sensor Width": sensor_width_mm(data, wide, high),
        "Blades": dof.aperture_blades,
        "Blade Rotation": dof.aperture_rotation,
        # Width of the bokeh is 1 / ratio of its height; oblong pixels make it taller or flatter in pixels.
        "Squeeze": dof.aperture_ratio * render.pixel_aspect_x / render.pixel_aspect_y,
    }


def sensor_width_mm(data: bpy.types.Camera, wide: float, high: float) -> float:
    """Width of the sensor behind the picture's whole width, by the camera's sensor fit.

    wide, high: the picture's size in units of equal length (pixels times their aspect).
    """
    if data.sensor_fit == "VERTICAL":
        return data.sensor_height * wide / high
    if data.sensor_fit == "HORIZONTAL" or wide >= high:
        return data.sensor_width
    return data.sensor_width * wide / high


def _frame_size(render: bpy.types.RenderSettings) -> tuple[float, float]:
    return render.resolution_x * render.pixel_aspect_x, render.resolution_y * render.pixel_aspect_y


def _focus_m(camera: bpy.types.Object) -> float:
    dof = camera.data.dof
    target = dof.focus_object
    if target is None:
        return dof.focus_distance
    matrix = target.matrix_world
    bone = target.pose.bones.get(dof.focus_subtarget) if dof.focus_subtarget and target.pose else None
    if bone is not None:
        matrix = matrix @ bone.matrix
    axis = camera.matrix_world.col[2].to_3d().normalized()
    return abs((matrix.translation - camera.matrix_world.translation).dot(axis))
