# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in Blender's window: the compositor's own preview of a Rack Focus node before and after a render, after changes
of focus and of the camera, and at frames whose passes are kept and are not. Nothing is rendered in between."""

import sys
from pathlib import Path

import bpy
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
import stage
from stage import PICTURES, RESULT, part, play, rendered_and_racked, shoot, told, until_rendered

kept = {}
began = []


def _set_up():
    scene = stage.workbench("Node", 640, 360)
    scene.display.shading.color_type = "RANDOM"
    render = scene.render
    render.image_settings.file_format, render.image_settings.color_depth = "OPEN_EXR", "32"
    scene.view_settings.view_transform = "Raw"
    for place in range(7):
        bpy.ops.mesh.primitive_cube_add(
            size=0.8, location=(place * 1.1 - 3.2, 0, -2.5 * place), rotation=(0.5, 0.3, 0.6)
        )
    bpy.context.object.keyframe_insert("location", frame=1)
    bpy.context.object.location.x += 1
    bpy.context.object.keyframe_insert("location", frame=3)
    tree, racked = rendered_and_racked(scene, (-1, 0, 7), {"Focal Length": 60, "F-Stop": 0.3, "Focus Distance": 7})
    scene.camera.data.dof.focus_distance, scene.camera.data.dof.aperture_fstop = 7, 0.2
    areas = sorted(bpy.context.window.screen.areas, key=lambda area: area.width * area.height)
    areas[-1].ui_type, areas[-2].ui_type = "CompositorNodeTree", "IMAGE_EDITOR"
    areas[-1].spaces.active.show_backdrop = True
    areas[-1].spaces.active.show_region_ui = True
    kept.update(scene=scene, node=racked.name, tree=tree, editor=areas[-1], images=areas[-2])
    bpy.context.preferences.view.render_display_type = "NONE"  # or the render takes the editor's place
    bpy.app.handlers.render_init.append(lambda *_: began.append(1))


def _node():
    return kept["tree"].nodes[kept["node"]]


def _view():
    area = kept["editor"]
    region = next(one for one in area.regions if one.type == "WINDOW")
    with bpy.context.temp_override(window=bpy.context.window, area=area, region=region):
        bpy.ops.node.view_all()
        area.spaces.active.backdrop_zoom, area.spaces.active.backdrop_offset = 0.6, (260, 0)
    kept["images"].spaces.active.image = bpy.data.images.get("Viewer Node")
    side = next(one for one in area.regions if one.type == "UI")
    if side.active_panel_category != "UNSUPPORTED":
        side.active_panel_category = "Rack Focus"


def _render(name):
    def step():
        kept["scene"].render.filepath = str(RESULT.parent / f"{name}.exr")
        bpy.ops.render.render("INVOKE_DEFAULT", write_still=True)

    return step


def _focus(metres):
    def step():
        _node().inputs["Focus Distance"].default_value = metres

    return step


def _frame(number):
    return lambda: kept["scene"].frame_set(number)


def _through_camera(metres):
    def step():
        _node().rackfocus_lens = "CAMERA"
        kept["scene"].camera.data.dof.focus_distance = metres

    return step


def _pixels(image):
    found = np.empty(len(image.pixels), np.float32)
    image.pixels.foreach_get(found)
    return found


def _look(name, beside=""):
    """What the Viewer shows; beside: the file of a render that it must be the same as, to be looked at later."""

    def step():
        image = bpy.data.images.get("Viewer Node")
        kept[name] = _pixels(image) if image is not None else np.zeros(4, np.float32)
        told[name] = {
            "word": part("preview").word_of(kept["scene"], _node()),
            "renders": len(began),
            "spread": float(kept[name].reshape(-1, 4)[:, :3].std()),
        }
        shoot(f"preview_{name}")

    return step


def _compare():
    for name in ("rendered", "near", "far", "camera"):
        image = bpy.data.images.load(str(RESULT.parent / f"{name}.exr"))
        image.colorspace_settings.name = "Linear Rec.709"
        found = _pixels(image)
        told[name]["apart"] = float(np.abs(found - kept[name]).max()) if found.size == kept[name].size else 9.0
    for name, other in (("near", "far"), ("far", "camera"), ("near", "frame_1_again")):
        told[f"{name}_from_{other}"] = float(np.abs(kept[name] - kept[other]).max())


def _quiet():
    preview = part("preview")
    return until_rendered() and not bpy.app.is_job_running("COMPOSITE") and not preview.is_busy()


def _wait():
    """A step in which Blender only draws."""


def seen(name):
    return [*[_wait] * 10, _quiet, *[_wait] * 10, _quiet, _look(name)]


assert PICTURES.is_dir()
steps = [_set_up, *[_wait] * 5, _view, *seen("before")]
steps += [_render("rendered"), _quiet, _view, *seen("rendered")]
steps += [_focus(20), *seen("far"), _focus(7), *seen("near"), _frame(2), *seen("frame_2"), _frame(1)]
steps += [*seen("frame_1_again"), _through_camera(14), *seen("camera")]
# The same by rendering.
steps += [_render("camera"), _quiet, lambda: setattr(_node(), "rackfocus_lens", "INPUTS")]
steps += [_focus(20), _render("far"), _quiet]
steps += [_focus(7), _render("near"), _quiet, _compare]
play(steps, 0.1)
