# SPDX-License-Identifier: GPL-3.0-or-later
"""The mouse and the keys on the focus track."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import ClassVar

import bpy

from ....craft import pull
from ....craft.distances import distance_text
from ...blender import signals
from ...blender.context import redraw_sequencers, sequencer_scene, strip_named
from ...blender.session import session
from ...desk import follow
from ...desk.track import Track
from ...shot import marks, proposals
from ..operators.rack import EXPECTED, FEELS
from ..operators.telling import Doing, Telling
from . import edit, layout
from .timelines import Drag, Timeline, is_on, shown, strips_shown

DRAG_PX, SNAP_PX, FINE_PX = 3, 8, 50
"""A press that goes no farther than the first is a click; what is nearer than the second is caught; on a track lower
than the third, the mouse goes that far from one end of the scale to the other."""
_HELP = "Drag: time or distance, whichever comes first   Shift: both   Ctrl: snap or not   Esc: as it was"
_ONE_CALL = {"SKIP_SAVE"}


class _Clicks:
    """The press before, to tell a double click. Both presses are ours here, where the window's own double click would
    have been Blender's first."""

    def __init__(self) -> None:
        self._last = (-math.inf, 0, 0)

    def is_second(self, context: bpy.types.Context, event: bpy.types.Event) -> bool:
        """Whether this press is the second of a double click."""
        now, (then, x, y) = time.monotonic(), self._last
        near = abs(event.mouse_x - x) <= DRAG_PX and abs(event.mouse_y - y) <= DRAG_PX
        double = near and now - then < context.preferences.inputs.mouse_double_click_time / 1000
        self._last = (-math.inf if double else now, event.mouse_x, event.mouse_y)
        return double


def _under(context: bpy.types.Context, event: bpy.types.Event) -> tuple[Timeline, layout.Hit | None]:
    """The timeline, and what of it lies under the mouse."""
    timeline = shown().look(context)
    x, y = event.mouse_region_x, event.mouse_region_y
    inside = 0 <= x < context.region.width and 0 <= y < timeline.view.height
    return timeline, layout.hit(timeline.rows, timeline.view, x, y) if inside else None


def _selected(context: bpy.types.Context) -> list[bpy.types.Strip]:
    """Strips that may have tracks and are selected, or lie in a selected meta strip."""
    editor = sequencer_scene(context).sequence_editor
    return [strip for strip, outer in strips_shown(editor) if outer.select and not (strip.lock or outer.lock)]


def _take(context: bpy.types.Context, strip: bpy.types.Strip, *, add: bool) -> None:
    """Make a strip the active one, and the selected one where it is not selected yet."""
    editor = sequencer_scene(context).sequence_editor
    outer = next(outer for one, outer in strips_shown(editor) if one == strip)
    if not outer.select:
        if not add:
            for _, other in strips_shown(editor):
                other.select = False
        outer.select = True
    editor.active_strip = outer


class _OnTrack(Telling):
    """Operators that are asked for over a track; elsewhere the key or click is Blender's own."""

    bl_options: ClassVar[set[str]] = {"UNDO", "INTERNAL"}
    expected = EXPECTED

    strip_name: bpy.props.StringProperty(name="Strip", description="Name of the strip", options=_ONE_CALL)
    frame: bpy.props.FloatProperty(name="Frame", description="Frame of the key", options=_ONE_CALL)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        scene = sequencer_scene(context)
        return scene is not None and scene.sequence_editor is not None


class _OnKey(_OnTrack, Doing):
    """Those that a script or a menu calls for the key of a strip on a frame."""

    def do(self, context: bpy.types.Context) -> set[str]:
        strip = strip_named(context, self.strip_name)
        if strip is None:
            raise ValueError(f'There is no strip named "{self.strip_name}" in this scene')
        return self.on(context, strip)

    def on(self, context: bpy.types.Context, strip: bpy.types.Strip) -> set[str]:
        """Do it; what the operator returns."""
        raise NotImplementedError


