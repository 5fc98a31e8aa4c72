# SPDX-License-Identifier: GPL-3.0-or-later
"""Media that carry their frame number in their pixels, and renders of Blender's sequencer read back as numbers.

A picture is 64 x 16: eight blocks of 8 x 8 in the upper half are the number's bits, the lower half is their negative,
so a blend of two frames or a missing picture cannot pass for a number.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import bpy
import cv2
import numpy as np

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
