# SPDX-License-Identifier: MIT
"""skyarc diff: two runs of an archive, of several archives, of a directory, step by step."""
import json

import pytest

import case

PICTURE = b"\x89PNG\r\n\x1a\n%d"


@pytest.fixture
def two(skyarc, emu):
    case.make(emu, [PICTURE % i for i in range(7)])
    skyarc("pull", "-o", "a.tar.zst", "wr_bad", "wr_good", check=0)


def test_the_first_step_that_differs(two, skyarc):
    out = skyarc("diff", "a.tar.zst", "wr_bad", "wr_good", check=0).out.decode()
    assert "The first step that differs is step 6: another status." in out
    assert "another status.\n  wr_bad: failed\n  wr_good: completed\n" in out
    assert 'CLICK row-12, "opens the invoice" (completed)' in out
    assert "Why wr_bad failed: The invoice could not be downloaded" in out
    assert "[error    ] the action failed" in out and "of wr_good" not in out
    assert skyarc("diff", "--exit-code", "a.tar.zst", "wr_bad", "wr_good").code == 3
    same = skyarc("diff", "--exit-code", "a.tar.zst", "wr_bad", "wr_bad", check=0).out.decode()
    assert "No step differs" in same


def test_json(two, skyarc):
    told = skyarc("diff", "--json", "a.tar.zst", "wr_bad", "wr_good", check=0).json()
    assert told["first_difference"] == 6 and told["outputs_differ"]
    assert [row["difference"] for row in told["compared"]] == [None] * 5 + ["status"]
    assert [row["screenshots_differ"] for row in told["compared"]] == [True] * 6 or told["compared"][5]["screenshots_differ"]
    step = told["compared"][5]["step"]
    assert (step["actions"], step["elements"], step["status"]) == ("click", "download", "failed")
    assert step["screenshot"].endswith("b_final.png")
    assert told["run"]["log_errors"] > told["other"]["log_errors"] == 0


def test_several_archives_and_formats(two, skyarc):
    for name, run in (("bad.zip", "wr_bad"), ("good.tar.gz", "wr_good")):
        skyarc("pull", "-o", name, run, check=0)
    told = skyarc("diff", "--json", "bad.zip", "good.tar.gz", "wr_bad", "wr_good", check=0).json()
    assert told["first_difference"] == 6


def test_a_directory(skyarc, emu):
    case.make(emu, [PICTURE % i for i in range(7)])
    skyarc("sync", "--dest", "vault", "--since", "2026-01-01")
    told = skyarc("diff", "--json", "vault", "wr_bad", "wr_good", check=0).json()
    assert told["first_difference"] == 6


def test_actions_that_only_the_model_told(skyarc, emu):
    """Without records of actions, what the model answered names a step; other elements are a difference."""
    for run, element in (("tsk_x", "row-1"), ("tsk_y", "row-2")):
        answer = json.dumps({"actions": [{"action_type": "click", "id": element, "reasoning": "it is the first"}]}).encode()
        emu.run(run, [{"id": run[-1] + "1", "type": "llm_response", "data": answer, "ext": "json", "step_id": "stp_" + run}])
    skyarc("pull", "--records", "none", "-o", "a.tar.zst", "tsk_x", "tsk_y", check=0)
    told = skyarc("diff", "--json", "a.tar.zst", "tsk_x", "tsk_y", check=0).json()
    assert told["compared"][0]["difference"] == "element"
    assert told["compared"][0]["step"]["title"] == 'CLICK row-1, "it is the first"'
    assert "another element.\n  tsk_x: row-1\n  tsk_y: row-2\n" in skyarc("diff", "a.tar.zst", "tsk_x", "tsk_y", check=0).out.decode()


def test_steps_that_only_one_has(skyarc, emu):
    shot = {"type": "screenshot_action", "ext": "png"}
    emu.run("tsk_x", [dict(shot, id="x%d" % i, data=PICTURE % i, step_id="s%d" % i, created_at=case.iso(i)) for i in range(3)])
    emu.run("tsk_y", [dict(shot, id="y%d" % i, data=PICTURE % i, step_id="t%d" % i, created_at=case.iso(i)) for i in range(2)])
    skyarc("pull", "-o", "a.tar.zst", "tsk_x", "tsk_y", check=0)
    told = skyarc("diff", "--json", "a.tar.zst", "tsk_x", "tsk_y", check=0).json()
    assert told["first_difference"] == 3 and told["compared"][2]["difference"] == "only" and told["compared"][2]["other_step"] is None
    assert not any(row["screenshots_differ"] for row in told["compared"])


