# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender as it is: which strips show what, retiming, its own data, what differs between versions."""
