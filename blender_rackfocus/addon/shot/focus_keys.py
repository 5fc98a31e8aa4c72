# SPDX-License-Identifier: GPL-3.0-or-later
"""Focus Distance's keyframes: read in dioptres between neighbouring keys, and written as ordinary keys.

`craft.focus_curve` says why. What Blender shows in the property is metres along the F-curve; the focus is that number
only at the keys. `focus_m` is what every reader of the focus goes through.

- The property follows its F-curve: read in dioptres between the two keys around the frame.
- A typed value that was not keyed, a driven one, and what NLA strips make of it: plain metres.
- F-modifiers. Those that move time (Cycles, Stepped) take their keys along: a repeated pull is the same pull. Those
  that add to the value (Noise, ...) add metres to the focus that the keys alone give.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import bpy

from ...craft.focus_curve import (
    FARTHEST_M,
    FOLLOWED,
    HAND,
    INTERPOLATIONS,
    NEAREST_M,
    RACK,
    WITHIN,
    Key,
    fit,
    focus_at,
    focus_from_value,
    value_at,
)
from ..blender import curves

INPUT = "Focus Distance"
SAME = 1e-5
"""Property and F-curve within this share of each other are the same number: both are single precision."""
TYPES = {HAND: "KEYFRAME", RACK: "EXTREME", WITHIN: "BREAKDOWN", FOLLOWED: "GENERATED"}
"""Blender's type of a key for each role. Any other type that a user gives a key is by hand."""
_MINIMUM = 0.01  # of the input, to which Blender clips what it writes into the property


def focus_m(
    owner: bpy.types.ID, data_path: str, value_m: float, frame: float | None = None, *, now: float | None = None
) -> float:
    """The focus in metres behind a focus property.

    owner, data_path: where its animation is. value_m: what the property holds now. frame: None = the current one; a
    number evaluates the F-curve there, whatever the property holds. now: the current frame, where the owner is no
    scene that tells it.
    """
    curve = curves.at_work(owner, data_path)
    if curve is None or _is_driven(owner, data_path):
        return value_m
    current = owner.frame_current_final if now is None else now
    at = current if frame is None else frame
    given = curve.evaluate(at)
    held = min(max(given, _MINIMUM), FARTHEST_M)
    if frame is None and not math.isclose(value_m, held, rel_tol=SAME):
        return value_m
    return read(curve, at, given)


def read(curve: bpy.types.FCurve, frame: float, value_m: float | None = None) -> float:
    """The focus in metres at a frame from an F-curve with keys. value_m: its value there, if known already."""
    given = curve.evaluate(frame) if value_m is None else value_m
    points = curve.keyframe_points
    if len(points) == 0:
        return min(max(given, NEAREST_M), FARTHEST_M)
    frames, values = [p.co.x for p in points], [p.co.y for p in points]
    active = [modifier for modifier in curve.modifiers if not modifier.mute and modifier.is_valid]
    if not active:
        return focus_from_value(given, frame, frames, values)
    at = frame
    for modifier in active:
        at = _moved_time(modifier, at, frames)
    plain = _plain_keys(points)
    if plain is None:
        return focus_from_value(given, at, frames, values)
    focus = focus_at(plain, at) + given - value_at(plain, at)
    return min(max(focus, NEAREST_M), FARTHEST_M)


def path_of(modifier: bpy.types.StripModifier, identifier: str) -> str:
    """The data path of a modifier's input, from its interface identifier."""
    return f"{modifier.path_from_id()}.properties.inputs.{identifier}.value"


def keys_of(curve: bpy.types.FCurve | None, first: float = -math.inf, last: float = math.inf) -> list[Key]:
    """The keys of a curve for `craft.pull`. Easings that have no Bezier form (Bounce, ...) are followed by Bezier keys
    within half a percent where they reach into first..last, frames that are to be changed; elsewhere they are told as
    linear, and `write` leaves them as they are."""
    if curve is None or len(curve.keyframe_points) == 0:
        return []
    points = list(curve.keyframe_points)
    keys: list[Key] = []
    for i, point in enumerate(points):
        key = _key(point)
        if keys and keys[-1].frame == key.frame:
            keys[-1] = replace(keys[-1], right=key.right)
        else:
            keys.append(key)
        if point.interpolation in INTERPOLATIONS or i + 1 == len(points):
            continue
        until = points[i + 1].co.x
        if until < first or point.co.x > last:
            continue
        count = max(2, round(until - point.co.x))
        frames = [point.co.x + (until - point.co.x) * k / count for k in range(count + 1)]
        fitted = fit(frames, [read(curve, frame) for frame in frames], 0.005)
        keys[-1] = replace(keys[-1], interpolation="BEZIER", right=fitted[0].right)
        keys += fitted[1:-1]
        follow = points[i + 1]
        points[i + 1] = _Follow(follow, fitted[-1].left)
    return keys


