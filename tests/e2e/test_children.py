# SPDX-License-Identifier: MIT
"""Child processes of skyarc, and the signals that end both."""
import os
import re
import resource
import signal
import socket
import subprocess
import time

import pytest

from conftest import SKYARC
from test_faults import wait_for

BIG = [{"id": "big%d" % i, "type": "recording", "data": os.urandom(600000)} for i in range(3)]


def alive(pid):
    """Whether a process exists and is not a zombie: for a moment also after it was killed."""
    try:
        with open("/proc/%d/stat" % pid, encoding="utf-8") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def start(env, tmp_path):
    """Start skyarc; its remaining processes are killed at the end."""
    made = []

    def run(*args, **more):
        made.append(subprocess.Popen([SKYARC, *args], env=dict(env, **more.pop("env", {})), cwd=tmp_path,
                                     stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more))
        return made[-1]

    yield run
    for process in made:
        if process.poll() is None:
            process.kill()
        process.communicate()


def anchored(start, command, *args, **more):
    return start("pull", "-o", "a.tar.zst", "tsk_demo3", "--anchor-command", command, *args, **more)


def pid_of(path):
    wait_for(lambda: path.exists() and path.read_text().endswith("\n"))
    return int(path.read_text())


def test_the_environment_is_clean(skyarc, emu, tmp_path):
    """Neither the key nor anything else but what the manual names."""
    skyarc("pull", "-o", "a.tar.zst", "tsk_demo3", "--anchor-command", "cat /proc/$$/environ >seen", check=0,
           AWS_SECRET_ACCESS_KEY="hidden", LANG="C.UTF-8", SKYARC_JOBS="3")
    seen = (tmp_path / "seen").read_bytes().decode().strip("\0").split("\0")
    names = {v.split("=", 1)[0] for v in seen}
    assert names == {"PATH", "HOME", "LANG", "SKYARC_HEAD", "SKYARC_ARCHIVE"}, names
    assert emu.key not in str(seen)


def test_nothing_is_inherited(start, tmp_path):
    """Neither standard input, nor descriptors, nor what skyarc does with signals."""
    ours = os.dup2(os.open("/dev/null", os.O_RDONLY), 57)
    process = anchored(start, "cat; ls /proc/$$/fd >fds; kill -PIPE $$; : >still",
                       stdin=subprocess.PIPE, pass_fds=[ours])
    os.close(ours)
    assert process.wait(30) == 1
    seen = (tmp_path / "fds").read_text().split()
    assert {"0", "1", "2"} <= set(seen) and "57" not in seen  # 10 is the exit status of the shell command
    assert not (tmp_path / "still").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_command(start, skyarc, tmp_path, number):
    process = anchored(start, "sleep 100 & echo $! >pid.tmp; mv pid.tmp pid; wait; : >still")
    child = pid_of(tmp_path / "pid")
    begin = time.monotonic()
    process.send_signal(number)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 128 + number and time.monotonic() - begin < 5
    assert b"'a.tar.zst' was written" in err and b"stopped by signal %d" % number in err
    wait_for(lambda: not alive(child))
    assert not (tmp_path / "still").exists()
    skyarc("verify", "a.tar.zst", check=0)


def test_a_command_that_ignores_signals(start, tmp_path):
    process = anchored(start, "trap '' TERM INT HUP; sleep 100 & echo $! >pid.tmp; mv pid.tmp pid; wait; wait; sleep 99")
    child = pid_of(tmp_path / "pid")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)  # its grace is five seconds
    assert process.returncode == 143
    wait_for(lambda: not alive(child))


def test_a_second_signal_ends_both_at_once(start, tmp_path):
    process = anchored(start, "trap '' TERM; sleep 100 & echo $! >pid.tmp; mv pid.tmp pid; wait; wait; sleep 99")
    child = pid_of(tmp_path / "pid")
    process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    begin = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 143 and time.monotonic() - begin < 3
    wait_for(lambda: not alive(child))


def test_the_command_has_a_time_limit(start, tmp_path):
    process = anchored(start, "sleep 100 & echo $! >pid.tmp; mv pid.tmp pid; wait; : >still",
                       "--command-timeout", "1s")
    child = pid_of(tmp_path / "pid")
    _, err = process.communicate(timeout=30)
    assert process.returncode == 1 and b"--anchor-command failed: the command timed out after 1 s" in err
    wait_for(lambda: not alive(child))
    assert not (tmp_path / "still").exists()


def test_how_it_ended_is_said(skyarc):
    for command, word in (("exit 7", "exit status 7"), ("kill -9 $$", "signal 9"),
                          ("/does/not/exist", "exit status 127")):
        result = skyarc("pull", "-f", "-o", "a.tar.zst", "tsk_demo3", "--anchor-command", command, check=1)
        assert word in result.err


def test_what_it_leaves_in_the_background_stays(start, tmp_path):
    process = anchored(start, "sleep 100 >/dev/null 2>&1 & echo $! >pid")
    assert process.wait(30) == 0
    child = pid_of(tmp_path / "pid")
    assert alive(child)
    os.kill(child, signal.SIGKILL)


def test_hang_up_is_a_stop(start, emu, tmp_path):
    """What has come is kept, as after SIGTERM."""
    emu.run("tsk_big", BIG)
    emu.fault("big2", "slow", times=9, steps=300, pause=0.1)
    process = start("pull", "-o", "a.tar.zst", "tsk_big")
    wait_for(lambda: [r for r in emu.log("store") + emu.log("api") if "big2" in r["path"]])
    time.sleep(0.5)
    process.send_signal(signal.SIGHUP)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 129 and b"stopped by signal 1" in err
    emu.reset_faults()
    result = start("pull", "-o", "a.tar.zst", "tsk_big")
    assert result.wait(30) == 0


def test_nohup_stays(start, emu):
    emu.fault("a_3rec", "slow", times=1, steps=20, pause=0.1)
    process = start("pull", "-o", "a.tar.zst", "tsk_demo3",
                    preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    wait_for(lambda: [r for r in emu.log() if "a_3rec" in r["path"]])
    process.send_signal(signal.SIGHUP)
    assert process.wait(30) == 0


def test_a_limit_of_file_size_is_a_stop(start, emu, tmp_path):
    """SIGXFSZ does not kill: an orderly end that says why."""
    emu.run("tsk_big", BIG)
    process = start("pull", "-o", "a.tar.zst", "tsk_big",
                    preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (500000, 500000)))
    _, err = process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGXFSZ, err
    assert re.search(rb"stopped by signal 25.*File too large", err, re.S), err
    assert not (tmp_path / "a.tar.zst").exists()


def test_a_ping_does_not_hold_a_stop_up(start, tmp_path):
    """A watcher that takes the connection and says nothing."""
    with socket.socket() as watcher:
        watcher.bind(("127.0.0.1", 0))
        watcher.listen()
        process = start("sync", "--dest", "vault", "--ping", "http://127.0.0.1:%d/x" % watcher.getsockname()[1])
        asked, _ = watcher.accept()
        begin = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
        assert process.returncode == 143 and time.monotonic() - begin < 7  # the end is reported after three seconds
        asked.close()
