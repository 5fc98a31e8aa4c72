# SPDX-License-Identifier: GPL-3.0-or-later
"""Lens presets, sensor formats, and the lens of a Blender camera."""

from __future__ import annotations

from typing import ClassVar

import bpy

from ....craft import lenses
from ...desk import shots
from ...shot import camera_lens
from .rack import OnRackedStrip, racked_strip
from .recipes import EXPECTED

LENSES = tuple((key, lens.label, lens.explanation) for key, lens in lenses.LENSES.items())
SENSORS = tuple((key, f"{s.label}, {s.width_mm:g} mm", s.explanation) for key, s in lenses.SENSORS.items())


class RACKFOCUS_OT_lens_preset(OnRackedStrip, bpy.types.Operator):
    """Put a lens on: focal length, f-stop wide open, blades and squeeze"""

    bl_idname = "rackfocus.lens_preset"
    bl_label = "Lens"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    preset: bpy.props.EnumProperty(name="Lens", description="A lens by name", items=LENSES, default="N50_18")

    def execute(self, context: bpy.types.Context) -> set[str]:
        strip = racked_strip(self, context, self.strip_name)
        if strip is None:
            return {"CANCELLED"}
        shots.put_on(strip, lenses.LENSES[self.preset])
        return {"FINISHED"}


class RACKFOCUS_OT_sensor_format(OnRackedStrip, bpy.types.Operator):
    """Set the width of the sensor or film that the picture's width shows"""

    bl_idname = "rackfocus.sensor_format"
    bl_label = "Sensor"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    format: bpy.props.EnumProperty(name="Sensor", description="A format by name", items=SENSORS)

    def execute(self, context: bpy.types.Context) -> set[str]:
        strip = racked_strip(self, context, self.strip_name)
        if strip is None:
            return {"CANCELLED"}
        width_mm = lenses.SENSORS[self.format].width_mm
        shots.set_value(strip, "Sensor Width", width_mm * shots.value_of(strip, "Squeeze"))
        return {"FINISHED"}


class RACKFOCUS_OT_lens_from_camera(OnRackedStrip, bpy.types.Operator):
    """Take focal length, sensor, f-stop, blades and focus from a Blender camera, for a shot rendered with it. What
    moves is keyed; a focus object is followed"""

    bl_idname = "rackfocus.lens_from_camera"
    bl_label = "From Camera"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    scene: bpy.props.StringProperty(
        name="Scene", description="The scene the shot was rendered from; empty for the window's"
    )
    camera: bpy.props.StringProperty(name="Camera", description="A camera object; empty for the scene's own")

    def execute(self, context: bpy.types.Context) -> set[str]:
        strip = racked_strip(self, context, self.strip_name)
        if strip is None:
            return {"CANCELLED"}
        scene = bpy.data.scenes.get(self.scene) if self.scene else context.scene
        if scene is None:
            self.report({"ERROR"}, f'There is no scene named "{self.scene}"')
            return {"CANCELLED"}
        camera = scene.objects.get(self.camera) if self.camera else scene.camera
        if camera is None:
            self.report({"ERROR"}, f'Scene "{scene.name}" has no camera{" of that name" if self.camera else ""}')
            return {"CANCELLED"}
        try:
            done = shots.from_camera(strip, scene, camera)
        except (*EXPECTED, camera_lens.CameraError) as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, f"From {camera.name}: {', '.join(done)}")
        return {"FINISHED"}


CLASSES = (RACKFOCUS_OT_lens_preset, RACKFOCUS_OT_sensor_format, RACKFOCUS_OT_lens_from_camera)
