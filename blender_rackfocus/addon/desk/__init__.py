# SPDX-License-Identifier: GPL-3.0-or-later
"""The focus puller's desk: what its buttons do to a strip."""
