# SPDX-License-Identifier: MIT
"""What tells the story of a run beside its record and list: records/NAME.json."""
import base64
import json
import os
import re
import time

import pytest

from test_child_runs import block, shot
from test_pull import check_bag, check_manifest

SECRET = "https://store.example/x?X-Amz-Signature=SECRETSIG&a=1"


@pytest.fixture
def told(emu):
    """A workflow run with everything, and a plain task."""
    emu.mode("today")
    emu.world(
        tasks={"tsk_b1": {"steps": [{"step_id": "stp_1", "order": 0, "step_cost": 0.1}],
                          "actions": [{"action_type": "click", "reasoning": "the button is blue",
                                       "screenshot_artifact_id": "f", "text": None}]},
               "tsk_1": {"steps": [{"step_id": "stp_9"}], "actions": []}},
        sessions={"pbs_1": {"browser_session_id": "pbs_1", "status": "completed", "recordings": [],
                            "downloaded_files": [], "action_log": [{"event_id": "e%03d" % i} for i in range(230)]}},
        scripts={"s_1": {"versions": [{"version": 1, "script_revision_id": "sr_0"},
                                      {"version": 2, "script_revision_id": "sr_1"}],
                         "detail": {"2": {"script_id": "s_1", "version": 2, "main_script": "await page.click()"}}}})
    emu.run("wr_f", shot("f"), run_type="workflow_run", browser_session_id="pbs_1", title="Full",
            script_run={"script_id": "s_1", "script_revision_id": "sr_1"}, story={
                "timeline": [block("wr_f", task_id="tsk_b1", url=SECRET)],
                "workflow_run": {"parameters": {"customer": "Ada"}},
                "heal_episodes": [{"heal_episode_id": "he_1"}],
                "fallback_episodes": [{"episode_id": "sfe_%d" % i} for i in range(120)],
                "tags": [{"key": "case", "value": "2026-18", "set_by": "someone"}],
                "tag_history": [{"event_type": "set"}]})
    emu.run("tsk_1", shot("t"), run_type="task_v1")
    return emu


def records(folder, run):
    where = folder / "data" / run / "records"
    return {p.stem: json.loads(p.read_text()) for p in where.glob("*.json")} if where.exists() else {}


def test_all_of_them(pull, told):
    result, manifest, folder = pull("wr_f", "tsk_1")
    check_bag(folder)
    check_manifest(manifest, folder)
    assert result.err == ""
    got = records(folder, "wr_f")
    assert sorted(got) == ["actions-tsk_b1", "fallback-episodes", "heal-episodes", "script", "session",
                           "session-actions", "steps-tsk_b1", "tag-history", "tags", "timeline", "version",
                           "workflow-run"]
    assert got["workflow-run"]["parameters"] == {"customer": "Ada"} and "workflow" in got["workflow-run"]
    assert got["actions-tsk_b1"][0]["reasoning"] == "the button is blue"
    assert [e["event_id"] for e in got["session-actions"]["events"]] == ["e%03d" % i for i in range(230)]
    assert len(got["fallback-episodes"]["episodes"]) == 120
    assert got["script"]["main_script"] and got["tags"]["tags"][0]["set_by"] == "someone"
    assert got["version"] == {"version": "5c0ffee"}
    assert sorted(records(folder, "tsk_1")) == ["actions-tsk_1", "steps-tsk_1", "version"]
    # each is in the manifest with its digest, and none holds a signature
    paths = {d["path"] for d in manifest["documents"]}
    for run in ("wr_f", "tsk_1"):
        for name in records(folder, run):
            assert "data/%s/records/%s.json" % (run, name) in paths
    for path in folder.glob("data/*/records/*.json"):
        assert b"SECRETSIG" not in path.read_bytes() and told.key.encode() not in path.read_bytes()
    rows = {r["run_id"]: r for r in manifest["runs"]}
    assert (rows["wr_f"]["records"], rows["wr_f"]["records_missing"]) == (12, [])
    assert rows["wr_f"]["title"] == "Full"
    assert manifest["request"]["records"][0] == "workflow-run" and len(manifest["request"]["records"]) == 12
    assert result.json()["records"] == 15 and result.json()["missing_records"] == 0
    asked = [r["path"] for r in told.log("api") if r["path"] == "/v1/version"]
    assert len(asked) == 1  # once, for both


