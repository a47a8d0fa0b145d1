# SPDX-License-Identifier: MIT
"""sync and its catalog: a run of two names is one run, and one without artifacts is looked at again."""
import json
import os
import sqlite3
import tarfile
import time

import pytest

from catalog import alter
from test_sync import query, states, stamp, volumes, archived

DATA = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + "/data/"
TASK, WORKFLOW = "tsk_v2_7", "wr_7"


@pytest.fixture
def sync(skyarc, tmp_path):
    def run(*args, check=0, **more):
        return skyarc("sync", "--dest", "vault", "--json", *args, check=check, **more).json()
    return run


def rows(count=4, first=0):
    return [{"id": "p_%d" % i, "type": "html", "data": b"<p>%d" % i} for i in range(first, count)]


def pair(emu, mode="today", count=4, ended=7200, **more):
    story = dict({"alias": TASK}, **more.pop("story", {}))
    emu.mode(mode)
    emu.run(WORKFLOW, rows(count), story=story, **dict(
        {"created_at": stamp(ended + 60), "finished_at": stamp(ended)}, **more))


def aliases(tmp_path):
    return query(tmp_path, "SELECT alias, run_id FROM aliases")


@pytest.mark.parametrize("mode", ["today", "old"])
def test_a_run_is_filed_under_its_canonical_name(sync, skyarc, emu, tmp_path, mode):
    emu.clear()
    pair(emu, mode)
    assert sync()["artifacts"] == 4
    (name,) = volumes(tmp_path)
    manifest = json.loads(skyarc("cat", "vault/" + name, "manifest.json", check=0).out)
    assert [(r["run_id"], r["other_run_id"]) for r in manifest["runs"]] == [(WORKFLOW, TASK)]
    assert all(r["path"].startswith("data/wr_7/") for r in manifest["artifacts"])
    skyarc("verify", "vault", check=0)
    assert states(tmp_path) == {WORKFLOW: "open"} and aliases(tmp_path) == [(TASK, WORKFLOW)]
    assert set(archived(tmp_path).values()) == {1}
    assert sync()["archived_runs"] == 0
    (tmp_path / "ids").write_text(TASK + "\n" + WORKFLOW + "\n")
    result = sync("-i", "ids")
    assert (result["archived_runs"], result["new_runs"], result["failed_runs"]) == (0, 0, 0)
    assert states(tmp_path) == {WORKFLOW: "open"}


@pytest.mark.parametrize("runs", [[TASK, WORKFLOW], [WORKFLOW, TASK]])
@pytest.mark.parametrize("each", [1, 10])
def test_seen_under_both_names_it_is_archived_once(sync, emu, tmp_path, runs, each):
    emu.clear()
    pair(emu)
    (tmp_path / "ids").write_text("\n".join(runs))
    result = sync("-i", "ids", "--volume-runs", each)
    assert result["artifacts"] == 4 and len(volumes(tmp_path)) == 1
    assert states(tmp_path) == {WORKFLOW: "open"} and set(archived(tmp_path).values()) == {1}
    fetched = [r["path"].split("/")[3] for r in emu.log() if "/content" in r["path"]]
    assert sorted(fetched) == ["p_%d" % i for i in range(4)]


def test_either_name_finds_it(sync, skyarc, emu, tmp_path):
    emu.clear()
    pair(emu, run_request={"prompt": "buy milk"}, title="The dairy", output={"litres": 42},
         status="failed", failure_reason="sold out")
    sync()
    for name in (TASK, WORKFLOW):
        assert len(skyarc("find", "vault", "-r", name, check=0).out.splitlines()) == 4
        (row,) = skyarc("find", "vault", "--json", "--runs", "-r", name, check=0).json()
        assert (row["run_id"], row["other_run_id"], row["parent_run_id"]) == (WORKFLOW, TASK, None)
    for text in ("MILK", "the dairy", "litres", "Sold Out"):
        assert len(skyarc("find", "vault", "--runs", "--text", text, check=0).out.splitlines()) == 1, text
    assert skyarc("find", "vault", "--runs", "--text", "milk\x01sold", check=1).out == b""


