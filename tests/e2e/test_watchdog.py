# SPDX-License-Identifier: MIT
"""A pull without progress ends; a pull that waits for a stated reason does not."""
import fcntl
import hashlib
import hmac
import json
import os
import signal
import subprocess
import time
import urllib.request

import pytest

from conftest import SKYARC, TESTS

SANITIZED = b"__asan_init" in open(SKYARC, "rb").read() or b"__tsan_init" in open(SKYARC, "rb").read()


@pytest.fixture
def hanging(env, tmp_path):
    """An environment in which condition variables are no longer signalled."""
    if SANITIZED:
        pytest.skip("a sanitizer comes before any other preloaded library")
    library = tmp_path / "hang.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, TESTS + "/torture/hang.c", "-ldl"],
                   check=True)
    return dict(env, LD_PRELOAD=str(library))


def pull(env, cwd, *args, **more):
    return subprocess.Popen([SKYARC, "pull", "-o", "a.tar.zst", *args, "tsk_demo1", "tsk_v2_demo2"],
                            env=env, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)


@pytest.mark.parametrize("after", [0, 5, 20, 40])
def test_a_deadlock_ends(hanging, env, skyarc, tmp_path, after):
    process = pull(dict(hanging, SKYARC_HANG_AFTER=str(after)), tmp_path, "--hang-timeout", "3s")
    _, err = process.communicate(timeout=60)
    err = err.decode()
    assert process.returncode == 1, err
    assert err.count("warning: no progress for") == 1
    assert "error: no progress for 3 s" in err
    assert "status: received: " in err  # and how it stands
    assert not (tmp_path / "a.tar.zst").exists()
    skyarc("pull", "-o", "a.tar.zst", "tsk_demo1", "tsk_v2_demo2", check=0)
    skyarc("verify", "a.tar.zst", check=0)


def test_a_deadlock_answers_who_asks(hanging, tmp_path):
    process = pull(dict(hanging, SKYARC_HANG_AFTER="5"), tmp_path, "--hang-timeout", "0")
    time.sleep(2)
    process.send_signal(signal.SIGUSR1)
    time.sleep(2.5)
    process.kill()
    _, err = process.communicate()
    assert b"status" in err


def test_what_is_waited_for_is_no_hang(env, emu, tmp_path):
    """A slow reader, a retry that is due later, a rate limit: each for longer than the limit."""
    emu.fault("a_1html", "status", times=1, status=503, headers={"Retry-After": "5"})
    process = subprocess.Popen("%s pull -o - --format tar --hang-timeout 2s tsk_demo1 | (sleep 6; cat >/dev/null)"
                               % SKYARC, shell=True, env=env, cwd=tmp_path, stderr=subprocess.PIPE)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0 and b"no progress" not in err, err


@pytest.mark.parametrize("more", [["--anchor-command", "sleep 4"], ["--limit-rate", "150k"],
                                  ["--wait", "--interval", "4s"]], ids=lambda more: more[0])
def test_each_wait_is_no_hang(env, emu, tmp_path, more):
    """A command, a rate limit, the next poll of a run: each for longer than the limit."""
    if "--wait" in more:
        emu.script(["running", "completed"], run="tsk_demo1")
    process = pull(env, tmp_path, "--hang-timeout", "2s", *more)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0 and b"no progress" not in err, err


def test_another_ones_lock_is_no_hang(env, emu, tmp_path):
    os.mkdir(tmp_path / "vault")
    with open(tmp_path / "vault/lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = subprocess.Popen([SKYARC, "sync", "--dest", "vault", "--lock-wait", "60s", "--hang-timeout", "6s"],
                                   env=env, cwd=tmp_path, stderr=subprocess.PIPE)
        time.sleep(8)
        assert process.poll() is None
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0 and b"no progress" not in err, err


def listen(env, cwd, *args):
    process = subprocess.Popen([SKYARC, "listen", "--dest", "in", "--addr", "127.0.0.1:0", *args], env=env, cwd=cwd,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    line = b""
    while b"http://" not in line:
        line = process.stdout.readline() or process.stderr.readline()
        assert line or process.poll() is None
    return process, line.split()[-1].decode()


def post(url, env, run):
    body = json.dumps({"run_id": run, "status": "completed"}).encode()
    sign = hmac.new(env["SKYVERN_API_KEY"].encode(), body, hashlib.sha256).hexdigest()
    with urllib.request.urlopen(urllib.request.Request(url, body, {"x-skyvern-signature": sign})) as answer:
        return answer.status


def test_an_idle_receiver_is_no_hang(env, emu, tmp_path):
    """With nothing in its queue, with a run that is not due, and with nothing again."""
    process, url = listen(env, tmp_path, "--hang-timeout", "2s", "--delay", "4s")
    try:
        time.sleep(4)
        assert post(url, env, "tsk_demo1") == 200
        until = time.monotonic() + 60
        while not (tmp_path / "in/tsk_demo1.tar.zst").exists() and time.monotonic() < until:
            assert process.poll() is None
            time.sleep(0.2)
        time.sleep(4)
        assert process.poll() is None
    finally:
        process.terminate()
        _, err = process.communicate(timeout=60)
    assert process.returncode == 0 and b"no progress" not in err, err
    assert (tmp_path / "in/tsk_demo1.tar.zst").exists()


@pytest.mark.parametrize("after", [5, 40])
def test_a_sync_survives_it(hanging, skyarc, tmp_path, after):
    process = subprocess.Popen([SKYARC, "sync", "--dest", "vault", "--hang-timeout", "3s"], cwd=tmp_path,
                               env=dict(hanging, SKYARC_HANG_AFTER=str(after)), stderr=subprocess.PIPE)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1 and b"error: no progress for 3 s" in err, err
    skyarc("sync", "--dest", "vault", check=0)
    skyarc("verify", "vault", check=0)


def test_a_receiver_survives_it(hanging, env, tmp_path):
    """The run whose archiving hung is archived by the next start."""
    process, url = listen(dict(hanging, SKYARC_HANG_AFTER="5"), tmp_path, "--hang-timeout", "3s", "--delay", "0s")
    assert post(url, env, "tsk_demo1") == 200
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1 and b"error: no progress for 3 s" in err, err
    process, _ = listen(env, tmp_path, "--delay", "0s")
    until = time.monotonic() + 60
    while not (tmp_path / "in/tsk_demo1.tar.zst").exists() and time.monotonic() < until:
        time.sleep(0.2)
    process.terminate()
    process.communicate(timeout=60)
    assert (tmp_path / "in/tsk_demo1.tar.zst").exists()


def test_a_server_that_says_nothing_is_told(env, emu, tmp_path):
    """It stalls for longer than is warned after, and then its retry comes."""
    emu.fault("a_1rec", "slow", times=1, steps=2, pause=4)
    process = pull(env, tmp_path, "--hang-timeout", "10s", "--speed-time", "30s")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert os.path.exists(tmp_path / "a.tar.zst")
