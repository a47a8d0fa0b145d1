# SPDX-License-Identifier: MIT
"""Filters by name, step, size and time: when pulling, when listing what the service has, and when reading."""
import json
import os
import signal
import subprocess
import time

import pytest

from conftest import SKYARC

STEPS = {"stp_a": "00_0", "stp_b": "01_0", "stp_c": "02_1"}


def row(ident, kind, data, step, day, ext, **more):
    created = "2026-01-%02dT10:00:00.5" % day
    uri = "s3://artifacts/v1/local/o_1/tsk_f/%s_%s/%s_%s.%s" % (STEPS[step], step, ident, kind, ext)
    return dict({"id": ident, "type": kind, "data": data, "step_id": step, "created_at": created, "uri": uri}, **more)


@pytest.fixture
def steps(emu):
    """A run of three steps on three days."""
    emu.run("tsk_f", [
        row("f_small", "llm_prompt", b"x" * 100, "stp_a", 1, "txt"),
        row("f_mid", "html_scrape", b"<html>" + b"y" * 5000, "stp_b", 2, "html"),
        row("f_big", "har", b'{"log": {}}' + b" " * 90_000, "stp_b", 3, "har"),
        row("f_unsized", "llm_response", b'{"a": 1}' * 300, "stp_c", 3, "json", sized=False, file_size=None),
        row("f_undated", "skyvern_log", b"line\n" * 900, "stp_c", 3, "log", created_at=None),
        row("f_nostep", "llm_request", b'{"b": 2}' * 40, "stp_a", 1, "json", step_id=None,
            uri="s3://artifacts/o_1/loose/request.json"),
    ])
    return "tsk_f"


def ids(rows):
    return sorted(r["artifact_id"] for r in rows)


EVERY = ["f_big", "f_mid", "f_nostep", "f_small", "f_undated", "f_unsized"]
CASES = [
    (["--name", "*.har"], ["f_big"]),
    (["--name", "f_m*", "--name", "*.txt"], ["f_mid", "f_small"]),
    (["--step", "stp_b"], ["f_big", "f_mid"]),
    (["--step", "0,2"], ["f_small", "f_undated", "f_unsized"]),
    (["--step", "1", "--step", "stp_a"], ["f_big", "f_mid", "f_small"]),
    (["--older-than", "2026-01-02T10:00:00.5"], ["f_nostep", "f_small", "f_undated"]),
    (["--newer-than", "2026-01-02T10:00:00.5", "-x", "har"], ["f_mid", "f_undated", "f_unsized"]),
    (["--step", "1", "--name", "*.h*", "-t", "html"], ["f_mid"]),
]
SIZES = [
    # the list says no size of f_unsized (2400 bytes), an archive does
    (["--larger-than", "4k"], ["f_big", "f_mid", "f_undated", "f_unsized"], ["f_big", "f_mid", "f_undated"]),
    (["--smaller-than", "320"], ["f_small", "f_unsized"], ["f_small"]),
    (["--larger-than", "100", "--smaller-than", "4500"], ["f_nostep", "f_unsized"], ["f_nostep", "f_unsized"]),
]


@pytest.mark.parametrize("args, want", CASES)
def test_all_commands_agree(skyarc, pull, steps, tmp_path, args, want):
    assert ids(skyarc("artifacts", "--json", *args, steps, check=0).json()) == want
    assert ids(r for r in skyarc("pull", "--json", "-n", *args, steps, check=0).json() if r["artifact_id"]) == want
    _, manifest, folder = pull(*args, steps)
    assert ids(manifest["artifacts"]) == want
    assert all((folder / r["path"]).is_file() for r in manifest["artifacts"]) and not manifest["missing"]
    skyarc("verify", "a.tar.zst", check=0)
    _, whole, _ = pull(steps, name="whole.tar.zst")
    assert ids(whole["artifacts"]) == EVERY and "filter" not in whole["request"]
    assert ids(skyarc("list", "--json", *args, "whole.tar.zst", check=0).json()) == want
    assert ids(skyarc("list", "--json", *args, "a.tar.zst", check=0).json()) == want
    skyarc("extract", "-C", "out", *args, "whole.tar.zst", check=0)
    files = {os.path.join(at, name) for at, _, names in os.walk(tmp_path / "out") for name in names}
    assert len(files) == len(want)


