# SPDX-License-Identifier: GPL-3.0-or-later
"""Get a Network: a download on a person's word, or a file that is on this machine already."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import bpy

from ....estimate import EstimateError, models
from ...blender.context import active_strip
from ...depth import networks
from .jobs import Job, OnThread


class _Anywhere:
    """Operators that need no strip."""

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return True


class RACKFOCUS_OT_network_get(OnThread, _Anywhere, bpy.types.Operator):
    """Download a depth network and use it from then on. Nothing is downloaded before you say so; Esc stops, and what
    has come is kept for the next time"""

    bl_idname = "rackfocus.network_get"
    bl_label = "Get a Network"
    bl_options: ClassVar[set[str]] = {"REGISTER"}
    kind = "DOWNLOAD"
    expected = (EstimateError,)
    kept = "Stopped. What has come is kept: Get a Network goes on from there"

    name: bpy.props.StringProperty(name="Network", description="Its name in the table", default=models.TABLE[0].name)
    consent: bpy.props.BoolProperty(
        name="Download It", description="You want this file from its host on this machine", options={"SKIP_SAVE"}
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not bpy.app.online_access:
            cls.poll_message_set(networks.OFFLINE)
            return False
        return super().poll(context)

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        self.consent = True  # what the dialog's button says
        return context.window_manager.invoke_props_dialog(self, width=460, confirm_text="Download")

    def draw(self, _context: bpy.types.Context) -> None:
        model = models.named(self.name)
        column = self.layout.column()
        column.label(text=f"{model.name}: {model.gives}")
        column.label(text=f"{networks.size_words(model)} from {networks.host_of(model)}, licence: {model.licence}")
        column.label(text=f"Kept in {networks.folder()}", icon="FILE_FOLDER")

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            model = models.named(self.name)
        except EstimateError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        folder, consent = networks.folder(), self.consent

        def work(job: Job) -> Path:
            def progress(have: int, total: int) -> None:
                job.tell(have / max(total or model.size_bytes, 1), f"{have / 1e6:.1f} MB")

            return models.get(model, folder, consent=consent, progress=progress, cancelled=job.is_stopping)

        return self.begin(context, f"Get {model.name}", work)

    def finish(self, context: bpy.types.Context, outcome: Path) -> set[str]:
        networks.use(outcome, active_strip(context))
        self.report({"INFO"}, f"{self.name} is here, and is used by Estimate Depth from now on")
        return {"FINISHED"}


class RACKFOCUS_OT_network_use(bpy.types.Operator):
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

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            networks.use(bpy.path.abspath(self.filepath), active_strip(context), for_masks=self.for_masks)
        except EstimateError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


CLASSES = (RACKFOCUS_OT_network_get, RACKFOCUS_OT_network_use)
