# SPDX-License-Identifier: GPL-3.0-or-later
"""A small shot for tests of the live modifier: noise on the left at 2 m, on the right at 10 m, another noise every
frame."""

from __future__ import annotations

from pathlib import Path

import bpy
import cv2
import numpy as np
import OpenImageIO as oiio

from blender_rackfocus.addon.shot import group, modifier

WIDTH, HEIGHT = 64, 48
NEAR_M, FAR_M = 2.0, 10.0
MARGIN = 14
"""Pixels beside the edge between the depths that blur may reach."""


def write_exr(path: Path, channels: dict[str, np.ndarray]) -> str:
    """A float EXR of (H, W) channels by name, top row first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    first = next(iter(channels.values()))
    spec = oiio.ImageSpec(first.shape[1], first.shape[0], len(channels), "float")
    spec.channelnames = tuple(channels)
    out = oiio.ImageOutput.create(str(path))
    assert out.open(str(path), spec), out.geterror()
    assert out.write_image(np.dstack(list(channels.values())).astype(np.float32)), out.geterror()
    out.close()
    return str(path)


def noise(seed: int, alpha: bool = False, size: tuple[int, int] = (HEIGHT, WIDTH)) -> np.ndarray:
    """8-bit BGR(A) noise, another one for every seed."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (*size, 4 if alpha else 3), dtype=np.uint8)


def two_depths(size: tuple[int, int] = (HEIGHT, WIDTH)) -> np.ndarray:
    """NEAR_M on the left half, FAR_M on the right."""
    depth_m = np.full(size, NEAR_M, np.float32)
    depth_m[:, size[1] // 2 :] = FAR_M
    return depth_m


class Shot:
    """The open file's scene, and what tests do with it again and again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.set_up(bpy.context.scene)

    @staticmethod
    def set_up(scene: bpy.types.Scene) -> None:
        """Pixel for pixel: the strip's size, no view transform, no dither."""
        scene.render.resolution_x, scene.render.resolution_y = WIDTH, HEIGHT
        scene.render.resolution_percentage = 100
        scene.render.dither_intensity = 0.0
        scene.view_settings.view_transform = "Standard"
        scene.render.image_settings.file_format = "PNG"
        scene.render.image_settings.color_mode = "RGBA"
        scene.sequence_editor_create()

    @property
    def scene(self) -> bpy.types.Scene:
        return bpy.context.scene

    def pictures(self, name: str = "p", frames: int = 4, seed: int = 0, alpha: bool = False) -> list[str]:
        """A PNG sequence of noise, numbered from 1."""
        paths = [str(self.folder / f"{name}_{frame:04d}.png") for frame in range(1, frames + 1)]
        for number, path in enumerate(paths):
            cv2.imwrite(path, noise(seed * 100 + number, alpha))
        return paths

    def depths(self, name: str = "d", frames: int = 4) -> list[str]:
        """An EXR sequence of depth in metres, numbered from 1."""
        return [write_exr(self.folder / f"{name}_{f:04d}.exr", {"Z": two_depths()}) for f in range(1, frames + 1)]

    def strip(self, paths: list[str], name: str = "A", scene=None, start: int = 1, channel: int = 1):
        """An image strip of these files."""
        editor = (scene or self.scene).sequence_editor
        strip = editor.strips.new_image(name, paths[0], channel=channel, frame_start=start)
        for path in paths[1:]:
            strip.elements.append(Path(path).name)
        strip.right_handle = start + len(paths)
        return strip

    def racked(self, paths: list[str], depth_path: str, name: str = "A", focus_m: float = NEAR_M, **where):
        """A strip with the modifier, a long fast lens, focus where told."""
        strip = self.strip(paths, name, **where)
        from blender_rackfocus.addon.shot import ownership

        found = modifier.add(strip)
        strip.rackfocus_depth_path = depth_path
        ownership.separate()
        self.set(strip, **{"Focal Length": 200.0, "F-Stop": 1.4, "Focus Distance": focus_m})
        assert group.image_of(found.node_group) is not None
        return strip

    @staticmethod
    def set(strip, **values: float) -> None:
        for name, value in values.items():
            modifier.socket(modifier.find(strip), name).value = value

    @staticmethod
    def key(strip, name: str, keys: dict[int, float]) -> None:
        socket = modifier.socket(modifier.find(strip), name)
        for frame, value in keys.items():
            socket.value = value
            socket.keyframe_insert("value", frame=frame)

    def still(self, frame: int, scene=None) -> np.ndarray:
        """Render one frame to a file and read it: (H, W, 4) int, 0..255."""
        scene = scene or self.scene
        before, bpy.context.window.scene = bpy.context.window.scene, scene
        scene.frame_set(frame)
        path = self.folder / "still.png"
        path.unlink(missing_ok=True)
        scene.render.filepath = str(path)
        bpy.ops.render.render(write_still=True)
        bpy.context.window.scene = before
        return read(path)

    def animation(self, name: str, first: int, last: int) -> tuple[set[str], dict[int, np.ndarray]]:
        """Render frames to files: what the operator returned, and every frame that is on disk."""
        self.scene.frame_start, self.scene.frame_end = first, last
        folder = self.folder / name
        self.scene.render.filepath = f"{folder}/"
        outcome = bpy.ops.render.render(animation=True)
        return outcome, {int(path.stem): read(path) for path in sorted(folder.glob("*.png"))}


def read(path: Path) -> np.ndarray:
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert picture is not None, path
    return picture.astype(int)


def near(picture: np.ndarray) -> np.ndarray:
    """The left half, away from the edge between the depths."""
    return picture[:, : WIDTH // 2 - MARGIN]


def far(picture: np.ndarray) -> np.ndarray:
    """The right half, away from the edge."""
    return picture[:, WIDTH // 2 + MARGIN :]


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """The largest difference of two pictures, in 1/255. Colours count by their alpha: what nobody sees is no
    difference."""
    return float(np.abs(_premultiplied(one) - _premultiplied(other)).max())


def _premultiplied(picture: np.ndarray) -> np.ndarray:
    result = picture.astype(float)
    result[..., :3] *= result[..., 3:] / 255
    return result
