# SPDX-License-Identifier: GPL-3.0-or-later
"""What the sequencer shows: the pixels of every Rack Focus modifier, when Blender says that a frame is due.

In a render frames have final quality and full size, and an error stops it. In a window another frame is a draft, and
the final frame when nothing moves (see `live`). After an edit strips get apart what they share. Pixels are no part of
the file: they are dropped before it is written, and made again after.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import bpy

from ...frame import coding
from ...frame.job import Job
from ...media import MediaError
from ..blender import dna, errors, rendering, signals, source_cache, stillness, strips
from ..blender.errors import FrameError
from ..blender.session import session
from ..shot import clock, depth_pieces, group, intact, modifier, ownership, pixels
from . import baked_strips, frames, live, placed_strips, prefetch, staleness, views

_log = logging.getLogger(__name__)

SETTLE_AFTER_S = 0.3
"""Rest after the last change of pixels before they are made to look saved."""

AGAIN_S = 2.0
"""A frame that plays again within so long is taken as it was found."""

_BLANK = "cannot be made"
_SOON = "is being made"


@dataclass
class _Render:
    """The render under way. done: frames it has come to. cache: the books of what Blender keeps and shows again; see
    `source_cache`. In the window every frame is drawn from its files, because a change invalidates what Blender keeps.
    """

    done: int = 0
    cache: source_cache.SourceCache | None = None


def _render() -> _Render:
    return session.part(_Render)


def show(scene: bpy.types.Scene, *, final: bool) -> list[FrameError]:
    """Fill the image of every Rack Focus modifier that the scene's sequencer draws at its current frame.

    final: full size and quality, else a draft. What cannot be made shows its own picture; returned, and noted for
    the panel.
    """
    frame = strips.standing_at(scene)
    errors.clear(scene.session_uid)
    try:
        with stillness.still():
            exchanged, problems = placed_strips.choose(scene, final=final)
            if exchanged:
                _start_cold(bpy.data.scenes)
                if final:
                    _render().cache = source_cache.SourceCache()
            books = _render().cache if final else None
            walked = strips.walk(scene, frame, books)
            unsure = books.unsure() if books is not None else []
            shown = [appearance for appearance in walked if modifier.find(appearance.strip) is not None]
            for strip in unsure if shown else ():
                strip.invalidate_cache("RAW")
            clashing = strips.conflicts(shown)
    except FrameError as problem:
        return _refuse_all(scene, problem)
    for wrong in problems:
        errors.note(scene.session_uid, scene.session_uid, wrong.owner, str(wrong))
    done: set[int] = set()
    for appearance in shown:
        pointer = appearance.strip.as_pointer()
        if pointer in done:
            continue
        done.add(pointer)
        try:
            if pointer in clashing:
                raise FrameError(
                    "it is shown at two different frames at once; duplicate the strip or scene",
                    owner=appearance.strip.name,
                    frame=appearance.frame,
                )
            changed = _show_one(appearance, scene, final)
        except FrameError as problem:
            changed = _blank(modifier.find(appearance.strip))
            errors.note(scene.session_uid, appearance.scene.session_uid, appearance.strip.name, str(problem))
            problems.append(problem)
        else:
            if final:
                errors.made(scene.session_uid, appearance.strip.name, appearance.frame)
        if changed and final:
            with stillness.still():
                appearance.strip.invalidate_cache("COMPOSITE")
        elif changed:
            _start_cold({appearance.scene, scene})
    return problems


def _refuse_all(scene: bpy.types.Scene, problem: FrameError) -> list[FrameError]:
    """It cannot be told what a scene shows: none of its strips, nor of those in its scene strips, has a frame."""
    problems = []
    for here in strips.within(scene):
        for strip, rack_modifier in modifier.in_scene(here):
            refusal = FrameError.of(problem, strip.name, strips.standing_at(scene))
            if _blank(rack_modifier):
                _start_cold({here, scene})
            errors.note(scene.session_uid, here.session_uid, strip.name, str(refusal))
            problems.append(refusal)
    return problems


def _show_one(shown: strips.Shown, scene: bpy.types.Scene, final: bool) -> bool:
    """Fill one strip's image. Returns whether its pixels changed. Raises FrameError."""
    rack_modifier = modifier.find(shown.strip)
    with stillness.still():
        damage = intact.damage(rack_modifier.node_group)
    if damage:
        raise FrameError(damage, shown.strip.name, shown.frame)
    current = shown.scene == scene and shown.animation_frame == strips.standing_at(scene)
    image = group.image_of(rack_modifier.node_group)
    try:
        with stillness.still():
            job = frames.job_of(shown, rack_modifier, draft=not final, at_current_frame=current)
            use = baked_strips.use(shown, rack_modifier, job, scene)
    except FrameError as problem:
        job, use = None, baked_strips.use_unmade(shown, rack_modifier, problem, scene)
        if use is None:
            raise
    if use is not None and use.remark:
        baked_strips.remark(shown.strip.name, use.remark)
    if use is not None and use.path and (final or views.current() == views.RESULT):
        return image is not None and _show_baked(shown, image, use)
    if image is None:
        return False
    if job is not None and not final:
        return _show_draft(shown, scene, image, job, own=use is not None)
    if pixels.holds(image, job):
        return False
    result = None
    if job is not None:
        try:
            result = frames.make(job)
        except (MediaError, ValueError) as error:
            raise FrameError.of(error, shown.strip.name, shown.frame, job.picture.path) from error
    if result is not None and result.flat is not None:
        pixels.fill(image, result.width, result.height, result.flat, job)
    elif use is not None:
        pixels.show_own(image, job)  # the baked frame is not right, and this one has nothing to change
    else:
        pixels.empty(image, job)
    return True


