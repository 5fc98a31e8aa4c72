# SPDX-License-Identifier: GPL-3.0-or-later
"""Mattes of subjects: from the strokes kept on a card to a folder of pictures that the card takes for its mask.

`task_of` and `look_of` ask Blender and need the main thread; `run` is plain work on files and arrays. A folder is named
after all that decides its pictures, and gets its name when every one of them is in it.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from dataclasses import asdict, dataclass
from pathlib import Path

import bpy
import cv2
import numpy as np

from ...craft import guided, matte
from ...craft.matte import Stroke
from ...estimate import EstimateError, models
from ...estimate.files import MovieFrames, StillFrames, clip_key
from ...estimate.masks import MaskNetwork
from ...estimate.steady import link
from ...media import MediaError
from ...media.colour import linear_to_srgb
from ..blender import cache, colour_config, strips
from . import scene_passes, strip_estimate

_VERSION = 2
"""Of the way a matte is made: another one makes other folders."""


@dataclass(frozen=True)
class Task:
    """A matte to make. frames: the clip. wanted: the frames of it that the strip shows, rising. network: the mask
    network's file, '' = none. folder: where the pictures go."""

    frames: MovieFrames | StillFrames
    wanted: tuple[int, ...]
    strokes: tuple[Stroke, ...]
    network: str
    folder: Path


def strokes_of(text: str) -> list[Stroke]:
    """The strokes that a card keeps. Raises ValueError."""
    try:
        loaded = json.loads(text) if text else []
        return [
            Stroke(int(drawn["frame"]), tuple((float(x), float(y)) for x, y in drawn["points"]),
                   float(drawn["radius"]), bool(drawn["inside"]))
            for drawn in loaded
        ]  # fmt: skip
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError("the strokes kept on this card cannot be read: draw over the subject again") from error


def text_of(strokes: Sequence[Stroke]) -> str:
    """`strokes_of` reads it back."""
    return json.dumps([asdict(stroke) for stroke in strokes])


def network() -> str:
    """The mask network that the preferences name, '' where none is."""
    chosen = getattr(cache.preferences(), "mask_model", "")
    return bpy.path.abspath(chosen) if chosen else ""


def task_of(strip: bpy.types.Strip, scene: bpy.types.Scene, strokes: Sequence[Stroke], network_path: str = "") -> Task:
    """The matte of the frames that a strip shows. Raises EstimateError, FrameError, MediaError."""
    shown, frames, paths = strip_estimate.clip_of(strip, scene)
    wanted = tuple(sorted({picture.index for picture in shown}))
    path = network_path or network()
    told = (
        _VERSION,
        clip_key(paths),
        (shown[0].colorspace, shown[0].alpha_mode, shown[0].stream),
        wanted,
        text_of(strokes),
        models.checksum(path) if path and os.path.isfile(path) else path,
    )
    return Task(frames, wanted, tuple(strokes), path, strip_estimate.own_folder(strip, "matte", repr(told)))


