# SPDX-License-Identifier: GPL-3.0-or-later
"""What recipes, sentences and lens buttons do to a strip: marks from its depth, whole pulls, lens values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise

import bpy
import numpy as np

from ...craft import lenses, phrase, pull, recipes, subjects
from ...craft.decisions import by_hand
from ...craft.distances import distance_text
from ...craft.focus_curve import Key, fit
from ...frame import Lens, coc_px, depth_of_field_m, hyperfocal_m, inputs
from ...frame.job import Job
from ..blender import curves, strips
from ..blender.errors import EXPECTED
from ..sequencer import frames
from ..shot import camera_lens, focus_keys, group, marks, modifier, pixels
from ..shot.focus import Focus
from . import tracking
from .pull import check_kept, fps, keys_text, pull_focus, replaced

FOREGROUND, BACKGROUND = "Foreground", "Background"
START_BLUR_PCT = 1.5
"""Circle of what is far, in percent of the width, that a new modifier starts with."""
_SOFT_PX = 1.5
"""Radius of the circle of confusion from which on nothing is shown as sharp."""
SHARP_SHARE = 0.005
"""Share of the picture within the depth of field from which on focus is on something."""


def depth_of(strip: bpy.types.Strip, frame: float) -> np.ndarray:
    """Depth of what a strip shows at a frame of its scene, (H, W) float32, metres. Raises FrameError, MediaError,
    ValueError."""
    return frames.sources(_depth_job(strip, frame))[1]


def _depth_job(strip: bpy.types.Strip, frame: float) -> Job:
    """How picture and depth are read at a frame, whatever the lens. Raises FrameError."""
    job = frames.look_job(tracking.shown(strip, frame), modifier.find(strip))
    return replace(job, values=tuple(entry.default for entry in inputs.INPUTS))


def near_far_m(strip: bpy.types.Strip, frame: float) -> tuple[float, float]:
    """Distances of foreground and background at a frame, metres; the far one may be inf."""
    return _modes(_depth_job(strip, frame))


def marks_for_recipe(strip: bpy.types.Strip, frame: float) -> list[pull.Mark]:
    """The strip's marks; where there are fewer than two, foreground and background of the picture at a frame."""
    own_marks = [marks.for_pull(strip, mark) for mark in marks.of(strip)]
    if len(own_marks) >= 2:
        return own_marks
    near, far = _modes(_depth_job(strip, frame))
    return [pull.Mark(FOREGROUND, near), pull.Mark(BACKGROUND, min(far, pull.INFINITY_M))]


@lru_cache(maxsize=32)
def _modes(job: Job) -> tuple[float, float]:
    return subjects.depth_modes(frames.sources(job)[1])


def subjects_told(strip: bpy.types.Strip) -> str:
    """Which subjects a recipe goes between on a strip, for the panel: before anything is keyed. Empty where its depth
    cannot be read: the panel says why elsewhere."""
    try:
        used = marks_for_recipe(strip, _middle(strip))
    except EXPECTED:
        return ""
    frame = strip.id_data.frame_current
    return ", ".join(f"{mark.name} {distance_text(pull.mark_distance_m(mark, frame))}" for mark in used)


def ground_told(strip: bpy.types.Strip) -> str:
    """Where foreground and background stand at the current frame, for the panel; empty where depth cannot be read."""
    try:
        near_m, far_m = near_far_m(strip, strip.id_data.frame_current)
    except EXPECTED:
        return ""
    return f"{FOREGROUND} {distance_text(near_m)}, {BACKGROUND.lower()} {distance_text(far_m)}"


def kept_told(strip: bpy.types.Strip, replace_all: bool) -> str:
    """Which keys by hand a sentence leaves alone, or may replace; empty where there are none."""
    kept = by_hand(Focus(strip).keys(), -math.inf, math.inf)
    return f"{'May replace' if replace_all else 'Keeps'} {keys_text(kept)} by hand" if kept else ""


def replaced_told(strip: bpy.types.Strip, replace_all: bool) -> str:
    """What a recipe does to the keys a strip has, for the panel and the report; empty for a strip without keys."""
    keys = Focus(strip).keys()
    hand_keys = by_hand(keys, -math.inf, math.inf)
    kept = [] if replace_all else hand_keys
    first, last = _room(strip, kept)
    gone = [key for key in keys if key not in kept and (first <= key.frame <= last or not kept)]
    told = [f"replaces {keys_text(gone)}"] if gone else []
    told += [f"keeps {keys_text(kept)} by hand"] if kept else []
    return ", ".join(told)


