# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said on the console: the name first, once where once is asked for, and silence when it is gone."""

import gc
import logging

import pytest

from blender_rackfocus.addon.blender import log


class _Scope:
    """Anything that lives for a while."""


@pytest.fixture
def say(registered):
    """A logger of some module of the package."""
    return logging.getLogger("blender_rackfocus.addon.anything")


def test_a_line_begins_with_the_name_and_the_kind(say, capsys):
    say.info("%d of 10", 3)
    say.warning("odd")
    say.error("bad")
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == ["Rack Focus: 3 of 10", "Rack Focus: Warning: odd", "Rack Focus: Error: bad"]


def test_the_same_words_are_said_once_as_long_as_their_scope_lives(say, capsys):
    one, other = _Scope(), _Scope()
    for scope in (one, one, other):
        say.warning("frame %d", 1, extra=log.once(scope))
    say.warning("frame %d", 2, extra=log.once(one))
    del one
    gc.collect()
    say.warning("frame %d", 1, extra=log.once(_Scope()))
    assert [line[-1] for line in capsys.readouterr().err.splitlines()] == ["1", "1", "2", "1"]


def test_without_a_scope_everything_is_said(say, capsys):
    say.warning("again")
    say.warning("again")
    assert capsys.readouterr().err.count("again") == 2


def test_a_bug_shows_where_it_happened(say, capsys):
    try:
        [].pop()
    except IndexError:
        say.exception("what was under way")
    first, *rest = capsys.readouterr().err.splitlines()
    assert first == "Rack Focus: Error: what was under way"
    assert rest[0].startswith("Traceback")
    assert rest[-1].startswith("IndexError")


def test_nothing_is_said_twice_and_a_console_that_is_gone_fails_nothing(say, capsys, monkeypatch):
    log.register()
    logging.getLogger().addHandler(elsewhere := logging.StreamHandler())
    say.warning("one line")
    logging.getLogger().removeHandler(elsewhere)
    assert capsys.readouterr().err.count("one line") == 1
    monkeypatch.setattr("sys.stderr", None)
    say.warning("to nobody")


def test_taken_out_it_leaves_pythons_logging_as_it_was(registered):
    tree = logging.getLogger(log.TREE)
    log.unregister()
    try:
        assert not [handler for handler in tree.handlers if type(handler).__module__ == log.__name__]
        assert (tree.level, tree.propagate) == (logging.NOTSET, True)
    finally:
        log.register()