class RACKFOCUS_OT_track_drag(_OnTrack, bpy.types.Operator):
    """Drag on the focus track: a point in time or distance, a rack as a whole, its edges for its length. A double click
    makes a rack that arrives there, on the curve a key, and keeps what is proposed; Shift-click adds to what is
    selected"""

    bl_idname = "rackfocus.track_drag"
    bl_label = "Drag Focus"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        timeline, hit = _under(context, event)
        self._grips: list[edit.Grip | edit.ProposalGrip] = []
        if session.part(_Clicks).is_second(context, event) and _double(self, context, event, timeline, hit):
            return self._until_released(context)
        if hit is None:
            return {"PASS_THROUGH"}  # the strip's own
        row = timeline.rows[hit.row]
        strip = strip_named(context, row.track.strip)
        _take(context, strip, add=event.shift)
        others = _selected(context)
        if hit.part == "PROPOSAL":
            return self._hold(context, event, timeline, hit, [edit.ProposalGrip(strip, hit.proposal)])
        if event.shift:
            edit.choose(strip, hit.frames, others, add=True)
            return self._until_released(context)
        if not edit.are_several(strip, hit.frames, others):
            edit.choose(strip, hit.frames, others, add=False)
        return self._hold(context, event, timeline, hit, edit.grips(strip, hit.frames, hit.part, others))

    def _hold(
        self,
        context: bpy.types.Context,
        event: bpy.types.Event,
        timeline: Timeline,
        hit: layout.Hit,
        held: Sequence[edit.Grip | edit.ProposalGrip],
    ) -> set[str]:
        """Begin to drag."""
        self._hit, self._row, self._view = hit, timeline.rows[hit.row], timeline.view
        self._start = self._mouse = event.mouse_region_x, event.mouse_region_y
        self._axis = {"POINT": "", "PROPOSAL": "", "HOLD": "Y"}.get(hit.part, "X")
        self._grips = list(held)
        names = {grip.focus.strip.name for grip in self._grips}
        self._targets = self._frames_to_snap_to(context, timeline, names)
        tracks = [one.track for one in timeline.rows if one.track.strip in names]
        scales = {track.strip: (track.low_d, track.high_d) for track in tracks}
        shown().drag = Drag(scales, mouse=self._mouse, words=self._words(0.0, 0.0))
        context.workspace.status_text_set(_HELP)
        return self._until_released(context)

    def _until_released(self, context: bpy.types.Context) -> set[str]:
        """The whole press is ours: no other tool sees it."""
        self._moved = False
        context.window_manager.modal_handler_add(self)
        redraw_sequencers()
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if event.type in {"ESC", "RIGHTMOUSE"} and event.value == "PRESS":
            if self._moved:
                for grip in self._grips:
                    grip.put_back()
            self._leave(context)
            return {"CANCELLED"}
        if event.type == "LEFTMOUSE" and event.value == "RELEASE":
            self._leave(context)
            return {"FINISHED"}
        if self._grips and event.type in {"MOUSEMOVE", "LEFT_CTRL", "RIGHT_CTRL", "LEFT_SHIFT", "RIGHT_SHIFT"}:
            self._mouse = event.mouse_region_x, event.mouse_region_y
            self._follow(context, event)
        return {"RUNNING_MODAL"}

    def cancel(self, context: bpy.types.Context) -> None:
        self._leave(context)

    def _follow(self, context: bpy.types.Context, event: bpy.types.Event) -> None:
        dx, dy = self._mouse[0] - self._start[0], self._mouse[1] - self._start[1]
        if not self._moved and max(abs(dx), abs(dy)) < DRAG_PX:
            return
        if not self._axis:
            self._axis = "X" if abs(dx) >= abs(dy) else "Y"
        self._moved = True
        free = event.shift and self._hit.part in {"POINT", "PROPOSAL"}
        frames = self._frames(context, dx, event.ctrl) if free or self._axis == "X" else 0.0
        dioptres = self._dioptres(dy, frames) if free or self._axis == "Y" else 0.0
        try:
            for grip in self._grips:
                grip.move(frames, dioptres)
        except RuntimeError as error:  # Blender will not let it be keyed
            self.report({"ERROR"}, str(error))
        shown().drag.words, shown().drag.mouse = self._words(frames, dioptres), self._mouse
        redraw_sequencers()

    def _frames(self, context: bpy.types.Context, dx: float, ctrl: bool) -> float:
        """How far in time: whole frames, caught by what is near, as far as all that is held can go."""
        by = dx / self._view.px_per_frame
        held = (min(self._hit.frames), max(self._hit.frames))
        by = round(held[0] + by) - held[0]
        shown().drag.snapped = None
        if sequencer_scene(context).tool_settings.use_snap_sequencer != ctrl:
            within = SNAP_PX * self._view.scale / self._view.px_per_frame
            more, caught = edit.snapped([frame + by for frame in held], self._targets, within)
            by, shown().drag.snapped = by + more, caught
        for grip in self._grips:
            by = grip.room(by)
        return by

    def _dioptres(self, dy: float, frames: float) -> float:
        """How far in distance, caught by marks and by other keys of the strip."""
        track, box = self._row.track, layout.box_of(self._row, self._view)
        frame, start = self._hit.frames[0], self._dioptre_held()
        share = float(track.share(start)) + dy / max(box.top - box.bottom, FINE_PX * self._view.scale)
        wanted = track.dioptre(share)
        targets = [float(_at(mark, frame + frames)) for mark in track.marks]
        targets += [point.dioptre for point in track.points if point.frame not in self._hit.frames]
        within = SNAP_PX * self._view.scale / (box.top - box.bottom) * (track.high_d - track.low_d)
        return wanted + edit.snapped([wanted], targets, within)[0] - start

    def _dioptre_held(self) -> float:
        """The distance of what was taken, in dioptres."""
        if self._hit.part == "PROPOSAL":
            return self._row.track.proposed[self._hit.proposal].dioptre
        return self._row.track.dioptre_at(self._hit.frames[0])

    def _frames_to_snap_to(self, context: bpy.types.Context, timeline: Timeline, held: set[str]) -> list[float]:
        scene = sequencer_scene(context)
        frames = [float(scene.frame_current), *(float(marker.frame) for marker in scene.timeline_markers)]
        for row in timeline.rows:
            frames += [float(row.track.first), float(row.track.last)]
            if row.track.strip not in held:
                frames += [point.frame for point in row.track.points if point.kind != "WITHIN"]
        chosen = {grip.keys[i].frame for grip in self._grips for i in grip.chosen}
        own = [key.frame for grip in self._grips for key in grip.keys]
        return frames + [frame for frame in own if frame not in chosen]

    def _words(self, frames: float, dioptres: float) -> str:
        track, held = self._row.track, self._hit.frames
        metres = 1 / max(self._dioptre_held() + dioptres, 1 / pull.INFINITY_M)
        if self._hit.part == "BODY":
            return f"frames {min(held) + frames:g} to {max(held) + frames:g}"
        if self._hit.part == "HOLD":
            return distance_text(metres)
        words = f"frame {held[0] + frames:g}, {distance_text(metres)}"
        if self._hit.part == "PROPOSAL":
            return words
        around = [s for s in track.stretches if s.kind != "HOLD" and held[0] in (s.first, s.last)]
        if len(around) == 1:
            length = around[0].last - around[0].first
            words += f", {length + (frames if held[0] == around[0].last else -frames):g} frames long"
        return words

    def _leave(self, context: bpy.types.Context) -> None:
        shown().drag = None
        context.workspace.status_text_set(None)
        redraw_sequencers()


