# SPDX-License-Identifier: GPL-3.0-or-later
"""One frame, from what decides its pixels to the pixels. No Blender: made anywhere."""
