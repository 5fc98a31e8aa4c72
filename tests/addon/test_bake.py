# SPDX-License-Identifier: GPL-3.0-or-later
"""Baked strips show the live pixels, with and without the extension, and never a frame that is no longer right."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import bpy
import numpy as np
import pytest
from live_shot import FAR_M, NEAR_M, difference

from blender_rackfocus.addon.blender import curves, errors
from blender_rackfocus.addon.delivery.bake import Bake
from blender_rackfocus.addon.delivery.strips import Strips
from blender_rackfocus.addon.sequencer import baked_strips, frames, show
from blender_rackfocus.addon.shot import group, modifier, pixels
from blender_rackfocus.estimate.files import write_depth
from blender_rackfocus.estimate.provenance import Provenance
from blender_rackfocus.frame import notes as frame_notes
from blender_rackfocus.media import baked
from blender_rackfocus.media.locks import Claims

FRAMES = range(1, 5)


@pytest.fixture
def made(monkeypatch):
    """The jobs that were really computed or asked for."""
    asked = []
    make = frames.make
    monkeypatch.setattr(frames, "make", lambda job: (asked.append(job), make(job))[1])
    return asked


@pytest.fixture
def racked(shot):
    """A keyframed rack over four frames in a saved file, and its live render."""
    strip = shot.racked(shot.pictures(), shot.depths()[0])
    shot.key(strip, "Focus Distance", {1: NEAR_M, 4: FAR_M})
    bpy.ops.wm.save_as_mainfile(filepath=str(shot.folder / "shot.blend"))
    _, shot.live = shot.animation("live", 1, 4)
    return shot


def the_strip(shot):
    return shot.scene.sequence_editor.strips["A"]


def bake_strip(shot, kind="EXR", which=FRAMES):
    """Bake and attach as the operator does; the states of the frames."""
    scene, strip = shot.scene, the_strip(shot)
    place = baked_strips.default_place(scene, strip, kind=kind)
    with Bake(Strips(scene), {"A": place}, which) as under_way:
        states = [outcome.state for outcome in under_way]
    baked_strips.attach(strip, place)
    return states


def place(shot):
    return baked_strips.place_of(modifier.find(the_strip(shot)))


def look(shot, which=FRAMES):
    return Strips(shot.scene).look("A", which, place(shot))


def without_extension(shot, name):
    """Save, and render what the file shows where the extension is not."""
    import blender_rackfocus

    path = str(shot.folder / f"{name}.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    blender_rackfocus.unregister()
    try:
        bpy.ops.wm.open_mainfile(filepath=path)
        return shot.animation(name, 1, 4)[1]
    finally:
        blender_rackfocus.register()


def assert_same(one, other, tolerance=0):
    assert one.keys() == other.keys()
    for frame, picture in one.items():
        assert difference(picture, other[frame]) <= tolerance


@pytest.mark.parametrize(("kind", "tolerance"), [("EXR", 0), ("PNG", 1)])
def test_baked_pixels_are_the_live_ones_also_without_the_extension(racked, made, kind, tolerance):
    assert bake_strip(racked, kind) == ["baked"] * 4
    made.clear()
    assert_same(racked.live, racked.animation("baked", 1, 4)[1], tolerance)
    assert made == []
    assert_same(racked.live, without_extension(racked, "without"), tolerance)


def test_alpha_survives_the_bake(shot):
    strip = shot.racked(shot.pictures(alpha=True), shot.depths()[0])
    shot.key(strip, "Focus Distance", {1: NEAR_M, 4: FAR_M})
    _, live = shot.animation("live", 1, 4)
    bake_strip(shot)
    assert_same(live, shot.animation("baked", 1, 4)[1])
    assert live[1][..., 3].std() > 10


def test_a_second_bake_does_nothing_and_writes_nothing(racked):
    bake_strip(racked)
    before = {path: path.stat().st_mtime_ns for path in Path(place(racked).folder).iterdir()}
    assert bake_strip(racked) == ["kept"] * 4
    assert {path: path.stat().st_mtime_ns for path in Path(place(racked).folder).iterdir()} == before
    assert sorted(path.name for path in before) == [f"0{number}.exr" for number in range(10001, 10005)]


def test_a_changed_input_is_named_shown_live_and_baked_again_where_it_matters(racked, made):
    bake_strip(racked)
    racked.set(the_strip(racked), **{"F-Stop": 2.8})
    summary = look(racked)
    assert (summary.fresh, summary.stale) == (0, 4)
    assert summary.reasons == {"F-Stop was 1.4, is 2.8": 4}
    assert not summary.all_fresh
    made.clear()
    _, stale = racked.animation("stale", 1, 4)
    assert len(made) == 4
    baked_strips.detach(the_strip(racked))
    assert_same(racked.animation("live2", 1, 4)[1], stale)
    assert bake_strip(racked) == ["baked"] * 4
    assert look(racked).all_fresh


def test_one_key_moved_makes_only_its_frames_stale(racked):
    _hold_keys(racked.scene)
    bake_strip(racked)
    racked.key(the_strip(racked), "F-Stop", {1: 1.4, 4: 8.0})
    _hold_keys(racked.scene)
    racked.scene.frame_set(1)  # what was typed last counts until Blender evaluates the keys
    assert (look(racked).fresh, look(racked).stale) == (3, 1)
    assert bake_strip(racked) == ["kept", "kept", "kept", "baked"]


def test_a_changed_file_is_named_and_a_touched_one_is_not(racked):
    bake_strip(racked)
    depth = racked.folder / "d_0003.exr"
    os.utime(depth, (1, 1))
    assert look(racked).all_fresh
    shutil.copy(racked.folder / "p_0001.png", racked.folder / "p_0002.png")
    summary = look(racked)
    assert summary.reasons == {"file changed: p_0002.png": 1}
    assert summary.first == {"file changed: p_0002.png": 2}


def test_a_moved_and_trimmed_and_split_strip_keeps_its_bake(racked, made):
    bake_strip(racked)
    strip = the_strip(racked)
    strip.content_start = 21
    show.edited()
    strip.left_handle = 22
    strip.split(frame=23, split_method="SOFT")
    show.edited()
    made.clear()
    _, moved = racked.animation("moved", 22, 24)
    assert made == []
    for frame, picture in moved.items():
        assert difference(picture, racked.live[frame - 20]) == 0


def test_a_moved_strip_without_its_keys_is_stale_and_rendered_right(racked, made):
    """Keys stay behind where a strip is moved by other means than the sequencer's: other focus, other pixels."""
    strip = the_strip(racked)
    bake_strip(racked)
    racked.scene.animation_data_clear()
    racked.set(strip, **{"Focus Distance": FAR_M})
    assert look(racked).stale == 3
    made.clear()
    _, shown = racked.animation("shown", 1, 4)
    assert len(made) == 3
    assert difference(shown[4], racked.live[4]) == 0
    assert difference(shown[1], racked.live[1]) > 20