def _middle(strip: bpy.types.Strip) -> int:
    first, last = marks.span(strip)
    return (first + last) // 2


def _room(strip: bpy.types.Strip, kept: Sequence[Key]) -> tuple[float, float]:
    """The longest stretch of a strip that no kept key stands in, with the time a hand needs to and from them."""
    first, last = marks.span(strip)
    inside = sorted(key.frame for key in kept if first <= key.frame <= last)
    edges = [
        (float(first), 0.0),
        *((frame, float(pull.LEAD_FRAMES)) for frame in inside),
        (float(last), 0.0),
    ]
    stretches = [(start + lead, end - trail) for (start, lead), (end, trail) in pairwise(edges)]
    return max(stretches, key=lambda stretch: stretch[1] - stretch[0])


def cook(
    strip: bpy.types.Strip,
    recipe: str,
    direction: str,
    feel: str | None = None,
    chosen: Sequence[pull.Mark] | None = None,
    replace_all: bool = False,
) -> list[recipes.Rack]:
    """Key a recipe on one strip, in place of the pulls it had. Returns the racks.

    Keys by hand stay, and the recipe takes the longest stretch without any; replace_all: they go as well. Raises
    ValueError where there is no room between them, RuntimeError, and what reading depth raises.
    """
    focus = Focus(strip)
    keys = focus.keys()
    kept = [] if replace_all else by_hand(keys, *marks.span(strip))
    first, last = _room(strip, kept)
    used = list(chosen) if chosen else marks_for_recipe(strip, _middle(strip))
    rate = fps(strip.id_data)
    try:
        racks = recipes.plan(recipe, first, last, used, direction, rate, feel)
    except ValueError as error:
        if kept:
            ways = f"{keys_text(kept)} set by hand are in the way: choose Replace Keys by Hand"
            raise ValueError(f"{error}. {ways}") from None
        raise
    keys_made = recipes.recipe_keys(racks, first, last)
    focus.write(pull.put_between(keys if kept else [], keys_made, first, last))
    return racks


def following(strip: bpy.types.Strip) -> bpy.types.Strip | None:
    """The strip with the modifier that shows next after a strip, or None."""
    start, end = marks.span(strip)
    spans = {other: marks.span(other) for other, _ in modifier.in_scene(strip.id_data) if other != strip}
    later = [other for other, (first, last) in spans.items() if first > max(start, end - 12) and last > end]
    return min(later, key=lambda other: spans[other][0], default=None)


def bridge(
    strip: bpy.types.Strip, second: bpy.types.Strip | None, direction: str, feel: str, replace_all: bool
) -> tuple[list[recipes.Rack], str]:
    """Key a transition: the first strip goes out of focus at its end, the second comes into focus at its start. The
    subject of each is its active mark, or where its focus is; where that is on nothing, the subject near the middle.

    Keys by hand stay, and each side takes the time between the cut and the nearest of them; replace_all: they may go.
    Returns the racks, and what became of the keys that both strips had, in words. Raises ValueError where there is no
    second strip or no room, RuntimeError, and what reading depth raises."""
    if second is None:
        raise ValueError("A transition needs a second strip with Rack Focus behind this one")
    spans = _beside_the_cut(strip, second, replace_all)
    usual = pull.default_duration(feel, fps(strip.id_data))
    leaves = spans[0][1] + 1 - min(usual, 0.4 * (spans[0][1] - spans[0][0]))
    comes = spans[1][0] + min(usual, 0.4 * (spans[1][1] - spans[1][0]))
    sides = [_subject(side, round(frame)) for side, frame in ((strip, leaves), (second, comes))]
    lens = lens_at(strip)
    try:
        racks = recipes.plan_transition(
            spans[0], spans[1], sides, direction, fps(strip.id_data), recipes.dioptres_for_blur(lens), feel
        )
    except ValueError as error:
        raise ValueError(f"{error}{_in_the_way(strip, second, spans)}") from None
    curves_made = []
    for side, rack in zip((strip, second), racks, strict=True):
        focus = Focus(side)
        end = rack.frame + rack.duration
        start_m = pull.mark_distance_m(rack.from_mark, rack.frame)
        end_m = pull.mark_distance_m(rack.to_mark, end)
        around = [key for key in focus.keys(rack.frame, end) if rack.strip == 0 or key.frame >= rack.frame]
        joined = pull.insert_rack(
            around, rack.frame, end_m, start_m if rack.strip or not around else None, rack.feel, rack.duration,
            fps(side.id_data), focus.now_m(rack.frame), focus.nearest_m(),
        )  # fmt: skip
        keys = joined.keys
        if rack.strip and rack.to_mark.tracked:
            keys = pull.follow(keys, end, rack.to_mark, marks.span(second)[1])
        if not replace_all:
            check_kept(focus.keys(*marks.span(side)), keys)
        curves_made.append((focus, keys))
    before = [focus.keys() for focus, _ in curves_made]
    for focus, keys in curves_made:
        focus.write(keys)
    return racks, _bridge_told((strip, second), before)


