# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's prefetch draws other frames than the current one, for which our pixels are not meant. So it is off as long
as there are any, and on again where nothing of ours is drawn any more, as under what is placed: that plays as fast as
any strip only with it. Files have it as the user does."""

from __future__ import annotations

from dataclasses import dataclass, field

import bpy

from ..blender import strips
from ..blender.session import session
from . import staleness


@dataclass
class _Prefetch:
    """The `session_uid` of the scenes where it was switched off here, where on again, and where all is drawn by Blender
    alone, as far as was known when it was minded last."""

    held_off: set[int] = field(default_factory=set)
    given_back: set[int] = field(default_factory=set)
    alone: set[int] = field(default_factory=set)


def mind(scene: bpy.types.Scene) -> None:
    """Switch a scene's prefetch off or on again, as it has to be now."""
    editor, here, uid = scene.sequence_editor, session.part(_Prefetch), scene.session_uid
    may_be = [may for inside in strips.within(scene) for may in staleness.may_be_drawn_ahead(inside)]
    (here.alone.add if may_be and all(may_be) else here.alone.discard)(uid)
    if False in may_be and editor.use_prefetch:
        here.held_off.add(uid)
        editor.use_prefetch = False
    elif all(may_be) and uid in here.held_off:
        here.held_off.remove(uid)
        here.given_back.add(uid)
        editor.use_prefetch = True


def is_alone(scene: bpy.types.Scene) -> bool:
    """Whether Blender draws a scene by itself: what there is of ours lies beneath placed strips that are right."""
    return scene.session_uid in session.part(_Prefetch).alone


def undone() -> None:
    """An undo may have brought back that it was off."""
    here = session.part(_Prefetch)
    here.held_off |= here.given_back


def let_go() -> None:
    """Switch it on wherever it was switched off here."""
    held_off = session.part(_Prefetch).held_off
    for scene in bpy.data.scenes:
        if scene.session_uid in held_off and scene.sequence_editor is not None:
            scene.sequence_editor.use_prefetch = True
    held_off.clear()
