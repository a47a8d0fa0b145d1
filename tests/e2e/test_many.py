# SPDX-License-Identifier: MIT
"""Memory of a pull of many artifacts, also of one that resumes."""
import asyncio
import json
import os
import re
import signal
import subprocess
import threading
import time

import pytest

from conftest import SANITIZED, SKYARC

PER_RUN = 1000
TOKEN = "A" * 600


def rows(run, port):
    return json.dumps([{
        "artifact_id": "a_%d_%d" % (run, n), "artifact_type": "html_scrape", "run_id": "wr_%d" % run,
        "uri": "s3://bucket/v1/o_1/wr_%d/stp_%d/a_%d_%d.html" % (run, n // 5, run, n), "step_id": "stp_%d" % (n // 5),
        "created_at": "2026-01-20T11:52:29.%06d" % n, "modified_at": "2026-01-20T11:52:29.%06d" % n,
        "signed_url": "http://127.0.0.1:%d/b/%d/%d?X-Amz-Date=%s&X-Amz-Expires=3600&X-Amz-Security-Token=%s"
                      "&X-Amz-Signature=%064d" % (port, run, n, time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()), TOKEN, n),
    } for n in range(PER_RUN)]).encode()


class Connection(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.data = transport, b""

    def data_received(self, data):
        self.data += data
        while b"\r\n\r\n" in self.data:
            head, self.data = self.data.split(b"\r\n\r\n", 1)
            self.answer(head.split(b" ", 2)[1].decode())

    def answer(self, path):
        body, status = b"{}", "404 Not Found"
        run = re.match(r"/v1/runs/wr_(\d+)(/artifacts.*)?$", path)
        part = re.match(r"/b/(\d+)/(\d+)\?", path)
        if part:
            body, status = b"<!DOCTYPE html><html>%s %s</html>" % (part[1].encode(), part[2].encode()), "200 OK"
        elif run and run[2]:
            body, status = rows(int(run[1]), self.transport.get_extra_info("sockname")[1]), "200 OK"
        elif run:
            body, status = json.dumps({"run_id": "wr_" + run[1], "status": "failed"}).encode(), "200 OK"
        self.transport.write(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n" % (status.encode(), len(body)) + body)


@pytest.fixture
def port():
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(loop.create_server(Connection, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield server.sockets[0].getsockname()[1]
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def begin(env, folder, port, name, runs):
    return subprocess.Popen([SKYARC, "pull", "--base-url", "http://127.0.0.1:%d" % port, "--records", "none",
                             "--no-report", "-q", "-o", name] + ["wr_%d" % n for n in range(runs)],
                            env=env, cwd=folder, stderr=subprocess.PIPE)


def peak(process):
    """The exit status of a process, and its largest resident size in bytes."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    return process.returncode, usage.ru_maxrss * 1024


@pytest.mark.skipif(SANITIZED, reason="a sanitizer's allocator has memory of its own")
def test_the_memory_of_many_artifacts(env, tmp_path, port, skyarc):
    """300 bytes an artifact; kept ones take no more."""
    code, small = peak(begin(env, tmp_path, port, "small.tar.zst", 5))
    assert code == 0
    killed = begin(env, tmp_path, port, "a.tar.zst", 20)
    journal = tmp_path / "a.tar.zst.partial.journal"
    end = time.monotonic() + 120
    while time.monotonic() < end and not (journal.exists() and journal.stat().st_size > 4_000_000):
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    assert peak(killed)[0] == -signal.SIGKILL
    code, many = peak(begin(env, tmp_path, port, "a.tar.zst", 20))
    assert code == 0
    # the rows of a long manifest also fill the budget's chunks (19 MiB), and hash tables double
    assert many - small < 15 * PER_RUN * 300 + (24 << 20), (small, many)
    skyarc("verify", "-q", "a.tar.zst", check=0)
