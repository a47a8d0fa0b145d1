# SPDX-License-Identifier: MIT
"""Screens of 80 and 44 columns, as people see them; and what pipes get instead."""
import re
import subprocess
import time

import pytest

from conftest import SKYARC
from terminal import columns_of, terminal
from test_sync import runs, stamp, sync  # noqa: F401


@pytest.fixture
def screen(env, tmp_path):
    def show(*args, **more):
        return terminal(env, tmp_path, *args, **more)
    return show


RUN = "wr_412345678901234567"
ROWS = [("a_412345678901234501", "recording", 880_400, 7200), ("a_412345678901234502", "visible_elements_tree_in_prompt", 21_000, 90 * 86400),
        ("a_412345678901234503", "har", 14_000, 3 * 86400 + 100)]


@pytest.fixture
def run(emu):
    """A run as the service has them: long IDs, types and names."""
    emu.clear()
    emu.run(RUN, [{"id": ident, "type": kind, "data": b"x" * size, "created_at": stamp(ago), "signing": "s3"}
                  for ident, kind, size, ago in ROWS], created_at=stamp(3 * 3600 + 60), status="failed",
            title="Download the tax report of all the accounts of the year", workflow_title=None)
    return RUN


# Tables fit the terminal; the ID is first; what is too long has an ellipsis in the middle.

LIST_80 = """\
ARTIFACT              TYPE                     SIZE  CREATED  PATH
a_412345678901234501  recording           859.8 KiB  2h ago   data/wr_4…4501.bin
a_412345678901234502  visible_e…n_prompt   20.5 KiB  3mo ago  data/wr_4…4502.bin
a_412345678901234503  har                  13.7 KiB  3d ago   data/wr_4…4503.bin"""
LIST_44 = """\
ARTIFACT              TYPE              SIZE
a_412345678901234501  recording    859.8 KiB
a_412345678901234502  visib…rompt   20.5 KiB
a_412345678901234503  har           13.7 KiB"""


def test_list_of_80_and_44(skyarc, screen, run):
    skyarc("pull", "-o", "a.tar", run, check=0)
    assert screen("list", "a.tar", check=0).text == LIST_80
    assert screen("list", "a.tar", check=0, columns=44).text == LIST_44


def test_artifacts_of_80_and_44(screen, run):
    shown = screen("artifacts", run, check=0)
    assert re.sub(r"2026-\d\d-\d|20\d\d-\d\d-\d", "data/wr_4", shown.text) == LIST_80.replace("PATH", "NAME")
    assert screen("artifacts", run, check=0, columns=44).text == LIST_44


def test_more_room_shows_more(skyarc, screen, run):
    skyarc("pull", "-o", "a.tar", run, check=0)
    lines = screen("list", "a.tar", check=0, columns=130).lines
    assert lines[0].split() == ["ARTIFACT", "TYPE", "SIZE", "CREATED", "RUN", "PATH"]
    assert all(RUN in line and "…" in line and columns_of(line) <= 130 for line in lines[1:])
    shown = screen("list", "a.tar", check=0, columns=400)
    assert "…" not in shown.text and shown.text.count("data/" + RUN) == 3


def test_a_pipe_gets_everything(skyarc, run, emu):
    skyarc("pull", "-o", "a.tar", run, check=0)
    rows = skyarc("list", "--json", "a.tar", check=0).json()
    listed = skyarc("list", "a.tar", check=0).out.decode().splitlines()[1:]
    named = skyarc("artifacts", run, check=0).out.decode().splitlines()[1:]
    for row, line, name in zip(rows, listed, named):
        assert [*line.split()[:2], *line.split()[-2:]] == [row["artifact_id"], row["artifact_type"], RUN, row["path"]]
        time_of = row["created_at"][:19] + "Z"
        assert line.split()[4] == name.split()[4] == time_of  # the same everywhere
        assert name.split()[-1].endswith(row["artifact_id"] + ".bin")
    title = "long " * 2000 + "end"
    run_at = stamp(100)
    emu.run("tsk_long", [], title=title, created_at=run_at)
    assert skyarc("runs", check=0).out.decode().splitlines()[1].split(None, 5)[3::2] == [run_at[:19] + "Z", title]


