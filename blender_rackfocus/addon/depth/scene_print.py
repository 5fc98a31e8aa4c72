# SPDX-License-Identifier: GPL-3.0-or-later
"""A hash of what a 3D scene's render is made of, so that passes kept from it are known by what they show.

Everything counts that can be reached from the scene and set by hand: whatever Blender's own description of its data
(RNA) names is walked, so new kinds of modifiers, constraints, nodes and settings count without a word here. What is
left out is named below: what only the window shows, what tells where to write, what Blender derives from other values.

Values that animation sets count by their animation, so that the playhead changes nothing. Files that datablocks name
count by their content. Functions that drivers call count by their code. Not seen: simulation caches, what a driver's
expression looks up by itself (bpy.data...), and the camera's own depth of field, because passes are rendered through a
pinhole. For what is not seen there is a counter.
"""

from __future__ import annotations

import hashlib
import os
import re
import types
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

import bpy
import numpy as np

from ...media import MediaError, identity
from ..blender import curves, dna, idnames

COUNTER = "rackfocus_passes"
"""Custom property of a scene, raised when its passes are to be rendered anew."""

_PLAIN = {"BOOLEAN", "INT", "FLOAT", "STRING", "ENUM"}
_NUMBERS = {"BOOLEAN": np.bool_, "INT": np.int32, "FLOAT": np.float32, "ENUM": np.int32}
_UNREADABLE = (AttributeError, RuntimeError, TypeError, ValueError, SystemError, ReferenceError)
"""What Blender raises for properties that a datablock has in name only."""

_READ_ONLY = {"type", "bl_idname", "head_local", "tail_local", "matrix_local", "slot_handle", "handle", "identifier"}
"""Read-only values that are no results of others."""
_SHOWN = {"show_render", "show_only_shape_key", "show_instancer_for_render", "show_in_front", "show_alive", "show_dead",
          "show_unborn", "show_stroke", "show_fill", "show_transparent_back", "active_clip"}  # fmt: skip
"""Properties that a final render minds, though they begin like those that it does not."""

