# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that knows Blender. Here itself is what Blender calls: when the extension is enabled or disabled, and at
each of its events."""
