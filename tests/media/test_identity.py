# SPDX-License-Identifier: GPL-3.0-or-later
"""A file's state: what tells whether it was written since."""

import pytest

from blender_rackfocus.media import identity


def test_a_look_asks_once_and_the_next_one_again(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"one")
    with identity.one_look():
        before = identity.state_of(path)
        path.write_bytes(b"two")
        assert identity.state_of(path) == before
    after = identity.state_of(path)
    assert after != before
    with identity.one_look():
        assert identity.state_of(path) == after


def test_what_is_not_there_is_looked_for_again_within_a_look(tmp_path):
    with identity.one_look():
        with pytest.raises(OSError, match="No such file"):
            identity.state_of(tmp_path / "later")
        (tmp_path / "later").write_bytes(b"now")
        assert identity.state_of(tmp_path / "later")


def test_what_a_look_was_told_once_is_not_made_again(tmp_path):
    made = []

    def make():
        made.append(1)
        return len(made)

    with identity.one_look():
        assert (identity.once("a", make), identity.once("a", make), identity.once("b", make)) == (1, 1, 2)
    assert (identity.once("a", make), identity.once("a", make)) == (3, 4)
