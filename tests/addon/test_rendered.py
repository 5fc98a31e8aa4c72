# SPDX-License-Identifier: GPL-3.0-or-later
"""What a 3D scene is rendered for besides its picture: what blurred objects hide, and what lies around the frame."""

from __future__ import annotations

import bpy
import cycles_world as world
import numpy as np
import pytest
from comp_shot import CompShot, left_behind, read, set_up

from blender_rackfocus.addon.blender import errors, strips, versions
from blender_rackfocus.addon.blender.errors import FrameError
from blender_rackfocus.addon.blender.runtime import sweep
from blender_rackfocus.addon.blender.session import session
from blender_rackfocus.addon.compositor import node_pixels
from blender_rackfocus.addon.depth import fronts, pass_files, passes, scene_passes, wider
from blender_rackfocus.addon.sequencer import frames, views
from blender_rackfocus.addon.shot import modifier
from blender_rackfocus.addon.ui.panels import rendered as panel
from blender_rackfocus.frame import make as making
from blender_rackfocus.frame import notes as frame_notes

LENS = {"Focal Length": world.FOCAL_MM, "F-Stop": world.F_NUMBER}


@pytest.fixture
def inner(registered, tmp_path, monkeypatch):
    monkeypatch.setenv("RACKFOCUS_CACHE", str(tmp_path / "store"))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    world.build(bpy.context.scene)
    yield bpy.context.scene
    scene_passes.end()
    sweep()
    assert not left_behind()
    assert not [one for one in bpy.data.collections if one.is_runtime_data]
    errors.forget()


class Edit:
    """A timeline that shows the scene, focused on its wall."""

    def __init__(self, inner: bpy.types.Scene) -> None:
        self.inner = inner
        self.outer = bpy.data.scenes.new("Edit")
        bpy.context.window.scene = self.outer
        self.strip = self.outer.sequence_editor_create().strips.new_scene("Shot", inner, channel=1, frame_start=1)
        self.strip.right_handle = 4
        assert bpy.ops.rackfocus.modifier_add(strip_name="Shot", start=False) == {"FINISHED"}
        self.set(**LENS, **{"Focus Distance": world.WALL_M})

    def set(self, **values: float) -> None:
        for name, value in values.items():
            modifier.socket(modifier.find(self.strip), name).value = value

    def job(self, draft: bool = False):
        shown = next(one for one in strips.walk(self.outer, 2) if one.strip == self.strip)
        return frames.job_of(shown, modifier.find(self.strip), draft=draft, at_current_frame=False)

    def picture(self) -> np.ndarray:
        made = frames.make(self.job())
        return made.flat.reshape(made.height, made.width, 4)[::-1]

    @staticmethod
    def renders() -> int:
        return len(scene_passes.rendered())


@pytest.fixture
def edit(inner):
    return Edit(inner)


def card_at(scene, name, distance_m, **where):
    material = bpy.data.materials["Red"]
    return world.card(scene, name, (where.get("x", 0.0), 0.0, -distance_m), (0.1, 0.1), material)


def test_a_strip_is_as_through_cycles_own_lens(edit, tmp_path):
    truth = world.through_cycles_lens(edit.inner, tmp_path)
    before = world.decibels(edit.picture(), truth)
    edit.strip.rackfocus_render_behind = True
    assert world.decibels(edit.picture(), truth) > before + 4


def test_a_node_is_as_through_cycles_own_lens(inner, tmp_path):
    comp = CompShot(tmp_path)
    inner.render.resolution_x, inner.render.resolution_y = world.WIDTH, world.HEIGHT
    truth = world.through_cycles_lens(inner, tmp_path)
    layers, brighter = comp.tree.nodes.new("CompositorNodeRLayers"), comp.tree.nodes.new("CompositorNodeExposure")
    inner.view_layers[0].use_pass_z = True
    one = comp.racked(layers.outputs["Image"], layers.outputs["Depth"], focus_m=world.WALL_M)
    for name, value in LENS.items():
        one.inputs[name].default_value = value
    before = world.decibels(comp.still(1), truth)
    one.rackfocus_render_behind = True
    with_it = comp.still(1)
    assert world.decibels(with_it, truth) > before + 4
    comp.link(layers.outputs["Image"], brighter.inputs["Image"])
    comp.link(brighter.outputs["Image"], one.inputs["Image"])  # the same by way of Blender's compositor
    assert np.abs(comp.still(1) - with_it).max() < 2e-3
    one.rackfocus_overscan = 5.0
    assert comp.still(1) is None
    assert "right to the node" in errors.failures()[0]
    comp.link(layers.outputs["Image"], one.inputs["Image"])
    errors.forget()
    assert np.abs(comp.still(1)[8:-8, 8:-8] - with_it[8:-8, 8:-8]).mean() < 0.01  # the same but for noise


