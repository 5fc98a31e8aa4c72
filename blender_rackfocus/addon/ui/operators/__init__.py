# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user can ask for: one module per subject, each with its tuple of classes."""

from __future__ import annotations

import typing

import bpy

from . import (
    bake,
    baking,
    cards,
    compositor,
    doctor,
    estimate,
    eyedropper,
    follow,
    jobs,
    lens,
    mark_track,
    marks,
    networks,
    placed,
    rack,
    recipes,
    strip_modifier,
    subject,
    touch,
    twin,
)

_MODULES = (jobs, strip_modifier, rack, marks, mark_track, eyedropper, follow, recipes, lens, estimate, twin)
_NODES = (compositor, baking, bake, placed)
_DEPTH = (networks, cards, subject, touch, doctor)

CLASSES = tuple(cls for module in (*_MODULES, *_NODES, *_DEPTH) for cls in module.CLASSES)


_PROPERTY = type(bpy.props.BoolProperty())
REMEMBERED = {
    *(("RACKFOCUS_OT_rack", name) for name in ("feel", "follow")),
    *(("RACKFOCUS_OT_touch_up", name) for name in ("radius", "factor", "dioptres", "edges", "hold")),
}
"""(operator, property): habits of a hand, which the next call by menu or dialog starts from. Everything else belongs to
one call: a strip's name, a frame, a place in the picture that were remembered would do it to the wrong thing."""


def _forget_between_calls(cls: type[bpy.types.Operator]) -> None:
    """Give an operator its properties anew, with SKIP_SAVE: Blender then starts each call from the defaults."""
    for name, one in typing.get_type_hints(cls).items():
        if isinstance(one, _PROPERTY) and (cls.__name__, name) not in REMEMBERED:
            options = {*one.keywords.get("options", {"ANIMATABLE"}), "SKIP_SAVE"}
            cls.__annotations__[name] = one.function(**{**one.keywords, "options": options})


for _cls in CLASSES:
    _forget_between_calls(_cls)
