# SPDX-License-Identifier: GPL-3.0-or-later
"""Get a Network: a download on a person's word, or a file that is on this machine already."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import bpy

from ...blender.context import active_strip, sequencer_scene
from ...depth import networks, strip_estimate
from ..panels.text import fields
from .jobs import Job, OnThread
from .on_strip import OnStrip
from .telling import Doing


class RACKFOCUS_OT_network_get(OnThread, bpy.types.Operator):
    """Download a depth network and use it from then on. Nothing is downloaded before you say so; Esc stops, and what
    has come is kept for the next time"""

    bl_idname = "rackfocus.network_get"
    bl_label = "Get a Network"
    bl_options: ClassVar[set[str]] = {"REGISTER"}
    kind = "DOWNLOAD"
    kept = "Stopped. What has come is kept: Get a Network goes on from there"

    name: bpy.props.StringProperty(
        name="Network", description="Its name in the table", default=networks.offered()[0].name
    )
    consent: bpy.props.BoolProperty(
        name="Download It", description="You want this file from its host on this machine", options={"SKIP_SAVE"}
    )

    @classmethod
    def missing(cls, context: bpy.types.Context) -> str:
        return super().missing(context) if bpy.app.online_access else networks.OFFLINE

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        self.consent = True  # what the dialog's button says
        return context.window_manager.invoke_props_dialog(self, width=460, confirm_text="Download")

    def draw(self, _context: bpy.types.Context) -> None:
        model = networks.named(self.name)
        column = self.layout.column()
        column.label(text=f"{model.name}: {model.gives}")
        column.label(text=f"{networks.size_words(model)} from {networks.host_of(model)}, licence: {model.licence}")
        column.label(text=f"Kept in {networks.folder()}", icon="FILE_FOLDER")

    def do(self, context: bpy.types.Context) -> set[str]:
        model = networks.named(self.name)
        fetch = networks.fetcher(model, consent=self.consent)

        def work(job: Job) -> Path:
            def progress(have: int, total: int) -> None:
                job.tell(have / max(total or model.size_bytes, 1), f"{have / 1e6:.1f} MB")

            return fetch(progress=progress, cancelled=job.is_stopping)

        return self.begin(context, f"Get {model.name}", work)

    def finish(self, context: bpy.types.Context, outcome: Path) -> set[str]:
        networks.use(outcome, active_strip(context))
        self.report({"INFO"}, f"{self.name} is here, and is used by Estimate Depth from now on")
        return {"FINISHED"}


class RACKFOCUS_OT_network_use(Doing, bpy.types.Operator):
    """Use a network's file that is on this machine"""

    bl_idname = "rackfocus.network_use"
    bl_label = "Choose a Network"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    filepath: bpy.props.StringProperty(name="File", description="The network's file (.onnx)", subtype="FILE_PATH")
    filter_glob: bpy.props.StringProperty(default="*.onnx", options={"HIDDEN"})
    for_masks: bpy.props.BoolProperty(
        name="For Masks", description="It masks people (Draw Subject), instead of giving depth", options={"SKIP_SAVE"}
    )

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def do(self, context: bpy.types.Context) -> set[str]:
        networks.use(bpy.path.abspath(self.filepath), active_strip(context), for_masks=self.for_masks)
        return {"FINISHED"}


class RACKFOCUS_OT_network_look(OnThread, OnStrip, bpy.types.Operator):
    """Try the network on pictures of this strip, and say what was found: its input, in which form it takes the picture,
    which output is the depth, what its numbers mean"""

    bl_idname = "rackfocus.network_look"
    bl_label = "Look at the Network"
    bl_options: ClassVar[set[str]] = {"REGISTER"}

    def on(self, context: bpy.types.Context, strip: bpy.types.Strip) -> set[str]:
        look = networks.trial(strip, sequencer_scene(context))

        def work(job: Job) -> list[str]:
            job.tell(0.1, "trying it on the clip")
            return look()

        return self.begin(context, self.bl_label, work)

    def finish(self, _context: bpy.types.Context, outcome: list[str]) -> set[str]:
        doubtful = [line for line in outcome if line.startswith("doubtful")]
        self.report({"WARNING" if doubtful else "INFO"}, "; ".join(doubtful or outcome))
        return {"FINISHED"}


