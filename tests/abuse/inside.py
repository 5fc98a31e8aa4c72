# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done inside Blender, as a process of its own: `python -m tests.abuse.inside edits SEED COUNT FOLDER`, or
`endurance` for a long render. Each line on standard output is a fault, or begins with "done"."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import bpy
import counted
import stripes
import test_strips_random as edits

import blender_rackfocus
from blender_rackfocus.addon.blender import errors
from blender_rackfocus.addon.shot import modifier
from blender_rackfocus.frame import memory

MOST_GROWTH_BYTES = 48 * 2**20
BUDGET_BYTES = 128 * 2**20
WARM_FRAMES = 300
"""So much the extension may keep in memory here, and so many frames fill that: from then on it is flat."""


def random_edits(seed: int, count: int, folder: Path) -> None:
    """Strips trimmed, retimed, turned round, nested at random: the frame told is the one that Blender renders."""
    counted.movie(folder / "clip.mp4", edits.FRAMES, 25)
    counted.stills(folder / "stills", list(range(edits.FRAMES)))
    for number in range(seed, seed + count):
        try:
            edits.test_every_frame_is_the_one_blender_shows(number, folder)
        except AssertionError as error:
            _say(f"seed {number}: {(str(error) or 'another frame than told').splitlines()[0][:200]}")
        _say("done")


def endurance(frames: int, folder: Path) -> None:
    """Render an animation in which every frame is another one to compute; memory is looked at as it goes."""
    memory.BUDGET.limit_bytes = BUDGET_BYTES
    clip = stripes.write(folder / "clip", 24)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    blender_rackfocus.register()
    scene = bpy.context.scene
    scene.render.resolution_x, scene.render.resolution_y = stripes.WIDTH, stripes.HEIGHT
    scene.render.resolution_percentage = 100
    strip = scene.sequence_editor_create().strips.new_image("A", str(clip[0]), 1, 1)
    for number in range(1, frames):
        strip.elements.append(clip[number % len(clip)].name)
    bpy.ops.rackfocus.modifier_add(strip_name="A")
    focus = modifier.socket(modifier.find(strip), "Focus Distance")
    for frame, focus_m in ((1, 0.8), (frames, 6.0)):
        focus.value = focus_m
        focus.keyframe_insert("value", frame=frame)
    # Blender's own cache of pictures would fill up to its limit first.
    bpy.context.preferences.system.memory_cache_limit = 128
    scene.sequence_editor.use_cache_raw = scene.sequence_editor.use_cache_final = False
    scene.frame_start, scene.frame_end = 1, frames
    scene.render.image_settings.file_format = "BMP"
    scene.render.filepath = str(folder / "out" / "####")
    sizes = []

    def written(*_rest: object) -> None:
        sizes.append(_resident_bytes())
        if len(sizes) % 50 == 1:
            print(f"frame {len(sizes)}: {sizes[-1] >> 20} MiB", file=sys.stderr, flush=True)
        (folder / "out" / f"{scene.frame_current:04d}.bmp").unlink()

    bpy.app.handlers.render_write.append(written)
    bpy.ops.render.render(animation=True)
    if errors.failures() or len(sizes) != frames:
        _say(f"{len(sizes)} of {frames} frames: {errors.failures()[:1]}")
    warm = sizes[min(WARM_FRAMES, len(sizes) - 1)]
    if sizes[-1] > warm + MOST_GROWTH_BYTES:
        _say(f"memory grew from {warm / 2**20:.0f} to {sizes[-1] / 2**20:.0f} MiB over {len(sizes)} frames")
    _say(f"done {len(sizes)} {warm / 2**20:.0f} MiB warm, {sizes[-1] / 2**20:.0f} MiB at the end")


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def _say(words: str) -> None:
    print(f"\x02{words}", flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "edits":
        random.seed(0)
        random_edits(int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
    else:
        endurance(int(sys.argv[2]), Path(sys.argv[3]))
