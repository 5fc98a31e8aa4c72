# SPDX-License-Identifier: GPL-3.0-or-later
"""The one rule of eviction: all memories share a budget, and what was used longest ago goes first."""

import gc
import threading

import pytest

from blender_rackfocus.frame.memory import Budget, Memory


@pytest.fixture
def budget():
    return Budget(10)


def memory(budget, least=1):
    return Memory(len, least, budget)


def test_what_was_used_longest_ago_goes_first_whichever_memory_holds_it(budget):
    one, other = memory(budget), memory(budget)
    one.keep("a", "xxx")
    other.keep("b", "xxx")
    one.keep("c", "xxx")
    other.keep("d", "x")  # ten bytes: all fit
    assert (list(one), list(other)) == (["a", "c"], ["b", "d"])
    assert one.get("a") == "xxx"
    one.keep("e", "x")
    assert (list(one), list(other)) == (["c", "a", "e"], ["d"])
    other.keep("f", "xxxx")
    assert (list(one), list(other)) == (["a", "e"], ["d", "f"])


@pytest.mark.parametrize("least", [1, 3])
def test_the_newest_of_each_stay_however_large(budget, least):
    one, other = memory(budget, least), memory(budget)
    other.keep("old", "x" * 20)
    for number in range(5):
        one.keep(number, "x" * 50)
    assert list(one) == list(range(5))[-least:]
    assert list(other) == ["old"]


def test_bytes_are_counted_once_and_given_back(budget):
    one = memory(budget)
    for _ in range(5):
        one.keep("a", "xxx")
    assert one.size_bytes == 3
    one.drop_oldest()
    assert (one.size_bytes, len(one), one.get("a")) == (0, 0, None)
    one.keep("a", "xxx")
    one.clear()
    assert (one.size_bytes, "a" in one) == (0, False)


def test_a_memory_that_is_gone_leaves_its_bytes_to_the_others(budget):
    gone = memory(budget)
    gone.keep("a", "x" * 9)
    del gone
    gc.collect()
    one = memory(budget)
    for key in "abc":
        one.keep(key, "xxx")
    assert list(one) == ["a", "b", "c"]


def test_many_threads_make_an_item_once(budget):
    one, made, together = memory(budget), [], threading.Barrier(4)

    def make():
        made.append(1)
        return "xxx"

    def ask():
        together.wait()
        assert one.made("a", make) == "xxx"

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [1]
    assert one.made("b", make) == "xxx"
    assert made == [1, 1]


def test_made_alone_nothing_is_kept_and_an_error_keeps_nothing(budget):
    one = memory(budget)
    assert one.alone(lambda: "xxx") == "xxx"
    with pytest.raises(ZeroDivisionError):
        one.made("a", lambda: "x" * (1 // 0))
    assert len(one) == 0
    assert one.made("a", lambda: "x") == "x"
