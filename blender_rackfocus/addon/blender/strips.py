# SPDX-License-Identifier: GPL-3.0-or-later
"""Which strips show at a timeline frame, and which media frame each of them shows.

Two questions, two functions:

- `walk(scene, frame)`: every strip that Blender's sequencer evaluates to draw a frame, also inside meta strips, in
  scenes shown by scene strips, as input of an effect, and as mask, with the frame it is evaluated at. `conflicts`
  finds strips that one picture needs at two frames: one live image cannot serve both.
- `media_frame(strip, frame, scene)`: the file and the frame in it.

Both follow Blender's renderer (`source/blender/sequencer/intern/render.cc`, `iterator.cc`, `effects/`), function by
function; the arithmetic of time is in `retiming`.

Proxies: a final render never uses them. The preview does when a strip has them and its preview size asks for one; the
strip's own picture then arrives smaller, and movie frames are counted in the proxy, which has the same number of
frames. What is told here is always the original file and frame.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import bpy
import numpy as np

from ... import media
from ...media import sequences
from ...media.colour import OcioConfig
from . import curves, retiming
from .errors import FrameError
from .source_cache import SourceCache


@dataclass(frozen=True)
class MediaFrame:
    """A frame of a file, as a strip shows it.

    path: absolute file name. index: MOVIE: number of the frame in the file, 0 = first; IMAGE: place in the strip's
    list of files. kind: 'MOVIE' or 'IMAGE'. colorspace: name of the strip's colour space for this file (as in its
    Color Space setting). alpha_mode: 'STRAIGHT' or 'PREMUL'. stream: which video stream of a movie. multiview: '' or
    the layout of a stereo strip ('INDIVIDUAL', 'STEREO_3D') that this render shows as several views. held: the
    timeline frame lies before or after the content: Blender holds its first or last frame there. deinterlace: the
    strip asks for it.
    """

    path: str
    index: int
    kind: str
    colorspace: str
    alpha_mode: str
    stream: int = 0
    multiview: str = ""
    held: bool = False
    deinterlace: bool = False


@dataclass(frozen=True)
class Shown:
    """A strip that takes part in drawing a frame.

    strip: the strip. frame: where it is evaluated, in the timeline of the list it lies in; may lie between frames
    (retimed metas and scene strips, speed effects) and, under an effect, outside the strip's handles. scene: the
    scene that owns it. animation_frame: the frame of that scene that Blender evaluates keyframes at while it draws
    the strip: settings are read there. route: names of what leads to it, outermost first: scenes, meta strips, scene
    strips, effects. levels: the frame of every list of strips around it in its scene, outermost first: (as_pointer()
    of the meta strip, or 0 for the scene's own list, frame). below: of an adjustment strip, the topmost strip of those
    whose picture it gets; None where nothing lies below it.
    """

    strip: Any
    frame: float
    scene: Any
    animation_frame: float
    route: tuple[str, ...] = ()
    levels: tuple[tuple[int, float], ...] = ()
    below: Shown | None = None


def shows_3d(strip: bpy.types.Strip) -> bool:
    """Whether a strip shows the 3D render of a scene."""
    return strip.type == "SCENE" and strip.scene is not None and strip.scene_input == "CAMERA"


def standing_at(scene: bpy.types.Scene) -> float:
    """The frame that a scene's sequencer shows. Not `frame_current_final`, which is the moment of its animation: Time
    Stretching moves that, not the strips."""
    return scene.frame_current + scene.frame_subframe


def scene_frame(strip: bpy.types.Strip, frame: float, scene: bpy.types.Scene) -> float:
    """The frame of its own scene that a scene strip shows, also between two, as Blender renders it. frame: of the list
    the strip lies in; scene: whose strip it is. Raises FrameError for one without content."""
    index = retiming.content_index(strip, frame, scene)
    if index is None:
        raise FrameError("the strip has no content (its length is zero)", strip.name)
    return index + strip.content_trim_start + strip.scene.frame_start


def later(shown: Shown, frames: int) -> Shown:
    """The same strip, shown so many frames later in its own scene."""
    levels = tuple((level, frame + frames) for level, frame in shown.levels)
    return replace(shown, frame=shown.frame + frames, animation_frame=shown.animation_frame + frames, levels=levels)


def within(scene: bpy.types.Scene) -> list[bpy.types.Scene]:
    """A scene with strips, and those in its scene strips."""
    scenes, waiting = [], [scene]
    while waiting:
        here = waiting.pop()
        if here not in scenes and here.sequence_editor is not None:
            scenes.append(here)
            every = here.sequence_editor.strips_all
            waiting += [strip.scene for strip in every if strip.type == "SCENE" and strip.scene]
    return scenes


def media_frame(strip: Any, frame: float, scene: Any) -> MediaFrame:
    """The file, and the frame in it, that a movie or image strip shows.

    strip: also muted, hidden, or a depth strip. frame: in the timeline of the list the strip lies in (`Shown.frame`;
    for a strip elsewhere `frame_beside`). scene: the scene that owns the strip. Raises FrameError for any other kind
    of strip, an empty one, and one whose file list is shorter than its content; FrameError when this Blender's
    strip data is not understood. Files are not looked at.
    """
    if strip.type == "MOVIE":
        return _movie_frame(strip, frame, scene)
    if strip.type == "IMAGE":
        return _image_frame(strip, frame, scene)
    raise FrameError(
        f"a strip of type {strip.type.lower()} has no file of its own, as movie and image strips have",
        owner=strip.name,
    )


def _content_frame(strip: Any, frame: float, scene: Any) -> int:
    index = retiming.content_index(strip, frame, scene)
    if index is None:
        raise FrameError("the strip has no content (its length is zero)", strip.name)
    return retiming.round_half_up(index) + strip.content_trim_start


def _movie_frame(strip: Any, frame: float, scene: Any) -> MediaFrame:
    """`seq_render_movie_strip_view`: the timeline frame is used as it is, also between frames."""
    return MediaFrame(
        path=absolute_path(strip.filepath, scene),
        index=_content_frame(strip, frame, scene),
        kind="MOVIE",
        stream=strip.stream_index,
        **_reading(strip, frame, scene),
    )


def _image_frame(strip: Any, frame: float, scene: Any) -> MediaFrame:
    """`seq_render_image_strip`: takes whole timeline frames only, so what lies between is cut off."""
    index = _content_frame(strip, int(frame), scene)
    if not 0 <= index < len(strip.elements):
        raise FrameError(f"its list of {len(strip.elements)} files has no number {index}", strip.name)
    return MediaFrame(
        path=absolute_path(os.path.join(strip.directory, strip.elements[index].filename), scene),
        index=index,
        kind="IMAGE",
        **_reading(strip, int(frame), scene),
    )


def _reading(strip: Any, frame: float, scene: Any) -> dict[str, Any]:
    """How the file is to be read, and whether the frame is held."""
    several_views = strip.use_multiview and scene.render.use_multiview
    return {
        "colorspace": strip.colorspace_settings.name,
        "alpha_mode": strip.alpha_mode,
        "multiview": strip.views_format if several_views else "",
        "held": not strip.content_start <= frame < strip.content_end,
        "deinterlace": strip.use_deinterlace,
    }


def numbers_of(strip: Any) -> list[int] | None:
    """The numbers in the names of a strip's pictures, in their order; None where it has none."""
    if strip.type != "IMAGE":
        return None
    return sequences.numbers_of(element.filename for element in strip.elements)


def read(here: MediaFrame, ocio_config: OcioConfig) -> np.ndarray:
    """The picture of a media frame, read as its strip says. Returns (H, W, 4) float32, scene-linear, premultiplied.
    Raises MediaError."""
    return media.read_frame(
        here.path, here.index, here.colorspace, here.alpha_mode, stream=here.stream, ocio_config=ocio_config
    )


def absolute_path(path: str, scene: Any) -> str:
    """A path of Blender's made absolute: `//` means beside the .blend the scene lives in (a linked scene: its
    library's)."""
    return os.path.normpath(bpy.path.abspath(path, library=scene.library))


# --- What is drawn ---------------------------------------------------------------------------------------------------


@dataclass
class _Drawing:
    """State of one walk: what was met, and what is being drawn (Blender refuses to go round in circles, so must
    we)."""

    cache: SourceCache
    parents: list[Any] = field(default_factory=list)
    stacks_entered: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class _StripList:
    """Where in the file a list of strips lies. outer: `Shown.levels` of the lists around it; meta: the meta strip, or
    None. covered: what is drawn of it may lie under an opaque picture, and then Blender does not draw it."""

    scene: Any
    strips: Any
    channels: Any
    meta: Any
    animation_frame: float
    route: tuple[str, ...]
    outer: tuple[tuple[int, float], ...] = ()
    covered: bool = False


def walk(scene: Any, frame: float, cache: SourceCache | None = None) -> list[Shown]:
    """Every strip that takes part in drawing a scene's sequencer at a frame, in the order of drawing, each (strip,
    frame) once.

    Muted strips, strips in muted channels, strips under one with blend mode Replace and inputs hidden behind their
    effect are left out, as Blender does. Strips that are merely covered by an opaque picture are in the list. A scene
    strip that shows its camera is in the list; what happens inside that render is not the sequencer's.
    """
    editor = scene.sequence_editor
    if editor is None:
        return []
    # While a meta strip is open for editing, Blender draws (and renders) its inside only.
    open_meta = editor.meta_stack[-1] if editor.meta_stack else None
    source = open_meta or editor
    outer = ((0, float(frame)),) if open_meta else ()
    strip_list = _StripList(scene, source.strips, source.channels, open_meta, frame, (scene.name,), outer)
    drawing = _Drawing(SourceCache(keeps_sources=False) if cache is None else cache)
    drawing.cache.enter(scene, float(frame))
    seen: set[tuple[int, float]] = set()
    drawn = []
    for shown in _stack(strip_list, frame, 0, drawing):
        key = (shown.strip.as_pointer(), shown.frame)
        if key not in seen:
            seen.add(key)
            drawn.append(shown)
    return drawn


def appearances(strip: Any, frame: float, scene: Any) -> list[Shown]:
    """How a scene's sequencer draws a strip at a frame: once, several times, or not at all. Raises FrameError."""
    return [shown for shown in walk(scene, frame) if shown.strip == strip]


def conflicts(shown: Iterable[Shown]) -> dict[int, list[Shown]]:
    """Strips that one picture needs at different frames: {strip.as_pointer(): its appearances}.

    Such a strip (in a scene shown twice at different times, or drawn plain and through a speed effect) has one live
    image, which cannot be right twice: its modifier must be reported and left out. Appearances at different timeline
    frames that show the same media frame are no conflict unless keyframes differ, which is the caller's to tell: they
    are listed too when the frames differ.
    """
    by_strip: dict[int, list[Shown]] = {}
    for appearance in shown:
        by_strip.setdefault(appearance.strip.as_pointer(), []).append(appearance)
    return {
        pointer: times
        for pointer, times in by_strip.items()
        if len({(appearance.frame, appearance.animation_frame) for appearance in times}) > 1
    }


def _stack(strip_list: _StripList, frame: float, up_to_channel: int, drawing: _Drawing) -> Iterator[Shown]:
    """`seq_render_strip_stack`: the strips of one list at a frame. up_to_channel: 0 = all."""
    rendered = _rendered(strip_list, int(frame), up_to_channel)
    for place, strip in enumerate(rendered, 1):
        covered = any(above.type != "ADJUSTMENT" for above in rendered[place:])  # that one draws what lies below it
        yield from _strip(strip, frame, replace(strip_list, covered=strip_list.covered or covered), drawing)


def _rendered(strip_list: _StripList, frame: int, up_to_channel: int) -> list[Any]:
    """`query_rendered_strips`, sorted by channel."""
    here = [
        strip
        for strip in strip_list.strips
        if strip.left_handle <= frame < strip.right_handle
        and (up_to_channel == 0 or strip.channel <= up_to_channel)
        and strip.type != "SOUND"
        and not strip.mute
        and not strip_list.channels[strip.channel].mute
    ]
    return sorted((strip for strip in here if _must_render(strip, here)), key=lambda strip: strip.channel)


def _must_render(strip: Any, here: list[Any]) -> bool:
    """`must_render_strip`: not below a Replace strip, and not merely the input of an effect above it."""
    under_effect = False
    for other in here:
        if other.blend_type == "REPLACE" and strip.channel < other.channel:
            return False
        if strip in inputs(other):
            if strip.channel >= other.channel:
                return True
            under_effect = True
    return not under_effect or getattr(strip, "input_count", 0) > 0


def overlap(strip: Any, other: Any) -> bool:
    """Whether two strips of one list have a frame in common."""
    return bool(strip.left_handle < other.right_handle and other.left_handle < strip.right_handle)


def inputs(strip: Any) -> list[Any]:
    """The strips an effect takes its pictures from; empty for everything else."""
    sources = (getattr(strip, "input_1", None), getattr(strip, "input_2", None))
    return [source for source in sources if source is not None]


def _strip(strip: Any, frame: float, strip_list: _StripList, drawing: _Drawing) -> Iterator[Shown]:
    """`seq_render_strip`: a strip, and before it everything it is made of, unless Blender still has it from just
    before."""
    pointer = strip.as_pointer()
    known = drawing.cache.just_drawn(strip_list.scene).get(pointer)
    if known is None:
        at, made_of = _content(strip, frame, strip_list, drawing)
        below = made_of[-1] if made_of and strip.type == "ADJUSTMENT" else None
        own = Shown(
            strip,
            float(at),
            strip_list.scene,
            strip_list.animation_frame,
            strip_list.route,
            _levels(strip_list, at),
            below,
        )
        known = (*made_of, *_masks(strip, frame, strip_list, drawing), own)
        # Kept under the frame Blender stands at now, which what was drawn inside may have changed.
        drawing.cache.just_drawn(strip_list.scene)[pointer] = known
    yield from known


def _content(strip: Any, frame: float, strip_list: _StripList, drawing: _Drawing) -> tuple[float, tuple[Shown, ...]]:
    """The frame a strip's picture is of, and what it is made of; both are an earlier frame's when Blender kept that
    picture."""
    # Blender keeps no pictures of what a scene strip shows (`skip_cache`), nor of effects.
    if drawing.parents or inputs(strip) or strip.type == "ADJUSTMENT":
        return frame, tuple(_parts(strip, frame, strip_list, drawing))
    kept = drawing.cache.source(strip, frame, strip_list.scene)
    if kept is not None:
        return kept
    made_of = tuple(_parts(strip, frame, strip_list, drawing))
    # Where nothing shows inside a meta or scene strip there is no picture to keep.
    if made_of or strip.type not in {"META", "SCENE"}:
        drawing.cache.keep_source(strip, frame, strip_list.scene, made_of, is_sure=not strip_list.covered)
    return frame, made_of


def _parts(strip: Any, frame: float, strip_list: _StripList, drawing: _Drawing) -> Iterator[Shown]:
    """What a strip is made of."""
    inside = _within(strip_list, (*strip_list.route, strip.name))
    if strip.type == "META":
        yield from _meta(strip, frame, strip_list, drawing)
    elif strip.type == "SCENE":
        yield from _scene(strip, frame, strip_list, drawing)
    elif strip.type == "MULTICAM":
        yield from _multicam(strip, frame, strip_list, drawing)
    elif strip.type == "ADJUSTMENT":
        yield from _adjustment(strip, frame, strip_list, drawing)
    elif strip.type == "SPEED":
        for source, at in _speed_inputs(strip, frame, strip_list.scene):
            drawing.cache.enter(strip_list.scene, at)
            yield from _strip(source, at, inside, drawing)
    else:
        for source in inputs(strip):
            yield from _strip(source, frame, inside, drawing)


def _masks(strip: Any, frame: float, strip_list: _StripList, drawing: _Drawing) -> Iterator[Shown]:
    """The strips that mask a strip's modifiers."""
    inside = _within(strip_list, (*strip_list.route, strip.name))
    for modifier in strip.modifiers:
        # `modifier_render_mask_input`: a mask strip is drawn at the frame of the strip it masks, muted or not.
        mask = modifier.input_mask_strip if modifier.input_mask_type == "STRIP" else None
        if mask is not None and not modifier.mute:
            yield from _strip(mask, int(frame), inside, drawing)


def _within(strip_list: _StripList, route: tuple[str, ...]) -> _StripList:
    return replace(strip_list, route=route)


def _levels(strip_list: _StripList, frame: float) -> tuple[tuple[int, float], ...]:
    return (*strip_list.outer, (_list_id(strip_list.meta), float(frame)))


def _list_id(meta: Any) -> int:
    return 0 if meta is None else meta.as_pointer()


def _meta(strip: Any, frame: float, strip_list: _StripList, drawing: _Drawing) -> Iterator[Shown]:
    """`do_render_strip_seqbase`: a meta's content lies in the same timeline; only trims, retiming, ... of the meta
    shift it."""
    index = retiming.content_index(strip, frame, strip_list.scene)
    if index is None:
        return
    inside = replace(
        strip_list,
        strips=strip.strips,
        channels=strip.channels,
        meta=strip,
        route=(*strip_list.route, strip.name),
        outer=_levels(strip_list, frame),
    )
    at = index + int(strip.content_start)
    drawing.cache.enter(strip_list.scene, at)
    yield from _stack(inside, at, 0, drawing)


def _scene(strip: Any, frame: float, strip_list: _StripList, drawing: _Drawing) -> Iterator[Shown]:
    """`do_render_strip_uncached`: the sequencer of another scene; counted from that scene's start frame."""
    other = strip.scene
    if strip.scene_input != "SEQUENCER" or other is None or other.sequence_editor is None:
        return
    if other == strip_list.scene or other in drawing.parents:
        return
    index = retiming.content_index(strip, frame, strip_list.scene)
    if index is None:
        return
    at = index + other.frame_start
    editor = other.sequence_editor
    route = (*strip_list.route, strip.name, other.name)
    inside = _StripList(other, editor.strips, editor.channels, None, at, route, covered=strip_list.covered)
    drawing.cache.enter(other, at)
    drawing.parents.append(strip_list.scene)
    yield from _stack(inside, at, 0, drawing)
    drawing.parents.pop()


def _multicam(strip: Any, frame: float, strip_list: _StripList, drawing: _Drawing) -> Iterator[Shown]:
    """`do_multicam`: the channels up to the source."""
    source = strip.multicam_source
    if source == 0 or source >= strip.channel or strip.as_pointer() in drawing.stacks_entered:
        return
    drawing.stacks_entered.add(strip.as_pointer())
    yield from _stack(_within(strip_list, (*strip_list.route, strip.name)), frame, source, drawing)


def _adjustment(strip: Any, frame: float, strip_list: _StripList, drawing: _Drawing) -> Iterator[Shown]:
    """`do_adjustment_impl`: the channels below; when they are empty, those below the meta strip it lies in, and so
    on."""
    if strip.as_pointer() in drawing.stacks_entered:
        return
    drawing.stacks_entered.add(strip.as_pointer())
    layer, at = strip, int(frame)
    while layer is not None:
        at = min(max(at, layer.left_handle), layer.right_handle - 1)
        meta = layer.parent_meta()
        source = meta or strip_list.scene.sequence_editor
        below = replace(
            strip_list, strips=source.strips, channels=source.channels, meta=meta, route=(*strip_list.route, strip.name)
        )
        if layer.channel > 1 and _rendered(below, at, layer.channel - 1):
            yield from _stack(below, at, layer.channel - 1, drawing)
            return
        layer = meta


def _speed_inputs(effect: Any, frame: float, scene: Any) -> list[tuple[Any, float]]:
    """`seq_render_effect_strip_impl`: the frames of its input that a speed effect draws."""
    source = effect.input_1
    if source is None:
        return []
    target = _speed_target(effect, frame, scene)
    if not effect.use_frame_interpolate:
        # Blender asks twice here too; the second time finds the first one's picture, or draws it again.
        return [(source, target), (source, target)]
    # Interpolated: a cross-fade of the frame before and the frame after.
    return [(source, float(math.floor(target))), (source, float(math.ceil(target)))]


def _speed_target(effect: Any, frame: float, scene: Any) -> float:
    """`strip_speed_effect_target_frame_get`: the timeline frame of its input that a speed effect shows."""
    source = effect.input_1
    length = retiming.content_length(source)
    index = retiming.round_half_up(retiming.content_index(effect, frame, scene) or 0.0)
    target = np.float32(0)
    if effect.speed_control == "STRETCH":
        content = np.float32(length) - np.float32(source.left_handle_offset)
        target = content * (np.float32(index) / np.float32(effect.right_handle - effect.left_handle))
    elif effect.speed_control == "MULTIPLY":
        target = _speed_multiplied(effect, index, length, scene)
    elif effect.speed_control == "LENGTH":
        target = np.float32(length) * (np.float32(effect.speed_length) / np.float32(100))
    elif effect.speed_control == "FRAME_NUMBER":
        target = np.float32(effect.speed_frame_number)
    return float(min(max(target, np.float32(0)), np.float32(length)) + np.float32(effect.content_start))


def _speed_multiplied(effect: Any, index: int, length: int, scene: Any) -> np.float32:
    """A speed factor: constant, or summed up frame by frame along its curve (`strip_effect_speed_rebuild_map`)."""
    curve = curves.find(scene, effect.path_from_id("speed_factor"))
    if curve is None:
        factor = np.float32(effect.speed_factor)
        return np.float32(index) * factor + (np.float32(length) if factor < 0 else np.float32(0))
    total = np.float32(0)
    for step in range(1, index + 1):
        total += np.float32(curve.evaluate(effect.left_handle + step))
        total = min(max(total, np.float32(0)), np.float32(length))
    return total


# --- Depth beside a picture ------------------------------------------------------------------------------------------


def frame_beside(shown: Shown, strip: Any) -> float:
    """The frame at which another strip of the same scene stands when `shown` is drawn, in the timeline of that
    strip's list.

    For the depth strip of a picture strip: in the same list (the usual case) it is the picture's own frame, also when
    a speed effect moved that; in another meta strip, or outside the picture's, it is followed from the innermost list
    around both. Raises FrameError when the strip lies in another scene, or in an empty meta strip.
    """
    if strip.id_data != shown.scene:
        raise FrameError(f"it lies in another scene than {shown.strip.name}", strip.name)
    frames = dict(shown.levels)
    metas = []
    meta = strip.parent_meta()
    while _list_id(meta) not in frames:
        metas.append(meta)
        meta = meta.parent_meta()
    frame = frames[_list_id(meta)]
    for meta in reversed(metas):
        index = retiming.content_index(meta, frame, shown.scene)
        if index is None:
            raise FrameError(f"the meta strip {meta.name} around it has no content", strip.name)
        frame = index + int(meta.content_start)
    return frame


def depth_media_frame(shown: Shown, depth_strip: Any) -> MediaFrame:
    """The depth strip's media frame for a picture strip as it is shown; trims and retiming of either are its own.

    depth_strip: also muted; a muted strip is the usual way to pair depth with a picture.
    Raises FrameError when the depth strip does not reach to that frame: its handles end before, so there is no depth.
    Frames between its handles and its content are Blender's held ones (`MediaFrame.held`).
    """
    frame = frame_beside(shown, depth_strip)
    if not depth_strip.left_handle <= int(frame) < depth_strip.right_handle:
        raise FrameError(
            f"no depth for {shown.strip.name} at frame {frame:g}: the depth strip covers frames "
            f"{depth_strip.left_handle} to {depth_strip.right_handle - 1}",
            owner=depth_strip.name,
        )
    return media_frame(depth_strip, frame, shown.scene)
