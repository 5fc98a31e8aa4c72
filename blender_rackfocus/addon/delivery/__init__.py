# SPDX-License-Identifier: GPL-3.0-or-later
"""What others get of a strip or a node, who have no extension: frames baked and placed on disk, Blender's own nodes."""
