# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender as it is: which strips show what, retiming, its own data, what differs between versions; and what stands in it
while it runs: the log, the store, the session, errors that stop a render."""