def _at(mark, frame: float) -> float:
    index = min(max(int(mark.frames.searchsorted(frame, side="right")) - 1, 0), mark.frames.size - 1)
    return mark.dioptres[index]


class RACKFOCUS_OT_track_click(_OnTrack, bpy.types.Operator):
    """A double click on the focus track makes a rack that arrives there"""

    bl_idname = "rackfocus.track_click"
    bl_label = "Make a Rack"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if not is_on(context) or not session.part(_Clicks).is_second(context, event):
            return {"PASS_THROUGH"}
        timeline, hit = _under(context, event)
        if not _double(self, context, event, timeline, hit):
            return {"PASS_THROUGH"}
        redraw_sequencers()
        return {"FINISHED"}


def _double(
    operator: _OnTrack, context: bpy.types.Context, event: bpy.types.Event, timeline: Timeline, hit: layout.Hit | None
) -> bool:
    """What a double click does: it makes a proposal keys, else a key or a rack. False outside of a track."""
    if hit is None or hit.part != "PROPOSAL":
        return _make(operator, context, event, timeline)
    operator.told(follow.keep, strip_named(context, timeline.rows[hit.row].track.strip), hit.proposal)
    signals.edited()
    return True


def _make(operator: _OnTrack, context: bpy.types.Context, event: bpy.types.Event, timeline: Timeline) -> bool:
    """What a double click makes: a key on the curve, else a rack that arrives there. False outside of a track."""
    x, y, view = event.mouse_region_x, event.mouse_region_y, timeline.view
    at = layout.place(timeline.rows, view, x, y)
    if at is None:
        return False
    index, frame, dioptre = at
    row, scene = timeline.rows[index], sequencer_scene(context)
    strip, frame = strip_named(context, row.track.strip), float(round(frame))
    _take(context, strip, add=False)
    try:
        if layout.near_curve(row, view, x, y):
            done = edit.key_here(strip, frame)
        else:
            end = _end_of(strip, row, view, frame, dioptre)
            keep = not scene.rackfocus_replace_keys
            done = edit.rack_to(strip, frame, end, scene.rackfocus_feel, scene.rackfocus_duration, keep)
        operator.report({"INFO"}, done)
    except (ValueError, RuntimeError) as error:
        operator.report({"ERROR"}, str(error))
    return True