def test_a_nodes_strokes_lie_where_they_were_drawn_in_the_wider_picture_too(inner, tmp_path, monkeypatch):
    comp, given = CompShot(tmp_path), []
    inner.render.resolution_x, inner.render.resolution_y = world.WIDTH, world.HEIGHT
    inner.view_layers[0].use_pass_z = True
    layers = comp.tree.nodes.new("CompositorNodeRLayers")
    one = comp.racked(layers.outputs["Image"], layers.outputs["Depth"], focus_m=world.WALL_M)
    one.rackfocus_overscan = 10.0
    comp.scene.frame_set(1)
    make = node_pixels.make
    monkeypatch.setattr(node_pixels, "make", lambda *told: (given.append(told), make(*told))[1])
    comp.still(1)
    told = {"kind": "NEARER", "points": "[[0.2, 0.3], [0.8, 0.6]]", "factor": 1.5, "edges": False, "radius": 0.1}
    assert bpy.ops.rackfocus.touch(node_name=one.name, **told) == {"FINISHED"}
    comp.still(1)
    plain, (_name, _picture, depth_m, _values, _region, around) = given[0][2], given[1]
    rows, columns = around.margin
    assert (depth_m < 0.7 * plain).mean() > 0.05
    np.testing.assert_allclose(around.wide[1][rows:-rows, columns:-columns], depth_m, rtol=2e-3)


def test_only_what_is_in_front_is_left_out_and_all_else_is_as_it_was(edit):
    inner = edit.inner
    long = world.card(inner, "Long", (0.1, 0.2, -3.0), (0.2, 9.0), bpy.data.materials["Red"])
    long.rotation_euler.x = 1.4  # from a metre to five
    card_at(inner, "Beside", 1.0, x=9.0)
    before = [(one.name, sorted(each.name for each in one.users_collection)) for one in inner.objects]
    edit.strip.rackfocus_render_behind = True
    edit.set(**{"Focus Distance": 4.0})
    job = edit.job()
    behind = frames.behind(job)
    picture, depth_m = frames.sources(job)
    hidden_depth_m = behind.depth_m
    assert (hidden_depth_m[behind.known > 0] > depth_m[behind.known > 0]).all()
    same = behind.known == 0
    assert np.allclose(hidden_depth_m[same], depth_m[same], rtol=1e-4)
    on_bar, on_long = np.abs(depth_m - world.BAR_M) < 1e-3, (depth_m > 1.1) & (depth_m < 5.5)
    assert on_bar.any()
    assert on_long.any()
    assert (behind.known[on_bar] == 1).all()
    assert (behind.known[on_long] == 0).all()
    assert picture.shape[:2] == behind.known.shape
    scene_passes.end()
    sweep()
    assert before == [(one.name, sorted(each.name for each in one.users_collection)) for one in inner.objects]
    assert all(one.visible_camera for one in inner.objects)


def test_shadows_of_what_is_left_out_stay(edit):
    sun = bpy.data.objects.new("Sun", bpy.data.lights.new("Sun", "SUN"))
    sun.rotation_euler = (0.0, 0.35, 0.0)  # from behind the camera, aslant
    edit.inner.collection.objects.link(sun)
    wall = bpy.data.objects["Wall"]
    wall.data.materials[0] = bpy.data.materials.new("Lit")
    edit.strip.rackfocus_render_behind = True
    job = edit.job()
    behind, (picture, _) = frames.behind(job), frames.sources(job)
    open_ = behind.known == 0
    shadow = picture[..., 1] < 0.5 * np.median(picture[..., 1][open_])
    assert shadow[open_].any()
    assert np.abs(behind.picture[open_] - picture[open_]).mean() < 0.02 * picture[open_].mean()


def test_another_focus_renders_only_what_is_not_kept(edit):
    edit.strip.rackfocus_render_behind = True
    edit.outer.frame_set(2)
    edit.picture()
    assert edit.renders() == 2
    edit.set(**{"Focus Distance": world.WALL_M + 1})
    edit.picture()
    assert edit.renders() == 2
    edit.set(**{"Focus Distance": world.BAR_M})
    assert edit.job().hidden is None
    assert "Nothing to render behind" in frames.behind_told(edit.strip, edit.outer)
    assert edit.renders() == 2
    scene_passes.forget()
    session.drop(scene_passes.Kept)  # what a new session finds: the store, no temporary files
    edit.set(**{"Focus Distance": world.WALL_M})
    assert frames.behind(edit.job(draft=True)) is not None
    edit.picture()
    assert edit.renders() == 0


