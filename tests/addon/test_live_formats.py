# SPDX-License-Identifier: GPL-3.0-or-later
"""In every format: nothing to do leaves Blender's own picture, and so does everything in focus in a refocused frame."""

import sys
from pathlib import Path

import bpy
import numpy as np
import pytest
from live_shot import NEAR_M, difference, read, write_exr

sys.path.insert(0, str(Path(__file__).parents[1] / "media"))

from make_media import card, write_movie, write_still
from test_decode_matches_blender import MOVIES, STILLS

from blender_rackfocus.addon.shot import modifier

FAR_M = 10.0
MARGIN = 24
"""Pixels beside the edge between the depths that the blur may reach."""


def shown(scene, folder) -> np.ndarray:
    scene.render.filepath = str(folder / "shown.png")
    bpy.ops.render.render(write_still=True)
    return read(folder / "shown.png")


BLENDERS_PASS_CHANGES = {"prores4444.mov"}
"""Movies above 8 bits with straight alpha: Blender takes them as premultiplied, and any compositor modifier, also one
that does nothing, changes colours brighter than their alpha. There we equal Blender's own do-nothing modifier."""


def do_nothing(strip):
    """Blender's own compositor modifier with a node group that hands the picture through."""
    group = bpy.data.node_groups.new("Nothing", "CompositorNodeTree")
    for direction in ("OUTPUT", "INPUT"):
        group.interface.new_socket("Image", in_out=direction, socket_type="NodeSocketColor")
    group.links.new(group.nodes.new("NodeGroupInput").outputs[0], group.nodes.new("NodeGroupOutput").inputs[0])
    made = strip.modifiers.new("Nothing", "COMPOSITOR")
    made.node_group = group
    return made


def make(folder, name):
    if name in MOVIES:
        picture = card(alpha=MOVIES[name].get("alpha", False))
        if MOVIES[name].get("alpha"):
            picture[..., 3] = np.maximum(picture[..., 3], 0.1)
        return write_movie(folder / name, [picture] * 4, **MOVIES[name])
    kind, channels = STILLS[name]
    names = ["Y"] if name == "l.exr" else None
    return write_still(folder / name, card(alpha=channels == 4)[..., :channels], kind, names)


@pytest.mark.parametrize("name", [*STILLS, *MOVIES])
def test_what_is_in_focus_is_blenders_own_picture(shot, name):
    path = str(make(shot.folder, name))
    strips = shot.scene.sequence_editor.strips
    strip = (strips.new_movie if name in MOVIES else strips.new_image)("A", path, 1, 1)
    width, height = strip.elements[0].orig_width, strip.elements[0].orig_height
    shot.scene.render.resolution_x, shot.scene.render.resolution_y = width, height
    shot.scene.frame_set(1)
    if name in BLENDERS_PASS_CHANGES:
        idle = do_nothing(strip)
        plain = shown(shot.scene, shot.folder)
        strip.modifiers.remove(idle)
    else:
        plain = shown(shot.scene, shot.folder)
    depth = np.full((height, width), NEAR_M, np.float32)
    depth[:, width // 2 :] = FAR_M
    modifier.add(strip)
    strip.rackfocus_depth_path = write_exr(shot.folder / "z.exr", {"Z": depth})
    shot.set(strip, **{"Focal Length": 100.0, "F-Stop": 1.4, "Focus Distance": FAR_M})
    refocused = shown(shot.scene, shot.folder)
    in_focus = np.s_[:, width // 2 + MARGIN :]
    assert difference(refocused[in_focus], plain[in_focus]) <= 1 + 1e-6
    assert difference(refocused, plain) > 8
    for nothing in ({"Mix": 0.0}, {"Mix": 1.0, "F-Stop": 100000.0}):
        shot.set(strip, **nothing)
        assert difference(shown(shot.scene, shot.folder), plain) <= 1 + 1e-6
