# SPDX-License-Identifier: GPL-3.0-or-later
"""Cards on a strip: add one, remove one."""

from __future__ import annotations

import bpy

from ...blender import signals
from ...shot import modifier
from .on_strip import OnStrip, given_modifier


class RACKFOCUS_OT_card_add(OnStrip, bpy.types.Operator):
    """Add a card: a mask and the distance of what it covers. The strip's depth is made of its cards from then on"""

    bl_idname = "rackfocus.card_add"
    bl_label = "Add Card"

    mask: bpy.props.StringProperty(name="Mask", description="Name of the mask; empty adds a card to choose one for")
    distance_m: bpy.props.FloatProperty(
        name="Distance", description="Distance from the camera, in metres", subtype="DISTANCE", default=2.0, min=0.01
    )

    def on(self, context: bpy.types.Context, strip: bpy.types.Strip) -> set[str]:
        if strip.type not in modifier.KINDS:
            raise ValueError(f'"{strip.name}" is no image or movie strip; Rack Focus works on those')
        mask = bpy.data.masks.get(self.mask) if self.mask else None
        if self.mask and mask is None:
            raise ValueError(f'There is no mask named "{self.mask}"')
        with given_modifier(self, context, strip):
            new_card(strip, self.distance_m).mask = mask
            strip.rackfocus_depth_source = "CARDS"
        return {"FINISHED"}


def new_card(strip: bpy.types.Strip, distance_m: float) -> bpy.types.PropertyGroup:
    """One more card on a strip, the active one."""
    card = strip.rackfocus_cards.add()
    card.distance_m = distance_m
    strip.rackfocus_cards_active = len(strip.rackfocus_cards) - 1
    return card


class RACKFOCUS_OT_card_remove(OnStrip, bpy.types.Operator):
    """Remove a card; its mask stays in the file"""

    bl_idname = "rackfocus.card_remove"
    bl_label = "Remove Card"

    index: bpy.props.IntProperty(name="Card", description="Which one, 0 the first; -1 the active one", default=-1)

    def on(self, context: bpy.types.Context, strip: bpy.types.Strip) -> set[str]:
        index = strip.rackfocus_cards_active if self.index < 0 else self.index
        if not 0 <= index < len(strip.rackfocus_cards):
            raise ValueError(f'"{strip.name}" has no card number {index + 1}')
        strip.rackfocus_cards.remove(index)
        strip.rackfocus_cards_active = max(min(strip.rackfocus_cards_active, len(strip.rackfocus_cards) - 1), 0)
        signals.redraw()
        return {"FINISHED"}


CLASSES = (RACKFOCUS_OT_card_add, RACKFOCUS_OT_card_remove)