_NEVER = {
    "ID": "original override_library library library_weak_reference asset_data preview tag use_fake_user use_extra_user"
    " is_runtime_data",
    "Scene": "name camera objects cursor timeline_markers tool_settings sequence_editor compositing_node_group"
    " node_tree compositor_effects keying_sets keying_sets_all view_settings display_settings"
    " sequencer_colorspace_settings transform_orientation_slots safe_areas annotation frame_current frame_subframe"
    " frame_float frame_start frame_end"
    " frame_step frame_preview_start frame_preview_end time_jump_unit time_jump_delta lock_frame_selection_to_range"
    " allow_preroll use_preview_range use_stamp_note sync_mode playback_loop_mode use_nodes use_audio use_audio_scrub"
    " audio_doppler_speed audio_doppler_factor audio_distance_model audio_volume is_nla_tweakmode",
    "RenderSettings": "image_settings preview_pixel_size ffmpeg threads threads_mode use_placeholder use_overwrite"
    " save_output use_compositing use_sequencer use_file_extension use_lock_interface filepath use_render_cache"
    " metadata_input stamp_note_text stamp_font_size stamp_foreground stamp_background sequencer_gl_preview"
    " use_sequencer_override_scene_strip views stereo_views views_format bake use_persistent_data simplify_subdivision"
    " simplify_child_particles compositor_denoise_preview_quality ppm_factor ppm_base dither_intensity"
    " simplify_gpencil_onplay use_single_layer use_compositor_frames_cache",
    "ViewLayer": "objects depsgraph",
    "LayerCollection": "is_visible",
    "Collection": "all_objects exporters importer color_tag",
    "Object": "matrix_world matrix_local matrix_basis dimensions mode bound_box empty_display_type empty_display_size"
    " lock_location lock_rotation lock_rotation_w lock_rotations_4d lock_scale use_camera_lock_parent"
    " display_bounds_type animation_visualization motion_path selection_sets use_shape_key_edit_mode"
    " use_mesh_mirror_x use_mesh_mirror_y use_mesh_mirror_z hide_surface_pick",
    "Camera": "animation_data angle angle_x angle_y dof display_size passepartout_alpha composition_guide_color"
    " background_images lens_unit",
    "Light": "display",
    "Material": "preview_render_type texture_paint_images texture_paint_slots paint_active_slot paint_clone_slot"
    " use_preview_world use_nodes",
    "World": "use_nodes",
    "Image": "pixels render_slots filepath_raw resolution display_aspect use_view_as_render file_format",
    "Mesh": "vertices edges loops polygons vertex_normals polygon_normals corner_normals loop_triangles"
    " loop_triangle_polygons uv_layers vertex_colors color_attributes skin_vertices attributes uv_layer_clone"
    " uv_layer_clone_index uv_layer_stencil uv_layer_stencil_index remesh_voxel_size remesh_voxel_adaptivity"
    " use_remesh_fix_poles use_remesh_preserve_volume use_remesh_preserve_attributes remesh_mode use_mirror_x"
    " use_mirror_y use_mirror_z use_mirror_vertex_groups radial_symmetry use_mirror_topology use_paint_mask"
    " use_paint_bone_selection use_paint_mask_vertex is_editmode",
    "PointCloud": "points color_attributes",
    "Curves": "points curves normals position_data curve_offset_data color_attributes",
    "GreasePencil": "color_attributes",
    "GreasePencilDrawing": "strokes color_attributes",
    "TextCurve": "edit_format is_editmode select_start select_end",
    "Volume": "grids",
    "CacheFile": "object_paths layers_active",
    "Armature": "edit_bones collections collections_all is_editmode relation_line_position display_type",
    "Bone": "children collections color display_type hide",
    "PoseBone": "bone parent child matrix matrix_basis matrix_channel motion_path custom_shape custom_shape_transform"
    " custom_shape_scale_xyz custom_shape_translation custom_shape_rotation_euler use_custom_shape_bone_size"
    " use_transform_at_custom_shape use_transform_around_custom_shape custom_shape_wire_width color hide"
    " lock_location lock_rotation lock_rotation_w lock_rotations_4d lock_scale",
    "Pose": "animation_visualization",
    "ParticleSystem": "particles child_particles",
    "PointCache": "point_caches name filepath index use_disk_cache use_library_path compression",
    "Key": "user",
    "ShapeKey": "points slider_min slider_max lock_shape",
    "NodeTree": "annotation color_tag default_group_node_width view_center description bl_label bl_description bl_icon",
    "Node": "location location_absolute width height dimensions label panel_states internal_links parent"
    " warning_propagation use_custom_color color color_tag hide bl_label bl_description bl_icon bl_static_type"
    " bl_width_default bl_width_min bl_width_max bl_height_default bl_height_min bl_height_max",
    "NodeSocket": "label description hide enabled link_limit is_linked is_unavailable hide_value pin_gizmo node"
    " display_shape bl_label bl_subtype_label is_inactive",
    "NodeLink": "is_valid is_hidden",
    "NodeTreeInterfaceItem": "parent description",
    "Modifier": "use_pin_to_last is_active execution_time",
    "Action": "fcurves groups pose_markers",
    "ActionChannelbag": "groups",
    "AnimData": "action_suitable_slots last_slot_identifier use_tweak_mode use_pin",
    "NlaStrip": "influence strip_time frame_start frame_end frame_start_ui frame_end_ui action_suitable_slots"
    " last_slot_identifier",
    "NlaTrack": "lock",
    "FCurve": "group color color_mode lock hide is_valid is_empty",
    "FModifier": "active",
    "Keyframe": "type co_ui",
    "Driver": "is_valid",
    "DriverTarget": "fallback_value",
    "View3DShading": "wireframe_color_type background_type studio_light_background_blur",
    "ColorRampElement": "alpha",
    "ByteColorAttributeValue": "color_srgb",
    "FloatColorAttributeValue": "color_srgb",
    "ImageUser": "frame_current",
    "MovieClipUser": "frame_current",
}
"""By struct, and by what it is derived from: properties that say nothing about the picture."""
_NEVER_AT_ALL = {"rna_type", "select", "select_control_point", "select_left_handle", "select_right_handle",
                 "select_single_handle", "select_anchor", "select_pattern", "select_search", "select_end_line",
                 "select_end_line_index", "select_end_character", "hide_viewport", "hide_select",
                 "is_expanded", "session_uid"}  # fmt: skip
