# SPDX-License-Identifier: GPL-3.0-or-later
"""Lens presets, sensor formats, and the lens of a Blender camera."""

from __future__ import annotations

import bpy

from ....craft import lenses
from ...desk import shots
from .rack import OnRackedStrip

LENSES = tuple((key, lens.label, lens.explanation) for key, lens in lenses.LENSES.items())
SENSORS = tuple(
    (key, f"{sensor.label}, {sensor.width_mm:g} mm", sensor.explanation) for key, sensor in lenses.SENSORS.items()
)


class RACKFOCUS_OT_lens_preset(OnRackedStrip, bpy.types.Operator):
    """Put a lens on: focal length, f-stop wide open, blades and squeeze"""

    bl_idname = "rackfocus.lens_preset"
    bl_label = "Lens"

    preset: bpy.props.EnumProperty(name="Lens", description="A lens by name", items=LENSES, default="N50_18")

    def on(self, context: bpy.types.Context, strip: bpy.types.Strip) -> set[str]:
        shots.put_on(strip, lenses.LENSES[self.preset])
        return {"FINISHED"}


class RACKFOCUS_OT_sensor_format(OnRackedStrip, bpy.types.Operator):
    """Set the width of the sensor or film that the picture's width shows"""

    bl_idname = "rackfocus.sensor_format"
    bl_label = "Sensor"

    format: bpy.props.EnumProperty(name="Sensor", description="A format by name", items=SENSORS)

    def on(self, context: bpy.types.Context, strip: bpy.types.Strip) -> set[str]:
        width_mm = lenses.SENSORS[self.format].width_mm
        shots.set_value(strip, "Sensor Width", width_mm * shots.value_of(strip, "Squeeze"))
        return {"FINISHED"}


class RACKFOCUS_OT_lens_from_camera(OnRackedStrip, bpy.types.Operator):
    """Take focal length, sensor, f-stop, blades and focus from a Blender camera, for a shot rendered with it. What
    moves is keyed; a focus object is followed"""

    bl_idname = "rackfocus.lens_from_camera"
    bl_label = "From Camera"

    scene: bpy.props.StringProperty(
        name="Scene", description="The scene the shot was rendered from; a scene strip has its own"
    )
    camera: bpy.props.StringProperty(name="Camera", description="A camera object; empty for the scene's own")

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        return self.told(self._ask, context)

    def _ask(self, context: bpy.types.Context) -> set[str]:
        strip = self.strip(context)
        if self.scene or strip.type == "SCENE":
            return self.execute(context)
        self.strip_name = strip.name
        others = [one for one in bpy.data.scenes if one != strip.id_data and one.camera is not None]
        self.scene = others[0].name if len(others) == 1 else ""
        return context.window_manager.invoke_props_dialog(self, title=f'Lens of "{strip.name}" from a Camera')

    def draw(self, _context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.prop_search(self, "scene", bpy.data, "scenes")
        chosen = bpy.data.scenes.get(self.scene)
        if chosen is not None:
            layout.prop_search(self, "camera", chosen, "objects")

    def on(self, context: bpy.types.Context, strip: bpy.types.Strip) -> set[str]:
        scene, camera = self._camera(strip)
        done = shots.from_camera(strip, scene, camera)
        self.report({"INFO"}, f'From {camera.name} in scene "{scene.name}": {", ".join(done)}')
        return {"FINISHED"}

    def _camera(self, strip: bpy.types.Strip) -> tuple[bpy.types.Scene, bpy.types.Object]:
        """The scene and the camera meant. Raises ValueError for what is missing."""
        own = strip.scene if strip.type == "SCENE" else None
        scene = bpy.data.scenes.get(self.scene) if self.scene else own
        if scene is None:
            rendered = f'"{strip.name}" is a file: say which scene it was rendered from'
            raise ValueError(f'There is no scene named "{self.scene}"' if self.scene else rendered)
        usual = own is not None and scene == own and strip.scene_camera
        camera = scene.objects.get(self.camera) if self.camera else usual or scene.camera
        if camera is None:
            raise ValueError(f'Scene "{scene.name}" has no camera{" of that name" if self.camera else ""}')
        return scene, camera


CLASSES = (RACKFOCUS_OT_lens_preset, RACKFOCUS_OT_sensor_format, RACKFOCUS_OT_lens_from_camera)