def test_runs_of_80_and_44(screen, run):
    assert screen("runs", check=0).text == """\
RUN                    STATUS  TYPE     CREATED   TOOK  TITLE
wr_412345678901234567  failed  task_v2  3h ago   2m38s  Download the…of the year"""
    assert screen("runs", check=0, columns=44).text == """\
RUN                    STATUS  CREATED
wr_412345678901234567  failed  3h ago"""


def test_hostile_cells_fit_too(emu, screen):
    emu.clear()
    emu.run("tsk_evil", [], title="\x1b[2J\u202e日本語" * 30, created_at="\x1b]0;x\x07", status="completed\x9b")
    for columns in (20, 44, 80, 81, 200):
        shown = screen("runs", check=0, columns=columns)
        assert len(shown.lines) == 2, shown
        assert "\x1b[2J" not in shown.raw.decode() and "\u202e" not in shown.raw.decode()


# find is a table on a terminal, and lines with tabs elsewhere.

def test_find_of_80_and_44(skyarc, screen, run):
    skyarc("sync", "--dest", "vault", check=0)
    assert screen("find", "vault", check=0).text == """\
ARTIFACT              TYPE              SIZE  RUN                    RUN CREATED
a_412345678901234501  recording    859.8 KiB  wr_412345678901234567  3h ago
a_412345678901234502  visib…rompt   20.5 KiB  wr_412345678901234567  3h ago
a_412345678901234503  har           13.7 KiB  wr_412345678901234567  3h ago"""
    assert screen("find", "vault", "-t", "har", check=0, columns=44).text == """\
ARTIFACT              TYPE  RUN CREATED
a_412345678901234503  har   3h ago"""
    assert re.sub(r"\d{5}Z", "00000Z", screen("find", "vault", "--runs", check=0).text) == """\
RUN                    STATUS  CREATED       SIZE  VOLUME
wr_412345678901234567  failed  3h ago   893.9 KiB  2026/11/skyarc…00000Z.tar.zst"""
    assert screen("find", "vault", "--runs", check=0, columns=44).text == """\
RUN                    STATUS  CREATED
wr_412345678901234567  failed  3h ago"""
    assert "nothing in the catalog of 'vault' matches" in screen("find", "vault", "-t", "trace", check=1).text
    (line,) = skyarc("find", "vault", "-t", "har", check=0).out.decode().splitlines()
    assert re.fullmatch(r"\d{4}/\d\d/skyarc-\w+\.tar\.zst\tdata/%s/har/\S+" % RUN, line)


# A status has its colour where the terminal has colours and the user wants them.

def test_colours(skyarc, screen, run, emu):
    emu.run("tsk_good", [], created_at=stamp(60))
    for args in (["runs"], ["show", run], ["wait", run]):
        shown = screen(*args)
        assert b"\x1b[31mfailed\x1b[0m" in shown.raw, args
        assert not screen(*args, NO_COLOR="1").colours and not screen(*args, TERM="dumb").colours
        assert screen(*args, NO_COLOR="").colours
        assert b"\x1b" not in skyarc(*args).out
    assert b"\x1b[32mcompleted\x1b[0m" in screen("runs").raw
    assert b"status       \x1b[32mcompleted\x1b[0m\r\n" in screen("show", "tsk_good", check=0).raw
    skyarc("sync", "--dest", "vault", check=0)
    assert b"\x1b[31mfailed\x1b[0m" in screen("find", "--runs", "vault", check=0).raw


# The status line shows known values only.

def left(frames):
    """The seconds that were said to be left, one a frame."""
    found = [re.search(r", (?:(\d+)h)?(?:(\d+)m)?(?:([\d.]+)s)? left", frame) for frame in frames]
    return [int(f[1] or 0) * 3600 + int(f[2] or 0) * 60 + float(f[3] or 0) for f in found if f]


