# SPDX-License-Identifier: GPL-3.0-or-later
"""A frame that cannot be made: one clear message, nothing wrong on disk, and a process that fails."""

from __future__ import annotations

import os
import subprocess
import sys
import types
from pathlib import Path

import cv2
import numpy as np
import pytest
from live_shot import NEAR_M, Shot, near, two_depths, write_exr

from blender_rackfocus.addon.blender import dna, errors
from blender_rackfocus.addon.sequencer import show
from blender_rackfocus.addon.shot import group, modifier, pixels
from blender_rackfocus.media import MediaError

ROOT = Path(__file__).resolve().parents[2]

SCRIPT = """
import sys
import types
sys.path[:0] = [{root!r}, {tests!r}]
import bpy, blender_rackfocus
bpy.ops.wm.read_factory_settings(use_empty=True)
blender_rackfocus.register()
from pathlib import Path
from live_shot import Shot
shot = Shot(Path({folder!r}))
shot.racked({paths!r}, {depth!r})
scene = bpy.context.scene
scene.frame_end = {frames}
scene.render.filepath = {out!r}
{how}
"""


def run(shot: Shot, paths: list[str], depth: str, how: str, out: str) -> subprocess.CompletedProcess:
    """A script of its own, as a user would run it on the bpy module."""
    script = SCRIPT.format(
        root=str(ROOT),
        tests=str(Path(__file__).parent),
        folder=str(shot.folder),
        paths=paths,
        depth=depth,
        frames=len(paths),
        out=out,
        how=how,
    )
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)


def break_file(path: str) -> None:
    """Cut a file to a third, as an interrupted copy does."""
    os.truncate(path, os.path.getsize(path) // 3)


def test_a_broken_depth_in_the_middle_ends_the_render_before_it(shot):
    paths, depths = shot.pictures(), shot.depths()
    shot.racked(paths, depths[0])
    break_file(depths[2])
    outcome, written = shot.animation("out", 1, 4)
    assert outcome == {"CANCELLED"}
    assert sorted(written) == [1, 2]
    (message,) = errors.failures()
    assert '"A"' in message
    assert "frame 3" in message
    assert depths[2] in message


def test_a_broken_picture_ends_the_render_too(shot):
    paths = [
        write_exr(shot.folder / f"m_{f:04d}.exr", dict.fromkeys("RGB", two_depths()) | {"Z": two_depths()})
        for f in range(1, 5)
    ]
    shot.racked(paths, "")
    break_file(paths[2])
    outcome, written = shot.animation("out", 1, 4)
    assert outcome == {"CANCELLED"}
    assert sorted(written) == [1, 2]
    assert paths[2] in errors.failures()[0]


def test_a_still_of_a_broken_frame_is_not_written(shot):
    paths, depths = shot.pictures(), shot.depths()
    shot.racked(paths, depths[0])
    os.remove(depths[1])
    shot.scene.frame_set(2)
    shot.scene.render.filepath = str(shot.folder / "still.png")
    import bpy

    assert bpy.ops.render.render(write_still=True) == {"CANCELLED"}
    assert not (shot.folder / "still.png").exists()
    assert "frame 2" in errors.failures()[0]


def test_a_repaired_frame_is_forgiven(shot):
    paths, depths = shot.pictures(), shot.depths()
    shot.racked(paths, depths[0])
    os.rename(depths[1], depths[1] + ".away")
    shot.animation("out", 1, 4)
    assert errors.failures()
    os.rename(depths[1] + ".away", depths[1])
    outcome, written = shot.animation("again", 1, 4)
    assert outcome == {"FINISHED"}
    assert len(written) == 4
    assert not errors.failures()


def test_a_script_that_renders_a_broken_frame_fails(shot):
    paths, depths = shot.pictures(), shot.depths()
    break_file(depths[2])
    ended = run(shot, paths, depths[0], "bpy.ops.render.render(animation=True)", f"{shot.folder}/out/")
    assert ended.returncode == 1, ended.stderr
    message = [line for line in ended.stderr.splitlines() if "Rack Focus: Error" in line]
    assert len(message) == 1
    assert all(part in message[0] for part in ('"A"', "frame 3", depths[2]))
    assert "Traceback" not in ended.stderr
    assert sorted(p.name for p in (shot.folder / "out").iterdir()) == ["0001.png", "0002.png"]


def test_a_movie_stays_playable_up_to_the_broken_frame(shot):
    paths, depths = shot.pictures(frames=6), shot.depths(frames=6)
    break_file(depths[3])
    how = """
scene.render.image_settings.media_type = 'VIDEO'
scene.render.image_settings.file_format = 'FFMPEG'
scene.render.ffmpeg.format = 'MPEG4'
scene.render.ffmpeg.codec = 'H264'
bpy.ops.render.render(animation=True)
"""
    ended = run(shot, paths, depths[0], how, f"{shot.folder}/out/m.mp4")
    assert ended.returncode == 1, ended.stderr
    (movie,) = (shot.folder / "out").iterdir()
    reader = cv2.VideoCapture(str(movie))
    count = 0
    while reader.read()[0]:
        count += 1
    assert count == 3


def test_a_script_without_errors_ends_well(shot):
    ended = run(shot, shot.pictures(), shot.depths()[0], "bpy.ops.render.render(animation=True)", f"{shot.folder}/out/")
    assert ended.returncode == 0, ended.stderr
    assert len(list((shot.folder / "out").iterdir())) == 4


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("no depth at all", "no depth"),
        ("missing depth frame", "missing"),
        ("depth strip too short", "covers frames"),
        ("another shape", "proportions"),
        ("focus inside the lens", "Focus Distance must be farther"),
        ("modifier before ours", "Tint"),
    ],
)
def test_the_message_says_what_is_wrong(shot, wrong, says):
    paths = shot.pictures()
    depths = shot.depths(frames=4 if wrong == "focus inside the lens" else 3)
    strip = shot.racked(paths, depths[0])
    if wrong == "no depth at all":
        strip.rackfocus_depth_path = ""
    elif wrong == "depth strip too short":
        depth = shot.strip(depths, "D", channel=2)
        depth.mute = True
        modifier.pair(strip, depth)
    elif wrong == "another shape":
        write_exr(Path(depths[0]).with_name("square.exr"), {"Z": two_depths((64, 64))})
        strip.rackfocus_depth_path = str(Path(depths[0]).with_name("square.exr"))
    elif wrong == "focus inside the lens":
        shot.set(strip, **{"Focus Distance": 0.1})
    elif wrong == "modifier before ours":
        strip.modifiers.remove(modifier.find(strip))
        tint = strip.modifiers.new("Tint", "BRIGHT_CONTRAST")
        tint.bright = 10
        modifier.add(strip)
    outcome, written = shot.animation("out", 4, 4)
    assert outcome == {"CANCELLED"}
    assert not written
    (message,) = errors.failures()
    assert says in message
    assert 'strip "A", frame 4' in message


