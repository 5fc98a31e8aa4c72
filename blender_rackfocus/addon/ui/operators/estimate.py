# SPDX-License-Identifier: GPL-3.0-or-later
"""Estimate Depth: the job runs beside Blender, says how far it is, and stops when asked."""

from __future__ import annotations

import sys
import threading
from typing import ClassVar

import bpy

from ....estimate import Cancelled, EstimateError, EstimateReport, Progress, files
from ....estimate.provenance import Provenance
from ....media import MediaError
from ... import signals
from ...blender.context import sequencer_scene
from ...depth import estimate
from ...errors import FrameError
from ...shot import modifier, ownership
from .on_strip import OnStrip, to_the_top, words_of

_TICK_S = 0.1
_PHASES = {"LOOK": "looking at the clip", "ESTIMATE": "estimating", "STEADY": "steadying and writing"}

_running: _Job | None = None
"""One estimate at a time: they take the whole machine."""


_Outcome = tuple[Provenance, EstimateReport | None] | BaseException


class _Job:
    """`files.run` on a thread of its own."""

    def __init__(self, task: files.Task) -> None:
        self.task = task
        self.progress: Progress | None = None
        self.outcome: _Outcome | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="rackfocus-estimate", daemon=True)
        self._thread.start()

    def _note(self, progress: Progress) -> None:
        self.progress = progress

    def _work(self) -> None:
        try:
            self.outcome = files.run(self.task, progress=self._note, cancelled=self._stop.is_set)
        except BaseException as error:  # handed to whoever asks
            self.outcome = error
        finally:
            self.task.frames.close()

    @property
    def is_over(self) -> bool:
        return not self._thread.is_alive()

    def stop(self) -> None:
        """Ask it to stop; it does after the step it is at."""
        self._stop.set()

    def wait(self) -> None:
        """Return when it is over."""
        self._thread.join()


