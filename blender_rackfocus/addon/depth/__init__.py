# SPDX-License-Identifier: GPL-3.0-or-later
"""Where depth comes from: files, estimates, cards and mattes of a strip; 3D scenes rendered for a strip or a node."""
