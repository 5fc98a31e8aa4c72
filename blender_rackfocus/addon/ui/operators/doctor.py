# SPDX-License-Identifier: GPL-3.0-or-later
"""The depth doctor's buttons: examine, put right, and near and far from two known points."""

from __future__ import annotations

import bpy

from ....craft.distances import distance_text
from ....craft.doctor import FINDINGS, Finding
from ...blender import signals
from ...blender.context import sequencer_scene
from ...desk import strip_doctor
from ..panels.text import fields
from .on_strip import OnStrip

_WHICH = (("ALL", "Everything", "Put right everything that was found"), *((n, n, "") for n in FINDINGS))


class RACKFOCUS_OT_depth_examine(OnStrip, bpy.types.Operator):
    """Look at the strip's depth beside its pictures, and say what is wrong with it"""

    bl_idname = "rackfocus.depth_examine"
    bl_label = "Examine Depth"

    def on(self, context: bpy.types.Context, strip: bpy.types.Strip) -> set[str]:
        look = strip_doctor.examine(strip, sequencer_scene(context))
        strip_doctor.remember(strip, look)
        if look.findings:
            self.report({"WARNING"}, " ".join(one.words for one in look.findings))
        else:
            self.report({"INFO"}, "Nothing is wrong with this depth, as far as can be seen")
        return {"FINISHED"}


class RACKFOCUS_OT_depth_fix(OnStrip, bpy.types.Operator):
    """Put right what the doctor found: a setting where that will do, else a repaired copy of the depth"""

    bl_idname = "rackfocus.depth_fix"
    bl_label = "Put Right"

    finding: bpy.props.EnumProperty(name="Finding", description="What to put right", items=_WHICH)
    near_m: bpy.props.FloatProperty(
        name="Near",
        description="Distance of the nearest value, in metres; 0 takes the strip's",
        subtype="DISTANCE",
        min=0.0,
    )
    far_m: bpy.props.FloatProperty(
        name="Far",
        description="Distance of the farthest value, in metres; 0 takes the strip's",
        subtype="DISTANCE",
        min=0.0,
    )

    def on(self, context: bpy.types.Context, strip: bpy.types.Strip) -> set[str]:
        scene = sequencer_scene(context)
        near_m, far_m = self._ends_m(strip)
        if not 0 < near_m < far_m:
            raise ValueError(f"near ({distance_text(near_m)}) must be above 0 and below far ({distance_text(far_m)})")
        look = strip_doctor.examine(strip, scene)
        chosen = [finding for finding in look.findings if self.finding in {"ALL", finding.name}]
        if not chosen:
            strip_doctor.remember(strip, look)
            self.report({"WARNING"}, "The doctor does not find that any more: nothing was changed")
            return {"CANCELLED"}
        self._put_right(context, strip, chosen, look)
        strip_doctor.remember(strip, strip_doctor.examine(strip, scene))
        signals.redraw()
        self.report({"INFO"}, "; ".join(finding.fix for finding in chosen))
        return {"FINISHED"}

    def draw(self, _context: bpy.types.Context) -> None:
        fields(self.layout, self, ("finding", "near_m", "far_m"))

    def _put_right(
        self, context: bpy.types.Context, strip: bpy.types.Strip, chosen: list[Finding], look: strip_doctor.Look
    ) -> None:
        near_m, far_m = self._ends_m(strip)
        if all(strip_doctor.is_setting(finding, strip) for finding in chosen):
            strip_doctor.apply_settings(strip, chosen, look.convention, near_m, far_m)
            return
        ends = {"near_m": near_m, "far_m": far_m} if any(finding.needs for finding in chosen) else {}
        scene, manager = sequencer_scene(context), context.window_manager
        manager.progress_begin(0, 1)
        try:
            strip_doctor.repair(strip, scene, chosen, look.convention, progress=manager.progress_update, **ends)
        finally:
            manager.progress_end()

    def _ends_m(self, strip: bpy.types.Strip) -> tuple[float, float]:
        return self.near_m or strip.rackfocus_near_m, self.far_m or strip.rackfocus_far_m


class RACKFOCUS_OT_depth_from_points(OnStrip, bpy.types.Operator):
    """Set near and far from two points of the picture whose distances are known"""

    bl_idname = "rackfocus.depth_from_points"
    bl_label = "Near and Far from Two Points"

    point_1: bpy.props.FloatVectorProperty(
        name="First Point", description="Pixels of the picture, from its top left corner", size=2, min=0.0
    )
    metres_1: bpy.props.FloatProperty(name="Its Distance", subtype="DISTANCE", default=1.0, min=0.001)
    point_2: bpy.props.FloatVectorProperty(
        name="Second Point", description="Pixels of the picture, from its top left corner", size=2, min=0.0
    )
    metres_2: bpy.props.FloatProperty(name="Its Distance", subtype="DISTANCE", default=5.0, min=0.001)

    def on(self, context: bpy.types.Context, strip: bpy.types.Strip) -> set[str]:
        scene = sequencer_scene(context)
        frame = min(max(scene.frame_current, int(strip.left_handle)), int(strip.right_handle) - 1)
        first, second = (strip_doctor.value_at(strip, scene, frame, *point) for point in (self.point_1, self.point_2))
        convention, words = strip_doctor.from_two_points(strip, scene, (first, second), (self.metres_1, self.metres_2))
        strip_doctor.set_convention(strip, convention)
        signals.redraw()
        self.report({"INFO"}, f"From the two points: {words}")
        return {"FINISHED"}


CLASSES = (RACKFOCUS_OT_depth_examine, RACKFOCUS_OT_depth_fix, RACKFOCUS_OT_depth_from_points)
