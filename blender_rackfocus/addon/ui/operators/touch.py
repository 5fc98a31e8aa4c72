# SPDX-License-Identifier: GPL-3.0-or-later
"""Touch up depth in the preview: strokes that say nearer, farther, as here, smooth; each its own undo step."""

from __future__ import annotations

from contextlib import closing
from typing import ClassVar

import bpy

from ....craft.touch import Touch
from ...blender import signals, strips, versions
from ...blender.context import sequencer_scene, strip_in
from ...blender.errors import EXPECTED
from ...compositor import node_clip
from ...depth import sources, touches
from ...shot import modifier, node
from .. import gpu_draw
from .brush import Brush, OverImage
from .jobs import OnThread
from .on_strip import OnStrip
from .telling import refuse

_OPPOSITE = {"NEARER": "FARTHER", "FARTHER": "NEARER", "AS_HERE": "AS_HERE", "SMOOTH": "SMOOTH"}
_CHOICE = dict(zip(("ONE", "TWO", "THREE", "FOUR"), _OPPOSITE, strict=True))
_INKS = {
    "NEARER": (1.0, 0.65, 0.2, 1.0),
    "FARTHER": (0.3, 0.6, 1.0, 1.0),
    "AS_HERE": (1.0, 1.0, 1.0, 1.0),
    "SMOOTH": (0.4, 1.0, 0.5, 1.0),
}
_LABELS = {name: label for name, label, *_rest in touches.KINDS}
_LEAST_FACTOR = 1.02


def _problem_of(strip: touches.Owner) -> str:
    """Why a strip's or node's depth cannot be touched up; empty where it can."""
    if isinstance(strip, bpy.types.Node):
        return ""
    if not touches.suits(strip):
        return f'"{strip.name}" is no image, movie or scene strip: depth is touched up on those'
    if modifier.find(strip) is None or not sources.of(strip).has(strip):
        return f'"{strip.name}" has no depth yet: estimate it, choose a file, or set cards; then touch it up'
    return ""


class _OnDepth(OnStrip):
    """Operators on the depth of a strip, or of the node that is named."""

    node_name: bpy.props.StringProperty(
        name="Node", description="Name of a Rack Focus node in the scene's compositor; empty for a strip"
    )

    @classmethod
    def missing(cls, context: bpy.types.Context) -> str:
        problem = super().missing(context)
        has_nodes = (
            problem and context.scene is not None and any(map(node.in_tree, versions.scene_trees(context.scene)))
        )
        return "" if has_nodes else problem

    def strip(self, context: bpy.types.Context) -> touches.Owner:
        if not self.node_name:
            return super().strip(context)
        rack_node = _node_in(context.scene, self.node_name)
        refuse("" if rack_node else f'Scene "{context.scene.name}" has no Rack Focus node "{self.node_name}"')
        return rack_node


def _node_in(scene: bpy.types.Scene | None, name: str) -> bpy.types.Node | None:
    trees = versions.scene_trees(scene) if scene is not None else ()
    return next((one for tree in trees for one in node.in_tree(tree) if one.name == name), None)


class _Stroke(_OnDepth):
    """What a stroke can be told."""

    kind: bpy.props.EnumProperty(name="Stroke", description="What it does to the depth", items=touches.KINDS)
    radius: bpy.props.FloatProperty(
        name="Brush",
        description="Radius of the brush, as a share of the picture's width",
        default=0.03,
        min=0.001,
        max=1.0,
    )
    factor: bpy.props.FloatProperty(
        name="Times", description="How many times nearer or farther", default=1.25, min=1.0, max=1000.0
    )
    dioptres: bpy.props.FloatProperty(
        name="Dioptres", description="How much nearer or farther besides, in 1/m", default=0.0, min=0.0, max=1000.0
    )
    edges: bpy.props.BoolProperty(
        name="Keep to Edges", description="It ends where the picture has an edge", default=True
    )
    hold: bpy.props.BoolProperty(
        name="Hold", description="It stays on what it was drawn over through the whole shot", default=False
    )


class RACKFOCUS_OT_touch(_Stroke, bpy.types.Operator):
    """Put a stroke on the strip's or node's depth"""

    bl_idname = "rackfocus.touch"
    bl_label = "Touch Up"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO", "INTERNAL"}

    points: bpy.props.StringProperty(
        name="Points", description="[[x, y], ...] as shares of the picture from its top left", options={"HIDDEN"}
    )
    frame: bpy.props.IntProperty(
        name="Frame", description="Of the clip, of a node's scene; -1 the one that shows now", default=-1
    )

    def on(self, context: bpy.types.Context, strip: touches.Owner) -> set[str]:
        refuse(_problem_of(strip))
        try:
            points = touches.points_of(self.points)
            touch = Touch(self.kind, points, self.radius, self.factor, self.dioptres, self.edges)
            here = self.frame
            if here == -1:
                here = _frame_now(context, strip)
        except (*EXPECTED, TypeError) as error:
            raise ValueError(f"The stroke cannot be used: {error}") from error
        touches.add(strip, here, touch, hold=self.hold)
        signals.redraw()
        return {"FINISHED"}


