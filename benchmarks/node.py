# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's own Defocus node as a yardstick: the same picture and depth, through its compositor, timed.

The node takes focus, focal length and sensor from the scene's camera, and blurs nothing when its largest radius is 0.
The time given is that of a render of the tree less that of the same tree with the node muted.
"""

import os
import tempfile
import time

import bpy
import numpy as np
import OpenImageIO as oiio

from blender_rackfocus.addon.blender import versions
from blender_rackfocus.core import Lens


def defocus(rgb: np.ndarray, depth_m: np.ndarray, lens: Lens, largest_radius_px: float) -> tuple[np.ndarray, float]:
    """The node's picture (H, W, 3) float32 scene-linear, and its seconds."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    node = _tree(scene, rgb, depth_m, lens, largest_radius_px)
    picture, seconds = _render(scene)
    node.mute = True
    _, idle = _render(scene)
    return picture, max(seconds - idle, 1e-6)


def _tree(scene, rgb, depth_m, lens: Lens, largest_radius_px: float) -> bpy.types.Node:
    import addon_utils  # on the path only once bpy is imported

    height, width = depth_m.shape
    addon_utils.enable("cycles", default_set=True)
    scene.render.engine = "CYCLES"  # nothing is rendered, but the other engines would ask for a graphics card
    scene.render.resolution_x, scene.render.resolution_y = width, height
    scene.view_settings.view_transform = "Raw"
    data = bpy.data.cameras.new("Camera")
    data.lens, data.sensor_width = lens.focal_mm, lens.sensor_mm
    data.dof.use_dof = True
    data.dof.focus_distance, data.dof.aperture_fstop = lens.focus_m, lens.f_number
    scene.camera = bpy.data.objects.new("Camera", data)
    scene.collection.objects.link(scene.camera)
    tree = bpy.data.node_groups.new("Defocus", "CompositorNodeTree")
    tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    versions.set_scene_tree(scene, tree)
    picture, depth = (tree.nodes.new("CompositorNodeImage") for _ in range(2))
    picture.image = _image("picture", np.dstack([rgb, np.ones_like(depth_m)]))
    z = np.minimum(depth_m, 1e10)
    depth.image = _image("depth", np.dstack([z, z, z, np.ones_like(z)]))
    node, out = tree.nodes.new("CompositorNodeDefocus"), tree.nodes.new("NodeGroupOutput")
    node.use_zbuffer, node.scene = True, scene
    node.f_stop, node.blur_max = lens.f_number, largest_radius_px
    tree.links.new(picture.outputs["Image"], node.inputs["Image"])
    tree.links.new(depth.outputs["Image"], node.inputs["Z"])
    tree.links.new(node.outputs[0], out.inputs[0])
    return node


def _image(name: str, rgba: np.ndarray) -> bpy.types.Image:
    image = bpy.data.images.new(name, rgba.shape[1], rgba.shape[0], alpha=True, float_buffer=True)
    image.colorspace_settings.name = "Linear Rec.709"
    image.pixels.foreach_set(np.ascontiguousarray(rgba[::-1], np.float32).ravel())
    image.update()
    return image


def _render(scene) -> tuple[np.ndarray, float]:
    settings = scene.render.image_settings
    settings.file_format, settings.color_depth, settings.color_mode = "OPEN_EXR", "32", "RGB"
    with tempfile.TemporaryDirectory() as folder:
        scene.render.filepath = os.path.join(folder, "node.exr")
        start = time.perf_counter()
        bpy.ops.render.render(write_still=True)
        seconds = time.perf_counter() - start
        pixels = oiio.ImageBuf(scene.render.filepath).get_pixels(oiio.FLOAT)
    return np.asarray(pixels)[..., :3], seconds
