# SPDX-License-Identifier: GPL-3.0-or-later
"""What Blender calls: when the extension is enabled or disabled, and at each of its events."""
