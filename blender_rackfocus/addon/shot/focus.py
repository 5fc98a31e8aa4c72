# SPDX-License-Identifier: GPL-3.0-or-later
"""A strip's Focus Distance: its property, its keys, and what they make at a frame."""

from __future__ import annotations

import math
from collections.abc import Sequence

import bpy

from ...craft.focus_curve import NEAREST_M, Key
from ..blender import curves, strips
from . import group, modifier
from .focus_keys import INPUT, focus_m, keys_of, path_of, write


class Focus:
    """A strip's Focus Distance: its property, its keys, and what they make at a frame of the strip's scene.

    Raises ValueError for a strip without a Rack Focus modifier.
    """

    def __init__(self, strip: bpy.types.Strip) -> None:
        self.strip, self.scene = strip, strip.id_data
        self.modifier = modifier.find(strip)
        if self.modifier is None:
            raise ValueError(f'"{strip.name}" has no Rack Focus modifier')
        self.socket = modifier.socket(self.modifier, INPUT)
        self._identifier = group.socket_ids(self.modifier.node_group)[INPUT]
        self._focal = modifier.socket(self.modifier, "Focal Length")

    @property
    def path(self) -> str:
        """Data path of the property in the scene."""
        return path_of(self.modifier, self._identifier)

    @property
    def curve(self) -> bpy.types.FCurve | None:
        """The F-curve in use, or None."""
        return curves.at_work(self.scene, self.path)

    def at_m(self, frame: float | None = None) -> float:
        """The focus in metres; None = as the property stands now."""
        at = None if frame is None else curves.time_of(self.scene, frame)
        return focus_m(self.scene, self.path, self.socket.value, at)

    def now_m(self, frame: float) -> float:
        """The focus at a frame: typed but unkeyed values count at the current frame."""
        return self.at_m(None if frame == strips.standing_at(self.scene) else frame)

    def nearest_m(self) -> float:
        """What no lens focuses nearer than: its focal length, in metres."""
        return max(NEAREST_M, self._focal.value / 1000)

    def keys(self, first: float = -math.inf, last: float = math.inf) -> list[Key]:
        """`keys_of` the curve."""
        return keys_of(self.curve, first, last)

    def write(self, keys: Sequence[Key]) -> None:
        """`write` these keys, and bring the property up to date."""
        write(self.scene, self.socket, self.path, keys)
        self.socket.value = self.curve.evaluate(self.scene.frame_current_final)

    def set(self, metres: float, frame: float, key: bool = False) -> bool:
        """Focus on a distance at a frame: a key where there are keys already, or `key` asks for one; else the plain
        value. Returns whether a key was set."""
        self.socket.value = metres
        if self.curve is None and not key:
            return False
        self.socket.keyframe_insert("value", frame=frame)
        return True