def _beside_the_cut(
    strip: bpy.types.Strip, second: bpy.types.Strip, replace_all: bool
) -> tuple[tuple[float, float], tuple[float, float]]:
    """First and last frame, in either strip, of what a transition may use: no key by hand stands there."""
    (first, last), (start, end) = marks.span(strip), marks.span(second)
    if replace_all:
        return (first, last), (start, end)
    before = [key.frame + pull.LEAD_FRAMES for key in by_hand(Focus(strip).keys(), first, last)]
    after = [key.frame - pull.LEAD_FRAMES for key in by_hand(Focus(second).keys(), start, end)]
    return (max([first, *before]), last), (start, min([end, *after]))


def _in_the_way(
    strip: bpy.types.Strip, second: bpy.types.Strip, spans: tuple[tuple[float, float], tuple[float, float]]
) -> str:
    """Which keys by hand leave a transition no room, and what to do, in words; empty where none does."""
    told = []
    for side, used in zip((strip, second), spans, strict=True):
        hand_keys = by_hand(Focus(side).keys(), *marks.span(side))
        if hand_keys and used != marks.span(side) and used[1] - used[0] + 1 < recipes.SHORTEST:
            told.append(f'{keys_text(hand_keys[-1:] if side == strip else hand_keys[:1])} of "{side.name}"')
    return f". {', '.join(told)} set by hand leave no room: choose Replace Keys by Hand, or move them" if told else ""


def _bridge_told(both: Sequence[bpy.types.Strip], before: Sequence[list[Key]]) -> str:
    """What a transition did to the keys that both strips had before, in words; empty where they had none."""
    told = []
    for side, had in zip(both, before, strict=True):
        now = Focus(side).keys()
        gone, kept = replaced(had, now), by_hand(now, *marks.span(side))
        told += [f'replaces {keys_text(gone)} of "{side.name}"'] if gone else []
        told += [f'keeps {keys_text(kept)} of "{side.name}" by hand'] if kept else []
    return ", ".join(told)


def _subject(strip: bpy.types.Strip, frame: float) -> pull.Mark:
    mark = marks.active(strip)
    if mark is not None:
        return marks.for_pull(strip, mark)
    focus = Focus(strip)
    if focus.curve is None and not _something_is_sharp(strip, frame):
        return pull.Mark(strip.name, subjects.middle_subject(depth_of(strip, frame)))
    return pull.Mark(strip.name, focus.now_m(frame))


def _something_is_sharp(strip: bpy.types.Strip, frame: float) -> bool:
    """Whether anything of a strip's picture lies within its depth of field."""
    depth_m = depth_of(strip, frame)
    near_m, far_m = depth_of_field_m(lens_at(strip), depth_m.shape[1])
    return float(((depth_m >= near_m) & (depth_m <= far_m)).mean()) > SHARP_SHARE


# --- Say it ----------------------------------------------------------------------------------------------------------


