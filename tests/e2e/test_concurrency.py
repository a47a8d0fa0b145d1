# SPDX-License-Identifier: MIT
"""How many transfers run at a time: the limit of each host, found while a pull runs."""
import http.server
import os
import re
import signal
import subprocess
import threading
import time

import pytest

from conftest import SKYARC


class Store:
    """An object store that needs `delay` seconds for each answer, and answers 503 above `most` at a time."""

    def __init__(self, delay, most=None, pieces=1):
        self.now = self.highest = self.refused = self.answers = 0
        lock = threading.Lock()
        store = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                with lock:
                    store.now += 1
                    store.answers += 1
                    store.highest = max(store.highest, store.now)
                    refused = most is not None and store.now > most
                    store.refused += refused
                    store.now -= refused
                if not refused:
                    time.sleep(delay)
                body = b"" if refused else ("<p>%s</p>" % self.path).encode() * pieces
                with lock:
                    store.now -= not refused
                self.send_response(503 if refused else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            request_queue_size = 512

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d" % self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def rows(self, count):
        return [{"id": "c%04d" % i, "type": "html", "data": b"<p>/c%04d</p>" % i,
                 "signing": "%s/c%04d" % (self.url, i)} for i in range(count)]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def store(request):
    store = Store(**request.param)
    yield store
    store.close()


def host_of(result, origin):
    return next(h for h in result.json()["hosts"] if h["origin"] == origin)


def whole(manifest, folder, count):
    assert len(manifest["artifacts"]) == count and manifest["totals"]["missing"] == 0
    for row in manifest["artifacts"]:
        assert (folder / row["path"]).read_bytes() == b"<p>/%s</p>" % row["artifact_id"].encode()


@pytest.mark.parametrize("store", [{"delay": 0.1, "most": 8}], indirect=True)
@pytest.mark.parametrize("more", [[], ["-j", "16"], ["-j", "256"]], ids=["default", "16", "256"])
def test_a_store_that_answers_503_above_8(pull, emu, store, more):
    emu.run("tsk_c", store.rows(400))
    result, manifest, folder = pull("tsk_c", "--records", "none", *more)
    whole(manifest, folder, 400)
    host = host_of(result, store.url)
    assert host["rejected"] == store.refused <= 16
    assert host["limit"] <= 12 and host["highest"] <= 48  # it tries a few more now and then


@pytest.mark.parametrize("store", [{"delay": 0.05}], indirect=True)
def test_a_store_that_is_far_away_gets_more(pull, emu, store):
    emu.run("tsk_c", store.rows(900))
    result, manifest, folder = pull("tsk_c", "--records", "none", "-v")
    whole(manifest, folder, 900)
    host = host_of(result, store.url)
    assert host["highest"] >= 64 and host["rejected"] == 0
    assert host["responses"] == 900 and host["latency_us"] >= 50000
    assert host["bytes"] == sum(a["size"] for a in manifest["artifacts"]) and host["bytes_per_second"] > 0
    limits = [int(n) for n in re.findall(r"concurrency limit of %s: (\d+)$" % store.url, result.err, re.M)]
    assert limits and limits[0] >= 32
    assert re.search(r"%s: limit \d+, 0 running \(at most %d\), .*/s, first byte after \d+\.\d ms, 0 rejected"
                     % (store.url, host["highest"]), result.err)


@pytest.mark.parametrize("store", [{"delay": 0.02}], indirect=True)
@pytest.mark.parametrize("jobs", ["1", "2", "16", "256"])
def test_never_more_than_jobs(pull, emu, store, jobs):
    emu.run("tsk_c", store.rows(120))
    result, manifest, folder = pull("tsk_c", "-j", jobs)
    whole(manifest, folder, 120)
    assert store.highest <= int(jobs)
    assert host_of(result, store.url)["highest"] == store.highest or int(jobs) > 8


def test_the_content_endpoint_gets_no_more_than_16(pull, emu):
    """It loads a whole object for each request, also by a signed URL (the next test)."""
    emu.run("tsk_c", [{"id": "e%03d" % i, "type": "html", "data": b"<p>%03d" % i, "signing": "none"}
                      for i in range(300)])
    for i in range(300):
        emu.fault("e%03d" % i, "slow", steps=2, pause=0.03)
    result, manifest, _ = pull("tsk_c", "--records", "none")
    assert {a["fetched_via"] for a in manifest["artifacts"]} == {"content-endpoint"}
    assert len(manifest["artifacts"]) == 300
    assert 8 <= host_of(result, emu.api)["highest"] <= 16


@pytest.mark.parametrize("store", [{"delay": 0.05}], indirect=True)
def test_signed_urls_of_the_content_endpoint_get_no_more_than_16(pull, emu, store):
    """As the cloud's lists have them; the same store gets more by its own URLs (test_a_store_that_is_far_away_gets_more)."""
    paths = ["/v1/artifacts/c%04d/content?expiry=4102444800&kid=k1&sig=%s" % (i, "s" * 43) for i in range(400)]
    emu.run("tsk_c", [{"id": "c%04d" % i, "type": "html", "data": b"<p>%s</p>" % path.encode(), "signing": store.url + path}
                      for i, path in enumerate(paths)])
    result, manifest, _ = pull("tsk_c", "--records", "none")
    assert {a["fetched_via"] for a in manifest["artifacts"]} == {"signed-url"}
    assert len(manifest["artifacts"]) == 400
    assert 8 <= store.highest <= 16 and host_of(result, store.url)["highest"] == store.highest


@pytest.mark.parametrize("store", [{"delay": 0.3}], indirect=True)
def test_usr1_prints_the_hosts(env, emu, store, tmp_path):
    emu.run("tsk_c", store.rows(200))
    process = subprocess.Popen([SKYARC, "pull", "-q", "-j", "8", "-o", "u.tar", "tsk_c"], env=env, cwd=tmp_path,
                               stderr=subprocess.PIPE)
    while store.answers < 30:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGUSR1)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert re.search(r"status: %s: limit \d+, [1-8] running" % store.url, err.decode()), err
