# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written beside its place appears whole or not at all; what a kill leaves is swept, and nothing else."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from blender_rackfocus.media import unfinished

TOP = Path(__file__).resolve().parent.parent.parent


def _write_half(path):
    with unfinished.beside(path) as (_name, file):
        file.write(b"half")
        raise KeyboardInterrupt


def test_nothing_is_there_before_it_is_whole(tmp_path):
    path = tmp_path / "a.exr"
    path.write_bytes(b"before")
    with unfinished.beside(path) as (_name, file):
        file.write(b"after")
        assert path.read_bytes() == b"before"
    assert path.read_bytes() == b"after"
    with pytest.raises(KeyboardInterrupt):
        _write_half(path)
    assert path.read_bytes() == b"after"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_kill_leaves_is_swept_and_what_is_being_written_stays(tmp_path):
    script = (
        "import sys, time; from blender_rackfocus.media import unfinished\n"
        "with unfinished.beside(sys.argv[1]): print('there', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "a.exr")]
    writer = subprocess.Popen(command, cwd=TOP, stdout=subprocess.PIPE, text=True)
    assert writer.stdout.readline() == "there\n"
    mine = tmp_path / "holiday.part"
    mine.write_bytes(b"mine")
    before = set(tmp_path.iterdir())
    unfinished.sweep(tmp_path)
    assert set(tmp_path.iterdir()) == before
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    unfinished.sweep(tmp_path)
    assert list(tmp_path.iterdir()) == [mine]
    unfinished.sweep(tmp_path / "not there")
