# SPDX-License-Identifier: MIT
"""Limits of the system: descriptors, disk space, signals of resource limits."""
import os
import random
import re
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


def test_a_full_spool_costs_the_view_alone(skyarc, disk, tmp_path):
    folder, room = disk
    room(16 << 10)
    result = skyarc("pull", "--spool-dir", folder, "-o", "a.tar.zst", *RUNS, check=0)
    assert "the offline view is left out" in result.err and "No space left" in result.err
    skyarc("verify", "a.tar.zst", check=0)
    assert not (extract(tmp_path / "a.tar.zst", tmp_path) / "index.html").exists()


def test_a_spool_that_gets_full_of_rows(skyarc, disk, emu, tmp_path):
    """The view fails while it takes the manifest's rows: the manifest has each of them once."""
    emu.run("tsk_rows", [{"id": "row_%04d" % i, "type": "llm_prompt", "data": b"prompt %d" % i} for i in range(4000)])
    folder, room = disk
    room(128 << 10)
    result = skyarc("pull", "--spool-dir", folder, "-o", "a.tar.zst", "tsk_rows", check=0)
    assert "the offline view is left out" in result.err and "No space left" in result.err
    skyarc("verify", "a.tar.zst", check=0)


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
    emu.run("tsk_1", [{"id": "a_%d" % i, "type": "screenshot", "data": b"\x89PNG\r\n\x1a\n" + os.urandom(300_000)}
                      for i in range(12)])

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


@pytest.mark.parametrize("kib", [1, 16, 1000, 3000])
def test_what_is_kept_at_a_file_size_limit(skyarc, env, emu, tmp_path, kib):
    """The message names what the next attempt has, also if the last writes failed."""
    emu.run("tsk_1", [{"id": "a_%d" % i, "type": "screenshot", "data": b"\x89PNG\r\n\x1a\n" + os.urandom(400_000)}
                      for i in range(12)])

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_FSIZE, (kib << 10, kib << 10))
    done = subprocess.run([SKYARC, "pull", "-o", "a.tar.zst", "tsk_1"], env=env, cwd=tmp_path, preexec_fn=limit,
                          stderr=subprocess.PIPE, timeout=60, check=False)
    said = re.search(rb"(\d+) artifacts? (?:is|are) kept", done.stderr)
    result = skyarc("pull", "--json", "-o", "a.tar.zst", "tsk_1", check=0)
    assert result.json()["kept"] == (int(said.group(1)) if said else 0), done.stderr


@pytest.mark.parametrize("count,good", [(24, False), (30, False), (40, True)])
def test_listen_with_few_descriptors(env, tmp_path, count, good):
    """It does not accept webhooks of runs that it can never archive."""
    process = subprocess.Popen([SKYARC, "listen", "--dest", "in", "--addr", "127.0.0.1:0"], env=env, cwd=tmp_path,
                               preexec_fn=limited(resource.RLIMIT_NOFILE, count), stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    line = process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=20)
    assert line.startswith(b"listening") == good and (good or b"ulimit -n" in err), (line, err)
    assert good or process.returncode == 1


@pytest.mark.parametrize("args", [["list", "--json", "a.tar"], ["cat", "a.tar", "data/tsk_1/html/one.html"],
                                  ["find", "--json", "vault"]], ids=" ".join)
def test_a_file_size_limit_is_told_by_all(skyarc, env, emu, tmp_path, args):
    """Commands that write nothing but their output end with a message, too, not by the signal."""
    emu.run("tsk_1", [{"id": "a_%d" % i, "type": "html", "data": b"<p>%d</p>" % i} for i in range(200)])
    skyarc("pull", "-o", "a.tar", "tsk_1", check=0)
    skyarc("sync", "--dest", "vault", check=0)
    if args[0] == "cat":
        args = [*args[:2], skyarc("list", "--json", "a.tar", check=0).json()[0]["path"]]

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4, 4))
    with open(tmp_path / "out", "wb") as out:
        done = subprocess.run([SKYARC, *args], env=env, cwd=tmp_path, preexec_fn=limit, stdout=out,
                              stderr=subprocess.PIPE, timeout=60, check=False)
    assert done.returncode == 1 and b"skyarc: error: " in done.stderr, done


def test_at_most_32_decoders(skyarc, emu, tmp_path):
    """Each thread of a reader has a decoder with its window: 32 of them, however many processors there are."""
    (tmp_path / "many.c").write_text("""
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <pthread.h>
        #include <stdatomic.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <unistd.h>
        static atomic_int threads;
        long sysconf(int name)
        {
            long (*real)(int) = (long (*)(int))dlsym(RTLD_NEXT, "sysconf");
            return name == _SC_NPROCESSORS_ONLN ? atoi(getenv("PROCESSORS")) : real(name);
        }
        int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *), void *ctx)
        {
            int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) =
                (int (*)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *))dlsym(RTLD_NEXT, "pthread_create");
            atomic_fetch_add(&threads, 1);
            return real(thread, attr, fn, ctx);
        }
        __attribute__((destructor)) static void tell(void)
        {
            fprintf(stderr, "threads=%d\\n", threads);
        }
    """)
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", tmp_path / "many.so", tmp_path / "many.c"], check=True)
    emu.run("tsk_m", [{"id": "m%d" % i, "type": "screenshot",
                       "data": b"\x89PNG\r\n\x1a\n" + random.Random(i).randbytes(270_000)}
                      for i in range(40)])
    for kind in ("tar.zst", "tar.gz", "zip"):
        skyarc("pull", "-o", "a." + kind, "tsk_m", check=0)

        def threads(processors, name="a." + kind):
            result = skyarc("verify", name, check=0, LD_PRELOAD=str(tmp_path / "many.so"), PROCESSORS=str(processors),
                            ASAN_OPTIONS="verify_asan_link_order=0")
            return int(re.search(r"threads=(\d+)", result.err).group(1))

        one = threads(1)  # and those that are no decoders
        assert [threads(n) - one for n in (2, 32, 33, 1000)] == [1, 31, 31, 31], kind