def test_verify_and_the_rest_know_them(pull, told, skyarc):
    pull("wr_f")
    skyarc("verify", "a.tar.zst", check=0)
    text = skyarc("cat", "a.tar.zst", "data/wr_f/records/tags.json", check=0).out
    assert json.loads(text)["workflow_run_id"] == "wr_f"


@pytest.mark.parametrize("which, names", [
    ("none", set()), ("timeline,tags", {"timeline", "tags"}), ("steps", {"steps-tsk_b1"}),
    ("session, workflow-run", {"session", "workflow-run"}), ("version", {"version"})])
def test_some_of_them(pull, told, which, names):
    _, manifest, folder = pull("--records", which, "wr_f")
    assert set(records(folder, "wr_f")) == names
    check_manifest(manifest, folder)
    assert len(manifest["artifacts"]) == 2


def test_secrets_are_never_asked_for(pull, told, skyarc):
    pull("wr_f", "tsk_1")
    for request in told.log("api"):
        for word in ("credential", "totp", "apikeys", "debug"):
            assert word not in request["path"].lower()
    assert "unknown record" in skyarc("pull", "--records", "credentials", "wr_f", check=2).err


def test_an_older_server_has_none(pull, told):
    """What a server does not have is noted, asked for once, and no error."""
    told.mode("old")
    result, manifest, folder = pull("wr_f", "tsk_1")
    check_manifest(manifest, folder)
    assert result.err == "" and records(folder, "wr_f") == {}
    lost = {r["name"]: r for r in manifest["runs"][0]["records_missing"]}
    assert {"workflow-run", "timeline", "heal-episodes", "tags", "version"} <= set(lost)
    assert {r["reason"] for r in lost.values()} == {"not-offered"}
    for i in range(30):
        told.run("wr_%d" % i, shot("g%d" % i), run_type="workflow_run")
    before = len(told.log("api"))
    pull(*["wr_%d" % i for i in range(30)], name="b.tar")
    tags = [r for r in told.log("api")[before:] if r["path"].endswith("/tags")]
    assert len(tags) <= 8  # those that were on their way when the first answer came


@pytest.mark.parametrize("status, reason, code", [
    (404, "not-offered", 0), (405, "not-offered", 0), (422, "not-offered", 0), (400, "not-offered", 0),
    (403, "denied", 0), (500, "server-error", 3)])
def test_what_is_not_to_be_had(pull, told, status, reason, code):
    told.fault("v1/runs/wr_f/tags", "status", times=9, status=status)
    result, manifest, folder = pull("wr_f", check=code)
    check_manifest(manifest, folder)
    assert {"name": "tags", "reason": reason, "http_status": status} in manifest["runs"][0]["records_missing"]
    assert len(records(folder, "wr_f")) == 11 and len(manifest["artifacts"]) == 2
    assert ("denied access to 'tags'" in result.err) is (status == 403)
    assert result.json()["missing_records"] == (1 if code else 0)


def test_a_short_outage_costs_no_record(pull, told):
    """Connections that are dropped at once are retried as often as those for artifacts. (Two retries end within 1.5 s.)"""
    told.fault("v1/runs/wr_f/tags", "outage", seconds=1.6)
    result, manifest, folder = pull("wr_f")
    check_manifest(manifest, folder)
    assert len(records(folder, "wr_f")) == 12 and result.json()["missing_records"] == 0


def test_lost_records_are_a_line_a_reason(skyarc, told):
    """One line for each reason and a count, each of them with -v, and all in the manifest."""
    for i in range(30):
        told.run("wr_%d" % i, shot("g%d" % i), run_type="workflow_run")
        told.fault("v1/runs/wr_%d/tags" % i, "status", times=99, status=500)
    told.fault("v1/runs/wr_7/heal_episodes", "raw", times=99, body=base64.b64encode(b"[1,").decode())
    args = ["pull", "--retries", "0", "-f", "-o", "a.tar.zst", *["wr_%d" % i for i in range(30)]]
    lines = [line for line in skyarc(*args, check=3).err.splitlines() if "could not be fetched" in line]
    assert len(lines) == 2, lines
    assert re.search(r"warning: 30 records could not be fetched: server-error; the first is 'tags' of run 'wr_\d+', "
                     "the manifest lists all$", lines[0]), lines
    assert lines[1].endswith("warning: run 'wr_7': the record 'heal-episodes' could not be fetched: bad-answer")
    every = skyarc(*args, "-v", check=3).err
    assert all("run 'wr_%d': the record 'tags' could not be fetched: server-error" % i in every for i in range(30))
    runs = json.loads(skyarc("cat", "a.tar.zst", "manifest.json", check=0).out)["runs"]
    assert sum(r["name"] == "tags" for run in runs for r in run["records_missing"]) == 30