class _Follow:
    """A keyframe whose left handle was fitted anew."""

    def __init__(self, point: bpy.types.Keyframe, left: tuple[float, float] | None) -> None:
        self.co, self.handle_right, self.interpolation = point.co, point.handle_right, point.interpolation
        self.type = point.type
        self.handle_left_type, self.handle_right_type = "FREE", point.handle_right_type
        handle = left or (point.co.x, point.co.y)
        self.handle_left = type(point.co)(handle)


def write(owner: bpy.types.Scene, socket: bpy.types.bpy_struct, data_path: str, keys: Sequence[Key]) -> None:
    """Make these the keys of a focus property. Keys that stay as they are, between neighbours that do, are not touched:
    their handle types and easings remain. Only Bezier, linear and constant keys are written anew.

    keys: as `keys_of` and `craft.pull` make them. Raises RuntimeError where Blender refuses to keyframe (a linked
    scene, an action that is not editable).
    """
    curve = curves.find(owner, data_path)
    before = _snapshot(curve)
    own_easing = {p.co.x for p in curve.keyframe_points if p.interpolation not in INTERPOLATIONS} if curve else set()
    wanted = {_single(key.frame): replace(key, frame=_single(key.frame)) for key in keys}
    if curve is None:
        socket.keyframe_insert("value", frame=keys[0].frame)
        curve = curves.find(owner, data_path)
    points = curve.keyframe_points
    for i in reversed(range(len(points))):
        if points[i].co.x not in wanted or points[i].co.x not in before:
            points.remove(points[i], fast=True)
    order_before, order_now = sorted(before), sorted(wanted)
    for point in points:
        point.select_control_point = point.select_left_handle = point.select_right_handle = False
    for frame in order_now:
        if frame in before and _same(before, wanted, frame, order_before, order_now):
            continue
        points.insert(frame, wanted[frame].focus_m, options={"FAST"})
    at = {point.co.x: point for point in points}
    for frame in order_now:
        if frame in before and _same(before, wanted, frame, order_before, order_now):
            continue
        key, point = wanted[frame], at[frame]
        point.co.y = key.focus_m
        if not (frame in own_easing and key.interpolation == "LINEAR"):
            point.interpolation = key.interpolation
        point.handle_left_type = point.handle_right_type = key.handle_type
        point.handle_left, point.handle_right = key.handle_left, key.handle_right
        point.select_control_point = True
        if key.role != _role(point):
            point.type = TYPES[key.role]
    curve.update()


_RAW = (
    *("interpolation", "easing", "amplitude", "period", "back", "type", "handle_left_type", "handle_right_type"),
    *("handle_left", "handle_right", "select_control_point", "select_left_handle", "select_right_handle"),
)
"""All that Blender keeps of a keyframe beside its place; handles after their types, which move them."""


def snapshot(curve: bpy.types.FCurve) -> list[dict[str, object]]:
    """Every key of a curve as Blender keeps it, for `restore`."""

    def kept(value: Any) -> object:
        return tuple(value) if hasattr(value, "__len__") and not isinstance(value, str) else value

    return [{name: kept(getattr(p, name)) for name in ("co", *_RAW)} for p in curve.keyframe_points]


def restore(curve: bpy.types.FCurve, kept: Sequence[dict[str, object]]) -> None:
    """Make a curve what it was when it was kept by `snapshot`, to the bit."""
    points = curve.keyframe_points
    points.clear()
    points.add(len(kept))
    for point, was in zip(points, kept, strict=True):
        point.co = was["co"]
    for point, was in zip(points, kept, strict=True):
        for name in _RAW:
            setattr(point, name, was[name])
    curve.update()
    for point, was in zip(points, kept, strict=True):  # handles that Blender placed anew
        point.handle_left, point.handle_right = was["handle_left"], was["handle_right"]


