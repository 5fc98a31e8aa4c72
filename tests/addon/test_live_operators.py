# SPDX-License-Identifier: GPL-3.0-or-later
"""The operators, the inputs they make, and what enabling and disabling leaves behind."""

from __future__ import annotations

import bpy
import numpy as np
import pytest
from live_shot import FAR_M, HEIGHT, NEAR_M, WIDTH, difference

from blender_rackfocus.addon.shot import group, modifier, pixels, settings
from blender_rackfocus.frame import inputs

WANTED = (
    "Focus Distance",
    "F-Stop",
    "Focal Length",
    "Sensor Width",
    "Blades",
    "Blade Rotation",
    "Max Blur",
    "Near Strength",
    "Far Strength",
    "Mix",
)


def test_add_to_the_named_strip(shot):
    strip = shot.strip(shot.pictures())
    depth = shot.depths()[0]
    assert bpy.ops.rackfocus.modifier_add(strip_name="A", depth_path=depth) == {"FINISHED"}
    (made,) = strip.modifiers
    assert (made.name, made.type) == ("Rack Focus", "COMPOSITOR")
    assert tuple(modifier.values(strip, made, shot.scene))[:10] == WANTED
    assert strip.rackfocus_depth_path == depth
    assert strip.rackfocus_depth_source == "AUTO"


def test_add_to_the_active_strip_twice(shot):
    strip = shot.strip(shot.pictures())
    shot.scene.sequence_editor.active_strip = strip
    for _ in range(2):
        assert bpy.ops.rackfocus.modifier_add() == {"FINISHED"}
    assert len(strip.modifiers) == 1
    assert len([tree for tree in bpy.data.node_groups if group.is_ours(tree)]) == 1


def test_add_with_a_depth_strip(shot):
    strip, depth = shot.strip(shot.pictures()), shot.strip(shot.depths(), "D", channel=2)
    depth.mute = True
    outcome = bpy.ops.rackfocus.modifier_add(strip_name="A", depth_source="STRIP", depth_strip="D")
    assert outcome == {"FINISHED"}
    assert modifier.depth_strip(strip) == depth
    shot.set(strip, **{"Focal Length": 200.0, "F-Stop": 1.4, "Focus Distance": NEAR_M})
    first = shot.still(1)
    shot.set(strip, **{"Focus Distance": FAR_M})
    assert difference(shot.still(1), first) > 20


def test_a_later_call_changes_the_depth_it_names(shot):
    strip = shot.strip(shot.pictures())
    bpy.ops.rackfocus.modifier_add(strip_name="A")
    shot.set(strip, Mix=0.25)
    bpy.ops.rackfocus.modifier_add(strip_name="A", depth_source="FILE", depth_path="/nowhere/d.exr")
    assert (strip.rackfocus_depth_source, strip.rackfocus_depth_path) == ("FILE", "/nowhere/d.exr")
    assert modifier.socket(modifier.find(strip), "Mix").value == 0.25


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"strip_name": "None such"}, "None such"),
        ({"strip_name": "A", "depth_source": "STRIP"}, "depth strip"),
        ({"strip_name": "A", "depth_strip": "None such"}, "None such"),
        ({"strip_name": "A", "depth_strip": "A"}, "its own depth"),
        ({"strip_name": "A", "depth_source": "FILE"}, "depth file"),
        ({"strip_name": "Colour"}, "image, movie and adjustment strips"),
    ],
)
def test_refusals_say_why_and_change_nothing(shot, arguments, says):
    shot.strip(shot.pictures())
    shot.scene.sequence_editor.strips.new_effect("Colour", type="COLOR", channel=3, frame_start=1, length=4)
    with pytest.raises(RuntimeError, match=says):
        bpy.ops.rackfocus.modifier_add(**arguments)
    assert not [tree for tree in bpy.data.node_groups if group.is_ours(tree)]


def test_no_strip_at_all(shot):
    with pytest.raises(RuntimeError, match="no strip"):
        bpy.ops.rackfocus.modifier_add()


def test_it_goes_before_other_modifiers(shot):
    strip = shot.strip(shot.pictures())
    strip.modifiers.new("Tint", "BRIGHT_CONTRAST").bright = 10
    bpy.ops.rackfocus.modifier_add(strip_name="A", depth_path=shot.depths()[0])
    assert [made.name for made in strip.modifiers] == ["Rack Focus", "Tint"]


def test_remove(shot):
    strip = shot.racked(shot.pictures(), shot.depths()[0])
    assert bpy.ops.rackfocus.modifier_remove(strip_name="A") == {"FINISHED"}
    assert not strip.modifiers
    assert not pixels.ours()
    assert bpy.ops.rackfocus.modifier_remove(strip_name="A") == {"CANCELLED"}


