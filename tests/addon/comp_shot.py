# SPDX-License-Identifier: GPL-3.0-or-later
"""A small compositor: known pictures and depth from files or from a tiny render engine, and what must come out."""

from __future__ import annotations

from pathlib import Path

import bpy
import cv2
import numpy as np
import OpenImageIO as oiio
from live_shot import write_exr

from blender_rackfocus.addon.blender import versions
from blender_rackfocus.addon.shot import node
from blender_rackfocus.core import Aperture, Lens, defocus_frame

WIDTH, HEIGHT = 96, 56
NEAR_M, FAR_M = 2.0, 8.0


def picture(frame: int) -> np.ndarray:
    """Opaque noise, another one for every frame."""
    made = np.random.default_rng(frame).random((HEIGHT, WIDTH, 4)).astype(np.float32)
    made[..., 3] = 1
    return made


def depth_m(frame: int = 1) -> np.ndarray:
    """NEAR_M on the left, FAR_M on the right, the border moving with the frame."""
    made = np.full((HEIGHT, WIDTH), FAR_M, np.float32)
    made[:, : WIDTH // 2 + 2 * frame] = NEAR_M
    return made


def read(path: Path) -> np.ndarray:
    """An EXR's four channels."""
    file = oiio.ImageInput.open(str(path))
    assert file is not None, path
    pixels = file.read_image(0, 0, 0, 4, oiio.FLOAT)
    file.close()
    return pixels


class CountingEngine(bpy.types.RenderEngine):
    """Renders `picture` and `depth_m` of the frame, and counts."""

    bl_idname = "RACKFOCUS_TEST"
    bl_label = "Counting"
    rendered: list[tuple[str, int]] = []  # noqa: RUF012 - Blender makes a new instance for every render

    def update_render_passes(self, scene=None, renderlayer=None):
        self.register_pass(scene, renderlayer, "Combined", 4, "RGBA", "COLOR")
        if renderlayer is not None and renderlayer.use_pass_z:
            self.register_pass(scene, renderlayer, "Depth", 1, "Z", "VALUE")

    def render(self, depsgraph):
        frame = depsgraph.scene.frame_current
        self.rendered.append((depsgraph.scene.name, frame))
        result = self.begin_result(0, 0, WIDTH, HEIGHT)
        for each in result.layers[0].passes:
            rows = picture(frame) if each.channels == 4 else depth_m(frame)[..., None]
            each.rect = rows[::-1].reshape(-1, each.channels).tolist()
        self.end_result(result)


class CompShot:
    """The open file's scene with an empty compositor."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.scene = bpy.context.scene
        set_up(self.scene)
        self.tree = bpy.data.node_groups.new("Tree", "CompositorNodeTree")
        self.tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        versions.set_scene_tree(self.scene, self.tree)
        self.output = self.tree.nodes.new("NodeGroupOutput")

    def link(self, source, target) -> None:
        self.tree.links.new(source, target)

    def show(self, source) -> None:
        """Make a socket the tree's result."""
        self.link(source, self.output.inputs[0])

    def sequence(self, name: str, make, frames: int = 4, channels: str = "RGBA") -> bpy.types.Node:
        """An Image node that shows EXR files of `make(frame)`."""
        paths = []
        for frame in range(1, frames + 1):
            data = make(frame)
            planes = [data] * 3 if data.ndim == 2 else cv2.split(data)
            paths.append(write_exr(self.folder / f"{name}_{frame:04d}.exr", dict(zip(channels, planes, strict=False))))
        return self.image_node(paths[0], frames)

    def image_node(self, path: str, frames: int = 0) -> bpy.types.Node:
        made = self.tree.nodes.new("CompositorNodeImage")
        made.image = bpy.data.images.load(path)
        if frames:
            made.image.source = "SEQUENCE"
            made.frame_duration, made.frame_start = frames, 1
        return made

    def files(self) -> tuple[bpy.types.Node, bpy.types.Node]:
        """Picture and depth as image sequences."""
        return self.sequence("picture", picture), self.sequence("depth", depth_m)

    def racked(self, image, depth, focus_m: float = NEAR_M) -> bpy.types.Node:
        """A Rack Focus node behind these sockets, with a long fast lens, shown as the result."""
        made = node.add(self.tree)
        made.inputs["Focal Length"].default_value = 200.0
        made.inputs["F-Stop"].default_value = 1.4
        made.inputs["Focus Distance"].default_value = focus_m
        self.link(image, made.inputs["Image"])
        if depth is not None:
            self.link(depth, made.inputs["Depth"])
        self.show(made.outputs["Image"])
        return made

    def still(self, frame: int, scene=None) -> np.ndarray | None:
        """Render one frame, None when it was not written."""
        scene = scene or self.scene
        before, bpy.context.window.scene = bpy.context.window.scene, scene
        scene.frame_set(frame)
        path = self.folder / "still.exr"
        path.unlink(missing_ok=True)
        scene.render.filepath = str(path)
        bpy.ops.render.render(write_still=True)
        bpy.context.window.scene = before
        return read(path) if path.exists() else None

    def animation(self, first: int, last: int, name: str = "out") -> dict[int, np.ndarray]:
        """Render frames: every frame that is on disk."""
        self.scene.frame_start, self.scene.frame_end = first, last
        self.scene.render.filepath = f"{self.folder}/{name}/"
        bpy.ops.render.render(animation=True)
        return {int(path.stem): read(path) for path in sorted((self.folder / name).glob("*.exr"))}


def set_up(scene: bpy.types.Scene) -> None:
    scene.render.resolution_x, scene.render.resolution_y = WIDTH, HEIGHT
    scene.render.resolution_percentage = 100
    scene.view_settings.view_transform = "Raw"
    scene.render.image_settings.file_format = "OPEN_EXR"
    scene.render.image_settings.color_depth = "32"


def wanted(one: bpy.types.Node, frame: int, source: np.ndarray | None = None, **other: float) -> np.ndarray:
    """What must come out of the node: the core's picture through the lens that its inputs tell, by hand; of that as
    much as Mix says; in half floats where it is another than what came in."""
    told = {socket.name: socket.default_value for socket in one.inputs if socket.type in {"VALUE", "INT"}} | other
    assert told["Axial Chromatic"] == told["Breathing"] == told["Highlight Gain"] == 0  # the tests use plain lenses
    source = picture(frame) if source is None else source
    lens = Lens(
        focal_mm=told["Focal Length"],
        f_number=told["F-Stop"],
        sensor_mm=told["Sensor Width"],
        focus_m=told["Focus Distance"],
        max_blur_pct=told["Max Blur"],
    )
    aperture = Aperture(
        blades=int(told["Blades"]),
        rotation_deg=np.rad2deg(told["Blade Rotation"]),
        roundness=told["Roundness"],
        squeeze=told["Squeeze"],
    )
    through = defocus_frame(source, depth_m(frame), lens, aperture=aperture, quality="final")
    mixed = through if told["Mix"] == 1 else source + np.float32(told["Mix"]) * (through - source)
    same = (mixed == source).all(axis=2, keepdims=True)
    return np.where(same, source, mixed.astype(np.float16).astype(np.float32))


def difference(made: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference."""
    assert made.shape == expected.shape
    return float(np.abs(made - expected).max())


def left_behind() -> list[str]:
    """Datablocks of a finished render that are still there."""
    kinds = (
        bpy.data.scenes,
        bpy.data.node_groups,
        bpy.data.images,
        bpy.data.cameras,
        bpy.data.objects,
        bpy.data.actions,
    )
    return [block.name for kind in kinds for block in kind if block.is_runtime_data and block.name != "Render Result"]
