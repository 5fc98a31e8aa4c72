# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks that are fetched: against a real server on this machine's loopback address."""

import hashlib
import http.server
import json
import re
import socket
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from blender_rackfocus.estimate import Cancelled, EstimateError, models

CONTENT = np.random.default_rng(1).bytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Host(http.server.ThreadingHTTPServer):
    """A host with one file and bad habits."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answer)
        self.content, self.cut, self.pause_s, self.tag, self.ranges, self.redirect = CONTENT, None, 0.0, "", True, ""
        self.asked = []

    def model(self, sha256=SHA256, path="/m.onnx"):
        address = f"http://127.0.0.1:{self.server_port}{path}"
        return replace(models.TABLE[0], name="test", file="m.onnx", address=address, sha256=sha256)


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        host = self.server
        host.asked.append((self.path, self.headers.get("Range")))
        if host.redirect and self.path == "/m.onnx":
            self.send_response(302)
            self.send_header("Location", "/store")
            self.send_header("X-Linked-Etag", f'"{host.redirect}"')
            self.end_headers()
            return
        if self.path not in ("/m.onnx", "/store"):
            self.send_error(404)
            return
        start = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        at = int(start[1]) if start and host.ranges else 0
        if at >= len(host.content):
            self.send_error(416)
            return
        self.send_response(206 if at else 200)
        self.send_header("Content-Length", str(len(host.content) - at))
        if host.tag:
            self.send_header("ETag", host.tag)
        self.end_headers()
        end = len(host.content) if host.cut is None else host.cut
        try:
            for block in range(at, end, 20_000):
                self.wfile.write(host.content[block : min(block + 20_000, end)])
                time.sleep(host.pause_s)
        except OSError:  # the other end has had enough
            pass
        self.close_connection = True

    def log_message(self, *_):
        pass


@pytest.fixture
def host():
    with Host() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def test_a_network_is_fetched_once_and_checked(host, tmp_path):
    seen = []
    path = models.get(host.model(), tmp_path, consent=True, progress=lambda have, total: seen.append((have, total)))
    assert path.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [have for have, _ in seen] == sorted(have for have, _ in seen)
    assert [one.name for one in tmp_path.iterdir()] == ["m.onnx"]
    assert models.get(host.model(), tmp_path, consent=False) == path
    assert len(host.asked) == 1


def test_nothing_is_asked_of_anybody_without_consent(host, tmp_path):
    with pytest.raises(EstimateError, match="only when you say so"):
        models.get(host.model(), tmp_path / "folder", consent=False)
    assert host.asked == []
    assert not (tmp_path / "folder").exists()


def test_cut_then_resumed(host, tmp_path):
    host.cut = 100_000
    with pytest.raises(EstimateError, match=r"broke off.*what has come is kept"):
        models.get(host.model(), tmp_path, consent=True)
    assert not (tmp_path / "m.onnx").exists()
    host.cut = None
    assert models.get(host.model(), tmp_path, consent=True).read_bytes() == CONTENT
    assert host.asked[-1] == ("/m.onnx", "bytes=100000-")


def test_a_host_that_knows_no_ranges_sends_it_anew(host, tmp_path):
    (tmp_path / "m.onnx.part").write_bytes(CONTENT[:50_000])
    host.ranges = False
    assert models.get(host.model(), tmp_path, consent=True).read_bytes() == CONTENT


@pytest.mark.parametrize("rest", [0, 1000])
def test_a_whole_part_and_one_too_long(host, tmp_path, rest):
    (tmp_path / "m.onnx.part").write_bytes(CONTENT + bytes(rest))
    if rest:
        with pytest.raises(EstimateError, match="checksum"):
            models.get(host.model(), tmp_path, consent=True)
    assert models.get(host.model(), tmp_path, consent=True).read_bytes() == CONTENT


def test_a_wrong_checksum_leaves_nothing(host, tmp_path):
    host.content = CONTENT[:-1] + b"x"
    with pytest.raises(EstimateError, match=r"127\.0\.0\.1 sent for test is not the network.*removed"):
        models.get(host.model(), tmp_path, consent=True)
    assert list(tmp_path.iterdir()) == []


def test_not_there(host, tmp_path):
    with pytest.raises(EstimateError, match="does not have it any more"):
        models.get(host.model(path="/gone.onnx"), tmp_path, consent=True)
    assert list(tmp_path.glob("*.onnx")) == []


def test_offline(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    model = replace(models.TABLE[0], address=f"http://127.0.0.1:{port}/m.onnx")
    with pytest.raises(EstimateError, match=r"cannot be fetched from 127\.0\.0\.1.*file from disk"):
        models.get(model, tmp_path, consent=True)


def test_a_host_that_falls_silent(host, tmp_path):
    host.pause_s = 5
    with pytest.raises(EstimateError, match="it sends nothing"):
        models.get(host.model(), tmp_path, consent=True, timeout_s=0.3)


def test_cancelled_then_resumed(host, tmp_path):
    host.pause_s = 0.02
    seen = []
    with pytest.raises(Cancelled):
        models.get(
            host.model(),
            tmp_path,
            consent=True,
            progress=lambda *one: seen.append(one),
            cancelled=lambda: len(seen) > 3,
        )
    kept = (tmp_path / "m.onnx.part").stat().st_size
    assert 0 < kept < len(CONTENT)
    host.pause_s = 0
    assert models.get(host.model(), tmp_path, consent=True).read_bytes() == CONTENT
    assert host.asked[-1][1] == f"bytes={kept}-"


def test_a_checksum_that_only_the_host_knows(host, tmp_path):
    host.redirect, host.tag = SHA256, '"' + "0" * 64 + '"'  # the store's own tag is no checksum
    model = host.model(sha256="")
    assert models.kept_checksum(model, tmp_path) == ("", "")
    assert models.get(model, tmp_path, consent=True).read_bytes() == CONTENT
    assert models.kept_checksum(model, tmp_path) == (SHA256, "host")
    assert json.loads((tmp_path / "checksums.json").read_text())["test"]["sha256"] == SHA256


def test_the_hosts_checksum_is_held_against_what_came(host, tmp_path):
    host.tag = f'"{"1" * 64}"'
    with pytest.raises(EstimateError, match="checksum"):
        models.get(host.model(sha256=""), tmp_path, consent=True)
    host.tag = ""
    models.get(host.model(sha256=""), tmp_path, consent=True)
    assert models.kept_checksum(host.model(sha256=""), tmp_path) == (SHA256, "first download")


def test_another_file_altogether_is_not_loaded(host, tmp_path):
    host.content = bytes(5_000_000)
    with pytest.raises(EstimateError, match="another file"):
        models.get(host.model(), tmp_path, consent=True)


def test_a_folder_that_cannot_be_written(host, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EstimateError, match="cannot be kept"):
        models.get(host.model(), tmp_path / "file", consent=True)


def test_the_table_is_whole():
    assert len({model.name for model in models.TABLE}) == len(models.TABLE)
    for model in models.TABLE:
        assert model.address.startswith("https://")
        assert model.sha256 == "" or re.fullmatch("[0-9a-f]{64}", model.sha256)
        assert models.named(model.name) is model
    with pytest.raises(EstimateError, match="tcmonodepth-small"):
        models.named("something")
