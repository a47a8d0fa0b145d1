# SPDX-License-Identifier: MIT
"""One run under two names: tsk_v2_... and wr_... are the same, and are listed under one of them."""
import base64
import json

import pytest

from test_pull import check_bag, check_manifest

TASK, WORKFLOW = "tsk_v2_7", "wr_7"


def rows(prefix, count=4):
    return [{"id": "%s_%d" % (prefix, i), "type": "screenshot_final" if i else "recording",
             "data": b"\x1a\x45\xdf\xa3webm" if not i else b"\x89PNG\r\n\x1a\n%s%d" % (prefix.encode(), i)}
            for i in range(count)]


def pair(emu, mode, **story):
    emu.mode(mode)
    emu.run(WORKFLOW, rows("p"), story=dict(story, alias=TASK))


def ids(manifest):
    return sorted(r["artifact_id"] for r in manifest["artifacts"])


@pytest.mark.parametrize("mode", ["today", "old"])
@pytest.mark.parametrize("name", [TASK, WORKFLOW])
def test_both_names_give_all(pull, emu, mode, name):
    pair(emu, mode)
    result, manifest, folder = pull(name)
    check_bag(folder)
    check_manifest(manifest, folder)
    assert ids(manifest) == ["p_0", "p_1", "p_2", "p_3"] and result.err == ""
    (run,) = manifest["runs"]
    assert (run["run_id"], run["other_run_id"]) == (name, WORKFLOW if name == TASK else TASK)
    assert all(r["path"].startswith("data/%s/" % name) for r in manifest["artifacts"])
    assert len(__import__("json").loads((folder / "data" / name / "artifacts.json").read_text())) == 4


@pytest.mark.parametrize("mode", ["today", "old"])
@pytest.mark.parametrize("names", [(TASK, WORKFLOW), (WORKFLOW, TASK)])
def test_both_asked_for_are_one_run(pull, emu, mode, names):
    pair(emu, mode)
    result, manifest, folder = pull(*names)
    check_manifest(manifest, folder)
    assert ids(manifest) == ["p_0", "p_1", "p_2", "p_3"]
    assert [r["run_id"] for r in manifest["runs"]] == [names[0]]
    assert manifest["runs"][0]["other_run_id"] == names[1]
    assert manifest["request"]["run_ids"] == list(names)
    assert result.json()["runs"] == 1


@pytest.mark.parametrize("story, lacks", [
    ({"app_url": False, "renames": False}, []),  # the task's own record
    ({"app_url": False, "renames": False, "timeline": [
        {"type": "thought", "thought": {"task_id": TASK, "workflow_run_id": WORKFLOW}, "children": []}]},
     ["api/v2/tasks", "v1/workflows/runs"]),
    ({"app_url": False, "renames": False, "timeline": [
        {"type": "block", "block": {"workflow_run_id": WORKFLOW}, "children": []}]}, ["api/v2/tasks"])])
def test_the_other_name_is_found(pull, emu, story, lacks):
    """In the task, in the workflow run's record, in the timeline."""
    pair(emu, "today", **story)
    emu.world(lacks=lacks)
    _, manifest, _ = pull(TASK)
    assert len(manifest["artifacts"]) == 4 and manifest["runs"][0]["other_run_id"] == WORKFLOW
    emu.reset()
    pair(emu, "today", lists=[TASK], **story)
    emu.world(lacks=lacks if "v1/workflows/runs" in lacks else [])
    _, manifest, _ = pull(WORKFLOW, name="b.tar")
    assert len(manifest["artifacts"]) == 4 and manifest["runs"][0]["other_run_id"] == TASK


def test_lists_under_both_are_joined(pull, emu, skyarc):
    pair(emu, "today", lists=[TASK, WORKFLOW])
    _, manifest, folder = pull(TASK)
    check_manifest(manifest, folder)
    assert ids(manifest) == ["p_0", "p_1", "p_2", "p_3"]
    assert len(skyarc("artifacts", "--json", TASK, check=0).json()) == 4


def test_the_other_name_that_cannot_be_looked_up_is_told(pull, emu):
    pair(emu, "today", app_url=False)
    emu.fault("api/v2/tasks/" + TASK, "status", times=9, status=500)
    emu.fault("v1/runs/%s/timeline" % TASK, "status", times=9, status=500)
    result, manifest, _ = pull("--retries", 0, "--records", "none", TASK, check=3)
    assert "no artifacts under this ID, and its other ID cannot be looked up: " in result.err
    assert "either of its names" not in result.err and manifest["runs"][0]["notes"] == ["no-artifacts"]


def test_filters_hold_for_both(pull, emu):
    pair(emu, "today")
    _, manifest, _ = pull("-t", "recordings", TASK)
    assert ids(manifest) == ["p_0"]