def test_strict_wants_them(pull, told):
    told.fault("v1/runs/wr_f/tags", "status", times=9, status=500)
    result, _, _ = pull("--strict", "wr_f", check=1)
    assert "1 record is missing" in result.err


def test_bodies_that_are_none(pull, told):
    for name, body in (("tags", b"<html>sign in</html>"), ("heal_episodes", b"[1,"), ("timeline", b"[]")):
        told.fault("v1/runs/wr_f/" + name, "raw", times=1, body=base64.b64encode(body).decode())
    told.fault("v1/browser_sessions/pbs_1/action_logs", "raw", times=1, body=base64.b64encode(b"{}").decode())
    _, manifest, folder = pull("wr_f", check=3)
    check_manifest(manifest, folder)
    lost = {r["name"]: r["reason"] for r in manifest["runs"][0]["records_missing"]}
    assert lost == {"tags": "bad-answer", "heal-episodes": "bad-answer", "session-actions": "bad-answer"}


def test_one_that_is_too_large(pull, told):
    told.fault("v1/runs/wr_f/tags", "huge", times=9, size=33 << 20)
    _, manifest, _ = pull("--records", "tags", "wr_f", check=3)
    assert manifest["runs"][0]["records_missing"][0]["reason"] == "too-large"


def test_pages_without_end_end(pull, told):
    """A cursor that repeats for ever: a hundred pages, and a note."""
    page = base64.b64encode(json.dumps({"events": [{"event_id": "e"}], "next_cursor": "again&x=1"}).encode()).decode()
    told.fault("v1/browser_sessions/pbs_1/action_logs", "raw", times=1000, body=page)
    _, manifest, folder = pull("--records", "session-actions", "wr_f")
    assert len(records(folder, "wr_f")["session-actions"]["events"]) == 100
    assert manifest["runs"][0]["notes"] == ["records-cut"]
    asked = [r["path"] for r in told.log("api") if "action_logs" in r["path"]]
    assert len(asked) == 100 and asked[-1].endswith("&cursor=again%26x%3D1")


def test_requests_are_bounded(pull, emu):
    emu.mode("today")
    emu.run("wr_m", shot("m"), run_type="workflow_run", story={
        "timeline": [block("wr_m", task_id="tsk_%d" % i) for i in range(900)]})
    result, manifest, folder = pull("wr_m", check=3, timeout=120)
    assert len(emu.log("api")) < 1010
    assert "artifacts-cut" in manifest["runs"][0]["notes"] or "records-cut" in manifest["runs"][0]["notes"]
    check_manifest(manifest, folder)


def test_a_dry_run_says_how_many(skyarc, told, tmp_path):
    text = skyarc("pull", "-n", "wr_f", "tsk_1", check=0).out.decode()
    assert "15 requests for records of the runs" in text
    rows = skyarc("pull", "-n", "--json", "wr_f", check=0).json()
    assert all(r["path"] == "data/wr_f/records/%s.json" % r["record"] for r in rows if r["record"])
    assert sorted(r["record"] for r in rows if r["record"]) == [
        "actions-tsk_b1", "fallback-episodes", "heal-episodes", "script", "session", "session-actions",
        "steps-tsk_b1", "tag-history", "tags", "timeline", "version", "workflow-run"]
    assert not [r for r in told.log("api") if r["path"].endswith(("/tags", "/steps", "/version"))]
    assert not list(tmp_path.glob("*.tar*"))


