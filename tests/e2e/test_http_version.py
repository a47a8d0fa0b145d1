# SPDX-License-Identifier: MIT
"""A server whose status line says HTTP/2 where HTTP/1.1 is spoken: answers come one after the other.

libcurl believes the line, and then lets several transfers share that connection at a time.
"""
import json
import socket
import ssl
import threading
import time

import pytest

from conftest import certificate

COUNT = 12
SIZE = 400_000


def content(number):
    return b"%03d" % number * (SIZE // 3)


class Server:
    """One answer after the other on each connection; each body in halves, with a pause between."""

    def __init__(self, context):
        self.context = context
        self.door = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.base = "%s://127.0.0.1:%d" % ("https" if context else "http", self.door.getsockname()[1])
        self.mixed = False
        self.behind = b""  # sent with the end of each answer
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                conn, _ = self.door.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(conn,), daemon=True).start()

    def close(self):
        self.door.shutdown(socket.SHUT_RDWR)
        self.door.close()

    def answer(self, path):
        """(status line, body)"""
        if path.endswith("/artifacts"):
            rows = [{"artifact_id": "a_%d" % n, "artifact_type": "html", "signed_url": "%s/%d" % (self.base, n)}
                    for n in range(COUNT)]
            return b"HTTP/1.1 200 OK", json.dumps(rows).encode()
        if "/runs/" in path:
            return b"HTTP/1.1 200 OK", json.dumps({"run_id": "tsk_1", "status": "completed"}).encode()
        if "/v1/" in path:
            return b"HTTP/1.1 404 Not Found", b"{}"
        number = int(path.strip("/"))
        return b"HTTP/1.1 200 OK" if number % 3 else b"HTTP/2 200 ", content(number)

    def serve(self, conn):
        rest = b""
        try:
            conn.settimeout(20)
            if self.context:
                conn = self.context.wrap_socket(conn, server_side=True)
            with conn:
                while True:
                    while b"\r\n\r\n" not in rest:
                        more = conn.recv(65536)
                        if not more:
                            return
                        rest += more
                    head, _, rest = rest.partition(b"\r\n\r\n")
                    line, body = self.answer(head.split(b" ")[1].decode())
                    conn.sendall(b"%s\r\nContent-Length: %d\r\n\r\n" % (line, len(body)) + body[:len(body) // 2])
                    if len(body) > 1000:
                        time.sleep(0.1)
                    conn.settimeout(0.001)
                    try:  # a second request before the first has its answer
                        rest += conn.recv(65536)
                        self.mixed = self.mixed or bool(rest)
                    except (TimeoutError, ssl.SSLWantReadError):
                        pass
                    conn.settimeout(20)
                    conn.sendall(body[len(body) // 2:] + self.behind)
        except OSError:
            pass


def get(pull, tmp_path, tls, jobs, behind=b""):
    """Pull all from such a server, and compare each artifact with what it holds."""
    context, more = None, []
    if tls:
        ca, both = certificate(tmp_path, "127.0.0.1", "IP:127.0.0.1")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(both)
        more = ["--ca-file", ca]
    server = Server(context)
    server.behind = behind
    try:
        result, manifest, top = pull("-j", jobs, *more, "tsk_1", SKYVERN_BASE_URL=server.base)
    finally:
        server.close()
    assert not server.mixed, result
    assert len(manifest["artifacts"]) == COUNT
    for entry in manifest["artifacts"]:
        assert (top / entry["path"]).read_bytes() == content(int(entry["artifact_id"][2:]))


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_connection_is_not_shared(pull, tmp_path, tls):
    get(pull, tmp_path, tls, "4")


@pytest.mark.parametrize("jobs", ["1", "8"])
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_an_answer_that_nobody_asked_for_is_not_the_next_ones(pull, tmp_path, tls, jobs):
    """By TLS it lies in the record of the answer before it, where the socket does not show it."""
    get(pull, tmp_path, tls, jobs, b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nunasked")
