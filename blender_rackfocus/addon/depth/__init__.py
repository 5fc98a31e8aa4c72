# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the depth of a strip comes from."""