def say(strip: bpy.types.Strip, said: phrase.Understanding, frame: float, replace_all: bool = False) -> list[str]:
    """Do what a sentence asks for. Returns what was done, one line each. Raises ValueError where it asks for nothing
    that can be done or a key by hand would go (replace_all: it may), RuntimeError, and what reading depth raises; then
    nothing has been keyed."""
    rate = fps(strip.id_data)
    first = said.first_frame(rate)
    start = frame if first is None else first
    near_far = None
    if any(place.kind in phrase.IN_DEPTH for place in said.stops):
        near_far = near_far_m(strip, start)
    places = [_place_mark(strip, place, near_far, start) for place in said.stops]
    named = [place for place in places if place is not None]
    done = _set_lens(strip, said)
    if said.recipe == "TRANSITION":
        second = following(strip)
        told = bridge(strip, second, said.direction or "FAR", said.feel or "SMOOTH", replace_all)[1]
        done.append(f'Transition into "{second.name}"' + (f", {told}" if told else ""))
    elif (
        said.recipe is not None and first is None and said.length_frames(rate) is None and (len(named) == len(places))
    ):  # timed by the strip's length
        chosen = named[:2] if said.recipe == "EMPHASIS" else named
        direction = "GIVEN" if chosen else said.direction or "GIVEN"
        told = replaced_told(strip, replace_all)
        racks = cook(strip, said.recipe, direction, said.feel, chosen or None, replace_all)
        done.append(f"{recipes.RECIPES[said.recipe].label}: {len(racks)} pull(s)" + (f", {told}" if told else ""))
    elif len(places) >= 2:
        done += _pull_through(strip, places, start, said, replace_all)
    elif named:
        Focus(strip).set(pull.mark_distance_m(named[0], frame), frame)
        done.append(f"Focus on {named[0].name}")
    if not done:
        raise ValueError("Nothing in the sentence says what to do")
    if near_far is not None:
        for name, metres in zip((FOREGROUND, BACKGROUND), near_far, strict=True):
            mark = marks.find(strip, name) or marks.add(strip, name, metres)
            if mark.kind == "DISTANCE":
                mark.distance_m = min(metres, pull.INFINITY_M)
    return done


def _pull_through(
    strip: bpy.types.Strip,
    places: Sequence[pull.Mark | None],
    start: float,
    said: phrase.Understanding,
    replace_all: bool,
) -> list[str]:
    """Key the pulls of a sentence from place to place, each as long as the rest before it; None goes back to where
    focus was. As `say` returns and raises."""
    rate, feel, at = fps(strip.id_data), said.feel or "SMOOTH", start
    length = said.length_frames(rate) or float(pull.default_duration(feel, rate))
    length, done = _fitting(strip, at, length, len(places) - 1)
    before = Focus(strip).keys()
    back = pull.Mark("where it was", Focus(strip).now_m(start))
    for stop, next_stop in pairwise(places):
        end = next_stop or back
        try:
            done += pull_focus(strip, at, end, stop, feel, length, said.hold, not replace_all)
        except ValueError:
            if before:
                Focus(strip).write(before)
            raise
        done.append(f"Pull to {end.name} from frame {at:g} to {at + length:g}")
        at += 2 * length
    left = {key.frame for key in Focus(strip).keys()}  # noqa: SIM118 - no mapping
    gone = [key for key in before if key.frame not in left]
    return [*done, f"replaces {keys_text(gone)}"] if gone else done


def _fitting(strip: bpy.types.Strip, at: float, length: float, pulls: int) -> tuple[float, list[str]]:
    """The length of each of several pulls, with rests as long between them, so that they end with the strip."""
    room = marks.span(strip)[1] - at
    needed = (2 * pulls - 1) * length
    if pulls < 2 or needed <= room or room < 4 * pulls:
        return length, []
    length = float(int(room / (2 * pulls - 1)))
    return length, [f"The pulls are shortened to {length:g} frames each, to end with the strip"]


def _place_mark(
    strip: bpy.types.Strip, place: phrase.FocusPlace, near_far: tuple[float, float] | None, frame: float
) -> pull.Mark | None:
    """A place as a mark; None for "where focus is now"."""
    if place.kind == "HERE":
        return None
    if place.kind == "MARK":
        mark = marks.find(strip, place.name)
        if mark is not None:
            return marks.for_pull(strip, mark)
    own = marks.find(strip, place.kind)  # a mark that was taped as "Foreground" is what the user means by it
    if own is not None and own.kind == "TRACKED":
        return marks.for_pull(strip, own)
    metres = min(phrase.place_distance_m(place, near_far), pull.INFINITY_M)
    return pull.Mark(place.name or place.kind.capitalize(), metres)