def test_files_of_the_session_are_artifacts(pull, told, skyarc):
    """Recordings and downloads of the browser session, each once, however many records name it."""
    told.run("tsk_else", [
        {"id": "srec", "type": "recording", "webm": 60000, "seed": 3}, {"id": "sdown", "type": "download", "data": b"a,b\n"},
        {"id": "both", "type": "download", "data": b"x,y\n"}])
    sums = {i: __import__("hashlib").sha256(told.data(i)).hexdigest() for i in ("srec", "sdown", "both")}
    url = told.api + "/v1/artifacts/%s/content?artifact_name=x"
    told.world(sessions={"pbs_1": {
        "browser_session_id": "pbs_1",
        "recordings": [{"url": url % "srec", "filename": "tab one.webm", "checksum": sums["srec"], "artifact_id": "srec"}],
        "downloaded_files": [{"url": url % "sdown", "filename": "statement.csv", "checksum": sums["sdown"], "artifact_id": "sdown"},
                             {"url": url % "both", "filename": "both.csv", "artifact_id": "both"},
                             {"url": told.store + "/open/both", "filename": "s3.csv", "artifact_id": None}]}})
    told.run("wr_s", shot("s"), run_type="workflow_run", browser_session_id="pbs_1",
             recording_url=url % "srec",
             downloaded_files=[{"url": url % "both", "filename": "both.csv", "artifact_id": "both"}],
             story={"workflow_run": {"recording_urls": [url % "srec"]}})
    _, manifest, folder = pull("wr_s")
    check_manifest(manifest, folder)
    by = {r["artifact_id"]: r for r in manifest["artifacts"]}
    assert set(by) == {"s", "s_r", "srec", "sdown", "both", None}
    assert by["sdown"]["origin"] == "session_downloads" and by["sdown"]["path"].endswith("files/statement.csv")
    assert by["both"]["origin"] == "downloaded_files"
    assert by[None]["path"].endswith("s3.csv")
    assert by[None]["duplicate_of"] or by["both"]["duplicate_of"]  # who comes first
    assert by["srec"]["artifact_type"] == "recording"
    assert (folder / by["srec"]["path"]).read_bytes() == told.data("srec")
    _, manifest, _ = pull("--records", "none", "-t", "recordings", "wr_s", name="b.tar")
    assert {r["artifact_id"] for r in manifest["artifacts"]} == {"s_r", "srec"}
    before = len(told.log("api"))
    pull("--records", "none", "-t", "har", "wr_s", name="c.tar", check=1)
    assert not [r for r in told.log("api")[before:] if "browser_sessions" in r["path"]]


def test_a_session_that_comes_later(pull, told):
    """503 downloaded_files_unavailable, and then it is there."""
    told.fault("v1/browser_sessions/pbs_1", "status", times=2, status=503,
               body={"detail": {"code": "downloaded_files_unavailable", "retryable": True}})
    _, _, folder = pull("wr_f")
    assert "session" in records(folder, "wr_f")


def test_time_out(pull, told):
    told.fault("v1/runs/wr_f/tags", "stall", times=1, seconds=20, bytes=0)
    begin = time.monotonic()
    _, manifest, folder = pull("--timeout", "2s", "wr_f", check=3)
    assert time.monotonic() - begin < 12
    assert {"name": "tags", "reason": "timeout", "http_status": None} in manifest["runs"][0]["records_missing"]
    check_manifest(manifest, folder)
    assert len(manifest["artifacts"]) == 2


def test_many_runs_share_the_line(pull, told):
    for i in range(40):
        told.run("wr_%d" % i, shot("r%d" % i), run_type="workflow_run",
                 story={"timeline": [block("wr_%d" % i, task_id="tsk_x%d" % i)]})
    result, manifest, folder = pull(*["wr_%d" % i for i in range(40)])
    check_bag(folder)
    assert all(r["records"] == 9 and r["records_missing"] == [] for r in manifest["runs"])
    assert not list(folder.parent.parent.glob("*.partial*"))


def test_a_spool_dir_that_is_none(pull, tmp_path, told):
    """Records are in memory then."""
    result, manifest, folder = pull("--spool-dir", tmp_path / "nowhere", "wr_f")
    assert "the runs' records are stored in memory" in result.err and "nowhere" in result.err
    check_manifest(manifest, folder)
    check_bag(folder)
    _, other, _ = pull("wr_f", name="b.tar.zst")
    assert manifest["runs"][0]["records"] == other["runs"][0]["records"] > 0
    assert manifest["runs"][0]["records_missing"] == []
