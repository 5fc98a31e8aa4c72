# SPDX-License-Identifier: GPL-3.0-or-later
"""What `build` puts into the zip's manifest, and what it may fetch."""

import tomllib
from pathlib import Path

from blender_rackfocus.cli import build

TOP = Path(__file__).resolve().parent.parent.parent


def test_wheels_and_platform_are_declared_before_the_tables():
    text = (TOP / "blender_manifest.toml").read_text(encoding="utf-8")
    plain = tomllib.loads(text)
    made = tomllib.loads(build.with_wheels(text, "linux-x64", ["a-1-cp37-abi3-x.whl", "b-2-py3-none-any.whl"]))
    assert made.pop("platforms") == ["linux-x64"]
    assert made.pop("wheels") == ["./wheels/a-1-cp37-abi3-x.whl", "./wheels/b-2-py3-none-any.whl"]
    assert made == plain


def test_what_is_bundled_is_pinned_and_has_no_numpy():
    pinned = build.requirements(TOP)
    assert [line.partition("==")[0] for line in pinned] == list(build.BUNDLED)
    assert all("==" in line for line in pinned)
    assert "numpy" not in build.BUNDLED


def test_blenders_own_builder_is_found():
    command = build.find_builder()
    assert command[-1].endswith("blender_ext.py") or command[-1] == "extension"
