# SPDX-License-Identifier: MIT
"""Polling runs to their end."""
import signal
import subprocess
import time

import pytest

from conftest import SKYARC
from test_faults import wait_for

FAST = ("--interval", "40ms")


def polls(emu, run):
    return [r for r in emu.log("api") if r["path"] == "/v1/runs/" + run]


def test_completed(skyarc, emu):
    emu.script(["created", "queued", "running", "paused", "completed"], "tsk_demo1")
    result = skyarc("wait", *FAST, "tsk_demo1", check=0)
    assert (result.out, result.err) == (b"tsk_demo1 completed\n", "")
    assert len(polls(emu, "tsk_demo1")) == 5


@pytest.mark.parametrize("status", ["failed", "terminated", "timed_out", "canceled"])
def test_ends_that_are_not_good(skyarc, emu, status):
    emu.run("tsk_bad", [], status=status, failure_reason="no such button\x1b[31m")
    result = skyarc("wait", *FAST, "tsk_bad", "tsk_demo1", check=1)
    assert sorted(result.out.split(b"\n")) == [b"", b"tsk_bad " + status.encode(),
                                               b"tsk_demo1 completed"]
    assert "run 'tsk_bad' %s: no such button" % status in result.err and "\x1b" not in result.err


def test_unknown_statuses_are_not_the_end(skyarc, emu):
    emu.script(["running", "dreaming", "dreaming", "completed"], "tsk_demo1")
    result = skyarc("wait", *FAST, "tsk_demo1", check=0)
    assert result.err.count("dreaming") == 1 and "an unknown status" in result.err


def test_time_out(skyarc, emu):
    emu.script(["running"] * 999, "tsk_demo1")
    begin = time.monotonic()
    result = skyarc("wait", *FAST, "--timeout", "2s", "tsk_demo1", "tsk_demo3", check=75)
    assert time.monotonic() - begin < 5
    assert "timeout: run 'tsk_demo1' has not ended; its status is running" in result.err
    assert b"tsk_demo3 failed" in result.out


def test_faults_do_not_end_it(skyarc, emu):
    emu.script(["running", "running", "completed"], "tsk_demo1")
    emu.fault("run/tsk_demo1", "status", times=2, status=500)
    emu.fault("run/tsk_demo1", "drop", times=2)
    skyarc("wait", *FAST, "tsk_demo1", check=0)


def test_unknown_runs(skyarc, emu):
    result = skyarc("wait", *FAST, "tsk_none", "tsk_demo1", check=1)
    assert "run 'tsk_none' is unknown" in result.err and b"tsk_demo1 completed" in result.out


def test_many_runs_share(skyarc, emu):
    ids = ["tsk_w%02d" % i for i in range(60)]
    for i in ids:
        emu.run(i, [], status="running")
        emu.script(["running", "running", "completed"], i)
    begin = time.monotonic()
    result = skyarc("wait", "--interval", "1s", "-i", "-", stdin="\n".join(ids).encode(), check=0)
    assert time.monotonic() - begin < 7
    assert len(result.out.split()) == 120
    assert {len(polls(emu, i)) for i in ids} == {3}
    times = [r["path"] for r in emu.log("api")]
    assert sorted(times[:60]) == sorted("/v1/runs/" + i for i in ids)  # each once before any twice


def test_json(skyarc, emu):
    rows = skyarc("wait", *FAST, "--json", "tsk_demo1", "tsk_demo3", "tsk_none", check=1).json()
    assert [(r["run_id"], r["status"], r["ended"]) for r in rows] == [
        ("tsk_demo1", "completed", True), ("tsk_demo3", "failed", True), ("tsk_none", None, False)]
    assert rows[1]["failure_reason"] == "the page did not load" and "unknown" in rows[2]["error"]


def test_a_signal(env, emu):
    emu.script(["running"] * 999, "tsk_demo1")
    process = subprocess.Popen([SKYARC, "wait", *FAST, "tsk_demo1"], env=env, stderr=subprocess.PIPE)
    wait_for(lambda: polls(emu, "tsk_demo1"))
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=10)
    assert process.returncode == 128 + 15 and b"stopped by signal 15" in err


FAILED = {"status": "failed", "retry_pending": True, "failure_reason": "no page", "attempt": 1,
          "next_attempt_at": "2026-11-25T10:00:00Z", "attempts": [
              {"attempt_number": 1, "status": "failed", "failure_reason": "no page\x1b[31m",
               "retry_decision": "retry", "next_attempt_at": "2026-11-25T10:00:00Z"}]}
GOING = {"status": "running", "retry_pending": False, "next_attempt_at": None, "failure_reason": None}


