# SPDX-License-Identifier: GPL-3.0-or-later
"""Shot recipes and the spoken sentence: whole pulls in one click."""

from __future__ import annotations

import bpy

from ....craft import phrase, recipes
from ...blender.context import strip_named
from ...desk import shots
from ...shot import marks
from .rack import FEELS, REPLACE, OnRackedStrip

RECIPES = tuple((key, recipe.label, recipe.explanation) for key, recipe in recipes.RECIPES.items())
DIRECTIONS = tuple(
    (key, label, recipes.DIRECTIONS[key])
    for key, label in (("FAR", "Opens"), ("NEAR", "Closes"), ("GIVEN", "Marks' Order"))
)


class RACKFOCUS_OT_recipe(OnRackedStrip, bpy.types.Operator):
    """Key a whole shot in one click, timed by the strip's length and its marks; without two marks, the picture's
    foreground and background are taken. It replaces the pulls that were there; keys by hand stay"""

    bl_idname = "rackfocus.recipe"
    bl_label = "Shot Recipe"

    recipe: bpy.props.EnumProperty(name="Recipe", description="What the focus tells", items=RECIPES)
    direction: bpy.props.EnumProperty(name="Direction", description="Which way the world turns", items=DIRECTIONS)
    feel: bpy.props.EnumProperty(
        name="Feel",
        description="How the pulls feel",
        items=(("AUTO", "Recipe's Own", "What fits the recipe"), *FEELS),
    )
    to_strip: bpy.props.StringProperty(
        name="To Strip", description="Second strip of a transition; empty for the one that shows next"
    )

    replace_keys: bpy.props.BoolProperty(name="Replace Keys by Hand", description=REPLACE)

    @classmethod
    def description(cls, _context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        recipe = recipes.RECIPES[properties.recipe]
        return f"{recipe.explanation}. {recipes.DIRECTIONS[properties.direction]}"

    def on(self, context: bpy.types.Context, strip: bpy.types.Strip) -> set[str]:
        feel = None if self.feel == "AUTO" else self.feel
        if self.recipe == "TRANSITION":
            second = strip_named(context, self.to_strip) if self.to_strip else shots.following(strip)
            direction = "FAR" if self.direction == "GIVEN" else self.direction
            racks, replaced = shots.bridge(strip, second, direction, feel or "SMOOTH", self.replace_keys)
        else:
            replaced = shots.replaced_told(strip, self.replace_keys)
            racks = shots.cook(strip, self.recipe, self.direction, feel, replace_all=self.replace_keys)
        told = "; ".join(f"{rack.from_mark.name} to {rack.to_mark.name} from frame {rack.frame:g}" for rack in racks)
        self.report({"INFO"}, f"{recipes.RECIPES[self.recipe].label}: {told}" + (f"; {replaced}" if replaced else ""))
        return {"FINISHED"}


class RACKFOCUS_OT_say(OnRackedStrip, bpy.types.Operator):
    """Do what the sentence says: set the lens, put marks, key the pull. The panel shows before what is understood"""

    bl_idname = "rackfocus.say"
    bl_label = "Apply"

    sentence: bpy.props.StringProperty(name="Sentence", description="Empty for the one in the panel")
    replace_keys: bpy.props.BoolProperty(name="Replace Keys by Hand", description=REPLACE)

    def on(self, context: bpy.types.Context, strip: bpy.types.Strip) -> set[str]:
        sentence = self.sentence or strip.id_data.rackfocus_sentence
        if not sentence.strip():
            raise ValueError("Write what the focus shall do first")
        said = phrase.understand(sentence, [mark.name for mark in marks.of(strip)])
        done = shots.say(strip, said, strip.id_data.frame_current, self.replace_keys)
        if said.unknown:
            self.report({"WARNING"}, "Not understood: " + ", ".join(span.text for span in said.unknown))
        self.report({"INFO"}, "; ".join(done))
        return {"FINISHED"}


CLASSES = (RACKFOCUS_OT_recipe, RACKFOCUS_OT_say)