def _set_lens(strip: bpy.types.Strip, said: phrase.Understanding) -> list[str]:
    now = {name: value_of(strip, name) for name in ("Squeeze", "Sensor Width")}
    squeeze = said.squeeze or now["Squeeze"]
    wanted: dict[str, float] = {}
    if said.focal_mm is not None:
        wanted["Focal Length"] = said.focal_mm
    f_number = said.f_number or (said.t_stop and lenses.t_stop_f_number(said.t_stop))
    if f_number is not None:
        wanted["F-Stop"] = f_number
    if said.squeeze is not None:
        wanted["Squeeze"] = said.squeeze
    if said.sensor is not None:
        wanted["Sensor Width"] = lenses.SENSORS[said.sensor].width_mm * squeeze
    elif said.squeeze is not None:
        wanted["Sensor Width"] = now["Sensor Width"] / now["Squeeze"] * squeeze
    for name, value in wanted.items():
        set_value(strip, name, value)
    return [f"{name} {value:g}" for name, value in wanted.items()]


# --- A start -------------------------------------------------------------------------------------------------------


def sensible_start(strip: bpy.types.Strip) -> str:
    """Put focus on the nearest clear subject near the middle, and the f-stop where what is far has a circle of
    `START_BLUR_PCT` of the width, as far as lenses have it, so that the first look is a picture with a subject. Returns
    what was done.

    Raises what reading depth raises, and ValueError; then nothing has changed.
    """
    first, last = marks.span(strip)
    depth_m = depth_of(strip, min(max(strip.id_data.frame_current, first), last))
    focus_m = min(subjects.middle_subject(depth_m), pull.INFINITY_M)
    if focus_m <= Focus(strip).nearest_m():
        raise ValueError(f"the nearest subject, at {distance_text(focus_m)}, is nearer than the lens can focus")
    far_m = subjects.histogram_modes(depth_m)[1]
    set_value(strip, focus_keys.INPUT, focus_m)
    words = f"Focus is on what stands at {distance_text(focus_m)}"
    f_number = recipes.f_number_for_blur(lens_at(strip), far_m, START_BLUR_PCT)
    if f_number > 0:
        within = min(max(f_number, lenses.FASTEST), lenses.SLOWEST)
        set_value(strip, "F-Stop", float(f"{within:.2g}"))
        words += f", f/{value_of(strip, 'F-Stop'):.2g} leaves {distance_text(far_m)} soft"
        if within != f_number:
            words += f" (f/{f_number:.2g} would make it as soft as meant, but lenses end at f/{within:g})"
    return words


# --- Lens ------------------------------------------------------------------------------------------------------------


def value_of(strip: bpy.types.Strip, name: str) -> float:
    """An input's value as it stands."""
    return modifier.socket(modifier.find(strip), name).value


def set_value(strip: bpy.types.Strip, name: str, value: float) -> None:
    """Set an input; where it is keyed, at the current frame."""
    rack_modifier = modifier.find(strip)
    socket = modifier.socket(rack_modifier, name)
    entry = inputs.INPUTS[inputs.NAMES.index(name)]
    socket.value = round(value) if entry.integer else value
    path = focus_keys.path_of(rack_modifier, modifier.group.socket_ids(rack_modifier.node_group)[name])
    if curves.at_work(strip.id_data, path) is not None:
        socket.keyframe_insert("value", frame=strip.id_data.frame_current)


def put_on(strip: bpy.types.Strip, preset: lenses.LensPreset) -> None:
    """Put a lens on: focal length, f-stop, blades and squeeze; the sensor keeps its film, seen through that squeeze."""
    film_mm = value_of(strip, "Sensor Width") / value_of(strip, "Squeeze")
    for name, value in (("Focal Length", preset.focal_mm), ("F-Stop", preset.f_number), ("Blades", preset.blades),
                        ("Squeeze", preset.squeeze), ("Sensor Width", film_mm * preset.squeeze)):  # fmt: skip
        set_value(strip, name, value)


def lens_at(strip: bpy.types.Strip) -> Lens:
    """The strip's lens as its inputs stand. Raises ValueError for what no lens can be."""
    return inputs.lens_of(modifier.values(strip, modifier.find(strip), strip.id_data))


def sharpness(strip: bpy.types.Strip, focus_m: float, depth_m: np.ndarray, wide: int) -> np.ndarray:
    """How sharp each pixel would be with the focus there: 1 within half a pixel of blur, 0 from one and a half on.

    depth_m: (H, W) float32, metres, of a picture `wide` pixels across. Returns (H, W) float32, 0 to 1. Raises
    ValueError for a focus nearer than the lens can.
    """
    lens = replace(lens_at(strip), focus_m=min(focus_m, pull.INFINITY_M))
    return np.clip(_SOFT_PX - np.abs(coc_px(depth_m, lens, wide)), 0, 1)


