# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in Blender's window: a node whose hidden layer is rendered with F12, what its panel says of it at another focus,
and a scene strip with both switches on, in its preview."""

import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parent))
from stage import part, play, rendered_and_racked, shoot, told, until_rendered

kept = {}


def _ball(scene, name, place, radius):
    bpy.ops.mesh.primitive_uv_sphere_add(radius=radius, location=place)
    bpy.context.object.name = name
    material = bpy.data.materials.new(name)
    bpy.context.object.data.materials.append(material)
    colour = (abs(place[0]) % 1, abs(place[1]) % 1, 0.6, 1)
    material.node_tree.nodes["Principled BSDF"].inputs["Base Color"].default_value = colour


def _set_up():
    scene = bpy.data.scenes.new("Balls")
    bpy.context.window.scene = scene
    render = scene.render
    render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising = 4, False
    render.resolution_x, render.resolution_y, render.resolution_percentage = 480, 270, 100
    for place in range(24):
        _ball(scene, f"Far {place}", ((place % 6) * 1.2 - 3, place // 6 * 1.2 - 1.8, -8), 0.4)
    _ball(scene, "Near", (0.15, 0, -1.2), 0.15)
    sun = bpy.data.objects.new("Sun", bpy.data.lights.new("Sun", "SUN"))
    scene.collection.objects.link(sun)
    tree, racked = rendered_and_racked(scene, (0, 0, 0), {"F-Stop": 0.5, "Focus Distance": 8})
    racked.rackfocus_render_behind, racked.rackfocus_overscan = True, 4.0
    area = max(bpy.context.window.screen.areas, key=lambda area: area.width * area.height)
    area.ui_type = "CompositorNodeTree"
    area.spaces.active.show_backdrop = area.spaces.active.show_region_ui = True
    bpy.context.preferences.view.render_display_type = "NONE"  # or the render takes the editor's place
    kept.update(scene=scene, tree=tree, node=racked.name, area=area)


def _show_tab():
    side = next(one for one in kept["area"].regions if one.type == "UI")
    if side.active_panel_category != "UNSUPPORTED":
        side.active_panel_category = "Rack Focus"


def _render():
    bpy.ops.render.render("INVOKE_DEFAULT")


def _tell(name):
    def step():
        scene, one = kept["scene"], kept["tree"].nodes[kept["node"]]
        words = part("compositor.session").behind_told(scene, one), part("preview").word_of(scene, one)
        told[name] = [*words, part("panels.rendered").cost(scene, True, 4.0)]

    return step


def _focus(metres):
    def step():
        kept["tree"].nodes[kept["node"]].inputs["Focus Distance"].default_value = metres

    return step


def _settled():
    return not part("preview").is_busy()


def _strip():
    part("versions").set_scene_tree(kept["scene"], None)
    edit = bpy.data.scenes.new("Edit")
    bpy.context.window.scene = edit
    bpy.context.workspace.sequencer_scene = edit
    edit.render.resolution_x, edit.render.resolution_y = 480, 270
    strip = edit.sequence_editor_create().strips.new_scene("Shot", kept["scene"], channel=1, frame_start=1)
    strip.right_handle = 3
    told["added"] = list(bpy.ops.rackfocus.modifier_add(strip_name="Shot", start=False))
    strip.rackfocus_render_behind, strip.rackfocus_overscan = True, 4.0
    found = part("shot.modifier")
    for name, value in (("F-Stop", 0.5), ("Focus Distance", 8.0)):
        found.socket(found.find(strip), name).value = value
    edit.sequence_editor.active_strip = strip
    strip.select = True
    kept["area"].ui_type = "SEQUENCE_EDITOR"
    kept["area"].spaces.active.view_type = "SEQUENCER_PREVIEW"
    kept["area"].spaces.active.show_region_ui = True
    kept.update(edit=edit, strip=strip)
    edit.frame_set(1)


def _passes():
    told["passes"] = list(bpy.ops.rackfocus.scene_passes_render(strip_name="Shot", whole=False))


def _tell_strip():
    frames = part("sequencer.frames")
    job = frames.look_job(frames._shown_now(kept["strip"], kept["edit"]), part("shot.modifier").find(kept["strip"]))
    told["strip"] = [job.hidden is not None, job.wide is not None, frames.behind(job) is not None]
    told["strip_words"] = frames.behind_told(kept["strip"], kept["edit"])


STEPS = [
    _set_up,
    _show_tab,
    _render,
    until_rendered,
    _settled,
    _tell("rendered"),
    lambda: shoot("rendered_node"),
    _focus(1.0),
    _settled,
    _tell("near"),
    _focus(9.0),
    _settled,
    _tell("same_objects"),
    _focus(100.0),
    _settled,
    _tell("other_objects"),
    _strip,
    _show_tab,
    _passes,
    lambda: None,
    _tell_strip,
    lambda: bpy.context.window_manager.__setattr__("rackfocus_view", "BEHIND"),
    lambda: None,
    lambda: None,
    lambda: shoot("rendered_strip"),
]

play(STEPS, 0.6)
