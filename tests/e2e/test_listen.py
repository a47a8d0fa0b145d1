# SPDX-License-Identifier: MIT
"""Webhooks: as a file, and by a receiver of our own."""
import concurrent.futures
import hashlib
import hmac
import http.client
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import time

import pytest

from conftest import SKYARC, extract
from test_faults import wait_for


def payload(run, **more):
    return json.dumps(dict({"run_id": run, "task_id": run, "status": "completed", "output": {"a": 1},
                            "failure_reason": None}, **more)).encode()


def sign(key, body):
    return hmac.new(key.encode(), body, hashlib.sha256).hexdigest()


class Receiver:
    def __init__(self, env, cwd, *args, **more):
        self.process = subprocess.Popen(
            [SKYARC, "listen", "--dest", "in", "--addr", "127.0.0.1:0", "--delay", "0s", *args],
            env=env, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)
        line = self.process.stdout.readline().decode()
        found = re.fullmatch(r"listening on (https?)://127\.0\.0\.1:(\d+)\n", line)
        assert found, (line, self.process.stderr.read() if self.process.poll() is not None else "")
        self.scheme, self.port = found.group(1), int(found.group(2))

    def ask(self, method, path, body=None, signature=None, context=None, **headers):
        connection = (http.client.HTTPSConnection("127.0.0.1", self.port, timeout=10, context=context)
                      if context else http.client.HTTPConnection("127.0.0.1", self.port, timeout=10))
        if signature:
            headers["x-skyvern-signature"] = signature
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, json.loads(text)

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        _, err = self.process.communicate(timeout=20)
        return self.process.returncode, err.decode()


@pytest.fixture
def listen(env, tmp_path):
    made = []

    def start(*args, preexec_fn=None, **more):
        made.append(Receiver(dict(env, **more), tmp_path, *args, preexec_fn=preexec_fn))
        return made[-1]

    yield start
    for one in made:
        if one.process.poll() is None:
            one.process.kill()
            one.process.communicate()


def test_pull_webhook(pull, skyarc, emu, tmp_path):
    body = payload("tsk_demo3")
    (tmp_path / "hook.json").write_bytes(body)
    _, manifest, _ = pull("--webhook", "hook.json")
    assert [r["run_id"] for r in manifest["runs"]] == ["tsk_demo3"]
    _, manifest, _ = pull("--webhook", "-", "--signature", sign(emu.key, body), stdin=body, name="b.tar")
    assert [r["run_id"] for r in manifest["runs"]] == ["tsk_demo3"]
    _, manifest, _ = pull("--webhook", "hook.json", "tsk_empty", name="c.tar")
    assert len(manifest["runs"]) == 2
    before = len(emu.log())
    for signature in ("0" * 64, sign("other", body), "x", sign(emu.key, body).upper()):
        result = skyarc("pull", "--webhook", "hook.json", "--signature", signature, "-o", "d.tar", check=1)
        assert "wrong signature of the webhook" in result.err
    for text in (b"", b"[]", b"{}", b'{"run_id": "../x"}', b'{"run_id": 7}', b"<x>"):
        assert "webhook" in skyarc("pull", "--webhook", "-", "-o", "d.tar", stdin=text, check=1).err
    skyarc("pull", "--signature", "x", "tsk_demo3", check=2)
    assert len(emu.log()) == before and not list(tmp_path.glob("d.tar*"))


def test_a_webhook_becomes_an_archive(listen, emu, tmp_path):
    one = listen()
    body = payload("tsk_demo3")
    assert one.ask("POST", "/", body, sign(emu.key, body)) == (
        200, {"run_id": "tsk_demo3", "state": "queued"})
    made = tmp_path / "in" / "tsk_demo3.tar.zst"
    wait_for(made.exists)
    wait_for(lambda: not list((tmp_path / "in" / ".queue").iterdir()))
    folder = extract(made, tmp_path)
    assert folder.name == "tsk_demo3"
    subprocess.run(["sha256sum", "-c", "--quiet", "manifest-sha256.txt"], cwd=folder, check=True)
    assert one.ask("POST", "/webhook", body, sign(emu.key, body)) == (
        200, {"run_id": "tsk_demo3", "state": "known"})
    code, health = one.ask("GET", "/healthz")
    assert code == 200 and health.pop("late_s") == 0 and health.pop("still_s") < 60
    assert health == {"status": "ok", "queued": 0, "active": 0, "waiting": 0, "incomplete": 0, "given_up": 0,
                      "archived": 1, "failed": 0}
    before = made.stat().st_mtime_ns
    code, err = one.stop()
    assert (code, err) == (0, "") and made.stat().st_mtime_ns == before


