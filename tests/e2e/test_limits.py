# SPDX-License-Identifier: MIT
"""Limits that somebody else has set: descriptors, disk space, signals of resource limits."""
import os
import resource
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
