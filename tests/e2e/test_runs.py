# SPDX-License-Identifier: MIT
"""runs: all of them, newest first."""
import json
import os
import subprocess
import time

import pytest

from conftest import SKYARC, extract


def pages(emu):
    return [r["path"] for r in emu.log("api") if r["path"].startswith("/v1/runs?")]


def test_a_table(skyarc, emu):
    result = skyarc("runs", check=0)
    lines = result.out.decode().splitlines()
    assert lines[0].split() == ["RUN", "STATUS", "TYPE", "CREATED", "TOOK", "TITLE"]
    assert any(l.startswith("tsk_demo3 ") and " failed " in l and "2m38s" in l for l in lines)
    assert result.err == "" and len(pages(emu)) == 1


def test_ids_pages_and_limit(skyarc, emu):
    emu.many(250)
    out = skyarc("runs", "--ids", check=0).out.decode().split()
    assert out[:250] == ["tsk_many%05d" % i for i in range(250)] and len(out) == 256
    assert len(pages(emu)) == 3
    emu.reset()
    emu.many(250)
    assert len(skyarc("runs", "--ids", "--limit", 7, check=0).out.split()) == 7
    assert pages(emu) == ["/v1/runs?page=1&page_size=7"]


def test_rows_that_shift_come_once(skyarc, emu):
    emu.many(350, shift=3)
    out = skyarc("runs", "--ids", check=0).out.split()
    assert len(out) == len(set(out))
    assert len([i for i in out if b"many" in i]) == 350


def test_filters(skyarc, emu):
    emu.run("wr_1", [], run_type="workflow_run", workflow_permanent_id="wpid_9", tags=["a b&c"],
            title="Invoices")
    assert skyarc("runs", "--ids", "--status", "failed", check=0).out == b"tsk_demo3\n"
    assert skyarc("runs", "--ids", "--workflow", "wpid_9", check=0).out == b"wr_1\n"
    assert skyarc("runs", "--ids", "--tag", "a b&c", check=0).out == b"wr_1\n"
    assert skyarc("runs", "--ids", "--search", "Invoices", check=0).out == b"wr_1\n"
    both = skyarc("runs", "--ids", "--run-type", "workflow_run", "--status", "completed", "--status",
                  "failed", check=0).out.split()
    assert sorted(both) == [b"wr_1", b"wr_demo2"]
    assert skyarc("runs", "--ids", "--run-type", "task_v1,workflow_run", "--status", "completed,failed", "--tag", "a b&c",
                  check=0).out == b"wr_1\n"
    assert "run_type=task_v1&run_type=workflow_run" in pages(emu)[-1] and "status=completed&status=failed" in pages(emu)[-1]
    assert "tags=a%20b%26c" in "".join(pages(emu))


def test_since_and_until(skyarc, emu):
    emu.many(300, step=3600)
    out = skyarc("runs", "--ids", "--since", "12h", check=0).out.split()
    assert 11 <= len(out) <= 13 and len(pages(emu)) == 1
    out = skyarc("runs", "--ids", "--since", "3d", "--until", "2d", check=0).out.split()
    assert 23 <= len(out) <= 25
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 86400))
    out = skyarc("runs", "--ids", "--since", day, "--until", day + "T12:00", check=0).out.split()
    assert len(out) == 12
    for bad in (["--since", "soon"], ["--since", "1d", "--until", "2d"], ["--search", "ab"], ["x"]):
        skyarc("runs", *bad, check=2)


def test_the_window_is_said(skyarc, emu):
    emu.many(10050)
    result = skyarc("runs", "--ids", check=3)
    assert len(result.out.split()) == 10000 and "newest 10000 runs" in result.err
    emu.reset()
    assert skyarc("runs", "--ids", check=0).err == ""


def test_runs_behind_the_window(skyarc, emu):
    """By other lists, where a server has them; none is told twice."""
    emu.clear()
    emu.mode("today")
    emu.many(10020, record={"status": "failed"})
    for ident, status in (("wr_old", "failed"), ("tsk_old", "failed"), ("wr_good", "completed")):
        emu.run(ident, [], created_at="2020-01-20T11:52:20.000001", run_type="workflow_run", status=status)
    result = skyarc("runs", "--ids", "--status", "failed", check=0, timeout=120)
    ids = result.out.decode().split()
    assert {"wr_old", "tsk_old", "tsk_many10019"} <= set(ids) and result.err == ""
    assert len(ids) == len(set(ids)) == 10022


OLD = {"run_type": "workflow_run", "workflow_permanent_id": "wpid_1", "status": "failed"}