def _show_draft(shown: strips.Shown, scene: bpy.types.Scene, image: bpy.types.Image, job: Job, *, own: bool) -> bool:
    """What the window can have of a frame now; `live` comes back with more. own: a baked frame lies below that is not
    right."""
    frame_s = scene.render.fps_base / scene.render.fps
    try:
        wish, draft = live.ask(image.session_uid, job, views.current(), _is_playing(), frame_s)
    except (MediaError, ValueError) as error:
        raise FrameError.of(error, shown.strip.name, shown.frame, job.picture.path) from error
    if pixels.holds(image, wish):
        return False
    if draft is None:
        if live.is_same_picture(pixels.held(image), wish) or pixels.holds(image, _SOON):
            return False  # the same frame a moment ago, or already nothing: wait with it
        if own:
            pixels.show_own(image, _SOON)
        else:
            pixels.empty(image, _SOON)
    elif draft.flat is not None:
        flat = coding.whole(draft.flat) if wish.whole else draft.flat
        pixels.fill(image, draft.width, draft.height, flat, wish)
    elif own or wish.view != views.RESULT:
        pixels.show_own(image, wish)
    else:
        pixels.empty(image, wish)
    return True


def _show_baked(shown: strips.Shown, image: bpy.types.Image, use: baked_strips.Use) -> bool:
    """Let the baked frame be seen: by Blender's own node, or put into the live image where that stands still."""
    key = ("baked", use.path, use.by_node, os.stat(use.path).st_mtime_ns)
    if pixels.holds(image, key):
        return False
    if use.by_node:
        pixels.empty(image, key)
        return True
    try:
        made_of = baked_strips.made_from(use.path)
    except MediaError as error:
        raise FrameError.of(error, shown.strip.name, shown.frame, use.path) from error
    if made_of.flat is None:
        pixels.show_own(image, key)
    else:
        pixels.fill(image, made_of.width, made_of.height, made_of.flat, key)
    return True


def _blank(rack_modifier: bpy.types.StripModifier) -> bool:
    image = group.image_of(rack_modifier.node_group)
    if image is None or image.library is not None or pixels.holds(image, _BLANK):
        return False
    if group.baked_node(rack_modifier.node_group) is not None:
        pixels.show_own(image, _BLANK)  # the baked frame is not right either, or it would be shown
    else:
        pixels.empty(image, _BLANK)
    return True


def _start_cold(scenes: Iterable[bpy.types.Scene]) -> None:
    """Make Blender forget the pictures of our strips, of the metas and scene strips that ours may be drawn into, and,
    where one of ours is an adjustment strip, of all that may lie below it."""
    for scene in scenes:
        if scene.sequence_editor is None:
            continue
        every = any(strip.type == modifier.ADJUSTMENT for strip, _ in modifier.in_scene(scene))
        for strip in scene.sequence_editor.strips_all:
            if every or strip.type in {"META", "SCENE"} or modifier.find(strip) is not None:
                strip.invalidate_cache("RAW")


@dataclass
class _Looked:
    """at_s: when a frame of a scene (`session_uid`) was looked at last in playback, by the clock of
    `time.perf_counter`."""

    at_s: dict[tuple[int, int], float] = field(default_factory=dict)


def go_on(*_rest: object) -> None:
    """Another frame is due. One that Blender alone draws and that plays again in a loop is not looked at again right
    away: whatever is edited is told, and what happens to files is seen a little later."""
    now_s, looked_s, scenes = time.perf_counter(), session.part(_Looked).at_s, _scenes_on_screen()
    frames_now = [(scene.session_uid, scene.frame_current) for scene in scenes]
    is_known = all(now_s - looked_s.get(frame_now, -math.inf) < AGAIN_S for frame_now in frames_now)
    if is_known and _is_playing() and all(prefetch.is_alone(scene) for scene in scenes):
        return
    refresh()
    looked_s.update(dict.fromkeys(frames_now, now_s))


def _is_playing() -> bool:
    return any(window.screen.is_animation_playing for window in bpy.context.window_manager.windows)