def run(
    task: Task, progress: Callable[[float, str], None], cancelled: Callable[[], bool]
) -> tuple[Path, tuple[int, ...]]:
    """Make the pictures, unless they are there. The folder, and the frames on which the subject was lost.

    progress: called with (share, phase). Raises CancelledError, which leaves nothing; MediaError, ValueError.
    """
    if task.folder.is_dir():
        return task.folder, ()
    count = len(task.wanted)

    def step(share: float, phase: str) -> None:
        if cancelled():
            raise CancelledError("stopped by the user")
        progress(share, phase)

    looks = {}
    for number, index in enumerate(task.wanted):
        step(0.15 * number / count, "reading")
        looks[index] = coded(guided.small(task.frames[index]))
    mattes_made: dict[int, np.ndarray] = {}
    with masking(task.network) as mask:
        for index, small in matte.follow(looks, task.strokes, mask, _is_cut):
            mattes_made[index] = np.rint(255 * small).astype(np.uint8)  # a long shot's have to fit into memory
            step(0.15 + 0.6 * len(mattes_made) / count, "following the subject")
    part = task.folder.with_name(f"{task.folder.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        part.mkdir(parents=True)
        for number, index in enumerate(task.wanted):
            step(0.75 + 0.25 * number / count, "writing")
            small = mattes_made[index].astype(np.float32) / np.float32(255)
            whole = guided.full(coded(task.frames[index]), looks[index], small)
            _write(part / _name(index), whole)
        os.replace(part, task.folder)
    except OSError as error:
        raise MediaError(
            task.folder, f"the matte cannot be written ({error.strerror})", "Free some space, or choose another folder."
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return task.folder, tuple(index for index in task.wanted if mattes_made[index].max() < 128)


def doubt(task: Task) -> str:
    """What makes the matte of the first frame that was drawn on doubtful, and what to do; '' where nothing does. Raises
    EstimateError, MediaError, ValueError."""
    begun = next((one.frame for one in task.strokes if one.inside and one.frame in task.wanted), None)
    if begun is None:
        return ""
    look = coded(guided.small(task.frames[begun]))
    with masking(task.network) as mask:
        here = [one for one in task.strokes if one.frame == begun]
        alike = matte.steadiness(look, here, None if mask is None else mask(look))
    if alike >= matte.STEADY:
        return ""
    return (
        f"The mask is doubtful: drawn a little otherwise it is another one ({math.floor(100 * alike) / 100:.2f} of 1 "
        "alike). Draw over all of the subject, with Ctrl over what is not it; for people, name a mask network"
    )


@contextlib.contextmanager
def masking(path: str) -> Iterator[Callable[[np.ndarray], np.ndarray] | None]:
    """How a mask network masks a picture, (h, w, 3) uint8 RGB to (h, w) float32, 0 to 1, while this is entered; None
    where no file is named. Raises EstimateError."""
    if not path:
        yield None
        return
    with contextlib.closing(MaskNetwork(path)) as opened:
        yield opened.mask


def read(folder: str, index: int) -> np.ndarray:
    """A frame's matte: (H, W) float32, 0 to 1. Raises MediaError."""
    path = os.path.join(folder, _name(index))
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise MediaError(
            path, f"the matte of this frame cannot be read ({error.strerror})", "Follow the subject again (Cards)."
        ) from error
    picture = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE) if data.size else None
    if picture is None:
        raise MediaError(path, "the matte of this frame is damaged", "Follow the subject again (Cards).")
    return picture.astype(np.float32) / np.float32(255)


def _is_cut(before: np.ndarray, after: np.ndarray) -> bool:
    return link(*(cv2.cvtColor(look, cv2.COLOR_RGB2GRAY) for look in (before, after))).cut


def coded(picture: np.ndarray) -> np.ndarray:
    """A picture as a screen shows it.

    picture: (H, W, 4) float32, scene-linear. Returns (H, W, 3) uint8, 0 to 255.
    """
    return np.rint(255 * linear_to_srgb(np.clip(picture[..., :3], 0, 1))).astype(np.uint8)


def picture_of(strip: bpy.types.Strip, scene: bpy.types.Scene, frame: float) -> np.ndarray:
    """The picture, (H, W, 3) uint8 RGB, that a strip shows at a frame; a scene strip's has to be rendered. Raises
    EstimateError, FrameError, MediaError."""
    if strip.type == "SCENE":
        here, _ = scene_passes.media_frame(strip, frame, scene, False, scene_passes.asked_of(strip))
        return coded(strips.read(here, colour_config.of(scene)))
    here = strips.media_frame(strip, frame, scene)
    _, frames, _ = strip_estimate.clip_of(strip, scene)
    try:
        return coded(frames[here.index])
    finally:
        frames.close()


def _name(index: int) -> str:
    return f"matte_{index:06d}.png"


def _write(path: Path, whole: np.ndarray) -> None:
    ok, data = cv2.imencode(".png", np.rint(255 * whole).astype(np.uint8), [cv2.IMWRITE_PNG_COMPRESSION, 3])
    if not ok:
        raise EstimateError(f"{path.name} cannot be coded.")
    path.write_bytes(data.tobytes())