def slow_run(emu, ident, **more):
    emu.run(ident, [dict({"id": "s%d" % i, "type": "recording", "webm": 300_000, "seed": i, "signing": "s3"}, **more)
                    for i in range(4)])
    for i in range(4):
        emu.fault("s%d" % i, "slow", times=1, steps=30, pause=0.1)


def test_one_unknown_size_is_no_time_left(emu, screen):
    slow_run(emu, "tsk_slow")
    emu.run("tsk_odd", [{"id": "odd", "type": "har", "data": b"{}" * 9, "sized": False, "signing": "s3"}])
    shown = screen("pull", "-o", "x.tar", "tsk_slow", "tsk_odd", check=0)
    lines = [frame for frame in shown.frames if " artifacts, " in frame]
    assert lines and all(" of at least 1.1 MiB" in frame for frame in lines[:-2]), shown
    assert not left(shown.frames)


def test_known_sizes_give_a_time_left(emu, screen):
    slow_run(emu, "tsk_slow")
    shown = screen("pull", "-o", "x.tar", "tsk_slow", check=0)
    times = left(shown.frames)
    assert times and max(times) < 60 and times[-1] < times[0], shown
    assert any(re.fullmatch(r"1 run, \d of 4 artifacts, [\d.]+ [KM]iB of 1\.1 MiB, [\d.]+ [KM]iB/s, [\d.]+s left", frame)
               for frame in shown.frames), shown


def test_44_columns_have_rate_and_time_left(emu, screen):
    slow_run(emu, "tsk_slow")
    shown = screen("pull", "-o", "x.tar", "tsk_slow", check=0, columns=44)
    assert any(re.fullmatch(r"\d of 4, [\d.]+ [KM]iB, [\d.]+ [KM]iB/s, [\d.]+s left", frame)
               for frame in shown.frames), shown


@pytest.mark.parametrize("columns", [80, 44])
def test_a_host_that_asks_to_wait(emu, screen, columns):
    emu.fault("a_1html", "status", times=1, status=429, headers={"Retry-After": "2"})
    shown = screen("pull", "-o", "x.tar", "tsk_demo1", check=0, columns=columns)
    for seconds in (2, 1):
        assert any(re.search("(host asks to wait,|, waits) %d s$" % seconds, frame) for frame in shown.frames), shown
    assert not any("…" in frame for frame in shown.frames), shown
    emu.fault("run/tsk_demo1", "status", times=1, status=429, headers={"Retry-After": "2"})
    shown = screen("wait", "tsk_demo1", check=0, columns=columns)
    assert any(frame.startswith("0 of 1, host asks" if columns == 44 else "waiting: 0 of 1 run ended, host asks") for frame in shown.frames), shown


@pytest.mark.parametrize("on,command", [("runs", ["runs"]), ("run/tsk_demo1", ["show", "tsk_demo1"]),
                                        ("list/tsk_demo1", ["artifacts", "tsk_demo1"]),
                                        ("runs", ["sync", "-n", "--dest", "none"])])
def test_a_wait_without_a_line_is_told_once(emu, skyarc, screen, on, command):
    emu.fault(on, "status", times=1, status=429, headers={"Retry-After": "3"})
    shown = screen(*command, check=0)
    assert len(re.findall(r"^skyarc: status: 127\.0\.0\.1:\d+ asks to wait, 3 s$", shown.text, re.M)) == 1, shown
    emu.fault(on, "status", times=1, status=429, headers={"Retry-After": "1"})
    assert "asks to wait" not in screen(*command, check=0).text