def test_a_retimed_strip_is_stale_and_rendered_right(racked):
    bake_strip(racked)
    strip = the_strip(racked)
    strip.use_reverse_frames = True
    assert look(racked).stale == 4
    _, shown = racked.animation("reversed", 1, 4)
    baked_strips.detach(strip)
    assert_same(racked.animation("live2", 1, 4)[1], shown)


def test_nothing_to_do_is_baked_as_nothing(racked):
    strip = the_strip(racked)
    racked.key(strip, "Mix", {1: 1.0, 2: 0.0, 3: 1.0})
    _hold_keys(racked.scene)
    _, live = racked.animation("mixed", 1, 4)
    assert bake_strip(racked) == ["baked"] * 4
    assert look(racked).all_fresh
    assert_same(live, racked.animation("baked", 1, 4)[1])
    assert_same(live, without_extension(racked, "without"))


def _hold_keys(scene):
    for curve in curves.of_action(scene):
        for point in curve.keyframe_points:
            point.interpolation = "CONSTANT"


def test_switching_off_and_mute_show_the_strips_own_picture(racked):
    bake_strip(racked)
    racked.set(the_strip(racked), Mix=0.0)
    off = racked.still(2)
    the_strip(racked).modifiers.remove(modifier.find(the_strip(racked)))
    assert difference(off, racked.still(2)) <= 1


