# SPDX-License-Identifier: MIT
"""Usability: problems reported by users. One section per point."""
import json
import re
import subprocess

import pytest

from conftest import SKYARC, TESTS

TOP = TESTS + "/.."


@pytest.fixture
def archive(skyarc, tmp_path):
    skyarc("pull", "-o", "a.tar.zst", "tsk_demo1", check=0)
    return tmp_path / "a.tar.zst"


# Archives are verified one by one, whatever comes of the others.

def test_verify_looks_at_all(skyarc, archive, tmp_path):
    (tmp_path / "bad.tar.zst").write_bytes(archive.read_bytes()[:-400] + bytes(400))
    (tmp_path / "none").write_text("nothing of the kind")
    result = skyarc("verify", "missing.tar", "none", "a.tar.zst", "bad.tar.zst", check=4)
    assert b"a.tar.zst: good" in result.out and b"bad.tar.zst: DAMAGED" in result.out
    assert "cannot open 'missing.tar'" in result.err and "'none' is not a tar.zst" in result.err
    assert skyarc("verify", "missing.tar", "a.tar.zst", check=1).out.startswith(b"a.tar.zst: good")
    skyarc("verify", tmp_path / "home", "a.tar.zst", check=1)
    skyarc("verify", "/dev/null", "a.tar.zst", check=2)
    rows = skyarc("verify", "--json", "none", "missing.tar", "a.tar.zst", check=4).json()
    assert [row["state"] for row in rows] == ["not-an-archive", "unreadable", "good"]
    assert [bool(row.get("error")) for row in rows] == [True, True, False]


def test_what_is_no_archive_is_called_so(skyarc, tmp_path):
    (tmp_path / "none").write_text("nothing of the kind")
    result = skyarc("verify", "none", check=4)
    assert not result.out and result.err.count("\n") == 1 and "DAMAGED" not in result.err