def select(curve: bpy.types.FCurve, frames: Collection[float]) -> None:
    """Select the keys on these frames, and no others."""
    wanted = {_single(frame) for frame in frames}
    for point in curve.keyframe_points:
        chosen = point.co.x in wanted
        point.select_control_point = point.select_left_handle = point.select_right_handle = chosen


def _single(frame: float) -> float:
    """A frame number as Blender keeps it: single precision."""
    return struct.unpack("f", struct.pack("f", frame))[0]


def _snapshot(curve: bpy.types.FCurve | None) -> dict[float, Key]:
    if curve is None:
        return {}
    return {point.co.x: _key(point) for point in curve.keyframe_points}


def _same(before: dict[float, Key], wanted: dict[float, Key], frame: float, old: list[float], new: list[float]) -> bool:
    """True if a key and both its neighbours are what they were."""

    def alike(one: float | None, other: float | None) -> bool:
        if one is None or other is None or one != other:
            return one is None and other is None
        first, second = before[one], wanted[other]
        numbers = [
            (first.focus_m, second.focus_m),
            *zip(first.handle_left, second.handle_left, strict=True),
            *zip(first.handle_right, second.handle_right, strict=True),
        ]
        same_mode = first.interpolation == second.interpolation
        return same_mode and all(math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-6) for a, b in numbers)

    i, j = old.index(frame), new.index(frame)

    def beside(row: list[float], at: int) -> float | None:
        return row[at] if 0 <= at < len(row) else None

    return all(alike(beside(old, i + step), beside(new, j + step)) for step in (-1, 0, 1))


def _key(point: bpy.types.Keyframe | _Follow) -> Key:
    metres = max(point.co.y, NEAREST_M)
    mode = point.interpolation if point.interpolation in INTERPOLATIONS else "LINEAR"
    return Key(
        point.co.x,
        metres,
        mode,
        left=tuple(point.handle_left),
        right=tuple(point.handle_right),
        handle_type="FREE",
        role=_role(point),
    )


def _role(point: bpy.types.Keyframe | _Follow) -> str:
    return next((role for role, kind in TYPES.items() if kind == point.type), HAND)


def _plain_keys(points: Sequence[bpy.types.Keyframe]) -> list[Key] | None:
    """The keys where our own evaluation is Blender's; None where an easing of Blender's own is used."""
    keys = {point.co.x: _key(point) for point in points}
    if len(keys) != len(points) or any(point.interpolation not in INTERPOLATIONS for point in list(points)[:-1]):
        return None
    return [keys[frame] for frame in sorted(keys)]


def _moved_time(modifier: bpy.types.FModifier, frame: float, frames: Sequence[float]) -> float:
    """The frame whose keys an F-modifier plays at `frame` (`fmodifier.cc`: fcm_cycles_time, fcm_stepped_time)."""
    if modifier.use_influence and modifier.influence < 1:
        return frame
    if modifier.use_restricted_range and not modifier.frame_start <= frame <= modifier.frame_end:
        return frame
    if modifier.type == "STEPPED":
        is_early = modifier.use_frame_start and frame < modifier.frame_start
        if is_early or (modifier.use_frame_end and frame > modifier.frame_end):
            return frame
        step, offset = modifier.frame_step, modifier.frame_offset
        return step * math.floor((frame - offset) / step) + offset
    if modifier.type != "CYCLES":
        return frame
    first, last = frames[0], frames[-1]
    span = last - first
    if first <= frame <= last or span <= 0:
        return frame
    mode = modifier.mode_before if frame < first else modifier.mode_after
    count = modifier.cycles_before if frame < first else modifier.cycles_after
    rounds = (first - frame if frame < first else frame - last) / span
    if mode == "NONE" or (count and rounds > count):
        return frame
    phase = math.fmod(rounds, 1.0) * span
    backwards = mode == "MIRROR" and int(rounds) % 2 == 0
    if frame > last:
        if phase == 0:
            return first if mode == "MIRROR" and int(rounds) % 2 else last
        return last - phase if backwards else first + phase
    if phase == 0:
        return last if mode == "MIRROR" and int(rounds) % 2 else first
    return first + phase if backwards else last - phase


def _is_driven(owner: bpy.types.ID, data_path: str) -> bool:
    animation = owner.animation_data
    drivers = animation.drivers if animation is not None else ()
    return any(driver.data_path == data_path and not driver.mute for driver in drivers)
