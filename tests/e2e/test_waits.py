# SPDX-License-Identifier: MIT
"""Every wait ends within a documented time, or is shown to the user."""
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

from conftest import SKYARC, extract

SOON = 10   # seconds for an immediate end
ENDS = 40   # seconds for an end after the time limits of a few attempts
YEAR = 365 * 86400
QUICK = ["--speed-limit", "1k", "--speed-time", "2s", "--retries", "1"]


class Raw:
    """A server of one's own: answer(connection, path) says what is sent for each request."""

    def __init__(self, answer):
        self.answer = answer
        self.over = threading.Event()
        self.asked = []  # the paths
        self.ranges = []  # the offsets of requests for a range
        self.door = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = "http://127.0.0.1:%d" % self.door.getsockname()[1]
        self.threads = [threading.Thread(target=self.accept)]
        self.threads[0].start()

    def accept(self):
        while not self.over.is_set():
            self.door.settimeout(0.1)
            with contextlib.suppress(socket.timeout):
                connection = self.door.accept()[0]
                self.threads.append(threading.Thread(target=self.serve, args=(connection,)))
                self.threads[-1].start()

    def serve(self, connection):
        with connection, contextlib.suppress(OSError):
            connection.settimeout(0.1)
            while not self.over.is_set():
                head = b""
                while b"\r\n\r\n" not in head:
                    if self.over.is_set():
                        return
                    with contextlib.suppress(socket.timeout):
                        part = connection.recv(65536)
                        if not part:
                            return
                        head += part
                connection.settimeout(None)
                self.asked.append(head.split()[1].decode())
                self.ranges += [int(n) for n in re.findall(rb"^range: bytes=(\d+)-", head, re.I | re.M)]
                if not self.answer(self, connection, self.asked[-1]):
                    return
                connection.settimeout(0.1)

    def drip(self, connection, data, pause=1.0, step=1):
        """Send bytes, some at a time, until they end or the test does."""
        for i in range(0, len(data), step):
            if self.over.wait(pause):
                return False
            connection.sendall(data[i:i + step])
        return True

    def close(self):
        self.over.set()
        for thread in self.threads:
            thread.join(10)
        self.door.close()


@pytest.fixture
def raw():
    servers = []

    def make(answer):
        servers.append(Raw(answer))
        return servers[-1]

    yield make
    for server in servers:
        server.close()


def plain(body, more=""):
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n" % (len(body), more.encode()) + body


def one_artifact(emu, url, **more):
    """A run with one artifact behind a URL, and nowhere else."""
    emu.run("tsk_raw", [dict({"id": "raw", "type": "html", "data": b"x" * 1000, "signing": url, "sized": False,
                              "summed": False}, **more)])
    emu.fault("content/raw", "status", times=99, status=404)


def ends(skyarc, within, *args, **more):
    """Run within a time limit; returns (result, seconds)."""
    begin = time.monotonic()
    try:
        result = skyarc(*args, timeout=within, **more)
    except subprocess.TimeoutExpired:
        pytest.fail("not ended after %d s: %s" % (within, " ".join(map(str, args))))
    return result, time.monotonic() - begin


