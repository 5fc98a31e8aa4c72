# SPDX-License-Identifier: GPL-3.0-or-later
"""The print of a scene: whatever changes Blender's own render changes it, whatever cannot does not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import addon_utils
import bpy
import numpy as np
import pytest
from comp_shot import read

from blender_rackfocus.addon.blender import versions
from blender_rackfocus.addon.depth import scene_print

ROOT = Path(__file__).resolve().parents[2]
COLOURS = {"Red": (0.9, 0.1, 0.1, 1), "Green": (0.1, 0.9, 0.1, 1), "Blue": (0.1, 0.2, 0.9, 1)}


def _material(name, colour):
    made = bpy.data.materials.new(name)
    tree = made.node_tree
    tree.nodes.clear()
    emission, output = tree.nodes.new("ShaderNodeEmission"), tree.nodes.new("ShaderNodeOutputMaterial")
    emission.inputs["Color"].default_value = colour
    tree.links.new(emission.outputs[0], output.inputs[0])
    return made


def _grid(name, x, y, scene=None, size=0.5, material="Red", cuts=2):
    mesh = bpy.data.meshes.new(name)
    steps = np.linspace(-size / 2, size / 2, cuts + 1)
    mesh.from_pydata(
        [(a, b, 0) for b in steps for a in steps],
        [],
        [
            (at, at + 1, at + cuts + 2, at + cuts + 1)
            for row in range(0, cuts * (cuts + 1), cuts + 1)
            for at in range(row, row + cuts)
        ],
    )
    mesh.uv_layers.new(name="UV")
    mesh.materials.append(bpy.data.materials[material])
    made = bpy.data.objects.new(name, mesh)
    made.location = (x, y, -4)
    if scene is not None:
        scene.collection.objects.link(made)
    return made


def _add(data, name, x, y, scene):
    made = bpy.data.objects.new(name, data)
    made.location = (x, y, -4)
    if data is not None and hasattr(data, "materials"):
        data.materials.append(bpy.data.materials["Blue"])
    scene.collection.objects.link(made)
    return made


def _armature(scene, mesh):
    data = bpy.data.armatures.new("Armature")
    made = _add(data, "Armature", -1.5, 0.7, scene)
    bpy.context.view_layer.objects.active = made
    bpy.ops.object.mode_set(mode="EDIT")
    bone = data.edit_bones.new("Bone")
    bone.head, bone.tail = (0, 0, 0), (0, 0.3, 0)
    bpy.ops.object.mode_set(mode="OBJECT")
    mesh.vertex_groups.new(name="Bone").add(list(range(len(mesh.data.vertices))), 1.0, "REPLACE")
    mesh.modifiers.new("Armature", "ARMATURE").object = made


def _geometry_nodes(mesh):
    tree = bpy.data.node_groups.new("Move", "GeometryNodeTree")
    tree.interface.new_socket("Geometry", in_out="INPUT", socket_type="NodeSocketGeometry")
    tree.interface.new_socket("By", in_out="INPUT", socket_type="NodeSocketVector")
    tree.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    into, out = tree.nodes.new("NodeGroupInput"), tree.nodes.new("NodeGroupOutput")
    moved, more = tree.nodes.new("GeometryNodeTransform"), tree.nodes.new("GeometryNodeTransform")
    more.name = "More"
    tree.links.new(into.outputs[0], moved.inputs[0])
    tree.links.new(into.outputs[1], moved.inputs["Translation"])
    tree.links.new(moved.outputs[0], more.inputs[0])
    tree.links.new(more.outputs[0], out.inputs[0])
    mesh.modifiers.new("Nodes", "NODES").node_group = tree


def _textured(scene, folder):
    """A plane whose colour comes through an image, a ramp, a colour attribute and a Value node."""
    image = bpy.data.images.new("Picture", 4, 4, float_buffer=True)
    image.generated_color = (0.3, 0.5, 0.7, 1)
    image.filepath_raw, image.file_format = str(folder / "picture.exr"), "OPEN_EXR"
    image.save()
    image.source = "FILE"
    made = _material("Textured", COLOURS["Green"])
    tree = made.node_tree
    emission = tree.nodes["Emission"]
    texture, ramp, value = (tree.nodes.new(f"ShaderNode{kind}") for kind in ("TexImage", "ValToRGB", "Value"))
    attribute, mix = tree.nodes.new("ShaderNodeAttribute"), tree.nodes.new("ShaderNodeMixRGB")
    texture.image, attribute.attribute_name, mix.name = image, "Paint", "Mix"
    value.outputs[0].default_value = 1.0
    tree.links.new(texture.outputs[0], ramp.inputs[0])
    mix.inputs[0].default_value = 0.5
    tree.links.new(ramp.outputs[0], mix.inputs[1])
    tree.links.new(attribute.outputs["Color"], mix.inputs[2])
    tree.links.new(mix.outputs[0], emission.inputs["Color"])
    tree.links.new(value.outputs[0], emission.inputs["Strength"])
    plane = _grid("Textured", 0.9, -0.7, scene, material="Textured")
    paint = plane.data.color_attributes.new("Paint", "FLOAT_COLOR", "POINT")
    for one in paint.data:
        one.color = (0.2, 0.4, 0.6, 1)


def _world_of_everything(folder):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    addon_utils.enable("cycles")
    scene = bpy.context.scene
    for name, colour in COLOURS.items():
        _material(name, colour)
    render = scene.render
    render.engine, render.filepath = "CYCLES", str(folder / "still.exr")
    scene.cycles.samples, scene.cycles.use_denoising, scene.cycles.use_adaptive_sampling = 4, False, False
    render.resolution_x, render.resolution_y, render.resolution_percentage = 96, 54, 100
    render.image_settings.file_format, render.image_settings.color_depth = "OPEN_EXR", "32"
    scene.world = bpy.data.worlds.new("World")
    camera = _add(bpy.data.cameras.new("Camera"), "Camera", 0, 0, scene)
    camera.location = (0, 0, 0)
    scene.camera, camera.data.lens = camera, 32
    _grid("Plane", -1.5, 0.0, scene)
    _armature(scene, _grid("Bent", -1.5, 0.7, scene))
    keyed = _grid("Keyed", -0.9, 0.7, scene)
    for name in ("Basis", "Up"):
        keyed.shape_key_add(name=name, from_mix=False)
    keyed.data.shape_keys.key_blocks["Up"].data[0].co.x -= 0.2
    keyed.data.shape_keys.key_blocks["Up"].value = 0.5
    _geometry_nodes(_grid("Nodes", -0.3, 0.7, scene))
    _grid("Array", 0.3, 0.7, scene, size=0.2).modifiers.new("Array", "ARRAY").count = 2
    _grid("Followed", -0.9, 0.0, scene)
    held = _grid("Held", 1.6, 0.9, scene, size=0.2).constraints.new("COPY_LOCATION")
    held.target, held.use_z = bpy.data.objects["Followed"], False
    held.influence = 0.2
    _textured(scene, folder)
    group = bpy.data.collections.new("Group")
    group.objects.link(_grid("Member", 0, 0, size=0.3, material="Green"))
    group.objects["Member"].location = (0, 0, 0)
    instance = _add(None, "Instance", -0.3, 0.0, scene)
    instance.instance_type, instance.instance_collection = "COLLECTION", group
    part = bpy.data.collections.new("Part")
    scene.collection.children.link(part)
    part.objects.link(_grid("In Part", 0.3, 0.0, size=0.3))
    _add(bpy.data.curves.new("Text", "FONT"), "Text", 0.8, 0.0, scene).data.size = 0.4
    bpy.data.curves["Text"].body = "ab"
    curve = bpy.data.curves.new("Curve", "CURVE")
    curve.bevel_depth = 0.05
    spline = curve.splines.new("POLY")
    spline.points.add(1)
    spline.points[1].co = (0.4, 0.2, 0, 1)
    _add(curve, "Curve", -1.5, -0.7, scene)
    meta = bpy.data.metaballs.new("Ball")
    meta.elements.new().radius = 0.4
    _add(meta, "Ball", -0.9, -0.7, scene)
    lattice = bpy.data.lattices.new("Lattice")
    _add(lattice, "Lattice", -0.3, -0.7, scene)
    _grid("Caged", -0.3, -0.7, scene).modifiers.new("Lattice", "LATTICE").object = bpy.data.objects["Lattice"]
    driven = _grid("Driven", 0.3, -0.7, scene, size=0.3)
    driven["push"] = 0.1
    driver = driven.driver_add("location", 0).driver
    variable = driver.variables.new()
    variable.targets[0].id, variable.targets[0].data_path = driven, '["push"]'
    driver.expression = f"{variable.name} + 0.3"
    moved = _grid("Moved", 1.5, -0.7, scene, size=0.3)
    for frame, x in ((1, 1.4), (11, 1.8)):
        moved.location.x = x
        moved.keyframe_insert("location", index=0, frame=frame)
    nla = _grid("Tracked", 1.5, 0.0, scene, size=0.3)
    for frame, x in ((1, 1.4), (11, 1.8)):
        nla.location.x = x
        nla.keyframe_insert("location", index=0, frame=frame)
    action, nla.animation_data.action = nla.animation_data.action, None
    nla.animation_data.nla_tracks.new().strips.new("Strip", 1, action)
    hairy = _grid("Hairy", 0.9, 0.7, scene)
    hairy.modifiers.new("Hair", "PARTICLE_SYSTEM")
    settings = hairy.particle_systems[0].settings
    settings.type, settings.count, settings.hair_length = "HAIR", 20, 0.3
    settings.trail_count = 1  # what Blender makes of it when it opens a file
    lit = _grid("Lit", 0.0, -1.0, scene, size=0.3)
    lit.data.materials[0] = bpy.data.materials.new("Diffuse")
    _add(bpy.data.lights.new("Lamp", "POINT"), "Lamp", 0.0, -1.0, scene).location.z = -3.5
    bpy.data.lights["Lamp"].energy = 20
    behind = bpy.data.scenes.new("Behind")
    _grid("Backdrop", 0.6, 0.35, behind, size=0.2)
    scene.background_set = behind
    scene.frame_set(5)
    return scene


def _o(name):
    return bpy.data.objects[name]


def _node(name, material="Textured"):
    return bpy.data.materials[material].node_tree.nodes[name]


def _set(owner, **values):
    for name, value in values.items():
        setattr(owner, name, value)


def _curve_of(owner):
    return owner.animation_data.action.layers[0].strips[0].channelbags[0].fcurves[0]


def _socket(modifier, name):
    found = next(one for one in modifier.node_group.interface.items_tree if one.name == name)
    return getattr(modifier.properties.inputs, found.identifier)


CHANGES = {
    "an object moved": lambda s: [_set(_o("Plane"), location=(-1.4, 0, -4))],
    "an object scaled": lambda s: [_set(_o("Plane"), scale=(1, 0.7, 1))],
    "a delta transform": lambda s: [_set(_o("Plane"), delta_location=(0, 0.1, 0))],
    "a parent": lambda s: [_set(_o("Plane"), parent=_o("Instance"))],
    "a parent's inverse": lambda s: [
        _set(_o("Plane"), matrix_parent_inverse=((1, 0, 0, 0.1), (0, 1, 0, 0), (0, 0, 1, 4), (0, 0, 0, 1)))
    ],
    "a vertex": lambda s: [_set(_o("Plane").data.vertices[0], co=(-0.5, -0.3, 0))],
    "a material in a slot": lambda s: [_set(_o("Plane").material_slots[0], material=bpy.data.materials["Blue"])],
    "a node's input": lambda s: [_set(_node("Emission", "Blue").inputs["Strength"], default_value=0.7)],
    "a node's output value": lambda s: [_set(_node("Value").outputs[0], default_value=0.6)],
    "a colour ramp": lambda s: [_set(_node("Color Ramp").color_ramp.elements[1], color=(0.9, 0.2, 0.3, 1))],
    "a colour attribute": lambda s: [
        _o("Textured").data.color_attributes["Paint"].data.foreach_set("color", [0.9] * 36)
    ],
    "a link": lambda s: [_node("Mix").id_data.links.remove(_node("Mix").inputs[2].links[0])],
    "a muted node": lambda s: [_set(_node("Mix"), mute=True)],
    "a pose bone": lambda s: [_set(_o("Armature").pose.bones[0], location=(0.2, 0, 0))],
    "a vertex group's weight": lambda s: [_o("Bent").vertex_groups[0].add([0], 0.0, "REPLACE")],
    "a shape key's value": lambda s: [_set(_o("Keyed").data.shape_keys.key_blocks["Up"], value=1.0)],
    "a shape key's point": lambda s: [_set(_o("Keyed").data.shape_keys.key_blocks["Up"].data[8], co=(0.5, 0.3, 0))],
    "a geometry nodes input": lambda s: [_set(_socket(_o("Nodes").modifiers[0], "By"), value=(0.1, 0, 0))],
    "a node of geometry nodes": lambda s: [
        _set(bpy.data.node_groups["Move"].nodes["More"].inputs["Scale"], default_value=(0.5, 1, 1))
    ],
    "a modifier's setting": lambda s: [_set(_o("Array").modifiers[0], count=3)],
    "a modifier off for renders": lambda s: [_set(_o("Array").modifiers[0], show_render=False)],
    "a constraint's influence": lambda s: [_set(_o("Held").constraints[0], influence=0.4)],
    "a constraint off": lambda s: [_set(_o("Held").constraints[0], enabled=False)],
    "a member of an instanced collection": lambda s: [_set(_o("Member"), location=(0.1, 0, 0))],
    "a mesh in an instanced collection": lambda s: [_set(_o("Member").data.vertices[8], co=(0.3, 0.3, 0))],
    "an instanced collection's offset": lambda s: [_set(bpy.data.collections["Group"], instance_offset=(0.05, 0, 0))],
    "another object in it": lambda s: [
        bpy.data.collections["Group"].objects.link(_grid("New", 0.2, 0.2, size=0.2))
        or _set(_o("New"), location=(0, 0.2, 0))
    ],
    "a text": lambda s: [_set(bpy.data.curves["Text"], body="bab")],
    "a curve's point": lambda s: [_set(bpy.data.curves["Curve"].splines[0].points[1], co=(0.4, 0.4, 0, 1))],
    "a curve's bevel": lambda s: [_set(bpy.data.curves["Curve"], bevel_depth=0.1)],
    "a metaball": lambda s: [_set(bpy.data.metaballs["Ball"].elements[0], radius=0.5)],
    "a lattice's point": lambda s: [_set(bpy.data.lattices["Lattice"].points[0], co_deform=(-0.9, -0.5, -0.5))],
    "a custom property that a driver reads": lambda s: [
        _o("Driven").__setitem__("push", 0.2) or _o("Driven").update_tag()
    ],
    "a driver's expression": lambda s: [_set(_o("Driven").animation_data.drivers[0].driver, expression="var + 0.1")],
    "a keyframe": lambda s: [_set(_curve_of(_o("Moved")).keyframe_points[1], co=(11, 1.5))],
    "a muted F-curve": lambda s: [
        (_set(_curve_of(_o("Moved")), mute=True), _set(_o("Moved"), location=(1.7, -0.7, -4)))
    ],
    "what is not animated of an animated object": lambda s: [_set(_o("Moved"), rotation_euler=(0, 0, 0.5))],
    "an NLA strip": lambda s: [
        _set(_o("Tracked").animation_data.nla_tracks[0].strips[0], frame_start_raw=-3, frame_end_raw=6)
    ],
    "a muted NLA track": lambda s: [
        (_set(_o("Tracked").animation_data.nla_tracks[0], mute=True), _set(_o("Tracked"), location=(1.2, 0, -4)))
    ],
    "hair": lambda s: [_set(bpy.data.particles[0], hair_length=0.5)],
    "hair's seed": lambda s: [_set(_o("Hairy").particle_systems[0], seed=7)],
    "a lamp": lambda s: [_set(bpy.data.lights["Lamp"], energy=60)],
    "the world": lambda s: [
        _set(s.world, color=(0.2, 0.1, 0.1))
        or _set(s.world.node_tree.nodes["Background"].inputs["Strength"], default_value=2.0)
    ],
    "the camera's lens": lambda s: [_set(s.camera.data, lens=34)],
    "the camera's shift": lambda s: [_set(s.camera.data, shift_x=0.02)],
    "an object hidden in renders": lambda s: [_set(_o("Curve"), hide_render=True)],
    "a collection hidden in renders": lambda s: [_set(bpy.data.collections["Part"], hide_render=True)],
    "a collection shown again, but as a holdout": lambda s: [
        (
            _set(bpy.data.collections["Part"], hide_render=False),
            _set(s.view_layers[0].layer_collection.children["Part"], holdout=True),
        )
    ],
    "a collection left out": lambda s: [_set(s.view_layers[0].layer_collection.children["Part"], exclude=True)],
    "what is rendered behind": lambda s: [_set(_o("Backdrop"), location=(0.6, 0.45, -4))],
    "a transparent film": lambda s: [_set(s.render, film_transparent=True)],
    "samples": lambda s: [_set(s.cycles, samples=1)],
    "the filter": lambda s: [_set(s.cycles, filter_width=3.0)],
    "a marker's camera": lambda s: [_set(s.timeline_markers.new("Cut", frame=1), camera=_second_camera(s))],
    "the texture's file": lambda s: [_other_picture(s)],
    "the override": lambda s: [_set(s.view_layers[0], material_override=bpy.data.materials["Green"])],
    "the percentage": lambda s: [_set(s.render, resolution_percentage=50)],
    "the size": lambda s: [_set(s.render, resolution_x=80)],
}


def _second_camera(scene):
    made = _add(bpy.data.cameras.new("Second"), "Second", 0, 0, scene)
    made.location = (0.1, 0, 0.3)
    return made


def _other_picture(_scene):
    """Another picture under the same name."""
    path = bpy.data.images["Picture"].filepath_from_user()
    other = bpy.data.images.new("Other", 4, 4, float_buffer=True)
    other.generated_color = (0.9, 0.9, 0.1, 1)
    other.filepath_raw, other.file_format = path, "OPEN_EXR"
    other.save()
    bpy.data.images["Picture"].reload()


def _still(scene):
    bpy.ops.render.render(write_still=True, scene=scene.name)
    return read(bpy.path.abspath(scene.render.filepath))


def _camera_and_print(scene):
    """What a strip's key is made of: the print, and the camera it looks through."""
    from blender_rackfocus.addon.depth import passes

    return scene_print.of(scene, passes=False), passes.camera_at(scene, scene.frame_current).name


