# SPDX-License-Identifier: GPL-3.0-or-later
"""F-curves of a datablock, wherever its animation keeps them: layers, strips and bags of its action, NLA strips.

A muted curve, or one in a muted group, moves nothing: `is_at_work`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import bpy
import numpy as np


def bags(action: bpy.types.Action | None, slot: bpy.types.ActionSlot | None) -> Iterator[bpy.types.ActionChannelbag]:
    """The bags of F-curves that an action has for a slot."""
    if action is None or slot is None:
        return
    for layer in action.layers:
        for strip in layer.strips:
            bag = strip.channelbag(slot)
            if bag is not None:
                yield bag


def own_bags(block: bpy.types.ID) -> Iterator[bpy.types.ActionChannelbag]:
    """The bags of the action that a datablock uses."""
    animation = block.animation_data
    if animation is not None:
        yield from bags(animation.action, animation.action_slot)


def of_action(block: bpy.types.ID) -> Iterator[bpy.types.FCurve]:
    """All F-curves of the action that a datablock uses, muted ones too."""
    for bag in own_bags(block):
        yield from bag.fcurves


def of_nla(animation: bpy.types.AnimData) -> Iterator[bpy.types.FCurve]:
    """All F-curves of NLA strips that are not muted."""
    if animation.use_nla:
        for track in animation.nla_tracks:
            if not track.mute:
                yield from _of_strips(track.strips)


def is_at_work(curve: bpy.types.FCurve) -> bool:
    """Whether a curve moves what it is for: not muted, by itself or with its group, and with something to say."""
    muted = curve.mute or (curve.group is not None and curve.group.mute)
    return not muted and not curve.is_empty


def find(block: bpy.types.ID, path: str) -> bpy.types.FCurve | None:
    """The F-curve for a property in the action that a datablock uses, muted or not; None where there is none."""
    return next((curve for bag in own_bags(block) if (curve := bag.fcurves.find(path)) is not None), None)


def at_work(block: bpy.types.ID, path: str) -> bpy.types.FCurve | None:
    """The F-curve that moves a property, or None where there is none or it is muted."""
    curve = find(block, path)
    return curve if curve is not None and is_at_work(curve) else None


def is_animated(block: bpy.types.ID, path: str) -> bool:
    """Whether anything moves a property: a curve of the action, NLA strips, a driver."""
    animation = block.animation_data
    if animation is None:
        return False
    return at_work(block, path) is not None or any(
        curve.data_path == path for curve in (*animation.drivers, *filter(is_at_work, of_nla(animation)))
    )


def time_of(scene: bpy.types.Scene, frame: float) -> float:
    """The moment of a scene's animation at one of its frames: the same, but for Time Stretching."""
    render = scene.render
    if render.frame_map_old == render.frame_map_new:
        return frame
    return frame * float(np.float32(render.frame_map_old) / np.float32(render.frame_map_new))


def remove(block: bpy.types.ID, path: str) -> None:
    """Take a property's F-curve out of the action that a datablock uses."""
    for bag in own_bags(block):
        curve = bag.fcurves.find(path)
        if curve is not None:
            bag.fcurves.remove(curve)


def _of_strips(strips: Iterable[bpy.types.NlaStrip]) -> Iterator[bpy.types.FCurve]:
    for strip in strips:
        if not strip.mute:
            for bag in bags(strip.action, strip.action_slot):
                yield from bag.fcurves
            yield from _of_strips(strip.strips)
