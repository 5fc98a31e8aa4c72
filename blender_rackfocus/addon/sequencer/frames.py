# SPDX-License-Identifier: GPL-3.0-or-later
"""A strip's frame: the Job of what it shows, its depth and its settings, and the Job's pixels, made once.

`job_of` asks Blender and needs the main thread; a Job is plain data and `make` needs no Blender. A Job names its
files with their size and time, so equal jobs make equal pixels, and what was made once is kept for a while.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...craft.uncover import Glance, Sight, glance
from ...frame import Behind, Cut, DepthConvention, depth_words, inputs
from ...frame import behind as frame_behind
from ...frame import circles_cut as cut_of_circles
from ...frame import make as making
from ...frame.job import Beside, FileFrame, Job, Made, stamped
from ...frame.make import DRAFT_WIDTH
from ...frame.memory import Memory
from ...frame.rendered import hides, left_out, within_frame
from ...media import identity
from ..blender import cache, colour_config, strips
from ..blender.errors import EXPECTED, FrameError
from ..blender.session import session
from ..depth import scene_passes, touches
from ..depth import sources as depth_sources
from ..depth.passes import frame_size
from ..shot import modifier, settings
from . import adjustment


def job_of(shown: strips.Shown, rack_modifier: Any, draft: bool, at_current_frame: bool) -> Job | None:
    """The job of a strip with a Rack Focus modifier, as it is shown. None when there is nothing to do.

    at_current_frame: the strip's scene is evaluated at `shown.animation_frame`, so inputs hold their values.
    Raises FrameError.
    """
    frame = None if at_current_frame else shown.animation_frame
    values = modifier.values(shown.strip, rack_modifier, shown.scene, frame)
    if not modifier.is_on(rack_modifier) or inputs.is_idle(values):
        return None
    return _job(shown, values, draft) if not adjustment.is_over_nothing(shown) else None


def look_job(shown: strips.Shown, rack_modifier: Any) -> Job:
    """What `sources` needs of a strip at a frame, also where its modifier does nothing: for tools that look at picture
    and depth. Raises FrameError."""
    return _job(shown, modifier.values(shown.strip, rack_modifier, shown.scene, shown.animation_frame), draft=True)


def render_scene(shown: strips.Shown, rack_modifier: Any) -> None:
    """Have all rendered that a scene strip's final frame needs, if it is not kept. Raises FrameError, MediaError."""
    _job(shown, modifier.values(shown.strip, rack_modifier, shown.scene, shown.animation_frame), draft=False)


def depth_told(strip: Any, scene: Any) -> str:
    """What was found in a strip's depth at the current frame: which pass, its range, what it is taken for. Empty where
    there is none, or it cannot be read."""
    rack_modifier = modifier.find(strip)
    if rack_modifier is None or depth_sources.of(strip).by_hand:
        return ""
    try:
        return depth_words.told(look_job(_shown_now(strip, scene), rack_modifier))
    except EXPECTED:
        return ""  # the preview says why


def fit_told(strip: Any, scene: Any) -> str:
    """What was done so that a strip's depth at the current frame fits its picture; empty where it is left as it is, or
    the frame was not read for being made (it came from the store)."""
    rack_modifier = modifier.find(strip)
    if rack_modifier is None or not strip.rackfocus_fit_depth:
        return ""
    try:
        known = _known(look_job(_shown_now(strip, scene), rack_modifier))
    except EXPECTED:
        return ""  # the preview says why
    return known[2].sentence() if known is not None else ""


def behind(job: Job) -> Behind | None:
    """What a job's picture hides and was rendered, or frames beside it show, not graded; None where nothing is known of
    it. As large as the picture that final frames are made from. Not to be written to. Raises FrameError, MediaError, or
    ValueError."""
    if job.hidden is not None:
        return _kept().behind.made(_behind_key(job), lambda: _Found(_rendered_behind(job))).behind
    if not job.beside:
        return None
    return _kept().behind.made(_behind_key(job), lambda: _Found(frame_behind.behind(job, _sight, _glance))).behind


