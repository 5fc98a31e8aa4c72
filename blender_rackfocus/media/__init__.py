# SPDX-License-Identifier: GPL-3.0-or-later
"""Files in, arrays out. No Blender."""
