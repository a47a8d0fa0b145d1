# SPDX-License-Identifier: MIT
"""Usability of filters, exit statuses and documents: one section per point."""
import re

import pytest

from conftest import TESTS
from terminal import terminal

UNKNOWN = "'screnshots' is not a known artifact type or group"


@pytest.fixture
def archive(skyarc, tmp_path):
    skyarc("pull", "-o", "a.tar.zst", "tsk_demo1", check=0)
    return tmp_path / "a.tar.zst"


# A filter that matches nothing is not a success, and it is said what there is.

def test_pull_of_a_type_that_the_run_has_not(skyarc, emu, tmp_path):
    for more in ([], ["-n"], ["--allow-unknown-type", "-t", "brand_new"]):
        result = skyarc("pull", "-t", "screenshot", *more, "-o", "x.tar", "tsk_demo3", check=1)
        assert "run 'tsk_demo3' has no artifact of the types asked for; the run has: " in result.err
        assert "screenshot_action (1)" in result.err and result.err.count("\n") == 1 and not result.out
    document = skyarc("pull", "--json", "-t", "screenshot", "-o", "x.tar", "tsk_demo3", check=1).json()
    assert document["archive"] is None and "the run has: " in document["error"]
    assert "none of the 2 runs has" in skyarc("pull", "-t", "pdf", "-o", "x.tar", "tsk_demo1", "tsk_demo3", check=1).err
    assert "the run has: no artifacts" in skyarc("pull", "-t", "pdf", "-o", "x.tar", "tsk_empty", check=1).err
    assert not list(tmp_path.glob("x.tar*"))
    skyarc("pull", "-o", "x.tar", "tsk_empty", check=0)


def test_what_a_failed_run_has_is_said_too(skyarc, emu):
    emu.run("tsk_bad", [{"id": "a_x", "type": "har", "data": b"{}"}], status="failed")
    for command in (["pull", "-o", "x.tar"], ["artifacts"]):
        assert "the run has: har (1)" in skyarc(*command, "-t", "recordings", "tsk_bad", check=1).err


def test_pull_where_one_run_has_nothing(skyarc, tmp_path):
    args = ["-t", "hashed_href_map", "tsk_demo1", "tsk_demo3"]
    result = skyarc("pull", "-o", "x.tar", *args, check=3)
    assert "warning: run 'tsk_demo3' has no artifact of the types asked for; the run has: " in result.err
    assert (tmp_path / "x.tar").exists()
    skyarc("pull", "-n", *args, check=3)
    skyarc("pull", "-n", "-x", "screenshots,html,network,recordings,logs,llm,dom", "tsk_demo1", "tsk_demo3", check=0)
    skyarc("artifacts", *args, check=3)
    document = skyarc("pull", "--json", "-f", "-o", "x.tar", *args, check=3).json()
    assert document["incomplete"] is True and document["unmatched_runs"] == 1


def test_artifacts_of_a_type_that_the_run_has_not(skyarc):
    result = skyarc("artifacts", "-t", "pdf", "tsk_demo3", check=1)
    assert "the run has: " in result.err and not result.out
    assert skyarc("artifacts", "--json", "-t", "pdf", "tsk_demo3", check=1).json() == []


@pytest.mark.parametrize("command", [["pull", "tsk_demo1"], ["artifacts", "tsk_demo1"], ["list", "a.tar.zst"],
                                     ["extract", "a.tar.zst"], ["find", "."], ["sync", "--dest", "v"],
                                     ["sync", "--dest", "v", "--list-safe", "1"], ["listen", "--dest", "v"]])
def test_an_unknown_type_is_refused(skyarc, emu, archive, tmp_path, command):
    before = emu.log()
    letters = ["-t"] if command[0] == "find" else ["-t", "-x"]
    for letter in letters:
        result = skyarc(*command, letter, "screnshots", check=2)
        assert UNKNOWN in result.err and "did you mean 'screenshots'?" in result.err
        assert "--allow-unknown-type" in result.err and not result.out
    assert "did you mean" not in skyarc(*command, "-t", "qqqqqqqq", check=2).err
    assert emu.log() == before and not (tmp_path / "v").exists()