def behind_in_frame(job: Job) -> Behind | None:
    """`behind`, as large as the frame."""
    whole = behind(job)
    return None if whole is None else within_frame(whole, job.margin)


def _rendered_behind(job: Job) -> Behind:
    whole = replace(job, draft=False)
    if job.hidden is None or not os.path.isfile(job.hidden.path):
        raise FrameError("what is hidden is not rendered yet at this focus: use Render Scene Passes")
    return hides(_source(making.whole_of(whole))[1], *_source(making.hidden_of(whole)))


def _behind_key(job: Job) -> tuple[Any, ...]:
    if job.hidden is not None:
        return making.reading_of(job), job.hidden.content, job.margin
    return making.reading_of(job), job.beside, job.value("Focal Length"), job.value("Sensor Width")


def _sight(job: Job) -> Sight:
    return Sight(*_source(job))


def _glance(job: Job) -> Glance:
    return _kept().glances.made(making.reading_of(job), lambda: glance(_sight(job)))


def behind_told(strip: Any, scene: Any) -> str:
    """How much of what a strip's picture hides at the current frame was found in frames beside; empty where that was
    not looked for yet, or is not to be."""
    rack_modifier = modifier.find(strip)
    if rack_modifier is None or not (strip.rackfocus_uncover or strip.rackfocus_render_behind):
        return ""
    try:
        job = look_job(_shown_now(strip, scene), rack_modifier)
    except EXPECTED:
        return ""  # the preview says why
    if strip.type == "SCENE":
        return _rendered_told(strip, job)
    if not job.beside:
        return "No frames beside this one can be looked into"
    known = _kept().behind.get(_behind_key(job))
    if known is None:
        return ""
    if known.behind is None:
        return "The frames beside show nothing of what is hidden here"
    return f"Found in the frames beside: what lies behind {100 * float(known.behind.known.mean()):.1f} % of the picture"


def _rendered_told(strip: Any, job: Job) -> str:
    """What was rendered of what a scene strip's picture hides; empty where that is not asked."""
    if not strip.rackfocus_render_behind:
        return ""
    if job.hidden is None:
        return "Nothing to render behind here: no object is blurred all over in front of the focus"
    known = _kept().behind.get(_behind_key(job))
    if known is None or known.behind is None:
        return "" if os.path.isfile(job.hidden.path) else "What is hidden at this focus is not rendered yet"
    return f"Rendered: what lies behind {100 * float(known.behind.known.mean()):.1f} % of the picture"


def _shown_now(strip: Any, scene: Any) -> strips.Shown:
    """A strip at the current frame, or at its end where it is not shown now."""
    at = min(max(scene.frame_current, int(strip.left_handle)), int(strip.right_handle) - 1)
    return strips.Shown(strip, at, scene, at, levels=((0, at),))


def sources(job: Job) -> tuple[np.ndarray, np.ndarray]:
    """A job's picture, (H, W, 4) float32 scene-linear premultiplied, and its depth, (H, W) float32 metres; not to be
    written to. Raises MediaError, or ValueError."""
    return _source(job)


def circles_cut(job: Job) -> Cut | None:
    """Where the circles of a job's frame are cut; None where they are not, or its depth is not in memory now."""
    known = _known(job)
    if known is None:
        return None
    values = dict(zip(inputs.NAMES, job.values, strict=True))
    return cut_of_circles(known[1], inputs.lens_of(values), inputs.aperture_of(values))


def _known(job: Job) -> Any:
    """What was read of a job's picture, or of the one with what lies around it; None where neither is in memory."""
    kept, whole = _kept().sources, making.whole_of(replace(job, draft=False))
    return kept.get(making.reading_of(job)) or kept.get(making.reading_of(whole))


def read(job: Job) -> tuple[np.ndarray, np.ndarray]:
    """`sources` without keeping them: for whoever reads a whole clip once. Returns picture and depth, (H, W, 4)
    float32, scene-linear, and (H, W) float32, metres."""
    return _kept().sources.alone(lambda: making.read(job))[:2]