def test_the_window_shows_the_source_and_the_panel_says_why(shot, patient):
    """What the window does on a frame change, called directly: drafts, and no stop."""
    paths, depths = shot.pictures(), shot.depths()
    strip = shot.racked(paths, depths[0], focus_m=NEAR_M)
    break_file(depths[1])
    shot.scene.frame_set(1)
    assert not show.show(shot.scene, final=False)
    image = group.image_of(modifier.find(strip).node_group)
    assert np.asarray(image.pixels).max() > 1
    shot.scene.frame_set(2)
    (problem,) = show.show(shot.scene, final=False)
    assert np.asarray(image.pixels).max() == 0
    assert errors.of(shot.scene.session_uid, "A") == str(problem)
    shot.scene.frame_set(3)
    assert not show.show(shot.scene, final=False)
    assert errors.of(shot.scene.session_uid, "A") == ""


def test_one_strip_at_two_frames_at_once_is_refused(shot):
    """A scene shown twice, a frame apart: its strip has one image, which cannot be right for both."""
    import bpy

    inner = bpy.data.scenes.new("Inner")
    shot.set_up(inner)
    shot.racked(shot.pictures(), shot.depths()[0], scene=inner)
    editor = shot.scene.sequence_editor
    for channel, start in ((1, 1), (2, 2)):
        outer = editor.strips.new_scene(f"S{channel}", inner, channel=channel, frame_start=start)
        outer.scene_input = "SEQUENCER"
        outer.right_handle = start + 4
        outer.blend_type = "ALPHA_OVER"
    outcome, written = shot.animation("out", 1, 2)
    assert outcome == {"CANCELLED"}
    assert sorted(written) == [1]
    assert "two different frames" in errors.failures()[0]


