# SPDX-License-Identifier: GPL-3.0-or-later
"""How one image carries pixels, their alpha, and where they count."""

from __future__ import annotations

import numpy as np

from blender_rackfocus.frame import coding


def pair():
    """A picture with alpha from 0 to 1, and another that differs from it in some pixels."""
    rng = np.random.default_rng(2)
    source = rng.random((7, 9, 4)).astype(np.float32)
    source[0, :3, 3] = 0, 1, 0.5
    result, changed = source.copy(), rng.random((7, 9)) < 0.4
    result[changed] += np.float32(0.125)
    result[..., 3] = np.minimum(result[..., 3], 1)
    return source, result, changed


def test_what_differs_counts_and_comes_back():
    source, result, changed = pair()
    picture, counts = coding.decode(coding.encode(result, source), 9, 7)
    assert np.array_equal(counts, changed)
    assert np.abs(picture - result)[changed].max() < 1e-6
    assert coding.encode(source, source) is None


def test_blenders_nodes_can_tell_what_has_a_say_and_what_counts():
    source, result, changed = pair()
    alpha = coding.encode(result, source).reshape(7, 9, 4)[::-1][..., 3]
    assert (np.abs(alpha) >= 1).all()  # a live pixel has a say
    assert np.array_equal(alpha > coding.TOUCHED_ABOVE, changed)


def test_whole_is_every_pixel_of_the_picture_with_its_alpha():
    source, result, _changed = pair()
    flat = coding.encode(result, source)
    before = flat.copy()
    picture, counts = coding.decode(coding.whole(flat), 9, 7)
    assert counts.all()
    assert np.abs(picture - result).max() < 1e-6
    assert np.array_equal(flat, before)


def test_encoded_is_decoded_undone_where_it_counts():
    source, result, changed = pair()
    flat = coding.encode(result, source)
    again = coding.encoded(*coding.decode(flat, 9, 7))
    shown, kept = again.reshape(7, 9, 4)[::-1], flat.reshape(7, 9, 4)[::-1]
    assert np.array_equal(shown[changed], kept[changed])
    assert (shown[~changed][:, 3] <= coding.UNTOUCHED).all()
    assert coding.encoded(result, np.zeros((7, 9), bool)) is None
