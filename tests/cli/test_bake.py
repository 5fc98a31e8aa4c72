# SPDX-License-Identifier: GPL-3.0-or-later
"""`bake` as a render manager calls it: ranges, many processes, kills, full and read-only disks; and `store`."""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from blender_rackfocus.cli import main

TOP = Path(__file__).resolve().parent.parent.parent
FRAMES = 24
KILLS = 10

MAKE = """
import sys
sys.path[:0] = [{top!r}, {tests!r}]
import bpy, blender_rackfocus, live_shot
from pathlib import Path
bpy.ops.wm.read_factory_settings(use_empty=True)
blender_rackfocus.register()
live_shot.WIDTH, live_shot.HEIGHT = 320, 200
live_shot.noise.__defaults__ = (False, (200, 320))
live_shot.two_depths.__defaults__ = ((200, 320),)
shot = live_shot.Shot(Path({folder!r}))
strip = shot.racked(shot.pictures(frames={frames}), shot.depths(frames={frames})[0])
shot.key(strip, "Focus Distance", {{1: 2.0, {frames}: 10.0}})
strip.rackfocus_depth_path = "//d_0001.exr"
shot.scene.frame_start, shot.scene.frame_end = 1, {frames}
bpy.ops.wm.save_as_mainfile(filepath={folder!r} + "/shot.blend", relative_remap=True)
"""


def call(blend, *arguments, cache="off"):
    """The command line as a process of its own, on the copy of the package beside the edit."""
    command = [sys.executable, "-m", "blender_rackfocus", "bake", str(blend), *map(str, arguments)]
    environment = {**os.environ, "RACKFOCUS_CACHE": str(cache), "PYTHONPATH": str(blend.parent.parent / "package")}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process):
    """(exit status, standard output, standard error) of a process."""
    out, err = process.communicate(timeout=240)
    return process.returncode, out, err


@pytest.fixture
def here(capfd, monkeypatch):
    """here(*arguments): the command line in this process: (exit status, standard output, standard error)."""
    monkeypatch.setenv("RACKFOCUS_CACHE", "off")

    def run_here(*arguments):
        status = main(["bake", *map(str, arguments)])
        return status, *capfd.readouterr()

    yield run_here
    from blender_rackfocus.addon.blender import errors

    errors.forget()


def told(out):
    return [json.loads(line) for line in out.splitlines()]


def content(folder):
    """Every file in a folder, hidden ones too, with its bytes."""
    return {path.name: path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def blend(tmp_path_factory):
    """A saved edit of 24 frames with a rack in it; beside it the package, which may be edited while tests run."""
    top = tmp_path_factory.mktemp("bake")
    shutil.copytree(TOP / "blender_rackfocus", top / "package" / "blender_rackfocus")
    shutil.copy(TOP / "blender_manifest.toml", top / "package")
    folder = top / "edit"
    folder.mkdir()
    script = MAKE.format(top=str(TOP), tests=str(TOP / "tests" / "addon"), folder=str(folder), frames=FRAMES)
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, timeout=120)
    return folder / "shot.blend"


@pytest.fixture(scope="module")
def undisturbed(blend):
    """What one bake in peace writes, into the scene's own folder; and its JSON lines."""
    status, out, err = finish(call(blend, "--json"))
    assert status == 0, err
    return content(blend.parent / "rackfocus_bake"), told(out)


def test_a_line_for_every_frame_and_one_for_the_whole(undisturbed):
    files, lines = undisturbed
    assert len(files) == FRAMES
    assert [line["frame"] for line in lines[:-1]] == list(range(1, FRAMES + 1))
    assert {line["state"] for line in lines[:-1]} == {"baked"}
    assert lines[-1] == {"done": True, "baked": FRAMES, "kept": 0, "hidden": 0, "failed": 0}
    assert all(Path(line["file"]).is_file() for line in lines[:-1])


def test_a_second_run_does_nothing_and_the_blend_is_not_changed(blend, undisturbed):
    before = blend.read_bytes()
    status, out, _ = finish(call(blend, "--json"))
    assert (status, told(out)[-1]["kept"]) == (0, FRAMES)
    assert blend.read_bytes() == before
    assert content(blend.parent / "rackfocus_bake") == undisturbed[0]