def test_a_completed_run_without_artifacts_is_told(pull, emu):
    emu.mode("today")
    emu.run(WORKFLOW, [], story={"alias": TASK})
    for name in (TASK, WORKFLOW):
        result, manifest, _ = pull(name, name=name + ".tar")
        assert "'%s' is completed but has no artifacts under either of its names" % name in result.err
        assert manifest["runs"][0]["notes"] == ["no-artifacts"]
    # also reported if only some types were requested
    result, _, _ = pull("-t", "har", TASK, name="c.tar", check=1)
    assert "has no artifacts under either of its names" in result.err and "the run has: no artifacts" in result.err
    pair(emu, "today")
    result, _, _ = pull("-t", "har", TASK, name="d.tar", check=1)
    assert "under either" not in result.err and "the run has: " in result.err


def test_show_and_artifacts(skyarc, emu):
    pair(emu, "today")
    text = skyarc("show", TASK, check=0).out.decode()
    assert "also         wr_7" in text and "artifacts (4)" in text
    assert len(skyarc("artifacts", TASK, check=0).out.splitlines()) == 5


def test_verify_against_the_service(skyarc, emu):
    """What a run of two names got later is told, whichever name the archive has it under."""
    pair(emu, "today")
    for name in (TASK, WORKFLOW):
        skyarc("pull", "-o", name + ".tar", name, check=0)
        skyarc("verify", "--against-api", name + ".tar", check=0)
    emu.run(WORKFLOW, rows("p", 5), story={"alias": TASK})
    for name in (TASK, WORKFLOW):
        result = skyarc("verify", "--against-api", name + ".tar", check=3)
        assert "artifact 'p_4'" in result.err


def test_expired_urls_are_renewed_under_either_name(pull, emu):
    pair(emu, "today")
    emu.fault("p_1", "status", times=1, status=403)
    _, manifest, _ = pull(TASK)
    assert {r["artifact_id"]: r["fetched_via"] for r in manifest["artifacts"]}["p_1"] == "renewed-url"


@pytest.mark.parametrize("odd", ["../../x", "wr_", "tsk_v2_8", "tsk_7", "wr_" + "a" * 200, "wr_7/../8"])
def test_names_that_are_none(pull, emu, odd):
    """A name that no run of this kind can have leads nowhere."""
    emu.mode("today")
    emu.run("tsk_v2_9", rows("q"), story={"lists": ["tsk_v2_9"]}, app_url="http://x/runs/" + odd)
    _, manifest, _ = pull("tsk_v2_9")
    assert ids(manifest) == ["q_0", "q_1", "q_2", "q_3"]
    asked = {r["path"].split("/")[3] for r in emu.log("api") if r["path"].startswith("/v1/runs/")}
    assert asked <= {"tsk_v2_9"} | ({"wr_"} if odd == "wr_" else set())


def test_two_tasks_of_one_workflow_run_stay_two(pull, emu):
    emu.mode("today")
    emu.run(WORKFLOW, rows("p"))
    for task in ("tsk_v2_1", "tsk_v2_2"):
        emu.run(task, [], app_url="http://x/runs/" + WORKFLOW)
    _, manifest, _ = pull("tsk_v2_1", "tsk_v2_2")
    assert [r["run_id"] for r in manifest["runs"]] == ["tsk_v2_1", "tsk_v2_2"]
    assert len(manifest["artifacts"]) == 8


@pytest.mark.parametrize("names, good", [
    ([{"run_id": TASK}, {"run_id": "tsk_v2_2"}], False),
    ([{"run_id": TASK}, {"run_id": "tsk_5"}], False),
    ([{"run_id": "tsk_v2_2", "workflow_run_id": WORKFLOW}], False),
    ([{"run_id": WORKFLOW}, {"run_id": "wr_8"}], False),
    ([{"run_id": "wr_8"}, {"run_id": TASK, "workflow_run_id": WORKFLOW}], False),
    ([{"run_id": None, "workflow_run_id": WORKFLOW}, {"workflow_run_id": "wr_8"}], False),
    ([{"run_id": WORKFLOW}, {"workflow_run_id": WORKFLOW, "task_id": "tsk_5"}, {"run_id": TASK}, {}], True)], ids=str)
def test_rows_of_other_runs_are_refused_though_one_name_is_not_known(pull, skyarc, emu, names, good):
    emu.run(TASK, rows("p"), story={"app_url": False})
    emu.world(lacks=["api/v2/tasks", "v1/workflows/runs"])
    listed = [dict({"artifact_id": "p_%d" % i, "artifact_type": "screenshot_final" if i else "recording", "signed_url": emu.store + "/open/p_%d" % i,
                    "created_at": "2026-02-03T04:05:06"}, **n) for i, n in enumerate(names)]
    emu.fault("list/" + TASK, "raw", times=9, body=base64.b64encode(json.dumps(listed).encode()).decode())
    if not good:
        assert "belongs to another run" in skyarc("pull", "-o", "a.tar", TASK, check=1).err
        return
    _, manifest, _ = pull(TASK)
    assert len(manifest["artifacts"]) == len(names) and manifest["runs"][0]["other_run_id"] is None
