# SPDX-License-Identifier: GPL-3.0-or-later
"""What each timeline shows of the tracks now, and what the mouse is over or drags: between drawing and editing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import bpy

from ...blender.context import sequencer_scene
from ...blender.session import session
from ...desk.track import Track, tracks
from ...shot import modifier
from .. import overlay
from . import layout

SWITCH = "rackfocus_show_track"
"""The window manager's property that shows the tracks."""
RULER_PX = 23
"""Height of the timeline's ruler, over which nothing is drawn."""


@dataclass
class Drag:
    """A drag that is under way. scales: the ends of the dragged tracks' scales, which stay while they are dragged.
    words: what is said beside the mouse. mouse: where. snapped: the frame that was caught, or None."""

    scales: dict[str, tuple[float, float]]
    words: str = ""
    mouse: tuple[float, float] = (0.0, 0.0)
    snapped: float | None = None


@dataclass
class Timeline:
    """What one region shows. hover: what the mouse is over."""

    rows: list[layout.Row] = field(default_factory=list)
    view: layout.View = field(default_factory=lambda: layout.View(0, 1, 0, 1, 0, 0))
    joined: layout.Joined = field(default_factory=lambda: layout.Joined([]))
    hover: layout.Hit | None = None


class Shown:
    """Timelines by their region, and the one drag. redraw_s: Python's time of the last redraw (seconds)."""

    def __init__(self) -> None:
        self.timelines: dict[int, Timeline] = {}
        self.drag: Drag | None = None
        self.redraw_s = 0.0
        self._scaled: dict[str, tuple[Track, Track]] = {}

    def timeline(self, region: bpy.types.Region) -> Timeline:
        """The one of a region."""
        return self.timelines.setdefault(region.as_pointer(), Timeline())

    def look(self, context: bpy.types.Context) -> Timeline:
        """A region's timeline as it is now."""
        timeline = self.timeline(context.region)
        timeline.view = view_of(context)
        timeline.rows = [row for row in self._rows(context) if layout.is_seen(row, timeline.view)]
        now = tuple(row.track for row in timeline.rows)
        if now != timeline.joined.tracks:
            timeline.joined = layout.Joined(now)
        return timeline

    def _rows(self, context: bpy.types.Context) -> Iterator[layout.Row]:
        scene = sequencer_scene(context)
        editor = scene.sequence_editor if scene is not None else None
        if editor is None:
            return
        listed = list(strips_shown(editor))
        by_name = {strip.name: (strip, outer) for strip, outer in listed}
        active, locked = editor.active_strip, scene.library is not None
        for track in tracks().of(scene, [strip for strip, _ in listed]):
            strip, outer = by_name[track.strip]
            yield layout.Row(
                self._at_scale(track), outer.channel, outer.select, outer == active, locked or strip.lock or outer.lock
            )

    def _at_scale(self, track: Track) -> Track:
        """A track at the scale it had when its drag began."""
        scale = self.drag.scales.get(track.strip) if self.drag is not None else None
        if scale is None:
            return track
        before = self._scaled.get(track.strip)
        if before is None or before[0] is not track or (before[1].low_d, before[1].high_d) != scale:
            self._scaled[track.strip] = before = track, replace(track, low_d=scale[0], high_d=scale[1])
        return before[1]


def shown() -> Shown:
    """The one there is."""
    return session.part(Shown)


def strips_shown(editor: bpy.types.SequenceEditor) -> Iterator[tuple[bpy.types.Strip, bpy.types.Strip]]:
    """Strips that may have a track, and the strip of the open list that each is drawn on: itself, or the meta strip
    around it."""
    level = editor.meta_stack[-1].strips if editor.meta_stack else editor.strips
    for outer in level:
        if outer.type == "META":
            yield from ((strip, outer) for strip in _inside(outer))
        elif outer.type in modifier.KINDS or outer.type == "SCENE":
            yield outer, outer


def _inside(meta: bpy.types.Strip) -> Iterator[bpy.types.Strip]:
    for strip in meta.strips:
        if strip.type == "META":
            yield from _inside(strip)
        else:
            yield strip


def view_of(context: bpy.types.Context) -> layout.View:
    """What a timeline's region shows."""
    region, scale = context.region, context.preferences.system.ui_scale
    frame0, channel0 = region.view2d.region_to_view(0, 0)
    frame1, channel1 = region.view2d.region_to_view(region.width, region.height)
    return layout.View(
        frame0=frame0,
        px_per_frame=region.width / (frame1 - frame0),
        channel0=channel0,
        px_per_channel=region.height / (channel1 - channel0),
        width=region.width,
        height=region.height - RULER_PX * scale,
        scale=scale,
    )


def is_on(context: bpy.types.Context) -> bool:
    """Whether a timeline shows tracks."""
    return overlay.is_on(context, SWITCH, "WINDOW")