@pytest.mark.parametrize("args, listed, stored", SIZES)
def test_sizes(skyarc, pull, steps, args, listed, stored):
    assert ids(skyarc("artifacts", "--json", *args, steps, check=0).json()) == listed
    _, manifest, _ = pull(*args, steps)
    assert ids(manifest["artifacts"]) == listed
    pull(steps, name="whole.tar.zst")
    assert ids(skyarc("list", "--json", *args, "whole.tar.zst", check=0).json()) == stored


def test_a_name_of_the_archive(skyarc, pull, steps):
    """When reading, the name of the file is as good as the service's."""
    _, manifest, _ = pull(steps)
    for r in manifest["artifacts"]:
        name = os.path.basename(r["path"])
        assert ids(skyarc("list", "--json", "--name", name, "a.tar.zst", check=0).json()) == [r["artifact_id"]]


def test_names_of_the_record(skyarc, emu, pull):
    """The record knows the names of downloaded files, and files that are in no list. The size of d1 is unknown."""
    emu.run("tsk_d", [
        {"id": "d1", "type": "download", "data": b"a,b\n" * 9, "uri": "s3://artifacts/downloads/x8271", "file_size": None,
         "summed": False},
        {"id": "d2", "type": "download", "data": b"c,d\n", "uri": "s3://artifacts/downloads/x8272"},
        {"id": "d3", "type": "har", "data": b"{}", "uri": "s3://artifacts/y.har"},
        {"id": "loose", "type": "download", "data": b"loose", "loose": True}],
        downloaded_files=[
            {"url": emu.api + "/v1/artifacts/d1/content?sig=1", "filename": "May.csv", "file_size": 36, "artifact_id": "d1"},
            {"url": emu.api + "/v1/artifacts/loose/content?sig=1", "filename": "June.csv", "file_size": 5,
             "artifact_id": "loose"}])
    for n, (args, listed, more) in enumerate([
            (["--name", "*.csv"], ["d1"], ["loose"]), (["--name", "x*"], ["d1", "d2"], []),
            (["--larger-than", "35"], ["d1"], []), (["--smaller-than", "36"], ["d1", "d2", "d3"], ["loose"])]):
        assert ids(skyarc("artifacts", "--json", *args, "tsk_d", check=0).json()) == listed
        _, manifest, _ = pull(*args, "tsk_d", name="%d.tar" % n)
        assert ids(manifest["artifacts"]) == sorted(listed + more)
        skyarc("verify", "--against-api", "%d.tar" % n, check=0)
    assert b"  May.csv\n" in skyarc("artifacts", "--name", "*.csv", "tsk_d", check=0).out
    pull("tsk_d", name="all.tar")
    assert ids(skyarc("list", "--json", "--name", "*.csv", "all.tar", check=0).json()) == ["d1", "loose"]


def test_an_age(skyarc, steps):
    assert ids(skyarc("artifacts", "--json", "--older-than", "1d", steps, check=0).json()) == EVERY
    assert ids(skyarc("artifacts", "--json", "--newer-than", "1d", steps, check=0).json()) == ["f_undated"]
    skyarc("pull", "-o", "old.tar", "--newer-than", "30000d", steps, check=0)  # before 1970
    skyarc("verify", "--against-api", "old.tar", check=0)


def test_the_manifest_records_the_filter(pull, steps):
    args = ["--name", "*.h*", "--name", "\N{SNOWMAN}", "--step", "stp_b,1", "--larger-than", "1k", "--smaller-than", "1g",
            "--newer-than", "2026-01-02", "--older-than", "2026-01-31T12:00:00.25Z", "-t", "html,har", "-x", "llm_prompt"]
    _, manifest, _ = pull(*args, steps)
    request = manifest["request"]
    assert request["filter"] == {
        "types": request["types"], "excluded_types": ["llm_prompt"], "names": ["*.h*", "\N{SNOWMAN}"],
        "steps": ["stp_b", "1"], "larger_than": 1024, "smaller_than": 1 << 30,
        "newer_than": "2026-01-02T00:00:00.000000Z", "older_than": "2026-01-31T12:00:00.250000Z"}
    schema = json.load(open(os.path.dirname(__file__) + "/../../docs/manifest.schema.json", encoding="utf-8"))
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator(schema).validate(manifest)


@pytest.mark.parametrize("args", [["--name", "*.har"], ["--step", "2"], ["--smaller-than", "4k"], ["-t", "har"],
                                  ["-x", "har,llm"], ["--newer-than", "2026-01-02"]])
