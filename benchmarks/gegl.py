# SPDX-License-Identifier: GPL-3.0-or-later
"""GEGL's lens blur as a yardstick, where the program `gegl` is installed: the same picture, and the circle of confusion
as the share of its radius.

Its time is that of a run less that of one that only reads and writes.
"""

import functools
import os
import shutil
import subprocess
import tempfile
import time

import numpy as np
import OpenImageIO as oiio

from blender_rackfocus.core import Lens
from blender_rackfocus.core.lens import coc_px


@functools.cache
def there() -> bool:
    """Whether it can be run, with this operation."""
    program = shutil.which("gegl")
    if program is None:
        return False
    return "lens-blur" in subprocess.run([program, "--list-all"], capture_output=True, text=True, check=False).stdout


def defocus(rgb: np.ndarray, depth_m: np.ndarray, lens: Lens) -> tuple[np.ndarray, float]:
    """The picture (H, W, 3) float32 scene-linear, and its seconds. Raises subprocess.CalledProcessError."""
    size = np.abs(coc_px(depth_m, lens, depth_m.shape[1]))
    widest = max(float(size.max()), 1e-3)
    with tempfile.TemporaryDirectory() as folder:
        picture, mask, out = (os.path.join(folder, name) for name in ("picture.exr", "mask.exr", "out.exr"))
        _write(picture, rgb)
        _write(mask, np.dstack([size / np.float32(widest)] * 3))
        idle = _timed(f"gegl:load path={picture}", out)
        blur = f"gegl:lens-blur radius={widest:.4f} linear-mask=true aux=[ gegl:load path={mask} ]"
        seconds = _timed(f"gegl:load path={picture} {blur}", out)
        made = np.asarray(oiio.ImageBuf(out).get_pixels(oiio.FLOAT))[..., :3]
    return made, max(seconds - idle, 1e-6)


def _timed(chain: str, out: str) -> float:
    start = time.perf_counter()
    subprocess.run(["gegl", "-o", out, "--", *chain.split()], check=True, capture_output=True)
    return time.perf_counter() - start


def _write(path: str, picture: np.ndarray) -> None:
    spec = oiio.ImageSpec(picture.shape[1], picture.shape[0], picture.shape[2], "float")
    file = oiio.ImageOutput.create(path)
    if file is None or not file.open(path, spec) or not file.write_image(np.ascontiguousarray(picture, np.float32)):
        raise OSError(f"{path}: cannot be written")
    file.close()
