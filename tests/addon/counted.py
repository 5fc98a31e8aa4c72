# SPDX-License-Identifier: GPL-3.0-or-later
"""Media that carry their frame number in their pixels, and renders of Blender's sequencer read back as numbers.

A picture is 64 x 16: eight blocks of 8 x 8 in the upper half are the number's bits, the lower half is their negative,
so a blend of two frames or a missing picture cannot pass for a number.
"""

from __future__ import annotations

import ctypes
from fractions import Fraction
from pathlib import Path

import av
import bpy
import cv2
import numpy as np

from blender_rackfocus.addon.blender import dna

WIDTH, HEIGHT, BLOCK = 64, 16, 8
NOTHING = -1
"""What `number` gives for a picture without a number (black, or two frames mixed)."""


def picture(value: int) -> np.ndarray:
    """(16, 64, 3) uint8 with a number from 0 to 255."""
    bits = np.array([(value >> bit) & 1 for bit in range(8)], np.uint8)
    row = np.repeat(bits, BLOCK)
    grey = np.concatenate([np.tile(row, (BLOCK, 1)), np.tile(1 - row, (BLOCK, 1))]) * 255
    return np.repeat(grey[:, :, None], 3, axis=2)


def number(rgb: np.ndarray) -> int:
    """The number in a picture (16, 64, 3), or NOTHING."""
    blocks = rgb[..., 0].reshape(2, BLOCK, 8, BLOCK)[:, 2:-2, :, 2:-2].mean(axis=(1, 3))
    bits = blocks > 127
    if (abs(blocks - 127.5) < 96).any() or (bits[0] == bits[1]).any():
        return NOTHING
    return int(sum(1 << bit for bit in range(8) if bits[0, bit]))


def movie(path: Path, frames: int, fps: Fraction | int, codec: str = "libx264", times: list[int] | None = None) -> Path:
    """A movie of `frames` numbered frames. times: presentation times in ticks of 1/fps (default 0, 1, 2, ...)."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=Fraction(fps))
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.time_base = 1 / Fraction(fps)
        if codec == "libx264":
            stream.options = {"crf": "1", "g": "12", "bf": "2"}
        for i in range(frames):
            frame = av.VideoFrame.from_ndarray(picture(i), format="rgb24")
            frame.pts, frame.time_base = (times[i] if times else i), 1 / Fraction(fps)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def stills(folder: Path, numbers: list[int], pattern: str = "shot_{:04d}.png") -> list[str]:
    """Numbered PNG files; their names in order."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [pattern.format(i) for i in numbers]
    for i, name in zip(numbers, names, strict=True):
        cv2.imwrite(str(folder / name), picture(i))
    return names


def fresh_scene(fps: int = 24, fps_base: float = 1.0) -> bpy.types.Scene:
    """An empty file with one scene that renders its sequencer at 64 x 16."""
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    return set_up(bpy.context.scene, fps, fps_base)


def set_up(scene: bpy.types.Scene, fps: int = 24, fps_base: float = 1.0) -> bpy.types.Scene:
    """Give a scene a sequencer and the settings of these tests."""
    render = scene.render
    render.resolution_x, render.resolution_y, render.resolution_percentage = WIDTH, HEIGHT, 100
    render.fps, render.fps_base = fps, fps_base
    render.image_settings.media_type = "IMAGE"
    render.image_settings.file_format = "PNG"
    render.image_settings.compression = 0
    scene.view_settings.view_transform = "Raw"
    scene.sequence_editor_create()
    return scene


def rendered(scene: bpy.types.Scene, first: int, last: int, folder: Path) -> list[int]:
    """The numbers that a render of the animation shows, frame by frame."""
    scene.frame_start, scene.frame_end = first, last
    scene.render.filepath = str(folder / "out_")
    bpy.ops.render.render(animation=True, scene=scene.name)
    return [number(cv2.imread(str(folder / f"out_{frame:04d}.png"))) for frame in range(first, last + 1)]


def set_keys(strip: bpy.types.Strip, keys: list[tuple[float, float, int]]) -> None:
    """Give a strip retiming keys (index, factor, flag) as a .blend file would; Python can add keys, but not say what
    they mean.

    Flags: 1, 2 = start, end of a transition; 4, 8 = start, end of a freeze.
    """
    strip.retiming_keys.reset()
    apart = int(strip.content_end - strip.content_start) // len(keys)
    for i in range(1, max(2, len(keys) - 1)):
        strip.retiming_keys.add(timeline_frame=int(strip.content_start) + i * apart)
    # Fewer would mean writing past the end of Blender's array.
    assert len(strip.retiming_keys) >= len(keys)
    _write(strip.as_pointer(), "Sequence", "retiming_handle_num", ctypes.c_int, len(keys))
    first = dna.read(strip.as_pointer(), "Sequence", "*retiming_handles")
    for i, (index, factor, flag) in enumerate(keys):
        address = first + i * dna.size_of("SeqRetimingHandle")
        _write(address, "SeqRetimingHandle", "strip_frame_index", ctypes.c_double, index)
        _write(address, "SeqRetimingHandle", "retiming_factor", ctypes.c_float, factor)
        _write(address, "SeqRetimingHandle", "flag", ctypes.c_int, flag)


def select_key(strip: bpy.types.Strip, chosen: int) -> None:
    """Select one retiming key, as a click does: the retiming operators work on the selected ones."""
    first = dna.read(strip.as_pointer(), "Sequence", "*retiming_handles")
    for i in range(len(strip.retiming_keys)):
        address = first + i * dna.size_of("SeqRetimingHandle")
        flag = dna.read(address, "SeqRetimingHandle", "flag") & ~16
        _write(address, "SeqRetimingHandle", "flag", ctypes.c_int, flag | (16 if i == chosen else 0))


def match_rate(strip: bpy.types.Strip, fps: float) -> None:
    """What "Match Playback Rate" sets when a movie is added in the window; `strips.new_movie` has no such
    argument."""
    flag = dna.read(strip.as_pointer(), "Sequence", "flag")
    _write(strip.as_pointer(), "Sequence", "flag", ctypes.c_int, flag | 1 << 17)
    _write(strip.as_pointer(), "Sequence", "media_playback_rate", ctypes.c_float, fps)


def _write(address: int, struct: str, field: str, kind: type, value: float) -> None:
    kind.from_address(address + dna.offset_of(struct, field)[0]).value = value
