# SPDX-License-Identifier: GPL-3.0-or-later
"""A Rack Focus node's pixels: its picture and depth through the core, kept in the store under what they are.

A node's picture may come from anywhere (files, nodes before it, a 3D scene that was just rendered), so no name tells
what it is. The numbers do: the key is a hash of the picture's and the depth's own bytes. What comes out of the store is
therefore right whatever happened before the node, and a render that is not the same twice is never found again.
"""

from __future__ import annotations

import hashlib

import numpy as np

from ...frame import inputs
from ...frame.job import Made
from ...frame.make import Region, make_of_picture
from ...frame.rendered import NOTHING, Rendered
from ...frame.renderer import renderer
from ...media.store import key_of
from ..blender import cache


def make(
    name: str,
    picture: np.ndarray,
    depth_m: np.ndarray,
    values: dict[str, float],
    region: Region | None = None,
    rendered: Rendered = NOTHING,
) -> Made:
    """`make_of_picture`; from the store where it was made before.

    picture: (H, W, 4) float32, scene-linear, premultiplied. depth_m: (H, W) float32, metres. name: of the node, for
    those who look into the store. Raises ValueError.
    """
    key = key_of_frame(picture, depth_m, values, region, rendered) if cache.store() is not None else ""
    return cache.made(key, name, lambda: make_of_picture(picture, depth_m, values, region, rendered))


def key_of_frame(
    picture: np.ndarray,
    depth_m: np.ndarray,
    values: dict[str, float],
    region: Region | None = None,
    rendered: Rendered = NOTHING,
) -> str:
    """The store's key of a frame: all that decides its pixels.

    picture: (H, W, 4) float32, scene-linear, premultiplied. depth_m: (H, W) float32, metres.
    """
    part = (region.rows.indices(len(picture)), region.columns.indices(picture.shape[1])) if region is not None else None
    return key_of(
        kind="node",
        renderer=renderer(),
        picture=_hash(picture),
        depth=_hash(depth_m),
        values={name: float(np.float32(values[name])) for name in inputs.NAMES},
        region=(*part, region.share) if part is not None and region is not None else None,
        **_rendered_key(rendered),
    )


def _rendered_key(rendered: Rendered) -> dict[str, object]:
    """What tells of all that was rendered besides the picture; empty for nothing."""
    parts: dict[str, object] = {}
    if rendered.behind is not None:
        behind = rendered.behind
        parts["behind"] = [_hash(plane) for plane in (behind.picture, behind.depth_m, behind.known)]
    if rendered.wide is not None:
        parts["wide"] = [*map(_hash, rendered.wide), *rendered.margin]
    return parts


def _hash(array: np.ndarray) -> str:
    digest = hashlib.blake2b(f"{array.shape}{array.dtype.str}".encode(), digest_size=16)
    digest.update(memoryview(np.ascontiguousarray(array)).cast("B"))
    return digest.hexdigest()