def test_whatever_changes_the_render_changes_the_print(registered, tmp_path):
    scene = _world_of_everything(tmp_path)
    picture, told = _still(scene), _camera_and_print(scene)
    unseen, without_effect = [], []
    for name, change in CHANGES.items():
        change(scene)
        bpy.context.view_layer.update()
        now, picture_now = _camera_and_print(scene), _still(scene)
        if picture_now.shape == picture.shape and np.abs(picture_now - picture).max() < 1e-6:
            without_effect.append(name)
        if now == told:
            unseen.append(name)
        picture, told = picture_now, now
    assert not without_effect  # each must try what it says
    assert not unseen


def _elsewhere(_scene):
    other = bpy.data.scenes.get("Elsewhere") or bpy.data.scenes.new("Elsewhere")
    _grid("Far Away", 0, 0, other)


def _select(scene):
    for one in scene.objects:
        one.select_set(not one.select_get())
    bpy.context.view_layer.objects.active = scene.objects[3]


def _sequencer(scene):
    editor = scene.sequence_editor_create()
    editor.strips.new_effect("Colour", "COLOR", 3, 1, length=10)
    scene.render.use_sequencer = False


def _tree(scene):
    """A compositor that is switched off."""
    scene.render.use_compositing = False
    versions.set_scene_tree(scene, bpy.data.node_groups.new("Unused", "CompositorNodeTree"))