def test_against_the_service(skyarc, emu, steps, args):
    """What the filter left out is not missing; what it accepts is."""
    skyarc("pull", "-o", "a.tar.zst", *args, steps, check=0)
    result = skyarc("verify", "-v", "--against-api", "a.tar.zst", check=0)
    assert "left out by the filters of the archives" in result.err
    emu.run("tsk_f", [row("f_small", "llm_prompt", b"x" * 100, "stp_a", 1, "txt"),
                      row("f_more", "har", b'{"log": {"a": 1}}', "stp_c", 4, "har"),
                      row("f_text", "html_scrape", b"<html>", "stp_c", 4, "html")])
    result = skyarc("verify", "--against-api", "a.tar.zst", check=3)
    assert ("artifact 'f_more'" in result.err) is (args[0] != "-x")
    assert ("artifact 'f_text'" in result.err) is (args[0] not in ("--name", "-t"))


def test_archives_together_against_the_service(skyarc, steps, tmp_path):
    """A run that one archive has without a filter must be there whole; others' filters do not excuse it."""
    (tmp_path / "d").mkdir()
    skyarc("pull", "-o", "d/a.tar", "--name", "*.har", steps, check=0)
    skyarc("pull", "-o", "d/b.tar", "--step", "0", steps, check=0)
    skyarc("verify", "--against-api", "d", check=0)
    skyarc("pull", "-o", "d/c.tar", "--no-children", steps, check=0)
    skyarc("verify", "--against-api", "d", check=0)


def test_a_filter_of_one_run_excuses_no_other(skyarc, emu, steps, tmp_path):
    (tmp_path / "d").mkdir()
    skyarc("pull", "-o", "d/a.tar", "--name", "*.har", steps, check=0)
    skyarc("pull", "-o", "d/b.tar", "tsk_demo3", check=0)
    emu.run("tsk_demo3", [{"id": "a_more", "type": "llm_prompt", "data": b"more"}])
    result = skyarc("verify", "--against-api", "d", check=3)
    assert "artifact 'a_more'" in result.err and "f_small" not in result.err


@pytest.mark.parametrize("args", [["--name", "*.exe"], ["--step", "stp_z"], ["--step", "7"], ["--name", "*.har", "--step", "0"],
                                  ["--larger-than", "1g", "-t", "har"], ["--older-than", "2020-01-01", "-t", "har"]])
def test_a_filter_that_matches_nothing(skyarc, pull, steps, tmp_path, args):
    result = skyarc("pull", "-o", "n.tar.zst", *args, steps, check=1)
    assert "no artifact that the filters accept; the run has:" in result.err and "har (1)" in result.err
    assert ("a name is, for example, 'f_small_llm_prompt.txt'" in result.err) is ("--name" in args)
    assert not list(tmp_path.glob("n.tar.zst*"))
    assert skyarc("pull", "-n", *args, steps, check=1).out == b""
    assert "that the filters accept" in skyarc("artifacts", *args, steps, check=1).err
    pull(steps)
    for command in ("list", "extract"):
        result = skyarc(command, *args, "a.tar.zst", check=1)
        assert "the archive has:" in result.err and ("a path is" in result.err) is ("--name" in args)


def test_a_filter_that_some_run_does_not_match(skyarc, pull, steps):
    for command in (["pull", "-o", "b.tar"], ["artifacts"]):
        result = skyarc(*command, "--name", "f_*", steps, "tsk_demo3", check=3)
        assert "run 'tsk_demo3' has no artifact that the filters accept" in result.err


@pytest.mark.parametrize("args, words", [
    (["--name", "data/*"], "slash"), (["--name", ""], "--name"), (["--step", "a b/c"], "neither a step ID"),
    (["--step", ","], "--step"), (["--larger-than", "big"], "larger-than"), (["--newer-than", "tomorrow"], "--newer-than"),
    (["--older-than", ""], "--older-than"), (["--smaller-than", "0"], "no size is larger"),
    (["--larger-than", "2k", "--smaller-than", "2k"], "no size is larger"),
    (["--newer-than", "2026-01-02", "--older-than", "2026-01-01"], "must be before")])
def test_usage(skyarc, steps, args, words):
    for command in (["pull", "-o", "a.tar"], ["artifacts"], ["list"], ["extract"]):
        assert words in skyarc(*command, *args, steps, check=2).err