def test_a_wait_in_a_pipe_is_told_with_v(emu, skyarc, screen):
    for command, said in ([], False), (["-v"], True):
        emu.fault("runs", "status", times=1, status=429, headers={"Retry-After": "3"})
        assert bool(re.search(r"^skyarc: 127\.0\.0\.1:\d+ asks to wait, 3 s$", skyarc("runs", *command, check=0).err, re.M)) is said
    emu.fault("runs", "status", times=1, status=429, headers={"Retry-After": "3"})
    assert "asks to wait" not in screen("runs", "-q", check=0).text


@pytest.mark.parametrize("columns", [80, 44])
def test_prune_fits(skyarc, screen, runs, sync, columns):  # noqa: F811
    for days in (90, 50):
        runs("tsk_4123456789012345%02d" % days, ended=days * 86400)
    sync()
    shown = screen("prune", "--dest", "vault", "--keep-days", "60", "--keep-status", "failed", "--keep-last", "1", check=0,
                   columns=columns)
    assert len(shown.lines) == 9 and all(line.startswith(("RUN", "VOLUME", "tsk_")) or " " in line for line in shown.lines), shown
    assert shown.lines[-1] == "nothing was changed (--apply removes them)", shown
    if columns == 80:
        assert re.search(r"keep +--keep-last 1, --keep-days 60$", shown.text, re.M) and re.search(" remove +-$", shown.text, re.M), shown


# Results and messages do not get into the line, nor the line into them.

@pytest.mark.parametrize("columns", [80, 44])
def test_wait_and_its_line(emu, screen, columns):
    emu.script(["running", "running", "running", "completed"], "tsk_demo1")
    shown = screen("wait", "-v", "--interval", "200ms", "tsk_demo1", "tsk_empty", check=0, columns=columns)
    assert sorted(shown.lines) == [
        "skyarc: run 'tsk_demo1' is completed", "skyarc: run 'tsk_demo1' is running",
        "skyarc: run 'tsk_empty' is completed", "tsk_demo1 completed", "tsk_empty completed"], shown
    assert "waiting: 1 of 2 runs ended" in shown.frames and "waiting: 2 of 2 runs ended" in shown.frames


def test_verbose_keeps_the_line(emu, screen):
    slow_run(emu, "tsk_slow")
    shown = screen("pull", "-v", "-o", "x.tar", "tsk_slow", check=0)
    assert left(shown.frames) and not any("left" in line for line in shown.lines), shown
    shown = screen("pull", "-q", "-o", "y.tar", "tsk_slow", check=0)
    assert shown.raw == b""


# A terminal gets no binary files.

def test_cat_of_a_picture(skyarc, screen, emu):
    emu.run("tsk_text", [{"id": "t", "type": "html", "data": "<p>日本語 café\r\n</p>\n".encode() * 9000, "signing": "s3"},
                         {"id": "e", "type": "skyvern_log", "data": b"x\x1b[31m", "signing": "s3"}])
    skyarc("pull", "-o", "a.tar.zst", "tsk_demo1", "tsk_text", check=0)
    for what in ("a_1shot0", "a_1rec", "e"):
        shown = screen("cat", "a.tar.zst", what, check=2)
        assert "refusing to write a binary file to a terminal" in " ".join(shown.lines) and b"\x1b" not in shown.raw
        assert screen("cat", "a.tar.zst", what, check=0, piped=True).text == ""
    assert "日本語 café" in skyarc("cat", "a.tar.zst", "t", check=0).out.decode()
    assert screen("cat", "a.tar.zst", "bagit.txt", check=0).text.startswith("BagIt-Version: 1.0\n")
    assert screen("cat", "a.tar.zst", "t", check=0, columns=200).raw.decode().count("日本語 café") == 9000


# Long operations show their progress.