def test_what_is_refused(listen, emu, tmp_path):
    one = listen()
    body = payload("tsk_demo3")
    good = sign(emu.key, body)
    assert one.ask("POST", "/", body)[0] == 401
    for bad in ("", "0" * 64, good[:-1], good + "0", good.upper(), sign("x", body)):
        assert one.ask("POST", "/", body, bad or " ")[0] == 401
    assert one.ask("POST", "/", body + b" ", good)[0] == 401
    for text in (b"{}", b"not json", b'{"run_id": "a/../../b"}'):
        assert one.ask("POST", "/", text, sign(emu.key, text))[0] == 400
    assert one.ask("POST", "/other", body, good)[0] == 404
    assert one.ask("PUT", "/", body, good)[0] == 405
    assert one.ask("GET", "/")[0] == 405
    assert one.ask("GET", "/healthz")[1]["queued"] == 0
    code, err = one.stop()
    assert code == 0 and emu.key not in err and not list((tmp_path / "in").glob("*.tar*"))


def test_bodies_that_are_too_large(listen, emu):
    one = listen()
    with socket.create_connection(("127.0.0.1", one.port)) as raw:  # refused by its length alone
        raw.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nx-skyvern-signature: " + b"0" * 64
                    + b"\r\nContent-Length: 99999999999\r\n\r\n")
        assert b" 413 " in raw.recv(1000)
    big = b" " * (10 * 1024 * 1024 + 1)
    pieces = (big[i:i + 65536] for i in range(0, len(big), 65536))
    connection = http.client.HTTPConnection("127.0.0.1", one.port)
    connection.request("POST", "/", pieces, {"x-skyvern-signature": "0" * 64}, encode_chunked=True)
    assert connection.getresponse().status == 413
    exact = payload("tsk_demo3")
    exact += b" " * (10 * 1024 * 1024 - len(exact))
    assert one.ask("POST", "/", exact, sign(emu.key, exact))[0] == 200


def test_two_hundred_at_once(listen, emu, tmp_path):
    ids = ["tsk_w%03d" % i for i in range(100)]
    for i in ids:
        emu.run(i, [{"id": "h" + i, "type": "html", "data": b"<p>" + i.encode()}], status="failed")
    one = listen()
    slowest, again = [], []

    def post(run):
        body = payload(run)
        begin = time.monotonic()
        try:
            answer = one.ask("POST", "/", body, sign(emu.key, body))
        except (http.client.RemoteDisconnected, ConnectionError):  # idle for a second after it was made: it may be closed
            assert time.monotonic() - begin > 1
            again.append(run)
            answer = one.ask("POST", "/", body, sign(emu.key, body))
        slowest.append(time.monotonic() - begin)
        return answer

    with concurrent.futures.ThreadPoolExecutor(200) as pool:
        answers = list(pool.map(post, ids * 2))
    assert {code for code, _ in answers} == {200}
    # a body that arrives while its connection is being closed is queued, too, but its answer is lost
    assert 100 - len(again) <= [a["state"] for _, a in answers].count("queued") <= 100
    wait_for(lambda: len(list((tmp_path / "in").glob("*.tar.zst"))) == 100, 60)
    wait_for(lambda: not list((tmp_path / "in" / ".queue").iterdir()))
    assert one.ask("GET", "/healthz")[1]["archived"] == 100
    assert len([r for r in emu.log("api") if r["path"] in {"/v1/runs/" + i for i in ids}]) == 100
    assert max(slowest) < 5  # a shared machine; alone it is well below one second


def test_a_restart_loses_nothing(listen, emu, tmp_path):
    for run in ("tsk_demo1", "tsk_demo3"):
        emu.fault("run/" + run, "status", times=999, status=503, headers={"Retry-After": "60"})
    one = listen()
    for run in ("tsk_demo1", "tsk_demo3"):
        body = payload(run)
        assert one.ask("POST", "/", body, sign(emu.key, body))[0] == 200
    wait_for(lambda: [r for r in emu.log("api") if r["path"] == "/v1/runs/tsk_demo1"])
    one.process.kill()
    one.process.communicate()
    assert len(list((tmp_path / "in" / ".queue").iterdir())) == 2
    emu.reset()
    two = listen()
    for run in ("tsk_demo1", "tsk_demo3"):
        wait_for((tmp_path / "in" / (run + ".tar.zst")).exists)
    wait_for(lambda: not list((tmp_path / "in" / ".queue").iterdir()))
    assert two.stop() == (0, "")


