# SPDX-License-Identifier: MIT
"""A run of any size, served by a small API: the bytes of its recordings are made while they are sent."""
import json
import random
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from emulator import media

RUN = "tsk_large"
PIECE = 4 << 20
SHOT = 150_000  # bytes of a screenshot
TEXT = 40_000


def row(number, kind, ext, size):
    created = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(1_768_909_940 + number)) + ".276851"
    return {"artifact_id": "a_%d" % number, "artifact_type": kind, "bundle_key": None, "checksum": None, "file_size": size,
            "uri": "s3://b/%s_%s_a_%d.%s" % (created, kind, number, ext), "run_id": RUN, "step_id": "stp_%d" % (number // 10),
            "created_at": created}


class Content:
    """The artifacts: texts and screenshots between the recordings, each different from all others."""

    def __init__(self, size, recording, shots, texts):
        """size: about the bytes of all together; recording: those of each recording."""
        count = max(1, (size - shots * SHOT - texts * TEXT) // recording)
        self.noise = random.Random(7).randbytes(PIECE)
        kinds = [("recording", "webm", recording)] * count + [("screenshot_action", "png", SHOT)] * shots
        kinds += [("html_action", "html", TEXT)] * texts
        random.Random(8).shuffle(kinds)
        self.rows = [row(i, *kind) for i, kind in enumerate(kinds)]

    def pieces(self, number):
        """The bytes of an artifact."""
        kind, left = self.rows[number]["artifact_type"], self.rows[number]["file_size"]
        rng = random.Random(number)
        if kind == "html_action":
            yield (b"<p>%d " % number + rng.randbytes(TEXT // 2).hex().encode())[:TEXT]
            return
        if kind == "screenshot_action":
            yield (media.png(64, 64, number) + rng.randbytes(SHOT))[:SHOT]
            return
        yield media.webm(65536, number)[:left]
        left -= min(left, len(media.webm(65536, number)))
        while left:
            piece = (rng.randbytes(64) + self.noise)[:min(left, PIECE)]
            yield piece
            left -= len(piece)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def send(self, kind, size):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(size))
        self.end_headers()

    def send_json(self, value):
        body = json.dumps(value).encode()
        self.send("application/json", len(body))
        self.wfile.write(body)

    def do_GET(self):
        content, base = self.server.content, "http://127.0.0.1:%d" % self.server.server_address[1]
        found = re.fullmatch(r"/o/a_(\d+)", self.path.split("?")[0])
        if found and int(found[1]) < len(content.rows):
            self.send("application/octet-stream", content.rows[int(found[1])]["file_size"])
            for piece in content.pieces(int(found[1])):
                self.wfile.write(piece)
        elif self.path.split("?")[0] == "/v1/runs/%s/artifacts" % RUN:
            signed = "?expiry=4102444800&kid=k&sig=" + "s" * 43
            self.send_json([dict(row, signed_url="%s/o/%s%s" % (base, row["artifact_id"], signed)) for row in content.rows])
        elif self.path == "/v1/runs/" + RUN:
            self.send_json({"run_id": RUN, "status": "completed", "created_at": "2026-01-20T11:52:20"})
        else:
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()


def serve(content):
    """Serve the run on a free port; returns the server, which has `base`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.content, server.base = content, "http://127.0.0.1:%d" % server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
