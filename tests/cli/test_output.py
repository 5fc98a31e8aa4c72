# SPDX-License-Identifier: GPL-3.0-or-later
"""What `rack` and its kin write: whole, read back, never over what is read; what is left half-made goes again."""

import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import stripes

from blender_rackfocus.cli import apart, scratch
from blender_rackfocus.cli.common import UsageError

TOP = Path(__file__).resolve().parent.parent.parent
FAST = ("--lens", "80", "--f-stop", "1", "--at", "4", "--over", "4", "--from", "1", "--to", "4")


def _start(*arguments, **options):
    """The command line as a process: its end is waited for by `_end`."""
    command = [sys.executable, "-m", "blender_rackfocus", *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=TOP, **pipes, **options)


def _end(process):
    """(exit status, what it said on standard error)."""
    _, told = process.communicate(timeout=120)
    return process.returncode, told


def _rendered(process):
    """Wait until frames are rendered."""
    for line in process.stderr:
        if line.startswith("rendering:"):
            return
    raise AssertionError("it ended before it rendered")


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory):
    """The first of 60 pictures: long enough to be stopped in the middle."""
    return stripes.write(tmp_path_factory.mktemp("long"), 60)[0]


@pytest.fixture(scope="module")
def noise(tmp_path_factory):
    """Arguments for a clip of noise that all lies in focus: its pictures are large files, whatever writes them."""
    import cv2

    folder = tmp_path_factory.mktemp("noise")
    random_numbers = np.random.default_rng(3)
    for number in range(1, 7):
        cv2.imwrite(str(folder / f"n_{number:04d}.png"), random_numbers.integers(0, 256, (450, 800, 3), np.uint8))
    (folder / "z").mkdir()
    depth = stripes.write(folder / "z", 1)[0]
    return (folder / "n_####.png", "--depth", depth, "--from", "1", "--to", "1")


@pytest.mark.parametrize(
    ("name", "number"), [("racked.mp4", signal.SIGINT), ("racked_####.png", signal.SIGINT), ("a.mov", signal.SIGTERM)]
)
def test_an_interrupt_ends_the_job_and_leaves_nothing(long_clip, tmp_path, name, number):
    process = _start("rack", long_clip, "-o", tmp_path / "new" / name, *FAST)
    _rendered(process)
    process.send_signal(number)
    status, told = _end(process)
    assert status == 130, told
    assert "Traceback" not in told
    assert list(tmp_path.iterdir()) == []  # the folder that was made for it is gone as well


def test_an_interrupt_at_any_moment_leaves_all_or_nothing(clip, tmp_path):
    began = time.monotonic()
    assert _end(_start("rack", clip, "-o", tmp_path / "whole" / "a.mp4", *FAST))[0] == 0
    takes = time.monotonic() - began
    moments = random.Random(7)
    for number in range(6):
        process = _start("rack", clip, "-o", tmp_path / str(number) / "a.mp4", *FAST)
        time.sleep(moments.uniform(0.1, 1.0) * takes)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
        left = [path.name for path in (tmp_path / str(number)).glob("*")]
        if "Fatal Python error: init" in told:
            assert left == []  # Python itself was starting, and gives up in its own way
            continue
        # Before Python reads its first line an interrupt ends it by the signal itself.
        assert (process.returncode, left) in [(0, ["a.mp4"]), (130, []), (-signal.SIGINT, [])], told


