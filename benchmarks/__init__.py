# SPDX-License-Identifier: GPL-3.0-or-later
"""Accuracy against ray-traced truth, and speed beside Blender's own Defocus node. Run with `make bench`."""
