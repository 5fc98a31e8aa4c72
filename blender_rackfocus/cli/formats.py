# SPDX-License-Identifier: GPL-3.0-or-later
"""What the command line can write: kinds of files by their extension."""

# Extension -> Blender's container and codec; sound goes with it.
MOVIES = {
    ".mp4": ("MPEG4", "H264", "AAC"),
    ".mov": ("QUICKTIME", "H264", "AAC"),
    ".mkv": ("MKV", "H264", "AAC"),
    ".webm": ("WEBM", "WEBM", "OPUS"),
}
PICTURES = {".png": ("PNG", "16"), ".exr": ("OPEN_EXR", "16"), ".tif": ("TIFF", "16"), ".tiff": ("TIFF", "16"),
            ".jpg": ("JPEG", "8"), ".jpeg": ("JPEG", "8")}  # fmt: skip
