# SPDX-License-Identifier: GPL-3.0-or-later
"""Follow the Shot: decisions proposed in a thread, with progress and Esc; kept or deleted one by one, or all."""

from __future__ import annotations

import bpy

from ....craft.follow import Proposal
from ...blender import signals
from ...blender.context import redraw_sequencers, strip_in
from ...desk import follow
from ...shot import proposals
from .jobs import Awaited
from .rack import OnRackedStrip


def _shown(context: bpy.types.Context) -> None:
    """Let the tracks and the panels show what is proposed now."""
    signals.edited()
    redraw_sequencers()


class RACKFOCUS_OT_follow_shot(Awaited, OnRackedStrip, bpy.types.Operator):
    """Propose where to rack in this shot, from its depth, motion and marks: who enters, comes nearer, moves or leaves.
    Nothing is keyed: the proposals appear on the focus track, to be kept, dragged or deleted. Esc stops"""

    bl_idname = "rackfocus.follow_shot"
    bl_label = "Follow the Shot"
    kept = "Stopped: nothing was proposed"

    network: bpy.props.StringProperty(
        name="Mask Network",
        description="Network file (.onnx) that masks people; empty takes the preferences' own, or none",
        subtype="FILE_PATH",
    )

    def on(self, context: bpy.types.Context, strip: bpy.types.Strip) -> set[str]:
        task = follow.plan(strip, bpy.path.abspath(self.network))
        self._where = strip.id_data.name, strip.name
        return self.begin(context, "Follow the Shot", lambda job: follow.run(task, job.tell, job.is_stopping))

    def finish(self, context: bpy.types.Context, outcome: list[Proposal]) -> set[str]:
        strip = strip_in(*self._where)
        if strip is None:
            raise ValueError(f'"{self._where[1]}" is not there any more')
        if not outcome:
            self.report({"WARNING"}, "Nothing stands out of this shot's depth: see what Depth Doctor says of it")
            return {"CANCELLED"}
        proposals.put(strip, outcome)
        _shown(context)
        self.report({"INFO"}, "; ".join(follow.told(one) for one in outcome))
        return {"FINISHED"}


class _OnProposals(OnRackedStrip):
    """Operators on one proposal of a strip, or on all."""

    index: bpy.props.IntProperty(name="Proposal", description="Which one, 0 the first; -1 all", default=-1, min=-1)

    def strip(self, context: bpy.types.Context) -> bpy.types.Strip:
        strip = super().strip(context)
        if self.index >= len(proposals.of(strip)) or not len(proposals.of(strip)):
            raise ValueError(f'"{strip.name}" has no such proposal: use Follow the Shot first')
        return strip


class RACKFOCUS_OT_proposal_keep(_OnProposals, bpy.types.Operator):
    """Make it keys: focus arrives with its subject and stays with it. Keys by hand stay"""

    bl_idname = "rackfocus.proposal_keep"
    bl_label = "Keep Proposal"

    def on(self, context: bpy.types.Context, strip: bpy.types.Strip) -> set[str]:
        if self.index >= 0:
            kept, problems = 1, follow.keep(strip, self.index)
        else:
            kept, problems = follow.keep_all(strip)
        _shown(context)
        for problem in problems:
            self.report({"WARNING"} if self.index < 0 else {"INFO"}, problem)
        if not kept:
            return {"CANCELLED"}
        self.report({"INFO"}, f"{kept} kept")
        return {"FINISHED"}


class RACKFOCUS_OT_proposal_delete(_OnProposals, bpy.types.Operator):
    """Take the proposal off the list"""

    bl_idname = "rackfocus.proposal_delete"
    bl_label = "Delete Proposal"

    def on(self, context: bpy.types.Context, strip: bpy.types.Strip) -> set[str]:
        if self.index < 0:
            proposals.put(strip, ())
        else:
            proposals.remove(strip, self.index)
        _shown(context)
        return {"FINISHED"}


CLASSES = (RACKFOCUS_OT_follow_shot, RACKFOCUS_OT_proposal_keep, RACKFOCUS_OT_proposal_delete)
