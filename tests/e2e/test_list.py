# SPDX-License-Identifier: MIT
"""list: the contents of an archive."""
import json

import pytest


@pytest.fixture
def small(skyarc, tmp_path):
    skyarc("pull", "-o", "a.tar.zst", "tsk_demo1", "tsk_demo3", check=0)
    return tmp_path / "a.tar.zst"


def test_list_filters(made, skyarc, tmp_path):
    archive = made()
    lines = skyarc("list", archive, check=0).out.decode().splitlines()
    assert lines[0].split() == ["ARTIFACT", "TYPE", "SIZE", "CREATED", "RUN", "PATH"]
    rows = skyarc("list", "--json", "-t", "har", archive, check=0).json()
    assert {r["artifact_type"] for r in rows} == {"har"}
    rows = skyarc("list", "--json", "-r", "tsk_demo3", "-x", "screenshots,recordings", archive, check=0).json()
    assert {r["run_id"] for r in rows} == {"tsk_demo3"} and len(rows) == 7
    rows = skyarc("list", "--json", archive, "data/tsk_demo1/files", check=0).json()
    assert {r["artifact_type"] for r in rows} == {"download"}
    rows = skyarc("list", "--json", archive, "*/llm_*", check=0).json()
    assert rows and all("/llm_" in r["path"] for r in rows)


def test_rows_of_a_type_and_a_run(skyarc, small):
    def rows(*args):
        return skyarc("list", "--json", *args, check=0).json()

    every = rows(small)
    assert {r["run_id"] for r in every} == {"tsk_demo1", "tsk_demo3"}
    assert rows("-x", "har", "--exclude-type", "screenshots", small) == [
        r for r in every if r["artifact_type"] != "har" and not r["artifact_type"].startswith("screenshot")]
    assert rows("--run", "tsk_demo1", "--run", "tsk_demo3", small) == every
    assert rows("--type", "all", small) == every  # also types of tomorrow
    assert rows("-r", "tsk_demo1", small) == [r for r in every if r["run_id"] == "tsk_demo1"]
    for none in (["-r", "tsk_nobody", small], [small, "no/such"]):
        assert skyarc("list", "--json", *none, check=1).json() == []
        assert not skyarc("list", *none, check=1).out


def test_the_table_says_what_json_says(skyarc, small):
    lines = skyarc("list", small, check=0).out.decode().splitlines()[1:]
    rows = skyarc("list", "--json", small, check=0).json()
    assert [line.split()[0] for line in lines] == [r["artifact_id"] for r in rows]
    assert [line.split()[1] for line in lines] == [r["artifact_type"] for r in rows]
    assert all(line.endswith("  " + r["run_id"] + "  " + r["path"]) for line, r in zip(lines, rows))


def test_what_is_missing_is_told_unless_quiet(skyarc, emu, tmp_path):
    emu.fault("a_3har", "status", times=99, status=404)
    skyarc("pull", "-o", "lacks.tar.zst", "tsk_demo3", check=3)
    result = skyarc("list", "lacks.tar.zst", check=0)
    assert "1 artifact or run is missing" in result.err and b"_har" not in result.out
    assert skyarc("list", "-q", "lacks.tar.zst", check=0).err == ""
    line = skyarc("list", "--log-format", "json", "lacks.tar.zst", check=0).err
    assert json.loads(line)["level"] == "warning"


def test_without_a_sandbox(skyarc, small):
    result = skyarc("list", "-v", "--no-sandbox", small, check=0)
    assert "not confined" in result.err and result.out == skyarc("list", small, check=0).out


@pytest.mark.parametrize("args,words", [([], "no archive"), (["-t", "a b!", "a.tar.zst"], "invalid artifact type"), (["--bogus", "a.tar.zst"], "--bogus")])
def test_usage(skyarc, args, words):
    assert words in skyarc("list", *args, check=2).err


def test_archives_that_are_none(skyarc, small, tmp_path):
    (tmp_path / "text").write_text("hello" * 1000)
    assert skyarc("list", "none.tar.zst", check=1).out == b""
    assert skyarc("list", "text", check=1).out == b""
    (tmp_path / "cut.tar.zst").write_bytes(small.read_bytes()[:5000])
    result = skyarc("list", "--json", "cut.tar.zst", check=1)
    assert result.out == b"" and "cut.tar.zst" in result.err
