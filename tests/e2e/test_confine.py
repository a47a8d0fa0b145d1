# SPDX-License-Identifier: MIT
"""The sandbox of readers: system calls of an exploit fail."""
import os
import shutil
import socket
import subprocess
import time

import pytest

import craft
from conftest import SKYARC, Result
from test_faults import wait_for
from test_listen import Receiver, payload, sign

HERE = os.path.dirname(os.path.abspath(__file__))
WATCHED = any(word in open(SKYARC, "rb").read(1 << 27) for word in (b"__asan_init", b"__tsan_init", b"exec valgrind"))

pytestmark = [pytest.mark.skipif(WATCHED, reason="sanitizers and valgrind do what is forbidden to readers"),
              pytest.mark.skipif(not shutil.which("cc"), reason="no compiler")]

READERS = [["list"], ["cat", "bagit.txt"], ["extract", "-C", "out"], ["verify"], ["verify", "--quick"],
           ["report", "-o", "-"], ["report", "-o", "pages/x.html"], ["report", "-o", "out"]]


@pytest.fixture(scope="module")
def exploit(tmp_path_factory):
    made = tmp_path_factory.mktemp("exploit") / "exploit.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", made, HERE + "/exploit.c", "-ldl"], check=True)
    return made


@pytest.fixture
def port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(128)
        yield server.getsockname()[1]


@pytest.fixture
def run(exploit, port, tmp_path):
    """Run a reader with an exploit in its parser: (result, what the exploit could do)."""
    secret = tmp_path / "secret"
    secret.write_text("secret")
    (tmp_path / "pages").mkdir()
    archive = tmp_path / "x.tar.zst"
    archive.write_bytes(craft.sample().tar_zst())
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("SKYVERN_", "SKYARC_", "XDG_"))}
    clean.update(LD_PRELOAD=str(exploit), EXPLOIT_READ=str(secret), EXPLOIT_WRITE=str(tmp_path / "made"),
                 EXPLOIT_RUN="/bin/true", EXPLOIT_PORT=str(port), HOME=str(tmp_path), TMPDIR=str(tmp_path))

    def go(command, *more, **env):
        args = [command[0], "-v", *more, *command[1:]]
        args[2 + len(more):2 + len(more)] = [str(archive)] if command[0] == "cat" else []
        args += [] if command[0] == "cat" else [str(archive)]
        done = subprocess.run([SKYARC, *args], env=dict(clean, **env), cwd=tmp_path, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
        result = Result(done)
        assert result.code == 0, result
        could = dict(line[9:].split(": ") for line in result.err.splitlines() if line.startswith("exploit: "))
        assert len(could) == 6, result
        return result, {what for what, answer in could.items() if answer == "yes"}
    return go


METADATA = {"change another file's mode", "change another file's times"}  # Landlock knows neither
ALL = {"read another file", "make another file", "start a program", "connect", *METADATA}


@pytest.mark.parametrize("command", READERS, ids=" ".join)
def test_the_next_step_fails(run, command):
    result, could = run(command)
    allowed = set()
    if "confined by Landlock, version" not in result.err:
        allowed |= {"read another file", "make another file"}
    if "not confined by seccomp" in result.err:
        allowed |= {"start a program", "connect", *METADATA}
    assert could <= allowed, result


@pytest.mark.parametrize("how", ["option", "environment"])
def test_it_can_be_switched_off(run, how):
    more, env = (["--no-sandbox"], {}) if how == "option" else ([], {"SKYARC_NO_SANDBOX": "1"})
    for command in READERS:
        result, could = run([*command, "-f"] if command[0] in ("extract", "report") else command, *more, **env)
        assert could == ALL and "not confined: --no-sandbox" in result.err


def test_the_kernel_says_so_too(run, tmp_path):
    """While a reader waits, /proc says that it is confined."""
    archive = tmp_path / "big.tar"
    archive.write_bytes(craft.Bag({"data/r1/html/x": bytes(1 << 20)}).tar())
    with subprocess.Popen([SKYARC, "cat", archive, "data/r1/html/x"], stdout=subprocess.PIPE) as process:
        process.stdout.read(1)
        for _ in range(100):
            with open("/proc/%d/status" % process.pid, encoding="ascii") as file:
                status = file.read()
            if "Seccomp:\t2" in status:
                break
            time.sleep(0.1)
        process.stdout.read()
    assert process.returncode == 0 and "Seccomp:\t2" in status and "NoNewPrivs:\t1" in status


@pytest.fixture
def listener(exploit, port, env, emu, tmp_path):
    """An exploit in what takes a ZIP of the service apart: (what is said, what it could do)."""
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "spool").mkdir()
    made = []

    def go(*args, **more):
        one = Receiver(dict(env, LD_PRELOAD=str(exploit), EXPLOIT_READ=str(tmp_path / "secret"),
                            EXPLOIT_WRITE=str(tmp_path / "made"), EXPLOIT_RUN="/bin/true", EXPLOIT_PORT=str(port),
                            TMPDIR=str(tmp_path / "spool"), **more), tmp_path, "-v", *args)
        made.append(one)
        body = payload("tsk_step")
        assert one.ask("POST", "/", body, sign(emu.key, body))[0] == 200
        wait_for((tmp_path / "in" / "tsk_step.tar.zst").exists)
        with open("/proc/%d/status" % one.process.pid, encoding="ascii") as file:
            status = file.read()
        code, err = one.stop()
        assert code == 0, err
        could = dict(line[9:].split(": ") for line in err.splitlines() if line.startswith("exploit: "))
        assert len(could) == 6, err
        return status, err, {what for what, answer in could.items() if answer == "yes"}
    yield go
    for one in made:
        if one.process.poll() is None:
            one.process.kill()
            one.process.communicate()


def test_listen_is_confined(listener, skyarc):
    """It asks the service, so it can connect; it reads and writes where archives are, and starts nothing."""
    status, err, could = listener()
    allowed = {"connect"}
    if "confined by Landlock, version" not in err:
        allowed |= {"read another file", "make another file"}
    if "not confined by seccomp" in err:
        allowed |= {"start a program", *METADATA}
    else:
        assert "Seccomp:\t2" in status and "NoNewPrivs:\t1" in status
    assert "connect" in could and could <= allowed, err
    skyarc("verify", "in/tsk_step.tar.zst", check=0)


@pytest.mark.parametrize("how", ["option", "environment"])
def test_listen_can_do_all_without(listener, how):
    _, err, could = listener(*(["--no-sandbox"] if how == "option" else []),
                             **({"SKYARC_NO_SANDBOX": "1"} if how == "environment" else {}))
    assert could == ALL and "not confined: --no-sandbox" in err


def test_against_the_service_is_said(run, tmp_path):
    done = subprocess.run([SKYARC, "verify", "-v", "--against-api", tmp_path / "x.tar.zst"], cwd=tmp_path,
                          env={"SKYVERN_API_KEY": "x", "SKYVERN_BASE_URL": "http://127.0.0.1:9"},
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    assert b"not confined: --against-api" in done.stderr