def test_an_unknown_type_can_be_allowed(skyarc, archive):
    args = ["--allow-unknown-type", "-x", "brand_new"]
    skyarc("pull", *args, "-o", "x.tar", "tsk_demo1", check=0)
    skyarc("list", *args, archive, check=0)
    skyarc("extract", *args, "-C", "out", archive, check=0)
    skyarc("sync", "--dest", "v", *args, check=0)
    assert "the archive has: " in skyarc("list", "--allow-unknown-type", "-t", "brand_new", archive, check=1).err
    skyarc("find", "v", "--allow-unknown-type", "-t", "brand_new", check=1)


def test_sync_does_not_complain_of_a_filter(skyarc, tmp_path):
    result = skyarc("sync", "--dest", "v", "-t", "hashed_href_map", check=0)
    assert not result.err
    assert skyarc("find", "v", "-t", "hashed_href_map", check=0).out.count(b"\n") == 1


@pytest.mark.parametrize("command", ["list", "extract"])
def test_nothing_of_an_archive_is_selected(skyarc, archive, tmp_path, command):
    for args, there in ((["-t", "pdf"], "the archive has: download (4), "), (["-r", "nope"], "; run tsk_demo1"),
                        (["nomatch*"], "a path is, for example, 'data/tsk_demo1/"),
                        (["-x", "all,thought_graph", "--allow-unknown-type"], "har (1)")):
        result = skyarc(command, archive, *args, check=1)
        assert "nothing in '%s' matches the selection" % archive in result.err and there in result.err
        assert not result.out and result.err.count("\n") == 1
    assert skyarc("list", "--json", "-r", "nope", archive, check=1).json() == []
    assert not list(tmp_path.glob("data"))


@pytest.mark.parametrize("command", ["list", "extract"])
def test_a_part_of_the_selection_matches_nothing(skyarc, archive, command):
    result = skyarc(command, "-r", "tsk_demo1", "-r", "nope", archive, "data/*/har/*", "nomatch*", check=3)
    assert result.err.splitlines() == ["skyarc: warning: nothing matches 'nomatch*'",
                                       "skyarc: warning: the archive has no artifact of run 'nope'"]


# What was written is said, and what is missing in one line a reason.

def test_a_pipe_is_told_of_an_incomplete_archive(skyarc, tmp_path):
    result = skyarc("pull", "-o", "x.tar.zst", "tsk_demo3", "tsk_none", check=3)
    lines = result.err.splitlines()
    assert lines[-1] == ("skyarc: warning: 'x.tar.zst' was written, but it is incomplete: "
                         "1 missing (1 run-not-found)"), lines
    assert "tsk_none" in lines[0] and len(lines) == 2 and not result.out and (tmp_path / "x.tar.zst").exists()
    assert "'standard output' was written" in skyarc("pull", "-o", "-", "tsk_demo3", "tsk_none", check=3).err
    assert "was written" not in skyarc("pull", "-q", "-f", "-o", "x.tar.zst", "tsk_demo3", "tsk_none", check=3).err
    assert "was written" not in skyarc("pull", "-f", "-o", "x.tar.zst", "tsk_demo3", check=0).err


def test_missing_artifacts_are_a_line_a_reason(skyarc, emu, tmp_path):
    emu.run("tsk_gone", [{"id": "g%d" % n, "type": "html", "data": b"<html>%d" % n} for n in range(300)])
    for n in range(300):
        emu.fault("g%d" % n, "status", times=999, status=404 if n else 500)
    args = ["pull", "--retries", "0", "-o", "x.tar.zst", "-f", "tsk_gone"]
    lines = skyarc(*args, check=3).err.splitlines()
    about = [line for line in lines if "missing: " in line]
    assert len(about) == 2 and len(lines) == 5, lines
    assert re.search(r"warning: 299 artifacts are missing: gone; the first is 'g\d+' \(html\) of run 'tsk_gone', "
                     "the manifest lists all$", about[0]), about
    assert about[1].endswith("warning: artifact 'g0' (html) of run 'tsk_gone' is missing: server-error")
    assert lines[-1].endswith("it is incomplete: 300 missing (1 server-error, 299 gone)"), lines[-1]
    every = skyarc(*args, "-v", check=3).err
    assert all("artifact 'g%d' (html) of run 'tsk_gone' is missing: " % n in every for n in range(300))
    document = skyarc("list", "x.tar.zst", check=0)
    assert "300 artifacts or runs are missing" in document.err