def test_what_is_not_recorded_is_no_difference(two, skyarc):
    skyarc("pull", "-o", "bare.tar.zst", "--records", "none", "-t", "screenshots", "wr_bad", check=0)
    skyarc("pull", "-o", "nothing.tar.zst", "--records", "none", "-t", "har", "wr_bad", check=0)
    for name in ("bare.tar.zst", "nothing.tar.zst"):
        told = skyarc("diff", "--json", "a.tar.zst", name, "wr_bad", "wr_good", check=0).json()  # the last archive has no row of wr_good
        assert told["first_difference"] == 6
        got = skyarc("diff", "--exit-code", name, "wr_bad", "wr_bad", check=0).out.decode()
        assert "first step that differs" not in got
    skyarc("pull", "-o", "good.tar.zst", "wr_good", check=0)
    out = skyarc("diff", "--exit-code", "bare.tar.zst", "good.tar.zst", "wr_bad", "wr_good", check=0).out.decode()
    assert "(actions not recorded)" in out and "not recorded of one run" in out
    assert "No step differs in what is recorded of both runs.\nOf 6 of 6 steps, something is not recorded of one run." in out
    told = skyarc("diff", "--json", "nothing.tar.zst", "good.tar.zst", "wr_bad", "wr_good", check=0).json()
    assert told["first_difference"] is None and [row["difference"] for row in told["compared"]] == ["unknown"] * 6


def test_bad_input(two, skyarc):
    got = skyarc("diff", "a.tar.zst", "wr_bad", check=2)
    assert "argument 1: 'a.tar.zst' is not a run ID" in got.err
    assert skyarc("diff", "wr_bad").code == 2
    got = skyarc("diff", "a.tar.zst", "wr_bad", "wr_other", check=1)
    assert "wr_other" in got.err
    assert "none.tar" in skyarc("diff", "none.tar", "wr_bad", "wr_good", check=1).err


def test_a_run_in_two_archives(two, skyarc):
    """What both archives have counts once."""
    alone = skyarc("diff", "--json", "a.tar.zst", "wr_bad", "wr_good", check=0).out
    for name in ("b.tar.zst", "b.tar", "b.zip"):
        skyarc("pull", "-o", name, "wr_bad", check=0)
        assert skyarc("diff", "--json", "a.tar.zst", name, "wr_bad", "wr_good", check=0).out == alone, name
    assert skyarc("diff", "--json", "a.tar.zst", "a.tar.zst", "wr_bad", "wr_good", check=0).out == alone


def test_two_directories(two, skyarc, emu):
    """Each operand may have one of the runs only."""
    skyarc("sync", "--dest", "one", "--since", "2026-01-01")
    emu.run("tsk_other", [{"id": "o1", "type": "screenshot_action", "ext": "png", "data": PICTURE % 1, "step_id": "s1"}])
    skyarc("pull", "-o", "c.zip", "tsk_other", check=0)
    for runs in (("wr_bad", "tsk_other"), ("tsk_other", "wr_bad")):
        told = skyarc("diff", "--json", "one", "c.zip", *runs, check=0).json()
        assert (told["run"]["run_id"], told["other"]["run_id"]) == runs
    assert "wr_none" in skyarc("diff", "one", "wr_bad", "wr_none", check=1).err
    assert "wr_none" in skyarc("diff", "one", "c.zip", "wr_none", "wr_bad", check=1).err


def test_what_is_damaged_is_no_sameness(two, skyarc, tmp_path):
    """Without the records of its steps, a failed run looks like the good one: the exit status says that they are lacking."""
    whole = (tmp_path / "a.tar.zst").read_bytes()
    skyarc("pull", "-o", "a.tar", "wr_bad", "wr_good", check=0)
    plain = (tmp_path / "a.tar").read_bytes()
    at = plain.index(b"data/wr_bad/records/steps-") + 512
    (tmp_path / "a.tar").write_bytes(plain[:at] + plain[at:at + 200].replace(b"step", b"stop") + plain[at + 200:])
    got = skyarc("diff", "--exit-code", "a.tar", "wr_bad", "wr_good", check=4)
    assert "steps-tsk_b_1.json' was left out" in got.err and "lacks what could not be read" in got.err
    assert b"CLICK download" in got.out
    (tmp_path / "b.tar.zst").write_bytes(whole)
    assert "is step 6" in skyarc("diff", "b.tar.zst", "a.tar", "wr_bad", "wr_good", check=4).out.decode()


def test_hostile_records(skyarc, emu, tmp_path):
    """Records of any shape, and texts for terminals: nothing of it gets out raw."""
    emu.mode("today")
    evil = "\x1b]0;pwned\x07\u202e"
    emu.world(tasks={"tsk_b": {"steps": [{"step_id": evil, "status": evil}, 7, {"step_id": None}], "actions": [{"step_id": evil, "action_type": evil, "intention": evil * 50, "element_id": 7}, [], None]}})
    emu.run("wr_e", [{"id": "l", "type": "skyvern_log", "data": ("error " + evil + "\n").encode() * 9}], status="failed", failure_reason=evil, output=evil,
            story={"timeline": [{"block": {"workflow_run_id": "wr_e", "task_id": "tsk_b", "actions": evil}, "children": evil}]})
    skyarc("pull", "-o", "a.tar.zst", "wr_e", check=0)
    got = skyarc("diff", "a.tar.zst", "wr_e", "wr_e", check=0)
    assert b"\x1b" not in got.out and "\u202e".encode() not in got.out
    told = skyarc("diff", "--json", "a.tar.zst", "wr_e", "wr_e", check=0).json()
    assert told["run"]["log_errors"] == 9
