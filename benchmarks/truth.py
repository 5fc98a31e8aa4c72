# SPDX-License-Identifier: GPL-3.0-or-later
"""Ray-trace the benchmark's scenes through a pinhole and through a real thin lens, with Cycles.

Each scene becomes NAME.npz: `rgb` (H, W, 3) float16 and `depth_m` (H, W) float32 of the pinhole, and three pictures
`truth_0..2` of the same camera through the lens, focused at `focus_m`. The lens pictures are the mean of two renders
with different seeds; a quarter of their mean squared difference is the noise left in that mean (`noise_mse`,
sRGB-encoded), which the score takes off the error.
"""

import argparse
import dataclasses
import os
import sys
import tempfile

import bpy
import cv2
import numpy as np
import OpenImageIO as oiio

from . import scenes
from .measure import srgb

SEEDS = (11, 23)  # fixed: the same scene gives the same file on every machine


def make(name: str, folder: str, width_px: int = 640, samples: int = 192) -> str:
    """Model and ray-trace scene `name`; returns the path of the .npz, made only when it is missing."""
    path = os.path.join(folder, f"{name}_{width_px}_{samples}.npz")
    if os.path.exists(path):
        return path
    os.makedirs(folder, exist_ok=True)
    import addon_utils  # on the path only once bpy is imported

    bpy.ops.wm.read_factory_settings(use_empty=True)
    addon_utils.enable("cycles", default_set=True)
    scene = bpy.context.scene
    shot = scenes.SCENES[name]()
    _settings(scene, width_px)
    found: dict[str, object] = dataclasses.asdict(shot)
    rgb, depth = _render(scene, samples, SEEDS[0], None)
    found["rgb"], found["depth_m"] = rgb.astype(np.float16), np.where(depth >= 1e9, np.inf, depth).astype(np.float32)
    noise = []
    for i, focus_m in enumerate(shot.focus_m):
        halves = [_render(scene, samples, seed, (shot, focus_m))[0] for seed in SEEDS]
        noise.append(float(np.mean((srgb(halves[0]) - srgb(halves[1])) ** 2) / 4))
        found[f"truth_{i}"] = ((halves[0] + halves[1]) / 2).astype(np.float16)
    temporary = path + ".part.npz"
    np.savez_compressed(temporary, noise_mse=np.float64(noise), **found)
    os.replace(temporary, path)
    return path


def _settings(scene: bpy.types.Scene, width_px: int) -> None:
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.use_denoising = scene.cycles.use_adaptive_sampling = False
    scene.cycles.max_bounces = 0
    scene.render.resolution_x, scene.render.resolution_y = width_px, width_px * 9 // 16
    scene.render.resolution_percentage = 100
    scene.view_layers[0].use_pass_z = True
    scene.render.image_settings.media_type = "MULTI_LAYER_IMAGE"
    scene.render.image_settings.file_format = "OPEN_EXR_MULTILAYER"
    scene.render.image_settings.color_depth = "32"
    scene.world = bpy.data.worlds.new("Sky")
    scene.world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.55, 0.68, 0.85, 1.0)


def _render(scene, samples: int, seed: int, lens) -> tuple[np.ndarray, np.ndarray]:
    dof = scene.camera.data.dof
    dof.use_dof = lens is not None
    if lens is not None:
        shot, focus_m = lens
        dof.focus_distance, dof.aperture_fstop = focus_m, shot.f_number
        dof.aperture_blades, dof.aperture_rotation = shot.blades, np.radians(shot.rotation_deg)
    scene.cycles.samples, scene.cycles.seed = samples, seed
    with tempfile.TemporaryDirectory() as folder:
        scene.render.filepath = os.path.join(folder, "frame.exr")
        bpy.ops.render.render(write_still=True)
        return _read(scene.render.filepath)


def _read(path: str) -> tuple[np.ndarray, np.ndarray]:
    """The Combined and Depth parts of a multilayer EXR written by Blender."""
    rgb = depth = None
    part = oiio.ImageInput.open(path)
    index = 0
    while part.seek_subimage(index, 0):
        names = part.spec().channelnames
        pixels = np.asarray(part.read_image(index, 0, 0, len(names), oiio.FLOAT))
        for i, channel in enumerate(names):
            if channel.endswith("Combined.R"):
                rgb = pixels[..., [i, names.index(channel[:-1] + "G"), names.index(channel[:-1] + "B")]]
            if channel.endswith("Depth.Z") or channel.endswith("Depth.V"):
                depth = pixels[..., i]
        index += 1
    part.close()
    if rgb is None or depth is None:
        raise RuntimeError(f"{path}: no Combined or Depth pass in it")
    return rgb, depth


def main() -> None:
    """Make every scene of the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default=".cache/bench/truth")
    parser.add_argument("--scenes", default=",".join(scenes.SCENES))
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--samples", type=int, default=192)
    parser.add_argument("--preview", help="also write a PNG of each scene into this folder")
    args = parser.parse_args()
    for name in args.scenes.split(","):
        path = make(name, args.out, args.width, args.samples)
        print(path, file=sys.stderr)
        if args.preview:
            os.makedirs(args.preview, exist_ok=True)
            data = np.load(path)
            row = np.hstack([srgb(data[k].astype(np.float32)) for k in ("rgb", "truth_0", "truth_1", "truth_2")])
            cv2.imwrite(os.path.join(args.preview, f"{name}.png"), (row[..., ::-1] * 255 + 0.5).astype(np.uint8))


if __name__ == "__main__":
    main()
