# SPDX-License-Identifier: GPL-3.0-or-later
"""How a strip is put into the picture: place, size, crop, flip, blending, and the modifiers after Rack Focus. Taken off
a strip, or given to another with its keyframes and drivers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import bpy

from ..blender import curves
from ..shot import modifier

_TRANSFORM = ("offset_x", "offset_y", "scale_x", "scale_y", "rotation", "origin", "filter")
_CROP = ("min_x", "max_x", "min_y", "max_y")
_OWN = ("blend_type", "blend_alpha", "use_flip_x", "use_flip_y")
_PLAIN = {"scale_x": 1.0, "scale_y": 1.0, "origin": (0.5, 0.5), "filter": "AUTO", "blend_type": "REPLACE"}
_PLAIN |= {"blend_alpha": 1.0, "use_flip_x": False, "use_flip_y": False}


def _properties(strip: bpy.types.Strip) -> Iterator[tuple[bpy.types.bpy_struct, str]]:
    """Every property of a strip's look, with what it belongs to."""
    for owner, names in ((strip, _OWN), (strip.transform, _TRANSFORM), (strip.crop, _CROP)):
        yield from ((owner, name) for name in names)


def make_plain(strip: bpy.types.Strip) -> None:
    """Show a strip's picture as it is; its modifiers stay."""
    scene = strip.id_data
    for owner, name in _properties(strip):
        path = f"{owner.path_from_id()}.{name}"
        curves.remove(scene, path)
        for driver in [other for other in _drivers(scene) if other.data_path == path]:
            scene.animation_data.drivers.remove(driver)
        setattr(owner, name, _PLAIN.get(name, 0))


def give(strip: bpy.types.Strip, other: bpy.types.Strip, size: tuple[float, float]) -> None:
    """Show another strip as one is shown, but for its modifiers. size: of the other's pictures over the first one's."""
    across = {"scale_x": 1 / size[0], "scale_y": 1 / size[1]}
    across |= {"min_x": size[0], "max_x": size[0], "min_y": size[1], "max_y": size[1]}
    for (owner, name), (theirs, _) in zip(_properties(strip), _properties(other), strict=True):
        value, times = getattr(owner, name), across.get(name, 1.0)
        setattr(theirs, name, value if times == 1.0 else type(value)(round(value * times, 6)))
        _give_movement(owner.path_from_id(), theirs.path_from_id(), f".{name}".__eq__, strip, times)


def give_modifiers(strip: bpy.types.Strip, other: bpy.types.Strip) -> None:
    """Give another strip the modifiers after Rack Focus. In a sequencer that shows the list both lie in."""
    if not later(strip):
        return
    editor = strip.id_data.sequence_editor
    for stacked in editor.strips_all:
        stacked.select = stacked in (strip, other)
    editor.active_strip = strip
    bpy.ops.sequencer.strip_modifier_copy(type="REPLACE")
    wanted = later(strip)
    for name in [stacked.name for stacked in other.modifiers if stacked.name not in wanted]:
        other.modifiers.remove(other.modifiers[name])
    for name in wanted:
        ours, theirs = strip.modifiers[name], other.modifiers[name]
        theirs.mute = ours.mute
        _give_movement(ours.path_from_id(), theirs.path_from_id(), lambda rest: True, strip, 1.0)


def later(strip: bpy.types.Strip) -> list[str]:
    """Names of the modifiers after Rack Focus."""
    names = [stacked.name for stacked in strip.modifiers]
    rack_modifier = modifier.find(strip)
    return names[names.index(rack_modifier.name) + 1 :] if rack_modifier is not None else names


def forget_movement(strip: bpy.types.Strip) -> None:
    """Take out all keyframes and drivers of a strip that is to go."""
    scene, start = strip.id_data, strip.path_from_id()
    for path in {curve.data_path for curve in curves.of_action(scene) if curve.data_path.startswith(start)}:
        while curves.find(scene, path) is not None:
            curves.remove(scene, path)
    for driver in [other for other in _drivers(scene) if other.data_path.startswith(start)]:
        scene.animation_data.drivers.remove(driver)


def _drivers(scene: bpy.types.Scene) -> list[bpy.types.FCurve]:
    return list(scene.animation_data.drivers) if scene.animation_data is not None else []


def _give_movement(ours: str, theirs: str, which: Callable[[str], bool], strip: bpy.types.Strip, times: float) -> None:
    """Copy the keyframes and drivers of paths that begin with `ours` to `theirs`."""
    scene = strip.id_data
    for bag in curves.own_bags(scene):
        for curve in [moving for moving in bag.fcurves if moving.data_path.startswith(ours)]:
            rest = curve.data_path[len(ours) :]
            if which(rest):
                copied = bag.fcurves.new_from_fcurve(curve, data_path=theirs + rest)
                _multiply(copied, times)
    for driver in _drivers(scene):
        rest = driver.data_path[len(ours) :]
        if driver.data_path.startswith(ours) and which(rest):
            copied = scene.animation_data.drivers.from_existing(src_driver=driver)
            copied.data_path = theirs + rest
            if times != 1.0:
                copied.driver.expression = f"({copied.driver.expression}) * {times!r}"


def _multiply(curve: bpy.types.FCurve, times: float) -> None:
    if times == 1.0:
        return
    for point in curve.keyframe_points:
        for handle in (point.co, point.handle_left, point.handle_right):
            handle.y *= times
    curve.update()