_NEVER_BEGINNING = ("show_", "active", "preview_", "rackfocus", "use_stamp", "cache_frame_pause")
_ALL_SHOWN = {"View3DShading", "SceneDisplay", "ObjectDisplay"}
"""Structs that Workbench renders by, whatever their properties are called."""

_BY_NAME = {"Bone", "PoseBone", "Node", "NodeSocket", "ShapeKey", "ActionSlot", "NodeTreeInterfaceItem"}
"""Parts of a datablock that others of its parts point at."""
_NOT_ENTERED = {"SCENE", "SCREEN", "WORKSPACE", "WINDOWMANAGER", "LIBRARY", "BRUSH", "PALETTE", "PAINTCURVE", "SOUND"}
"""Kinds of datablocks that count by their name where something points at them."""
_OF_THE_PLAYHEAD = ("frame_current", "frame_subframe", "frame_float", "matrix")
"""How names of values begin that change with the frame and by nothing else that does not count anyhow."""
_OF_NO_ACCOUNT = {idnames.VIEWER, idnames.OUTPUT_FILE}
_EDITORS_OWN = (".select", ".hide", ".uv_select", ".sculpt", ".vs.", ".es.", ".pn.")
"""How names of attributes begin that only editors use."""


def of(scene: bpy.types.Scene, *, passes: bool = True) -> str:
    """The scene's hash. passes: which passes it renders counts too, not only its picture."""
    look = _Look(passes)
    look.render_of(scene)
    for camera in (scene.camera, *(mark.camera for mark in scene.timeline_markers)):
        look.visit(camera)
    return look.digest(int(scene.get(COUNTER, 0)), bpy.app.version_string)


def of_block(block: bpy.types.ID) -> str:
    """The hash of one datablock with everything it uses."""
    look = _Look(passes=True)
    look.visit(block)
    return look.digest()


def of_tree(tree: bpy.types.NodeTree) -> str:
    """The hash of a node tree with everything it uses."""
    return of_block(tree)


def of_effects(scene: bpy.types.Scene, names: Iterable[str]) -> str:
    """The hash of what is set at these compositor effects of a scene, not in their trees: their inputs."""
    look = _Look(passes=True)
    look.enter(scene)
    for name in names:
        look.part(scene.compositor_effects[name].properties)
    for curve in _curves_at_work(scene.animation_data) if scene.animation_data is not None else ():
        if curve.data_path.startswith("compositor_effects"):
            look.part(curve)
    return look.digest(look.told())


def blocks_of(scene: bpy.types.Scene) -> list[bpy.types.ID]:
    """Every datablock that a scene's render is made of."""
    look = _Look(passes=True)
    look.render_of(scene)
    look.digest()
    return list(look.blocks.values())


def plain_of(part: bpy.types.bpy_struct, prefix: str) -> list[object]:
    """Names and values of a datablock's part that no animation sets. prefix: of its data path, with the dot."""
    animated = {path.removeprefix(prefix) for path, _ in _animated_paths(part.id_data) if path.startswith(prefix)}
    return [
        (definition.identifier, _told(_read(part, definition.identifier)))
        for definition in part.bl_rna.properties
        if definition.type in _PLAIN and not (definition.is_readonly or definition.is_deprecated)
        if definition.identifier not in animated
    ]


def curves_of(block: bpy.types.ID, path: str) -> list[bpy.types.FCurve]:
    """The F-curves at work that set a property."""
    return [curve for curve in curves.of_action(block) if curve.data_path == path and curves.is_at_work(curve)]