def test_other_objects_are_left_out_at_another_focus_and_rendered_for_it(edit):
    card_at(edit.inner, "Middle", 2.0, x=0.05)
    edit.strip.rackfocus_render_behind = True
    edit.set(**{"Focus Distance": 2.0})
    near = edit.job()
    bars = frames.behind(near)
    edit.set(**{"Focus Distance": world.WALL_M})
    far = edit.job()
    assert near.hidden.content != far.hidden.content
    middle = np.abs(frames.sources(far)[1] - 2.0) < 1e-3
    assert (bars.known[middle] == 0).all()
    assert (frames.behind(far).known[middle] == 1).all()


def test_the_switches_are_in_the_key_and_make_a_bake_stale(edit):
    before = edit.job()
    key, noted = frame_notes.store_key(before), frame_notes.of(before)
    for name, value in (("rackfocus_render_behind", True), ("rackfocus_overscan", 5.0)):
        was = getattr(edit.strip, name)
        setattr(edit.strip, name, value)
        assert frame_notes.store_key(edit.job()) != key
        assert frame_notes.difference(noted, edit.job()).stale
        setattr(edit.strip, name, was)
        assert frame_notes.store_key(edit.job()) == key
        assert frame_notes.difference(noted, edit.job()).fresh


def test_a_change_of_the_scene_renders_all_of_it_again(edit):
    edit.strip.rackfocus_render_behind = True
    first = edit.job()
    bpy.data.objects["Wall"].location.z -= 0.1
    scene_passes.forget()
    assert edit.job().hidden.content != first.hidden.content
    assert edit.renders() == 4


def test_a_draft_makes_do_with_what_is_kept_and_says_what_is_not(edit):
    edit.picture()
    edit.strip.rackfocus_render_behind, edit.strip.rackfocus_overscan = True, 5.0
    assert edit.job(draft=True).wide is None
    assert edit.renders() == 1
    assert bpy.ops.rackfocus.scene_passes_render(strip_name="Shot", whole=False) == {"FINISHED"}
    edit.outer.frame_set(1)
    edit.picture()
    drafted = edit.job(draft=True)
    assert drafted.hidden == edit.job().hidden
    known = frames.behind_in_frame(drafted).known
    assert known.shape == (world.HEIGHT, world.WIDTH)
    shown = views.compute(drafted, "BEHIND", 960)
    colour = np.ptp(shown.flat.reshape(shown.height, shown.width, 4)[::-1, :, :3], axis=-1)
    assert np.median(colour[known > 0]) > 0.05
    bpy.data.objects["Wall"].location.z -= 0.1
    scene_passes.forget()
    with pytest.raises(FrameError, match="Render Scene Passes"):
        edit.job(draft=True)


def test_instances_count_with_what_makes_them(edit):
    inner = edit.inner
    held = bpy.data.collections.new("Held")
    source = card_at(inner, "Source", 0.0)
    inner.collection.objects.unlink(source)
    held.objects.link(source)
    source.location = (0, 0, 0)
    for name, distance_m in (("Near Copies", 1.2), ("Far Copies", 5.0)):
        empty = bpy.data.objects.new(name, None)
        empty.instance_type, empty.instance_collection = "COLLECTION", held
        empty.location = (0.05, 0, -distance_m)
        inner.collection.objects.link(empty)
    edit.strip.rackfocus_render_behind = True
    found = scene_passes.files_of(inner, 1, None, True, scene_passes.Asked(behind=True))
    assert found.ends_m["Near Copies"] == pytest.approx(1.2, abs=1e-3)
    assert found.ends_m["Far Copies"] == pytest.approx(5.0, abs=1e-3)
    behind, (_, depth_m) = frames.behind(edit.job()), frames.sources(edit.job())
    assert (behind.known[np.abs(depth_m - 1.2) < 1e-3] == 1).all()
    assert (behind.depth_m[np.abs(depth_m - 5.0) < 1e-3] < 5.01).all()