def test_a_finding_is_a_line(skyarc, archive, tmp_path):
    data = bytearray(archive.read_bytes())
    data[len(data) // 3] ^= 0xff
    (tmp_path / "bad.tar.zst").write_bytes(data)
    result = skyarc("verify", "bad.tar.zst", check=4)
    lines = result.err.splitlines()
    assert lines and all(re.match(r"skyarc: error: 'bad.tar.zst'( at \d+)?: \S", line) for line in lines), lines


# Files that were not checked are reported.

def test_verify_names_what_it_looked_at(skyarc, archive):
    assert b": good (structure only), " in skyarc("verify", "--quick", archive, check=0).out
    assert b": good (part 1/3 of the payload), " in skyarc("verify", "--share", "1/3", archive, check=0).out
    assert b": good, " in skyarc("verify", archive, check=0).out
    modes = [skyarc("verify", "--json", *more, archive, check=0).json()[0] for more in (
        [], ["--quick"], ["--share", "2/3"])]
    assert [(row["mode"], row["share"]) for row in modes] == [("full", None), ("structure", None), ("share", "2/3")]


# No IDs on standard input is nothing to do.

@pytest.mark.parametrize("command", ["pull", "show", "wait", "artifacts"])
def test_no_ids_are_nothing_to_do(skyarc, emu, tmp_path, command):
    result = skyarc(command, "-i", "-", check=0, stdin=b"# a good week\n\n")
    assert "nothing to do" in result.err and not result.out
    document = skyarc(command, "--json", "-i", "-", check=0, stdin=b"").json()
    assert document["archive"] is None if command == "pull" else document == []
    assert not emu.log() and not list(tmp_path.glob("*.tar*"))
    skyarc(command, check=2)


# A usage mistake is exit 2, and no command is none for help, too.

@pytest.mark.parametrize("command", [["list"], ["extract"], ["verify"], ["cat", "{}", "x"], ["report", "-o", "r"]])
def test_a_directory_is_a_usage_mistake(skyarc, tmp_path, command):
    (tmp_path / "pipe").mkdir()
    for what in ("/dev/null", "/dev/zero"):
        args = [what if a == "{}" else a for a in command]
        result = skyarc(*args, *([] if "{}" in command else [what]), check=2)
        assert "is not a regular file" in result.err


def test_help_of_no_command(skyarc):
    result = skyarc("help", "verfy", check=2)
    assert "'verfy' is not a command; did you mean 'verify'?" in result.err and not result.out
    assert skyarc("help", "verify", check=0).out == skyarc("verify", "--help", check=0).out


# The manual shows each argument whole, and is lint clean.

def test_the_manual_shows_arguments_whole(skyarc):
    text = subprocess.run(["mandoc", "-Tutf8", "-Owidth=100", "%s/docs/skyarc.1" % TOP], check=True,
                          stdout=subprocess.PIPE).stdout.decode()
    text = re.sub(".\b", "", text)
    for left in ("--hash SHA256", "--run RUN_ID", "--share K/N"):
        assert re.search(r"^ *(-\w, )?" + re.escape(left) + "$", text, re.M), left


# The message about a wrong server has its whole address.

def test_a_wrong_server_is_told(skyarc, emu):
    port = emu.store.rsplit(":", 1)[1]
    for command in (["runs"], ["pull", "tsk_demo1"], ["show", "tsk_demo1"], ["wait", "tsk_demo1"]):
        result = skyarc(*command, check=1, SKYVERN_BASE_URL=emu.store)
        assert re.search(r"404 from http://127\.0\.0\.1:%s/\S*: is this a Skyvern API\? \(--base-url\)" % port,
                         result.err), result
    result = skyarc("submit", "--prompt", "x", "--base-url", emu.api + "/zz", check=1)
    assert "404 from %s/zz/v1/run/tasks: is this a Skyvern API? (--base-url)" % emu.api in result.err, result
    assert not re.search(r"answered 404", skyarc("runs", check=1, SKYVERN_BASE_URL=emu.api + "/zz").err)
    for body, said in [("\n<!doctype html><title>Hi</title>", "HTML, not JSON"), ("Welcome!", "no JSON")]:
        for on, command in [("runs", ["runs"]), ("run/tsk_demo1", ["show", "tsk_demo1"]),
                            ("submit", ["submit", "--prompt", "x"])]:
            emu.fault(on, "status", times=1, status=200, body=body, headers={"Content-Type": "text/html"})
            result = skyarc(*command, check=1)
            assert re.search(r"http://127\.0\.0\.1:\d+/\S+ answered %s: is this a Skyvern API\? \(--base-url\)" % said,
                             result.err), (command, result)
    assert ":%s" % emu.api.rsplit(":", 1)[1] in skyarc("show", "tsk_nope", check=1).err


# A status that runs cannot have is an error; no rows are told to people.

@pytest.mark.parametrize("command", [["runs", "--status"], ["find", ".", "--status"],
                                     ["prune", "--dest", ".", "--keep-status"]])
def test_a_wrong_status(skyarc, emu, command):
    assert "'fialed' is not a run status; did you mean 'failed'?" in skyarc(*command, "fialed", check=2).err
    assert "'fialed' is not a run status; did you mean 'failed'?" in skyarc(*command, "completed,fialed", check=2).err
    assert "run statuses are created, " in skyarc(*command, "whatever", check=2).err
    assert not emu.log()


def test_no_rows_are_told_on_a_terminal(env, tmp_path):
    def on_terminal(*args):
        return subprocess.run(["script", "-qec", " ".join([SKYARC, *args]), "/dev/null"], env=env, cwd=tmp_path,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True).stdout
    assert on_terminal("runs", "--status", "paused").replace(b"\r", b"") == b"no runs\n"
    assert b"no runs" not in on_terminal("runs")


# The address of a run's page is as good as its ID.

def test_a_page_is_a_run(skyarc, tmp_path):
    skyarc("pull", "-o", "p.tar", "http://127.0.0.1:8080/runs/tsk_demo1/actions?x=1#y", check=0)
    (tmp_path / "ids").write_text("https://app.skyvern.com/runs/tsk_demo1#top # again\ntsk_demo3# and this\n")
    runs = json.loads(skyarc("artifacts", "--json", "-i", "ids", check=0).out)
    assert runs
    assert "is not a run ID" in skyarc("pull", "https://app.skyvern.com/workflows/wpid_1", check=2).err


# The view is a file like any other.

@pytest.mark.parametrize("name", ["a.tar.zst", "a.tar.gz", "a.tar", "a.zip"])
def test_cat_of_the_view(skyarc, name):
    skyarc("pull", "-o", name, "tsk_demo1", check=0)
    for path in ("index.html", "a/index.html"):
        assert skyarc("cat", name, path, check=0).out.lower().startswith(b"<!doctype html")
