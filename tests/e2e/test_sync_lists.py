# SPDX-License-Identifier: MIT
"""sync: runs that the list of all does not reach, lists that are cut, and rows that are behind."""
import base64
import urllib.parse

import pytest

from catalog import alter
from test_sync import archived, query, stamp, states

DAY = 86400


@pytest.fixture
def sync(skyarc, tmp_path):
    def run(*args, check=0, **more):
        return skyarc("sync", "--dest", "vault", "--json", *args, check=check, timeout=200, **more)
    return run


def page(ident, ago, **more):
    """A run that failed so long ago, to be archived with --status failed."""
    record = dict({"status": "failed", "created_at": stamp(ago + 60), "finished_at": stamp(ago)}, **more)
    return ident, [{"id": "a_" + ident, "type": "html", "data": b"<p>" + ident.encode()}], record


def add(emu, ident, ago, story=None, **more):
    ident, rows, record = page(ident, ago, **more)
    emu.run(ident, rows, story=story, **record)


def paths(emu, since=0):
    return [urllib.parse.urlsplit(r["path"]).path for r in emu.log("api")[since:]]


@pytest.fixture
def many(emu):
    """More runs than the list of all has, which have not failed, and three that have, long before."""
    emu.clear()
    emu.mode("today")
    emu.many(10020, step=60)
    add(emu, "wr_old", 50 * DAY, run_type="workflow_run", workflow_permanent_id="wpid_1")
    add(emu, "wr_two", 51 * DAY, story={"alias": "tsk_v2_two"}, workflow_permanent_id="wpid_2")
    add(emu, "tsk_old", 52 * DAY, run_type="task_v1")
    return emu


def test_older_runs_are_reached(sync, many, tmp_path):
    result = sync("--status", "failed")
    assert result.json()["list_cut"] is False and result.err == ""
    assert set(archived(tmp_path)) == {"a_wr_old", "a_wr_two", "a_tsk_old"}
    assert query(tmp_path, "SELECT alias FROM aliases") == [("tsk_v2_two",)]
    before = len(many.log())
    assert sync("--status", "failed").json()["archived_runs"] == 0
    assert len(many.log()) - before < 10  # all is known now


def test_older_runs_by_windows_of_time(sync, many, tmp_path):
    """A server without the list of all workflow runs, and then one without that of tasks."""
    many.fault("v1/workflows/runs", "status", times=99, status=404, body='{"detail": "Not Found"}')
    many.fault("api/v1/tasks", "status", times=99, status=404, body='{"detail": "Not Found"}')
    for _ in range(2):  # it is said as long as it is so
        result = sync("--status", "failed", "--since", "60d", check=3)
        assert "plain tasks created before" in result.err and "workflows and of tasks" not in result.err
        assert result.err.count("runs of tasks v2 and of deleted workflows created before") == 1
        assert result.json()["list_cut"] is True
    assert set(archived(tmp_path)) == {"a_wr_old", "a_wr_two"}
    assert {p for p in paths(many) if p.endswith("/runs")} >= {"/v1/workflows/wpid_1/runs", "/v1/workflows/wpid_2/runs"}
    many.reset_faults()
    assert sync("--status", "failed", "--since", "60d").json()["list_cut"] is False
    assert len(archived(tmp_path)) == 3


def test_a_server_that_has_no_other_list(sync, many, tmp_path):
    many.mode("old")
    result = sync("--status", "failed", check=3)
    assert "plain tasks created before" in result.err and "runs of workflows and of tasks" in result.err
    assert "newest 10000 runs" in result.err and "--input" in result.err


def test_a_task_v2_whose_workflow_no_list_names(sync, many, tmp_path):
    """Only the list of all workflow runs has it; without that list, it is said that it may be missing."""
    add(many, "wr_auto", 53 * DAY, story={"alias": "tsk_v2_auto"})
    many.fault("v1/workflows/runs", "status", times=99, status=404, body='{"detail": "Not Found"}')
    for args in ((), ("-n",)):
        result = sync("--status", "failed", *args, check=3)
        assert "runs of tasks v2 and of deleted workflows created before" in result.err
        assert "offers no such list" not in result.err and result.json()["list_cut"] is True
    many.reset_faults()
    assert sync("--status", "failed").json()["list_cut"] is False
    assert len(archived(tmp_path)) == 4


