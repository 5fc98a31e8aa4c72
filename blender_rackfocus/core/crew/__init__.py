# SPDX-License-Identifier: GPL-3.0-or-later
"""All cores of the machine: processes that share memory with this one and take jobs of a frame."""