def refresh(*_rest: object) -> None:
    """Draw a draft of the frames that windows show now. Does nothing in background mode, where only renders count."""
    if bpy.app.background or signals.is_paused() or rendering.goes_on():
        return
    on_screen = _scenes_on_screen()
    for scene in on_screen:
        prefetch.mind(scene)
        show(scene, final=False)
    if not on_screen:
        live.only(set())
    _settle_later()


def _scenes_on_screen() -> list[bpy.types.Scene]:
    scenes: list[bpy.types.Scene] = []
    for window in bpy.context.window_manager.windows:
        scene = window.workspace.sequencer_scene or window.scene
        if scene not in scenes and scene.sequence_editor is not None:
            scenes.append(scene)
    return scenes


def _settle_later() -> None:
    if not pixels.is_any_unsaved():
        return
    if bpy.app.timers.is_registered(_settle):
        bpy.app.timers.unregister(_settle)
    bpy.app.timers.register(_settle, first_interval=SETTLE_AFTER_S)


def _settle() -> None:
    if not rendering.goes_on():
        pixels.settle()


def begin(*_rest: object) -> None:
    """A render begins."""
    if rendering.is_inside():
        return  # part of a frame of the outer render, whose books stay as they are
    _render().done = 0
    with stillness.still():
        with contextlib.suppress(FrameError):  # said at every frame that needs it
            dna.prepare()
        ownership.separate()
        depth_pieces.follow_all()
        baked_strips.follow_all()
        _start_cold(bpy.data.scenes)
    _render().cache = source_cache.SourceCache()


def show_final(scene: bpy.types.Scene, *_rest: object) -> None:
    """A render has come to a frame."""
    inside = rendering.is_inside()
    try:
        # Off too while Blender renders a scene's camera for a strip: then nothing of its timeline is seen.
        problems = show(scene, final=True) if scene.render.use_sequencer else []
    except BaseException as error:  # Blender would print it, and render on with whatever pixels are there
        _log.exception("a frame could not be made")
        problems = [FrameError(errors.unexpected(error), "of this scene", scene.frame_current)]
    if problems:
        with stillness.still():
            errors.stop_render(scene, problems, inside=inside)
        return
    if inside:
        return
    _render().done += 1
    if _render().done > 1:  # an animation goes on, while Blender draws and writes this frame
        with stillness.still():
            next_ones = list(_jobs_to_come(scene, scene.frame_current + scene.frame_step))
            later = list(_jobs_to_come(scene, scene.frame_current + 2 * scene.frame_step, of_scenes=False))
        for job in next_ones:
            frames.make_ahead(job)
        for job in later:
            frames.read_ahead(job)


def _jobs_to_come(scene: bpy.types.Scene, frame: int, of_scenes: bool = True) -> Iterator[Job]:
    """What a later frame of an animation needs. of_scenes: scene strips too, whose own frame is rendered for it."""
    if frame > scene.frame_end:
        return
    try:
        walked = list(strips.walk(scene, frame))
    except FrameError:
        return  # said when that frame is due
    for appearance in walked:
        rack_modifier = modifier.find(appearance.strip)
        if (
            rack_modifier is None
            or baked_strips.place_of(rack_modifier) is not None
            or (appearance.strip.type == "SCENE" and not of_scenes)
        ):
            continue
        try:
            job = frames.job_of(appearance, rack_modifier, draft=False, at_current_frame=False)
        except FrameError:
            continue  # said when that frame is due
        if job is not None:
            yield job


def end(*_rest: object) -> None:
    """A render, or one inside another, is over."""
    if rendering.is_on():
        return
    _render().cache = None
    if not bpy.app.background:
        bpy.app.timers.register(refresh, first_interval=0.0)


def edited(*_rest: object) -> None:
    """Something was edited."""
    if rendering.is_on() or errors.is_stopping():
        return
    ownership.separate()
    depth_pieces.follow_all()
    clock.follow_all()
    baked_strips.follow_all()
    signals.edited()
    if not signals.is_paused():
        staleness.changed()
    refresh()


def opened(*_rest: object) -> None:
    """Another file was opened."""
    with contextlib.suppress(FrameError):  # said at every frame that needs it
        dna.prepare()
    ownership.separate()
    refresh()


def undone(*_rest: object) -> None:
    """An undo or redo: images may have lost their pixels."""
    pixels.forget()
    prefetch.undone()
    signals.edited()
    ownership.separate()
    refresh()


def saving(*_rest: object) -> None:
    """The file is about to be written."""
    ownership.separate()
    placed_strips.at_rest()
    pixels.drop_all()
    prefetch.let_go()


def register() -> None:
    signals.on_redraw(refresh)


def unregister() -> None:
    signals.off_redraw(refresh)
    for timer in (_settle, refresh):
        if bpy.app.timers.is_registered(timer):
            bpy.app.timers.unregister(timer)
    pixels.drop_all()
    prefetch.let_go()
