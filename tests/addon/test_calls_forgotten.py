# SPDX-License-Identifier: GPL-3.0-or-later
"""What belongs to one call of an operator is not remembered for the next one."""

import pytest

bpy = pytest.importorskip("bpy")

HABITS = {
    *(("RACKFOCUS_OT_rack", name) for name in ("feel", "follow")),
    *(("RACKFOCUS_OT_touch_up", name) for name in ("radius", "factor", "dioptres", "edges", "hold")),
}
"""How somebody pulls focus, and how a brush is, stays for the next time; nothing says where, when, or on what."""


def test_every_property_of_every_operator_starts_each_call_from_its_default(registered):
    told = {}
    for name in dir(bpy.ops.rackfocus):
        rna = getattr(bpy.ops.rackfocus, name).get_rna_type()
        for one in rna.properties:
            if one.identifier != "rna_type":
                told[rna.identifier, one.identifier] = one.is_skip_save
    assert len(told) > 80
    assert {key for key, forgotten in told.items() if not forgotten} == HABITS


def test_a_rack_by_menu_after_another_keys_the_active_strip(shot):
    """The dialog's own call: what the last one was told is gone, so the strip is the active one."""
    from blender_rackfocus.addon.shot.focus import Focus

    first = shot.racked(shot.pictures("p", frames=2), shot.depths(frames=1)[0], name="A")
    second = shot.racked(shot.pictures("q", frames=2), shot.depths("e", frames=1)[0], name="B", channel=3)
    for one in (first, second):
        one.right_handle = 100
    shot.scene.sequence_editor.active_strip = first
    bpy.ops.rackfocus.rack("EXEC_DEFAULT", strip_name="A", frame=10, duration=12, from_distance=2.0, to_distance=9.0)
    keys = [tuple(p.co) for p in Focus(first).curve.keyframe_points]
    shot.scene.sequence_editor.active_strip = second
    shot.scene.frame_set(30)
    bpy.ops.rackfocus.rack("INVOKE_DEFAULT", to_distance=4.0)
    assert [tuple(p.co) for p in Focus(first).curve.keyframe_points] == keys
    assert Focus(second).keys()[0].frame == 30