@pytest.fixture
def deep(emu):
    """10,020 runs, and behind them a workflow run, a task v2 and a plain task."""
    emu.clear()
    emu.mode("today")
    emu.many(10020)
    emu.run("wr_old", [], created_at="2020-01-20T11:52:20.000001", **OLD)
    emu.run("wr_auto", [], created_at="2020-01-19T11:52:20.000001", story={"alias": "tsk_v2_auto"})
    emu.run("tsk_old", [], created_at="2020-01-18T11:52:20.000001", status="failed")
    return emu


def test_a_limit_goes_on_in_the_older_lists(skyarc, deep):
    """First through the runs of workflows, then through the plain tasks."""
    for limit, last in ((10000, "tsk_many09999"), (10001, "wr_old"), (10002, "wr_auto"),
                        (10022, "tsk_many10019"), (20000, "tsk_old")):
        ids = skyarc("runs", "--ids", "--limit", limit, check=0, timeout=120).out.decode().split()
        assert len(ids) == len(set(ids)) == min(limit, 10023) and ids[-1] == last


def test_until_a_time_that_only_older_lists_reach(skyarc, deep):
    ids = skyarc("runs", "--ids", "--until", "2020-01-20", check=0, timeout=120).out.split()
    assert ids == [b"wr_auto", b"tsk_old"]
    ids = skyarc("runs", "--ids", "--since", "2020-01-20", "--until", "2020-01-21", check=0, timeout=120).out
    assert ids == b"wr_old\n"


def test_an_older_list_that_fails_is_named(skyarc, deep):
    deep.fault("v1/workflows/runs", "raw", times=9, body="PGh0bWw+")
    result = skyarc("runs", "--ids", "--until", "2020-01-21", check=3, timeout=120)
    assert result.out.split() == [b"wr_old", b"tsk_old"]
    assert "cannot list all older runs: %s/v1/workflows/runs answered HTML" % deep.api in result.err
    assert "runs of tasks v2 and of deleted workflows created before" in result.err
    deep.reset_faults()
    deep.fault("api/v1/tasks", "raw", times=9, body="WzEsIHt9XQ==")  # [1, {}]
    result = skyarc("runs", "--ids", "--until", "2020-01-21", check=3, timeout=120)
    assert result.out.split() == [b"wr_old", b"wr_auto"] and "2 rows of the service's list" in result.err


def test_a_workflows_runs_behind_its_limit(skyarc, emu):
    emu.clear()
    emu.mode("today")
    emu.many(1050, prefix="wr_many", record=dict(OLD, workflow_permanent_id="wpid_9"))
    emu.run("wr_old", [], created_at="2020-01-20T11:52:20.000001", **dict(OLD, workflow_permanent_id="wpid_9"))
    ids = skyarc("runs", "--ids", "--workflow", "wpid_9", "--limit", 1051, check=0).out.split()
    assert len(set(ids)) == 1051 and ids[-1] == b"wr_old"
    assert len(skyarc("runs", "--ids", "--workflow", "wpid_9", "--limit", 1020, check=0).out.split()) == 1020
    assert skyarc("runs", "--ids", "--workflow", "wpid_9", "--until", "40d", check=0).out == b"wr_old\n"
    for body in ("PGh0bWw+", "e30=", "bnVsbA=="):  # HTML, {}, null
        emu.fault("v1/workflows/wpid_9/runs", "raw", body=body)
        result = skyarc("runs", "--ids", "--workflow", "wpid_9", check=3)
        assert len(result.out.split()) == 1000
        assert "%s/v1/workflows/wpid_9/runs" % emu.api in result.err and ("not a list" in result.err or "HTML" in result.err)


@pytest.mark.parametrize("filters", [["--search", "needle"], ["--workflow", "wpid_9"]])
def test_a_search_that_the_service_cuts_short(skyarc, emu, filters):
    """400 behind the first 1,000 matches: what was listed is kept, and it is said."""
    emu.mode("today")
    emu.world(lacks=["runs"])  # a workflow's own list goes further, where there is one
    emu.many(1050, record={"workflow_permanent_id": "wpid_9", "run_request": {"prompt": "needle"}})
    result = skyarc("runs", "--ids", *filters, check=3)
    assert len(result.out.split()) == 1000 and "newest 1000 matches" in result.err
    assert skyarc("runs", "--ids", "--limit", 20, *filters, check=0).err == ""
    emu.fault("runs", "status", times=1, status=400)
    assert skyarc("runs", "--ids", *filters, check=1).out == b""  # of the first page it is an error


def test_runs_json(skyarc, emu):
    rows = skyarc("runs", "--json", "--status", "failed", check=0).json()
    assert [r["run_id"] for r in rows] == ["tsk_demo3"] and "trigger_type" in rows[0]
    assert skyarc("runs", "--json", "--status", "paused", check=0).json() == []


