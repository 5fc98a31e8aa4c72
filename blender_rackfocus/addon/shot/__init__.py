# SPDX-License-Identifier: GPL-3.0-or-later
"""What a .blend keeps of ours: the group, the modifier, the node, images, focus keys, marks, settings."""