def _end_of(strip: bpy.types.Strip, row: layout.Row, view: layout.View, frame: float, dioptre: float) -> pull.Mark:
    """Where a rack goes that is made at a place: to the mark that is near it, else to that distance."""
    box, track = layout.box_of(row, view), row.track
    within = SNAP_PX * view.scale / (box.top - box.bottom) * (track.high_d - track.low_d)
    near = sorted((abs(_at(line, frame) - dioptre), line.name) for line in track.marks)
    mark = marks.find(strip, near[0][1]) if near and near[0][0] <= within else None
    if mark is not None:
        return marks.for_pull(strip, mark)
    metres = min(1 / max(dioptre, 1 / pull.INFINITY_M), pull.INFINITY_M)
    return pull.Mark(distance_text(metres), float(f"{metres:.3g}"))


class RACKFOCUS_OT_track_remove(_OnKey, bpy.types.Operator):
    """Take away the rack or the key under the mouse, and all that is selected where it is selected"""

    bl_idname = "rackfocus.track_remove"
    bl_label = "Remove Rack or Key"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        timeline, hit = _under(context, event) if is_on(context) else (None, None)
        if hit is None or hit.part == "HOLD":
            return {"PASS_THROUGH"}
        strip = strip_named(context, timeline.rows[hit.row].track.strip)
        if hit.part == "PROPOSAL":
            proposals.remove(strip, hit.proposal)
            signals.edited()
            redraw_sequencers()
            return {"FINISHED"}
        others = [one for one in _selected(context) if one != strip]
        if not edit.are_several(strip, hit.frames, others):
            return self.told(self._remove, [(strip, _ends(strip, hit))])
        taken = [(one, edit.chosen_frames(one)) for one in others]
        own = edit.chosen_frames(strip).union(_ends(strip, hit))
        return self.told(self._remove, [(strip, own), *((one, frames) for one, frames in taken if frames)])

    def on(self, _context: bpy.types.Context, strip: bpy.types.Strip) -> set[str]:
        return self._remove([(strip, edit.ends_at(strip, self.frame))])

    def _remove(self, taken: list) -> set[str]:
        count = sum(edit.remove(strip, frames) for strip, frames in taken)
        if not count:
            self.report({"INFO"}, "The last key stays: it holds the focus")
            return {"CANCELLED"}
        self.report({"INFO"}, f"{count} removed")
        redraw_sequencers()
        return {"FINISHED"}


def _ends(strip: bpy.types.Strip, hit: layout.Hit) -> tuple[float, ...]:
    if hit.part == "BODY":
        return hit.frames
    return edit.ends_at(strip, hit.frames[0])


