# SPDX-License-Identifier: GPL-3.0-or-later
"""Estimate Depth: the job runs beside Blender, says how far it is, and stops when asked."""

from __future__ import annotations

import os

import bpy

from ...blender.context import sequencer_scene, strip_in
from ...depth import strip_estimate
from ...shot import modifier
from .jobs import OnThread
from .on_strip import OnStrip, given_modifier


class RACKFOCUS_OT_estimate_depth(OnThread, OnStrip, bpy.types.Operator):
    """Estimate depth for the frames that the strip shows, and use it. Esc stops; what is finished is kept"""

    bl_idname = "rackfocus.estimate_depth"
    bl_label = "Estimate Depth"
    kept = "Stopped. What is finished is kept: Estimate Depth goes on from there"

    source: bpy.props.EnumProperty(name="Source", description="How depth is found", items=strip_estimate.SOURCES)
    handles: bpy.props.IntProperty(
        name="Handles", description="Frames more on either side of what the strip shows", default=0, min=0, soft_max=100
    )
    model_path: bpy.props.StringProperty(
        name="Model",
        description="Network file (.onnx); empty takes the strip's, else the preferences' own",
        subtype="FILE_PATH",
    )
    model_kind: bpy.props.EnumProperty(
        name="Model Gives",
        description="What the network's numbers mean",
        items=(
            ("AUTO", "Automatic", "As was set for this network, else as its graph and a trial tell"),
            ("RELATIVE", "Relative", "Nearness without a scale: near and far are yours to set"),
            ("DISTANCE", "Distance", "Distance without a scale: near and far are yours to set"),
            ("METRIC", "Metric", "Metres"),
        ),
    )
    focal_known: bpy.props.BoolProperty(
        name="Focal Length Is Known",
        description="The modifier's focal length and sensor width are the shot's own (camera movement needs them)",
    )
    invert: bpy.props.BoolProperty(name="Invert", description="Near and far came out exchanged: turn them around")
    beside: bpy.props.BoolProperty(
        name="Beside the .blend",
        description="Keep the depth in a folder beside the .blend instead of the cache, so that it travels along",
    )

    _where: tuple[str, str] = ("", "")

    def on(self, context: bpy.types.Context, strip: bpy.types.Strip) -> set[str]:
        scene = sequencer_scene(context)
        task = strip_estimate.task_of(
            strip,
            scene,
            source=self.source,
            handles=self.handles,
            model_path=self.model_path,
            model_kind=self.model_kind,
            focal_known=self.focal_known,
            invert=self.invert,
            beside=self.beside,
        )
        self._where, self._task = (scene.name, strip.name), task
        return self.begin(
            context, self.bl_label, lambda job: strip_estimate.run(task, job.tell, job.show, job.is_stopping)
        )

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        for name in ("source", "handles", "beside"):
            layout.prop(self, name)
        if self.source in {"AUTO", "NETWORK"}:
            layout.prop(self, "model_path")
            layout.prop(self, "model_kind")
        if self.source in {"AUTO", "PARALLAX"}:
            layout.prop(self, "focal_known")
        layout.prop(self, "invert")

    def finish(self, context: bpy.types.Context, outcome: strip_estimate.Outcome) -> set[str]:
        task = self._task
        strip = strip_in(*self._where)
        if strip is None:
            self.report({"WARNING"}, f'The strip "{self._where[1]}" is gone; its depth is kept in {task.folder}')
            return {"CANCELLED"}
        with given_modifier(self, context, strip):
            strip_estimate.use(strip, task, outcome.provenance, beside=self.beside)
        self.report({"INFO"}, outcome.summary())
        return {"FINISHED"}


class RACKFOCUS_OT_depth_from_stream(OnStrip, bpy.types.Operator):
    """Take another video stream of the strip's own movie for its depth, as phones write it"""

    bl_idname = "rackfocus.depth_from_stream"
    bl_label = "Use the Other Stream as Depth"

    stream: bpy.props.IntProperty(name="Video Stream", default=1, min=0, max=99)

    def on(self, context: bpy.types.Context, strip: bpy.types.Strip) -> set[str]:
        if strip.type != "MOVIE":
            raise ValueError("Only a movie has further video streams")
        modifier.add(strip)
        strip.rackfocus_depth_path = strip.filepath
        strip.rackfocus_depth_stream = self.stream
        strip.rackfocus_depth_source = "FILE"
        return {"FINISHED"}


class RACKFOCUS_OT_depth_file(OnStrip, bpy.types.Operator):
    """Take depth from a file: a still, any file of a sequence, or a movie"""

    bl_idname = "rackfocus.depth_file"
    bl_label = "Choose a Depth File"

    filepath: bpy.props.StringProperty(name="File", description="Depth on disk", subtype="FILE_PATH")

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def on(self, context: bpy.types.Context, strip: bpy.types.Strip) -> set[str]:
        if not os.path.isfile(bpy.path.abspath(self.filepath)):
            raise ValueError(f"{self.filepath}: there is no such file")
        modifier.add(strip)
        strip.rackfocus_depth_path = self.filepath
        strip.rackfocus_depth_source = "FILE"
        return {"FINISHED"}


CLASSES = (RACKFOCUS_OT_estimate_depth, RACKFOCUS_OT_depth_file, RACKFOCUS_OT_depth_from_stream)
