# SPDX-License-Identifier: GPL-3.0-or-later
"""A strip handed on with Blender's own nodes, for those who have no extension."""
