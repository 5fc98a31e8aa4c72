# SPDX-License-Identifier: GPL-3.0-or-later
"""Arrays in, arrays out: the optics. numpy and OpenCV only; no Blender, no files, no globals."""