def test_threads_and_ranges_do_not_change_a_byte(blend, undisturbed, tmp_path):
    for frames, threads in (("13-24,7", 1), ("1-12", 2)):
        status, out, err = finish(call(blend, "--frames", frames, "--threads", threads, "--folder", tmp_path, "--json"))
        assert status == 0, err
    assert told(out)[-1]["kept"] == 1
    assert content(tmp_path) == undisturbed[0]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_killed_ten_times_it_ends_like_an_undisturbed_bake(blend, undisturbed, tmp_path):
    """Each kill comes at a random moment while frames are being made and written; the store is in use as well."""
    chance = random.Random(7)
    bake, cache, killed = tmp_path / "bake", tmp_path / "cache", 0
    for _ in range(KILLS):
        process = call(blend, "--folder", bake, "--json", "--afresh", cache=cache)
        process.stdout.readline()
        time.sleep(chance.random() * 0.15)
        process.kill()
        killed += finish(process)[0] == -signal.SIGKILL
    assert killed == KILLS
    (next(cache.iterdir()) / "half.rftemp").write_bytes(b"half")  # as a kill while the store writes leaves it
    status, _, err = finish(call(blend, "--folder", bake, cache=cache))
    assert status == 0, err
    assert content(bake) == undisturbed[0]
    assert not [path for path in cache.rglob("*") if path.is_file() and path.suffix != ".rfentry"]


def test_four_at_once_share_the_work(blend, undisturbed, tmp_path):
    """Without a store, so that a frame made twice would be told as baked twice."""
    processes = [call(blend, "--folder", tmp_path, "--json", "--threads", 1) for _ in range(4)]
    ended = [finish(process) for process in processes]
    assert [status for status, _, _ in ended] == [0] * 4
    baked = [line["frame"] for _, out, _ in ended for line in told(out)[:-1] if line["state"] == "baked"]
    assert sorted(baked) == list(range(1, FRAMES + 1))
    assert content(tmp_path) == undisturbed[0]


def test_stopped_politely_it_leaves_no_half_frame(blend, undisturbed, tmp_path):
    process = call(blend, "--folder", tmp_path, "--json")
    process.stdout.readline()
    process.terminate()
    status, _, err = finish(process)
    assert status == 130
    assert "Traceback" not in err
    left = content(tmp_path)
    assert left
    assert left.items() <= undisturbed[0].items()


def test_a_broken_frame_fails_the_task_and_not_the_others(here, blend, tmp_path):
    shutil.copytree(blend.parent, tmp_path / "edit", ignore=shutil.ignore_patterns("rackfocus_bake"))
    os.truncate(tmp_path / "edit" / "d_0004.exr", 300)
    status, out, err = here(tmp_path / "edit" / "shot.blend", "--frames", "3-5", "--json")
    lines = told(out)
    assert status == 1
    assert [line["state"] for line in lines[:-1]] == ["baked", "failed", "baked"]
    assert "d_0004.exr" in lines[1]["error"]
    assert "frame 4" in err
    assert len(content(tmp_path / "edit" / "rackfocus_bake")) == 2
    for there in (True, False):  # a folder into which nothing came goes again only if it was made for it
        scene_folder = tmp_path / str(there) / "shot"
        folder = scene_folder / Path(lines[0]["file"]).parent.name
        assert not there or folder.mkdir(parents=True) is None
        status, _, _ = here(tmp_path / "edit" / "shot.blend", "--frames", "4", "--folder", tmp_path / str(there))
        assert status == 1
        assert scene_folder.exists()
        assert folder.exists() == there