def test_lists_that_are_none(skyarc, emu):
    import base64
    for text in (b"{}", b"<html>", b"[1, null, {}, {\"run_id\": \"../x\"}]",
                 b"[1, null, {\"run_id\": 5, \"task_run_id\": \"tsk_a\"}, {\"run_id\": [], \"task_run_id\": \"tsk_b\"}]"):
        emu.fault("runs", "raw", body=base64.b64encode(text).decode())
        result = skyarc("runs", "--ids")
        assert result.code == (3 if text.startswith(b"[") else 1) and result.out == b""
        assert text.startswith(b"[") or any("%s/v1/runs%s" % (emu.api, w) in result.err for w in (": the response is not a list", " answered HTML"))
        assert not text.startswith(b"[") or "4 rows of the service's list of runs have no valid run ID" in result.err


def test_rows_without_an_id_are_an_error_and_the_others_are_shown(skyarc, emu):
    import base64
    text = b'[{"run_id": "tsk_a", "status": "completed"}, {"id": "tsk_b", "status": "completed"}]'
    for args in (["--ids"], ["--json"], []):
        emu.fault("runs", "raw", body=base64.b64encode(text).decode())
        result = skyarc("runs", *args, check=3)
        assert b"tsk_a" in result.out and b"tsk_b" not in result.out
        assert "1 row of the service's list of runs has no valid run ID; this run is not shown" in result.err


def test_runs_piped_into_pull(env, emu, tmp_path):
    now = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() - 9000))
    emu.run("tsk_recent", [{"id": "h", "type": "html", "data": b"x"}], status="failed", created_at=now)
    command = ("%s runs --status failed --since 7d --ids | %s pull -i - -o failed.tar.zst"
               % (SKYARC, SKYARC))
    subprocess.run(command, shell=True, env=env, cwd=tmp_path, check=True)
    manifest = json.loads((extract(tmp_path / "failed.tar.zst", tmp_path) / "manifest.json").read_text())
    assert [r["run_id"] for r in manifest["runs"]] == ["tsk_recent"]


def test_a_key_in_the_config_may_be_for_another_command(skyarc, tmp_path):
    home = tmp_path / "cfg"
    (home / "skyarc").mkdir(parents=True)
    (home / "skyarc" / "config").write_text("jobs = 3\nstatus = failed\n")
    assert skyarc("runs", "--ids", XDG_CONFIG_HOME=str(home), check=0).out == b"tsk_demo3\n"
    skyarc("show", "tsk_demo1", XDG_CONFIG_HOME=str(home), check=0)
    (home / "skyarc" / "config").write_text("jbos = 3\n")
    skyarc("show", "tsk_demo1", XDG_CONFIG_HOME=str(home), check=2)


def test_closed_pipes_end_quietly(env, emu):
    emu.many(3000)
    done = subprocess.run("%s runs | head -n 2" % SKYARC, shell=True, env=env, stderr=subprocess.PIPE,
                          stdout=subprocess.PIPE, check=True)
    assert len(done.stdout.splitlines()) == 2


BAD = "ESC\x1b[31m C1\x9b31m bidi\u202e\u2066 tag\U000e0061 fine\u00e9"


def shows_nothing_hidden(out):
    text = out.decode()
    return not any(c in text for c in "\x1b\x9b\u202e\u2066\U000e0061") and "fine" in text


def test_nothing_hidden_reaches_a_terminal(skyarc, emu, tmp_path):
    """Controls and bidirectional characters of a record, as text and as JSON."""
    emu.clear()
    emu.run("tsk_evil", [{"id": "a_evil", "type": "html", "data": b"x"}], status="failed", failure_reason=BAD,
            title=BAD, created_at="2026-01-20T11:52:29.000001", finished_at="2026-01-20T11:53:29.000001")
    skyarc("sync", "--dest", "vault", check=0)
    for args in (["wait"], ["wait", "--json"], ["show"], ["show", "--json"]):
        result = skyarc(*args, "tsk_evil")
        assert result.out and not set(result.out.decode()) & set("\x1b\x9b\u202e\u2066"), args
    result = skyarc("wait", "--json", "tsk_evil")
    assert shows_nothing_hidden(result.out) and result.json()[0]["failure_reason"] == BAD
    result = skyarc("find", "--json", "-r", "tsk_evil", "vault", check=0)
    assert shows_nothing_hidden(result.out) and result.json()[0]["failure_reason"] == BAD
    assert shows_nothing_hidden(skyarc("runs", "--json", check=0).out)
