# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender as it is: which strips show what, retiming, its own data, what differs between versions. And what is ours in
it while it runs: the session, the log, the store, the errors that stop a render."""