def test_wrong_artifacts_are_a_line(skyarc, emu):
    emu.run("tsk_sus", [{"id": "s%d" % n, "type": "recording", "summed": False,
                         "data": b"<html>sign in %d</html>" % n}
                        for n in range(20)])
    args = ["pull", "--retries", "0", "-o", "x.tar.zst", "-f", "tsk_sus"]
    err = skyarc(*args, check=3).err
    assert err.count("not match the") == 1 and "20 artifacts are kept, but" in err
    assert "artifact 's7' (recording) of run 'tsk_sus' has suspect content" in skyarc(*args, "-v", check=3).err


# Exit statuses: nothing that matches is 1, a mistake is never 4, and a failed run is told.

def test_no_match_is_one_status(skyarc, archive):
    skyarc("sync", "--dest", "v", check=0)
    for command in (["list", archive, "nope"], ["extract", archive, "nope"], ["cat", archive, "nope"],
                    ["find", "v", "--artifact", "nope"], ["cat", "v", "nope"], ["find", "v", "-t", "pdf"],
                    ["list", "-r", "nope", archive], ["extract", "-t", "pdf", archive]):
        result = skyarc(*command, check=1)
        assert not result.out and result.err.startswith("skyarc: error: ") and result.err.count("\n") == 1, result
    assert skyarc("find", "--json", "v", "--run", "nope", check=1).json() == []


def test_a_mistake_is_never_damage(skyarc, archive, tmp_path):
    (tmp_path / "text").write_text("nothing of the kind")
    (tmp_path / "dir").mkdir()
    for command in (["list", "text"], ["extract", "text"], ["cat", "text", "x"], ["report", "-o", "r", "text"]):
        assert "'text' is not a tar.zst" in skyarc(*command, check=1).err
    for option in ("--signers", "--signature"):
        more = [] if option == "--signers" else ["--signers", "text"]
        result = skyarc("verify", *more, option, "nope", archive, check=1)
        assert "%s: cannot read 'nope'" % option in result.err and not result.out
        assert "is a directory" in skyarc("verify", *more, option, "dir", archive, check=2).err
    for command in (["extract", "-C", "text", archive], ["report", "-o", "text/x", archive]):
        skyarc(*command, check=1)
    for command in (["extract", "-t", "harr", archive], ["verify", "--share", "4/3", archive], ["cat", archive],
                    ["extract", "dir"], ["report", "-o", "r", "dir"], ["verify"]):
        skyarc(*command, check=2)


def test_damage_is_still_damage(skyarc, archive):
    archive.write_bytes(archive.read_bytes()[:-3000])
    for command in (["verify", archive], ["extract", "-C", "x", archive]):
        skyarc(*command, check=4)


def test_submit_tells_of_a_failed_run(skyarc, emu, tmp_path):
    args = ["submit", "-p", "x", "--interval", "50ms", "-f", "-o", "o.tar"]
    for status, code in (("completed", 0), ("failed", 1), ("terminated", 1)):
        emu.script([status])
        assert skyarc(*args, check=code).out
        assert (tmp_path / "o.tar").exists()
        (tmp_path / "o.tar").unlink()


def test_the_manual_has_the_statuses(skyarc):
    with open(TESTS + "/../docs/skyarc.1", encoding="utf-8") as file:
        section = file.read().split(".SH EXIT STATUS")[1].split(".SH ")[0]
    with open(TESTS + "/../src/cli/exit.h", encoding="utf-8") as file:
        statuses = re.findall(r"EXIT_\w+ = (\d+),", file.read())
    assert re.findall(r"\.B (\d+)$", section, re.M) == statuses