def test_settings_are_copied_to_selected_strips(shot):
    first = shot.racked(shot.pictures(), shot.depths()[0])
    second = shot.strip(shot.pictures("q", seed=2), "B", channel=2)
    shot.set(first, **{"F-Stop": 4.0, "Squeeze": 2.0})
    first.rackfocus_depth_kind, first.rackfocus_near_m = "NORMALISED", 0.5
    shot.scene.sequence_editor.active_strip = first
    first.select = second.select = True
    assert bpy.ops.rackfocus.settings_copy() == {"FINISHED"}
    values = modifier.values(second, modifier.find(second), shot.scene)
    assert (values["F-Stop"], values["Squeeze"]) == (4.0, 2.0)
    assert (second.rackfocus_depth_kind, second.rackfocus_near_m) == ("NORMALISED", 0.5)
    assert second.rackfocus_depth_path == ""


def test_the_table_makes_a_lens_at_its_defaults():
    values = {entry.name: entry.default for entry in inputs.INPUTS}
    assert inputs.lens_of(values).focus_m == 3.0
    assert inputs.aperture_of(values | {"Blades": 6, "Blade Rotation": np.pi / 6}).rotation_deg == pytest.approx(30)
    assert inputs.highlights_of(values).gain == 0.0
    for entry in inputs.INPUTS:
        assert entry.minimum <= entry.default <= entry.maximum
        assert len(entry.description) > 20


def test_every_depth_setting_stays_with_a_duplicate_and_a_saved_file(shot):
    strip = shot.racked(shot.pictures(), "//d.exr")
    strip.rackfocus_depth_kind, strip.rackfocus_near_m, strip.rackfocus_white_near = "NORMALISED", 0.7, False
    before = {name: getattr(strip, name) for name in ("rackfocus_depth_source", *settings.PROPERTIES)}
    path = str(shot.folder / "kept.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    strip = shot.scene.sequence_editor.strips["A"]
    assert {name: getattr(strip, name) for name in ("rackfocus_depth_source", *settings.PROPERTIES)} == before


def test_a_smaller_image_is_brought_to_the_strips_size(shot):
    """As under a proxy, the other way round: ours at half size fills the strip, each pixel as two by two."""
    strip = shot.racked(shot.pictures(), "")
    modifier.find(strip).mute = False
    shot.set(strip, Mix=0.0)
    image = group.image_of(modifier.find(strip).node_group)
    half = np.ones((HEIGHT // 2, WIDTH // 2, 4), np.float32)
    half[: HEIGHT // 4, :, :3] = 0.0
    half[..., 3] = 1.0 + group.TOUCHED
    from blender_rackfocus.addon.sequencer import (
        frames,  # the frame's own job is nothing (Mix 0): keep it from emptying the image
    )

    shown = frames.job_of
    frames.job_of = lambda *_a, **_k: "kept"
    try:
        pixels.fill(image, WIDTH // 2, HEIGHT // 2, half.reshape(-1), "kept")
        made = shot.still(1)
    finally:
        frames.job_of = shown
    assert made.shape == (HEIGHT, WIDTH, 4)
    assert (made[: HEIGHT // 2, :, :3] == 255).all()
    assert (made[HEIGHT // 2 :, :, :3] == 0).all()


def test_an_image_whose_file_is_gone_shows_the_strip(shot):
    """An autosave keeps the path of the session's temporary file: where that is gone, the strip's own picture shows."""
    import blender_rackfocus

    strip = shot.racked(shot.pictures(), shot.depths()[0])
    shot.still(1)
    pixels.settle()
    image = group.image_of(modifier.find(strip).node_group)
    assert image.source == "FILE"
    blender_rackfocus.unregister()
    try:
        image.source, image.filepath = "FILE", str(shot.folder / "gone.tga")
        image.reload()
        made = shot.still(1)
        strip.modifiers[0].mute = True
        plain = shot.still(1)
    finally:
        blender_rackfocus.register()
    assert difference(made, plain) <= 1


def test_enable_disable_enable_leaves_nothing_behind(registered):
    import blender_rackfocus

    def traces() -> tuple:
        events = [getattr(bpy.app.handlers, name) for name in ("render_pre", "load_post", "save_pre", "undo_post")]
        handlers = [sum(one.__module__.startswith("blender_rackfocus") for one in event) for event in events]
        return handlers, hasattr(bpy.types.Strip, "rackfocus_near_m"), hasattr(bpy.types, "RACKFOCUS_OT_modifier_add")

    enabled = traces()
    blender_rackfocus.unregister()
    disabled = traces()
    blender_rackfocus.register()
    assert traces() == enabled
    assert disabled[1:] == (False, False)
    assert min(enabled[0]) > 0
    assert disabled[0] == [0, 0, 0, 0]