def _job(shown: strips.Shown, values: dict[str, float], draft: bool) -> Job:
    strip = shown.strip
    path = ""
    try:
        if not modifier.suits(strip):
            raise FrameError(
                "only image, movie and adjustment strips, and scene strips that show their camera, can be refocused",
                owner=strip.name,
            )
        ahead = modifier.above(strip)
        if ahead:
            raise FrameError(
                f"move Rack Focus above {', '.join(ahead)}: it replaces the picture that they change", strip.name
            )
        parts = adjustment.parts(shown)
        strip, deep = parts.picture.strip, parts.depth.strip
        rendered: dict[str, Any] = {}
        if strip.type == "SCENE":
            picture, rendered = _of_scene(shown, deep, values, draft)
        else:
            picture = strips.media_frame(strip, parts.picture.frame, shown.scene)
        path = picture.path
        if picture.deinterlace:
            raise FrameError("deinterlaced strips cannot be refocused; deinterlace the file first", strip.name)
        if picture.multiview:
            raise FrameError("stereo strips cannot be refocused while the scene renders several views", strip.name)
        source = depth_sources.of(deep)
        with identity.one_look():
            depth, reference, layer = source.depth(parts.depth, picture, draft)
        path = depth.path
        convention = DepthConvention() if source.by_hand else settings.convention_of(deep)
        strokes = touches.on(deep, touches.frame_of(strip, parts.picture.frame, shown.scene))
    except EXPECTED as error:
        raise FrameError.of(error, strip.name, shown.frame, path) from error
    here = stamped(picture.path, picture.index, picture.stream)
    with identity.one_look():
        beside = _beside(parts, here, depth) if shown.strip.rackfocus_uncover else ()
    return Job(
        picture=depth_sources.rendered(picture.path) if strip.type == "SCENE" else here,
        colorspace=picture.colorspace,
        alpha_mode=picture.alpha_mode,
        depth=depth,
        layer=layer,
        convention=convention,
        reference=None if convention else reference,
        near_m=deep.rackfocus_near_m,
        far_m=deep.rackfocus_far_m,
        values=tuple(float(np.float32(values[name])) for name in inputs.NAMES),
        grade=(strip.color_saturation, strip.color_multiply, strip.multiply_alpha),
        draft=draft,
        colour=colour_config.of(strip.id_data),
        fit_depth=deep.rackfocus_fit_depth,
        fills=parts.canvas,
        touches=strokes,
        beside=beside,
        **rendered,
    )


def _of_scene(
    shown: strips.Shown, deep: Any, values: dict[str, float], draft: bool
) -> tuple[strips.MediaFrame, dict[str, Any]]:
    """A scene strip's picture, and what was rendered besides it as fields of a Job. Drafts make do with what is kept.
    Raises FrameError, MediaError."""
    strip, asked = shown.strip, scene_passes.asked_of(shown.strip)
    plain = asked == scene_passes.PLAIN
    if not plain and not depth_sources.is_own(deep):
        raise FrameError(
            "Render Behind and Overscan need the scene's own depth, but its depth comes from elsewhere: switch them off"
        )
    try:
        picture, files = scene_passes.media_frame(strip, shown.frame, shown.scene, not draft, asked)
    except FrameError:
        if not draft or plain:
            raise
        return scene_passes.media_frame(strip, shown.frame, shown.scene, may_render=False)[0], {}
    if plain:
        return picture, {}
    more: dict[str, Any] = {"margin": files.margin}
    if files.wide:
        more["wide"] = depth_sources.rendered(files.wide)
    names = left_out(files.ends_m, values, frame_size(strip.scene.render)[0])
    if names:
        path = scene_passes.hidden_file(strip, shown.frame, shown.scene, not draft, asked, files, names)
        more["hidden"] = depth_sources.rendered(path)
    return picture, more