_FOUND = ("FOUND", "Found Out", "As its graph and a trial tell")
_OWN = "OWN"


class RACKFOCUS_OT_network_settings(Doing, bpy.types.Operator):
    """Say yourself how the network is used, where what was found is wrong. It is kept with the network, by its
    checksum, wherever its file lies"""

    bl_idname = "rackfocus.network_settings"
    bl_label = "Set How the Network Is Used"
    bl_options: ClassVar[set[str]] = {"REGISTER"}

    filepath: bpy.props.StringProperty(name="File", description="The network's file (.onnx)", options={"HIDDEN"})
    kind: bpy.props.EnumProperty(
        name="Gives",
        description="What its numbers mean",
        items=(
            ("AUTO", *_FOUND[1:]),
            ("RELATIVE", "Nearness without a Scale", "As disparity: near and far are yours to set"),
            ("DISTANCE", "Distance without a Scale", "Near and far are yours to set"),
            ("METRIC", "Metres", "True distances"),
        ),
    )
    direction: bpy.props.EnumProperty(
        name="Larger Is",
        description="What a larger number means",
        items=(("AUTO", *_FOUND[1:]), ("NEARER", "Nearer", ""), ("FARTHER", "Farther", "")),
    )
    form: bpy.props.EnumProperty(
        name="Picture As",
        description="In which form it takes the picture's numbers",
        items=(
            _FOUND,
            *((key, name, "") for key, name in networks.FORMS.items()),
            (_OWN, "Mean and Deviation", "Set below"),
        ),
    )
    mean: bpy.props.FloatVectorProperty(name="Mean", description="Of red, green, blue, 0 to 1", size=3, precision=4)
    deviation: bpy.props.FloatVectorProperty(
        name="Deviation",
        description="Of red, green, blue, 0 to 1",
        size=3,
        precision=4,
        default=(1.0, 1.0, 1.0),
        min=1e-6,
    )
    long_side_px: bpy.props.IntProperty(
        name="Long Side",
        description="Pixels of its input's longer side, where the file leaves it free; 0: found out",
        min=0,
    )
    multiple: bpy.props.IntProperty(
        name="Multiple", description="Its input's sides are multiples of this; 0: found out", min=0, max=256
    )
    output: bpy.props.StringProperty(name="Output", description="The output that is the depth; empty: found out")

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        return self.told(self._ask, context)

    def _ask(self, context: bpy.types.Context) -> set[str]:
        self.filepath = self.filepath or strip_estimate.model_of(active_strip(context))
        now = networks.settings_of(self.filepath)
        for name in ("kind", "direction", "long_side_px", "multiple", "output"):
            setattr(self, name, getattr(now, name))
        self.form = "FOUND"
        if now.mean is not None and now.std is not None:
            self.form = networks.form_of(now) or _OWN
            self.mean, self.deviation = now.mean, now.std
        return context.window_manager.invoke_props_dialog(self, width=460, confirm_text="Keep")

    def draw(self, _context: bpy.types.Context) -> None:
        column = self.layout.column()
        for line in networks.found(self.filepath):
            column.label(text=line)
        numbers = ("mean", "deviation") if self.form == _OWN else ()
        fields(self.layout, self, ("kind", "direction", "form", *numbers, "long_side_px", "multiple", "output"))
        there = networks.outputs(self.filepath)
        if len(there) > 1:
            self.layout.label(text=f"Outputs that may be its depth: {', '.join(there)}")

    def do(self, context: bpy.types.Context) -> set[str]:
        path = self.filepath or strip_estimate.model_of(active_strip(context))
        by_hand = {"FOUND": (None, None), _OWN: (tuple(self.mean), tuple(self.deviation))}
        mean, std = by_hand.get(self.form) or networks.numbers_of(self.form)
        others = {name: getattr(self, name) for name in ("direction", "long_side_px", "multiple", "output")}
        networks.keep(path, self.kind, mean=mean, std=std, **others)
        self.report({"INFO"}, "Kept: the next estimate uses it so. Look at the Network shows what that makes of it")
        return {"FINISHED"}


CLASSES = (
    RACKFOCUS_OT_network_get,
    RACKFOCUS_OT_network_use,
    RACKFOCUS_OT_network_look,
    RACKFOCUS_OT_network_settings,
)
