# SPDX-License-Identifier: GPL-3.0-or-later
"""Screenshots as arrays, read with ImageMagick: the plain Python beside Blender has little else."""

import subprocess

import numpy as np


def pixels(path):
    """A screenshot as (H, W, 3) uint8."""
    size = subprocess.run(["convert", path, "-format", "%w %h", "info:"], capture_output=True, text=True, check=True)
    width, height = map(int, size.stdout.split())
    raw = subprocess.run(["convert", path, "-depth", "8", "rgb:-"], capture_output=True, check=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(height, width, 3)