def test_members_of_a_zip(skyarc, pull):
    """A member is taken by its own name; the ZIP is archived only if its own name or type is asked for."""
    _, manifest, folder = pull("--name", "screenshot_action_1*.png", "--name", "trace_?.zip", "tsk_step")
    names = sorted(r["bundle_key"] for r in manifest["artifacts"])
    assert names == ["screenshot_action_1.png"] + ["screenshot_action_1%d.png" % i for i in range(10)] + ["trace_0.zip"]
    assert all((folder / r["path"]).is_file() for r in manifest["artifacts"])
    for args in (["--step", "0"], ["--newer-than", "2026-01-01"], ["--larger-than", "1"]):
        _, manifest, _ = pull(*args, "tsk_step", name="%s.tar" % args[0][2:])
        assert len(manifest["artifacts"]) == 40 and all(r["bundle_key"] for r in manifest["artifacts"])
    _, manifest, folder = pull("--name", "*step_archive*", "tsk_step", name="zip.tar")
    (only,) = manifest["artifacts"]
    assert only["artifact_type"] == "step_archive" and only["path"].endswith(".zip")
    skyarc("verify", "--against-api", "zip.tar", check=0)


def test_sync_completes_a_filtered_archive(skyarc, emu, tmp_path):
    """A volume made by a filter is never called safe: sync asks for what the service has more, and archives it."""
    emu.clear()
    emu.run("tsk_f", [row("f_small", "llm_prompt", b"x" * 100, "stp_a", 1, "txt"),
                      row("f_big", "har", b'{"log": {}}' + b" " * 90_000, "stp_b", 3, "har")])
    sync = ["sync", "--dest", "v", "--settle", "0"]
    skyarc(*sync, check=0)
    assert skyarc(*sync, "--list-safe", "1", check=0).out == b"tsk_f\n"
    (volume,) = (tmp_path / "v").glob("**/*.tar.zst")
    skyarc("pull", "-f", "-o", volume, "--name", "*.har", "tsk_f", check=0)
    skyarc(*sync, "--rebuild", check=0)
    skyarc("verify", "--against-api", "v", check=0)  # it is as its manifest says
    skyarc(*sync, "--verify-share", "1", check=0)
    result = skyarc(*sync, "--list-safe", "1", check=3)
    assert result.out == b"" and "artifact 'f_small' is not archived" in result.err
    skyarc(*sync, check=0)
    assert skyarc(*sync, "--list-safe", "1", check=0).out == b"tsk_f\n"
    rows = [r for v in (tmp_path / "v").glob("**/*.tar.zst") for r in skyarc("list", "--json", v, check=0).json()]
    assert ids(rows) == ["f_big", "f_small"]


@pytest.mark.parametrize("again, resumes", [
    (["--newer-than", "10000d", "--larger-than", "1"], True), (["--newer-than", "10001d", "--larger-than", "1"], False),
    (["--newer-than", "10000d", "--larger-than", "2"], False), (["--newer-than", "10000d"], False), (["-t", "har"], False)])
def test_an_interrupted_pull(skyarc, env, emu, tmp_path, again, resumes):
    """As with another -t, what another request left is not used. An age is the same request, if given again."""
    emu.run("tsk_f", [row("f_%d" % i, "har", b"%d" % i * 300_000, "stp_a", 1 + i, "har") for i in range(9)])
    emu.fault("f_8", "slow", times=9, steps=100, pause=0.2)
    process = subprocess.Popen([SKYARC, "pull", "-o", "r.tar.zst", "--newer-than", "10000d", "--larger-than", "1", "tsk_f"],
                               cwd=tmp_path, env=env, stderr=subprocess.PIPE)
    end = time.monotonic() + 20
    while len({r["path"] for r in emu.log() if "/content" in r["path"]}) < 9 and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    assert b"8 artifacts are kept" in process.communicate(timeout=20)[1]
    emu.reset_faults()
    result = skyarc("pull", "--json", "-o", "r.tar.zst", *again, "tsk_f", check=0).json()
    assert result["kept"] == (8 if resumes else 0)
    assert len(skyarc("list", "--json", "r.tar.zst", check=0).json()) == 9


@pytest.mark.parametrize("command", ["sync", "listen"])
def test_these_take_types_only(skyarc, command):
    text = skyarc(command, "--help", check=0).out.decode()
    assert "--exclude-type" in text and "--larger-than" not in text
    assert "--name" in skyarc(command, "--name", "*.png", check=2).err