@contextlib.contextmanager
def running(env, cwd, *args, **more):
    process = subprocess.Popen([SKYARC, *map(str, args)], env=env, cwd=cwd, **more)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def until(condition, process=None, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert process is None or process.poll() is None, "it has ended"
        assert time.monotonic() < end
        time.sleep(0.02)


def stops(process, number, within=SOON):
    """Send a signal; the message, when it has ended by it in time."""
    process.send_signal(number)
    try:
        process.wait(within)
    except subprocess.TimeoutExpired:
        pytest.fail("not ended %d s after signal %d" % (within, number))
    os.set_blocking(process.stderr.fileno(), False)  # a child may hold the other end
    err = process.stderr.read() or b""
    assert process.returncode in (128 + number, -number), err
    assert b"Sanitizer" not in err, err
    return err


# ---- servers that take their time


def silent(server, connection, path):
    return server.over.wait() and False


def slow_status(server, connection, path):
    return server.drip(connection, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")


def slow_headers(server, connection, path):
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    return server.drip(connection, b"X-Header: of many\r\n" * 100000, 0.3, 19)


def slow_body(server, connection, path):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    return server.drip(connection, b"x" * 1000)


def slow_chunks(server, connection, path):
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    return server.drip(connection, b"1\r\nx\r\n" * 1000, 1, 6)


def slow_trailers(server, connection, path):
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n")
    return server.drip(connection, b"X-Trailer: of many\r\n" * 100000, 0.3, 20)


SLOW = [silent, slow_status, slow_headers, slow_body, slow_chunks, slow_trailers]


@pytest.mark.parametrize("answer", SLOW, ids=lambda f: f.__name__)
def test_an_artifact_below_the_speed_limit_is_given_up(skyarc, emu, raw, answer):
    server = raw(answer)
    one_artifact(emu, server.url + "/raw")
    result, seconds = ends(skyarc, ENDS, "pull", "--json", *QUICK, "-o", "s.tar", "tsk_raw")
    assert result.code == 3 and sum(result.json()["missing_reasons"].values()) == 1
    assert seconds > 2 and len(server.asked) >= 2


@pytest.mark.parametrize("answer", SLOW, ids=lambda f: f.__name__)
def test_an_api_below_the_speed_limit_is_given_up(skyarc, raw, tmp_path, answer):
    result, _ = ends(skyarc, ENDS, "pull", *QUICK, "-o", "s.tar", "tsk_raw", SKYVERN_BASE_URL=raw(answer).url)
    assert result.code == 1 and "127.0.0.1" in result.err
    assert not list(tmp_path.glob("s.tar*"))


def test_a_server_that_accepts_nothing_is_given_up(skyarc, emu, tmp_path):
    """Its queue is full: the connection is never made."""
    with socket.socket() as door, contextlib.ExitStack() as full:
        door.bind(("127.0.0.1", 0))
        door.listen(0)
        for _ in range(4):
            one = full.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(door.getsockname())
        one_artifact(emu, "http://127.0.0.1:%d/raw" % door.getsockname()[1])
        result, _ = ends(skyarc, 55, "pull", "--json", *QUICK, "--retries", "0", "-o", "s.tar", "tsk_raw")
    assert result.code == 3 and sum(result.json()["missing_reasons"].values()) == 1


def dripping(record):
    """Answer with a list that goes on slowly; record: but the run's record as it should be."""
    def answer(server, connection, path):
        if record and path.split("?")[0].endswith("/runs/tsk_raw"):
            connection.sendall(plain(json.dumps({"run_id": "tsk_raw", "status": "completed"}).encode()))
            return True
        connection.sendall(CHUNKED + b"\r\n")
        while server.drip(connection, b"2000\r\n%s\r\n" % (b" " * 8192), 0.01, 8200):
            pass
        return False
    return answer


@pytest.mark.parametrize("command", ["runs of a sync", "records", "lists"])
def test_the_timeout_covers_listing(skyarc, raw, tmp_path, command):
    server = raw(dripping(command == "lists"))
    args = ["sync", "--dest", "v"] if command == "runs of a sync" else ["pull", "-o", "s.tar", "tsk_raw"]
    result, seconds = ends(skyarc, SOON, *args, "--timeout", "2s", SKYVERN_BASE_URL=server.url)
    assert result.code == 1 and "time limit reached (--timeout)" in result.err and seconds >= 1.9
    assert not (tmp_path / "s.tar").exists()


def test_the_list_of_runs_stalls(skyarc, raw):
    """The limits of transfers are those of all that sync asks for."""
    def answer(server, connection, path):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[")
        server.over.wait()
        return False
    result, seconds = ends(skyarc, ENDS, "sync", *QUICK, "--retries", "0", "--dest", "v", SKYVERN_BASE_URL=raw(answer).url)
    assert result.code == 1 and seconds < 20, result


def test_what_was_listed_in_time_is_archived(skyarc, raw, tmp_path):
    drip = dripping(False)

    def answer(server, connection, path):
        run = "tsk_bad" if "tsk_bad" in path else "tsk_good"
        if path.startswith("/v1/runs/tsk_bad/artifacts"):
            return drip(server, connection, path)
        connection.sendall(plain(b"[]" if "artifacts" in path else json.dumps(
            {"run_id": run, "status": "completed"}).encode()))
        return True
    result, _ = ends(skyarc, SOON, "pull", "--json", "--timeout", "3s", "-o", "s.tar", "tsk_good", "tsk_bad",
                     SKYVERN_BASE_URL=raw(answer).url)
    assert result.code == 3 and "time limit reached (--timeout)" in result.err, result
    top = extract(tmp_path / "s.tar", tmp_path)
    assert {r["run_id"]: r["error"] for r in json.loads((top / "manifest.json").read_text())["runs"]} == {
        "tsk_good": None, "tsk_bad": "timeout"}


speeds_up = pytest.mark.skipif(
    not shutil.which("cc") or any(word in open(SKYARC, "rb").read(1 << 27) for word in (b"__asan_init", b"__tsan_init")),
    reason="no compiler, or a sanitizer wants to be first")


@pytest.fixture
def fast(tmp_path):
    """The environment for a clock that runs twenty times as fast."""
    shim = tmp_path / "shim.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", shim, os.path.dirname(__file__) + "/../torture/shim.c", "-ldl"],
                   check=True)
    return {"LD_PRELOAD": str(shim), "SHIM_SPEED": "20"}


@speeds_up
def test_a_list_that_drips_on_has_an_end_without_a_timeout(skyarc, raw, fast):
    """800 KiB/s are 40, and two minutes are six seconds."""
    result, seconds = ends(skyarc, ENDS, "pull", "--speed-limit", "1", "--speed-time", "1s", "-o", "s.tar", "tsk_raw",
                           SKYVERN_BASE_URL=raw(dripping(False)).url, **fast)
    assert result.code == 1 and "the response takes too long" in result.err and seconds > 5


@speeds_up
@pytest.mark.parametrize("patience", ["1s", "0"])
def test_a_body_that_stays_above_the_speed_limit_has_an_end(skyarc, emu, raw, fast, patience):
    """It takes eight seconds, 160 by that clock; allowed are 120 times --speed-time, if that is not 0."""
    def answer(server, connection, path):
        connection.sendall(CHUNKED + b"\r\n")
        if not server.drip(connection, b"3e8\r\n%s\r\n" % (b"x" * 1000) * 800, 0.01, 1007):
            return False
        connection.sendall(b"0\r\n\r\n")
        return True

    one_artifact(emu, raw(answer).url + "/raw")
    result, _ = ends(skyarc, ENDS, "pull", "--json", "--speed-limit", "1", "--speed-time", patience, "--retries", "30",
                     "-o", "s.tar", "tsk_raw", **fast)
    said = result.json()
    assert (result.code, said["missing_reasons"]) == ((0, {}) if patience == "0" else (3, {"too-slow": 1})), result


# ---- answers without an end


def endless(first, again):
    def answer(server, connection, path):
        connection.sendall(first)
        while not server.over.is_set():
            connection.sendall(again)
            time.sleep(0.001)
    return answer


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
ENDLESS = {
    "headers": endless(b"HTTP/1.1 200 OK\r\n", b"X-Header: %s\r\n" % (b"a" * 100)),
    "one header": endless(b"HTTP/1.1 200 OK\r\nX-Header: ", b"a" * 1000),
    "status line": endless(b"HTTP/1.1 200 ", b"a" * 1000),
    "interim answers": endless(b"", b"HTTP/1.1 102 Processing\r\n\r\n" * 10),
    "interim headers": endless(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 10),
    "chunk size": endless(CHUNKED + b"\r\n", b"0" * 1000),
    "chunk extension": endless(CHUNKED + b"\r\n5;", b"a" * 1000),
    "trailers": endless(CHUNKED + b"\r\n5\r\nhello\r\n0\r\n", b"X-Trailer: %s\r\n" % (b"a" * 100)),
}


@pytest.mark.parametrize("what", ENDLESS)
def test_answers_without_an_end_do(skyarc, emu, raw, what):
    one_artifact(emu, raw(ENDLESS[what]).url + "/raw")
    result, _ = ends(skyarc, ENDS, "pull", "--json", *QUICK, "-o", "e.tar", "tsk_raw")
    assert result.code == 3 and sum(result.json()["missing_reasons"].values()) == 1


@pytest.mark.parametrize("what", ENDLESS)
def test_an_apis_answers_without_an_end_do(skyarc, raw, what):
    result, _ = ends(skyarc, ENDS, "pull", *QUICK, "-o", "e.tar", "tsk_raw",
                     SKYVERN_BASE_URL=raw(ENDLESS[what]).url)
    assert result.code == 1 and "127.0.0.1" in result.err


def test_what_follows_a_body_of_a_known_length_is_not_read(skyarc, emu, raw, tmp_path):
    """The server says five bytes, and goes on."""
    one_artifact(emu, raw(endless(plain(b"hello"), b"a" * 1000)).url + "/raw")
    ends(skyarc, SOON, "pull", *QUICK, "-o", "l.tar", "tsk_raw", check=0)
    top = extract(tmp_path / "l.tar", tmp_path)
    row = json.loads((top / "manifest.json").read_text())["artifacts"][0]
    assert (top / row["path"]).read_bytes() == b"hello"


@pytest.mark.parametrize("first,again", [
    (CHUNKED + b"\r\n", b"10000\r\n%s\r\n" % bytes(65536)),
    (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", bytes(65536)),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n", bytes(65536)),
], ids=["chunked", "until it closes", "announced"])
def test_a_body_beyond_the_size_in_the_list_ends(skyarc, emu, raw, first, again):
    """The list says a thousand bytes: what goes on for ever is not fetched up to --max-size."""
    one_artifact(emu, raw(endless(first, again)).url + "/raw", sized=True)
    result, _ = ends(skyarc, 15, "pull", "--json", "--retries", "0", "-o", "l.tar", "tsk_raw")
    assert result.code == 3 and result.json()["missing_reasons"] in ({"length-mismatch": 1}, {"too-large": 1})


# ---- Retry-After


def put_off(value, status=429):
    def answer(server, connection, path):
        connection.sendall(b"HTTP/1.1 %d Later\r\nContent-Length: 0\r\nRetry-After: %s\r\n\r\n"
                           % (status, value.encode()))
        return True
    return answer


@pytest.mark.parametrize("value", [str(YEAR), "99999999999999999999999", time.strftime(
    "%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + YEAR))], ids=["seconds", "huge", "date"])
def test_nobody_waits_for_a_year(skyarc, emu, raw, value, tmp_path):
    server = raw(put_off(value))
    one_artifact(emu, server.url + "/raw")
    result, _ = ends(skyarc, SOON, "pull", "--json", "-o", "r.tar", "tsk_raw")
    assert result.code == 3 and sum(result.json()["missing_reasons"].values()) == 1
    for command in (["pull", "-o", "q.tar", "tsk_raw"], ["show", "tsk_raw"], ["runs"], ["artifacts", "tsk_raw"],
                    ["submit", "--prompt", "do it"]):
        result, _ = ends(skyarc, SOON, *command, SKYVERN_BASE_URL=server.url)
        assert result.code not in (0, 3), (command, result)
    assert not list(tmp_path.glob("q.tar*"))


def test_one_that_is_put_off_for_a_year_does_not_hold_up_the_others(skyarc, emu, raw):
    def answer(server, connection, path):
        if path == "/later":
            return put_off(str(YEAR), 503)(server, connection, path)
        connection.sendall(plain(path.encode()))
        return True

    server = raw(answer)
    names = ["later"] + ["n%d" % i for i in range(20)]
    emu.run("tsk_raw", [{"id": n, "type": "html", "data": b"/" + n.encode(), "signing": server.url + "/" + n}
                        for n in names])
    emu.fault("content/later", "status", times=99, status=404)
    result, _ = ends(skyarc, ENDS, "pull", "--json", "-j", "2", "-o", "r.tar", "tsk_raw")
    assert result.code == 3 and result.json()["totals"]["artifacts"] == 20


def test_wait_does_not_wait_longer_than_told(skyarc, raw):
    server = raw(put_off(str(YEAR)))
    result, _ = ends(skyarc, SOON, "wait", "--timeout", "2s", "--interval", "200ms", "tsk_raw",
                     SKYVERN_BASE_URL=server.url)
    assert result.code not in (0, 3)


def test_a_long_retry_after_is_told(env, emu, raw, tmp_path):
    """It waits as it is asked to, up to ten minutes: but not in silence."""
    one_artifact(emu, raw(put_off("300")).url + "/raw")
    with running(env, tmp_path, "pull", "-o", "r.tar", "tsk_raw", stderr=subprocess.PIPE) as process:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(5)
        err = stops(process, signal.SIGTERM)
    assert b"300 s" in err or b"5m" in err or b"5 min" in err, err


@pytest.mark.parametrize("line", ["Content-Encoding:\r\n gzip", "Content-Encoding : gzip",
                                  "Transfer-Encoding:\r\n chunked", "Transfer-Encoding : chunked",
                                  "Content-Range: bytes 0-9/100"])
def test_a_malformed_header_is_not_guessed_at(skyarc, emu, raw, tmp_path, line):
    one_artifact(emu, raw(lambda server, connection, path: connection.sendall(
        plain(b"<html>" + b"x" * 100, line + "\r\n"))).url + "/raw")
    skyarc("pull", "--retries", "1", "--records", "none", "-o", "a.tar", "tsk_raw", check=3)
    manifest = json.loads((extract(tmp_path / "a.tar", tmp_path) / "manifest.json").read_text())
    assert not manifest["artifacts"] and [m["reason"] for m in manifest["missing"]] == ["http-error"]


EARLY, LATE = (b"Last-Modified: %s Jan 2026 11:52:29 GMT\r\n" % day for day in (b"Tue, 20", b"Wed, 21"))
CUT, WHOLE = 400_000, 900_000
RANGES = b"".join(b"Content-Range: bytes %d-%d/%d\r\n" % (CUT + n, WHOLE - 1 + n, WHOLE) for n in (-1, 0))


@pytest.mark.parametrize("first, then, resumed", [
    (EARLY, LATE + EARLY, True),
    (LATE + EARLY, EARLY, False),
    (b"Last-Modified: %s1\r\n" % (b"x" * 63), b"Last-Modified: %s2\r\n" % (b"x" * 63), False),
    (b'ETag: "1"\r\n', b'ETag: "1"\r\n' + RANGES, True),
], ids=["two dates", "two dates at first", "long dates", "two ranges"])
def test_headers_of_two_meanings_do_not_mix_versions(skyarc, emu, raw, tmp_path, first, then, resumed):
    """Of two values of a header none counts, and one too long to be kept equals no other: no range is asked for then."""
    old, new = (b"<p>%s\n" % word * (WHOLE // 7) for word in (b"old", b"new"))
    old, new = old.ljust(WHOLE), new.ljust(WHOLE)
    if RANGES not in then:
        then += b"Content-Range: bytes %d-%d/%d\r\n" % (CUT, WHOLE - 1, WHOLE)

    def answer(server, connection, path):
        if len(server.asked) == 1:
            connection.sendall(b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n" % (first, WHOLE) + old[:CUT])
            return False
        if len(server.asked) == 2 and server.ranges:
            connection.sendall(b"HTTP/1.1 206 Rest\r\n%sContent-Length: %d\r\n\r\n" % (then, WHOLE - CUT) + new[CUT:])
            return False
        connection.sendall(plain(new))
        return True
    server = raw(answer)
    one_artifact(emu, server.url + "/raw")
    skyarc("pull", "--retries", "2", "--records", "none", "-o", "a.tar", "tsk_raw")
    folder = extract(tmp_path / "a.tar", tmp_path)
    (row,) = json.loads((folder / "manifest.json").read_text())["artifacts"]
    assert (folder / row["path"]).read_bytes() == new
    assert len(server.asked) == (3 if resumed else 2) and server.ranges == [CUT] * resumed


# ---- standard output


@pytest.fixture
def large(emu):
    """More than pipes and buffers hold: 120 MB, incompressible."""
    emu.run("tsk_large", [{"id": "large%d" % i, "type": "recording", "webm": 6_000_000 + i, "seed": i, "signing": "s3"}
                          for i in range(20)])
    return "tsk_large"


def test_stdout_is_closed(env, emu, tmp_path):
    done = subprocess.run(["sh", "-c", "exec \"$0\" pull -o - tsk_demo1 >&-", SKYARC], env=env, cwd=tmp_path,
                          stderr=subprocess.PIPE, timeout=SOON, check=False)
    assert done.returncode == 1 and b"standard output" in done.stderr, done


def test_the_reader_of_stdout_goes_away(env, large, tmp_path):
    with running(env, tmp_path, "pull", "-o", "-", large, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        os.read(process.stdout.fileno(), 1000)
        process.stdout.close()
        process.stdout = None
        _, err = process.communicate(timeout=SOON * 2)
        assert process.returncode == 128 + signal.SIGPIPE, err


def test_a_reader_of_stdout_that_sleeps_is_told_of(env, large, tmp_path):
    """`-o - | sleep 1000`: the message names what is waited for."""
    with running(env, tmp_path, "pull", "-o", "-", large, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(15)
        process.kill()
        err = process.stderr.read()
    assert b"standard output" in err, err


def test_usr1_names_the_reader_of_stdout(env, large, tmp_path):
    with running(env, tmp_path, "pull", "-o", "-", large, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        time.sleep(4)
        process.send_signal(signal.SIGUSR1)
        time.sleep(4)
        process.kill()
        err = process.stderr.read()
    assert b"status: " in err and b"standard output" in err, err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_nobody_reads_stdout(env, large, tmp_path, number):
    with running(env, tmp_path, "pull", "-o", "-", large, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        time.sleep(4)
        stops(process, number)


def test_a_reader_of_stdout_that_naps_gets_all(env, skyarc, large, tmp_path):
    with running(env, tmp_path, "pull", "-o", "-", large, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        with open(tmp_path / "n.tar.zst", "wb") as file:
            file.write(os.read(process.stdout.fileno(), 1000))
            time.sleep(5)
            while part := process.stdout.read(1 << 16):
                file.write(part)
        assert process.wait(SOON) == 0
    skyarc("verify", "n.tar.zst", check=0)


# ---- a full disk


def test_a_full_disk_that_becomes_free_again(skyarc, large, disk, tmp_path):
    folder, room = disk
    room(30 << 20)
    result, _ = ends(skyarc, ENDS, "pull", "-o", "disk/f.tar.zst", large)
    assert result.code == 1 and "No space left" in result.err, result
    assert not (folder / "f.tar.zst").exists()
    room(200 << 20)
    result, _ = ends(skyarc, ENDS, "pull", "--json", "-o", "disk/f.tar.zst", large, check=0)
    assert result.json()["kept"] > 0
    skyarc("verify", "disk/f.tar.zst", check=0)


def test_a_full_spool(skyarc, large, disk, tmp_path):
    """What waits has the memory alone; a ZIP file, into which nothing passes through, lacks what is larger."""
    result, _ = ends(skyarc, ENDS, "pull", "--json", "--spool-dir", "disk", "-o", "s.zip", large)
    assert result.code in (0, 3), result
    if result.code == 3:
        assert list(result.json()["missing_reasons"]) == ["no-space"] and "No space left" in result.err, result
    skyarc("verify", "s.zip", check=0)
    ends(skyarc, ENDS, "pull", "--spool-dir", "disk", "-o", "s.tar.zst", large, check=0)
    skyarc("verify", "s.tar.zst", check=0)
    disk[1](200 << 20)
    ends(skyarc, ENDS, "pull", "-f", "--spool-dir", "disk", "-o", "s.zip", large, check=0)


def test_a_sync_on_a_full_disk(skyarc, emu, large, disk):
    _, room = disk
    room(20 << 20)
    result, _ = ends(skyarc, ENDS, "sync", "--dest", "disk/v", "--settle", "0s")
    assert result.code == 1 and "No space left" in result.err, result
    room(300 << 20)
    ends(skyarc, ENDS, "sync", "--dest", "disk/v", "--settle", "0s", check=0)


# ---- signals, in each phase

BOTH = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])


@BOTH
def test_a_signal_while_run_ids_are_awaited(env, emu, tmp_path, number):
    with running(env, tmp_path, "pull", "-i", "-", "-o", "g.tar", stdin=subprocess.PIPE,
                 stderr=subprocess.PIPE) as process:
        time.sleep(0.5)
        stops(process, number)


@BOTH
@pytest.mark.parametrize("command", [["pull", "-o", "g.tar", "tsk_raw"], ["pull", "--wait", "-o", "g.tar", "tsk_raw"],
                                     ["runs"], ["show", "tsk_raw"], ["artifacts", "tsk_raw"], ["wait", "tsk_raw"],
                                     ["submit", "--prompt", "do it"], ["sync", "--dest", "v"]], ids=" ".join)
def test_a_signal_while_listing(env, raw, tmp_path, number, command):
    server = raw(silent)
    with running(dict(env, SKYVERN_BASE_URL=server.url), tmp_path, *command, stderr=subprocess.PIPE) as process:
        until(lambda: server.asked, process)
        time.sleep(0.2)
        stops(process, number)
    assert not list(tmp_path.glob("g.tar*"))


@BOTH
@pytest.mark.parametrize("where", ["list", "artifact"])
def test_a_signal_while_a_retry_is_waited_for(env, emu, raw, tmp_path, number, where):
    server = raw(put_off("300"))
    one_artifact(emu, server.url + "/raw")
    env = dict(env, SKYVERN_BASE_URL=server.url) if where == "list" else env
    with running(env, tmp_path, "pull", "-o", "g.tar", "tsk_raw", stderr=subprocess.PIPE) as process:
        until(lambda: server.asked, process)
        time.sleep(0.3)
        stops(process, number)


@BOTH
@pytest.mark.parametrize("answer", [silent, slow_headers, slow_body], ids=lambda f: f.__name__)
def test_a_signal_while_fetching(env, emu, raw, tmp_path, number, answer):
    server = raw(answer)
    one_artifact(emu, server.url + "/raw")
    with running(env, tmp_path, "pull", "-o", "g.tar.zst", "tsk_raw", stderr=subprocess.PIPE) as process:
        until(lambda: server.asked, process)
        time.sleep(0.3)
        stops(process, number)


def seconds_of_cpu(process):
    with open("/proc/%d/stat" % process.pid, encoding="ascii", errors="replace") as file:
        words = file.read().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


@BOTH
@pytest.mark.parametrize("command", [["-l", "19", "-o", "g.tar.zst"], ["-l", "9", "-o", "g.zip"],
                                     ["-l", "19", "--duplicates", "copy", "-o", "g.tar.zst"]], ids=" ".join)
def test_a_signal_while_compressing(env, emu, raw, tmp_path, number, command):
    """Large texts that are here before they are compressed: what is not in the archive yet is left. In
    seconds of CPU, since the machine may have more to do: two, and seven under TSan, where all would take a
    hundred or more."""
    words = b"".join(b"%d is %d times %d\n" % (i * i, i, i) for i in range(40000))
    sent = []

    def answer(server, connection, path):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (200 * len(words)))
        for _ in range(200):
            connection.sendall(words)
        sent.append(path)
        return True

    server = raw(answer)
    emu.run("tsk_words", [{"id": "w%d" % i, "type": "html", "data": b"", "sized": False, "summed": False,
                           "signing": "%s/%d" % (server.url, i)} for i in range(2)])
    with running(env, tmp_path, "pull", *command, "tsk_words", stderr=subprocess.PIPE) as process:
        begin = time.monotonic()
        until(lambda: len(sent) == 2 or time.monotonic() > begin + 10, process, 60)
        time.sleep(0.5)
        before = seconds_of_cpu(process)
        process.send_signal(number)
        while process.poll() is None:
            assert seconds_of_cpu(process) < before + 25
            time.sleep(0.05)
        assert process.returncode == 128 + number
    assert not (tmp_path / command[-1]).exists()


@pytest.fixture
def slow_disk(tmp_path):
    """Preloaded: from the archive's first fsync on, each takes two seconds; that it has begun is marked."""
    source = tmp_path / "slow.c"
    source.write_text("""
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        #include <unistd.h>
        int fsync(int fd)
        {
            static int begun;
            char link[64], path[4096] = "";
            snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
            if (readlink(link, path, sizeof(path) - 1) > 0 && strstr(path, ".tar.zst.partial"))
                begun = 1;
            FILE *mark = begun ? fopen(getenv("SLOW_MARK"), "a") : NULL;
            if (mark)
                fclose(mark);
            for (int i = 0; begun && i < 20; i++)
                usleep(100000); /* also when a signal comes */
            return 0;
        }
    """)
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", tmp_path / "slow.so", source], check=True)
    return tmp_path / "slow.so"


@BOTH
def test_a_signal_while_sealing(env, emu, skyarc, tmp_path, slow_disk, number):
    """Then it ends either way, and what has the final name is whole."""
    mark = tmp_path / "mark"
    env = dict(env, LD_PRELOAD=str(slow_disk), SLOW_MARK=str(mark), ASAN_OPTIONS="verify_asan_link_order=0")
    with running(env, tmp_path, "pull", "-q", "-o", "g.tar.zst", "tsk_demo1", stderr=subprocess.PIPE) as process:
        until(mark.exists, process)
        process.send_signal(number)
        _, err = process.communicate(timeout=SOON)
    assert process.returncode in (0, 128 + number), err
    assert (tmp_path / "g.tar.zst").exists() == (process.returncode == 0)
    skyarc("pull", "-q", "-f", "-o", "g.tar.zst", "tsk_demo1", check=0)
    skyarc("verify", "g.tar.zst", check=0)


@BOTH
def test_a_signal_while_the_anchors_command_runs(env, emu, tmp_path, number):
    """The archive stands; the command is not waited for any longer."""
    with running(env, tmp_path, "pull", "-q", "-o", "g.tar.zst", "--anchor-command",
                 "echo $$; exec sleep 60", "tsk_demo1", stderr=subprocess.PIPE) as process:
        child = int(process.stderr.readline())
        try:
            stops(process, number)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
    assert (tmp_path / "g.tar.zst").exists()


def zeros_api(size, count):
    """A service with one run, whose artifacts are large and nothing."""
    nothing = bytes(1 << 20)
    record = {"run_id": "tsk_zero", "task_run_id": "tr_zero", "status": "completed", "run_type": "task_v2",
              "task_run_type": "task_v2", "title": None, "created_at": "2026-01-20T11:52:20.000001",
              "started_at": "2026-01-20T11:52:21", "finished_at": "2026-01-20T11:54:59.25"}

    def answer(server, connection, path):
        if path.endswith("/artifacts"):
            connection.sendall(plain(json.dumps([
                {"artifact_id": "z%d" % i, "artifact_type": "html", "uri": "s3://b/z%d" % i, "bundle_key": None,
                 "checksum": None, "file_size": size + 1, "run_id": "tsk_zero",
                 "signed_url": "%s/z%d" % (server.url, i), "created_at": "2026-01-20T11:52:29.276851"}
                for i in range(count)]).encode()))
        elif "/runs/" in path:
            connection.sendall(plain(json.dumps(record).encode()))
        elif "/runs" in path:
            connection.sendall(plain(json.dumps([record] if "page=1&" in path + "&" else []).encode()))
        else:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%c" % (size + 1, ord(path[-1])))
            for _ in range(size >> 20):
                connection.sendall(nothing)
        return True
    return answer


@pytest.fixture(scope="module")
def zeros(tmp_path_factory):
    """An archive that is small, and takes a while to read: a gigabyte of nothing."""
    folder = tmp_path_factory.mktemp("zeros")
    server = Raw(zeros_api(128 << 20, 8))
    try:
        env = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
        subprocess.run([SKYARC, "pull", "-q", "--no-dedupe", "--records", "none", "--no-children", "-o",
                        folder / "z.tar.zst", "tsk_zero"], check=True,
                       env=dict(env, SKYVERN_API_KEY="k" * 20, SKYVERN_BASE_URL=server.url, TMPDIR=str(folder)))
    finally:
        server.close()
    return folder / "z.tar.zst"


@BOTH
@pytest.mark.parametrize("command", [["verify"], ["extract", "-C", "out"]], ids=lambda c: c[0])
def test_a_signal_while_reading_back(env, tmp_path, zeros, number, command):
    with running(env, tmp_path, *command, zeros, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        time.sleep(0.25)
        if process.poll() is not None:
            pytest.skip("too fast for this test")
        stops(process, number, 5)


@BOTH
def test_a_signal_while_a_sync_reads_back(env, skyarc, raw, tmp_path, number):
    env = dict(env, SKYVERN_BASE_URL=raw(zeros_api(128 << 20, 4)).url)
    command = ["sync", "-q", "--dest", "v", "--settle", "0s", "--no-dedupe"]
    with running(env, tmp_path, *command, stderr=subprocess.PIPE) as process:
        until(lambda: list(tmp_path.glob("v/*/*/*.tar.zst")), process, 60)
        stops(process, number, 5)
    assert skyarc(*command, check=0, SKYVERN_BASE_URL=env["SKYVERN_BASE_URL"])
    assert "tsk_zero" in skyarc("find", "v", check=0).out.decode()


@BOTH
def test_a_signal_while_nobody_reads_what_cat_prints(env, tmp_path, zeros, number):
    with running(env, tmp_path, "cat", zeros, "z1", stderr=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        time.sleep(1)
        assert process.poll() is None
        stops(process, number)


@BOTH
def test_a_signal_while_a_ping_is_not_answered(env, raw, tmp_path, number):
    server = raw(silent)
    with running(env, tmp_path, "sync", "-q", "--dest", "v", "--ping", server.url + "/ping",
                 stderr=subprocess.PIPE) as process:
        until(lambda: server.asked, process)
        time.sleep(0.2)
        stops(process, number)


def test_a_ping_that_is_not_answered_delays_a_sync_by_seconds(skyarc, emu, raw):
    """Ten for each of the two."""
    result, _ = ends(skyarc, ENDS, "sync", "--dest", "v", "--ping", raw(silent).url + "/ping", check=0)
    assert "--ping" in result.err


@BOTH
@pytest.mark.parametrize("said", [b"", b"POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\n{"], ids=["nothing", "a part"])
def test_a_signal_while_a_webhook_is_on_its_way(env, tmp_path, number, said):
    with running(env, tmp_path, "listen", "--dest", "in", "--addr", "127.0.0.1:0", stdout=subprocess.PIPE,
                 stderr=subprocess.PIPE) as process:
        port = int(process.stdout.readline().decode().rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(said)
            time.sleep(0.3)
            process.send_signal(number)
            try:
                process.wait(SOON)
            except subprocess.TimeoutExpired:
                pytest.fail("not ended")


# ---- files that are not files


def test_a_pipe_below_the_local_root(skyarc, emu, tmp_path):
    (tmp_path / "root").mkdir()
    os.mkfifo(tmp_path / "root" / "fifo")
    emu.run("tsk_raw", [{"id": "raw", "type": "html", "data": b"x", "uri": "file:///root/fifo",
                         "signing": "file:///root/fifo"}])
    emu.fault("content/raw", "status", times=99, status=404)
    result, _ = ends(skyarc, SOON, "pull", "--retries", "0", "--local-root", tmp_path / "root", "-o", "p.tar",
                     "tsk_raw")
    assert result.code == 3


@pytest.mark.parametrize("command", [["list"], ["verify"], ["cat"], ["extract"], ["report"]], ids=lambda c: c[0])
def test_a_pipe_for_an_archive(skyarc, tmp_path, command):
    """An archive is read from its end: a pipe has none, and nobody may ever write into it."""
    os.mkfifo(tmp_path / "fifo")
    more = ["manifest.json"] if command == ["cat"] else []
    result, _ = ends(skyarc, SOON, *command, tmp_path / "fifo", *more)
    assert result.code not in (0, 3) and "fifo" in result.err


@pytest.mark.parametrize("args", [["-o", "fifo.tar.zst", "tsk_demo1"],
                                  ["-o", "a.tar", "--api-key-file", "fifo.tar.zst", "tsk_demo1"],
                                  ["-o", "a.tar", "--sign", "fifo.tar.zst", "tsk_demo1"],
                                  ["-o", "a.tar", "-i", "fifo.tar.zst"]], ids=["output", "key", "sign", "input"])
def test_a_fifo_that_nobody_opens_ends_by_a_signal(env, tmp_path, args):
    os.mkfifo(tmp_path / "fifo.tar.zst")
    own = {k: v for k, v in env.items() if k != "SKYVERN_API_KEY" or "--api-key-file" not in args}
    with subprocess.Popen([SKYARC, "pull", *args], env=own, cwd=tmp_path, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        time.sleep(1)
        assert process.poll() is None
        process.terminate()
        process.communicate(timeout=5)
    assert process.returncode in (143, -signal.SIGTERM)
    assert sorted(p.name for p in tmp_path.iterdir() if p.name != "home") == ["fifo.tar.zst"]


def test_a_fifo_that_is_read_is_written(skyarc, env, tmp_path):
    os.mkfifo(tmp_path / "fifo.tar.zst")
    with subprocess.Popen([SKYARC, "pull", "-q", "-o", "fifo.tar.zst", "tsk_demo1"], env=env, cwd=tmp_path) as process:
        time.sleep(0.5)
        (tmp_path / "got.tar.zst").write_bytes((tmp_path / "fifo.tar.zst").read_bytes())
    assert process.returncode == 0
    skyarc("verify", "got.tar.zst", check=0)
