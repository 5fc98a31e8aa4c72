# SPDX-License-Identifier: GPL-3.0-or-later
"""What was found about a network is told, and can be set; both stay with it, wherever its file lies."""

from __future__ import annotations

import shutil

import bpy
import pytest
from test_estimate_depth import SIZE, depth_paths, pictures, toy_networks

from blender_rackfocus.addon.depth import networks
from blender_rackfocus.addon.shot import modifier, settings
from blender_rackfocus.core.depth import DepthConvention
from blender_rackfocus.estimate import files


@pytest.fixture(autouse=True)
def _own_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("RACKFOCUS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(networks.cache, "user_folder", lambda: str(tmp_path / "user"))


@pytest.fixture
def network(tmp_path):
    return str(toy_networks.write(tmp_path / "toy.onnx", size=SIZE, own=True))


def test_it_is_looked_at_and_told_with_the_file_under_another_name(shot, network, tmp_path):
    strip = shot.strip(pictures(shot))
    strip.rackfocus_model_path = network
    assert networks.found(network) == []
    assert bpy.ops.rackfocus.network_look(strip_name="A") == {"FINISHED"}
    told = networks.found(network)
    assert told[0].startswith('Input: "')
    assert f"{SIZE[1]} x {SIZE[0]}" in told[0]
    assert any(line.startswith("Gives ") for line in told)
    assert len(networks.outputs(network)) == 1
    other = shutil.copy(network, tmp_path / "renamed.onnx")
    assert networks.found(other) == told


def test_what_is_set_is_used_and_kept_with_it(shot, network, tmp_path):
    strip = shot.strip(pictures(shot))
    strip.rackfocus_model_path = network
    set_to = {"filepath": network, "kind": "DISTANCE", "direction": "FARTHER", "form": "OWN"}
    assert bpy.ops.rackfocus.network_settings(
        **set_to, mean=(0.5, 0.25, 0.125), deviation=(0.5, 0.5, 0.25)
    ) == {"FINISHED"}  # fmt: skip
    renamed = shutil.copy(network, tmp_path / "renamed.onnx")
    kept = networks.settings_of(renamed)
    assert (kept.kind, kept.direction, kept.mean, kept.std) == (
        "DISTANCE", "FARTHER", (0.5, 0.25, 0.125), (0.5, 0.5, 0.25),
    )  # fmt: skip
    assert bpy.ops.rackfocus.estimate_depth(strip_name="A", source="NETWORK") == {"FINISHED"}
    told = files.provenance_of(depth_paths(strip)[1]).settings
    assert (told["kind"], told["direction"], list(told["mean"])) == ("DISTANCE", "FARTHER", [0.5, 0.25, 0.125])
    assert any("set by hand" in line for line in networks.found(network))
    assert bpy.ops.rackfocus.network_settings(filepath=network, form="BYTE") == {"FINISHED"}
    assert networks.settings_of(network).kind == "AUTO"
    assert networks.settings_of(network).std == pytest.approx((1 / 255,) * 3)
    assert bpy.ops.rackfocus.network_settings(filepath=network) == {"FINISHED"}
    assert networks.settings_of(network).mean is None


def test_every_kind_that_there_is_can_be_chosen(shot, network):
    strip = shot.strip(pictures(shot, 2))
    for kind in ("RELATIVE", "DISTANCE", "METRIC"):
        bpy.ops.rackfocus.estimate_depth(strip_name="A", source="NETWORK", model_path=network, model_kind=kind)
        assert files.provenance_of(depth_paths(strip)[1]).settings["kind"] == kind


def test_what_cannot_be_kept_is_said(shot, network):
    with pytest.raises(RuntimeError, match="No depth network is chosen"):
        bpy.ops.rackfocus.network_settings(filepath="")
    with pytest.raises(RuntimeError, match=r"gone\.onnx"):
        bpy.ops.rackfocus.network_settings(filepath="/nowhere/gone.onnx")
    shot.strip(pictures(shot, 2))
    with pytest.raises(RuntimeError, match="No depth network is chosen"):
        bpy.ops.rackfocus.network_look(strip_name="A")


def test_lowest_and_highest_are_settings(shot):
    strip = shot.strip(pictures(shot, 1))
    modifier.add(strip)
    strip.rackfocus_depth_kind = "NORMALISED"
    strip.rackfocus_near_m, strip.rackfocus_far_m = 2.0, 8.0
    strip.rackfocus_depth_low, strip.rackfocus_depth_high = 12.0, 96.0
    assert settings.convention_of(strip) == DepthConvention("NORMALISED", 2.0, 8.0, low=12.0, high=96.0)
    strip.rackfocus_depth_low = 96.0
    with pytest.raises(ValueError, match="Lowest"):
        settings.convention_of(strip)
    strip.rackfocus_depth_kind = "METRES"
    assert settings.convention_of(strip) == DepthConvention("METRES", 2.0, 8.0)