class _Look:
    """One look at a scene. blocks: what it is made of, by what it is."""

    def __init__(self, passes: bool) -> None:
        self.blocks: dict[int, bpy.types.ID] = {}
        self._scene: bpy.types.Scene | None = None
        self._passes = passes
        self._waiting: list[bpy.types.ID] = []
        self._relevant: dict[int, tuple[list[bpy.types.Property], bool]] = {}
        self._hash = hashlib.blake2b()
        self._inside: set[int] = set()
        self._met: dict[tuple[int, str], int] = {}
        self._animated: dict[tuple[int, str], set[int]] = {}
        self._animated_kinds: set[str] = set()

    def visit(self, block: bpy.types.ID | None, *, enter: bool = False) -> None:
        """Count a datablock. enter: also one of a kind that counts by its name elsewhere."""
        if block is None or (block.id_type in _NOT_ENTERED and not enter) or block.session_uid in self.blocks:
            return
        self.blocks[block.session_uid] = block
        self._waiting.append(block)

    def render_of(self, scene: bpy.types.Scene) -> None:
        """Count all that a scene's render is made of."""
        self._scene = scene
        self.visit(scene, enter=True)

    def digest(self, *more: object) -> str:
        """The hash of everything that can be reached from what was visited."""
        hashes = []
        while self._waiting:
            block = self._waiting.pop()
            whose = () if block == self._scene else _reference(block)
            hashes.append((whose, self._block(block)))
        return hashlib.blake2b(repr((more, sorted(hashes))).encode("utf-8", "replace"), digest_size=16).hexdigest()

    def told(self) -> str:
        """The hash of the parts that were looked at so far."""
        return self._hash.hexdigest()

    def _add(self, *words: object) -> None:
        self._hash.update(repr(words).encode("utf-8", "replace"))

    def _block(self, block: bpy.types.ID) -> str:
        self._hash = hashlib.blake2b(digest_size=16)
        self._inside, self._met, self._animated, self._animated_kinds = set(), {}, {}, set()
        self._whole(block)
        return self._hash.hexdigest()

    def _whole(self, block: bpy.types.ID) -> None:
        """A datablock, or one that lives inside the one that is looked at."""
        self.enter(block)
        if block.id_type == "TEXT":
            self._add(block.as_string())
        else:
            self.part(block)

    def enter(self, block: bpy.types.ID) -> None:
        """Parts of this datablock count from now on where something points at them."""
        self._inside.add(block.as_pointer())
        for path, index in _animated_paths(block):
            self._note_animated(block, path, index)

    def _note_animated(self, block: bpy.types.ID, path: str, index: int) -> None:
        before, name = _split(path)
        try:
            owner = block.path_resolve(before) if before else block
            self._animated.setdefault((owner.as_pointer(), name), set()).add(index)
            self._animated_kinds.add(owner.bl_rna.identifier)
        except _UNREADABLE:
            pass  # it sets nothing

    # --- Parts -------------------------------------------------------------------------------------------------------

    def part(self, part: Any) -> None:
        """Everything in a struct that counts."""
        mark = part.as_pointer(), part.bl_rna.identifier
        if mark in self._met:
            self._add("again", self._met[mark])
            return
        self._met[mark] = len(self._met)
        properties, has_custom = self._properties(part)
        self._add(part.bl_rna.identifier)
        if getattr(part, "bl_idname", "") in _OF_NO_ACCOUNT:
            return
        for definition in properties:
            self._property(part, definition)
        if has_custom:
            self._custom(part)
        more = _MORE.get(part.bl_rna.identifier)
        if more is not None:
            more(self, part)

    def _properties(self, part: Any) -> tuple[list[bpy.types.Property], bool]:
        """The properties of a struct that count, and whether it has custom ones."""
        rna = part.bl_rna
        key = rna.as_pointer()
        if key not in self._relevant:
            never = set(_NEVER_AT_ALL)
            bases = [rna]
            while bases[-1].base is not None:
                bases.append(bases[-1].base)
            for base in bases:
                never.update(_NEVER.get(base.identifier, "").split())
            every = rna.identifier in _ALL_SHOWN
            kept = [one for one in rna.properties if one.identifier not in never and self._counts(one, every)]
            try:
                part.keys()
                has_custom = True
            except (TypeError, AttributeError):
                has_custom = False
            self._relevant[key] = kept, has_custom
        return self._relevant[key]

    def _counts(self, definition: bpy.types.Property, every: bool) -> bool:
        name = definition.identifier
        if definition.is_deprecated or (
            definition.type in _PLAIN and definition.is_readonly and name not in _READ_ONLY
        ):
            return False
        if name.startswith("use_pass_"):
            return self._passes
        return every or name in _SHOWN or not name.startswith(_NEVER_BEGINNING)

    def _property(self, part: Any, definition: bpy.types.Property) -> None:
        name = definition.identifier
        if name.startswith("texspace_") and getattr(part, "use_auto_texspace", False):
            return
        value = _read(part, name)
        if isinstance(value, Exception):
            self._add(name, type(value).__name__)
        elif definition.type in _PLAIN:
            self._plain(part, definition, value)
        elif definition.type == "COLLECTION":
            self._add(name)
            self._items(value)
        else:
            self._pointer(name, value)

    def _plain(self, part: Any, definition: bpy.types.Property, value: object) -> None:
        name = definition.identifier
        plain = _told(value)
        animated = self._animated.get((part.as_pointer(), name)) if self._animated else None
        if animated is not None:
            if not isinstance(plain, tuple):
                return
            plain = tuple(number for index, number in enumerate(plain) if index not in animated)
        if definition.type == "STRING" and definition.subtype == "FILE_PATH" and value:
            plain = _file(part, str(value))
        self._add(name, plain)

    def _pointer(self, name: str, value: Any) -> None:
        if value is None:
            self._add(name, None)
        elif isinstance(value, bpy.types.ID):
            self._add(name, _reference(value))
            if value.as_pointer() in self._inside:
                return
            if value.is_embedded_data:
                self._whole(value)
            else:
                self.visit(value, enter=name == "background_set")
        elif not isinstance(value, bpy.types.bpy_struct):
            self._add(name, _told(value))
        elif _kinds(value) & _BY_NAME or not self._is_ours(value):
            told = [_told(_read(value, each)) for each in ("name", "identifier") if hasattr(value, each)]
            self._add(name, told, getattr(value, "is_output", None))
            if not self._is_ours(value):
                self.visit(value.id_data)
        else:
            self._add(name)
            self.part(value)

    def _is_ours(self, part: Any) -> bool:
        owner = part.id_data
        return owner is None or owner.as_pointer() in self._inside

    def _custom(self, part: Any) -> None:
        known = part.bl_rna.properties
        for key in sorted(part.keys()):
            if key in known or key == "_RNA_UI" or key.startswith("rackfocus_"):
                continue
            if (part.as_pointer(), f'["{key}"]') in self._animated:
                continue
            value = part[key]
            if isinstance(value, bpy.types.ID):
                self.visit(value)
            self._add(key, _told(value))

    def _items(self, items: Any) -> None:
        """A collection: of datablocks, of parts, or of so many numbers that they are read at once."""
        try:
            count = len(items)
        except _UNREADABLE:
            return
        self._add(count)
        if count and self._is_numbers(items[0]) and self._bulk(items, count):
            return
        for item in items:
            if item is None or isinstance(item, bpy.types.ID):
                self._pointer("", item)
            elif isinstance(item, bpy.types.bpy_struct):
                self.part(item)
            else:
                self._add(_told(item))

    def _is_numbers(self, first: Any) -> bool:
        if not isinstance(first, bpy.types.bpy_struct) or isinstance(first, bpy.types.ID):
            return False
        if first.bl_rna.identifier in self._animated_kinds:
            return False
        properties, has_custom = self._properties(first)
        flags = any(definition.type == "ENUM" and definition.is_enum_flag for definition in properties)
        return not has_custom and not flags and all(definition.type in _NUMBERS for definition in properties)

    def _bulk(self, items: Any, count: int) -> bool:
        """Read a collection's numbers at once. Returns whether that could be done."""
        try:
            read = []
            for definition in self._properties(items[0])[0]:
                width = getattr(definition, "array_length", 0) or 1
                values: np.ndarray = np.empty(count * width, _NUMBERS[definition.type])
                items.foreach_get(definition.identifier, values)
                read.append((definition.identifier, values))
        except _UNREADABLE:
            return False
        for name, values in read:
            self._add(name)
            self._hash.update(values.tobytes())
        return True

    # --- What is not told by properties alone ------------------------------------------------------------------------

    def _mesh(self, mesh: bpy.types.Mesh) -> None:
        starts = np.empty(len(mesh.polygons), np.int32)
        mesh.polygons.foreach_get("loop_start", starts)
        self._hash.update(starts.tobytes())
        layers = [(layer.name, layer.active_render) for layer in mesh.uv_layers]
        self._add(layers, mesh.color_attributes.render_color_index)
        self._attributes(mesh)
        weights = np.array([(g.group, g.weight) for vertex in mesh.vertices for g in vertex.groups], np.float32)
        if weights.size:
            counts = np.array([len(vertex.groups) for vertex in mesh.vertices], np.int32)
            self._hash.update(counts.tobytes() + weights.tobytes())

    def _attributes(self, owner: Any) -> None:
        for attribute in sorted(owner.attributes, key=_name):  # editing a mesh puts them into another order
            if not attribute.name.startswith(_EDITORS_OWN):
                self._add(attribute.name, attribute.domain, attribute.data_type)
                self._items(attribute.data)

    def _image(self, image: bpy.types.Image) -> None:
        if image.source != "VIEWER" and image.is_dirty and image.has_data:
            pixels = np.empty(len(image.pixels), np.float32)
            image.pixels.foreach_get(pixels)
            self._hash.update(pixels.tobytes())

    def _packed(self, packed: bpy.types.PackedFile) -> None:
        data = packed.data
        self._hash.update(data if isinstance(data, bytes) else str(data).encode("utf-8", "surrogateescape"))

    def _object(self, block: bpy.types.Object) -> None:
        if block.show_only_shape_key:
            self._add(block.active_shape_key_index)
        if any(modifier.type == "MULTIRES" for modifier in block.modifiers):
            self._hash.update(dna.displacements(block.data))

    def _camera(self, camera: bpy.types.Camera) -> None:
        """The animation, but for that of the focus."""
        animation = camera.animation_data
        if animation is None:
            return
        if len(animation.nla_tracks):
            self.part(animation)
        for curve in _curves_at_work(animation):
            if not curve.data_path.startswith("dof."):
                self.part(curve)

    def _particles(self, system: bpy.types.ParticleSystem) -> None:
        if system.is_edited:
            for particle in system.particles:
                self._items(particle.hair_keys)

    def _driver(self, driver: bpy.types.Driver) -> None:
        """The functions that its expression calls."""
        for name in sorted(set(_WORD.findall(driver.expression))) if driver.type == "SCRIPTED" else ():
            called = bpy.app.driver_namespace.get(name)
            if hasattr(called, "__code__"):
                self._add(name, *_code(called.__code__))
        for variable in driver.variables:
            if variable.type == "CONTEXT_PROP":
                for target in variable.targets:
                    self._reading(target.data_path)

    def _attribute(self, shown: bpy.types.ShaderNodeAttribute) -> None:
        if shown.attribute_type == "VIEW_LAYER":
            self._reading(shown.attribute_name)

    def _camera_info(self, _told: bpy.types.GeometryNode) -> None:
        self._reading("camera.data.dof.focus_distance")
        self._reading("camera.data.dof.focus_object")

    def _reading(self, path: str) -> None:
        """What is read of the scene that renders, or of its view layers."""
        if self._scene is not None:
            for start in (self._scene, *self._scene.view_layers):
                self._read_at(start, path)

    def _target(self, target: bpy.types.DriverTarget) -> None:
        """What a driver reads, also of what does not count by itself."""
        if target.id is None or not target.data_path:
            return
        self._read_at(target.id, target.data_path)
        animation = target.id.animation_data if isinstance(target.id, bpy.types.Scene) else None
        if animation is not None:
            self.visit(animation.action)

    def _read_at(self, start: Any, path: str) -> None:
        """The value at a data path, by its animation where it has some; none of what only tells the playhead."""
        before, name = _split(path)
        try:
            owner = start.path_resolve(before) if before else start
            value = start.path_resolve(path)
        except _UNREADABLE:
            return
        definition = owner.bl_rna.properties.get(name) if hasattr(owner, "bl_rna") else None
        if name.startswith(_OF_THE_PLAYHEAD) or (definition is not None and definition.is_readonly):
            return
        block = owner.id_data if hasattr(owner, "id_data") else start.id_data
        animated_as = path
        if definition is not None and owner != block:
            with suppress(*_UNREADABLE):
                animated_as = owner.path_from_id(name)
        animation = getattr(block, "animation_data", None)
        at_work = _curves_at_work(animation) if animation is not None else ()
        moving = [curve for curve in at_work if curve.data_path == animated_as]
        for curve in moving:
            self.part(curve)
        if not moving:
            self._add(path, _told(value))

    def _bag(self, bag: bpy.types.ActionChannelbag) -> None:
        for curve in bag.fcurves:
            if not curve.data_path.startswith(("dof.", "sequence_editor", "compositor_effects")):
                self.part(curve)