def test_a_timeline_renders_with_it_and_renders_nothing_twice(edit, tmp_path):
    """While the focus comes from the bars to the wall: no hidden layer at first, then one for each frame."""
    edit.strip.rackfocus_render_behind, edit.strip.rackfocus_overscan = True, 5.0
    focus = modifier.socket(modifier.find(edit.strip), "Focus Distance")
    for frame, metres in ((1, world.BAR_M), (3, world.WALL_M)):
        focus.value = metres
        focus.keyframe_insert("value", frame=frame)
    outer = edit.outer
    set_up(outer)
    outer.render.resolution_x, outer.render.resolution_y = world.WIDTH, world.HEIGHT
    outer.frame_start, outer.frame_end = 1, 3
    outer.render.filepath = f"{tmp_path}/out/"
    seen = []
    bpy.app.handlers.render_post.append(lambda scene, *_: seen.append(scene.name.partition(".")[0]))
    bpy.ops.render.render(animation=True)
    bpy.app.handlers.render_post.pop()
    assert [one for one in seen if one == passes.NAME] == [passes.NAME] * 5  # three frames, two hidden layers
    found = {int(one.stem): read(one) for one in sorted((tmp_path / "out").glob("*.exr"))}
    assert sorted(found) == [1, 2, 3]
    assert np.abs(found[2] - edit.picture())[..., :3].max() < 2e-3
    assert versions.scene_tree(edit.inner) is None


def test_a_render_that_is_stopped_leaves_all_as_it_was(edit, monkeypatch):
    edit.strip.rackfocus_render_behind = True
    edit.picture()
    names = [one.name for one in edit.inner.collection.children]

    def stopped(_scene):
        raise FrameError("stopped")

    bpy.data.objects["Wall"].location.z -= 0.1
    scene_passes.forget()
    real = passes.nested_render
    turns = iter([real, stopped])
    monkeypatch.setattr(passes, "nested_render", lambda scene: next(turns)(scene))
    with pytest.raises(FrameError, match="stopped"):
        edit.job()
    copies = [one for one in bpy.data.scenes if one.is_runtime_data]
    assert copies
    assert not [one for scene in copies for one in scene.collection.children if one.name.startswith(fronts.NAME)]
    assert [one.name for one in edit.inner.collection.children] == names
    monkeypatch.setattr(passes, "nested_render", real)
    assert edit.job().hidden is not None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda edit: setattr(edit.inner.render, "engine", "BLENDER_WORKBENCH"), "not rendered with Cycles"),
        (lambda edit: setattr(edit.inner.camera.data, "type", "PANO"), "panoramic"),
        (lambda edit: setattr(edit.inner.render, "use_border", True), "Render Region off"),
        (lambda edit: setattr(edit.strip, "rackfocus_depth_path", "/there/depth_1.exr"), "its depth comes from else"),
    ],
)
def test_what_cannot_be_had_is_refused_by_name(edit, change, words):
    edit.strip.rackfocus_render_behind, edit.strip.rackfocus_overscan = True, 5.0
    change(edit)
    with pytest.raises(FrameError, match=words):
        edit.job()


def test_a_tree_that_minds_the_size_of_its_picture_is_refused_and_others_are_followed(edit):
    tree = bpy.data.node_groups.new("Inner", "CompositorNodeTree")
    tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    layers, darker = tree.nodes.new("CompositorNodeRLayers"), tree.nodes.new("CompositorNodeExposure")
    layers.scene = edit.inner
    darker.inputs["Exposure"].default_value = -1.0
    tree.links.new(layers.outputs["Image"], darker.inputs["Image"])
    tree.links.new(darker.outputs["Image"], tree.nodes.new("NodeGroupOutput").inputs[0])
    plain, plain_depth_m = frames.sources(edit.job())
    versions.set_scene_tree(edit.inner, tree)
    scene_passes.forget()
    edit.strip.rackfocus_render_behind, edit.strip.rackfocus_overscan = True, 5.0
    picture, depth_m = frames.sources(edit.job())
    assert np.allclose(depth_m, plain_depth_m, rtol=1e-4)
    assert picture[..., 1].mean() == pytest.approx(plain[..., 1].mean() / 2, rel=0.02)
    behind = frames.behind(edit.job())
    wall = (behind.known > 0) & (np.abs(behind.depth_m - world.WALL_M) < 0.01)
    assert behind.picture[..., 1][wall].mean() < 0.35  # half of what the tiles are like
    tree.nodes.new("CompositorNodeEllipseMask")
    scene_passes.forget()
    with pytest.raises(FrameError, match="Ellipse Mask"):
        edit.job()


