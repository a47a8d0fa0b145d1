# SPDX-License-Identifier: MIT
"""sync: runs that runs have started come with them, and a run that is tried again is not over."""
import json
import time

import pytest

from catalog import alter
from test_child_runs import block, shot, trigger
from test_sync import archived, query, stamp, states, volumes

DAY = 86400


@pytest.fixture
def sync(skyarc, tmp_path):
    def run(*args, check=0, **more):
        return skyarc("sync", "--dest", "vault", "--json", *args, check=check, **more).json()
    return run


def times(ended):
    return {"created_at": stamp(ended + 60), "finished_at": stamp(ended)}


def family(emu, ended=40 * DAY, **grandchild):
    """tsk_v2_p is wr_p, starts wr_c1 (which starts wr_g), and triggers wr_c2."""
    emu.mode("today")
    emu.run("wr_p", shot("p"), story={"alias": "tsk_v2_p", "timeline": [
        block("wr_p"), block("wr_c1"), trigger("wr_p", "wr_c2")]}, **times(ended))
    emu.run("wr_c1", shot("c1"), run_type="workflow_run", story={
        "child": True, "timeline": [block("wr_c1"), trigger("wr_c1", "wr_g")]}, **times(ended))
    emu.run("wr_c2", shot("c2"), run_type="workflow_run", title="Second", story={"child": True}, **times(ended))
    emu.run("wr_g", shot("g"), **dict(dict(times(ended), run_type="workflow_run", status="completed",
                                           story={"child": True}), **grandchild))


PARENTS = [("wr_c1", "wr_p"), ("wr_c2", "wr_p"), ("wr_g", "wr_c1")]
ALL = {a + b for a in ("p", "c1", "c2", "g") for b in ("", "_r")}


def parents(tmp_path):
    return query(tmp_path, "SELECT run_id, parent_id FROM parents ORDER BY 1")


def safe(skyarc, *args):
    return sorted(skyarc("sync", "--dest", "vault", "--list-safe", "1", *args, check=0).out.decode().split())


def test_children_are_archived_with_their_parent(sync, skyarc, emu, tmp_path):
    emu.clear()
    family(emu)
    result = sync()
    assert (result["artifacts"], result["volumes"], result["archived_runs"]) == (8, 1, 4)
    manifest = json.loads(skyarc("cat", "vault/" + volumes(tmp_path)[0], "manifest.json", check=0).out)
    assert {(r["run_id"], r["parent_run_id"]) for r in manifest["runs"]} == {("wr_p", None), *PARENTS}
    assert parents(tmp_path) == PARENTS and set(archived(tmp_path)) == ALL
    assert set(states(tmp_path).values()) == {"sealed"}
    assert safe(skyarc) == ["wr_c1", "wr_c2", "wr_g", "wr_p"]
    (row,) = skyarc("find", "vault", "--json", "--runs", "-r", "wr_g", check=0).json()
    assert row["parent_run_id"] == "wr_c1"
    assert len(skyarc("find", "vault", "--runs", "--text", "second", check=0).out.splitlines()) == 1
    skyarc("verify", "--against-api", "vault", check=0)
    before = len(emu.log())
    assert sync()["archived_runs"] == 0 and len(emu.log()) == before + 1
    sync("--rebuild")
    assert parents(tmp_path) == PARENTS
    assert safe(skyarc, "--verified-within", "1h") == []  # nothing was read back since
    assert sync()["archived_runs"] == 0


def test_no_parent_is_safe_without_its_children(sync, skyarc, emu, tmp_path):
    emu.clear()
    family(emu)
    emu.fault("g_r", "status", times=99, status=500)
    sync("--retries", "0", check=3)
    assert safe(skyarc) == ["wr_c2"]
    emu.reset_faults()
    alter(tmp_path / "vault", "UPDATE states SET next_ms = 0")
    result = sync()
    assert result["artifacts"] == 1
    assert set(archived(tmp_path)) == ALL and set(archived(tmp_path).values()) == {1}
    alter(tmp_path / "vault", "UPDATE states SET next_ms = 0")
    sync()
    assert safe(skyarc) == ["wr_c1", "wr_c2", "wr_g", "wr_p"]
    assert parents(tmp_path) == PARENTS


