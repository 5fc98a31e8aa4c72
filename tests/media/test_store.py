# SPDX-License-Identifier: GPL-3.0-or-later
"""The store: what was put comes back or nothing does, whatever happened to the file, the disk or the process."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from blender_rackfocus.media import MediaError, locks
from blender_rackfocus.media.store import SUFFIX, Store, key_of

FRAME = np.arange(2 * 3 * 4, dtype=np.float32).reshape(2, 3, 4)
KEY = key_of(frame=1)


def files(folder):
    return sorted(path for path in Path(folder).rglob("*") if path.is_file())


@pytest.mark.parametrize("dtype", ["float32", "float16", "uint8", ">f4"])
@pytest.mark.parametrize("shape", [(5, 7, 4), (3,), (0, 4)])
def test_what_was_put_comes_back(tmp_path, dtype, shape):
    array = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    store = Store(tmp_path)
    assert store.get(KEY) is None
    store.put(KEY, array)
    got = store.get(KEY)
    assert got.dtype == array.dtype
    np.testing.assert_array_equal(got, array)
    assert len(files(tmp_path)) == 1


def test_a_view_is_stored_in_its_own_order(tmp_path):
    store = Store(tmp_path)
    store.put(KEY, FRAME[::-1, :, 1:3])
    np.testing.assert_array_equal(store.get(KEY), FRAME[::-1, :, 1:3])


def test_keys_depend_on_every_ingredient_and_not_on_their_order():
    base = {"path": "a.exr", "frame": 3, "lens": [50.0, 2.8], "core": "1"}
    assert key_of(**base) == key_of(**dict(reversed(base.items())))
    for name, other in (("path", "b.exr"), ("frame", 4), ("lens", [50.0, 2.80001]), ("core", "2")):
        assert key_of(**base) != key_of(**{**base, name: other})
    with pytest.raises(ValueError, match="ingredients"):
        key_of(array=FRAME)


def test_only_keys_are_taken(tmp_path):
    with pytest.raises(ValueError, match="key"):
        Store(tmp_path).put("../../elsewhere", FRAME)


@pytest.mark.parametrize("length", [0, 5, 40, -1])
def test_an_entry_cut_short_is_absent(tmp_path, length):
    store = Store(tmp_path)
    store.put(KEY, FRAME)
    path = Path(store.path(KEY))
    path.write_bytes(path.read_bytes()[:length])
    assert store.get(KEY) is None
    assert store.verify() == [str(path)]
    assert files(tmp_path) == []


def test_every_damaged_byte_is_noticed(tmp_path):
    store = Store(tmp_path)
    store.put(KEY, FRAME)
    path = Path(store.path(KEY))
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x11]) + whole[place + 1 :])
        got = store.get(KEY)
        assert got is None or np.array_equal(got, FRAME)
    path.write_bytes(whole + b"more")
    assert store.get(KEY) is None


def test_a_foreign_and_an_older_entry_are_absent_and_made_again(tmp_path):
    store = Store(tmp_path)
    other = key_of(frame=2)
    store.put(other, FRAME + 1)
    path = Path(store.path(KEY))
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(Path(store.path(other)).read_bytes())
    assert store.get(KEY) is None
    path.write_bytes(path.read_bytes().replace(b'"version": 1', b'"version": 0'))
    assert store.get(KEY) is None
    store.put(KEY, FRAME)
    np.testing.assert_array_equal(store.get(KEY), FRAME)


def test_the_least_recently_used_goes_and_the_limit_holds(tmp_path):
    big = np.zeros(10_000, np.uint8)
    store = Store(tmp_path, limit_bytes=55_000)
    keys = [key_of(frame=n) for n in range(8)]
    for number, key in enumerate(keys[:5]):
        store.put(key, big)
        os.utime(store.path(key), (number, number))
    assert store.get(keys[0]) is not None  # used now: stays
    store.put(keys[5], big)
    assert store.size_bytes() <= 55_000
    assert [store.get(key) is not None for key in keys[:6]] == [True, False, False, True, True, True]


def test_contents_and_clear_leave_other_files_alone(tmp_path):
    store = Store(tmp_path)
    (tmp_path / "shot.exr").write_bytes(b"not ours")
    (tmp_path / "ab").mkdir()
    (tmp_path / "ab" / "note.txt").write_bytes(b"not ours")
    store.put(KEY, FRAME, kind="depth", frame=7)
    (entry,) = store.contents()
    assert (entry.key, entry.shape, entry.dtype, entry.notes) == (KEY, (2, 3, 4), "<f4", {"kind": "depth", "frame": 7})
    assert entry.size_bytes == store.size_bytes() == Path(store.path(KEY)).stat().st_size
    assert store.clear() == 1
    assert store.contents() == []
    assert [path.name for path in files(tmp_path)] == ["note.txt", "shot.exr"]


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "taken").write_bytes(b"")
    with pytest.raises(MediaError, match="cannot be kept"):
        Store(tmp_path / "taken").put(KEY, FRAME)


def test_a_disk_that_fills_up_leaves_nothing(tmp_path, monkeypatch):
    def full(_handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(MediaError, match="No space left"):
        Store(tmp_path).put(KEY, FRAME)
    assert files(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps what is open by itself")
def test_what_a_dead_process_left_goes_and_what_a_living_one_writes_stays(tmp_path):
    store = Store(tmp_path)
    store.put(KEY, FRAME)
    dead, living = (Path(store.path(KEY)).with_name(f"{name}.rftemp") for name in ("dead", "living"))
    dead.write_bytes(b"half")
    with open(living, "xb") as file:
        locks.hold(file)
        store.sweep()
        assert dead not in files(tmp_path)
        assert living in files(tmp_path)
    store.clear()
    assert files(tmp_path) == []


CLAIMER = """
import sys
from blender_rackfocus.media.locks import Claims
claims = Claims(sys.argv[1])
print(*(claims.take(int(n)) for n in sys.argv[2:]), flush=True)
sys.stdin.readline()
"""


def _claimer(folder, *numbers):
    return subprocess.Popen(
        [sys.executable, "-c", CLAIMER, str(folder), *map(str, numbers)],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_number_is_claimed_once_and_free_again_after_a_kill(tmp_path):
    first = _claimer(tmp_path, 1, 2)
    assert first.stdout.readline() == "True True\n"
    claims = locks.Claims(tmp_path)
    assert [claims.take(number) for number in (1, 2, 3)] == [False, False, True]
    first.kill()
    first.communicate()
    assert claims.take(1)
    claims.close()
    assert files(tmp_path) == []


def test_the_last_one_to_leave_takes_the_claims_along(tmp_path):
    with _claimer(tmp_path, 7) as other:
        other.stdout.readline()
        claims = locks.Claims(tmp_path)
        assert claims.take(8)
        claims.close()
        assert len(files(tmp_path)) == 1
        other.communicate("\n")
    assert len(files(tmp_path)) == 1  # it ended without a word
    claims = locks.Claims(tmp_path)
    assert claims.take(7)
    claims.close()
    assert files(tmp_path) == []


WRITER = """
import sys, numpy as np
from blender_rackfocus.media.store import Store, key_of
store = Store(sys.argv[1], limit_bytes=int(sys.argv[2]))
print("ready", flush=True)
for n in range(int(sys.argv[3])):
    array = np.full((200, 300, 4), n % 20, np.float32)
    got = store.get(key_of(n=n % 20))
    if got is None:
        store.put(key_of(n=n % 20), array)
    assert got is None or (got == n % 20).all()