# The page of a run's address stands for its ID wherever an ID stands; one unknown of several is told.

@pytest.fixture
def two(skyarc, tmp_path):
    """Two runs and a type that the program does not know, in an archive; and in a directory of sync."""
    skyarc("pull", "-o", "two.tar.zst", "tsk_demo1", "tsk_demo3", check=0)
    skyarc("sync", "--dest", "v", "--settle", "0s", check=0)
    return tmp_path / "two.tar.zst"


@pytest.mark.parametrize("page", ["https://app.skyvern.com/runs/tsk_demo3", "app.skyvern.com/runs/tsk_demo3/actions?a#b",
                                  "https://app.skyvern.com/workflows/wpid_1/tsk_demo3/overview"])
def test_a_page_is_a_run_everywhere(skyarc, two, tmp_path, page):
    runs = {r["run_id"] for source in (two, "v") for r in skyarc("list", "--json", "-r", page, source, check=0).json()}
    assert runs == {"tsk_demo3"}
    skyarc("extract", "-C", "x", "-r", page, two, check=0)
    assert [p.name for p in (tmp_path / "x/two/data").iterdir()] == ["tsk_demo3"]
    skyarc("report", "-o", "x.html", "-r", page, two, check=0)
    assert "tsk_demo3" in (tmp_path / "x.html").read_text()
    assert {r["run_id"] for r in skyarc("find", "--json", "v", "--run", page, check=0).json()} == {"tsk_demo3"}
    skyarc("hold", "--dest", "v", page, check=0)
    assert skyarc("hold", "--dest", "v", check=0).out.startswith(b"tsk_demo3\t")
    skyarc("release", "--dest", "v", page, check=0)
    assert not skyarc("hold", "--dest", "v", check=0).out
    for command in (["list", two, "-r"], ["find", "v", "-r"], ["hold", "--dest", "v"], ["report", two, "-r"]):
        assert "is not a run ID" in skyarc(*command, "https://app.skyvern.com/workflows/wpid_1", check=2).err


@pytest.mark.parametrize("command", [["list"], ["extract", "-C", "x"], ["report", "-o", "x"], ["find"]])
@pytest.mark.parametrize("source", ["two.tar.zst", "v"])
def test_one_unknown_run_of_several_is_told(skyarc, two, command, source):
    if (command[0], source) == ("find", "two.tar.zst"):
        pytest.skip("find takes a directory")
    result = skyarc(*command, "-r", "nope", "-r", "tsk_demo3", source, check=3)
    assert result.out and result.err.count("\n") == 1, result
    assert re.match(r"skyarc: warning: (the archive has no|no volume).* run 'nope'$", result.err.strip()), result
    assert skyarc(*command, "-f" if command[0] in ("extract", "report") else "-v", "-r", "tsk_demo3", "-r", "tsk_demo1",
                  source, check=0).out
    assert not skyarc(*command, "-r", "nope", "-r", "nope2", source, check=1).out


def test_a_report_of_nothing_is_told(skyarc, two, tmp_path):
    for output in ("x.html", "x", "-"):
        result = skyarc("report", "-r", "nope", "-o", output, two, check=1)
        assert "nothing in '%s' matches the selection; the archive has: " % two in result.err
        assert "; run tsk_demo1" in result.err and result.err.count("\n") == 1 and not result.out
    assert not (tmp_path / "x.html").exists() and not list(tmp_path.glob("x/*"))


def test_a_run_without_artifacts_has_a_report(skyarc, tmp_path):
    skyarc("pull", "-o", "e.tar", "tsk_empty", "tsk_demo3", check=0)
    assert not skyarc("report", "-o", "e.html", "-r", "tsk_empty", "e.tar", check=0).err


# All types are all, and a type is known if the archive has it.

@pytest.fixture
def newer(skyarc, emu, tmp_path):
    emu.run("tsk_new", [{"id": "n1", "type": "thought_graph", "data": b"{}"}, {"id": "n2", "type": "har", "data": b"{ }"}])
    skyarc("pull", "-o", "n.tar.zst", "tsk_new", check=0)
    return tmp_path / "n.tar.zst"


