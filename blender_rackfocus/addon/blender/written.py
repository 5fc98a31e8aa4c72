# SPDX-License-Identifier: GPL-3.0-or-later
"""How a render of ours writes its file: exactly as said, whatever the user's scene was set to."""

from __future__ import annotations

import bpy


def write_as(
    render: bpy.types.RenderSettings, file_format: str, color_mode: str = "RGBA", color_depth: str = "32"
) -> None:
    """Have a scene write its renders in one of Blender's formats: to just the path that it is given, over what is
    there, uncompressed, since it is soon read, and with nothing burnt in."""
    settings = render.image_settings
    settings.media_type = "MULTI_LAYER_IMAGE" if file_format == "OPEN_EXR_MULTILAYER" else "IMAGE"
    settings.file_format = file_format
    settings.color_mode, settings.color_depth = color_mode, color_depth
    settings.exr_codec = settings.tiff_codec = "NONE"
    settings.color_management = "FOLLOW_SCENE"
    render.use_overwrite = True
    render.use_file_extension = render.use_placeholder = render.use_stamp = False