def test_a_child_that_cannot_be_listed_comes_later(sync, skyarc, emu, tmp_path):
    emu.clear()
    family(emu)
    emu.fault("list/wr_g", "status", times=99, status=500)
    sync("--retries", "0", check=3)
    assert states(tmp_path)["wr_g"] == "due" and safe(skyarc) == ["wr_c2"]
    assert parents(tmp_path) == PARENTS
    emu.reset_faults()
    alter(tmp_path / "vault", "UPDATE states SET next_ms = 0")
    assert sync()["artifacts"] == 2
    assert set(archived(tmp_path)) == ALL and set(archived(tmp_path).values()) == {1}
    assert safe(skyarc) == ["wr_c1", "wr_c2", "wr_g", "wr_p"]


def test_a_child_that_shows_up_later_is_a_supplement(sync, emu, tmp_path):
    emu.clear()
    emu.mode("today")
    emu.run("wr_p", shot("p"), story={"alias": "tsk_v2_p", "timeline": [block("wr_p")]}, **times(7200))
    sync()
    family(emu, ended=7200)
    alter(tmp_path / "vault", "UPDATE states SET next_ms = 0")
    result = sync()
    assert (result["supplements"], result["artifacts"]) == (1, 6)
    assert set(archived(tmp_path)) == ALL and set(archived(tmp_path).values()) == {1}
    alter(tmp_path / "vault", "UPDATE states SET next_ms = 0")
    assert sync()["volumes"] == 0
    assert set(states(tmp_path).values()) == {"sealed"}


def test_a_child_that_goes_on_is_waited_for(sync, skyarc, emu, tmp_path):
    """It outlives its parent, and no list names it: its workflow run is asked for."""
    emu.clear()
    family(emu, status="running", finished_at=None)
    sync()
    assert states(tmp_path) == {"wr_p": "sealed", "wr_c1": "sealed", "wr_c2": "sealed", "wr_g": "running"}
    assert safe(skyarc) == ["wr_c2"]
    sync()
    assert states(tmp_path)["wr_g"] == "running"
    family(emu, status="failed", failure_reason="gave up")
    emu.run("wr_g", shot("g") + shot("late"), run_type="workflow_run", status="failed", story={"child": True},
            **times(40 * DAY))
    result = sync()
    assert result["artifacts"] == 2 and states(tmp_path)["wr_g"] == "sealed"
    assert skyarc("find", "vault", "--runs", "--status", "running", check=1).out == b""
    assert safe(skyarc) == ["wr_c1", "wr_c2", "wr_g", "wr_p"]


def test_a_held_parent_keeps_its_children(sync, skyarc, emu, tmp_path):
    emu.clear()
    family(emu)
    emu.run("tsk_z", shot("z"), run_type="task_v1", **times(40 * DAY))
    sync()
    prune = ["prune", "--dest", "vault", "--keep-last", "1", "--json", "--apply"]
    skyarc("hold", "--dest", "vault", "tsk_v2_p", check=0)
    steps = skyarc(*prune, check=0).json()["steps"]
    kept = {s["run_id"]: s["rule"] for s in steps if s["what"] == "keep"}
    assert {kept[c] for c in ("wr_c1", "wr_c2", "wr_g")} <= {"parent", "last"} and kept["wr_p"] == "held"
    assert ALL <= set(archived(tmp_path))
    skyarc("verify", "vault", check=0)


@pytest.fixture
def retried(emu):
    """A run that has failed, and is going to be tried again."""
    def make(alias=None, second=None, ended=7200):
        emu.clear()
        emu.mode("today")
        first = {"attempt_number": 1, "status": "failed", "retry_decision": "retry"}
        record = dict(times(ended), run_type="workflow_run", status="failed", failure_reason="first",
                      retry_pending=True, attempts=[first], next_attempt_at=stamp(-3600))
        if second:
            record.update(status=second, failure_reason=None, retry_pending=False, finished_at=stamp(3600),
                          attempts=[first, {"attempt_number": 2, "status": second}])
        emu.run("wr_r", shot("one") + (shot("two") if second else []),
                story={"alias": alias} if alias else {}, **record)
    return make