def _beside(parts: adjustment.Parts, picture: FileFrame, depth: FileFrame) -> tuple[Beside, ...]:
    """The frames of a strip's clip in which what its picture hides is looked for: those that it shows itself, each
    once, and whose files are there."""
    strip, source = parts.picture.strip, depth_sources.of(parts.depth.strip)
    if strip.type == "SCENE" or source.by_hand or (strip.multiply_alpha and strip.color_multiply != 1):
        return ()  # rendered ones would have to be rendered; by hand are cards, without a shape to look around

    def shown(offset: int) -> Beside | None:
        at = strips.later(parts.picture, offset)
        if not offset:
            return Beside(0, picture, depth)
        if not strip.left_handle <= at.frame < strip.right_handle:
            return None
        try:
            shows = strips.media_frame(strip, at.frame, at.scene)
            own = source.depth(strips.later(parts.depth, offset), shows, True).here
            strokes = touches.on(parts.depth.strip, shows.index)
        except EXPECTED:
            return None  # it is said where that frame is due
        return Beside(offset, stamped(shows.path, shows.index, shows.stream), own, strokes)

    return frame_behind.around(shown)


def make(job: Job) -> Made:
    """The job's pixels, from memory or the store when they were made before. Raises MediaError, or ValueError naming a
    bad input."""
    return _kept().results.made(job, lambda: _kept_or_made(job))


def forget() -> None:
    """Empty the memory of made and read frames."""
    _kept().forget()


def compute(job: Job, draft_width: int) -> Made:
    """`make` without this module's memory, drafts at most draft_width pixels across: for whoever keeps them himself and
    does not want to wait for others."""
    return _kept_or_made(job, draft_width)


def _kept_or_made(job: Job, draft_width: int = DRAFT_WIDTH) -> Made:
    def make() -> Made:
        return making.make(job, *_source(making.whole_of(job)), draft_width, None if job.draft else behind(job))

    # The final frame, if it is kept, also for a draft: nothing is quicker, or better.
    return cache.made(cache.key_of(job), os.path.basename(job.picture.path), make, keeps=not job.draft)


def make_ahead(job: Job) -> None:
    """Begin to make a job beside whatever Blender does now: its own part of a frame leaves a core idle. Errors come
    when the job is asked for; one that is never asked for, because something changed, cost a frame's time at most."""
    _kept().ahead.submit(make, job)


def read_ahead(job: Job) -> None:
    """Begin to read a job's files, if it will have to be made: while the frame before it is being made."""
    _kept().reading_ahead.submit(lambda: None if cache.has(cache.key_of(job)) else _sought(job))


def _sought(job: Job) -> None:
    _source(making.whole_of(job))
    behind(job)


def _source(job: Job) -> tuple[np.ndarray, np.ndarray]:
    return _kept().sources.made(making.reading_of(job), lambda: making.read(job))[:2]


def _source_bytes(source: tuple[np.ndarray, np.ndarray, Any]) -> int:
    picture, depth_m, _fit = source
    return picture.nbytes + depth_m.nbytes


@dataclass(frozen=True)
class _Found:
    """What was found behind a job's picture, which may be nothing."""

    behind: Behind | None

    @property
    def size_bytes(self) -> int:
        one = self.behind
        return 0 if one is None else one.picture.nbytes + one.depth_m.nbytes + one.known.nbytes


class _Kept:
    """Made and read frames, and the threads that make and read some ahead."""

    def __init__(self) -> None:
        self.results: Memory[Job, Made] = Memory(lambda made: made.size_bytes)
        self.sources: Memory[Job, tuple[np.ndarray, np.ndarray, Any]] = Memory(_source_bytes)
        self.glances: Memory[Job, Glance] = Memory(lambda glance: glance.size_bytes)
        self.behind: Memory[Any, _Found] = Memory(lambda found: found.size_bytes)
        self.ahead = ThreadPoolExecutor(1, "rackfocus-make-ahead")
        self.reading_ahead = ThreadPoolExecutor(1, "rackfocus-read-ahead")

    def forget(self) -> None:
        """Drop the frames."""
        self.results.clear()
        self.sources.clear()
        self.behind.clear()
        self.glances.clear()
        making.forget()
        depth_words.forget()

    def close(self) -> None:
        """End the threads."""
        for thread in (self.ahead, self.reading_ahead):
            thread.shutdown(cancel_futures=True)


def _kept() -> _Kept:
    return session.part(_Kept)