def test_draft_and_final_agree_where_nothing_changes(shot, patient):
    strip = shot.racked(shot.pictures(), shot.depths()[0])
    shot.scene.frame_set(1)
    image = group.image_of(modifier.find(strip).node_group)
    touched = []
    for final in (True, False):
        show.show(shot.scene, final=final)
        assert tuple(image.size) == (64, 48)
        touched.append(np.asarray(image.pixels).reshape(48, 64, 4)[..., 3] > group.TOUCHED_ABOVE)
        pixels.empty(image)
    for mask in touched:
        assert not near(mask).any()
        assert mask[:, 46:].all()


class _Anything:
    """A panel's layout as far as drawing goes: whatever is asked of it is there, and says what it was told."""

    def __init__(self, told: list[str]) -> None:
        self.told = told

    def __getattr__(self, _name: str) -> _Anything:
        return self

    def __call__(self, *_given: object, text: str = "", **_more: object) -> _Anything:
        self.told.append(text)
        return self


@pytest.fixture
def another_layout(monkeypatch):
    """A Blender whose strips are laid out in another way."""
    known = dna._structs()
    renamed = {name: fields for name, fields in known["Sequence"].items() if name != "media_playback_rate"}
    monkeypatch.setattr(dna, "_structs", lambda: known | {"Sequence": renamed})


def test_a_blender_laid_out_otherwise_is_a_frame_that_cannot_be_made(shot, another_layout, capfd):
    paths = shot.pictures()
    for channel, name in enumerate(("A", "B"), 1):
        shot.racked(paths, shot.depths()[0], name, channel=channel)
    outcome, written = shot.animation("out", 1, 2)
    assert (outcome, written) == ({"CANCELLED"}, {})
    told = errors.failures()
    assert [text.partition(":")[0] for text in told] == ['strip "A", frame 1', 'strip "B", frame 1']
    assert all("has no field media_playback_rate in its struct Sequence" in text for text in told)
    assert "Traceback" not in capfd.readouterr().err


def test_scrubbing_editing_and_opening_files_there_says_so_in_the_panel_and_nothing_else(shot, another_layout, capfd):
    import bpy

    strip = shot.racked(shot.pictures(), shot.depths()[0])
    shot.key(strip, "Focus Distance", {1: NEAR_M, 4: 5.0})
    strip.select = True
    shot.scene.sequence_editor.active_strip = strip
    for workspace in bpy.data.workspaces:
        workspace.sequencer_scene = shot.scene
    for frame in (1, 2, 3):
        shot.scene.frame_set(frame)
        (problem,) = show.show(shot.scene, final=False)
        assert (problem.owner, problem.frame) == ("A", frame)
    assert "media_playback_rate" in errors.of(shot.scene.session_uid, "A")
    for handler in (*bpy.app.handlers.depsgraph_update_post, *bpy.app.handlers.load_post):
        if "rackfocus" in handler.__module__:
            handler(shot.scene, None)
    show.show(shot.scene, final=False)
    told: list[str] = []
    drawn = []
    for kind in bpy.types.Panel.__subclasses__():
        if kind.__module__.startswith("blender_rackfocus") and kind.bl_space_type == "SEQUENCE_EDITOR":
            own = {name: value for name, value in vars(kind).items() if not name.startswith("__")}
            panel = types.SimpleNamespace(layout=_Anything(told), **own)
            if not hasattr(kind, "poll") or kind.poll(bpy.context):
                kind.draw(panel, bpy.context)
                drawn.append(kind.__name__)
    assert drawn
    assert "media_playback_rate" in " ".join(told)
    assert "Traceback" not in capfd.readouterr().err


def test_any_trouble_is_told_of_the_frame_that_cannot_be_made_for_it():
    media = MediaError("/d/z_0007.exr", "it is cut off", "Render it again.")
    told = errors.FrameError.of(media, "A", 7, "/d/p_0007.png")
    assert str(told) == 'strip "A", frame 7, /d/z_0007.exr: it is cut off. Render it again.'
    again = errors.FrameError.of(errors.FrameError("no depth", "Z", 3), "A", 7.5, "/d/p.png")
    assert str(again) == 'strip "A", frame 7.5, /d/p.png: no depth'
    of_node = errors.FrameError.of(ValueError("depth_m is 3 x 4"), "N", 7, compositor="S")
    assert str(of_node) == 'node "N" in the compositor of scene "S", frame 7: depth_m is 3 x 4'
    assert str(errors.FrameError("no depth")) == "no depth"