@pytest.mark.parametrize("alias", [None, "tsk_v2_r"])
def test_a_run_that_is_tried_again_is_not_over(sync, skyarc, retried, tmp_path, alias):
    """The list tells of a retry, or, of a task of version 2, the workflow run's record alone."""
    retried(alias)
    for _ in range(3):
        sync()
        assert states(tmp_path) == {"wr_r": "running"}
        alter(tmp_path / "vault", "UPDATE states SET next_ms = 0")
    assert safe(skyarc) == []
    retried(alias, second="completed")
    sync()
    assert set(archived(tmp_path)) == {"one", "one_r", "two", "two_r"}
    assert set(archived(tmp_path).values()) == {1}
    assert states(tmp_path) == {"wr_r": "open"}
    found = skyarc("find", "vault", "--runs", "--json", "--status", "completed", check=0).json()
    assert {r["status"] for r in found} == {"completed"}
    skyarc("find", "vault", "--runs", "--status", "failed", check=1)
    alter(tmp_path / "vault", "UPDATE states SET next_ms = 0")
    assert sync()["sealed_runs"] == 1
    sync("--rebuild")
    assert states(tmp_path) == {"wr_r": "open"}


@pytest.mark.parametrize("state", ["open", "sealed"])
def test_an_archived_run_that_is_tried_again_is_opened(sync, skyarc, emu, retried, tmp_path, state):
    emu.clear()
    emu.mode("today")
    emu.run("wr_r", shot("one"), run_type="workflow_run", status="failed", **times(7200))
    sync()
    if state == "sealed":
        alter(tmp_path / "vault", "UPDATE states SET next_ms = 0")
        sync()
    assert states(tmp_path) == {"wr_r": state}
    retried()
    alter(tmp_path / "vault", "UPDATE states SET next_ms = 0")
    sync()
    assert states(tmp_path) == {"wr_r": "running"}
    retried(second="terminated")
    sync()
    assert set(archived(tmp_path)) == {"one", "one_r", "two", "two_r"}
    (row,) = skyarc("find", "vault", "--runs", "--json", "--status", "terminated", "--limit", "1", check=0).json()
    assert row["status"] == "terminated"


def test_an_end_without_anything_new_is_known(sync, skyarc, retried, emu, tmp_path):
    """The second attempt leaves nothing behind: the run's record is archived, and find knows."""
    retried("tsk_v2_r")
    sync()
    emu.run("wr_r", shot("one"), run_type="workflow_run", status="canceled", story={"alias": "tsk_v2_r"},
            **dict(times(7200), finished_at=stamp(3600)))
    result = sync()
    assert result["failed_runs"] == 0
    found = skyarc("find", "vault", "--runs", "--json", "--status", "canceled", check=0).json()
    assert found and {r["run_id"] for r in found} == {"wr_r"}
    assert states(tmp_path) == {"wr_r": "open"}
    assert set(archived(tmp_path).values()) == {1}


def test_records_are_archived_and_lost_ones_told(sync, skyarc, emu, tmp_path):
    emu.clear()
    family(emu)
    emu.fault("v1/runs/wr_p/tags", "status", times=99, status=500)
    result = sync("--retries", "0", check=3)
    assert result["missing_records"] == 1 and result["artifacts"] == 8
    emu.reset_faults()
    listed = skyarc("list", "--json", "vault/" + volumes(tmp_path)[0], check=0)
    manifest = json.loads(skyarc("cat", "vault/" + volumes(tmp_path)[0], "manifest.json", check=0).out)
    records = {d["path"] for d in manifest["documents"] if "/records/" in d["path"]}
    assert listed.out and {"data/wr_p/records/timeline.json", "data/wr_g/records/workflow-run.json"} <= records
    assert sync()["missing_records"] == 0  # told once
    skyarc("hold", "--dest", "vault", "wr_c2", check=0)
    skyarc("prune", "--dest", "vault", "--keep-days", "1", "--apply", check=0)
    manifest = json.loads(skyarc("cat", "vault/" + volumes(tmp_path)[0], "manifest.json", check=0).out)
    assert {d["path"].split("/")[1] for d in manifest["documents"] if d["path"].startswith("data/")} == {"wr_c2"}
    skyarc("verify", "vault", check=0)


def test_without_children_no_parent_is_safe(sync, skyarc, emu, tmp_path):
    emu.clear()
    family(emu)
    result = sync("--no-children", "--records", "none")
    assert (result["artifacts"], result["archived_runs"]) == (2, 1) and parents(tmp_path) == []
    result = skyarc("sync", "--dest", "vault", "--list-safe", "1", check=3)
    assert result.out == b"" and "started a run that is not archived completely" in result.err
