# SPDX-License-Identifier: GPL-3.0-or-later
"""The installed zip: it enables, disables and enables again, and leaves nothing of itself behind."""

import subprocess

import addon_utils
import bpy

MODULE = "bl_ext.user_default.blender_rackfocus"


def _footprint():
    """Everything an add-on may leave in Blender, as a set of names."""
    found = {f"type {name}" for name in dir(bpy.types)}
    for kind in ("Strip", "Scene", "WindowManager", "Object", "Camera", "AddonPreferences", "Image", "NodeTree"):
        found |= {f"property {kind}.{name}" for name in getattr(bpy.types, kind).bl_rna.properties.keys()}  # noqa: SIM118
        found |= {f"attribute {kind}.{name}" for name in vars(getattr(bpy.types, kind))}
    for name in dir(bpy.app.handlers):
        listed = getattr(bpy.app.handlers, name)
        if isinstance(listed, list):
            found |= {f"handler {name} {one.__module__}.{one.__qualname__}" for one in listed}
    for config in bpy.context.window_manager.keyconfigs:
        for keymap in config.keymaps:
            found |= {f"key {config.name} {keymap.name} {item.idname}" for item in keymap.keymap_items}
    for name in dir(bpy.types):
        draw = getattr(getattr(bpy.types, name, None), "draw", None)
        found |= {f"drawn in {name} {one.__module__}" for one in getattr(draw, "_draw_funcs", ())}
    for operators in dir(bpy.ops):
        if operators == "rackfocus":
            found |= {f"operator rackfocus.{name}" for name in dir(bpy.ops.rackfocus)}
    return found


def test_the_zip_is_enabled_after_its_install():
    assert addon_utils.check(MODULE) == (True, True)
    assert hasattr(bpy.types, "RACKFOCUS_OT_modifier_add")


def test_disabled_it_leaves_nothing_and_enabled_again_it_is_the_same():
    enabled = _footprint()
    addon_utils.disable(MODULE, default_set=False)
    disabled = _footprint()
    assert not {one for one in disabled if "rackfocus" in one.lower() or "rack focus" in one.lower()}
    addon_utils.enable(MODULE, default_set=False)
    assert addon_utils.check(MODULE)[1]
    assert _footprint() == enabled
    addon_utils.disable(MODULE, default_set=False)
    assert _footprint() == disabled
    addon_utils.enable(MODULE, default_set=False)
    assert _footprint() == enabled


def test_its_verbs_answer_to_blenders_command_line():
    ran = subprocess.run(
        [bpy.app.binary_path, "-b", "--command", "rackfocus", "--help"], capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    for verb in ("rack", "demo", "build"):
        assert verb in ran.stdout
    ran = subprocess.run(
        [bpy.app.binary_path, "-b", "--command", "rackfocus", "rack", "no such clip", "-o", "x.mp4"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 2
    assert "there is no clip" in ran.stderr
