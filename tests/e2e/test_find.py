# SPDX-License-Identifier: MIT
"""find: the catalog of a sync directory, searched."""
import hashlib
import json

import pytest

from test_sync import runs, sync, volumes  # noqa: F401


def test_conditions(skyarc, sync, runs, emu, tmp_path):
    runs("tsk_a", ended=200_000)
    runs("tsk_b", ended=100_000, status="failed", failure_reason="The Page did not load")
    sync()
    (name,) = volumes(tmp_path)

    def find(*args, check=0):
        return [line.split("\t") for line in skyarc("find", "vault", *args, check=check).out.decode().splitlines()]

    assert len(find()) == 6 and {row[0] for row in find()} == {name}
    assert len(find("-r", "tsk_a")) == 3
    assert len(find("-t", "html", "--status", "failed")) == 3
    assert find("--runs", "--text", "page DID") == [[name, "tsk_b", "failed"]]
    assert find("--runs", "--text", "PROMPT of tsk_a") == [[name, "tsk_a", "completed"]]
    assert find("--runs", "--since", "36h") == [[name, "tsk_b", "failed"]]
    assert find("--runs", "--until", "36h") == [[name, "tsk_a", "completed"]]
    assert find("-r", "tsk_nobody", check=1) == []
    digest = hashlib.sha256(emu.data("tsk_b_1")).hexdigest()
    assert find("--hash", digest)[0][1].endswith("_tsk_b_1.bin")
    assert len(find("--artifact", "tsk_a_2")) == 1
    rows = skyarc("find", "vault", "--json", "-r", "tsk_b", check=0).json()
    assert {r["artifact_id"] for r in rows} == {"tsk_b_0", "tsk_b_1", "tsk_b_2"}
    assert rows[0]["failure_reason"] == "The Page did not load"


def test_rows_as_json(skyarc, sync, runs, emu, tmp_path):  # noqa: F811
    runs("tsk_a", ended=200_000)
    sync()
    (name,) = volumes(tmp_path)
    rows = skyarc("find", "--json", "vault", check=0).json()
    (one,) = [r for r in rows if r["artifact_id"] == "tsk_a_1"]
    assert one["volume"] == name and one["run_id"] == "tsk_a" and one["artifact_type"] == "html"
    assert one["sha256"] == hashlib.sha256(emu.data("tsk_a_1")).hexdigest() and one["size"] == len(emu.data("tsk_a_1"))
    assert skyarc("cat", tmp_path / "vault" / name, one["path"], check=0).out == emu.data("tsk_a_1")
    (run,) = skyarc("find", "--json", "--runs", "vault", check=0).json()
    assert run["status"] == "completed" and "path" not in run and run["volume"] == name
    assert skyarc("find", "--json", "-r", "tsk_none", "vault", check=1).json() == []


def test_the_newest_come_first_and_some_are_enough(skyarc, sync, runs):  # noqa: F811
    for i in range(4):
        runs("tsk_%d" % i, ended=100_000 * (i + 1), status="failed" if i % 2 else "completed")
    sync()

    def found(*args):
        return [line.split("\t")[1] for line in skyarc("find", "--runs", *args, "vault", check=0).out.decode().splitlines()]

    assert found() == ["tsk_0", "tsk_1", "tsk_2", "tsk_3"]
    assert found("--limit", "2") == ["tsk_0", "tsk_1"]
    assert found("--status", "failed") == ["tsk_1", "tsk_3"]
    assert found("--status", "failed", "--status", "completed", "--limit", "3") == ["tsk_0", "tsk_1", "tsk_2"]
    assert found("--run", "tsk_3", "-r", "tsk_1") == ["tsk_1", "tsk_3"]


@pytest.mark.parametrize("args,words", [
    ([], "directory"), (["a", "b"], "directory"), (["--hash", "abc", "vault"], "64 hex digits"), (["--limit", "0", "vault"], "--limit"),
    (["--since", "soon", "vault"], "--since"), (["--until", "soon", "vault"], "--until"),
    (["--runs", "-t", "har", "vault"], "--runs"), (["--runs", "--artifact", "a", "vault"], "--runs"),
    (["--runs", "--hash", "0" * 64, "vault"], "--runs"), (["--bogus", "vault"], "--bogus")])
def test_usage(skyarc, sync, runs, args, words):  # noqa: F811
    runs("tsk_a")
    sync()
    result = skyarc("find", *args, check=2)
    assert words in result.err and result.out == b""


def test_a_directory_without_a_catalog(skyarc, tmp_path):
    (tmp_path / "empty").mkdir()
    for args in ([], ["-q"]):
        assert "no catalog" in skyarc("find", *args, "empty", check=1).err
    line = skyarc("find", "--log-format", "json", "none", check=1).err
    assert json.loads(line)["level"] == "error"
    assert not list((tmp_path / "empty").iterdir())
