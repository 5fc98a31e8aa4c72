# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Blender window under Xvfb. These tests run in plain Python beside an installed Blender with the extension."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))  # tests/stripes.py

MISSING = [name for name in ("blender", "xvfb-run", "import", "convert") if shutil.which(name) is None]


@pytest.fixture
def pictures(tmp_path):
    """Where pictures of the window go."""
    folder = Path(os.environ.get("RACKFOCUS_OUT", tmp_path / "pictures"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def window(tmp_path, pictures):
    """window(script, *arguments, timeout=180) opens Blender's video editing window, runs the script in it and returns
    what the script wrote as JSON to the path in its first argument after `--`; pictures go to the folder in the second.

    The script has to leave Blender (bpy.ops.wm.quit_blender) when it is done. A Blender that hangs is ended, and fails.
    """
    if MISSING:
        pytest.skip(f"no window here: {', '.join(MISSING)} missing")

    def open_window(script, *arguments, timeout=180):
        result = tmp_path / f"{Path(script).stem}.json"
        command = ["xvfb-run", "-a", "-s", "-screen 0 1600x900x24", "blender", "--app-template", "Video_Editing"]
        # The template has preferences of its own, in which the extension is not enabled yet.
        command += ["--addons", "bl_ext.user_default.blender_rackfocus"]
        command += ["--window-geometry", "0", "0", "1600", "900", "--enable-event-simulate"]
        command += ["--python-exit-code", "9", "-P", str(HERE / script), "--", str(result), str(pictures)]
        ran = subprocess.run(
            [*command, *map(str, arguments)],
            capture_output=True, text=True, timeout=timeout, start_new_session=True,
        )  # fmt: skip
        told = ran.stdout[-4000:] + ran.stderr[-4000:]
        assert ran.returncode == 0, told
        assert result.is_file(), told
        return json.loads(result.read_text(encoding="utf-8"))

    return open_window