@pytest.mark.parametrize("held, released", [(TASK, WORKFLOW), (WORKFLOW, TASK), (TASK, TASK)])
@pytest.mark.parametrize("early", [True, False])
def test_either_name_is_held(sync, skyarc, emu, tmp_path, held, released, early):
    emu.clear()
    pair(emu, ended=40 * 86400)
    if early:  # before anything is known of it
        (tmp_path / "vault").mkdir()
        (tmp_path / "vault/log.jsonl").touch()
        skyarc("hold", "--dest", "vault", held, check=0)
    sync()
    if not early:
        skyarc("hold", "--dest", "vault", held, check=0)
    prune = ["prune", "--dest", "vault", "--keep-days", "1", "--apply"]
    skyarc(*prune, check=0)
    assert len(volumes(tmp_path)) == 1
    assert [h["run_id"] for h in skyarc("hold", "--dest", "vault", "--json", check=0).json()] == [WORKFLOW]
    sync("--rebuild")
    assert query(tmp_path, "SELECT run_id FROM holds") == [(WORKFLOW,)]
    skyarc("release", "--dest", "vault", released, check=0)
    assert query(tmp_path, "SELECT run_id FROM holds") == []
    sync("--rebuild")
    assert query(tmp_path, "SELECT run_id FROM holds") == []
    skyarc(*prune, check=0)
    assert volumes(tmp_path) == []
    # it is not archived again, by whichever name, nor by a catalog that is made again
    for _ in range(2):
        assert sync()["archived_runs"] == 0 and volumes(tmp_path) == []
        sync("--rebuild")
        assert aliases(tmp_path) == [(TASK, WORKFLOW)] and states(tmp_path) == {WORKFLOW: "pruned"}


@pytest.mark.parametrize("records", [[], ["--records", "none"]], ids=["records", "none"])
def test_the_other_name_that_cannot_be_looked_up_is_told(skyarc, emu, tmp_path, records):
    """It is not said that the run has no artifacts; it is asked again and again, not sealed."""
    emu.clear()
    pair(emu, story={"app_url": False, "renames": True})
    args = ["sync", "--dest", "vault", "--json", "--retries", 0, *records]
    for on in ("api/v2/tasks/" + TASK, "v1/runs/%s/timeline" % TASK):
        emu.fault(on, "status", times=999, status=500)
    for night in range(5):
        result = skyarc(*args, check=3)
        assert "has no artifacts under this ID, and its other ID cannot be looked up" in result.err, night
        assert "500" in result.err
        assert states(tmp_path) == {TASK: "open"} and "nights" not in result.err
        alter(tmp_path / "vault", "UPDATE states SET next_ms = 0")
    emu.reset_faults()
    result = skyarc(*args)
    assert result.json()["artifacts"] == 4 and states(tmp_path) == {WORKFLOW: "open"}


def unpack(tmp_path, number):
    with tarfile.open(DATA + "vault-%d.tar.gz" % number) as file:
        file.extractall(tmp_path)


def schema(tmp_path):
    return query(tmp_path, "SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite%' ORDER BY 1")


@pytest.mark.parametrize("number, count", [(1, 4), (2, 0)])
def test_a_directory_of_an_older_skyarc(sync, skyarc, emu, tmp_path, number, count):
    """Made by it: vault-1 has nothing of tsk_v2_7, vault-2 has all of it, both under that name."""
    emu.clear()
    ends = {"created_at": "2026-01-20T11:52:20.000001", "finished_at": "2026-01-20T11:54:59.250000"}
    pair(emu, **ends)
    emu.run("tsk_a", [{"id": "a_0", "type": "html", "data": b"<p>a"}], run_type="task_v1", **ends)
    unpack(tmp_path, number)
    result = sync()
    assert result["artifacts"] == count
    assert sorted(archived(tmp_path)) == ["a_0", "p_0", "p_1", "p_2", "p_3"]
    assert set(archived(tmp_path).values()) == {1}
    assert aliases(tmp_path) == [(TASK, WORKFLOW)]
    assert states(tmp_path) == {"tsk_a": "sealed", WORKFLOW: "sealed"}
    assert {r for (r,) in query(tmp_path, "SELECT run_id FROM artifacts")} == {"tsk_a", WORKFLOW}
    for name in (TASK, WORKFLOW):
        assert len(skyarc("find", "vault", "-r", name, check=0).out.splitlines()) == 4
    mended = schema(tmp_path)
    tables = ["SELECT run_id, artifact_id, path FROM artifacts ORDER BY 1, 2", "SELECT * FROM aliases",
              "SELECT r.run_id, v.name, status, prompt, bytes FROM runs r JOIN volumes v ON v.id = volume ORDER BY 1, 2",
              "SELECT run_id, state FROM states ORDER BY 1"]
    before = [query(tmp_path, sql) for sql in tables]
    sync("--rebuild")
    assert schema(tmp_path) == mended
    assert [query(tmp_path, sql) for sql in tables] == before
    assert sync()["archived_runs"] == 0
    skyarc("verify", "vault", check=0)
    # prune knows the volume's rows by either name
    skyarc("hold", "--dest", "vault", TASK, check=0)
    skyarc("prune", "--dest", "vault", "--keep-days", "1", "--apply", check=0)
    assert {r for (r,) in query(tmp_path, "SELECT run_id FROM runs")} == {WORKFLOW}
    assert len(archived(tmp_path)) == 4