class RACKFOCUS_OT_track_menu(_OnTrack, bpy.types.Operator):
    """What can be done with the rack or the key under the mouse"""

    bl_idname = "rackfocus.track_menu"
    bl_label = "Focus Point"
    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        timeline, hit = _under(context, event) if is_on(context) else (None, None)
        if hit is None or hit.part == "HOLD":
            return {"PASS_THROUGH"}
        track = timeline.rows[hit.row].track
        strip = strip_named(context, track.strip)
        _take(context, strip, add=False)
        if hit.part == "PROPOSAL":
            return _proposal_menu(context, strip, track, hit.proposal)
        first, last = min(hit.frames), max(hit.frames)
        named = [mark.name for mark in marks.of(strip)]
        title = f"Frame {first:g}" if first == last else f"Frames {first:g} to {last:g}"
        middle = (first + last) / 2

        def draw(menu: bpy.types.Menu, _context: bpy.types.Context) -> None:
            layout_ = menu.layout
            layout_.label(text="Feel")
            for feel, label, _ in FEELS:
                button = layout_.operator("rackfocus.track_feel", text=label)
                button.strip_name, button.frame, button.feel = strip.name, middle, feel
            if first == last:
                layout_.separator()
                layout_.operator_context = "INVOKE_DEFAULT"
                button = layout_.operator("rackfocus.track_distance", text="Distance...")
                button.strip_name, button.frame, button.distance = strip.name, first, track.focus_m(first)
                layout_.operator_context = "EXEC_DEFAULT"
                for name in named:
                    button = layout_.operator("rackfocus.track_distance", text=f"On {name}")
                    button.strip_name, button.frame, button.mark = strip.name, first, name
            layout_.separator()
            layout_.operator_context = "EXEC_DEFAULT"
            button = layout_.operator("rackfocus.track_remove", text="Remove", icon="X")
            button.strip_name, button.frame = strip.name, last

        context.window_manager.popup_menu(draw, title=title, icon="IPO_EASE_IN_OUT")
        return {"FINISHED"}


def _proposal_menu(context: bpy.types.Context, strip: bpy.types.Strip, track: Track, index: int) -> set[str]:
    """What can be done with a proposal."""

    def draw(menu: bpy.types.Menu, _context: bpy.types.Context) -> None:
        for operator, text, icon, which in (
            ("rackfocus.proposal_keep", "Keep", "CHECKMARK", index),
            ("rackfocus.proposal_delete", "Delete", "X", index),
            ("rackfocus.proposal_keep", "Keep All", "NONE", -1),
            ("rackfocus.proposal_delete", "Delete All", "NONE", -1),
        ):
            button = menu.layout.operator(operator, text=text, icon=icon)
            button.strip_name, button.index = strip.name, which

    words = track.proposed[index].words
    context.window_manager.popup_menu(draw, title=f"Proposed: {words}", icon="VIEWZOOM")
    return {"FINISHED"}


class RACKFOCUS_OT_track_feel(_OnKey, bpy.types.Operator):
    """How this rack feels; its ends and its time stay"""

    bl_idname = "rackfocus.track_feel"
    bl_label = "Feel of the Rack"

    feel: bpy.props.EnumProperty(name="Feel", description="How the pull feels", items=FEELS, options=_ONE_CALL)

    def on(self, context: bpy.types.Context, strip: bpy.types.Strip) -> set[str]:
        frames = {strip: self.frame}
        for one in _selected(context):  # the rack of other selected strips that is selected too
            at = edit.chosen_frames(one)
            if one != strip and len(at) > 1:
                frames[one] = (min(at) + max(at)) / 2
        if not sum(edit.give_feel(one, frame, self.feel) for one, frame in frames.items()):
            raise ValueError("Focus rests here: only a rack has a feel")
        redraw_sequencers()
        return {"FINISHED"}


class RACKFOCUS_OT_track_distance(_OnKey, bpy.types.Operator):
    """Put this key, and what is held at it, to a distance"""

    bl_idname = "rackfocus.track_distance"
    bl_label = "Distance of the Key"

    distance: bpy.props.FloatProperty(
        name="Distance",
        description="Metres from the camera",
        subtype="DISTANCE",
        min=0.01,
        default=3.0,
        options=_ONE_CALL,
    )
    mark: bpy.props.StringProperty(name="Mark", description="Mark to focus on instead", options=_ONE_CALL)

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_props_dialog(self)

    def draw(self, _context: bpy.types.Context) -> None:
        self.layout.prop(self, "distance")

    def on(self, _context: bpy.types.Context, strip: bpy.types.Strip) -> set[str]:
        mark = marks.find(strip, self.mark) if self.mark else None
        metres = marks.distance_m(strip, mark, self.frame) if mark is not None else self.distance
        if not edit.set_distance(strip, self.frame, metres):
            raise ValueError(f"There is no key at frame {self.frame:g}")
        redraw_sequencers()
        return {"FINISHED"}


CLASSES = (
    RACKFOCUS_OT_track_drag,
    RACKFOCUS_OT_track_click,
    RACKFOCUS_OT_track_remove,
    RACKFOCUS_OT_track_menu,
    RACKFOCUS_OT_track_feel,
    RACKFOCUS_OT_track_distance,
)