def test_verify_says_how_far_it_is(made, skyarc, screen):
    made("a.tar.zst")
    made("b.tar.gz")
    for columns in (80, 44):
        assert any(frame.startswith("verifying b.tar.gz, ") for frame in screen("verify", "b.tar.gz", columns=columns).frames)
        shown = screen("verify", "a.tar.zst", "b.tar.gz", check=0, columns=columns)
        assert any(re.match(r"verifying a\.tar\.zst, [\d.]+ [KM]?i?B of \d\d\.\d MiB", frame) for frame in shown.frames), shown
        assert shown.text.replace("\n", "") == skyarc("verify", "a.tar.zst", "b.tar.gz", check=0).out.decode().replace("\n", "")
    assert not screen("verify", "-q", "a.tar.zst", check=0).raw
    assert not screen("verify", "--json", "a.tar.zst", check=0).frames
    assert screen("verify", "--json", "a.tar.zst", check=0, piped=True).frames
    assert skyarc("verify", "--progress", "a.tar.zst", check=0).err == ""  # not for 30 s
    skyarc("list", "--progress", "a.tar.zst", check=2)


def test_a_log_is_told_every_30_seconds(made, skyarc, emu, env, tmp_path):
    """--progress where there is no terminal, for a pull and a verify that take 32 s: one line each."""
    (tmp_path / "late.c").write_text("""
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <unistd.h>
        ssize_t pread64(int fd, void *bytes, size_t len, off64_t at)
        {
            ssize_t (*real)(int, void *, size_t, off64_t) = (ssize_t (*)(int, void *, size_t, off64_t))dlsym(RTLD_NEXT, "pread64");
            static int waited;
            if (!waited++)
                sleep(31);
            return real(fd, bytes, len, at);
        }
        ssize_t pread(int fd, void *bytes, size_t len, off_t at)
        {
            return pread64(fd, bytes, len, at);
        }
    """)
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", tmp_path / "late.so", tmp_path / "late.c"], check=True)
    made("a.tar.zst")
    emu.fault("a_1rec", "slow", times=1, steps=16, pause=2)
    late = dict(env, LD_PRELOAD=str(tmp_path / "late.so"), ASAN_OPTIONS="verify_asan_link_order=0")
    began = time.monotonic()
    runs = [subprocess.Popen([SKYARC, *args], env=with_, cwd=tmp_path, stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            for args, with_ in ((["pull", "--progress", "-o", "b.tar.zst", "tsk_demo1"], env),
                                (["verify", "--progress", "a.tar.zst"], late))]
    pulled, verified = (run.communicate(timeout=60)[1].splitlines() for run in runs)
    assert [run.returncode for run in runs] == [0, 0], (pulled, verified)
    assert 30 < time.monotonic() - began < 40
    assert len(pulled) == 1 and re.match(r"skyarc: .*19 of 20 artifacts", pulled[0]), pulled
    assert len(verified) == 1 and re.match(r"skyarc: status: verifying a\.tar\.zst, .* of \d\d\.\d MiB", verified[0]), verified


def test_extract_says_how_far_it_is(made, screen, skyarc):
    made("a.tar.zst")
    for columns in (80, 44):
        shown = screen("extract", "-f", "-C", "out", "a.tar.zst", check=0, columns=columns)
        assert any(re.match(r"extracting a\.tar\.zst, [\d.]+ [KM]?i?B of \d\d\.\d MiB", frame) for frame in shown.frames), shown


@pytest.mark.parametrize("columns", [80, 44])
def test_sync_says_what_it_reads_back(made, skyarc, screen, columns):
    made()
    skyarc("sync", "--dest", "vault", check=0)
    pattern = r"verifying 20\d\d/\S+, [\d.]+ [KM]?i?B of" if columns == 80 else r"verifying(, | 20)"
    shown = screen("sync", "--dest", "vault", "--verify-share", "1", check=0, columns=columns)
    assert any(re.match(pattern, frame) for frame in shown.frames), shown


def test_a_dry_run_and_its_line(emu, screen):
    shown = screen("pull", "-n", "tsk_demo1", check=0)
    assert any(frame.startswith("listing: 0 of 1 run") for frame in shown.frames) or not shown.frames
    assert all(re.match(r" *(\d[\d.]* [KMG]?i?B|unknown) ", line) for line in shown.lines if "tsk_demo1" in line), shown
