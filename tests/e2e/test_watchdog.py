# SPDX-License-Identifier: MIT
"""A pull in which nothing moves any more ends by itself; one that waits by right does not."""
import os
import signal
import subprocess
import time

import pytest

from conftest import SKYARC, TESTS

SANITIZED = b"__asan_init" in open(SKYARC, "rb").read() or b"__tsan_init" in open(SKYARC, "rb").read()


@pytest.fixture
def hanging(env, tmp_path):
    """An environment in which threads stop waking each other."""
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


def test_a_server_that_says_nothing_is_told(env, emu, tmp_path):
    """It stalls for longer than is warned after, and then its retry comes."""
    emu.fault("a_1rec", "slow", times=1, steps=2, pause=4)
    process = pull(env, tmp_path, "--hang-timeout", "10s", "--speed-time", "30s")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert os.path.exists(tmp_path / "a.tar.zst")
