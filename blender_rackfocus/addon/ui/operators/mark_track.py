# SPDX-License-Identifier: GPL-3.0-or-later
"""Track a mark through the shot: in a thread, with progress; Esc leaves everything as it was."""

from __future__ import annotations

import bpy

from ...blender import strips
from ...blender.context import strip_in
from ...desk import tracking
from ...shot import marks
from .jobs import Awaited
from .rack import OnRackedStrip


class RACKFOCUS_OT_mark_track(Awaited, OnRackedStrip, bpy.types.Operator):
    """Follow a mark's point through the shot and read the depth under it on every frame; says where it is lost. Esc
    stops, and changes nothing"""

    bl_idname = "rackfocus.mark_track"
    bl_label = "Track Mark"
    kept = "Tracking stopped: nothing was changed"

    mark: bpy.props.StringProperty(name="Mark", description="The mark to track; empty for the active or a new one")
    name: bpy.props.StringProperty(name="Name", description="Name of a new mark", default="Mark")
    x: bpy.props.FloatProperty(
        name="X", description="Share of the picture's width; below 0: where the mark was picked", default=-1.0, max=1.0
    )
    y: bpy.props.FloatProperty(
        name="Y", description="Share of the picture's height, from the top", default=-1.0, max=1.0
    )
    nearest: bpy.props.BoolProperty(
        name="Nearest Surface", description="Read the nearest surface under the point, not the one that fills most"
    )

    def on(self, context: bpy.types.Context, strip: bpy.types.Strip) -> set[str]:
        mark = marks.find(strip, self.mark) if self.mark else None
        if self.mark and mark is None:
            raise ValueError(f'There is no mark named "{self.mark}"')
        if mark is None and self.x < 0:
            mark = marks.active(strip)
        here = strips.media_frame(strip, tracking.shown(strip, strip.id_data.frame_current).frame, strip.id_data)
        steps = tracking.plan(strip)
        x, y, start = self.x, self.y, here.index
        if x < 0 and mark is not None:
            x, y, start = mark.x, mark.y, mark.media_frame
        if x < 0 or y < 0:
            raise ValueError("Pick a point first: this mark is a distance and was not taken from the picture")
        nearest = self.nearest or (mark is not None and mark.nearest)
        self._where = strip.id_data.name, strip.name
        self._mark = mark.name if mark is not None else ""
        self._label = self._mark or self.name
        self._start, self._point, self._nearest = start, (x, y), nearest
        return self.begin(
            context,
            f'Track "{self._label}"',
            lambda job: tracking.run(steps, start, x, y, nearest, job.is_stopping, job.tell),
        )

    def finish(self, _context: bpy.types.Context, outcome: dict[int, marks.Sample]) -> set[str]:
        strip = strip_in(*self._where)
        if strip is None:
            raise ValueError(f'"{self._where[1]}" is not there any more')
        known = [sample.metres for sample in outcome.values() if sample.metres == sample.metres]
        if not known:
            raise ValueError("There is no depth under this point on any frame")
        mark = marks.find(strip, self._mark) if self._mark else None
        picked = outcome[self._start].metres
        if mark is None:
            mark = marks.add(strip, self._label, picked if picked == picked else known[0])
        mark.x, mark.y, mark.media_frame, mark.nearest = *self._point, self._start, self._nearest
        marks.set_samples(mark, outcome)
        lost = len(known) < len(outcome)
        self.report({"WARNING"} if lost else {"INFO"}, f"{mark.name}: {tracking.describe(outcome)}")
        return {"FINISHED"}


CLASSES = (RACKFOCUS_OT_mark_track,)
