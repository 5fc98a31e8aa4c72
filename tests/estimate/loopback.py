# SPDX-License-Identifier: GPL-3.0-or-later
"""A host on this machine's loopback address that has one file, and bad habits."""

import http.server
import re
import time


class Host(http.server.ThreadingHTTPServer):
    """A host with one file and bad habits."""

    daemon_threads = True

    def __init__(self, content):
        super().__init__(("127.0.0.1", 0), Answer)
        self.content, self.cut, self.pause_s, self.tag, self.ranges, self.redirect = content, None, 0.0, "", True, ""
        self.asked = []


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
