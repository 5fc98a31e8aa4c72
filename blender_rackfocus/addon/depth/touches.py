# SPDX-License-Identifier: GPL-3.0-or-later
"""Touch up: the strokes on a strip's or node's depth. They are its own: saved, undone, duplicated and copied with it.

A stroke is told in shares of the picture and by the clip's frame (a scene strip's and a node's: by the scene's), so
that moving, trimming, slipping and retiming a strip keep it where it was drawn. One that is held also keeps where it
lies on the other frames. `on` and `task_of` ask Blender and need the main thread; `run` is plain work.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import bpy
import numpy as np

from ...craft import guided
from ...craft.carried import Matrix, carry, moved
from ...craft.touch import Touch
from ...estimate import sources
from ...estimate.files import StillFrames
from ..blender import colour_config, strips
from ..blender.errors import FrameError
from ..blender.properties import of_pixels
from ..shot import modifier
from . import mattes, scene_passes, strip_estimate

KINDS = (
    ("NEARER", "Nearer", "What is under the stroke comes nearer", "ADD", 0),
    ("FARTHER", "Farther", "What is under the stroke goes farther away", "REMOVE", 1),
    ("AS_HERE", "As Here", "What is under the stroke becomes as far as it is where the stroke begins", "EYEDROPPER", 2),
    ("SMOOTH", "Smooth", "What is under the stroke becomes even", "MOD_SMOOTH", 3),
)
type Owner = bpy.types.Strip | bpy.types.Node
_STILL: set[str] = set()
_APART = 0.25
"""Points of a stroke nearer to each other than this share of the brush's radius are one."""


class RACKFOCUS_PG_touch(bpy.types.PropertyGroup):
    """A stroke that corrects depth."""

    kind: of_pixels(bpy.props.EnumProperty, "Stroke", "What it does to the depth", items=KINDS)
    frame: bpy.props.IntProperty(name="Frame", description="Of the clip, on which it was drawn; 0 is the first")
    points: bpy.props.StringProperty(name="Points", description="Where it was drawn", options={"HIDDEN"})
    radius: of_pixels(
        bpy.props.FloatProperty,
        "Brush",
        "Radius of the brush, in percent of the picture's width",
        subtype="PERCENTAGE",
        default=3.0,
        min=0.1,
        soft_max=20.0,
        max=100.0,
    )
    factor: of_pixels(
        bpy.props.FloatProperty,
        "Times",
        "How many times nearer or farther: 2 halves or doubles the distance",
        default=1.25,
        min=1.0,
        soft_max=4.0,
        max=1000.0,
    )
    dioptres: of_pixels(
        bpy.props.FloatProperty,
        "Dioptres",
        "How much nearer or farther besides, in 1/m, as a lens counts: also what is infinitely far moves",
        default=0.0,
        min=0.0,
        soft_max=2.0,
        max=1000.0,
    )
    edges: of_pixels(
        bpy.props.BoolProperty,
        "Keep to Edges",
        "It ends where the picture has an edge; off, it fades to the brush's rim alone",
        default=True,
    )
    hold: of_pixels(
        bpy.props.BoolProperty,
        "Hold",
        "It stays on what it was drawn over through the whole shot, once it was followed; off, it is for the one frame",
    )
    motion: bpy.props.StringProperty(name="Motion", description="Where it lies on other frames", options={"HIDDEN"})
    lost: bpy.props.StringProperty(name="Lost", description="Where and why it ends before the shot does", options=set())


PROPERTIES = {
    "rackfocus_touches": bpy.props.CollectionProperty(
        type=RACKFOCUS_PG_touch, name="Touches", description="Strokes that correct the depth, one after the other"
    ),
    "rackfocus_touches_active": bpy.props.IntProperty(name="Active Stroke", min=0, options=set()),
}


@dataclass(frozen=True)
class Held:
    """A stroke to follow: its frame and points as the strip keeps them, which tell it from others, and itself."""

    frame: int
    points: str
    touch: Touch