def test_a_stop_in_the_middle_keeps_the_queue(listen, emu, tmp_path):
    emu.fault("a_3rec", "slow", times=9, steps=100, pause=0.2)
    one = listen()
    body = payload("tsk_demo3")
    one.ask("POST", "/", body, sign(emu.key, body))
    wait_for(lambda: [r for r in emu.log("store") if "a_3rec" in r["path"]])
    code, _ = one.stop()
    assert code == 0
    assert [p.name for p in (tmp_path / "in" / ".queue").iterdir()] == ["tsk_demo3.json"]
    assert not list((tmp_path / "in").glob("*.tar.zst"))
    emu.reset_faults()
    two = listen()
    wait_for((tmp_path / "in" / "tsk_demo3.tar.zst").exists)
    assert two.stop()[0] == 0
    assert [p.name for p in (tmp_path / "in").glob("*.tar*")] == ["tsk_demo3.tar.zst"]


def test_failures_are_put_off(listen, emu, tmp_path):
    one = listen("--retries", "0")
    body = payload("tsk_nobody")
    one.ask("POST", "/", body, sign(emu.key, body))
    wait_for(lambda: one.ask("GET", "/healthz")[1]["failed"] == 1)
    body = payload("tsk_demo3")
    one.ask("POST", "/", body, sign(emu.key, body))  # which does not wait for the first
    wait_for((tmp_path / "in" / "tsk_demo3.tar.zst").exists)
    code, err = one.stop()
    assert "run 'tsk_nobody' is not archived" in err and "next retry in 60 s" in err
    assert [p.name for p in (tmp_path / "in" / ".queue").iterdir()] == ["tsk_nobody.json"]


def test_options_of_pull(listen, emu, tmp_path):
    one = listen("-t", "screenshots", "--format", "zip")
    body = payload("tsk_demo3")
    one.ask("POST", "/", body, sign(emu.key, body))
    made = tmp_path / "in" / "tsk_demo3.zip"
    wait_for(made.exists)
    manifest = json.loads((extract(made, tmp_path) / "manifest.json").read_text())
    assert {r["artifact_type"] for r in manifest["artifacts"]} == {"screenshot_action", "screenshot_final"}


def test_tls(listen, emu, tmp_path):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-keyout", tmp_path / "k.pem", "-out", tmp_path / "c.pem"], check=True,
                   stderr=subprocess.DEVNULL)
    one = listen("--tls-cert", "c.pem", "--tls-key", "k.pem")
    assert one.scheme == "https"
    context = ssl.create_default_context(cafile=str(tmp_path / "c.pem"))
    body = payload("tsk_demo3")
    assert one.ask("POST", "/", body, sign(emu.key, body), context=context)[0] == 200
    assert one.stop()[0] == 0


@pytest.mark.parametrize("args,word", [
    ([], "--dest"), (["--dest", "d", "x"], "'x'"), (["--dest", "d", "--addr", "nowhere"], "HOST:PORT"), (["--dest", "d", "--addr", "127.0.0.1:99999"], "to 65535"), (["--dest", "d", "--addr", "127.0.0.1:"], "HOST:PORT"),
    (["--dest", "d", "--addr", "127.0.0.1:-1"], "HOST:PORT"),
    (["--dest", "d", "--tls-cert", "c"], "--tls-key"),
])
def test_usage(skyarc, args, word):
    assert word in skyarc("listen", *args, check=2).err


def test_places_that_cannot_be(skyarc, tmp_path):
    (tmp_path / "file").write_text("")
    assert "'file/.queue'" in skyarc("listen", "--dest", "file", check=1).err
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = skyarc("listen", "--dest", "d", "--addr", "127.0.0.1:%d" % taken.getsockname()[1], check=1)
        assert "cannot listen" in result.err
    (tmp_path / "bad.pem").write_text("no key")
    assert "PEM" in skyarc("listen", "--dest", "d", "--addr", "127.0.0.1:0", "--tls-cert", "bad.pem",
                           "--tls-key", "bad.pem", check=1).err