def read_outs(lens: Lens, wide: int) -> dict[str, float]:
    """Near and far limit, hyperfocal distance (metres) and the diameter of the blur at infinity (pixels)."""
    near, far = depth_of_field_m(lens, wide)
    return {
        "near_m": near,
        "far_m": far,
        "hyperfocal_m": hyperfocal_m(lens, wide),
        "infinity_px": 2 * abs(float(coc_px(math.inf, lens, wide))),
    }


def cut_told(strip: bpy.types.Strip) -> str:
    """Where blur circles of the frame that is shown are too large to be drawn, and what to check; empty if nowhere."""
    image = group.image_of(modifier.find(strip).node_group)
    held = pixels.held(image) if image is not None else None
    job = getattr(held, "job", held)  # the window's wish for a job, or the job itself
    cut = frames.circles_cut(job) if isinstance(job, Job) else None
    if cut is None:
        return ""
    nearest, farthest = (distance_text(metres) for metres in cut.depth_m)
    return (
        f"Circles are cut to {2 * cut.limit_px:.0f} px across where depth is {nearest} to {farthest}, "
        f"{max(cut.share, 1e-4):.2%} of this frame. Check the depth's kind and scale, and soft edges into 0"
    )


def from_camera(strip: bpy.types.Strip, scene: bpy.types.Scene, camera: bpy.types.Object) -> list[str]:
    """Take lens and focus from a Blender camera, frame by frame: what moves is keyed, thinned to 1 %.

    scene: the scene the shot was rendered from. The frame of that scene is the number in the file's name (image
    sequences), or counts from its start (movies). Returns what was taken. Raises FrameError, ValueError.
    """
    first, last = marks.span(strip)
    before = scene.frame_current, scene.frame_subframe
    rows: dict[int, dict[str, float]] = {}
    try:
        for frame in range(first, last + 1):
            at = _scene_frame(strip, scene, frame)
            scene.frame_set(math.floor(at), subframe=at - math.floor(at))
            depsgraph = scene.view_layers[0].depsgraph
            depsgraph.update()
            rows[frame] = camera_lens.values_of(camera.evaluated_get(depsgraph), scene.render)
    finally:
        scene.frame_set(before[0], subframe=before[1])
    done = []
    for name in rows[first]:
        values = [rows[frame][name] for frame in rows]
        moves = max(values) - min(values) > 1e-4 * max(abs(v) for v in values)
        if name == focus_keys.INPUT:
            _take_focus(strip, list(rows), values, moves)
        elif moves:
            _key_row(strip, name, list(rows), values)
        else:
            _unkey(strip, name)
            set_value(strip, name, values[0])
        done.append(f"{name}{' (keyed)' if moves else f' {values[0]:.3g}'}")
    return done


def _scene_frame(strip: bpy.types.Strip, scene: bpy.types.Scene, frame: int) -> float:
    """The frame of a scene that a strip shows, where the strip was rendered from that scene, or is a strip of it."""
    if strip.type == "SCENE":
        return strips.scene_frame(strip, marks.frame_in_list(strip, frame), strip.id_data)
    index = strips.media_frame(strip, marks.frame_in_list(strip, frame), strip.id_data).index
    numbers = strips.numbers_of(strip)
    return scene.frame_start + index if numbers is None else numbers[index]


def _take_focus(strip: bpy.types.Strip, rows: list[int], metres: list[float], moves: bool) -> None:
    focus = Focus(strip)
    if moves:
        focus.write(fit(rows, [min(m, pull.INFINITY_M) for m in metres], 0.01))
        return
    _unkey(strip, focus_keys.INPUT)
    focus.socket.value = metres[0]


def _key_row(strip: bpy.types.Strip, name: str, rows: list[int], values: list[float]) -> None:
    socket = modifier.socket(modifier.find(strip), name)
    for frame, value in zip(rows, values, strict=True):
        socket.value = value
        socket.keyframe_insert("value", frame=frame)


def _unkey(strip: bpy.types.Strip, name: str) -> None:
    rack_modifier = modifier.find(strip)
    path = focus_keys.path_of(rack_modifier, modifier.group.socket_ids(rack_modifier.node_group)[name])
    curves.remove(strip.id_data, path)
