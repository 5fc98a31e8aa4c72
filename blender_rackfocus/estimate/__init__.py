# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures in, depth out. No Blender."""
