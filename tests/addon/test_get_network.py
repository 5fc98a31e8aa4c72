# SPDX-License-Identifier: GPL-3.0-or-later
"""Get a Network in Blender: against a real host on the loopback address, with Blender's word on going online."""

from __future__ import annotations

import hashlib
import sys
import threading
from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "estimate"))
from loopback import Host

from blender_rackfocus.addon.depth import networks
from blender_rackfocus.estimate import models

CONTENT = np.random.default_rng(1).bytes(300_000)


@pytest.fixture(autouse=True)
def _place(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))


@pytest.fixture
def host(monkeypatch):
    with Host(CONTENT) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        model = replace(
            models.TABLE[0],
            name="test",
            file="m.onnx",
            address=f"http://127.0.0.1:{server.server_port}/m.onnx",
            sha256=hashlib.sha256(CONTENT).hexdigest(),
        )
        monkeypatch.setattr(models, "TABLE", (model,))
        yield server
        server.shutdown()


@pytest.fixture
def online():
    system = bpy.context.preferences.system
    before, system.use_online_access = system.use_online_access, True
    yield
    system.use_online_access = before


def test_it_is_fetched_kept_and_used(shot, host, online):
    strip = shot.strip(shot.pictures(frames=1))
    shot.scene.sequence_editor.active_strip = strip
    assert bpy.ops.rackfocus.network_get(name="test", consent=True) == {"FINISHED"}
    path = Path(networks.folder()) / "m.onnx"
    assert path.read_bytes() == CONTENT
    assert networks.kept(models.TABLE[0]) == path
    assert strip.rackfocus_model_path == str(path)
    assert networks.in_use(path, strip)
    assert len(host.asked) == 1


def test_nothing_is_asked_of_the_host_without_a_word(shot, host, online):
    with pytest.raises(RuntimeError, match="only when you say so"):
        bpy.ops.rackfocus.network_get(name="test")
    assert host.asked == []


def test_blender_offline_is_offline(shot, host):
    bpy.context.preferences.system.use_online_access = False
    assert not bpy.ops.rackfocus.network_get.poll()
    with pytest.raises(RuntimeError, match="Allow Online Access"):
        bpy.ops.rackfocus.network_get(name="test", consent=True)
    assert host.asked == []


def test_cut_short_it_goes_on_the_next_time(shot, host, online):
    host.cut = 100_000
    with pytest.raises(RuntimeError, match="what has come is kept"):
        bpy.ops.rackfocus.network_get(name="test", consent=True)
    assert networks.kept(models.TABLE[0]) is None
    host.cut = None
    assert bpy.ops.rackfocus.network_get(name="test", consent=True) == {"FINISHED"}
    assert host.asked[-1] == ("/m.onnx", "bytes=100000-")


def test_a_wrong_file_is_not_used(shot, host, online):
    strip = shot.strip(shot.pictures(frames=1))
    shot.scene.sequence_editor.active_strip = strip
    host.content = CONTENT[:-1] + b"x"
    with pytest.raises(RuntimeError, match="checksum"):
        bpy.ops.rackfocus.network_get(name="test", consent=True)
    assert strip.rackfocus_model_path == ""


def test_a_file_from_disk_does_as_well(shot, tmp_path):
    strip = shot.strip(shot.pictures(frames=1))
    shot.scene.sequence_editor.active_strip = strip
    path = tmp_path / "mine.onnx"
    path.write_bytes(b"any")
    assert bpy.ops.rackfocus.network_use(filepath=str(path)) == {"FINISHED"}
    assert strip.rackfocus_model_path == str(path)
    with pytest.raises(RuntimeError, match="no such file"):
        bpy.ops.rackfocus.network_use(filepath=str(tmp_path / "none.onnx"))
    (tmp_path / "picture.png").write_bytes(b"")
    with pytest.raises(RuntimeError, match="no network"):
        bpy.ops.rackfocus.network_use(filepath=str(tmp_path / "picture.png"))


def test_the_manifest_says_that_it_may_ask_for_the_network():
    import tomllib

    manifest = Path(__file__).resolve().parents[2] / "blender_manifest.toml"
    assert "ask" in tomllib.loads(manifest.read_text(encoding="utf-8"))["permissions"]["network"]
