# SPDX-License-Identifier: GPL-3.0-or-later
"""How near a twin comes to the real result, in decibels."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping

import bpy
import cv2
import numpy as np

from ...frame import inputs
from ..blender import idnames
from ..blender.runtime import sweep
from ..depth import upstream
from . import twin_group, twin_nodes

MEASURED_WIDTH = 320
"""Pixels across of the picture on which a twin is measured: circles shrink with it, and with them the time that
Blender's nodes take, which grows with the fourth power of the width."""


def decibels(picture: np.ndarray, reference: np.ndarray) -> float:
    """Peak signal to noise of two pictures as a screen shows them. Higher is nearer; 99 where they are the same.

    picture, reference: (H, W, 4) float32, scene-linear.
    """
    error = float(np.mean((_seen(picture) - _seen(reference)) ** 2))
    return min(99.0, -10.0 * math.log10(max(error, 1e-12)))


def _seen(picture: np.ndarray) -> np.ndarray:
    light = np.clip(picture[..., :3].astype(np.float64), 0.0, 1.0)
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def measured(
    tree: bpy.types.NodeTree,
    values: Mapping[str, float],
    picture: np.ndarray,
    raw: np.ndarray | None,
    real: np.ndarray,
    frame: int,
) -> tuple[float, float]:
    """dB of a twin's group, and of the picture untouched, against the real result. picture, real: (H, W, 4) float32,
    scene-linear; raw: (H, W) float32, the depth's numbers, None where the group reads them itself. Raises
    FrameError."""
    shown = _rendered(tree, values, picture, raw, frame)
    return decibels(shown, real), decibels(picture, real)


def small(plane: np.ndarray, interpolation: int = cv2.INTER_NEAREST) -> np.ndarray:
    """A picture or its depth at the size on which twins are measured.

    plane: (H, W, ...) float32 of any meaning. Returns (h, w, ...) float32 of the same.
    """
    height, width = plane.shape[:2]
    if width <= MEASURED_WIDTH:
        return plane
    size = MEASURED_WIDTH, max(1, round(height * MEASURED_WIDTH / width))
    return cv2.resize(plane, size, interpolation=interpolation)


def _rendered(
    tree: bpy.types.NodeTree, values: Mapping[str, float], picture: np.ndarray, raw: np.ndarray | None, frame: int
) -> np.ndarray:
    """What the twin makes of a picture: a small scene of its own composites it."""
    blank = bpy.data.scenes.new(twin_group.NAME)
    outer = bpy.data.node_groups.new(twin_group.NAME, idnames.TREE)
    images = []
    try:
        outer.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        twin = outer.nodes.new(idnames.GROUP)
        twin.node_tree, twin.name = tree, twin_group.NAME
        for name in inputs.NAMES:
            socket = twin.inputs[name]
            socket.default_value = int(values[name]) if socket.type == "INT" else values[name]
        planes = {"Image": picture}
        if raw is not None:
            planes[twin_nodes.DEPTH] = np.dstack([raw, raw, raw, np.ones_like(raw)])
        for name, plane in planes.items():
            images.append(_image(plane))
            reader = outer.nodes.new(idnames.IMAGE)
            reader.image = images[-1]
            outer.links.new(reader.outputs[0], twin.inputs[name])
        outer.links.new(twin.outputs[0], outer.nodes.new(idnames.GROUP_OUTPUT).inputs[0])
        height, width = picture.shape[:2]
        blank.render.resolution_x, blank.render.resolution_y = width, height
        blank.render.resolution_percentage = 100
        with tempfile.TemporaryDirectory(prefix="rackfocus_twin_", dir=bpy.app.tempdir or None) as folder:
            return upstream.result(upstream.prepare(blank, {twin_group.NAME: outer}, folder), frame, 0.0)
    finally:
        sweep()
        bpy.data.scenes.remove(blank)
        bpy.data.node_groups.remove(outer)
        for image in images:
            bpy.data.images.remove(image)


def _image(plane: np.ndarray) -> bpy.types.Image:
    height, width = plane.shape[:2]
    image = bpy.data.images.new(twin_group.NAME, width, height, alpha=True, float_buffer=True)
    image.colorspace_settings.is_data = True
    image.pixels.foreach_set(np.ascontiguousarray(plane[::-1], np.float32).reshape(-1))
    image.update()
    image.update_tag()
    return image