NO_CHANGES = {
    "the playhead": lambda s: s.frame_set(9),
    "the playhead between frames": lambda s: s.frame_set(3, subframe=0.5),
    "a render": _still,
    "the selection": _select,
    "where a node lies and what it is labelled": lambda s: _set(
        _node("Value"), location=(99, 9), label="x", width=300, hide=True, use_custom_color=True, color=(1, 0, 0)
    ),
    "a driven value set by hand": lambda s: (
        _set(_o("Driven"), location=(0.33, -0.7, -4)) or s.frame_set(s.frame_current)
    ),
    "the window's shading": lambda s: _set(_o("Plane"), hide_viewport=True) or _set(_o("Plane"), hide_viewport=False),
    "what is hidden in the window": lambda s: _set(_o("Keyed"), hide_viewport=True),
    "a modifier hidden in the window": lambda s: _set(
        _o("Nodes").modifiers[0], show_viewport=False, show_expanded=False
    ),
    "the camera's own focus": lambda s: _set(s.camera.data.dof, use_dof=False, focus_distance=3.0),
    "keys of the camera's own focus": lambda s: s.camera.data.dof.keyframe_insert("focus_distance", frame=3),
    "the camera's looks": lambda s: _set(s.camera.data, display_size=3.0, show_passepartout=False, show_limits=True),
    "where it is written": lambda s: _set(s.render, filepath=s.render.filepath, use_overwrite=False),
    "what it is written as": lambda s: _set(s.render.image_settings, exr_codec="ZIPS"),
    "the timeline's range": lambda s: _set(s, frame_start=2, frame_end=99, frame_step=2),
    "the timeline's marks": lambda s: s.timeline_markers.new("Here", frame=4),
    "the 3D cursor": lambda s: _set(s.cursor, location=(1, 2, 3)),
    "a fake user": lambda s: _set(bpy.data.materials["Red"], use_fake_user=True),
    "an unused material": lambda s: _material("Unused", (1, 1, 1, 1)),
    "another scene": _elsewhere,
    "its sequencer": _sequencer,
    "a compositor that is off": _tree,
    "the view transform": lambda s: _set(s.view_settings, view_transform="Raw", exposure=1.0),
    "selected keyframes": lambda s: _set(_curve_of(_o("Moved")).keyframe_points[0], select_control_point=True),
    "samples of the window": lambda s: _set(s.cycles, preview_samples=3),
    "passes nobody asks for": lambda s: _set(s.view_layers[0], use_pass_normal=True),
    "selected vertices": lambda s: _o("Plane").data.vertices.foreach_set("select", [True] * 9),
    "hidden bones": lambda s: _set(_o("Armature").data.bones[0], hide=True),
    "a note of the extension's": lambda s: s.__setitem__("rackfocus_note", 3),
}


