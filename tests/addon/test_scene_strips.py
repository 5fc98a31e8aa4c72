# SPDX-License-Identifier: GPL-3.0-or-later
"""Scene strips of a 3D scene: picture and depth are rendered once and kept; focus changes render nothing."""

from __future__ import annotations

import addon_utils
import bpy
import numpy as np
import pytest
from comp_shot import FAR_M, NEAR_M, CountingEngine, depth_m, left_behind, picture, read, set_up

from blender_rackfocus.addon.blender import errors, versions
from blender_rackfocus.addon.blender.session import session
from blender_rackfocus.addon.depth import scene_passes
from blender_rackfocus.addon.shot import modifier
from blender_rackfocus.frame import inputs
from blender_rackfocus.frame.make import refocused

CLOSE = 2e-3
"""The sequencer's own rounding of a linear picture through its colour space."""


class Edit:
    """A 3D scene that the counting engine renders, and a timeline that shows it from frame 11 on."""

    def __init__(self, folder) -> None:
        self.folder = folder
        self.inner = bpy.context.scene
        set_up(self.inner)
        self.inner.render.engine = CountingEngine.bl_idname
        camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
        self.inner.collection.objects.link(camera)
        self.inner.camera = camera
        self.outer = bpy.data.scenes.new("Edit")
        set_up(self.outer)
        bpy.context.window.scene = self.outer
        editor = self.outer.sequence_editor_create()
        self.strip = editor.strips.new_scene("Shot", self.inner, channel=1, frame_start=11)
        self.strip.right_handle = 16
        assert bpy.ops.rackfocus.modifier_add(strip_name="Shot") == {"FINISHED"}
        self.set(**{"Focal Length": 200.0, "F-Stop": 1.4, "Focus Distance": NEAR_M})

    def set(self, **values: float) -> None:
        for name, value in values.items():
            modifier.socket(modifier.find(self.strip), name).value = value

    def animation(self, first: int, last: int, name: str) -> dict[int, np.ndarray]:
        self.outer.frame_start, self.outer.frame_end = first, last
        self.outer.render.filepath = f"{self.folder}/{name}/"
        bpy.ops.render.render(animation=True)
        return {int(path.stem): read(path) for path in sorted((self.folder / name).glob("*.exr"))}

    def wanted(self, inner_frame: int, source: np.ndarray | None = None) -> np.ndarray:
        found = modifier.find(self.strip)
        values = {name: modifier.socket(found, name).value for name in inputs.NAMES}
        sharp = picture(inner_frame) if source is None else source
        return refocused(sharp, depth_m(inner_frame), values)


@pytest.fixture
def edit(registered, tmp_path, monkeypatch):
    monkeypatch.setenv("RACKFOCUS_CACHE", str(tmp_path / "store"))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.utils.register_class(CountingEngine)
    CountingEngine.rendered.clear()
    yield Edit(tmp_path)
    assert not left_behind()
    bpy.utils.unregister_class(CountingEngine)
    errors.forget()


def test_each_frame_is_rendered_once_and_refocused(edit):
    made = edit.animation(12, 14, "out")
    assert sorted(made) == [12, 13, 14]
    assert [frame for _, frame in CountingEngine.rendered] == [2, 3, 4]
    for frame in made:
        assert np.abs(made[frame] - edit.wanted(frame - 10)).max() < CLOSE
        assert np.abs(made[frame] - picture(frame - 10)).max() > 0.2


def test_another_focus_renders_nothing_also_in_another_session(edit):
    edit.animation(12, 13, "first")
    edit.set(**{"Focus Distance": FAR_M})
    scene_passes.forget()
    session.drop(scene_passes.Kept)  # what a new session finds: the store, no temporary files
    made = edit.animation(12, 13, "second")
    assert [frame for _, frame in CountingEngine.rendered] == [2, 3]
    for frame in made:
        assert np.abs(made[frame] - edit.wanted(frame - 10)).max() < CLOSE


@pytest.mark.parametrize("change", ["object", "camera", "material", "key", "setting", "anew"])
def test_a_change_of_the_scene_renders_it_again(edit, change):
    bpy.context.window.scene = edit.inner
    bpy.ops.mesh.primitive_cube_add()
    cube = bpy.context.object
    cube.data.materials.append(bpy.data.materials.new("Material"))
    bpy.context.window.scene = edit.outer
    edit.animation(12, 12, "first")
    assert len(CountingEngine.rendered) == 1
    if change == "object":
        cube.data.vertices[0].co.x += 0.1
    elif change == "camera":
        edit.inner.camera.location.x += 0.1
    elif change == "material":
        cube.data.materials[0].node_tree.nodes["Principled BSDF"].inputs["Roughness"].default_value = 0.9
    elif change == "key":
        cube.keyframe_insert("location", frame=5)
    elif change == "setting":
        edit.inner.render.film_transparent = True
    elif change == "anew":
        edit.outer.frame_set(12)
        assert bpy.ops.rackfocus.scene_passes_render(strip_name="Shot", anew=True, whole=False) == {"FINISHED"}
    edit.animation(12, 12, "second")
    assert len(CountingEngine.rendered) == 2