def test_a_machine_with_the_bake_but_not_the_depth_shows_it_and_says_so(racked, capfd):
    bake_strip(racked)
    for path in racked.folder.glob("d_*.exr"):
        path.unlink()
    outcome, shown = racked.animation("farm", 1, 4)
    assert outcome == {"FINISHED"}
    assert_same(racked.live, shown)
    assert "unchecked" in capfd.readouterr().err
    assert look(racked).unsure == 4


def test_a_stale_frame_whose_depth_is_missing_ends_the_render(racked):
    bake_strip(racked)
    racked.set(the_strip(racked), **{"F-Stop": 4.0})
    (racked.folder / "d_0003.exr").unlink()
    outcome, written = racked.animation("farm", 1, 4)
    assert outcome == {"CANCELLED"}
    assert sorted(written) == [1, 2]
    assert "frame 3" in errors.failures()[0]


def harmed(whole: bytes, harm: str) -> bytes:
    """A file's bytes as trouble leaves them."""
    place = {"in the head": 350, "in the picture": len(whole) // 2, "in the notes": -40}.get(harm)
    if harm == "cut":
        return whole[:-1]
    if harm == "cut in half":
        return whole[: len(whole) // 2]
    if harm == "emptied":
        return b""
    if harm == "zeros":
        return whole[:3000] + b"\0" * 2048 + whole[5048:]
    if harm == "zeros at the end":
        return whole[:-2048] + b"\0" * 2048
    one = bytes([whole[place] ^ 1])
    return whole[:place] + one + whole[place + 1 :]


HARMS = ("cut", "cut in half", "emptied", "zeros", "zeros at the end", "in the head", "in the picture", "in the notes")


@pytest.mark.parametrize("harm", HARMS)
@pytest.mark.parametrize("kind", ["EXR", "PNG"])
def test_a_harmed_baked_frame_is_not_shown_and_is_made_again(racked, harm, kind):
    bake_strip(racked, kind)
    path = Path(place(racked).file(10002))
    whole = path.read_bytes()
    times = path.stat()
    path.write_bytes(harmed(whole, harm))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # as a copy does that keeps times
    assert look(racked).missing == 1
    shown = racked.animation("harmed", 1, 4)[1]
    assert difference(shown[2], racked.live[2]) == 0
    assert bake_strip(racked, kind) == ["kept", "baked", "kept", "kept"]
    assert path.read_bytes() == whole


def test_a_frame_that_is_gone_is_made_live_and_again(racked):
    bake_strip(racked)
    path = Path(place(racked).file(10002))
    whole = path.read_bytes()
    path.unlink()
    assert look(racked).missing == 1
    assert_same(racked.live, racked.animation("harmed", 1, 4)[1])
    assert bake_strip(racked) == ["kept", "baked", "kept", "kept"]
    assert path.read_bytes() == whole


@pytest.mark.parametrize("foreign", ["file", "link to a file", "link to nothing", "folder", "depth of ours"])
def test_a_bake_replaces_nothing_but_frames_of_ours(racked, foreign):
    where = baked_strips.default_place(racked.scene, the_strip(racked))
    path, elsewhere = Path(where.file(10002)), racked.folder / "elsewhere.exr"
    path.parent.mkdir(parents=True)
    if foreign == "file":
        shutil.copy(racked.folder / "d_0001.exr", path)
    elif foreign == "link to a file":
        shutil.copy(racked.folder / "d_0001.exr", elsewhere)
        path.symlink_to(elsewhere)
    elif foreign == "link to nothing":
        path.symlink_to(elsewhere)
    elif foreign == "folder":
        path.mkdir()
    else:
        write_depth(path, np.ones((4, 4), np.float32), Provenance("CARDS", "by hand", metric=True))
    before = [path.is_symlink(), *(each.is_file() and each.read_bytes() for each in (path, elsewhere))]
    with pytest.raises(errors.FrameError, match=r"frame 2, .*010002.exr: .*is not replaced"):
        bake_strip(racked)
    assert [path.is_symlink(), *(each.is_file() and each.read_bytes() for each in (path, elsewhere))] == before
    assert Path(where.file(10001)).is_file()


def test_a_link_to_a_frame_of_ours_is_replaced_and_what_it_led_to_stays(racked):
    bake_strip(racked)
    path, elsewhere = Path(place(racked).file(10002)), racked.folder / "elsewhere.exr"
    whole = path.read_bytes()
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    assert bake_strip(racked) == ["kept"] * 4
    racked.set(the_strip(racked), **{"F-Stop": 4.0})
    assert bake_strip(racked) == ["baked"] * 4
    assert elsewhere.read_bytes() == whole
    assert path.read_bytes() != whole


def test_a_strip_in_a_scene_shown_by_another_is_right_too(racked):
    outer = bpy.data.scenes.new("Outer")
    racked.set_up(outer)
    inner = racked.scene
    strip = outer.sequence_editor.strips.new_scene("S", inner, 1, 11)
    strip.scene_input = "SEQUENCER"
    live = {frame: racked.still(frame, outer) for frame in (11, 12, 14)}
    bake_strip(racked)
    inner.frame_set(1)
    assert baked_strips.shown_inside(inner) == ["S (Outer)"]
    frames.forget()
    for frame, picture in live.items():
        assert difference(racked.still(frame, outer), picture) == 0
    assert difference(live[11], live[14]) > 20


def test_unbake_goes_back_to_live_and_leaves_no_image_behind(racked):
    bake_strip(racked)
    assert bpy.ops.rackfocus.unbake(strip_name="A", delete_files=True) == {"FINISHED"}
    assert place(racked) is None
    assert not [image for image in bpy.data.images if group.BAKED_MARK in image]
    assert not (racked.folder / "rackfocus_bake" / "shot").is_dir() or not list(
        (racked.folder / "rackfocus_bake" / "shot").iterdir()
    )
    assert_same(racked.live, racked.animation("again", 1, 4)[1])


def test_the_operators_bake_check_and_read_frames_made_elsewhere(racked, made):
    racked.scene.frame_set(3)
    assert bpy.ops.rackfocus.bake(strip_name="A") == {"FINISHED"}
    assert racked.scene.frame_current == 3
    assert bpy.ops.rackfocus.bake_check(strip_name="A") == {"FINISHED"}
    assert_same(racked.live, racked.animation("baked", 1, 4)[1])
    bpy.ops.rackfocus.unbake(strip_name="A")
    made.clear()
    assert bpy.ops.rackfocus.bake_use(strip_name="A") == {"FINISHED"}
    assert_same(racked.live, racked.animation("used", 1, 4)[1])
    assert made == []


def test_an_unsaved_file_bakes_too(shot, tmp_path, monkeypatch):
    monkeypatch.setattr("blender_rackfocus.addon.blender.cache.user_folder", lambda: str(tmp_path / "user"))
    strip = shot.racked(shot.pictures(), shot.depths()[0])
    assert bpy.data.filepath == ""
    _, live = shot.animation("live", 1, 4)
    assert bpy.ops.rackfocus.bake(strip_name=strip.name) == {"FINISHED"}
    assert place(shot).folder.startswith(str(tmp_path / "user"))
    assert_same(live, shot.animation("baked", 1, 4)[1])


def test_a_folder_moved_with_its_blend_keeps_its_bake(racked, tmp_path):
    bake_strip(racked)
    bpy.ops.wm.save_mainfile()
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(racked.folder, elsewhere, ignore=lambda folder, names: ["elsewhere"])
    bpy.ops.wm.open_mainfile(filepath=str(elsewhere / "shot.blend"))
    assert place(racked).folder.startswith(str(elsewhere))
    assert look(racked).all_fresh
    assert_same(racked.live, racked.animation("moved", 1, 4)[1])


def test_a_disk_that_cannot_hold_it_is_refused_before_anything_is_written(racked, monkeypatch):
    usage = shutil.disk_usage(racked.folder)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=100_000))
    with pytest.raises(RuntimeError, match="cannot hold the bake: 4 frames need up to 360"):
        bpy.ops.rackfocus.bake(strip_name="A")
    assert not (racked.folder / "rackfocus_bake").exists()


