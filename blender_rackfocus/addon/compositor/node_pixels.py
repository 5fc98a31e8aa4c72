# SPDX-License-Identifier: GPL-3.0-or-later
"""A Rack Focus node's pixels: its picture and depth through the core, kept in the store under what they are.

A node's picture may come from anywhere (files, nodes before it, a 3D scene that was just rendered), so no name tells
what it is. The numbers do: the key is a hash of the picture's and the depth's own bytes. What comes out of the store is
therefore right whatever happened before the node, and a render that is not the same twice is never found again.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np

from ...core import defocus_frame
from ...frame import inputs, recipe
from ...frame.job import Made
from ...media.baked import quantised, rounded
from ...media.store import key_of
from .. import cache
from ..shot import pixels


@dataclass(frozen=True)
class Region:
    """The part of the frame that was rendered. rows, columns: where it lies in the picture. share: its width as a
    share of the whole frame's, which the sensor spans."""

    rows: slice
    columns: slice
    share: float


def refocused(
    picture: np.ndarray, depth_m: np.ndarray, values: dict[str, float], region: Region | None = None
) -> np.ndarray:
    """The picture through the lens of these inputs, at final quality; outside the region it stays. Raises
    ValueError."""
    if region is not None:
        part = {**values, "Sensor Width": values["Sensor Width"] * region.share}
        cut = region.rows, region.columns
        made = picture.copy()
        made[cut] = refocused(np.ascontiguousarray(picture[cut]), np.ascontiguousarray(depth_m[cut]), part)
        return made
    made = defocus_frame(
        picture,
        depth_m,
        inputs.lens_of(values),
        aperture=inputs.aperture_of(values),
        highlights=inputs.highlights_of(values),
        quality="final",
    )
    mix = np.float32(min(values["Mix"], 1.0))
    made = made if mix == 1 else picture + mix * (made - picture)
    changed = np.any(made != picture, axis=2, keepdims=True)
    return np.where(changed, rounded(made), picture)  # as strips have it: the same pixels everywhere


def make(
    name: str, picture: np.ndarray, depth_m: np.ndarray, values: dict[str, float], region: Region | None = None
) -> Made:
    """`refocused`, as the node's image wants it; from the store where it was made before.

    name: of the node, for those who look into the store. Raises ValueError.
    """
    key = key_of_frame(picture, depth_m, values, region) if cache.store() is not None else ""
    kept = cache.fetch(key) if key else None
    if kept is not None:
        return kept
    height, width = picture.shape[:2]
    made = Made(width, height, pixels.encode(refocused(picture, depth_m, values, region), picture))
    half = None
    if made.flat is not None:
        half = quantised(made.flat)
        made = replace(made, flat=half.astype(np.float32))
    if key:
        cache.keep(key, made, half, name)
    return made


def key_of_frame(
    picture: np.ndarray, depth_m: np.ndarray, values: dict[str, float], region: Region | None = None
) -> str:
    """The store's key of a frame: all that decides its pixels."""
    part = (region.rows.indices(len(picture)), region.columns.indices(picture.shape[1])) if region is not None else None
    return key_of(
        kind="node",
        renderer=recipe.renderer(),
        picture=_hash(picture),
        depth=_hash(depth_m),
        values={name: float(np.float32(values[name])) for name in inputs.NAMES},
        region=(*part, region.share) if part is not None and region is not None else None,
    )


def _hash(array: np.ndarray) -> str:
    digest = hashlib.blake2b(f"{array.shape}{array.dtype.str}".encode(), digest_size=16)
    digest.update(memoryview(np.ascontiguousarray(array)).cast("B"))
    return digest.hexdigest()