class Frames(sources.Frames, Protocol):
    """The frames of a clip, until they are closed."""

    def close(self) -> None: ...


@dataclass(frozen=True)
class Task:
    """Strokes to follow through a shot. wanted: the frames of the clip that the strip shows, rising. first: the number
    of the first of `frames`."""

    frames: Frames
    wanted: tuple[int, ...]
    held: tuple[Held, ...]
    first: int = 0


@dataclass(frozen=True)
class Followed:
    """Where a stroke lies, as the strip keeps it, and where and why it ends early; '' where it does not."""

    held: Held
    motion: str
    lost: str


def suits(strip: bpy.types.Strip) -> bool:
    """Whether strokes can lie on a strip's depth: it has a picture of its own."""
    return modifier.suits(strip) and strip.type != modifier.ADJUSTMENT


def frame_of(strip: bpy.types.Strip, frame: float, scene: bpy.types.Scene) -> int:
    """The frame by which strokes are told that a strip shows at a frame. Raises FrameError, MediaError."""
    if strip.type == "SCENE":
        return math.floor(strips.scene_frame(strip, frame, scene))
    return strips.media_frame(strip, frame, scene).index


def on(strip: Owner, index: int) -> tuple[Touch, ...]:
    """The strokes on a frame, in their order. index: of a strip's clip, as `frame_of` tells it, or of a node's scene.
    Raises ValueError where one cannot be read."""
    shown = []
    for number, stroke in enumerate(strip.rackfocus_touches, 1):
        try:
            touch = _touch(stroke)
            if stroke.frame == index:
                shown.append(touch)
            elif stroke.hold and stroke.motion and (matrix := _motion(stroke.motion).get(index)) is not None:
                shown.append(moved(touch, matrix))
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"stroke {number} on its depth cannot be read ({error}): delete it (Touch Up)") from error
    return tuple(shown)


def add(strip: Owner, frame: int, touch: Touch, *, hold: bool = False) -> RACKFOCUS_PG_touch:
    """Put one more stroke on a strip's or node's depth. frame: as for `on`."""
    stroke = strip.rackfocus_touches.add()
    stroke.points = text_of(touch.points)  # before all else: what is set next may draw it
    stroke.kind, stroke.frame, stroke.hold = touch.kind, frame, hold
    stroke.radius, stroke.factor = 100 * touch.radius, touch.factor
    stroke.dioptres, stroke.edges = touch.dioptres, touch.edges
    strip.rackfocus_touches_active = len(strip.rackfocus_touches) - 1
    return stroke


def text_of(points: Iterable[Sequence[float]]) -> str:
    """Points as a strip keeps them."""
    return json.dumps([[round(float(x), 5), round(float(y), 5)] for x, y in points])


def points_of(text: str) -> tuple[tuple[float, float], ...]:
    """Points that a strip keeps. Raises ValueError, TypeError."""
    return tuple((float(x), float(y)) for x, y in json.loads(text))


def thinned(points: Sequence[tuple[float, float]], radius: float, aspect: float) -> tuple[tuple[float, float], ...]:
    """A stroke as the mouse drew it, without the points that say nothing. radius: a share of the width. aspect: height
    over width."""
    kept = [points[0]]
    for x, y in points[1:]:
        if np.hypot(x - kept[-1][0], (y - kept[-1][1]) * aspect) >= _APART * radius:
            kept.append((x, y))
    return tuple(kept)


def waiting(strip: Owner) -> list[int]:
    """The strokes that are to be held and were not followed yet, by their places in the list."""
    return [number for number, stroke in enumerate(strip.rackfocus_touches) if stroke.hold and not stroke.motion]


def held_of(strip: Owner, numbers: Iterable[int]) -> tuple[Held, ...]:
    """Strokes by their places in the list, to be followed. Raises TypeError, ValueError."""
    strokes = [strip.rackfocus_touches[number] for number in numbers]
    return tuple(Held(stroke.frame, stroke.points, _touch(stroke)) for stroke in strokes)