def test_what_cannot_change_the_render_does_not_change_the_print(registered, tmp_path):
    scene = _world_of_everything(tmp_path)
    camera = scene.camera.data
    lens = camera.driver_add("lens").driver  # and with it all that Blender derives from it
    lens.expression = "32 + 0 * frame"
    key = _o("Keyed").data.shape_keys.key_blocks["Up"]
    ramp = _node("Color Ramp").color_ramp.elements[0]
    for owner, name, values in (
        (key, "value", (0.1, 0.9)),
        (ramp, "color", ((0, 0, 0, 1), (1, 0, 0, 0.5))),
        (_o("Armature").pose.bones[0], "location", ((0, 0, 0), (0.1, 0, 0))),
        (_o("Held").constraints[0], "influence", (0.1, 0.9)),
        (_o("Array").modifiers[0], "count", (2, 4)),
        (_socket(_o("Nodes").modifiers[0], "By"), "value", ((0, 0, 0), (0.1, 0, 0))),
        (bpy.data.lights["Lamp"], "energy", (10, 30)),
        (_node("Value").outputs[0], "default_value", (0.2, 0.9)),
        (bpy.data.curves["Curve"].splines[0].points[1], "co", ((0.4, 0.2, 0, 1), (0.4, 0.4, 0, 1))),
        (scene.cycles, "seed", (1, 9)),
    ):
        for frame, value in zip((1, 11), values, strict=True):
            setattr(owner, name, value)
            owner.keyframe_insert(name, frame=frame)
    scene.frame_set(5)
    told = scene_print.of(scene, passes=False)
    changed = []
    for name, change in NO_CHANGES.items():
        change(scene)
        bpy.context.view_layer.update()
        now = scene_print.of(scene, passes=False)
        if now != told:
            changed.append(name)
        told = now
    assert not changed


