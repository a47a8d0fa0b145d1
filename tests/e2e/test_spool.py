# SPDX-License-Identifier: MIT
"""A pull does not need temporary files: --spool-dir or TMPDIR that is missing, a file, or full."""
import hashlib
import os
import shutil
import socket
import subprocess
import sys

import pytest

from conftest import SKYARC, TESTS, Result, extract

sys.path.insert(0, TESTS)
from netlab.web import Nginx, certificate
from test_listen import Receiver, payload, sign, wait_for

LIMIT = 120
WARNING = "going on without temporary files"

KNOWN = [{"id": "k%02d" % i, "type": "recording", "webm": 900_000 + i, "seed": i} for i in range(30)]
UNKNOWN = [{"id": "u%02d" % i, "type": "recording", "webm": 900_000 + i, "seed": i, "sized": False}
           for i in range(30)]


@pytest.fixture(params=["missing", "a file", "full"])
def spool(request, tmp_path):
    """A directory in which no temporary file can be made, or not much written."""
    if request.param == "missing":
        return tmp_path / "nowhere"
    if request.param == "a file":
        (tmp_path / "file").write_text("x")
        return tmp_path / "file"
    folder, room = request.getfixturevalue("disk")
    room(1 << 20)
    return folder


@pytest.fixture
def front(env, emu, tmp_path):
    """nginx in front of the emulator, by TLS with HTTP/2: its address, and the environment for it."""
    if not (shutil.which("nginx") or os.path.exists("/usr/sbin/nginx")):
        pytest.skip("there is no nginx here")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folder = tmp_path / "nginx"
    folder.mkdir()
    url = "https://127.0.0.1:%d" % port
    back = emu.api
    nginx = Nginx(str(folder), "127.0.0.1:%d" % port, str(folder), tls=str(folder), alone=True, locations="""
        location ^~ / {
            access_log %s/versions versions;
            proxy_pass %s; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_max_temp_file_size 0;
            proxy_set_header Host $http_host; proxy_set_header Accept-Encoding "";
            sub_filter_types application/json; sub_filter_once off; sub_filter "%s" "%s";
        }""" % (folder, back, back, url), http="log_format versions '$server_protocol $uri';")
    try:
        yield dict(env, SKYVERN_BASE_URL=url + emu.api[len(back):]), certificate(str(folder))
    finally:
        nginx.close()


def check_whole(skyarc, emu, tmp_path, name, artifacts):
    skyarc("verify", "-q", name, check=0)
    folder = extract(tmp_path / name, tmp_path)
    found = sorted(hashlib.sha256(p.read_bytes()).digest() for p in folder.rglob("*.webm"))
    assert found == sorted(hashlib.sha256(emu.data(a["id"])).digest() for a in artifacts)


def unsaid(emu, artifacts):
    for artifact in artifacts:
        emu.fault(artifact["id"], "chunked", times=999)


def test_known_sizes(skyarc, emu, tmp_path, spool):
    emu.run("tsk_1", KNOWN)
    result = skyarc("pull", "--spool-dir", spool, "-o", "a.tar.zst", "tsk_1", check=0, timeout=LIMIT)
    assert result.err.count(WARNING) == 1 and str(spool) in result.err, result
    check_whole(skyarc, emu, tmp_path, "a.tar.zst", KNOWN)


def test_unknown_sizes(skyarc, emu, tmp_path, spool):
    emu.run("tsk_1", UNKNOWN)
    unsaid(emu, UNKNOWN)
    result = skyarc("pull", "-o", "a.tar.zst", "tsk_1", check=0, timeout=LIMIT, TMPDIR=str(spool))
    assert result.err.count(WARNING) == 1, result
    check_whole(skyarc, emu, tmp_path, "a.tar.zst", UNKNOWN)


@pytest.mark.parametrize("artifacts", [KNOWN, UNKNOWN], ids=["known", "unknown"])
def test_http2(skyarc, emu, front, tmp_path, spool, artifacts):
    env, ca = front
    emu.run("tsk_1", artifacts)
    if artifacts is UNKNOWN:
        unsaid(emu, artifacts)
    done = Result(subprocess.run([SKYARC, "pull", "-v", "--ca-file", ca, "--spool-dir", spool, "-o", "a.tar.zst", "tsk_1"],
                                 env=env, cwd=tmp_path, timeout=LIMIT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                 check=False))
    assert done.code == 0 and done.err.count(WARNING) == 1, done
    versions = (tmp_path / "nginx/versions").read_text()
    assert "HTTP/1.1 /v1/artifacts/" in versions and "HTTP/2.0 /v1/" in versions
    assert artifacts is KNOWN or "HTTP/2.0 /v1/artifacts/" in versions
    check_whole(skyarc, emu, tmp_path, "a.tar.zst", artifacts)