_NEVER["ActionChannelbag"] += " fcurves"
_MORE = {
    "Mesh": _Look._mesh,
    "Image": _Look._image,
    "PackedFile": _Look._packed,
    "Object": _Look._object,
    "Camera": _Look._camera,
    "ParticleSystem": _Look._particles,
    "Driver": _Look._driver,
    "DriverTarget": _Look._target,
    idnames.ATTRIBUTE: _Look._attribute,
    idnames.CAMERA_INFO: _Look._camera_info,
    "ActionChannelbag": _Look._bag,
}


def _reference(block: bpy.types.ID) -> tuple[str, str, str]:
    """What a datablock is called, whatever else is called so in another file."""
    return block.id_type, block.name, block.library.filepath if block.library is not None else ""


def _kinds(part: Any) -> set[str]:
    kinds, rna = set(), part.bl_rna
    while rna is not None:
        kinds.add(rna.identifier)
        rna = rna.base
    return kinds


def _read(part: Any, name: str) -> Any:
    """A property's value, or the error that Blender raised."""
    try:
        return getattr(part, name)
    except _UNREADABLE as error:
        return error


def _told(value: Any) -> object:
    """A value as plain data that is written alike in every session."""
    if isinstance(value, (bool, int, float, str, bytes)) or value is None:
        return value
    if isinstance(value, bpy.types.ID):
        return _reference(value)
    if isinstance(value, (set, frozenset)):
        return tuple(sorted(map(str, value)))
    for method in ("to_dict", "to_list"):
        if hasattr(value, method):
            value = getattr(value, method)()
    if isinstance(value, dict):
        return tuple((key, _told(each)) for key, each in sorted(value.items()))
    try:
        return tuple(_told(each) for each in value)
    except TypeError:
        return type(value).__name__