# --- Overscan --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["PERSP", "ORTHO"])
@pytest.mark.parametrize("fit", ["AUTO", "HORIZONTAL", "VERTICAL"])
@pytest.mark.parametrize(
    ("size", "aspect"),
    [((60, 32), (1, 1)), ((32, 60), (2, 1)), ((40, 40), (1, 1)), ((60, 32), (1, 2))],
)
def test_within_the_frame_a_wider_render_is_the_same(inner, tmp_path, kind, fit, size, aspect):
    """By its depth, which is one ray for each pixel, of a slope: no pixel sees what another one does."""
    wall, camera, render = bpy.data.objects["Wall"], inner.camera.data, inner.render
    wall.rotation_euler = (0.4, 0.5, 0.0)
    inner.cycles.samples = 1
    camera.type, camera.sensor_fit, camera.ortho_scale = kind, fit, 3.0
    camera.shift_x, camera.shift_y = 0.13, -0.07
    camera.sensor_height = 20.0
    (render.resolution_x, render.resolution_y), (render.pixel_aspect_x, render.pixel_aspect_y) = size, aspect
    layer = inner.view_layers[0].name
    wanted = {layer: {passes.COMBINED: "RGBA"}}
    found = [passes.prepare(inner, wanted, {layer}, inner, str(tmp_path), overscan=percent) for percent in (0.0, 10.0)]
    for one in found:
        passes.render(one, 1, 0.0)
    usual, within = (passes.read(one, layer, passes.DEPTH)[..., 0] for one in found)
    whole = pass_files.read_pass(found[1].wide, layer, passes.DEPTH)[..., 0]
    margin = wider.margin_px(10.0, size[0])
    assert whole.shape == (size[1] + 2 * margin, size[0] + 2 * margin)
    assert np.ptp(usual) > 0.3
    assert np.allclose(within, usual, rtol=2e-4)
    assert passes.read(found[1], layer, passes.COMBINED).shape == (*usual.shape, 4)
    if kind == "PERSP":
        usual_lens, wide_lens = (one.camera for one in found)
        assert wide_lens == pytest.approx(usual_lens, rel=1e-5)


def test_a_shift_that_is_keyed_is_followed(inner, tmp_path):
    camera, layer = inner.camera.data, inner.view_layers[0].name
    bpy.data.objects["Wall"].rotation_euler = (0.4, 0.5, 0.0)
    for frame, shift in ((1, 0.0), (5, 0.2)):
        camera.shift_x = shift
        camera.keyframe_insert("shift_x", frame=frame)
    wanted = {layer: {passes.COMBINED: "RGBA"}}
    found = [passes.prepare(inner, wanted, {layer}, inner, str(tmp_path), overscan=percent) for percent in (0.0, 10.0)]
    for frame in (2, 4):
        for one in found:
            passes.render(one, frame, 0.0)
        usual, within = (passes.read(one, layer, passes.DEPTH)[..., 0] for one in found)
        assert np.allclose(within, usual, rtol=2e-4)
    assert len(camera.animation_data.action.layers) == 1


def test_strokes_lie_where_they_were_drawn_in_the_wider_picture_too(edit):
    edit.strip.rackfocus_overscan, edit.strip.rackfocus_fit_depth = 10.0, False
    plain = frames.sources(edit.job())[1]
    edit.outer.frame_set(2)
    told = {"kind": "NEARER", "points": "[[0.2, 0.3], [0.8, 0.6]]", "factor": 1.5, "edges": False, "radius": 0.1}
    assert bpy.ops.rackfocus.touch(strip_name="Shot", **told) == {"FINISHED"}
    job = edit.job()
    narrow, wide = frames.sources(job)[1], frames.sources(making.whole_of(job))[1]
    assert (narrow < 0.7 * plain).mean() > 0.05
    rows, columns = job.margin
    np.testing.assert_allclose(wide[rows:-rows, columns:-columns], narrow, rtol=2e-3)
    assert (narrow != plain).any()


def test_light_from_outside_the_frame_reaches_into_it(edit, tmp_path):
    """A near bar just outside: through a wide lens it covers the rim."""
    edge = world.BAR_M * 18 / world.FOCAL_MM
    world.card(edit.inner, "Outside", (edge + 0.035, 0, -world.BAR_M), (0.06, 0.5), bpy.data.materials["Red"])
    truth = world.through_cycles_lens(edit.inner, tmp_path)
    rim = np.s_[:, -8:]
    before = world.decibels(edit.picture()[rim], truth[rim])
    edit.strip.rackfocus_overscan = 6.0
    assert world.decibels(edit.picture()[rim], truth[rim]) > before + 6


def test_what_it_costs_is_told_by_the_last_render(edit):
    inner = edit.inner
    assert panel.cost(inner, False, 0.0) == ""
    told = panel.cost(inner, True, 0.0)
    assert told.startswith("Costs 100 % of a render more for each frame that has blurred objects")
    edit.picture()
    assert " s more" in panel.cost(inner, True, 0.0)
    assert passes.took_s(inner) > 0
    assert fronts.problem_of(inner) == ""