def test_the_scenes_own_focus_is_no_change(edit):
    edit.animation(12, 12, "first")
    edit.inner.camera.data.dof.focus_distance = 3.0
    edit.inner.frame_set(4)
    edit.animation(12, 12, "second")
    assert len(CountingEngine.rendered) == 1


def test_the_scenes_compositor_counts(edit):
    tree = bpy.data.node_groups.new("Inner", "CompositorNodeTree")
    tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    layers, brighter = tree.nodes.new("CompositorNodeRLayers"), tree.nodes.new("CompositorNodeExposure")
    layers.scene = edit.inner
    brighter.inputs["Exposure"].default_value = -1.0
    tree.links.new(layers.outputs["Image"], brighter.inputs["Image"])
    tree.links.new(brighter.outputs["Image"], tree.nodes.new("NodeGroupOutput").inputs[0])
    versions.set_scene_tree(edit.inner, tree)
    made = edit.animation(12, 13, "out")
    for frame in (12, 13):
        darker = picture(frame - 10) * np.float32([0.5, 0.5, 0.5, 1])
        assert np.abs(made[frame] - edit.wanted(frame - 10, darker)).max() < CLOSE
    assert [frame for _, frame in CountingEngine.rendered] == [2, 3]
    assert versions.scene_tree(edit.inner) == tree
    assert edit.inner.render.use_compositing


def test_the_scene_is_as_it_was_and_a_file_saved_meanwhile_too(edit):
    edit.inner.render.use_compositing = False
    kept = edit.folder / "middle.blend"

    def save(scene, *_):
        if scene == edit.outer and not kept.exists():
            bpy.ops.wm.save_as_mainfile(filepath=str(kept), copy=True)

    bpy.app.handlers.render_post.append(save)
    made = edit.animation(12, 13, "out")
    bpy.app.handlers.render_post.remove(save)
    assert np.abs(made[13] - edit.wanted(3)).max() < CLOSE
    assert versions.scene_tree(edit.inner) is None
    assert not edit.inner.render.use_compositing
    assert not [key for key in edit.inner.keys() if key.startswith("rackfocus_strip")]  # noqa: SIM118
    with bpy.data.libraries.load(str(kept)) as (inside, _):
        assert sorted(inside.scenes) == ["Edit", "Scene"]
        assert scene_passes.STAND_IN not in inside.node_groups


def test_a_draft_says_what_is_missing(edit, patient):
    from blender_rackfocus.addon.sequencer import show

    edit.outer.frame_set(12)
    (problem,) = show.show(edit.outer, final=False)
    assert "Render Scene Passes" in str(problem)
    assert bpy.ops.rackfocus.scene_passes_render(strip_name="Shot", whole=False) == {"FINISHED"}
    assert not show.show(edit.outer, final=False)


def test_a_rack_focus_node_inside_is_refused(edit):
    bpy.context.window.scene = edit.inner
    assert bpy.ops.rackfocus.node_add() == {"FINISHED"}
    bpy.context.window.scene = edit.outer
    assert not edit.animation(12, 12, "out")
    assert "one place only" in errors.failures()[0]


def test_a_scene_rendered_for_a_strip_does_not_end_the_outer_render(edit):
    """A plain scene strip: Blender renders its scene, with all events, in the middle of the timeline's frame."""
    from blender_rackfocus.addon.blender import rendering
    from blender_rackfocus.addon.sequencer import show

    assert bpy.ops.rackfocus.modifier_remove(strip_name="Shot") == {"FINISHED"}
    seen = []

    def after(scene, *_rest):
        seen.append((scene.name, rendering.goes_on(), show._render().cache is not None))

    bpy.app.handlers.render_complete.append(after)
    try:
        edit.animation(12, 13, "out")
    finally:
        bpy.app.handlers.render_complete.remove(after)
    inner, outer = edit.inner.name, edit.outer.name
    assert seen == [(inner, True, True), (inner, True, True), (outer, False, False)]


