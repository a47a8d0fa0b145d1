# SPDX-License-Identifier: MIT
"""Limits of the system: descriptors, disk space, signals of resource limits."""
import os
import resource
import signal
import subprocess

import pytest

from conftest import SKYARC, extract

RUNS = ["tsk_demo1", "tsk_v2_demo2"]


def limited(limit, value):
    return lambda: resource.setrlimit(limit, (value, value))


@pytest.mark.parametrize("count", [8, 16, 20, 24, 28, 31, 40, 64])
def test_few_descriptors(skyarc, env, tmp_path, count):
    """Fewer transfers, or a word before anything is fetched; never a failure at the end."""
    done = subprocess.run([SKYARC, "pull", "-j", "64", "-o", "a.tar.zst", *RUNS], env=env, cwd=tmp_path,
                          preexec_fn=limited(resource.RLIMIT_NOFILE, count), stderr=subprocess.PIPE,
                          timeout=120, check=False)
    if done.returncode == 0:
        skyarc("verify", "a.tar.zst", check=0)
    else:
        assert count < 31 and done.returncode == 1
        assert b"ulimit -n" in done.stderr or count < 12, done.stderr
        assert not (tmp_path / "a.tar.zst").exists()


def test_a_full_spool_costs_the_view_alone(skyarc, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", small],
                                      stderr=subprocess.DEVNULL, check=False).returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        result = skyarc("pull", "--spool-dir", small, "-o", "a.tar.zst", *RUNS, check=0)
    finally:
        subprocess.run(["umount", small], check=True)
    assert "the offline view is left out" in result.err and "No space left" in result.err
    skyarc("verify", "a.tar.zst", check=0)
    assert not (extract(tmp_path / "a.tar.zst", tmp_path) / "index.html").exists()


@pytest.mark.parametrize("count", [12, 16, 20, 24, 28, 31, 40])
def test_sync_with_few_descriptors(skyarc, env, tmp_path, count):
    """The same of a sync, which has its catalog, its lock and its volumes open, too."""
    done = subprocess.run([SKYARC, "sync", "--dest", "vault", "-j", "64"], env=env, cwd=tmp_path,
                          preexec_fn=limited(resource.RLIMIT_NOFILE, count), stderr=subprocess.PIPE,
                          timeout=120, check=False)
    if done.returncode:
        assert count < 31 and done.returncode == 1 and b"ulimit -n" in done.stderr, done
        assert not list((tmp_path / "vault").glob("*/*/*"))
        skyarc("sync", "--dest", "vault", check=0)  # no run was deferred
    assert len(list((tmp_path / "vault").glob("*/*/*"))) == 1
    skyarc("verify", "vault", "-q", check=0)


def test_a_file_size_limit_is_told(skyarc, env, emu, tmp_path):
    """SIGXFSZ, which ends a process as it stands: here a write fails, and what has come is kept."""
    emu.run("tsk_1", [{"id": "a_%d" % i, "type": "recording", "data": os.urandom(300_000)} for i in range(12)])

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2 << 20, 2 << 20))
    done = subprocess.run([SKYARC, "pull", "-o", "a.tar.zst", "tsk_1"], env=env, cwd=tmp_path, preexec_fn=limit,
                          stderr=subprocess.PIPE, timeout=60, check=False)
    assert done.returncode in (1, 128 + signal.SIGXFSZ) and b"a.tar.zst" in done.stderr, done
    assert not (tmp_path / "a.tar.zst").exists()
    result = skyarc("pull", "--json", "-o", "a.tar.zst", "tsk_1", check=0)
    assert result.json()["kept"] > 0
    skyarc("verify", "a.tar.zst", "-q", check=0)
