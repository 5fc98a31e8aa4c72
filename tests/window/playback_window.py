# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in Blender's window: plays a shot whose drafts come late, while somebody else takes pictures of the preview.

Arguments after `--`: where the result goes (JSON), the folder for pictures, the shot's .blend (its strip "A" has the
modifier; its right half lies far behind the focus, and is noise where it is not refocused).
"""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parent))

from stage import PICTURES, in_sequencer, open_shot, part, play, scene, sequencers

LATE_S = 0.12
"""How long a draft takes at least: three frames of the timeline."""
SAMPLES = 24
FRAMES = 400

eye: list[subprocess.Popen] = []


def strip() -> bpy.types.Strip:
    return scene().sequence_editor.strips_all["A"]


def mute(is_muted: bool) -> Callable[[], None]:
    def step() -> None:
        part("modifier").find(strip()).mute = is_muted
        scene().frame_set(1)

    return step


def prepare() -> None:
    bpy.context.workspace.sequencer_scene = bpy.context.scene
    strip().right_handle, scene().frame_end = FRAMES + 1, FRAMES
    scene().animation_data_clear()
    found = part("modifier").find(strip())
    part("modifier").socket(found, "Focus Distance").value = 2.0
    f_stop = part("modifier").socket(found, "F-Stop")
    for frame, value in ((1, 1.4), (FRAMES, 1.6)):  # so that no frame is made of what another was
        f_stop.value = value
        f_stop.keyframe_insert("value", frame=frame)


def make_late() -> None:
    frames = part("frames")
    compute = frames.compute
    frames.compute = lambda job, width: time.sleep(LATE_S) or compute(job, width)


def play_and_look(name: str) -> Callable[[], None]:
    """Play, and have pictures taken of the middle of what the preview shows of the strip's right half."""

    def step() -> None:
        area = next(one for one in sequencers() if one.spaces.active.view_type == "PREVIEW")
        region = next(one for one in area.regions if one.type == "PREVIEW")
        width, height = region.width // 10, region.height // 6
        left, top = region.x + region.width * 17 // 32, 900 - region.y - region.height * 7 // 12
        cut = f"-crop {width}x{height}+{left}+{top} +repage"
        # The first picture only: `import` may send more than one.
        take = f"import -window root miff:- | convert 'miff:-[0]' {cut} '{PICTURES}/{name}_'$i.png"
        in_sequencer(bpy.ops.screen.animation_play)
        eye[:] = [subprocess.Popen(["sh", "-c", f"for i in $(seq {SAMPLES}); do {take}; done"])]

    return step


def until_seen() -> bool:
    return eye[0].poll() is not None


def stop(name: str) -> Callable[[], None]:
    def step() -> None:
        in_sequencer(bpy.ops.screen.animation_cancel, restore_frame=False)

    return step


play(
    (
        open_shot,
        prepare,
        mute(True),
        play_and_look("own"),
        until_seen,
        stop("own"),
        mute(False),
        make_late,
        play_and_look("racked"),
        until_seen,
        stop("racked"),
    ),
    wait_s=1.0,
)
