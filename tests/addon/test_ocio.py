# SPDX-License-Identifier: GPL-3.0-or-later
"""A studio's own OpenColorIO configuration, in which nothing is called as Blender calls it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

STUDIO = """ocio_profile_version: 2
roles: {default: plate_lin, scene_linear: plate_lin, data: utility_numbers, aces_interchange: ACES2065-1,
  cie_xyz_d65_interchange: XYZ, color_picking: tv, texture_paint: tv, default_sequencer: tv, default_byte: tv,
  default_float: plate_lin}
displays: {Monitor: [!<View> {name: Plain, colorspace: tv}, !<View> {name: Raw, colorspace: utility_numbers}]}
colorspaces:
  - !<ColorSpace> {name: ACES2065-1}
  - !<ColorSpace> {name: plate_lin, to_scene_reference: !<BuiltinTransform> {style: ACEScg_to_ACES2065-1}}
  - !<ColorSpace> {name: XYZ, to_scene_reference: !<MatrixTransform> {matrix: [0.9, 0.1, 0, 0, 0, 1, 0, 0, 0, 0.1, 0.8,
      0, 0, 0, 0, 1]}}
  - !<ColorSpace> {name: tv, to_scene_reference: !<ExponentTransform> {value: [2.4, 2.4, 2.4, 1]}}
  - !<ColorSpace> {name: sRGB, to_scene_reference: !<ExponentTransform> {value: [1.8, 1.8, 1.8, 1]}}
  - !<ColorSpace> {name: utility_numbers, isdata: true}
"""

SCRIPT = """
import sys, cv2, bpy, numpy as np, OpenImageIO as oiio, blender_rackfocus
folder, space = sys.argv[-2:]
cv2.imwrite(folder + "/flat.png", np.full((48, 64, 3), (60, 130, 90), np.uint8))
oiio.ImageBuf(np.full((48, 64, 1), 5.0, np.float32)).write(folder + "/z.exr")
blender_rackfocus.register()
bpy.ops.wm.read_factory_settings(use_empty=True)
scene = bpy.context.scene
strip = scene.sequence_editor_create().strips.new_image("A", folder + "/flat.png", 1, 1)
bpy.data.workspaces[0].sequencer_scene = scene
strip.colorspace_settings.name = space
scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = 64, 48, 100
image = scene.render.image_settings
image.file_format, image.color_depth, image.color_mode = "OPEN_EXR", "32", "RGBA"

def render(name):
    scene.render.filepath = folder + "/" + name
    bpy.ops.render.render(write_still=True)
    return oiio.ImageBuf(scene.render.filepath).get_pixels(oiio.FLOAT)[8:-8, 8:-8, :3]

plain = render("plain.exr")
scene.sequence_editor.active_strip = strip
strip.select = True
bpy.ops.rackfocus.modifier_add(strip_name="A", depth_path=folder + "/z.exr")
refocused = render("refocused.exr")
print("DIFFERENCE", float(np.abs(refocused - plain).max() / plain.max()), float(plain.max()))
"""


@pytest.mark.parametrize("space", ["tv", "sRGB", "plate_lin", "utility_numbers"])
def test_a_configuration_with_other_names(tmp_path, space):
    (tmp_path / "studio.ocio").write_text(STUDIO)
    top = Path(__file__).parents[2]
    environment = {**os.environ, "OCIO": str(tmp_path / "studio.ocio"), "PYTHONPATH": str(top)}
    command = [sys.executable, "-c", SCRIPT, str(tmp_path), space]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    line = next((line for line in ran.stdout.splitlines() if line.startswith("DIFFERENCE")), ran.stdout + ran.stderr)
    difference, brightest = map(float, line.split()[1:])
    assert difference < 2e-3
    assert brightest > 0.05