def _name(attribute: bpy.types.Attribute) -> str:
    return attribute.name


_INDEX = re.compile(r"\[\d+\]$")


def _split(path: str) -> tuple[str, str]:
    """A data path's owner and the property's name, without the index in it; custom ones with their brackets."""
    path = _INDEX.sub("", path)
    if path.endswith('"]'):
        before, _, name = path.rpartition("[")
        return before, "[" + name
    before, _, name = path.rpartition(".")
    return before, name


_WORD = re.compile(r"[^\W\d]\w*")


def _code(code: types.CodeType) -> Iterator[object]:
    """What a function does, written alike in every session."""
    yield code.co_code
    yield code.co_names
    for constant in code.co_consts:
        yield from _code(constant) if isinstance(constant, types.CodeType) else (repr(constant),)


_NUMBER = re.compile(r"\d+(?=\D*$)")


def _file(part: Any, path: str) -> object:
    """A file's content where it is one file, its siblings' names and states where it is one of many."""
    owner = part.id_data
    whole = bpy.path.abspath(path, library=owner.library if owner is not None else None)
    if getattr(part, "source", "") in {"SEQUENCE", "TILED"} or getattr(part, "is_sequence", False):
        return tuple(_siblings(whole))
    try:
        return identity.content_of(whole) if os.path.isfile(whole) else path
    except MediaError:
        return path


def _siblings(path: str) -> Iterator[tuple[object, ...]]:
    folder, name = os.path.split(path)
    shape = re.escape(name)
    tiled = shape.replace("<UDIM>", r"\d+").replace("<UVTILE>", r"u\d+_v\d+")
    pattern = re.compile(tiled if tiled != shape else _NUMBER.sub(lambda _: r"\d+", shape))
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if pattern.fullmatch(entry.name) and entry.is_file():
            yield entry.name, *identity.state_of(entry.path)


def _animated_paths(block: bpy.types.ID) -> set[tuple[str, int]]:
    """(data path, index) of everything in a datablock that animation sets."""
    animation = getattr(block, "animation_data", None)
    if animation is None:
        return set()
    return {(curve.data_path, curve.array_index) for curve in _curves_at_work(animation)}


def _curves_at_work(animation: bpy.types.AnimData) -> Iterator[bpy.types.FCurve]:
    yield from animation.drivers
    of_action = (curve for bag in curves.bags(animation.action, animation.action_slot) for curve in bag.fcurves)
    yield from filter(curves.is_at_work, (*of_action, *curves.of_nla(animation)))