def test_the_same_frame_has_the_same_key_in_another_session(edit):
    from blender_rackfocus.addon.blender import strips
    from blender_rackfocus.addon.sequencer import frames
    from blender_rackfocus.frame import notes as frame_notes

    def job():
        shown = next(one for one in strips.walk(edit.outer, 12) if one.strip == edit.strip)
        return frames.job_of(shown, modifier.find(edit.strip), draft=False, at_current_frame=False)

    edit.animation(12, 12, "first")
    first = job()
    key, notes = frame_notes.store_key(first), frame_notes.of(first)
    scene_passes.forget()
    session.drop(scene_passes.Kept)
    again = job()
    assert again.picture.path != first.picture.path
    assert frame_notes.store_key(again) == key
    assert frame_notes.of(again) == notes
    assert frame_notes.difference(notes, again).fresh
    edit.set(**{"F-Stop": 8.0})
    assert frame_notes.store_key(job()) != key
    scene_passes.renew(edit.inner)
    edit.animation(12, 12, "third")
    assert "the scene that the strip shows changed" in frame_notes.difference(notes, job()).stale


# --- Beside Blender's own render -------------------------------------------------------------------------------------


def _cycles_shot(name, colour):
    """A scene that looks different at every moment: a plane of its own colour that moves, rendered by one sample."""
    scene = bpy.data.scenes.new(name)
    scene.frame_start, scene.frame_end = 2, 21
    _plain_cycles(scene)
    material = bpy.data.materials.new(name)
    tree = material.node_tree
    tree.nodes.clear()
    emission, output = tree.nodes.new("ShaderNodeEmission"), tree.nodes.new("ShaderNodeOutputMaterial")
    emission.inputs["Color"].default_value = (*colour, 1)
    tree.links.new(emission.outputs[0], output.inputs[0])
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata([(-1, -1, 0), (1, -1, 0), (1, 1, 0), (-1, 1, 0)], [], [(0, 1, 2, 3)])
    mesh.materials.append(material)
    plane = bpy.data.objects.new(name, mesh)
    scene.collection.objects.link(plane)
    for frame, x in ((1, -2.0), (21, 2.0)):
        plane.location = (x, 0, -6)
        plane.keyframe_insert("location", frame=frame)
    camera = bpy.data.objects.new(name, bpy.data.cameras.new(name))
    scene.collection.objects.link(camera)
    scene.camera = camera
    return scene


def _plain_cycles(scene):
    set_up(scene)
    addon_utils.enable("cycles")
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising, scene.cycles.use_adaptive_sampling = 1, False, False
    scene.render.film_transparent = True


def _stills(timeline, folder, frames):
    made = {}
    timeline.render.filepath = str(folder / "still.exr")
    for frame in frames:
        timeline.frame_set(frame)
        (folder / "still.exr").unlink(missing_ok=True)
        bpy.ops.render.render(write_still=True)
        assert (folder / "still.exr").exists(), errors.failures()
        made[frame] = read(folder / "still.exr")
    return made


def _half_speed(timeline, strip):
    strip.right_handle = 16
    bpy.context.view_layer.update()
    strip.retiming_keys.add(timeline_frame=10)
    strip.retiming_keys[1].timeline_frame = 20


def _strobe_trim_and_reverse(_timeline, strip):
    strip.content_trim_start = 3
    strip.right_handle, strip.strobe, strip.use_reverse_frames = 12, 2.5, True


def _in_a_meta(timeline, strip):
    strip.right_handle = 16
    for one in timeline.sequence_editor.strips_all:
        one.select = one == strip
    meta = timeline.sequence_editor.strips.new_meta("Meta", 3, 1)
    strip.move_to_meta(meta)
    meta.left_handle, meta.right_handle = 1, 12
    meta.content_start += 2


def _another_camera(_timeline, strip):
    strip.right_handle = 16
    other = bpy.data.objects.new("Other", bpy.data.cameras.new("Other"))
    other.location.y = 1
    strip.scene.collection.objects.link(other)
    strip.scene_camera = other


def _with_a_sequencer_of_its_own(_timeline, strip):
    strip.right_handle = 16
    editor = strip.scene.sequence_editor_create()
    editor.strips.new_effect("Colour", "COLOR", 1, 1, length=30).color = (0, 1, 0)


def _with_a_refocused_strip_that_has_no_depth(_timeline, strip):
    """In the scene's own sequencer, which its camera does not show: nothing to stop a render for."""
    strip.right_handle = 16
    inside = strip.scene.sequence_editor_create().strips.new_image("Inside", __file__, 1, 1)
    inside.right_handle = 30
    modifier.add(inside)


def _with_cameras_on_its_markers(_timeline, strip):
    strip.right_handle = 16
    for frame, y in ((2, 0.7), (4, -0.7)):
        camera = bpy.data.objects.new("Cut", bpy.data.cameras.new("Cut"))
        camera.location.y = y
        strip.scene.collection.objects.link(camera)
        strip.scene.timeline_markers.new("Cut", frame=frame).camera = camera


