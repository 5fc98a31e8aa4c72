# SPDX-License-Identifier: GPL-3.0-or-later
"""The farm examples call the command line as it is."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from blender_rackfocus.cli import parser

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "examples"

# What Flamenco's manager offers a job type script.
MANAGER = """
const author = {
  Task: (name, type) => ({name, type, commands: [], needs: [],
    addCommand(one) { this.commands.push(one) }, addDependency(one) { this.needs.push(one.name) }}),
  Command: (name, parameters) => ({name, parameters}),
};
const frameChunker = (frames, size) => ["1-25", "26-40"];
const tasks = [];
SCRIPT
for (const link of [true, false])
  compileJob({settings: {...SETTINGS, link}, addTask(one) { tasks.push(one) }});
console.log(JSON.stringify({type: JOB_TYPE, tasks}));
"""
SETTINGS = {"frames": "1-40", "chunk_size": 25, "strip": "A", "threads": 4, "blendfile": "/p/s.blend", "scene": "S"}


@pytest.mark.skipif(shutil.which("node") is None, reason="no node to run the script")
def test_the_flamenco_job_bakes_in_chunks_and_links_when_all_are_done():
    script = MANAGER.replace("SCRIPT", (EXAMPLES / "rack_focus_bake.js").read_text("utf-8"))
    script = script.replace("...SETTINGS", "..." + json.dumps(SETTINGS))
    ran = subprocess.run(["node", "-e", script], capture_output=True, text=True, check=True)
    told = json.loads(ran.stdout)
    names = [task["name"] for task in told["tasks"]]
    assert names == ["bake-1-25", "bake-26-40", "link", "bake-1-25", "bake-26-40"]
    assert told["tasks"][2]["needs"] == names[:2]
    assert {one["key"] for one in told["type"]["settings"]} >= set(SETTINGS)
    for task in told["tasks"]:
        (command,) = task["commands"]
        assert (command["name"], command["parameters"]["exe"]) == ("exec", "{blender}")
        words = command["parameters"]["args"]
        assert words[:2] == ["--command", "rackfocus"]
        asked = parser().parse_args(words[2:])
        assert (asked.verb, str(asked.file), asked.scene, asked.strip) == ("bake", "/p/s.blend", "S", "A")
    linking = parser().parse_args(told["tasks"][2]["commands"][0]["parameters"]["args"][2:])
    assert (linking.link, str(linking.save), linking.frames) == (True, "/p/s_baked.blend", list(range(1, 41)))


@pytest.mark.skipif(shutil.which("xargs") is None, reason="no xargs here")
def test_the_shell_script_covers_every_frame_once_and_tells_of_a_failure(tmp_path):
    calls = tmp_path / "calls"
    fake = tmp_path / "bake"
    fake.write_text(f'#!/bin/sh\necho "$@" >> {calls}\ncase "$*" in *13-18*) exit 1;; esac\n')
    fake.chmod(0o755)

    def run(first, last):
        calls.unlink(missing_ok=True)
        command = ["sh", EXAMPLES / "bake_with_xargs.sh", "s.blend", str(first), str(last), "6", "3"]
        status = subprocess.run(command, env={"BAKE": str(fake), "PATH": "/usr/bin:/bin"}).returncode
        return status, [parser().parse_args(["bake", *line.split()]) for line in calls.read_text().splitlines()]

    status, asked = run(1, 10)
    assert status == 0
    assert sorted(frame for one in asked if not one.link for frame in one.frames) == list(range(1, 11))
    assert [one.frames for one in asked if one.link] == [list(range(1, 11))]
    status, asked = run(1, 20)
    assert status != 0
    assert not any(one.link for one in asked)
