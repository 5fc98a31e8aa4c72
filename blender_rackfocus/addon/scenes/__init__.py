# SPDX-License-Identifier: GPL-3.0-or-later
"""3D scenes rendered for us: their passes, what they are made of, what reaches a node."""
