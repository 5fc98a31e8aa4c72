# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender as a module, with the add-on registered, and a fresh empty file for every test that asks for `shot`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

bpy = pytest.importorskip("bpy")


@pytest.fixture(scope="session")
def registered() -> Iterator[None]:
    """The add-on, enabled for the whole run; the command line may have done so, where its tests came first."""
    import blender_rackfocus

    if not hasattr(bpy.types, "RACKFOCUS_OT_modifier_add"):
        blender_rackfocus.register()
    yield
    blender_rackfocus.unregister()


@pytest.fixture
def shot(registered: None, tmp_path: Path) -> Iterator:
    """An empty file, and helpers that make sources, strips and renders in the test's own folder."""
    from live_shot import Shot

    from blender_rackfocus.addon.blender import errors

    bpy.ops.wm.read_factory_settings(use_empty=True)
    yield Shot(tmp_path)
    errors.forget()  # failures made on purpose must not fail the run


@pytest.fixture
def patient(registered: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The window waits for its drafts however long they take: what is shown does not hang on the machine's haste."""
    from blender_rackfocus.addon.sequencer import live

    monkeypatch.setattr(live, "PATIENCE_S", 60.0)
