# SPDX-License-Identifier: GPL-3.0-or-later
"""What is drawn and what can be asked for. Decides nothing."""

from . import brackets, menus, operators, preferences, track
from .panels import bake, depth, desk, node, placed, strip

MODULES = (preferences, operators, strip, depth, desk, menus, track, brackets, placed, bake, node)
"""What registers, in order."""