def test_the_print_is_the_same_in_another_session(registered, tmp_path):
    """Saved, opened and looked at by another process, whose sets have another order."""
    scene = _world_of_everything(tmp_path)
    path = tmp_path / "kept.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    scene = bpy.data.scenes["Scene"]
    script = (
        "import bpy, addon_utils; addon_utils.enable('cycles')\n"
        f"bpy.ops.wm.open_mainfile(filepath={str(path)!r})\n"
        "from blender_rackfocus.addon.depth import scene_print\n"
        "print('told', scene_print.of(bpy.data.scenes['Scene']))\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    assert f"told {scene_print.of(scene)}" in ran.stdout.splitlines()


# --- Whatever kind of data there is ---------------------------------------------------------------------------------


def _kinds(struct, name):
    return [one.identifier for one in struct.bl_rna.properties[name].enum_items]


OWNERS = {
    "MESH": lambda: _grid("Owner", 0, 0),
    "CURVE": lambda: bpy.data.objects.new("Owner", bpy.data.curves.new("Owner", "CURVE")),
    "GREASEPENCIL": lambda: bpy.data.objects.new("Owner", bpy.data.grease_pencils.new("Owner")),
    "LATTICE": lambda: bpy.data.objects.new("Owner", bpy.data.lattices.new("Owner")),
}


def _made(kind):
    """An object that takes a modifier of this kind, with it."""
    for make in OWNERS.values():
        owner = make()
        bpy.context.scene.collection.objects.link(owner)
        try:
            made = owner.modifiers.new("Any", kind)
        except (RuntimeError, TypeError):
            made = None
        if made is not None:
            return owner, made
        bpy.data.objects.remove(owner)
    return None, None


def _numbers_of(part):
    """(property, another value) of every number that can be set by hand."""
    for one in part.bl_rna.properties:
        name = one.identifier
        if one.is_readonly or one.type not in {"FLOAT", "INT", "BOOLEAN"} or getattr(one, "is_array", False):
            continue
        if (
            name in bpy.types.ID.bl_rna.properties
            or name.startswith(("show_", "use_pin"))
            or name in {"is_active", "is_valid", "active", "use_nodes"}
        ):
            continue
        yield name


def _check_every_number(part, owner):
    """Whatever can be set on a part counts, or is not a value of its own."""
    unseen = []
    for name in _numbers_of(part):
        definition, before = part.bl_rna.properties[name], getattr(part, name)
        if definition.type == "BOOLEAN":
            other = not before
        else:
            other = before + 1 if before + 1 <= definition.hard_max else before - 1
        told = scene_print.of_block(owner)
        try:
            setattr(part, name, other)
        except (AttributeError, TypeError, RuntimeError):
            continue
        if getattr(part, name) != before and scene_print.of_block(owner) == told:
            unseen.append(name)
    return unseen


@pytest.fixture
def empty(registered):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    for name, colour in COLOURS.items():
        _material(name, colour)
    return bpy.context.scene


def test_every_kind_of_modifier_counts(empty):
    told, unseen = {scene_print.of(empty)}, {}
    kinds = _kinds(bpy.types.Modifier, "type")
    tried = 0
    for kind in kinds:
        owner, made = _made(kind)
        if made is None:
            continue
        tried += 1
        now = scene_print.of(empty)
        assert now == scene_print.of(empty), kind
        assert now not in told, kind
        told.add(now)
        missed = _check_every_number(made, owner)
        if missed:
            unseen[kind] = missed
        bpy.data.objects.remove(owner)
    assert tried > 0.9 * len(kinds)
    assert not unseen


def test_every_kind_of_constraint_counts(empty):
    owner, told, unseen = _grid("Owner", 0, 0, empty), set(), {}
    armature = _add(bpy.data.armatures.new("Armature"), "Armature", 0, 0, empty)
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    armature.data.edit_bones.new("Bone").tail = (0, 1, 0)
    bpy.ops.object.mode_set(mode="OBJECT")
    tried = 0
    for kind in _kinds(bpy.types.Constraint, "type"):
        for holder in (owner, armature.pose.bones[0]):
            try:
                made = holder.constraints.new(kind)
            except (RuntimeError, TypeError):
                continue
            tried += 1
            if hasattr(made, "target"):
                made.target = armature if holder is owner else owner
            now = scene_print.of(empty)
            assert now == scene_print.of(empty), kind
            assert now not in told, kind
            told.add(now)
            missed = _check_every_number(made, holder.id_data)
            if missed:
                unseen[kind] = missed
            holder.constraints.remove(made)
    assert tried > len(_kinds(bpy.types.Constraint, "type"))
    assert not unseen


def test_every_kind_of_light_object_and_particles_counts(empty):
    told = {scene_print.of(empty)}

    def count(what):
        now = scene_print.of(empty)
        assert now == scene_print.of(empty), what
        assert now not in told, what
        told.add(now)

    for kind in _kinds(bpy.types.Light, "type"):
        light = bpy.data.lights.new(kind, kind)
        made = _add(light, kind, 0, 0, empty)
        count(kind)
        assert not _check_every_number(light, light), kind
        bpy.data.objects.remove(made)
    blocks = {
        "FONT": lambda: bpy.data.curves.new("a", "FONT"),
        "SURFACE": lambda: bpy.data.curves.new("a", "SURFACE"),
        "META": lambda: bpy.data.metaballs.new("a"),
        "HAIR": lambda: bpy.data.hair_curves.new("a"),
        "POINTCLOUD": lambda: bpy.data.pointclouds.new("a"),
        "VOLUME": lambda: bpy.data.volumes.new("a"),
        "SPEAKER": lambda: bpy.data.speakers.new("a"),
        "PROBE": lambda: bpy.data.lightprobes.new("a", "SPHERE"),
        "PENCIL": lambda: bpy.data.grease_pencils.new("a"),
        "LATTICE": lambda: bpy.data.lattices.new("a"),
    }
    for kind, make in blocks.items():
        _add(make(), kind, 0, 0, empty)
        count(kind)
    owner = _grid("Owner", 0, 0, empty)
    for kind in _kinds(bpy.types.ParticleSettings, "type"):
        owner.modifiers.new(kind, "PARTICLE_SYSTEM")
        settings = owner.particle_systems[-1].settings
        settings.type = kind
        count(kind)
        settings.count = 77
        count(f"{kind}, count")
    bpy.context.view_layer.objects.active = owner
    for kind in ("rigidbody.world_add", "rigidbody.object_add", "object.forcefield_toggle"):
        room, name = kind.split(".")
        with bpy.context.temp_override(object=owner, active_object=owner, selected_objects=[owner]):
            getattr(getattr(bpy.ops, room), name)()
        count(kind)
    empty.frame_set(7)
    assert scene_print.of(empty) in told  # nothing of it hangs on the playhead


@pytest.mark.parametrize("tree", ["ShaderNodeTree", "GeometryNodeTree", "CompositorNodeTree"])
def test_every_kind_of_node_counts(empty, tree):
    group = bpy.data.node_groups.new("Any", tree)
    before = scene_print.of_tree(group)
    tried = 0
    for name in sorted(dir(bpy.types)):
        if not name.startswith(("ShaderNode", "GeometryNode", "CompositorNode", "FunctionNode", "TextureNode")):
            continue
        try:
            made = group.nodes.new(name)
        except RuntimeError:
            continue
        tried += 1
        now = scene_print.of_tree(group)
        assert now == scene_print.of_tree(group), name
        if name in {"CompositorNodeViewer", "CompositorNodeOutputFile"}:
            group.nodes.remove(made)
            continue
        assert now != before, name
        for socket in (*made.inputs, *made.outputs):
            value = getattr(socket, "default_value", None)
            if isinstance(value, float):
                socket.default_value = value + 0.01 if value < 1 else value - 0.01
                if socket.default_value != value:
                    later = scene_print.of_tree(group)
                    assert later != now, (name, socket.name)
                    now = later
        group.nodes.clear()
    assert tried > 50
    assert scene_print.of_tree(group) == before


def test_a_name_that_is_no_text_and_values_that_cannot_be_read_count_too(empty):
    owner = _grid("Owner", 0, 0, empty)
    owner["bytes"], owner["nested"], owner["numbers"] = b"\xff\xfe", {"a": {"b": [1, 2]}}, [1.0, 2.0]
    told = scene_print.of(empty)
    owner["nested"]["a"]["b"] = [1, 3]
    assert scene_print.of(empty) != told


def test_two_scenes_of_one_name_have_prints_of_their_own(registered, tmp_path):
    for name, colour in (("one", "Red"), ("two", "Green")):
        bpy.ops.wm.read_factory_settings(use_empty=True)
        bpy.context.scene.name = "Shot"
        _material("Paint", COLOURS[colour])
        _grid("Plane", 0, 0, bpy.context.scene, material="Paint")
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / f"{name}.blend"))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    prints = set()
    for name in ("one", "two"):
        with bpy.data.libraries.load(str(tmp_path / f"{name}.blend"), link=True) as (_, into):
            into.scenes = ["Shot"]
        prints.add(scene_print.of(into.scenes[0]))
    assert len(prints) == 2
