# SPDX-License-Identifier: GPL-3.0-or-later
"""Draw over a subject in the preview: its matte comes, is followed through the shot, and becomes a card's mask."""

from __future__ import annotations

from contextlib import closing

import bpy
import gpu
import numpy as np

from ....craft import guided, matte
from ....craft.distances import distance_text
from ....craft.matte import Stroke
from ...blender import strips
from ...blender.context import sequencer_scene, strip_in
from ...depth import mattes
from ...shot import modifier
from .. import gpu_draw
from .brush import RED, WHITE, Brush
from .cards import new_card
from .jobs import OnThread
from .on_strip import OnStrip, given_modifier

_HELP = (
    "Draw over the subject   Ctrl: this is not the subject   [ ]: size   Backspace: take back   "
    "Enter: follow it through the shot   Esc: leave"
)
_TINT, _OPACITY = (0.1, 0.8, 1.0), 0.45
_RADIUS = 0.012
"""Of the brush to begin with, a share of the width."""


class RACKFOCUS_OT_subject(Brush, OnThread, OnStrip, bpy.types.Operator):
    """Draw over a person, or anything, in the preview: a mask comes, is followed through the shot, and stands on a card
    with a distance. Ctrl draws what is not the subject; draw on another frame to correct; Enter follows, Esc leaves"""

    bl_idname = "rackfocus.subject"
    bl_label = "Draw Subject"
    kept = "Stopped: the card is as it was"
    elsewhere = "Draw here to correct the matte on this frame"

    _texture: gpu.types.GPUTexture | None = None

    card: bpy.props.IntProperty(name="Card", description="Card to draw for, 0 the first; -1 a new one", default=-1)
    strokes: bpy.props.StringProperty(
        name="Strokes", description="What was drawn, as it is kept on a card", options={"SKIP_SAVE", "HIDDEN"}
    )
    distance_m: bpy.props.FloatProperty(
        name="Distance", description="Of a new card, in metres", subtype="DISTANCE", default=2.0, min=0.01
    )
    network: bpy.props.StringProperty(
        name="Mask Network",
        description="Network file (.onnx) that masks people; empty takes the preferences' own, or none",
        subtype="FILE_PATH",
    )

    def on(self, context: bpy.types.Context, strip: bpy.types.Strip) -> set[str]:
        scene = sequencer_scene(context)
        self._where = scene.name, strip.name
        task = mattes.task_of(strip, scene, mattes.strokes_of(self.strokes), bpy.path.abspath(self.network))

        def work(job):
            with closing(task.frames):
                return *mattes.run(task, job.tell, job.is_stopping), mattes.doubt(task)

        return self.begin(context, "Follow Subject", work)

    def finish(self, context: bpy.types.Context, outcome: tuple) -> set[str]:
        folder, lost, doubt = outcome
        strip = strip_in(*self._where)
        if strip is None:
            self.report({"WARNING"}, f'The strip "{self._where[1]}" is gone; the matte is kept in {folder}')
            return {"CANCELLED"}
        with given_modifier(self, context, strip):
            card = self._card_of(strip) or new_card(strip, self.distance_m)
            card.strokes, card.matte = self.strokes, str(folder)
            strip.rackfocus_depth_source = "CARDS"
        if lost:
            words = f"frames {lost[0]} to {lost[-1]} of the clip" if len(lost) > 1 else f"frame {lost[0]} of the clip"
            self.report({"WARNING"}, f"The subject is lost on {words}: draw over it there, and follow it again")
        elif doubt:
            self.report({"WARNING"}, doubt)
        else:
            self.report({"INFO"}, f"The subject stands at {distance_text(card.distance_m)} on every frame")
        return {"FINISHED"}

    def unfit(self, strip: bpy.types.Strip) -> str:
        words = f'"{strip.name}" is no image or movie strip; subjects are drawn on those'
        return "" if strip.type in modifier.KINDS else words

    def _card_of(self, strip: bpy.types.Strip) -> bpy.types.PropertyGroup | None:
        """The card that is drawn for, None for a new one."""
        return strip.rackfocus_cards[self.card] if 0 <= self.card < len(strip.rackfocus_cards) else None

    def taken(self, context: bpy.types.Context, strip: bpy.types.Strip) -> None:
        card = self._card_of(strip)
        self._inside = True
        self._drawn = mattes.strokes_of(card.strokes) if card is not None else []
        self._before = card.matte if card is not None else ""
        self.take_up(context, _RADIUS, _HELP)
        self.stay(context)

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return (Brush if self._job is None else OnThread).modal(self, context, event)

    def cancel(self, context: bpy.types.Context) -> None:
        (Brush if self._job is None else OnThread).cancel(self, context)

    def put_away(self, context: bpy.types.Context) -> None:
        super().put_away(context)
        self._texture = None  # the window's own: it goes before the window does

    def looked(self, context: bpy.types.Context, picture: np.ndarray) -> None:
        self._look = guided.small(picture)
        self._decide(context)

    def begun(self, event: bpy.types.Event) -> None:
        self._inside = not event.ctrl

    def struck(self, context: bpy.types.Context, points: tuple[tuple[float, float], ...]) -> None:
        self._drawn.append(Stroke(self._index, points, self._brush, self._inside))
        self._decide(context)

    def ink(self) -> gpu_draw.Colour:
        return WHITE if self._inside else RED

    def drawn_below(self, context: bpy.types.Context, region: bpy.types.Region) -> None:
        """The matte as a tint over the subject."""
        if self._matte is None or strips.standing_at(sequencer_scene(context)) != self._frame:
            return
        if self._texture is None:
            self._texture = gpu_draw.tint(self._matte, _TINT, _OPACITY)
        gpu_draw.picture(self._texture, self.corners(context, region))

    def on_event(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if event.type == "ESC" and event.value == "PRESS":
            self.put_away(context)
            return {"CANCELLED"}
        if event.type in {"RET", "NUMPAD_ENTER"} and event.value == "PRESS":
            return self._follow(context)
        if event.value == "PRESS" and event.type == "BACK_SPACE" and self._drawn:
            self._drawn.pop()
            self._decide(context)
            return {"RUNNING_MODAL"}
        return self.on_brush(context, event) or {"PASS_THROUGH"}  # zoom, pan and scrub stay at hand

    def _follow(self, context: bpy.types.Context) -> set[str]:
        if not any(stroke.inside for stroke in self._drawn):
            self.report({"WARNING"}, "Draw over the subject first")
            return {"RUNNING_MODAL"}
        self.strokes = mattes.text_of(self._drawn)
        self.put_away(context)
        return self.execute(context)

    def _decide(self, context: bpy.types.Context) -> None:
        """The matte of this frame, from the strokes on it and what it was before."""
        here = [stroke for stroke in self._drawn if stroke.frame == self._index]
        before = None
        if self._before:
            whole = mattes.read(bpy.path.abspath(self._before), self._index)
            before = guided.small(whole)
        self._matte: np.ndarray | None = before
        if before is not None or any(stroke.inside for stroke in here):
            self._matte = matte.decide(self._look, here, before)
        self._texture = None
        self.redraw(context)


CLASSES = (RACKFOCUS_OT_subject,)
