# SPDX-License-Identifier: MIT
"""The webhook receiver and clients without a key."""
import contextlib
import re
import resource
import socket
import threading
import time

import pytest

from conftest import SKYARC
from test_faults import wait_for
from test_listen import listen, payload, sign  # noqa: F401 (a fixture)

MIB = 1 << 20


def memory(process):
    """Bytes of memory that a process had at most; a sanitizer's own are not counted."""
    with open(SKYARC, "rb") as file:
        program = file.read()
    if b"__asan_init" in program or b"__tsan_init" in program:
        return 0
    with open("/proc/%d/status" % process.pid, encoding="utf-8") as file:
        return int(re.search(r"VmHWM:\s*(\d+) kB", file.read()).group(1)) * 1024


@contextlib.contextmanager
def connections(port, count):
    """Open connections, which are closed at the end."""
    made = []
    try:
        for _ in range(count):
            made.append(socket.create_connection(("127.0.0.1", port), timeout=20))
        yield made
    finally:
        for one in made:
            one.close()


def head(length, signature=None):
    return (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n" % length
            + (b"x-skyvern-signature: %s\r\n" % signature.encode() if signature else b"") + b"\r\n")


def push(one, data):
    """Send as much as the receiver accepts."""
    with contextlib.suppress(OSError):
        one.settimeout(1)
        one.sendall(data)


def gone(one, within=20):
    """Whether the other side ends a connection in that time."""
    one.settimeout(within)
    try:
        return one.recv(1000) == b""
    except socket.timeout:
        return False
    except OSError:
        return True


def posted(one, emu, run="tsk_demo3"):
    """Post a webhook; returns the duration."""
    body = payload(run)
    begin = time.monotonic()
    assert one.ask("POST", "/", body, sign(emu.key, body))[0] == 200
    return time.monotonic() - begin


@pytest.mark.parametrize("signature", [None, "0" * 64])
def test_unfinished_bodies(listen, emu, tmp_path, signature):  # noqa: F811
    """A hundred bodies of 10 MB that do not end: one budget for them all, and a webhook passes."""
    one = listen("--address-limit", "0")
    before = memory(one.process)
    piece = b" " * (10 * MIB - 1)
    with connections(one.port, 100) as made:
        for c in made:
            push(c, head(10 * MIB, signature) + piece)
        assert posted(one, emu) < 10
        assert memory(one.process) - before < ((64 if signature else 0) + 24) * MIB
    wait_for((tmp_path / "in" / "tsk_demo3.tar.zst").exists)


def test_what_is_not_signed_is_not_taken(listen, emu):  # noqa: F811
    """Said when the head is here, before a body is."""
    one = listen()
    for signature in (None, "short", "0" * 63 + "G"):
        with connections(one.port, 1) as (c,):
            c.sendall(head(10 * MIB, signature))
            assert b" 401 " in c.recv(1000).split(b"\r\n")[0]
    with connections(one.port, 1) as (c,):
        c.sendall(b"POST /elsewhere HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert b" 404 " in c.recv(1000).split(b"\r\n")[0]


def test_a_webhook_of_ten_mebibytes_beside_them(listen, emu):  # noqa: F811
    """Small ones come before large ones that do not end, and a large one has its room."""
    one = listen("--address-limit", "0")
    with connections(one.port, 20) as made:
        for c in made:
            push(c, head(10 * MIB, "0" * 64) + b" " * (9 * MIB))
        body = payload("tsk_demo3")
        body += b" " * (10 * MIB - len(body))
        assert one.ask("POST", "/", body, sign(emu.key, body))[0] == 200


def trickle(made, until):
    """Keep connections busy: one byte of a header, now and then."""
    while not until.wait(0.2):
        for c in made:
            with contextlib.suppress(OSError):
                c.send(b"x")


@pytest.mark.parametrize("limit", ["64", "0"])
def test_slow_clients(listen, emu, tmp_path, limit):  # noqa: F811
    """More slow clients than there are descriptors: a webhook passes, and its archive is made."""
    one = listen("--address-limit", limit,
                 preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128)))
    until = threading.Event()
    with connections(one.port, 200) as made:
        thread = threading.Thread(target=trickle, args=(made, until))
        for c in made:
            c.setblocking(False)
            with contextlib.suppress(OSError):
                c.send(b"POST / HTTP/1.1\r\nHost: x\r\nx-slow: ")
        thread.start()
        try:
            assert posted(one, emu) < 10
            wait_for((tmp_path / "in" / "tsk_demo3.tar.zst").exists)
            assert posted(one, emu, "tsk_demo1") < 10
        finally:
            until.set()
            thread.join()


def test_a_request_has_a_deadline(listen, emu):  # noqa: F811
    """As a whole: a byte now and then does not renew it, neither in the head nor in the body."""
    one = listen("--request-time", "2s")
    until = threading.Event()
    with connections(one.port, 2) as made:
        made[0].sendall(b"POST / HTTP/1.1\r\nHost: x\r\nx-slow: ")
        made[1].sendall(head(1000, "0" * 64))
        thread = threading.Thread(target=trickle, args=(made, until))
        begin = time.monotonic()
        thread.start()
        assert all(gone(c) for c in made)
        until.set()
        thread.join()
        assert time.monotonic() - begin > 1
    posted(one, emu)


def test_a_limit_for_each_address(listen, emu):  # noqa: F811
    """The oldest that have nothing to say make room; who is at it stays."""
    one = listen("--address-limit", "10")
    with connections(one.port, 30) as made:
        wait_for(lambda: sum(gone(c, 0.05) for c in made) >= 20)
        assert not gone(made[-1], 0.1)
        posted(one, emu)


def test_kept_connections(listen, emu):  # noqa: F811
    """A proxy sends one webhook after the other through one connection."""
    import http.client

    one = listen("--request-time", "3s")
    connection = http.client.HTTPConnection("127.0.0.1", one.port, timeout=10)
    socks = set()
    for _ in range(6):
        body = payload("tsk_demo3")
        connection.request("POST", "/", body, {"x-skyvern-signature": sign(emu.key, body)})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
        socks.add(connection.sock)
        time.sleep(0.7)  # longer together than one request may take
    assert len(socks) == 1
    connection.close()