def test_a_failure_that_is_tried_again_is_not_the_end(skyarc, emu):
    """Terminal is not final."""
    emu.mode("today")
    emu.script(["running", FAILED, FAILED, GOING, "completed"], "tsk_demo1")
    result = skyarc("wait", "-v", *FAST, "tsk_demo1", check=0)
    assert result.out == b"tsk_demo1 completed\n" and len(polls(emu, "tsk_demo1")) == 5
    assert result.err.count("is failed and will be retried") == 1
    emu.script([FAILED, dict(FAILED, retry_pending=False)], "tsk_demo1")
    assert skyarc("wait", *FAST, "tsk_demo1", check=1).out == b"tsk_demo1 failed\n"


def test_the_retries_of_a_task_stand_at_its_workflow_run(skyarc, pull, emu):
    """The record of a tsk_v2_ does not tell of them."""
    emu.mode("today")
    emu.run("wr_7", [], story={"alias": "tsk_v2_7"})
    for name in ("tsk_v2_7", "wr_7"):
        emu.script(["running", FAILED, FAILED, GOING, "completed"], "wr_7")
        assert skyarc("wait", *FAST, name, check=0).out.split() == [name.encode(), b"completed"]
    emu.script([FAILED], "wr_7")
    assert "next attempt 2026-11-25T10:00:00Z" in skyarc("show", "tsk_v2_7", check=0).out.decode()
    _, manifest, _ = pull("tsk_v2_7")
    assert "retry-pending" in manifest["runs"][0]["notes"]
    emu.script([dict(FAILED, retry_pending=False)], "wr_7")
    assert skyarc("wait", *FAST, "tsk_v2_7", check=1).out == b"tsk_v2_7 failed\n"


def test_a_run_that_another_one_has_started(skyarc, emu):
    """Only its workflow run is known."""
    emu.mode("today")
    emu.run("wr_c", [], status="running", story={"child": True})
    result = skyarc("wait", *FAST, "--timeout", "2s", "wr_c", check=75)
    assert "its status is running" in result.err
    emu.run("wr_c", [], status="completed", story={"child": True})
    assert skyarc("wait", *FAST, "wr_c", check=0).out == b"wr_c completed\n"
    assert "'wr_none' is unknown" in skyarc("wait", *FAST, "wr_none", check=1).err


def test_a_failure_that_is_tried_again_too_late(skyarc, emu):
    emu.script([FAILED] * 999, "tsk_demo1")
    result = skyarc("wait", *FAST, "--timeout", "2s", "--json", "tsk_demo1", check=75)
    assert "its status is failed, and a retry is pending" in result.err
    (row,) = result.json()
    assert (row["ended"], row["retry_pending"], row["next_attempt_at"]) == (
        False, True, "2026-11-25T10:00:00Z")


def test_pull_waits_for_the_last_attempt(pull, skyarc, emu):
    emu.script([FAILED, GOING, "completed"], "tsk_demo1")
    _, manifest, _ = pull("--wait", *FAST, "tsk_demo1")
    assert manifest["runs"][0]["status"] == "completed" and manifest["runs"][0]["notes"] == []
    emu.script([FAILED] * 9, "tsk_demo1")  # without --wait it is archived, and that is noted
    result, manifest, _ = pull("tsk_demo1", name="b.tar")
    assert manifest["runs"][0]["notes"] == ["retry-pending"]
    assert "run 'tsk_demo1' will be retried" in result.err


def test_show_tells_of_attempts(skyarc, emu):
    emu.script([FAILED], "tsk_demo1")
    text = skyarc("show", "tsk_demo1", check=0).out.decode()
    for words in ("status       failed", "next attempt 2026-11-25T10:00:00Z", "attempts (1)",
                  "1  failed: no page\\x1b[31m; then retry"):
        assert words in text, (words, text)


def test_pull_wait(pull, emu, skyarc, tmp_path):
    emu.script(["queued", "running", "completed"], "tsk_demo1")
    _, manifest, _ = pull("--wait", *FAST, "tsk_demo1")
    assert manifest["runs"][0]["status"] == "completed" and len(manifest["artifacts"]) == 20
    emu.script(["running"] * 999, "tsk_demo1")
    result = skyarc("pull", "--wait", *FAST, "--timeout", "2s", "-o", "b.tar", "tsk_demo1", check=75)
    assert "not ended in time" in result.err
    assert not list(tmp_path.glob("b.tar*"))
    _, manifest, _ = pull("--wait", *FAST, "tsk_none", "tsk_demo3", name="c.tar", check=3)
    assert manifest["missing"][0]["run_id"] == "tsk_none"