"""


def _writer(folder, limit, rounds):
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), str(limit), str(rounds)],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_several_processes_on_one_small_folder(tmp_path):
    writers = [_writer(tmp_path, 6_000_000, 60) for _ in range(3)]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0, 0]
    for writer in writers:
        writer.stdout.close()
    assert Store(tmp_path).verify() == []
    assert all(path.suffix == SUFFIX for path in files(tmp_path))


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_a_killed_process_leaves_only_whole_entries(tmp_path):
    for number in range(5):
        writer = _writer(tmp_path, 10**9, 10_000)
        writer.stdout.readline()
        time.sleep(0.01 * number)
        writer.kill()
        writer.wait()
        writer.stdout.close()
    store = Store(tmp_path)
    assert store.verify() == []
    store.sweep()
    assert all(path.suffix == SUFFIX for path in files(tmp_path))


def test_an_entry_whose_header_is_nested_without_end_is_absent(tmp_path):
    store = Store(tmp_path)
    key = key_of(a=1)
    store.put(key, np.zeros(3))
    data = (tmp_path / key[:2]).glob("*").__next__()
    header = b"[" * 100_000
    data.write_bytes(data.read_bytes().split(b"{")[0][:-4] + len(header).to_bytes(4, "little") + header)
    assert store.get(key) is None
    assert store.contents() == []
    assert store.verify() == [str(data)]
