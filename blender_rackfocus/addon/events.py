# SPDX-License-Identifier: GPL-3.0-or-later
"""The one list of Blender's handlers: what happens at each of its events, in this order."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import bpy
from bpy.app.handlers import persistent

from .blender import errors, rendering, signals
from .blender.session import session
from .compositor import session as compositor
from .depth import strip_cards
from .sequencer import show


def _another_file(*_rest: object) -> None:
    session.another_file()
    signals.edited()


CALLS: dict[str, tuple[Callable[..., None], ...]] = {
    "render_init": (strip_cards.forget, rendering.begins, show.begin, compositor.on_render_init),
    "render_pre": (rendering.draws, show.show_final, compositor.on_render_pre),
    "render_complete": (rendering.ends, show.end, compositor.on_render_end),
    "render_cancel": (rendering.ends, show.end, compositor.on_render_end),
    "frame_change_post": (show.go_on, compositor.on_frame_change),
    "depsgraph_update_post": (strip_cards.edited, show.edited, compositor.on_edit),
    "load_post": (strip_cards.forget, _another_file, show.opened, compositor.on_load),
    "undo_post": (strip_cards.forget, show.undone, compositor.on_load),
    "redo_post": (strip_cards.forget, show.undone, compositor.on_load),
    "save_pre": (show.saving, compositor.on_save),
    "save_post": (show.refresh, compositor.on_saved),
    "save_post_fail": (show.refresh, compositor.on_saved),
}


def _handler(event: str, calls: tuple[Callable[..., None], ...]) -> Callable[..., None]:
    """What Blender calls at an event: everything, also after one of the calls has failed. Renders of our own inside a
    render, and the frames they go to, are none of these calls' business."""
    of_a_render = event.startswith(("render_", "frame_change"))

    @persistent
    def handle(*details: object) -> None:
        if of_a_render and errors.is_stopping():
            return
        with contextlib.ExitStack() as stack:
            for call in reversed(calls):
                stack.callback(call, *details)

    return handle


_HANDLERS = {event: _handler(event, calls) for event, calls in CALLS.items()}


def register() -> None:
    for event, handler in _HANDLERS.items():
        getattr(bpy.app.handlers, event).append(handler)


def unregister() -> None:
    for event, handler in _HANDLERS.items():
        getattr(bpy.app.handlers, event).remove(handler)