def test_the_estimate_is_never_less_than_the_bake(racked):
    strip = the_strip(racked)
    where = baked_strips.default_place(racked.scene, strip)
    told = Strips(racked.scene).disk_need("A", FRAMES, where)
    bake_strip(racked)
    written = sum(path.stat().st_size for path in Path(where.folder).iterdir())
    assert told.frames == 4
    assert written <= told.bytes_needed
    assert Strips(racked.scene).disk_need("A", FRAMES, where).bytes_needed == 0


def test_a_folder_that_cannot_be_written_is_told_and_blender_lives_on(racked):
    (racked.folder / "file").write_bytes(b"")
    racked.scene.rackfocus_bake_folder = str(racked.folder / "file")
    with pytest.raises(RuntimeError, match=r'strip "A", frame 1.*cannot be written'):
        bpy.ops.rackfocus.bake(strip_name="A")
    assert place(racked) is None
    assert_same(racked.live, racked.animation("after", 1, 4)[1])


def test_a_frame_that_another_process_works_on_is_left_to_it(racked, monkeypatch):
    where = baked_strips.default_place(racked.scene, the_strip(racked))
    take = Claims.take
    monkeypatch.setattr(Claims, "take", lambda claims, number: number != 10003 and take(claims, number))
    with Bake(Strips(racked.scene), {"A": where}, FRAMES, wait=False) as under_way:
        assert [made.state for made in under_way] == ["baked", "baked", "busy", "baked"]


