# SPDX-License-Identifier: GPL-3.0-or-later
"""Rack Focus on an adjustment strip: one focus for a sequence of cuts.

Such a strip gets the picture of all that lies below it, and our pixels replace it: so Python has to know it to the last
bit. It does where one strip alone fills the frame, opaque, as it is in its file: then what arrives is what that strip's
own modifier would get. All else (effects, titles, transformed or transparent strips, another size than the render's) is
refused by name.

Depth is that of the strip below, by its own settings, or of a depth strip that is paired with the adjustment strip.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import bpy

from ..blender import pairs, strips
from ..blender.errors import FrameError
from ..blender.strips import Shown
from ..shot import group, modifier

_OPAQUE = {"REPLACE", "ALPHA_OVER"}
_INSTEAD = "refocus the strips themselves there"


@dataclass(frozen=True)
class Parts:
    """What a refocused strip's frame is made of. picture, depth: as the strips are shown that give them. canvas: width
    and height that the picture has to fill; None where it need not."""

    picture: Shown
    depth: Shown
    canvas: tuple[int, int] | None = None


def parts(shown: Shown) -> Parts:
    """What the frame of a strip is made of: itself, or what lies below an adjustment strip. Raises FrameError."""
    if shown.strip.type != modifier.ADJUSTMENT:
        return Parts(shown, shown)
    below = _drawn(shown).below
    if below is None:
        raise FrameError("nothing lies below it at this frame", shown.strip.name)
    problem = _problem(shown, below)
    if problem:
        raise FrameError(f"{problem}: {_INSTEAD}", shown.strip.name)
    has_own_depth = modifier.depth_strip(shown.strip) is not None
    render = shown.scene.render
    return Parts(below, shown if has_own_depth else below, (render.resolution_x, render.resolution_y))


def is_over_nothing(shown: Shown) -> bool:
    """Whether a strip is an adjustment strip with nothing below it."""
    return shown.strip.type == modifier.ADJUSTMENT and _drawn(shown).below is None


def _drawn(shown: Shown) -> Shown:
    """An adjustment strip as Blender draws it, also where somebody asks for it at a frame of its scene's own."""
    if shown.route:
        return shown
    drawn = strips.appearances(shown.strip, shown.animation_frame, shown.scene)
    return next((appearance for appearance in drawn if appearance.scene == shown.scene), shown)


def _problem(shown: Shown, below: Shown) -> str:
    """Why what arrives is not simply the picture of the strip below; empty where it is."""
    strip, under = shown.strip, below.strip
    if shown.route and shown.route[0] != shown.scene.name:
        return f'an adjustment strip cannot be refocused in a scene strip ("{shown.route[0]}" shows its scene)'
    if shown.scene.render.resolution_percentage != 100:
        return "the render's size is not 100 %"
    how = _changed(strip)
    if how:
        return f"it is {how} itself"
    if below.levels[:-1] != shown.levels[:-1] or under.parent_meta() != strip.parent_meta():
        return f'"{under.name}" below it lies outside its meta strip'
    if pairs.is_placed(under):
        return f'"{under.name}" below it shows frames that Rack Focus made of another strip'
    if under.type not in modifier.KINDS:
        return f'"{under.name}" below it is {_named(under.type)}, whose picture is not one of a file'
    changed = _changed(under)
    if changed:
        return f'"{under.name}" below it is {changed}'
    if under.blend_type not in _OPAQUE or under.blend_alpha != 1:
        return f'"{under.name}" below it is mixed with what lies under it'
    return _modified(under)


def _named(kind: str) -> str:
    words = f"{kind.lower().replace('_', ' ')} strip"
    return f"an {words}" if words[0] in "aeiou" else f"a {words}"


def _changed(strip: bpy.types.Strip) -> str:
    """What a strip does to its picture's place; for an adjustment strip also to its colours, which for others is
    followed. Empty for nothing."""
    transform, crop = strip.transform, strip.crop
    if (transform.offset_x, transform.offset_y) != (0, 0):
        return "moved"
    if (transform.scale_x, transform.scale_y) != (1, 1):
        return "scaled"
    if not math.isclose(transform.rotation, 0, abs_tol=1e-9):
        return "turned"
    if strip.use_flip_x or strip.use_flip_y:
        return "mirrored"
    if any((crop.min_x, crop.max_x, crop.min_y, crop.max_y)):
        return "cropped"
    if strip.type == modifier.ADJUSTMENT and (strip.color_saturation, strip.color_multiply) != (1, 1):
        return "graded"
    return ""


def _modified(under: bpy.types.Strip) -> str:
    for stacked in under.modifiers:
        if modifier.is_on(stacked) and not stacked.type.startswith("SOUND"):
            if stacked.type == "COMPOSITOR" and group.is_ours(stacked.node_group):
                return f'Rack Focus is at work on "{under.name}" below it too; mute it there, or here'
            return f'"{under.name}" below it has the modifier "{stacked.name}"'
    return ""