class _TouchUp(Brush, _Stroke):
    """Strokes drawn with the mouse."""

    bl_label = "Touch Up Depth"
    bl_options: ClassVar[set[str]] = {"REGISTER"}  # each stroke is an undo step of its own

    def do(self, _context: bpy.types.Context) -> set[str]:
        raise ValueError("Touch Up is drawn with the mouse")

    def unfit(self, strip: touches.Owner) -> str:
        return _problem_of(strip)

    def taken(self, context: bpy.types.Context, _strip: bpy.types.Strip) -> None:
        self._now, self._count = self.kind, 0
        self.take_up(context, self.radius, "")
        self._tell(context)
        context.window_manager.modal_handler_add(self)

    def begun(self, event: bpy.types.Event) -> None:
        self._now = _OPPOSITE[self.kind] if event.ctrl else self.kind

    def struck(self, context: bpy.types.Context, points: tuple[tuple[float, float], ...]) -> None:
        told = {
            name: getattr(self, name) for name in ("factor", "dioptres", "edges", "hold", "strip_name", "node_name")
        }
        few = touches.thinned(points, self._brush, self._size[1] / self._size[0])
        self.radius = self._brush
        done = bpy.ops.rackfocus.touch(
            "EXEC_DEFAULT",
            True,
            kind=self._now,
            points=touches.text_of(few),
            frame=self._index,
            radius=self._brush,
            **told,
        )
        self._count += done == {"FINISHED"}

    def ink(self) -> gpu_draw.Colour:
        return _INKS[self._now]

    def on_event(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        pressed = event.type if event.value == "PRESS" else ""
        if pressed in {"ESC", "RET", "NUMPAD_ENTER", "RIGHTMOUSE"}:
            return self._leave(context, follow=pressed in {"RET", "NUMPAD_ENTER"})
        if pressed == "BACK_SPACE" or (pressed == "Z" and (event.ctrl or event.oskey)):
            self._take_back(context)
            return {"RUNNING_MODAL"}
        if self._is_setting(pressed):
            self._tell(context)
            return {"RUNNING_MODAL"}
        return self.on_brush(context, event) or {"PASS_THROUGH"}  # zoom, pan and scrub stay at hand

    def _is_setting(self, pressed: str) -> bool:
        """Whether a key chooses what the next stroke does, and it is chosen."""
        if pressed in _CHOICE:
            self.kind = self._now = _CHOICE[pressed]
        elif pressed in {"MINUS", "NUMPAD_MINUS"}:
            self.factor = max(1 + (self.factor - 1) / 1.25, _LEAST_FACTOR)
        elif pressed in {"EQUAL", "PLUS", "NUMPAD_PLUS"}:
            self.factor = 1 + (self.factor - 1) * 1.25
        elif pressed == "H":
            self.hold = not self.hold
        elif pressed == "E":
            self.edges = not self.edges
        else:
            return False
        return True

    def _take_back(self, context: bpy.types.Context) -> None:
        """The last stroke that was drawn here goes."""
        if self._count and bpy.ops.rackfocus.touch_remove(
            "EXEC_DEFAULT", True, strip_name=self.strip_name, node_name=self.node_name, index=-2
        ) == {"FINISHED"}:
            self._count -= 1
            self.redraw(context)

    def _leave(self, context: bpy.types.Context, follow: bool) -> set[str]:
        self.put_away(context)
        if follow and touches.waiting(self.strip(context)) and bpy.ops.rackfocus.touch_follow.poll():
            named = {"strip_name": self.strip_name, "node_name": self.node_name}
            bpy.ops.rackfocus.touch_follow("INVOKE_DEFAULT", True, **named)
        return {"FINISHED"} if self._count else {"CANCELLED"}

    def _tell(self, context: bpy.types.Context) -> None:
        chosen = "   ".join(
            f"{number}: {label.upper() if name == self.kind else label}"
            for number, (name, label) in enumerate(_LABELS.items(), 1)
        )
        told = (
            f"Drag: {_LABELS[self.kind]}, {self.factor:.2f} times",
            chosen,
            "Ctrl: the other way",
            "[ ]: size",
            "- +: times",
            f"H: hold {'on' if self.hold else 'off'}",
            f"E: edges {'on' if self.edges else 'off'}",
            "Backspace: take back",
            "Enter: done, follow",
            "Esc: done",
        )
        context.workspace.status_text_set("   ".join(told))


class RACKFOCUS_OT_touch_up(_TouchUp, bpy.types.Operator):
    """Draw on the depth in the preview: nearer, farther, as here, smooth. Every stroke is kept at once and undone by
    itself; Ctrl turns nearer and farther around. Enter follows those that are held through the shot, Esc only leaves"""

    bl_idname = "rackfocus.touch_up"


class RACKFOCUS_OT_node_touch_up(OverImage, _TouchUp, bpy.types.Operator):
    """Draw on a node's depth in an image editor that shows the render or the viewer: nearer, farther, as here, smooth.
    Every stroke is kept at once and undone by itself; Ctrl turns nearer and farther around. Enter follows those that
    are held over a clip, Esc only leaves"""

    bl_idname = "rackfocus.node_touch_up"

    def is_there(self, context: bpy.types.Context) -> bool:
        return _node_in(context.scene, self.node_name) is not None


def _frame_now(context: bpy.types.Context, owner: touches.Owner) -> int:
    """The frame by which a stroke is told that is drawn now. Raises FrameError, MediaError."""
    if isinstance(owner, bpy.types.Node):
        return context.scene.frame_current
    scene = sequencer_scene(context)
    return touches.frame_of(owner, strips.standing_at(scene), scene)


class RACKFOCUS_OT_touch_follow(OnThread, _OnDepth, bpy.types.Operator):
    """Follow strokes through the shot, so that they stay on what they were drawn over. Esc stops; what was followed is
    kept"""

    bl_idname = "rackfocus.touch_follow"
    bl_label = "Follow Strokes"

    index: bpy.props.IntProperty(
        name="Stroke", description="Which one, 0 the first; -1 all that are held and not followed yet", default=-1
    )

    def on(self, context: bpy.types.Context, strip: touches.Owner) -> set[str]:
        numbers = touches.waiting(strip) if self.index < 0 else [self.index]
        if not numbers or numbers[-1] >= len(strip.rackfocus_touches):
            raise ValueError(f'"{strip.name}" has no stroke that waits to be followed: set one to Hold')
        of_node = isinstance(strip, bpy.types.Node)
        scene = context.scene if of_node else sequencer_scene(context)
        self._where = scene.name, strip.name
        try:
            task = (node_clip.follow_task if of_node else touches.task_of)(strip, scene, numbers)
        except (*EXPECTED, TypeError) as error:
            raise ValueError(str(error)) from error

        def work(job):
            with closing(task.frames):
                return touches.run(task, job.tell, job.is_stopping)

        return self.begin(context, "Follow Strokes", work)

    def finish(self, context: bpy.types.Context, outcome: list[touches.Followed]) -> set[str]:
        scene_name, name = self._where
        strip = _node_in(bpy.data.scenes.get(scene_name), name) if self.node_name else strip_in(scene_name, name)
        if strip is None or not touches.keep(strip, outcome):
            self.report({"WARNING"}, "The strokes that were followed are gone")
            return {"CANCELLED"}
        signals.redraw()
        lost = [one.lost for one in outcome if one.lost]
        if lost:
            self.report({"WARNING"}, f"A stroke was {lost[0]}. Draw another there, and hold it as well")
        else:
            self.report({"INFO"}, f"{len(outcome)} stroke(s) held through the shot")
        return {"FINISHED"}


class RACKFOCUS_OT_touch_remove(_OnDepth, bpy.types.Operator):
    """Delete a stroke: the depth under it is again what it was"""

    bl_idname = "rackfocus.touch_remove"
    bl_label = "Delete Stroke"

    index: bpy.props.IntProperty(
        name="Stroke", description="Which one, 0 the first; -1 the active one, -2 the last", default=-1
    )
    every: bpy.props.BoolProperty(name="All", description="All of them")

    def on(self, context: bpy.types.Context, strip: touches.Owner) -> set[str]:
        count = len(strip.rackfocus_touches)
        index = {-1: strip.rackfocus_touches_active, -2: count - 1}.get(self.index, self.index)
        if not 0 <= index < count:
            raise ValueError(f'"{strip.name}" has no stroke number {index + 1}')
        if self.every:
            strip.rackfocus_touches.clear()
        else:
            strip.rackfocus_touches.remove(index)
        strip.rackfocus_touches_active = max(min(strip.rackfocus_touches_active, len(strip.rackfocus_touches) - 1), 0)
        signals.redraw()
        return {"FINISHED"}


CLASSES = (
    RACKFOCUS_OT_touch,
    RACKFOCUS_OT_touch_up,
    RACKFOCUS_OT_node_touch_up,
    RACKFOCUS_OT_touch_follow,
    RACKFOCUS_OT_touch_remove,
)