@pytest.mark.parametrize("form", ["a.tar.zst", "a.tar", "a"])
def test_bodies_larger_than_the_memory(skyarc, emu, tmp_path, form):
    """Of known size, by the server or by the list alone."""
    large = [{"id": "l%d" % i, "type": "recording", "webm": 12_000_000 + i, "seed": i} for i in range(4)]
    emu.run("tsk_1", large)
    unsaid(emu, large[:2])
    more = [] if form != "a" else ["--format", "dir"]
    result = skyarc("pull", *more, "--spool-dir", "nowhere", "-o", form, "tsk_1", check=0, timeout=LIMIT)
    assert result.err.count(WARNING) == 1, result
    skyarc("verify", "-q", form, check=0)


def test_only_what_does_not_fit_is_missing(skyarc, emu, tmp_path):
    large = [{"id": "l%d" % i, "type": "recording", "webm": 20_000_000 + i, "seed": i, "sized": False}
             for i in range(2)]
    emu.run("tsk_1", large + UNKNOWN[:20])
    unsaid(emu, large)
    result = skyarc("pull", "--json", "--spool-dir", "nowhere", "-o", "a.tar.zst", "tsk_1", check=3, timeout=LIMIT)
    assert result.json()["missing_reasons"] == {"no-space": 2}
    for artifact in large:
        assert "artifact '%s' of run 'tsk_1' is larger than the memory" % artifact["id"] in result.err, result
    assert "--spool-dir" in result.err
    check_whole(skyarc, emu, tmp_path, "a.tar.zst", UNKNOWN[:20])
    skyarc("pull", "--memory", "256m", "--spool-dir", "nowhere", "-o", "b.tar.zst", "tsk_1", check=0, timeout=LIMIT)
    check_whole(skyarc, emu, tmp_path, "b.tar.zst", large + UNKNOWN[:20])


def test_a_spool_that_is_full_in_the_middle(skyarc, emu, disk, tmp_path):
    folder, room = disk
    room(6 << 20)
    mixed = KNOWN[:15] + UNKNOWN[15:]
    emu.run("tsk_1", mixed)
    unsaid(emu, UNKNOWN[15:])
    skyarc("pull", "--spool-dir", folder, "-o", "a.tar.zst", "tsk_1", check=0, timeout=LIMIT)
    check_whole(skyarc, emu, tmp_path, "a.tar.zst", mixed)


def test_a_connection_that_breaks(skyarc, emu, tmp_path):
    """What has come of a body of known size is not lost."""
    emu.run("tsk_1", KNOWN)
    for artifact in KNOWN[::4]:
        emu.fault(artifact["id"], "short", times=2)
    skyarc("pull", "--spool-dir", "nowhere", "-o", "a.tar.zst", "tsk_1", check=0, timeout=LIMIT)
    check_whole(skyarc, emu, tmp_path, "a.tar.zst", KNOWN)




def test_what_cannot_pass_through(skyarc, emu, tmp_path):
    """A ZIP file cannot be cut back to where a body began."""
    large = [{"id": "l1", "type": "recording", "webm": 12_000_000, "seed": 1}]
    emu.run("tsk_1", large + KNOWN[:8])
    result = skyarc("pull", "--json", "--spool-dir", "nowhere", "-o", "a.zip", "tsk_1", check=3, timeout=LIMIT)
    assert result.json()["missing_reasons"] == {"no-space": 1}
    assert "artifact 'l1' of run 'tsk_1' is larger than the memory" in result.err
    check_whole(skyarc, emu, tmp_path, "a.zip", KNOWN[:8])


def test_bundles_and_hars(skyarc, emu):
    """ZIPs are split, and HARs unpacked, as far as the memory suffices."""
    runs = ["tsk_step", "tsk_demo1", "wr_demo2"]
    skyarc("pull", "--json", "--spool-dir", "nowhere", "-o", "a.tar.zst", *runs, check=0)
    skyarc("pull", "--json", "-o", "b.tar.zst", *runs, check=0)
    names = [sorted(line.split()[-1] for line in skyarc("list", name, check=0).out.decode().splitlines())
             for name in ("a.tar.zst", "b.tar.zst")]
    assert names[0] == names[1]
    skyarc("verify", "-q", "a.tar.zst", check=0)


def test_a_sync(skyarc, emu):
    emu.run("tsk_1", KNOWN)
    result = skyarc("sync", "--dest", "vault", check=0, timeout=LIMIT, TMPDIR="nowhere")
    assert WARNING in result.err
    skyarc("verify", "-q", "vault", check=0)


def test_a_receiver(env, emu, tmp_path):
    """Its sandbox, too, needs no directory for temporary files."""
    one = Receiver(dict(env, TMPDIR=str(tmp_path / "nowhere")), tmp_path)
    body = payload("tsk_demo3")
    assert one.ask("POST", "/", body, sign(emu.key, body))[0] == 200
    wait_for((tmp_path / "in" / "tsk_demo3.tar.zst").exists)
    assert one.stop()[0] == 0