@pytest.mark.parametrize("on, first, second", [("v1/workflows/runs", {"status": 403}, {"status": 500}),
                                               ("v1/workflows/runs", b"<html>sign in", b"{}"),
                                               ("api/v1/tasks", {"status": 500}, b"null")])
def test_an_older_list_that_fails_costs_itself_alone(sync, many, tmp_path, on, first, second):
    """What was listed is archived, night after night, and the call and its answer are named."""
    add(many, "tsk_new", 3600, run_type="task_v1")
    for fault in (first, second):
        many.reset_faults()
        if isinstance(fault, bytes):
            many.fault(on, "raw", times=99, body=base64.b64encode(fault).decode())
        else:
            many.fault(on, "status", times=99, **fault)
        result = sync("--status", "failed", "--retries", 0, check=3)
        assert "cannot list all older runs: %s/%s" % (many.api, on) in result.err
        assert (str(fault["status"]) if isinstance(fault, dict) else "HTML" if b"<" in fault else "not a list") in result.err
        assert result.json()["error"] is None and result.json()["list_cut"] is True
    assert set(archived(tmp_path)) == {"a_tsk_new", "a_wr_old", "a_wr_two"} | (
        set() if "tasks" in on else {"a_tsk_old"})
    many.reset_faults()
    assert sync("--status", "failed").json()["list_cut"] is False
    assert len(archived(tmp_path)) == 4


def test_a_workflow_whose_list_fails_costs_itself_alone(sync, many, tmp_path):
    many.fault("v1/workflows/runs", "status", times=99, status=404, body='{"detail": "Not Found"}')
    many.fault("v1/workflows/wpid_1/runs", "status", times=99, status=500)
    result = sync("--status", "failed", "--retries", 0, check=3)
    assert "cannot list all older runs: %s/v1/workflows/wpid_1/runs: " % many.api in result.err
    assert set(archived(tmp_path)) == {"a_wr_two", "a_tsk_old"}


def test_rows_of_an_older_list_without_an_id(sync, many, tmp_path):
    rows = b'[1, {}, {"task_id": "tsk_x y", "created_at": "2020-01-01T00:00:00"}]'
    many.fault("api/v1/tasks", "raw", times=99, body=base64.b64encode(rows).decode())
    result = sync("--status", "failed", check=3)
    assert "3 rows of the service's list of runs have no valid run ID" in result.err
    assert set(archived(tmp_path)) == {"a_wr_old", "a_wr_two"}
    many.reset_faults()  # the rows are listed again
    sync("--status", "failed")
    assert len(archived(tmp_path)) == 3


@pytest.mark.parametrize("args", [["--until", "40d"], ["--since", "60d", "--until", "45d"]])
def test_until_a_time_that_only_older_lists_reach(sync, many, tmp_path, args):
    assert sync(*args).json()["list_cut"] is False
    assert set(archived(tmp_path)) == {"a_wr_old", "a_wr_two", "a_tsk_old"}
    assert sync("--status", "failed").json()["archived_runs"] == 0


def test_until_does_not_make_newer_runs_known(sync, many, tmp_path):
    """The newest runs did not pass --until, and an older list failed: neither counts as listed."""
    add(many, "tsk_new", 3600, run_type="task_v1")
    many.fault("api/v1/tasks", "status", times=9, status=500)
    sync("--status", "failed", "--until", "45d", "--retries", 0, check=3)
    assert set(archived(tmp_path)) == {"a_wr_old", "a_wr_two"}
    many.reset_faults()
    sync("--status", "failed", "--since", "5d")
    assert sync("--status", "failed", "--since", "60d").json()["list_cut"] is False
    assert set(archived(tmp_path)) == {"a_wr_old", "a_wr_two", "a_tsk_old", "a_tsk_new"}


def test_until_behind_the_end_of_a_workflows_list(sync, emu, tmp_path):
    emu.clear()
    emu.mode("today")
    record = {"workflow_permanent_id": "wpid_9", "run_type": "workflow_run"}
    emu.many(1050, prefix="wr_many", record=record)
    add(emu, "wr_old", 60 * DAY, **record)
    assert sync("--workflow", "wpid_9", "--until", "40d").json()["list_cut"] is False
    assert set(archived(tmp_path)) == {"a_wr_old"}


