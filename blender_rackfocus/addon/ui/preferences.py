# SPDX-License-Identifier: GPL-3.0-or-later
"""The add-on's preferences: where computed frames are kept, how drafts are made, what a new strip starts with."""

from __future__ import annotations

import bpy

from ...craft import lenses
from ..blender import cache, cores, signals
from ..sequencer import live
from . import menus
from .operators import jobs
from .panels import networks
from .panels.text import fields

_LENSES = (
    ("NONE", "50 mm f/2.8", "The modifier's own start values"),
    *((key, lens.label, lens.explanation) for key, lens in lenses.LENSES.items()),
)


def _set_threads(self: RACKFOCUS_preferences, _context: bpy.types.Context) -> None:
    cores.use_threads(self.threads)


def _redraw(_self: RACKFOCUS_preferences, context: bpy.types.Context) -> None:
    live.forget()
    signals.redraw()


class RACKFOCUS_preferences(bpy.types.AddonPreferences):
    bl_idname = cache.ROOT

    use_cache: bpy.props.BoolProperty(
        name="Keep Computed Frames",
        description="Frames seen once at final quality are not computed again",
        default=True,
    )
    cache_folder: bpy.props.StringProperty(
        name="Folder",
        description="Where computed frames are kept; empty for a folder of your own. Several Blenders may share one",
        subtype="DIR_PATH",
    )
    cache_limit_gb: bpy.props.FloatProperty(
        name="Size (GB)",
        description="How many gigabytes computed frames may fill; what was used least recently goes first",
        default=cache.DEFAULT_LIMIT_GB,
        min=0.1,
        soft_max=1000.0,
        precision=1,
    )

    draft_scale: bpy.props.FloatProperty(
        name="Draft Size",
        description="Width of the drafts the preview shows while something moves, as a share of full HD",
        default=0.5,
        min=0.15,
        max=1.0,
        subtype="FACTOR",
        update=_redraw,
    )
    threads: bpy.props.IntProperty(
        name="Threads",
        description="Processor cores for making frames; on Linux each but one gets a helper process. 0 takes all, "
        "1 needs no helper",
        default=0,
        min=0,
        soft_max=64,
        update=_set_threads,
    )
    default_lens: bpy.props.EnumProperty(
        name="Default Lens", description="The lens that a new Rack Focus modifier starts with", items=_LENSES
    )
    depth_model: bpy.props.StringProperty(
        name="Depth Model",
        description="A depth network (.onnx) for clips without depth; nothing is downloaded unless you ask below",
        subtype="FILE_PATH",
    )

    mask_model: bpy.props.StringProperty(
        name="Mask Model",
        description="A network (.onnx) that masks people, for Draw Subject; without one, colours and edges decide",
        subtype="FILE_PATH",
    )

    def draw(self, context: bpy.types.Context) -> None:
        shown = ("default_lens", "draft_scale", "threads", "depth_model", "mask_model")
        column = fields(self.layout, self, shown)
        jobs.draw_running(column)
        networks.draw_table(column, None)
        if cores.complaint():
            column.label(text=cores.complaint(), icon="INFO")
        column.separator()
        self._draw_cache(column)
        column.separator()
        menus.draw_shortcuts(self.layout.column(), context)

    def _draw_cache(self, column: bpy.types.UILayout) -> None:
        column.prop(self, "use_cache")
        fields = column.column()
        fields.active = self.use_cache
        fields.prop(self, "cache_folder")
        fields.prop(self, "cache_limit_gb")
        column.label(text=cache.folder(), icon="FILE_FOLDER")
        row = column.row()
        for action in ("LOOK", "VERIFY", "CLEAR"):
            row.operator("rackfocus.store", text=action.capitalize()).action = action


CLASSES = (RACKFOCUS_preferences,)


def register() -> None:
    chosen = cache.preferences()
    if chosen is not None:
        cores.use_threads(chosen.threads)
