# SPDX-License-Identifier: GPL-3.0-or-later
"""Convert a strip's Rack Focus modifier to Blender's own nodes, and back."""

from __future__ import annotations

import bpy

from ... import signals
from ...errors import FrameError
from ...shot import modifier, ownership
from ...twin import twin
from .on_strip import OnStrip


class RACKFOCUS_OT_convert_to_nodes(OnStrip, bpy.types.Operator):
    """Exchange Rack Focus for an approximation from Blender's own nodes, with the same inputs and keys, for a file that
    is handed on without the extension. Says how near it comes, in dB"""

    bl_idname = "rackfocus.convert_to_nodes"
    bl_label = "Convert to Nodes"

    def execute(self, context: bpy.types.Context) -> set[str]:
        strip = self.strip(context)
        if strip is None:
            return {"CANCELLED"}
        found = modifier.find(strip)
        if found is None:
            self.report({"ERROR"}, f'"{strip.name}" has no Rack Focus modifier')
            return {"CANCELLED"}
        ignored = twin.left_out(found)
        try:
            near_db, plain_db = twin.convert(strip, strip.id_data)
        except FrameError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        signals.redraw()
        told = f"Converted to nodes: {near_db:.1f} dB from the real result here (untouched picture {plain_db:.1f} dB)"
        self.report({"INFO"}, told)
        if ignored:
            self.report({"WARNING"}, f"The nodes have nothing for: {', '.join(ignored)}")
        return {"FINISHED"}


class RACKFOCUS_OT_convert_back(OnStrip, bpy.types.Operator):
    """Exchange the approximation from Blender's own nodes for the Rack Focus modifier that it was made from"""

    bl_idname = "rackfocus.convert_back"
    bl_label = "Convert Back"

    def execute(self, context: bpy.types.Context) -> set[str]:
        strip = self.strip(context)
        if strip is None:
            return {"CANCELLED"}
        if twin.find(strip) is None:
            self.report({"ERROR"}, f'"{strip.name}" was not converted to nodes')
            return {"CANCELLED"}
        twin.back(strip)
        ownership.separate()
        signals.redraw()
        return {"FINISHED"}


CLASSES = (RACKFOCUS_OT_convert_to_nodes, RACKFOCUS_OT_convert_back)