@contextlib.contextmanager
def disk(folder, options):
    """A small disk of its own; skips where this user may not mount one."""
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip("no disks can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


needs_mount = pytest.mark.skipif(shutil.which("mount") is None or os.name == "nt", reason="no mount here")


@needs_mount
def test_a_disk_too_small_is_refused_before_the_first_frame(here, blend, tmp_path):
    with disk(tmp_path / "small", "size=2m") as small:
        status, out, err = here(blend, "--folder", small, "--json")
        assert (status, out) == (1, "")
        assert "cannot hold the bake: 24 frames need up to 13.9 MB" in err
        assert content(small) == {}


@needs_mount
def test_a_disk_that_fills_up_on_the_way_leaves_whole_frames_only(blend, undisturbed, tmp_path):
    """Room for all when the bake begins; something else takes it meanwhile."""
    with disk(tmp_path / "small", "size=16m") as small:
        process = call(blend, "--folder", small, "--json")
        process.stdout.readline()
        with contextlib.suppress(OSError), open(small / "else", "wb", buffering=0) as hog:
            while True:
                hog.write(bytes(1 << 16))
        status, _, err = finish(process)
        assert status == 1
        assert "No space left on device" in err
        assert "Traceback" not in err
        left = content(small)
        left.pop("else")
        assert left.items() < undisturbed[0].items()
        (small / "else").unlink()
        assert finish(call(blend, "--folder", small))[0] == 0
        assert content(small) == undisturbed[0]


def test_a_limit_on_the_size_of_files_is_told(blend, tmp_path):
    folder = tmp_path / "baked"
    limit = ["bash", "-c", 'ulimit -f 8; exec "$@"', "-"]
    command = [*limit, sys.executable, "-m", "blender_rackfocus", "bake", str(blend), "--folder", str(folder)]
    environment = {**os.environ, "RACKFOCUS_CACHE": "off"}
    ran = subprocess.run(command, cwd=TOP, env=environment, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 1
    assert "lift the limit on the size of files" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not [path for path in folder.rglob("*") if path.is_file()]


@needs_mount
def test_a_read_only_disk_is_told(here, blend, tmp_path):
    with disk(tmp_path / "fixed", "size=16m") as fixed:
        subprocess.run(["mount", "-o", "remount,ro", fixed], check=True)
        status, _, err = here(blend, "--folder", fixed)
        assert status == 1
        assert "Read-only file system" in err
        assert "Traceback" not in err


@pytest.mark.usefixtures("undisturbed")
def test_link_makes_the_file_read_its_bake(blend):
    target = blend.parent / "linked.blend"
    status, out, err = finish(call(blend, "--link", "--save", target))
    assert (status, out.strip()) == (0, str(target)), err
    import bpy

    bpy.ops.wm.open_mainfile(filepath=str(target))
    (path,) = (image.filepath for image in bpy.data.images if image.source == "SEQUENCE")
    assert path.startswith("//rackfocus_bake/shot/Scene-A-")


def test_link_refuses_a_bake_with_holes(here, blend, tmp_path):
    assert here(blend, "--frames", "1-20", "--folder", tmp_path)[0] == 0
    status, _, err = here(blend, "--link", "--folder", tmp_path, "--save", tmp_path / "no.blend")
    assert status == 1
    assert "20 fresh, 4 not baked" in err
    assert not (tmp_path / "no.blend").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["none.blend"], "there is no such file"),
        (["{blend}", "--frames", "9-3"], "ends before it begins"),
        (["{blend}", "--frames", "x"], "not a range"),
        (["{blend}", "--strip", "B"], 'has no strip "B"'),
        (["{blend}", "--scene", "B"], "no scene"),
        (["{blend}", "--threads", "0"], "not a number of threads"),
        (["{blend}", "--save", "x.blend"], "--save goes with --link"),
    ],
)
def test_mistakes_are_one_line_and_status_2(here, blend, arguments, says):
    status, out, err = here(*(word.format(blend=blend) for word in arguments))
    assert (status, out) == (2, "")
    assert says in err
    assert len([line for line in err.splitlines() if line]) == 1


def test_frames_the_strip_does_not_have_are_no_error(here, blend, tmp_path):
    status, out, err = here(blend, "--frames", "100-110", "--folder", tmp_path, "--json")
    assert (status, told(out)) == (0, [{"done": True, "baked": 0, "kept": 0, "hidden": 0, "failed": 0}])
    assert "nothing to bake" in err


def test_the_store_is_looked_at_verified_and_cleared(run, blend, tmp_path):
    assert finish(call(blend, "--frames", "1-3", "--folder", tmp_path / "bake", cache=tmp_path / "store"))[0] == 0
    again = call(blend, "--frames", "1-3", "--folder", tmp_path / "two", cache=tmp_path / "store")
    assert (finish(again)[0], content(tmp_path / "two")) == (0, content(tmp_path / "bake"))
    folder = ["--folder", tmp_path / "store", "--json"]
    looked = [json.loads(line) for line in run("store", "look", *folder).stdout.splitlines()]
    assert [line["picture"] for line in looked[:-1]] != []
    assert looked[-1]["kept"] == 3
    victim = next((tmp_path / "store").rglob("*.rfentry"))
    os.truncate(victim, 500)
    verified = run("store", "verify", *folder)
    assert (verified.returncode, json.loads(verified.stdout)["damaged"]) == (1, 1)
    assert json.loads(run("store", "clear", *folder).stdout)["removed"] == 2
    assert content(tmp_path / "store") == {}