def types(result):
    return sorted(r["artifact_type"] for r in result.json())


def test_all_types_are_all(skyarc, newer):
    assert types(skyarc("list", "--json", newer, check=0)) == ["har", "thought_graph"]
    for words in ("all", "all,har", "har,all"):
        skyarc("pull", "-f", "-t", words, "-o", "x.tar", "tsk_new", check=0)
        assert types(skyarc("list", "--json", "x.tar", check=0)) == ["har", "thought_graph"]
    assert types(skyarc("list", "--json", "-t", "all", "-x", "har", newer, check=0)) == ["thought_graph"]
    assert "the run has: har (1), thought_graph (1)" in skyarc("pull", "-x", "all", "-o", "y.tar", "tsk_new", check=1).err
    skyarc("list", "-x", "all", newer, check=1)


def test_a_type_that_the_archive_has_is_known(skyarc, newer, tmp_path):
    assert types(skyarc("list", "--json", "-t", "thought_graph", newer, check=0)) == ["thought_graph"]
    assert types(skyarc("list", "--json", "-x", "thought-graph", newer, check=0)) == ["har"]
    skyarc("extract", "-C", "x", "-t", "thought_graph", newer, check=0)
    assert [p.name.split(".")[0] for p in tmp_path.glob("x/n/data/*/*") if p.is_dir()] == ["thought_graph"]
    skyarc("sync", "--dest", "v", "--settle", "0s", check=0)
    assert "n1" in {r["artifact_id"] for r in skyarc("find", "--json", "-t", "thought_graph", "v", check=0).json()}
    assert UNKNOWN in skyarc("find", "-t", "thought_graph,screnshots", "v", check=2).err
    for command in ("list", "extract"):
        result = skyarc(command, "-t", "thought_graph,screnshots", newer, check=2)
        assert UNKNOWN in result.err and "did you mean" in result.err and not result.out


# What stands first in a table can be given as a pattern; a second archive is none.

def test_an_artifact_id_is_a_pattern(skyarc, newer, tmp_path):
    assert [r["artifact_id"] for r in skyarc("list", "--json", newer, "n2", check=0).json()] == ["n2"]
    skyarc("extract", "-C", "x", newer, "n1", check=0)
    (file,) = [p for p in tmp_path.glob("x/**/*") if p.is_file()]
    assert file.read_bytes() == b"{}"
    assert "nothing matches 'n3'" in skyarc("list", newer, "n1", "n3", check=3).err
    skyarc("list", newer, "n*", check=1)  # no pattern for IDs
    for command in ("list", "extract"):
        assert "artifact ID" in skyarc(command, "--help", check=0).out.decode().replace("\n", " ")


@pytest.mark.parametrize("command", ["list", "extract"])
def test_a_second_archive_is_no_pattern(skyarc, two, archive, command):
    assert "one archive is read at a time" in skyarc(command, two, archive, check=1).err
    assert "one archive is read at a time" in skyarc(command, two, archive, "data", check=3).err
    assert "at a time" not in skyarc(command, two, "none.tar.zst", check=1).err


# Paths are those that are written.

def test_extract_names_what_is_written(skyarc, two, tmp_path):
    (tmp_path / "o").mkdir()
    (tmp_path / "o/a.tar.zst").write_bytes(two.read_bytes())
    skyarc("extract", "-C", "x", "o/a.tar.zst", check=0)
    result = skyarc("extract", "-v", "-C", "x", "o/a.tar.zst", check=0)
    named = re.findall(r"'(\S+)' exists and was not replaced", result.err)
    assert len(named) > 10 and all(n.startswith("x/a/") and (tmp_path / n).is_file() for n in named)
    (file,) = (tmp_path / "x/a/data/tsk_demo3").glob("har/*")
    file.unlink()
    file.parent.rmdir()
    file.parent.write_text("in the place of a folder")
    result = skyarc("extract", "-f", "-C", "x", "o/a.tar.zst", check=4)
    assert "lost: '%s'" % file.relative_to(tmp_path) in result.err
    skyarc("extract", "o/a.tar.zst", check=0)
    assert re.search(r"'a/\S+' exists", skyarc("extract", "o/a.tar.zst", check=0).err)