def _composited(_timeline, strip):
    strip.right_handle = 16
    tree = bpy.data.node_groups.new("Inner", "CompositorNodeTree")
    tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    layers, brighter = tree.nodes.new("CompositorNodeRLayers"), tree.nodes.new("CompositorNodeExposure")
    layers.scene = strip.scene
    brighter.inputs["Exposure"].default_value = -1.0
    tree.links.new(layers.outputs["Image"], brighter.inputs["Image"])
    tree.links.new(brighter.outputs["Image"], tree.nodes.new("NodeGroupOutput").inputs[0])
    versions.set_scene_tree(strip.scene, tree)


def _stretched(timeline, strip):
    """Both scenes' time runs at other speeds than their frames."""
    strip.right_handle = 16
    timeline.render.frame_map_new, strip.scene.render.frame_map_new = 50, 200


def _driven_by_its_own_frame(_timeline, strip):
    strip.right_handle = 16
    plane = next(one for one in strip.scene.objects if one.type == "MESH")
    driver = plane.driver_add("location", 1).driver
    variable = driver.variables.new()
    variable.name, variable.targets[0].id_type, variable.targets[0].id = "at", "SCENE", strip.scene
    variable.targets[0].data_path = "frame_current"
    driver.expression = "at * 0.1"


def _in_another_working_space(_timeline, strip):
    strip.right_handle = 16
    bpy.ops.wm.set_working_color_space(working_space="Linear Rec.2020", convert_colors=False)
    nodes = bpy.data.materials["Inner"].node_tree.nodes
    nodes.id_data.links.new(nodes.new("ShaderNodeBlackbody").outputs[0], nodes["Emission"].inputs["Color"])


PLACES = [
    _stretched,
    _driven_by_its_own_frame,
    _in_another_working_space,
    _half_speed,
    _strobe_trim_and_reverse,
    _in_a_meta,
    _another_camera,
    _with_a_sequencer_of_its_own,
    _with_a_refocused_strip_that_has_no_depth,
    _with_cameras_on_its_markers,
    _composited,
]


@pytest.fixture
def plain(registered, tmp_path, monkeypatch):
    monkeypatch.setenv("RACKFOCUS_CACHE", str(tmp_path / "store"))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    _plain_cycles(bpy.context.scene)
    bpy.context.scene.sequence_editor_create()
    yield tmp_path
    errors.forget()


@pytest.mark.parametrize("change", PLACES)
def test_a_focus_that_blurs_nothing_shows_blenders_own_render(plain, change):
    """Through passes, store and stand-in: where the strip stands, whatever it shows, it is Blender's picture."""
    timeline, inner = bpy.context.scene, _cycles_shot("Inner", (0.9, 0.5, 0.1))
    strip = timeline.sequence_editor.strips.new_scene("Shot", inner, 1, 1)
    change(timeline, strip)
    own = _stills(timeline, plain, (1, 3, 4, 6, 7))
    assert len({own[frame].tobytes() for frame in own}) > 2
    found = modifier.add(strip)
    modifier.socket(found, "F-Stop").value = 128.0
    before = len(scene_passes.rendered())
    ours = _stills(timeline, plain, (1, 3, 4, 6, 7))
    assert 0 < len(scene_passes.rendered()) - before <= len(ours)
    for frame in own:
        assert np.abs(ours[frame] - own[frame]).max() < CLOSE, frame


def test_linked_scenes_of_one_name_each_show_their_own(plain):
    """Also one that is called like the timeline's own scene."""
    for number, colour in enumerate(((0.9, 0.1, 0.1), (0.1, 0.9, 0.1))):
        bpy.ops.wm.read_factory_settings(use_empty=True)
        _cycles_shot("Shot", colour)
        bpy.ops.wm.save_as_mainfile(filepath=str(plain / f"{number}.blend"))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    timeline = bpy.context.scene
    timeline.name = "Shot"
    _plain_cycles(timeline)
    editor = timeline.sequence_editor_create()
    for number in (0, 1):
        with bpy.data.libraries.load(str(plain / f"{number}.blend"), link=True) as (_, into):
            into.scenes = ["Shot"]
        strip = editor.strips.new_scene(f"S{number}", into.scenes[0], 1, 1 + 4 * number)
        strip.right_handle = 5 + 4 * number
    assert {strip.scene.name for strip in editor.strips} == {timeline.name}
    own = _stills(timeline, plain, (2, 6))
    for strip in editor.strips:
        modifier.socket(modifier.add(strip), "F-Stop").value = 128.0
    timeline.frame_start, timeline.frame_end = 1, 8
    timeline.render.filepath = f"{plain}/all/"
    bpy.ops.render.render(animation=True)
    for frame, brightest in ((2, 0), (6, 1)):
        made = read(plain / "all" / f"{frame:04d}.exr")
        assert np.abs(made - own[frame]).max() < CLOSE
        assert made[..., brightest].max() > 0.5
