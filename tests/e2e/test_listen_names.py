# SPDX-License-Identifier: MIT
"""listen: a run of two names is one run, and one that is going to be tried again stays in the queue."""
import pytest

from test_faults import wait_for
from test_listen import listen, payload, sign  # noqa: F401 (a fixture)
from test_listen_queue import archives, health, held, page, queue

TASK, WORKFLOW = "tsk_v2_7", "wr_7"


def pair(emu, count, **more):
    emu.mode("today")
    emu.run(WORKFLOW, [page("p_%d" % i) for i in range(count)], story={"alias": TASK}, **more)


def post(one, emu, run, **more):
    body = payload(run, **more)
    code, answer = one.ask("POST", "/", body, sign(emu.key, body))
    assert code == 200
    return answer


def test_a_task_and_its_workflow_run_are_one(listen, emu, tmp_path):  # noqa: F811
    pair(emu, 3)
    one = listen()
    assert post(one, emu, TASK, workflow_run_id=WORKFLOW)["run_id"] == WORKFLOW
    wait_for(lambda: archives(tmp_path) and not queue(tmp_path))
    assert archives(tmp_path) == ["wr_7.tar.zst"]
    ids, manifest = held(tmp_path, "wr_7.tar.zst")
    assert len(ids) == 3 and manifest["runs"][0]["other_run_id"] == TASK
    post(one, emu, WORKFLOW)
    wait_for(lambda: not queue(tmp_path))
    assert archives(tmp_path) == ["wr_7.tar.zst"]


@pytest.mark.parametrize("first, second", [(TASK, WORKFLOW), (WORKFLOW, TASK)])
def test_webhooks_that_name_one_each(listen, emu, tmp_path, first, second):  # noqa: F811
    """Neither says that there is another name: the service does."""
    pair(emu, 3)
    one = listen()
    post(one, emu, first, workflow_run_id=None)
    wait_for(lambda: archives(tmp_path) and not queue(tmp_path))
    post(one, emu, second, workflow_run_id=None)
    wait_for(lambda: not queue(tmp_path))
    assert archives(tmp_path) == [first + ".tar.zst"]
    pair(emu, 5)
    post(one, emu, second, workflow_run_id=None, again=1)
    wait_for(lambda: len(archives(tmp_path)) == 2 and not queue(tmp_path))
    ids, manifest = held(tmp_path, second + ".tar.zst")
    assert ids == {"p_3", "p_4"} and manifest["runs"][0]["supplements"] == first + ".tar.zst"


def test_a_run_that_is_tried_again_stays_in_the_queue(listen, emu, tmp_path):  # noqa: F811
    pair(emu, 2, status="failed", retry_pending=True)
    one = listen("--again", "1s")
    post(one, emu, WORKFLOW, status="failed")
    wait_for(lambda: archives(tmp_path) == ["wr_7.tar.zst"])
    wait_for(lambda: health(one)["waiting"] == 1)
    assert queue(tmp_path) == ["wr_7.json"]
    pair(emu, 3, status="completed", retry_pending=False)  # no second webhook comes
    wait_for(lambda: not queue(tmp_path), 20)
    assert archives(tmp_path) == ["wr_7.2.tar.zst", "wr_7.tar.zst"]
    ids, manifest = held(tmp_path, "wr_7.2.tar.zst")
    assert ids == {"p_2"} and manifest["runs"][0]["status"] == "completed"


def test_an_end_without_anything_new(listen, emu, tmp_path):  # noqa: F811
    pair(emu, 2, status="failed", retry_pending=True)
    one = listen("--again", "1s")
    post(one, emu, WORKFLOW, status="failed")
    wait_for(lambda: health(one)["waiting"] == 1 and archives(tmp_path))
    pair(emu, 2, status="terminated")
    wait_for(lambda: not queue(tmp_path), 20)
    ids, manifest = held(tmp_path, "wr_7.2.tar.zst")
    assert ids == set() and manifest["runs"][0]["status"] == "terminated"