INTERRUPTED_AT = """
import runpy, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where a shell began the tests behind its back
class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            sys.meta_path.remove(self)
            print("interrupted at", name, file=sys.stderr, flush=True)
            signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, Interrupt())
sys.argv[0] = "rack"
runpy.run_module("blender_rackfocus", run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize(
    "module", ["numpy", "datetime", "bpy", "addon_utils", "cycles", "blender_rackfocus.addon.registration"]
)
def test_an_interrupt_while_a_module_loads_ends_the_job(clip, tmp_path, module):
    command = [
        sys.executable,
        "-c",
        INTERRUPTED_AT.format(module=module),
        "rack",
        clip,
        "-o",
        tmp_path / "a.mp4",
        *FAST,
    ]
    ran = subprocess.run(list(map(str, command)), cwd=TOP, capture_output=True, text=True, timeout=120)
    assert f"interrupted at {module}" in ran.stderr
    assert ran.returncode == 130, ran.stderr[-2000:]
    assert "Traceback" not in ran.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_a_kill_leaves_the_next_run_sweeps_and_nothing_else(long_clip, clip, tmp_path):
    process = _start("rack", long_clip, "-o", tmp_path / "a.mp4", *FAST)
    _rendered(process)
    assert len(list(tmp_path.glob(".rendering-*"))) == 1
    process.kill()
    process.communicate()
    foreign = tmp_path / ".rendering-4194303-abcdefgh"  # as ours are named, but without the mark
    foreign.mkdir()
    (foreign / "thesis.txt").write_text("mine")
    (tmp_path / ".rendering-mine").mkdir()
    with scratch.folder_in(tmp_path, ".rendering-") as at_work:  # of a living process
        assert _end(_start("rack", clip, "-o", tmp_path / "a.mp4", *FAST))[0] == 0
        assert at_work.is_dir()
        left = sorted(path.name for path in tmp_path.iterdir())
        assert left == sorted([at_work.name, ".rendering-4194303-abcdefgh", ".rendering-mine", "a.mp4"])


def test_a_link_named_like_a_scratch_folder_is_left_with_what_it_leads_to(tmp_path):
    real = tmp_path / "work"
    real.mkdir()
    (real / scratch.MARK).touch()
    (tmp_path / ".rendering-4194303-abcdefgh").symlink_to(real)
    scratch.sweep(tmp_path, ".rendering-")
    assert (real / scratch.MARK).is_file()


@pytest.mark.parametrize("name", ["r.mp4", "r_####.jpg", "r_####.tif"])
def test_a_limit_on_file_sizes_is_told_and_nothing_is_left(noise, tmp_path, name):
    limit = 150_000  # bytes

    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    status, told = _end(_start("rack", *noise, "-o", tmp_path / "out" / name, preexec_fn=limited))
    assert status == 1, told
    assert "size" in told.splitlines()[-1]
    assert "Traceback" not in told
    assert not (tmp_path / "out").exists()


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 512 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if shutil.which("mount") is None or os.geteuid() != 0:
        pytest.skip("no disk can be made here")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("no disk can be made here")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("name", ["r.mp4", "r.mkv", "r_####.png", "r_####.exr"])
def test_a_full_disk_is_told_and_nothing_is_left(noise, small_disk, name):
    (small_disk / "ballast").write_bytes(b"\0" * 300 * 1024)
    status, told = _end(_start("rack", *noise, "-o", small_disk / name))
    assert status == 1, told
    assert "No space left" in told.splitlines()[-1]
    assert [path.name for path in small_disk.iterdir()] == ["ballast"]


@pytest.mark.parametrize("name", ["{v2}/a{b}.mp4", "{v2}/a{frame}_####.png", "a#1 [x]/a*.mov"])
def test_a_name_is_taken_as_it_is(run, clip, tmp_path, name):
    done = run("rack", clip, "-o", tmp_path / name, *FAST, "--end", 5)
    assert done.returncode == 0, done.stderr
    folder, last = (tmp_path / name).parent, (tmp_path / name).name
    head, _, tail = last.partition("####") if "####" in last else (last, "", "")
    head = head.rstrip("#") if tail else head
    made = sorted(path.name for path in folder.iterdir())
    assert len(made) == (5 if tail else 1)
    assert all(one.startswith(head) for one in made)


def test_blenders_own_words_are_in_a_log_that_is_named(run, clip, tmp_path):
    done = run("rack", clip, "-o", tmp_path / "r.mp4", *FAST, "--end", 5, "--blend", tmp_path / "edit.blend")
    assert done.stdout.splitlines() == [str(tmp_path / "r.mp4")]
    named = [line for line in done.stderr.splitlines() if line.startswith("Blender's own messages: ")]
    assert len(named) == 1
    assert "Not freed" not in done.stderr
    log = Path(named[0].partition(": ")[2])
    assert "Video append frame" in log.read_text()  # 5.2 also says there, at its very end, what it has not freed
    log.unlink()


def _touched(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(path.name.encode())
    return path


def _is_refused(target, read, folders=()):
    try:
        apart.keep_apart([target], read, folders)
    except UsageError:
        return True
    return False


def test_output_is_kept_apart_from_what_is_read_by_every_name(tmp_path):
    movie, shot = _touched(tmp_path / "a" / "clip1.mp4"), _touched(tmp_path / "a" / "shot.0001.png")
    (tmp_path / "link.mp4").symlink_to(movie)
    os.link(movie, tmp_path / "hard.mp4")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    read = [movie, shot]
    for one in (movie, tmp_path / "link.mp4", tmp_path / "hard.mp4", tmp_path / "b" / "clip1.mp4"):
        assert _is_refused(one, read), one
    assert _is_refused(tmp_path / "b" / "shot.0200.png", read)  # would be one more picture of the sequence
    assert _is_refused(tmp_path / "a" / ".." / "a" / "new.png", [], [tmp_path / "b"])
    assert not _is_refused(tmp_path / "a" / "clip2.mp4", read)
    assert not _is_refused(tmp_path / "a" / "shot_racked.0001.png", read)
    assert not _is_refused(tmp_path / "c" / "shot.0001.png", read)
    assert not _is_refused(tmp_path / "a" / "sub" / "new.png", [], [tmp_path / "a"])


def test_a_number_anywhere_in_a_name_makes_a_sequence_that_is_read(tmp_path):
    read = [_touched(tmp_path / f"z_{number:04d}_v2.exr") for number in range(3)][:1]
    assert _is_refused(tmp_path / "z_0002_v2.exr", read)
    assert not _is_refused(tmp_path / "z_0002_v3.exr", read)


def test_output_takes_the_place_of_files_only(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "null.mp4").symlink_to("/dev/null")
    (tmp_path / "r_0002.png").mkdir()
    for name in ("pipe.mp4", "null.mp4", "r_0002.png"):
        assert _is_refused(tmp_path / name, []), name
    assert not _is_refused(_touched(tmp_path / "r_0001.png"), [])


@pytest.mark.parametrize(
    "arguments",
    [
        ("rack", "{p}", "-o", "{p}"),
        ("rack", "{p}/f_####.exr", "-o", "{p}/f_####.exr"),
        ("rack", "{p}/f_0001.exr", "-o", "{p}/f_%04d.exr"),
        ("rack", "{p}/f_####.exr", "--depth", "{z}", "-o", "{z}"),
        ("rack", "{p}/f_####.exr", "--depth", "{z}/z_####.exr", "-o", "{z}/z.exr"),
        ("rack", "{p}/f_####.exr", "-o", "{o}/a.mp4", "--blend", "{p}/f_0002.exr"),
        ("rack", "{p}/f_####.exr", "-o", "{o}/a.mp4", "--blend", "{o}/a.mp4"),
        ("depth", "{p}/f_####.exr", "-o", "{p}/f_####.exr"),
        ("depth", "{p}", "-o", "{p}"),
        ("rack", "{p}", "--depth", "{z}", "-o", "{o}/a\\b/c.mp4"),
    ],
)
def test_verbs_refuse_to_write_what_they_read(run, tmp_path, arguments):
    places = {"p": tmp_path / "p", "z": tmp_path / "z", "o": tmp_path / "o"}
    files = [path.rename(path.with_name(f"f_{number:04d}.exr"))
             for number, path in enumerate(stripes.write(places["p"], 3), 1)]  # fmt: skip
    places["z"].mkdir()
    files += [Path(shutil.copy(path, places["z"] / path.name.replace("f_", "z_"))) for path in files]
    before = {path: path.read_bytes() for path in files}
    done = run(*(word.format(**places) for word in arguments))
    assert done.returncode == 2, done.stderr
    assert {path: path.read_bytes() for path in files} == before
    assert sorted(path for folder in places.values() for path in folder.rglob("*")) == sorted(files)


def test_a_blend_that_does_not_fit_leaves_what_was_there(clip, tmp_path, small_disk):
    """The movie has its place, the .blend has not: Blender itself would say that it is saved."""
    edit = small_disk / "edit.blend"
    edit.write_bytes(b"the edit of last week")
    (small_disk / "ballast").write_bytes(b"\0" * 490 * 1024)
    status, told = _end(_start("rack", clip, "-o", tmp_path / "a.mp4", *FAST, "--blend", edit))
    assert status == 1, told
    assert "edit.blend cannot be saved" in told.splitlines()[-1]
    assert edit.read_bytes() == b"the edit of last week"
    assert sorted(path.name for path in small_disk.iterdir()) == ["ballast", "edit.blend"]