def test_light_above_white_is_kept_by_exr_and_told_of_png(shot):
    from live_shot import two_depths, write_exr

    bright = np.full((48, 64), 40.0, np.float32)
    bright[::3] = 0.1
    paths = [write_exr(shot.folder / "h_0001.exr", dict.fromkeys("RGB", bright) | {"Z": two_depths()})]
    strip = shot.racked(paths, "")
    where = {kind: baked_strips.default_place(shot.scene, strip, kind=kind) for kind in ("EXR", "PNG")}
    for kind, clipped in (("EXR", False), ("PNG", True)):
        with Bake(Strips(shot.scene), {"A": where[kind]}, [1]) as under_way:
            assert [outcome.clipped for outcome in under_way] == [clipped]
    picture, counts = baked.read(where["EXR"].file(10001))
    assert picture[counts].max() > 5


def test_settled_pixels_do_not_hide_the_bake(racked):
    bake_strip(racked)
    racked.set(the_strip(racked), **{"F-Stop": 2.8})
    racked.still(2)
    pixels.settle()
    racked.set(the_strip(racked), **{"F-Stop": 1.4})
    assert difference(racked.still(2), racked.live[2]) == 0


def test_strips_of_one_name_in_linked_scenes_of_one_name_have_folders_of_their_own(racked):
    own = baked_strips.default_place(racked.scene, the_strip(racked)).folder
    assert own.endswith(frame_notes.short_hash(racked.scene.name, the_strip(racked).name))  # as it always was
    for folder in ("a", "b"):
        (racked.folder / folder).mkdir()
        bpy.ops.wm.save_as_mainfile(filepath=str(racked.folder / folder / "shots.blend"), copy=True)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(racked.folder / "film.blend"))
    found = []
    for folder in ("a", "b"):
        with bpy.data.libraries.load(str(racked.folder / folder / "shots.blend"), link=True) as (there, wanted):
            wanted.scenes = there.scenes[:1]
        linked = wanted.scenes[0]
        found.append(baked_strips.default_place(linked, linked.sequence_editor.strips[0]).folder)
    assert len({own, *found}) == 3


def undone():
    bpy.ops.ed.undo_push(message="something")
    bpy.ops.ed.undo()


def test_a_bake_goes_on_after_an_undo(racked):
    place = baked_strips.default_place(racked.scene, the_strip(racked))
    bpy.ops.ed.undo_push(message="before")
    with Bake(Strips(racked.scene), {"A": place}, FRAMES) as under_way:
        outcomes = iter(under_way)
        states = [next(outcomes).state]
        undone()
        states += [outcome.state for outcome in outcomes]
    assert states == ["baked"] * len(FRAMES)


def test_a_bake_whose_scene_goes_says_so_and_leaves(racked):
    place = baked_strips.default_place(racked.scene, the_strip(racked))
    under_way = Bake(Strips(racked.scene), {"A": place}, FRAMES)
    outcomes = iter(under_way)
    assert next(outcomes).state == "baked"
    bpy.ops.wm.read_homefile(use_empty=True)
    with pytest.raises(errors.FrameError, match="the scene is gone"):
        next(outcomes)
    under_way.close()
    assert not [name for name in os.listdir(place.folder) if name.endswith(".lock")]
