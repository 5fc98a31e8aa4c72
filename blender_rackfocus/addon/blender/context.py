# SPDX-License-Identifier: GPL-3.0-or-later
"""What a context means to the sequencer: its scene, its strip."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import bpy

from . import pairs


def sequencer_scene(context: bpy.types.Context) -> bpy.types.Scene | None:
    """The scene the sequencer shows, which need not be the window's; the window's where there is no sequencer."""
    workspace = getattr(context, "workspace", None)
    return getattr(context, "sequencer_scene", None) or getattr(workspace, "sequencer_scene", None) or context.scene


def active_strip(context: bpy.types.Context) -> bpy.types.Strip | None:
    """The active strip of the sequencer's scene; of a placed strip its original, whose focus it shows."""
    scene = sequencer_scene(context)
    editor = scene.sequence_editor if scene is not None else None
    return pairs.meant(editor.active_strip) if editor is not None else None


def strip_named(context: bpy.types.Context, name: str) -> bpy.types.Strip | None:
    """The strip of that name in the sequencer's scene, also inside metas; the active one for an empty name."""
    if not name:
        return active_strip(context)
    return strip_in(sequencer_scene(context), name)


def strip_in(scene: bpy.types.Scene | str | None, name: str) -> bpy.types.Strip | None:
    """The strip of a name in a scene, or in the scene of a name; None where one of the two is gone."""
    holder = bpy.data.scenes.get(scene) if isinstance(scene, str) else scene
    editor = holder.sequence_editor if holder is not None else None
    return editor.strips_all.get(name) if editor is not None else None


def scene_of(uid: int) -> bpy.types.Scene | None:
    """The scene of a `session_uid`, which outlives an undo, as the Python object does not; None where it is gone."""
    return next((one for one in bpy.data.scenes if one.session_uid == uid), None)


@contextmanager
def in_a_sequencer(context: bpy.types.Context, scene: bpy.types.Scene) -> Iterator[None]:
    """Blender's sequencer operators want a sequencer around them. A script has none: borrow an area."""
    window = context.window or context.window_manager.windows[0]
    areas = sorted(window.screen.areas, key=lambda area: area.type != "SEQUENCE_EDITOR")
    area, workspace = areas[0], window.workspace
    kind, shown = area.type, workspace.sequencer_scene
    area.type, workspace.sequencer_scene = "SEQUENCE_EDITOR", scene
    try:
        region = next(region for region in area.regions if region.type == "WINDOW")
        with context.temp_override(window=window, area=area, region=region):
            yield
    finally:
        area.type, workspace.sequencer_scene = kind, shown


def redraw_sequencers() -> None:
    """Let all sequencers be drawn anew."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "SEQUENCE_EDITOR":
                area.tag_redraw()