def test_verify_asks_about_all_volumes_together(sync, skyarc, emu, tmp_path):
    """A supplement is not held against the service by itself, and either name will do."""
    emu.clear()
    pair(emu, count=2)
    sync()
    pair(emu, count=4)
    alter(tmp_path / "vault", "UPDATE states SET next_ms = 0")
    assert sync()["supplements"] == 1 and len(volumes(tmp_path)) == 2
    skyarc("verify", "--against-api", "vault", check=0)
    pair(emu, count=5)
    result = skyarc("verify", "--against-api", "vault", check=3)
    assert result.err.count("exists at the service but not") == 1 and "'p_4'" in result.err


def test_two_that_claim_one_name_stay_two(sync, emu, tmp_path):
    emu.clear()
    pair(emu)
    emu.run("tsk_v2_8", [{"id": "q", "type": "html", "data": b"q"}], story={"lists": ["tsk_v2_8"]},
            app_url="http://x/runs/" + WORKFLOW, created_at=stamp(90000), finished_at=stamp(89000))
    sync("--volume-runs", "1")
    assert len(aliases(tmp_path)) == 1
    assert set(archived(tmp_path)) >= {"q", "p_0", "p_1", "p_2", "p_3"}
    assert "due" not in states(tmp_path).values() and len(states(tmp_path)) == 2


def test_a_run_without_artifacts_is_looked_at_on_three_nights(sync, skyarc, emu, tmp_path):
    emu.clear()
    pair(emu, count=0, ended=40 * 86400)
    emu.run("tsk_f", [], status="failed", created_at=stamp(90000), finished_at=stamp(40 * 86400))
    sync()
    assert states(tmp_path)[WORKFLOW] == "open"
    manifest = json.loads(skyarc("cat", "vault/" + volumes(tmp_path)[0], "manifest.json", check=0).out)
    notes = {r["run_id"]: r["notes"] for r in manifest["runs"]}
    assert notes == {WORKFLOW: ["no-artifacts"], "tsk_f": []}
    for night in range(1, 4):
        alter(tmp_path / "vault", "UPDATE states SET next_ms = 0")
        result = skyarc("sync", "--dest", "vault", check=0)
        assert ("was listed on 3 nights" in result.err) == (night == 3), result.err
        assert states(tmp_path)[WORKFLOW] == ("sealed" if night == 3 else "open")
        assert skyarc("sync", "--dest", "vault", check=0).err == ""  # not twice a night
    safe = skyarc("sync", "--dest", "vault", "--list-safe", "1", check=0).out.split()
    assert safe == [b"tsk_f"]  # which failed: that it has none is no wonder


def test_what_comes_late_ends_the_nights(sync, emu, tmp_path):
    emu.clear()
    pair(emu, count=0, ended=40 * 86400)
    sync()
    pair(emu, count=2, ended=40 * 86400)
    alter(tmp_path / "vault", "UPDATE states SET next_ms = 0")
    assert sync()["artifacts"] == 2
    assert states(tmp_path) == {WORKFLOW: "sealed"}
