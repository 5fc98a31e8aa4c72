# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scripts that run in Blender's window share: what they were given, a look at the add-on, and step by step.

Arguments after `--`: where the result goes (JSON), the folder for pictures, the shot.
"""

import json
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path

import bpy

RESULT, PICTURES, SHOT = (Path(text) for text in sys.argv[sys.argv.index("--") + 1 :][:3])
LONGEST_S = 150.0
"""A step that waits for longer than this waits for ever."""

told: dict = {}
"""What the test is told."""

bpy.context.preferences.view.show_splash = False


def part(name: str):
    """A module of the add-on, under whatever name it is installed, in whatever room it stands."""
    inside = {key: module for key, module in sys.modules.items() if "blender_rackfocus.addon." in key}
    return next(module for key, module in inside.items() if key.endswith(f".{name}"))


def scene() -> bpy.types.Scene:
    return bpy.context.workspace.sequencer_scene or bpy.context.scene


def shoot(name: str) -> None:
    """The screen as it is."""
    subprocess.run(["import", "-window", "root", str(PICTURES / f"{name}.png")], check=True, timeout=60)


def workbench(name: str, width: int, height: int) -> bpy.types.Scene:
    """A new scene in the window, that Workbench renders at this size."""
    scene = bpy.data.scenes.new(name)
    bpy.context.window.scene = scene
    scene.render.engine = "BLENDER_WORKBENCH"
    scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = width, height, 100
    return scene


def rendered_and_racked(
    scene: bpy.types.Scene, camera_at: tuple[float, float, float], inputs: dict[str, float]
) -> tuple[bpy.types.NodeTree, bpy.types.Node]:
    """A camera, and a tree: the scene's render through a Rack Focus node with these inputs, to the output and a
    Viewer. The tree and the node."""
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.location = camera_at
    scene.collection.objects.link(camera)
    scene.camera = camera
    tree = bpy.data.node_groups.new("Tree", "CompositorNodeTree")
    tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    part("versions").set_scene_tree(scene, tree)
    layers, viewer = tree.nodes.new("CompositorNodeRLayers"), tree.nodes.new("CompositorNodeViewer")
    layers.scene = scene
    racked, output = part("node").add(tree), tree.nodes.new("NodeGroupOutput")
    for name, value in inputs.items():
        racked.inputs[name].default_value = value
    tree.links.new(layers.outputs["Image"], racked.inputs["Image"])
    tree.links.new(racked.outputs["Image"], output.inputs[0])
    tree.links.new(racked.outputs["Image"], viewer.inputs[0])
    layers.location, racked.location, output.location, viewer.location = (-320, 60), (0, 60), (320, 60), (320, -80)
    tree.nodes.active = racked
    return tree, racked


def sequencers() -> list[bpy.types.Area]:
    return [area for area in bpy.context.window.screen.areas if area.type == "SEQUENCE_EDITOR"]


def in_sequencer(operator: Callable, *words, **arguments):
    """Call an operator as from the strips' own area."""
    area = next(one for one in sequencers() if one.spaces.active.view_type != "PREVIEW")
    region = next(one for one in area.regions if one.type == "WINDOW")
    with bpy.context.temp_override(window=bpy.context.window, area=area, region=region):
        return operator(*words, **arguments)


def show_sidebars() -> None:
    for area in sequencers():
        area.spaces.active.show_region_ui = True


def show_tab() -> None:
    """Once the sidebar has been drawn its tabs can be chosen; some of the areas may be too small to have any."""
    for area in sequencers():
        region = next(one for one in area.regions if one.type == "UI")
        if region.active_panel_category != "UNSUPPORTED":
            region.active_panel_category = "Rack Focus"


def open_shot() -> None:
    bpy.ops.wm.open_mainfile(filepath=str(SHOT), load_ui=False)


def render(folder: str) -> Callable[[], None]:
    """A step that begins a render from the window, into a folder beside the shot."""

    def step():
        scene().render.filepath = f"{SHOT.parent}/{folder}/"
        bpy.ops.render.render("INVOKE_DEFAULT", animation=True)

    return step


def until_rendered() -> bool:
    return not bpy.app.is_job_running("RENDER")


def play(steps: Iterable[Callable], wait_s: float) -> None:
    """Take the steps one by one, some time apart so that Blender draws in between; one that answers False is taken
    again, for LONGEST_S. Then write what was told, and leave Blender."""
    ahead, waiting, began = iter(steps), [], [time.monotonic()]

    def tick():
        try:
            if not waiting:
                began[0] = time.monotonic()
            step = waiting.pop() if waiting else next(ahead, None)
            if step is not None:
                if step() is False:
                    if time.monotonic() - began[0] > LONGEST_S:
                        raise TimeoutError(f"{step.__name__} waited for {LONGEST_S} s")
                    waiting.append(step)
                return wait_s
        except Exception:
            told["traceback"] = traceback.format_exc()
        RESULT.write_text(json.dumps(told), encoding="utf-8")
        os.sync()
        bpy.ops.wm.quit_blender()
        return None

    bpy.app.timers.register(tick, first_interval=3.0, persistent=True)