@pytest.mark.parametrize("args, words", [(["--search", "needle"], "newest 1000 matches"),
                                         (["--workflow", "wpid_9"], "newest 1000 matches"),
                                         (["--workflow", "wpid_9"], None)])
def test_what_the_service_cuts_is_kept_and_said(sync, emu, tmp_path, args, words):
    """400 on page 11; a workflow's own list goes on behind that, where there is one."""
    emu.clear()
    emu.mode("today")
    record = {"workflow_permanent_id": "wpid_9", "run_request": {"prompt": "needle"}}
    emu.many(1050, prefix="wr_many", record=record)
    add(emu, "wr_new", 3600, run_type="workflow_run", **record)
    add(emu, "wr_old", 60 * DAY, run_type="workflow_run", **record)
    if words and "--workflow" in args:
        emu.world(lacks=["runs"])
    for _ in range(2):
        result = sync("--status", "failed", *args, check=3 if words else 0)
        assert result.json()["list_cut"] is bool(words) and result.json()["error"] is None
        if words:
            assert words in result.err
    assert set(archived(tmp_path)) == {"a_wr_new"} if words else {"a_wr_new", "a_wr_old"}


def test_runs_that_go_on_are_asked_for_by_pages(sync, emu, tmp_path):
    emu.clear()
    emu.mode("today")
    emu.many(350, record={"status": "running", "finished_at": None}, step=3600)
    sync()
    before = len(emu.log())
    assert sync().json()["running_runs"] == 350
    asked = paths(emu, before)
    assert len([p for p in asked if p.startswith("/v1/runs/")]) <= 60
    assert len([p for p in asked if p == "/v1/runs"]) <= 6


def test_those_that_have_ended_are_found(sync, emu, tmp_path):
    """A list of what goes on does not name them: they alone are asked for."""
    emu.clear()
    emu.mode("today")
    emu.many(120, record={"status": "running", "finished_at": None}, step=3600)
    sync()
    for i in (90, 100, 110):
        add(emu, "tsk_many%05d" % i, i * 3600 - 100, run_type="task_v1")
    before = len(emu.log())
    assert sync().json()["archived_runs"] == 3
    assert {"a_tsk_many%05d" % i for i in (90, 100, 110)} == set(archived(tmp_path))
    assert len(emu.log()) - before < 80
    add(emu, "tsk_many00080", 80 * 3600 - 100, run_type="task_v1")
    emu.fault("runs", "no-ends", times=1)  # the list of all is answered
    emu.fault("runs", "status", times=1, status=422)  # and that of what goes on is not: each is asked for
    before = len(emu.log())
    assert sync().json()["archived_runs"] == 1
    assert len([p for p in paths(emu, before) if p.startswith("/v1/runs/tsk_many")]) >= 100


def test_a_row_that_is_behind_its_record(sync, emu, tmp_path):
    """The list says running, the record says completed."""
    emu.clear()
    emu.mode("today")
    add(emu, "tsk_behind", 7200, status="running", run_type="task_v1", story={"listed": "running"})
    sync()
    assert states(tmp_path) == {"tsk_behind": "running"}
    add(emu, "tsk_behind", 7200, status="completed", run_type="task_v1", story={"listed": "running"})
    assert sync().json()["archived_runs"] == 1
    assert states(tmp_path) == {"tsk_behind": "open"}
    alter(tmp_path / "vault", "UPDATE states SET next_ms = 0")
    assert sync().json()["sealed_runs"] == 1
    before = len(emu.log())
    sync()
    assert states(tmp_path) == {"tsk_behind": "sealed"} and len(emu.log()) == before + 1


def test_a_pause_is_not_known(sync, emu, tmp_path):
    """Nights of --since 1d, a pause, and one more: what ended in the pause is found by a later --since 30d."""
    emu.clear()
    add(emu, "wr_before", 20 * DAY)
    sync("--since", "40d")
    add(emu, "wr_meanwhile", 10 * DAY)
    add(emu, "wr_after", DAY // 2)
    sync("--since", "1d")
    assert set(archived(tmp_path)) == {"a_wr_before", "a_wr_after"}
    sync("--since", "30d")
    assert set(archived(tmp_path)) == {"a_wr_before", "a_wr_meanwhile", "a_wr_after"}