# The view of chosen runs follows what is extracted beside it.

@pytest.mark.parametrize("command", [["extract", "-C"], ["report", "-o"]])
def test_views_of_runs_one_after_the_other(skyarc, two, tmp_path, command):
    page = tmp_path / "x/two/index.html"
    skyarc(*command, "x", "-r", "tsk_demo1", two, check=0)
    assert "tsk_demo1" in page.read_text() and "tsk_demo3" not in page.read_text()
    result = skyarc(*command, "x", "-r", "tsk_demo3", two, check=0)
    assert "tsk_demo1" in page.read_text() and "tsk_demo3" in page.read_text() and "index.html" not in result.err
    page.write_text("mine")
    skyarc(*command, "x", "-r", "tsk_demo3", two)
    assert page.read_text() == "mine"


def test_the_view_of_a_bag_stays(skyarc, two, tmp_path):
    page = tmp_path / "two/index.html"
    skyarc("extract", two, check=0)
    whole = page.read_bytes()
    result = skyarc("extract", "-r", "tsk_demo3", two, check=0)
    assert page.read_bytes() == whole and "'./two/index.html': the file exists" in result.err
    skyarc("extract", "-C", "x", "-r", "tsk_demo3", two, check=0)
    chosen = tmp_path / "x/two/index.html"
    page.write_bytes(chosen.read_bytes())  # whatever it is: the folder is a bag
    skyarc("extract", "-r", "tsk_demo1", two, check=0)
    assert page.read_bytes() == chosen.read_bytes()
    chosen.unlink()
    chosen.symlink_to(page)
    (tmp_path / "two/bagit.txt").unlink()
    skyarc("extract", "-C", "x", "-r", "tsk_demo1", two, check=0)
    assert chosen.is_symlink() and "tsk_demo1" not in page.read_text()


# What finds nothing says what there is.

def test_find_says_what_there_is(skyarc, two):
    result = skyarc("find", "v", "-t", "pdf", check=1)
    assert re.search(r"nothing in the catalog of 'v' matches; the catalog has: \w+ \(\d+\), ", result.err)
    assert "; run " not in result.err
    result = skyarc("find", "v", "-r", "nope", check=1)
    assert re.search(r"the catalog has: .*; run \w+; run \w+; run \w+; and others$", result.err.strip()), result
    assert skyarc("find", "--json", "v", "-r", "nope", check=1).json() == []
    assert not skyarc("find", "--json", "nowhere", "-r", "nope", check=1).out


# A terminal is told that there is nothing; a pipe gets nothing.

def test_nothing_is_told_on_a_terminal(skyarc, env, tmp_path):
    skyarc("pull", "-o", "e.tar", "tsk_empty", check=0)
    skyarc("sync", "--dest", "v", check=0)
    for command, text in ((["artifacts", "tsk_empty"], "no artifacts"), (["list", "e.tar"], "no artifacts"),
                          (["hold", "--dest", "v"], "no holds")):
        assert terminal(env, tmp_path, *command, check=0).text == text
        assert terminal(env, tmp_path, *command, "-q", check=0).text == ""
        assert not skyarc(*command, check=0).out


def test_holds_are_a_table_on_a_terminal(skyarc, env, tmp_path):
    skyarc("sync", "--dest", "v", "--settle", "0s", check=0)
    skyarc("hold", "--dest", "v", "--reason", "audit 7", "tsk_demo1", check=0)
    skyarc("hold", "--dest", "v", "tsk_demo3", check=0)
    assert re.fullmatch(r"RUN        HELD +REASON\ntsk_demo1  \d+s ago  audit 7\ntsk_demo3  \d+s ago  -",
                        terminal(env, tmp_path, "hold", "--dest", "v", check=0).text)
    assert re.fullmatch(rb"tsk_demo1\t20\S+Z\taudit 7\ntsk_demo3\t20\S+Z\t\S*\n", skyarc("hold", "--dest", "v", check=0).out)
