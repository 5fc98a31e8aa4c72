# SPDX-License-Identifier: GPL-3.0-or-later
"""A node group of ours in which something was deleted is told from a whole one, and no frame is rendered with it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import bpy
import pytest
from comp_shot import CompShot, left_behind, wanted

from blender_rackfocus.addon.blender import errors, versions
from blender_rackfocus.addon.shot import group, intact, modifier, node
from blender_rackfocus.media.baked import CODES

KINDS = ("strip", "node", *CODES)


def new(kind: str) -> bpy.types.NodeTree:
    tree = node.new_group() if kind == "node" else group.new_group()
    if kind in CODES:
        group.add_baked(tree, group.new_image(), CODES[kind])
    return tree


@pytest.fixture
def empty(registered):
    bpy.ops.wm.read_factory_settings(use_empty=True)


def only_read(one: bpy.types.Node) -> bool:
    """Whether a node is there for Blender to see that inputs are in use, and changes no picture."""
    return one.label == group.IN_USE and one.bl_idname != "GeometryNodeSwitch"


@pytest.mark.parametrize("kind", KINDS)
def test_every_link_and_node_counts(empty, kind):
    whole = new(kind)
    assert not intact.damage(whole)
    counts = [not only_read(link.from_node) for link in whole.links]
    assert sum(counts) > 20
    for number in (number for number, does in enumerate(counts) if does):
        tree = new(kind)
        tree.links.remove(tree.links[number])
        assert "add it again" in intact.damage(tree), number
    for number in (number for number, one in enumerate(whole.nodes) if not only_read(one)):
        tree = new(kind)
        name = f"{tree.nodes[number].bl_idname} {tree.nodes[number].label}"
        tree.nodes.remove(tree.nodes[number])
        assert intact.damage(tree), name
    for one in [one for one in whole.nodes if only_read(one)]:
        whole.nodes.remove(one)
        assert not intact.damage(whole)


@pytest.mark.parametrize("kind", KINDS)
def test_blender_takes_every_input_for_one_that_counts(empty, kind):
    tree = bpy.data.node_groups.new("Tree", "CompositorNodeTree")
    tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    one, output = tree.nodes.new("CompositorNodeGroup"), tree.nodes.new("NodeGroupOutput")
    one.node_tree = new(kind)
    tree.links.new(one.outputs[0], output.inputs[0])
    bpy.context.view_layer.update()
    assert {socket.name for socket in one.inputs if socket.is_inactive} <= {node.DEPTH}, "drawn greyed out"
    assert one.outputs[0].inferred_structure_type == "DYNAMIC", "drawn as a picture, not as a single value"


@pytest.mark.parametrize("change", ["mute a node", "mute a link", "operation", "number", "no image", "all"])
def test_what_else_shows_something_else(empty, change):
    tree = new("strip")
    sums = [one for one in tree.nodes if one.bl_idname == "ShaderNodeMath"]
    if change == "mute a node":
        sums[0].mute = True
    elif change == "mute a link":
        tree.links[-1].is_muted = True
    elif change == "operation":
        next(one for one in sums if one.operation == "SUBTRACT").operation = "ADD"
    elif change == "number":
        next(one for one in sums if one.operation == "GREATER_THAN").inputs[1].default_value = 0.5
    elif change == "no image":
        tree.nodes[group.IMAGE_NODE].image = None
    elif change == "all":
        tree.nodes.clear()
    assert intact.damage(tree)


def test_what_somebody_added_is_no_damage(empty):
    tree = new("strip")
    output = next(one for one in tree.nodes if one.bl_idname == "NodeGroupOutput")
    source = output.inputs[0].links[0].from_socket
    brighter, dot = tree.nodes.new("CompositorNodeExposure"), tree.nodes.new("NodeReroute")
    tree.links.new(source, dot.inputs[0])
    tree.links.new(dot.outputs[0], brighter.inputs["Image"])
    tree.links.new(brighter.outputs["Image"], output.inputs[0])
    for one in tree.nodes:
        one.location.x += 100
        one.label += " of mine"
    assert not intact.damage(tree)


@pytest.mark.parametrize("gone", ["link", "picture", "all"])
def test_a_strips_frame_is_refused(shot, gone):
    strip = shot.racked(shot.pictures(), shot.depths()[0])
    assert sorted(shot.animation("whole", 1, 2)[1]) == [1, 2]
    damaged(modifier.find(strip).node_group, gone)
    assert not shot.animation("damaged", 1, 2)[1]
    message = errors.failures()[0]
    assert f'strip "{strip.name}", frame 1: nodes or links inside its node group' in message


@pytest.mark.parametrize("gone", ["link", "picture", "all"])
def test_a_nodes_frame_is_refused(registered, tmp_path, gone):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    comp = CompShot(tmp_path)
    image, depth = comp.files()
    one = comp.racked(image.outputs["Image"], depth.outputs["Image"])
    assert comp.still(2) == pytest.approx(wanted(one, 2), abs=1e-6)
    damaged(one.node_tree, gone)
    assert comp.still(2) is None
    (message,) = errors.failures()
    name = "Tree: Rack Focus" if versions.HAS_EFFECTS else "Rack Focus"
    assert f'node "{name}" in the compositor of scene "Scene", frame 2: nodes or links inside' in message
    assert not left_behind()
    errors.forget()


def damaged(tree: bpy.types.NodeTree, gone: str) -> None:
    if gone == "link":
        output = next(one for one in tree.nodes if one.bl_idname == "NodeGroupOutput")
        tree.links.remove(output.inputs[0].links[0])
    elif gone == "picture":
        tree.nodes.remove(tree.nodes[group.IMAGE_NODE])
    else:
        tree.nodes.clear()


def test_the_first_look_is_taken_in_the_middle_of_a_render(registered, tmp_path):
    """Nothing that it needs may be removed while Blender renders a 3D scene: that crashes."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import pathlib, bpy, addon_utils, blender_rackfocus\n"
        "addon_utils.enable('cycles'); blender_rackfocus.register()\n"
        "from test_compositor_same import Stage, behind_render\n"
        "bpy.ops.wm.read_factory_settings(use_empty=True)\n"
        "stage = Stage(pathlib.Path(sys.argv[2])); behind_render(stage)\n"
        "print('frames', len(stage.animation(1, 4)))\n"
    )
    here = str(Path(__file__).parent)
    run = subprocess.run([sys.executable, "-c", code, here, str(tmp_path)], capture_output=True, text=True, timeout=100)
    assert run.returncode == 0, run.stderr
    assert "frames 4" in run.stdout