class RACKFOCUS_OT_estimate_depth(OnStrip, bpy.types.Operator):
    """Estimate depth for the frames that the strip shows, and use it. Esc stops; what is finished is kept"""

    bl_idname = "rackfocus.estimate_depth"
    bl_label = "Estimate Depth"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    source: bpy.props.EnumProperty(name="Source", description="How depth is found", items=estimate.SOURCES)
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
            ("AUTO", "Automatic", "As the preferences say, else as the file's name suggests"),
            ("RELATIVE", "Relative", "Nearness without a scale: near and far are yours to set"),
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

    _job: _Job | None = None
    _timer: bpy.types.Timer | None = None
    _where: tuple[str, str] = ("", "")

    def execute(self, context: bpy.types.Context) -> set[str]:
        global _running
        strip = self.strip(context)
        if strip is None:
            return {"CANCELLED"}
        if _running is not None and not _running.is_over:
            self.report({"ERROR"}, "Another estimate is still running; wait for it, or stop it with Esc")
            return {"CANCELLED"}
        scene = sequencer_scene(context)
        try:
            task = estimate.task_of(
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
        except (EstimateError, FrameError, MediaError) as error:
            self.report({"ERROR"}, words_of(error))
            return {"CANCELLED"}
        self._where = scene.name, strip.name
        if bpy.app.background:
            return self._run_here(context, task)
        self._job = _running = _Job(task)
        self._timer = context.window_manager.event_timer_add(_TICK_S, window=context.window)
        context.window_manager.modal_handler_add(self)
        self._say(context)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if event.type == "ESC" and event.value == "PRESS":
            self.cancel(context)
            self.report({"INFO"}, "Stopped. What is finished is kept: Estimate Depth goes on from there")
            return {"CANCELLED"}
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        if not self._job.is_over:
            self._say(context)
            return {"PASS_THROUGH"}
        self._quiet(context)
        outcome = self._job.outcome
        assert outcome is not None  # the thread is over: it left one
        return self._finish(context, self._job.task, outcome)

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender ends the operator: another file is opened, or the user stops it."""
        if self._job is not None:
            self._job.stop()
            self._quiet(context)

    def draw(self, context: bpy.types.Context) -> None:
        draw_options(self.layout, self)

    def _run_here(self, context: bpy.types.Context, task: files.Task) -> set[str]:
        outcome: _Outcome
        try:
            outcome = files.run(task, progress=_print_progress())
        except (Cancelled, EstimateError, MediaError, ValueError) as error:
            outcome = error
        finally:
            task.frames.close()
        return self._finish(context, task, outcome)

    def _finish(self, context: bpy.types.Context, task: files.Task, outcome: _Outcome) -> set[str]:
        if isinstance(outcome, BaseException):
            if isinstance(outcome, Cancelled | EstimateError | MediaError | ValueError):
                self.report({"ERROR"}, words_of(outcome))
                return {"CANCELLED"}
            raise outcome
        strip = self._strip_again()
        if strip is None:
            self.report({"WARNING"}, f'The strip "{self._where[1]}" is gone; its depth is kept in {task.folder}')
            return {"CANCELLED"}
        provenance, report = outcome
        fresh = modifier.find(strip) is None
        estimate.use(strip, task, provenance, beside=self.beside)
        if fresh:
            to_the_top(self, context, strip)
        ownership.separate()
        signals.redraw()
        self.report({"INFO"}, _summary(provenance, report))
        return {"FINISHED"}

    def _strip_again(self) -> bpy.types.Strip | None:
        scene = bpy.data.scenes.get(self._where[0])
        editor = scene.sequence_editor if scene is not None else None
        return editor.strips_all.get(self._where[1]) if editor is not None else None

    def _say(self, context: bpy.types.Context) -> None:
        context.workspace.status_text_set(f"Estimate Depth: {progress_words(self._job.progress)}   |   Esc: stop")

    def _quiet(self, context: bpy.types.Context) -> None:
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None
        context.workspace.status_text_set(None)


class RACKFOCUS_OT_depth_from_stream(OnStrip, bpy.types.Operator):
    """Take another video stream of the strip's own movie for its depth, as phones write it"""

    bl_idname = "rackfocus.depth_from_stream"
    bl_label = "Use the Other Stream as Depth"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    stream: bpy.props.IntProperty(name="Video Stream", default=1, min=0, max=99)

    def execute(self, context: bpy.types.Context) -> set[str]:
        strip = self.strip(context)
        if strip is None:
            return {"CANCELLED"}
        if strip.type != "MOVIE":
            self.report({"ERROR"}, "Only a movie has further video streams")
            return {"CANCELLED"}
        modifier.add(strip)
        strip.rackfocus_depth_path = strip.filepath
        strip.rackfocus_depth_stream = self.stream
        strip.rackfocus_depth_source = "FILE"
        return {"FINISHED"}


def draw_options(layout: bpy.types.UILayout, options: bpy.types.Operator) -> None:
    """The operator's choices, in the redo panel and in dialogs."""
    layout.use_property_split = True
    for name in ("source", "handles", "beside"):
        layout.prop(options, name)
    if options.source in {"AUTO", "NETWORK"}:
        layout.prop(options, "model_path")
        layout.prop(options, "model_kind")
    if options.source in {"AUTO", "PARALLAX"}:
        layout.prop(options, "focal_known")
    layout.prop(options, "invert")


def progress_words(progress: Progress | None) -> str:
    """How far an estimate is, in words."""
    if progress is None:
        return "beginning"
    share = f"{100 * progress.done // max(progress.total, 1)} %"
    return ", ".join(w for w in (_PHASES[progress.phase], share, estimate.time_left(progress.seconds_left)) if w)


def _summary(provenance: Provenance, report: EstimateReport | None) -> str:
    text = f"{provenance.sentence()}. {provenance.why[:1].upper()}{provenance.why[1:]}"
    if report is None:
        return f"Already estimated. {text}"
    steadied = f"flicker {report.flicker_before:.2f} % before, {report.flicker_after:.2f} % after steadying"
    return f"{text}; {report.written} frames, {len(report.shots)} shot(s), {steadied}"


def _print_progress():
    """Every tenth part on the terminal of a background Blender."""
    told = -1

    def say(progress: Progress) -> None:
        nonlocal told
        tenth = 10 * progress.done // max(progress.total, 1)
        if tenth != told:
            told = tenth
            print(f"Rack Focus: Estimate Depth: {progress_words(progress)}", file=sys.stderr, flush=True)

    return say


def stop_running() -> None:
    """The add-on goes: nothing may run on."""
    global _running
    if _running is not None:
        _running.stop()
        _running.wait()
        _running = None


CLASSES = (RACKFOCUS_OT_estimate_depth, RACKFOCUS_OT_depth_from_stream)