def task_of(strip: bpy.types.Strip, scene: bpy.types.Scene, numbers: Iterable[int]) -> Task:
    """What is to be followed. Raises EstimateError, FrameError, MediaError, ValueError."""
    held = held_of(strip, numbers)
    # The drawn frame may lie outside what the strip shows now: it was shown once, and what lies between leads to it.
    wanted = {frame_of(strip, frame, scene) for frame in range(int(strip.left_handle), int(strip.right_handle))}
    looked_at = wanted | {stroke.frame for stroke in held}
    low, high = min(looked_at), max(looked_at)
    if strip.type == "SCENE":
        return Task(_rendered(strip, range(low, high + 1), scene), tuple(range(low, high + 1)), held, low)
    frames = strip_estimate.clip_of(strip, scene)[1]
    last = max(len(frames) - 1, 0)
    return Task(frames, tuple(range(max(low, 0), min(high, last) + 1)), held)


def _rendered(strip: bpy.types.Strip, wanted: Iterable[int], scene: bpy.types.Scene) -> StillFrames:
    """Frames of a scene strip's scene, which have to be rendered. Raises FrameError, MediaError."""
    asked, camera = scene_passes.asked_of(strip), strip.scene_camera
    try:
        paths = [scene_passes.files_of(strip.scene, frame, camera, False, asked).path for frame in wanted]
    except FrameError as error:
        problem = f"strokes are followed over frames that are rendered: {error.cause}"
        raise FrameError(f"{problem}. Without, they are for the one frame", strip.name) from error
    config, working = colour_config.of(scene), colour_config.working()
    return StillFrames(paths, colorspace=working, alpha_mode="PREMUL", ocio_config=config)


def run(task: Task, progress: Callable[[float, str], None], cancelled: Callable[[], bool]) -> list[Followed]:
    """Follow strokes through a shot. progress: called with (share, phase). Stopped, it returns what was followed until
    then. Raises MediaError, ValueError."""
    done: list[Followed] = []
    total = max(len(task.held) * len(task.wanted), 1)

    @functools.lru_cache(maxsize=256)
    def look(index: int) -> np.ndarray:
        return guided.small(mattes.coded(task.frames[index - task.first]))

    for number, held in enumerate(task.held):
        lies: dict[int, Matrix] = {}
        lost = []
        for followed in carry(look, task.wanted, held.frame, held.touch):
            progress((number * len(task.wanted) + len(lies)) / total, f"stroke {number + 1} of {len(task.held)}")
            if followed.matrix is not None:
                lies[followed.frame] = followed.matrix
            else:
                lost.append(f"lost on frame {followed.frame} of the clip: {followed.why}")
            if cancelled():
                lost.append("not followed to the end: stopped by the user")
                break
        motion = json.dumps([[frame, *lies[frame]] for frame in sorted(lies)])
        done.append(Followed(held, motion, "; ".join(lost)))
        if cancelled():
            break
    return done


def keep(strip: Owner, made: Iterable[Followed]) -> int:
    """Put what was followed on the strip's strokes that are still there; how many those are."""
    count = 0
    for followed in made:
        for stroke in strip.rackfocus_touches:
            if (stroke.frame, stroke.points) == (followed.held.frame, followed.held.points):
                stroke.hold, stroke.motion, stroke.lost = True, followed.motion, followed.lost
                count += 1
    return count


def _touch(touch: RACKFOCUS_PG_touch) -> Touch:
    return Touch(touch.kind, points_of(touch.points), touch.radius / 100, touch.factor, touch.dioptres, touch.edges)


@functools.lru_cache(maxsize=512)
def _motion(text: str) -> dict[int, Matrix]:
    return {int(frame): tuple(map(float, matrix)) for frame, *matrix in json.loads(text)}  # type: ignore[misc]


OWNERS = (bpy.types.Strip, bpy.types.CompositorNodeGroup)
CLASSES = (RACKFOCUS_PG_touch,)
