# SPDX-License-Identifier: GPL-3.0-or-later
"""`blender -b shot.blend -a` with the installed zip: the focus moves, and what cannot be made is never written."""

import subprocess

import bpy
import stripes


def _render(blend, *arguments):
    return subprocess.run(
        [bpy.app.binary_path, "-b", str(blend), *arguments], capture_output=True, text=True, timeout=300
    )


def _contrasts(path):
    """Contrast of the near (red) and of the far (green) stripes in a rendered frame."""
    import numpy as np

    image = bpy.data.images.load(str(path))
    pixels = np.empty((stripes.HEIGHT, stripes.WIDTH, 4), np.float32)
    image.pixels.foreach_get(pixels.ravel())
    bpy.data.images.remove(image)
    return stripes.contrasts(pixels)


def _assert_racked(folder):
    """Twelve frames, the near stripes sharp in the first, the far ones in the last."""
    frames = sorted(folder.iterdir())
    assert len(frames) == 12
    near, far = _contrasts(frames[0])
    assert near > 0.4
    assert far < 0.1
    near, far = _contrasts(frames[-1])
    assert near < 0.1
    assert far > 0.4


def test_the_shot_is_racked(shot):
    ran = _render(shot, "-a")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    _assert_racked(shot.parent / "frames")


def test_a_single_frame_is_the_same_as_in_the_animation(shot):
    assert _render(shot, "-a").returncode == 0
    frame = shot.parent / "frames" / "0006.png"
    first = frame.read_bytes()
    frame.unlink()
    assert _render(shot, "-f", "6").returncode == 0
    import numpy as np

    frames = []
    for data in (first, frame.read_bytes()):
        frame.write_bytes(data)
        image = bpy.data.images.load(str(frame))
        pixels = np.empty(stripes.HEIGHT * stripes.WIDTH * 4, np.float32)
        image.pixels.foreach_get(pixels)
        bpy.data.images.remove(image)
        frames.append(pixels)
    assert np.array_equal(*frames)


def test_a_broken_file_stops_the_render_and_is_named(shot, clip):
    clip[5].write_bytes(clip[5].read_bytes()[:3000])
    ran = _render(shot, "-a")
    assert ran.returncode != 0
    assert clip[5].name in ran.stdout + ran.stderr
    assert "Stripes" in ran.stdout + ran.stderr
    written = sorted(path.name for path in (shot.parent / "frames").glob("*.png"))
    assert "0006.png" not in written
    assert written[:5] == [f"{number:04d}.png" for number in range(1, 6)]


def test_rack_answers_to_blenders_own_command_line(clip, tmp_path):
    target = tmp_path / "racked" / "racked_####.png"
    command = [bpy.app.binary_path, "-b", "--command", "rackfocus", "rack", str(clip[0]), "-o", str(target)]
    settings = ["--lens", "80", "--f-stop", "1", "--at", "4", "--over", "4"]
    ran = subprocess.run([*command, *settings], capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    _assert_racked(target.parent)
