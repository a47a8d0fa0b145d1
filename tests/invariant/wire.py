# SPDX-License-Identifier: MIT
"""An HTTP server on raw sockets, so that it can send arbitrary bytes.

An answer is a list of steps: bytes to send, a number of seconds to sleep, RESET (TCP reset) or CLOSE
(orderly shutdown). Without RESET or CLOSE the connection stays open for the next request.
"""
import selectors
import socket
import struct
import threading
import time
import urllib.parse

RESET = "reset"
CLOSE = "close"
HEAD_MAX = 65536
LISTENERS = ("api", "store", "other")


class Ask:
    """One request."""

    def __init__(self, origin, head):
        lines = head.split(b"\r\n")
        method, target, _ = lines[0].decode("latin-1").split(" ", 2)
        self.origin = origin
        self.method = method
        self.target = target
        self.path, _, query = target.partition("?")
        self.query = urllib.parse.parse_qs(query)
        self.headers = {}
        for line in lines[1:]:
            name, _, value = line.decode("latin-1").partition(":")
            self.headers[name.strip().lower()] = value.strip()

    def first(self):
        """The first byte of the requested range; None without a range to the end."""
        spec = self.headers.get("range", "")
        if not spec.startswith("bytes=") or not spec.endswith("-"):
            return None
        return int(spec[6:-1])


class Server:
    """Three origins on loopback; answer(ask) returns the steps."""

    def __init__(self, answer, keep_log=False):
        self.answer = answer
        self.log = [] if keep_log else None
        self.open = set()
        self.lock = threading.Lock()
        self.closed = threading.Event()
        self.sockets = {}
        self.selector = selectors.DefaultSelector()
        for name in LISTENERS:
            one = socket.create_server(("127.0.0.1", 0), backlog=64)
            self.sockets[name] = one
            self.selector.register(one, selectors.EVENT_READ, name)
        self.ports = {name: one.getsockname()[1] for name, one in self.sockets.items()}
        self.wake, self.woken = socket.socketpair()
        self.selector.register(self.woken, selectors.EVENT_READ, None)
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def accept(self):
        while not self.closed.is_set():
            for key, _ in self.selector.select():
                if key.data is None:
                    continue
                try:
                    conn, _ = key.fileobj.accept()
                except OSError:
                    continue
                with self.lock:
                    self.open.add(conn)
                threading.Thread(target=self.serve, args=(key.data, conn), daemon=True).start()

    def close(self):
        self.closed.set()
        self.wake.send(b"x")
        self.thread.join(5)
        with self.lock:
            conns = list(self.open)
        for conn in conns:
            try:
                conn.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for one in (*self.sockets.values(), self.wake, self.woken):
            one.close()
        self.selector.close()

    def settle(self, seconds=5):
        """Wait until no connection is open: the client is gone, and no request is being answered."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with self.lock:
                if not self.open:
                    return
            time.sleep(0.002)

    def serve(self, origin, conn):
        rest = b""
        try:
            conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            conn.settimeout(10)
            while True:
                while b"\r\n\r\n" not in rest:
                    more = conn.recv(HEAD_MAX)
                    if not more or len(rest) > HEAD_MAX:
                        return
                    rest += more
                head, _, rest = rest.partition(b"\r\n\r\n")
                if not self.play(conn, Ask(origin, head)):
                    return
        except (OSError, ValueError):
            pass
        finally:
            with self.lock:
                self.open.discard(conn)
            conn.close()

    def play(self, conn, ask):
        """Send the answer to a request; returns False if that ended the connection."""
        steps = self.answer(ask)
        if self.log is not None:
            self.log.append((time.monotonic(), ask, steps))
        for step in steps:
            if step is RESET:
                conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return False
            if step is CLOSE:
                conn.shutdown(socket.SHUT_WR)
                conn.settimeout(0.2)
                while conn.recv(HEAD_MAX):  # unread data at close would cause a reset
                    pass
                return False
            if isinstance(step, bytes):
                conn.sendall(step)
            elif self.closed.wait(step):
                return False
        return True


def head(status, headers, reason="OK"):
    """A status line and headers (pairs, or whole lines as bytes)."""
    lines = [b"HTTP/1.1 %d %s" % (status, reason.encode())]
    for header in headers:
        lines.append(header if isinstance(header, bytes) else b"%s: %s" % tuple(
            str(part).encode("latin-1") for part in header))
    return b"\r\n".join(lines) + b"\r\n\r\n"


def reply(status, headers, body):
    """An answer with the correct Content-Length."""
    return [head(status, [*headers, ("Content-Length", len(body))]) + body]
