# SPDX-License-Identifier: MIT
"""Child runs, which no list names, only the timeline."""
import io
import json
import re
import signal
import subprocess
import threading
import zipfile

import pytest

from conftest import SKYARC
from test_crash import until
from test_pull import check_bag, check_manifest

PNG = b"\x89PNG\r\n\x1a\n"


def shot(ident):
    return [{"id": ident, "type": "screenshot_final", "data": PNG + ident.encode()},
            {"id": ident + "_r", "type": "recording", "data": b"\x1a\x45\xdf\xa3webm" + ident.encode()}]


def block(run, children=(), **more):
    return {"type": "block", "block": dict({"workflow_run_block_id": "wrb_" + run, "workflow_run_id": run,
                                            "block_type": "task", "label": "b"}, **more),
            "children": list(children)}


def trigger(run, child):
    return block(run, block_type="workflow_trigger", output={"workflow_run_id": child})


@pytest.fixture
def family(emu):
    """A task v2 whose flattened blocks are of a child, which triggers another; one more in a loop."""
    emu.mode("today")
    emu.run("wr_p", shot("p"), story={"alias": "tsk_v2_p", "timeline": [
        block("wr_p"), block("wr_c1"), block("wr_p", [block("wr_p", [trigger("wr_p", "wr_c2")])]),
        {"type": "thought", "thought": {"task_id": "tsk_v2_p", "workflow_run_id": "wr_p"}, "children": []}]})
    emu.run("wr_c1", shot("c1"), run_type="workflow_run", story={
        "child": True, "timeline": [block("wr_c1"), trigger("wr_c1", "wr_g")]})
    emu.run("wr_c2", shot("c2"), run_type="workflow_run", title="Second", story={
        "timeline": [block("wr_c2", block_workflow_run_id="wr_p")]})  # a cycle
    emu.run("wr_g", shot("g"), run_type="workflow_run", status="failed", failure_reason="no page",
            story={"child": True})
    return emu


def test_children_come_along(pull, family):
    result, manifest, folder = pull("tsk_v2_p")
    check_bag(folder)
    check_manifest(manifest, folder)
    assert [(r["run_id"], r["parent_run_id"]) for r in manifest["runs"]] == [
        ("tsk_v2_p", None), ("wr_c1", "tsk_v2_p"), ("wr_c2", "tsk_v2_p"), ("wr_g", "wr_c1")]
    assert {(r["run_id"], r["artifact_id"]) for r in manifest["artifacts"]} == {
        (run, i + more) for run, i in (("tsk_v2_p", "p"), ("wr_c1", "c1"), ("wr_c2", "c2"), ("wr_g", "g"))
        for more in ("", "_r")}
    assert manifest["request"] == dict(manifest["request"], run_ids=["tsk_v2_p"], children=True)
    by = {r["run_id"]: r for r in manifest["runs"]}
    assert by["wr_c1"]["status"] == "completed" and by["wr_g"]["failure_reason"] == "no page"
    assert (folder / "data" / "wr_c1" / "run.json").exists()  # the workflow run's record: it has no other
    assert result.json()["runs"] == 4 and result.json()["children"] == 3


def test_no_children(pull, family):
    _, manifest, _ = pull("--no-children", "tsk_v2_p")
    assert [r["run_id"] for r in manifest["runs"]] == ["tsk_v2_p"] and len(manifest["artifacts"]) == 2
    assert manifest["request"]["children"] is False


def test_a_child_that_was_asked_for_is_there_once(pull, family):
    _, manifest, folder = pull("wr_g", "tsk_v2_p", "wr_c2", "wr_p")
    check_manifest(manifest, folder)
    assert [(r["run_id"], r["parent_run_id"]) for r in manifest["runs"]] == [
        ("wr_g", "wr_c1"), ("tsk_v2_p", None), ("wr_c1", "tsk_v2_p"), ("wr_c2", "tsk_v2_p")]
    assert len(manifest["artifacts"]) == 8


def test_a_lost_child_is_missing(pull, family):
    family.run("wr_g", [], story={"timeline": [trigger("wr_g", "wr_nowhere")]}, status="failed")
    result, manifest, _ = pull("tsk_v2_p", check=3)
    (lost,) = manifest["missing"]
    assert (lost["run_id"], lost["reason"]) == ("wr_nowhere", "run-not-found")
    assert "wr_nowhere" in result.err
    assert manifest["runs"][-1]["parent_run_id"] == "wr_g" and manifest["runs"][-1]["error"] == "run-not-found"


def test_what_a_page_said_starts_nothing(pull, emu):
    """The output of a block is only believed where a workflow is triggered."""
    emu.mode("today")
    emu.run("wr_other", shot("o"))
    emu.run("wr_p", shot("p"), story={"timeline": [
        block("wr_p", block_type="extraction", output={"workflow_run_id": "wr_other"}),
        trigger("wr_p", "../../v1/credentials"), trigger("wr_p", 7), {"block": None}, 3]})
    _, manifest, _ = pull("wr_p")
    assert [r["run_id"] for r in manifest["runs"]] == ["wr_p"]
    assert not [r for r in emu.log() if "credentials" in r["path"]]


def test_rows_of_a_blocks_task_are_found(pull, skyarc, emu):
    """Some rows name their task and not its workflow run: only the task's list has them."""
    emu.mode("today")
    emu.run("wr_p", shot("p") + [
        {"id": "both", "type": "html", "data": b"<p>both", "task_id": "tsk_b1"},
        {"id": "loose", "type": "hashed_href_map", "data": b"{}", "task_id": "tsk_b1", "loose": True}],
        story={"timeline": [block("wr_p", task_id="tsk_b1"), block("wr_p", task_id="tsk_b2")]})
    _, manifest, folder = pull("wr_p")
    check_manifest(manifest, folder)
    assert sorted(r["artifact_id"] for r in manifest["artifacts"]) == ["both", "loose", "p", "p_r"]
    assert len(json.loads((folder / "data/wr_p/artifacts.json").read_text())) == 4
    skyarc("verify", "--against-api", "a.tar.zst", check=0)
    _, manifest, _ = pull("-t", "html", "wr_p", name="b.tar")
    assert [r["artifact_id"] for r in manifest["artifacts"]] == ["both"]
    emu.fault("list/tsk_b2", "status", times=9, status=500)
    result, manifest, _ = pull("--retries", "1", "wr_p", name="c.tar", check=3)
    assert "may have artifacts that could not be listed" in result.err and len(manifest["artifacts"]) == 4
    assert manifest["runs"][0]["notes"] == ["artifacts-cut"]


def test_what_a_record_names_is_looked_up(pull, emu):
    """Its row tells that it lies in a ZIP; where members are not unpacked, the ZIP is not the picture."""
    picture = PNG + b"stray"
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr("shot.png", picture)
        archive.writestr("other.txt", b"x")
    emu.mode("today")
    emu.storage("gcs")  # only S3 storage extracts a member
    emu.run("tsk_else", [{"id": "zip", "type": "step_archive", "data": whole.getvalue(), "uri": "gs://b/step.zip"},
                         {"id": "stray", "type": "screenshot_action", "data": picture, "uri": "gs://b/step.zip",
                          "bundle_key": "shot.png", "member_of": "zip", "sized": False, "summed": False}])
    emu.run("wr_p", shot("p"), screenshot_urls=[emu.api + "/v1/artifacts/stray/content?artifact_name=x"])
    _, manifest, folder = pull("wr_p")
    (row,) = [r for r in manifest["artifacts"] if r["artifact_id"] == "stray"]
    assert (row["artifact_type"], row["bundle_key"]) == ("screenshot_action", "shot.png")
    assert row["path"].endswith(".png") and (folder / row["path"]).read_bytes() == picture


def test_a_timeline_that_is_none(pull, emu):
    emu.mode("today")
    emu.run("wr_p", shot("p"), story={"timeline": {"not": "a list"}})
    result, manifest, _ = pull("wr_p", check=3)
    assert len(manifest["artifacts"]) == 2 and "cannot read the timeline of run 'wr_p'" in result.err
    assert {"name": "timeline", "reason": "bad-answer", "http_status": None} in manifest["runs"][0]["records_missing"]


def test_endless_children_end(pull, emu):
    """A server that makes up a child for each run, and one that makes up thousands."""
    emu.mode("today")
    for i in range(40):
        emu.run("wr_%d" % i, [], run_type="workflow_run", status="failed",
                story={"timeline": [trigger("wr_%d" % i, "wr_%d" % (i + 1))]})
    result, manifest, _ = pull("wr_0", "--records", "none", check=3)
    assert len(manifest["runs"]) == 9 and manifest["runs"][0]["notes"] == ["children-cut"]
    assert "started more runs than the limit" in result.err
    emu.run("wr_wide", shot("w"), story={"timeline": [trigger("wr_wide", "wr_x%d" % i) for i in range(1500)]})
    _, manifest, _ = pull("wr_wide", "--records", "none", name="b.tar", check=3)
    assert len(manifest["runs"]) == 1001 and "children-cut" in manifest["runs"][0]["notes"]
    deep = block("wr_deep")
    for _ in range(60):
        deep = block("wr_deep", [deep])
    emu.run("wr_deep", shot("d"), story={"timeline": [deep, trigger("wr_deep", "wr_39")]})
    _, manifest, _ = pull("wr_deep", "--records", "none", name="c.tar", check=3)
    assert [r["run_id"] for r in manifest["runs"]][:2] == ["wr_deep", "wr_39"]


def test_show_names_them(skyarc, family):
    text = skyarc("show", "tsk_v2_p", check=0).out.decode()
    assert "started runs (3)" in text
    rows = [line.split() for line in text.splitlines() if line.startswith("wr_")]
    assert [row[0] for row in rows] == ["wr_c1", "wr_c2", "wr_g"]
    assert rows[1][1:] == ["completed", "workflow_run", "tsk_v2_p", "Second"]
    assert [r["run_id"] for r in [skyarc("show", "--json", "tsk_v2_p", check=0).json()]] == ["tsk_v2_p"]


def test_verify_asks_for_them(skyarc, family):
    family.run("wr_q", shot("q"), story={"timeline": [block("wr_q")]})
    skyarc("pull", "-o", "a.tar", "wr_q", check=0)
    family.run("wr_q", shot("q"), story={"timeline": [block("wr_q"), block("wr_c1")]})
    result = skyarc("verify", "--against-api", "a.tar", check=3)
    assert "run 'wr_c1', started by run 'wr_q', exists at the service" in result.err
    skyarc("pull", "-o", "b.tar", "wr_p", check=0)
    skyarc("verify", "--against-api", "b.tar", check=0)


def test_verify_that_could_not_ask_is_not_good(skyarc, tmp_path, family):
    """A key that is refused: the archive is whole, but nothing was compared."""
    skyarc("pull", "-o", "a.tar", "wr_p", check=0)
    (tmp_path / "key").write_text("wrong-key-000000\n")
    (tmp_path / "key").chmod(0o600)
    result = skyarc("verify", "--against-api", "--api-key-file", "key", "a.tar", check=3)
    assert "run 'wr_p' was not compared with the service" in result.err


@pytest.mark.parametrize("alone", [False, True])
def test_a_childs_file_that_its_parents_record_names(pull, emu, alone):
    """The record of a run also names what the runs that it has started have downloaded."""
    emu.mode("today")
    emu.run("wr_c", [{"id": "a_file", "type": "download", "data": b"a,b\n"}], run_type="workflow_run",
            story={"child": True})
    emu.run("wr_p", shot("p"), run_type="workflow_run", story={"timeline": [block("wr_p"), trigger("wr_p", "wr_c")]},
            downloaded_files=[{"url": emu.api + "/v1/artifacts/a_file/content?artifact_name=child.csv",
                               "filename": "child.csv"}])
    _, manifest, folder = pull(*(["--no-children"] if alone else []), "wr_p")
    check_manifest(manifest, folder)
    assert [r["run_id"] for r in manifest["artifacts"] if r["artifact_id"] == "a_file"] == ["wr_p" if alone else "wr_c"]


@pytest.mark.parametrize("asked, other", [("tsk_v2_p", "wr_p"), ("wr_p", "tsk_v2_p")])
def test_an_archive_is_read_by_either_id(pull, skyarc, family, tmp_path, asked, other):
    pull(asked)
    archive = str(tmp_path / "a.tar.zst")
    own = skyarc("list", "-r", asked, archive, check=0).out
    assert own.count(b"\n") == 3  # and the heading
    assert skyarc("list", "-r", other, archive, check=0).out == own
    both = skyarc("list", "-r", other, "-r", asked, archive, check=0)
    assert both.out == own and not both.err
    skyarc("extract", "-r", other, "-C", str(tmp_path / "out"), archive, check=0)
    assert {p.name for p in (tmp_path / "out").glob("*/data/*")} == {asked}
    skyarc("report", "-r", other, "-o", str(tmp_path / "page.html"), archive, check=0)
    page = (tmp_path / "page.html").read_text()
    assert re.findall(r"<script[^>]* data-sidecar=\"([^\"]+)\"", page) == [asked]
    skyarc("list", "-r", "wr_nosuch", archive, check=1)


GOING = [{"status": "running", "finished_at": None},
         {"status": "failed", "retry_pending": True, "next_attempt_at": "2026-01-20T11:00:00"}]


@pytest.fixture
def late(emu):
    """A run that has ended, and one that it started, which ends when end() is called."""
    emu.mode("today")
    emu.run("wr_p", shot("p"), story={"timeline": [block("wr_p"), trigger("wr_p", "wr_c")]})

    def child(rows=(), **record):
        emu.run("wr_c", shot("c") + list(rows), run_type="workflow_run", story={"child": True}, **record)

    return child


@pytest.mark.parametrize("going", GOING)
def test_waiting_is_for_children_too(pull, late, going):
    late(**going)
    timer = threading.Timer(2.5, late, [[{"id": "last", "type": "html", "data": b"<p>"}]])
    timer.start()
    result, manifest, _ = pull("--wait", "--interval", "1s", "--timeout", "30s", "wr_p")
    timer.join()
    assert "last" in {r["artifact_id"] for r in manifest["artifacts"]}
    child = manifest["runs"][1]
    assert (child["run_id"], child["status"], child["notes"]) == ("wr_c", "completed", [])
    assert "still running" not in result.err and "retried" not in result.err
    assert len({(r["run_id"], r["artifact_id"]) for r in manifest["artifacts"]}) == len(manifest["artifacts"]) == 5


@pytest.mark.parametrize("going", GOING)
def test_waiting_for_children_ends(pull, late, going):
    late(**going)
    result, _, _ = pull("--wait", "--interval", "1s", "--timeout", "3s", "wr_p", check=75)
    assert "1 of 1 run has not ended in time" in result.err
    pull("--wait", "--interval", "1s", "--timeout", "9s", "--no-children", "wr_p")


def test_what_still_runs_is_told(pull, skyarc, emu, late):
    late(**GOING[0])
    result, manifest, _ = pull("wr_p")
    assert "run 'wr_c' is still running; 'pull --wait' waits for it" in result.err
    assert manifest["runs"][1]["status"] == "running" and manifest["runs"][1]["notes"] == ["still-running"]
    assert b"running" in skyarc("show", "wr_p", check=0).out
    emu.run("tsk_r", shot("r"), run_type="task_v1", status="running", finished_at=None)
    result, _, _ = pull("tsk_r", name="b.tar")
    assert "run 'tsk_r' is still running" in result.err
    result, _, _ = pull("tsk_r", "wr_p", name="c.tar")
    assert "2 runs are still running, the first is 'tsk_r'" in result.err
    late()
    assert "still running" not in pull("wr_p", name="d.tar")[0].err


def test_children_that_were_left_out_are_not_lacking(pull, skyarc, family, tmp_path):
    pull("--no-children", "tsk_v2_p")
    result = skyarc("verify", "-v", "--against-api", str(tmp_path / "a.tar.zst"), check=0)
    assert "3 runs started by these runs left out" in result.err
    pull("tsk_v2_p", name="b.tar")
    family.run("wr_new", shot("new"), run_type="workflow_run", story={"child": True})
    family.run("wr_p", shot("p"), story={"alias": "tsk_v2_p", "timeline": [block("wr_p"), block("wr_new")]})
    skyarc("verify", "--against-api", str(tmp_path / "a.tar.zst"), check=0)
    assert "'wr_new'" in skyarc("verify", "--against-api", str(tmp_path / "b.tar"), check=3).err


def stray(emu, pictures, more=(), absent=False):
    """A step's ZIP on local disk: two members are listed, pictures is how many others the record names, and more.
    absent: the ZIP lacks those others."""
    out = io.BytesIO()
    names = ["screenshot_final_%d.png" % i for i in range(pictures)]
    with zipfile.ZipFile(out, "w") as file:
        for name, data in [("shot_0.png", PNG + b"0"), ("prompt_0.txt", b"what now")] + [(n, PNG + n.encode()) for n in names[:0 if absent else None]]:
            file.writestr(name, data)
    emu.mode("old")  # it has no GET /v1/artifacts/ID
    emu.storage("local")
    zipped = {"uri": "gs://b/step.zip", "member_of": "zip", "sized": False, "summed": False}
    emu.run("tsk_holder", [{"id": "zip", "type": "step_archive", "data": out.getvalue(), "uri": "gs://b/step.zip"}] + [
        dict(zipped, id="stray%d" % i, type="screenshot_final", data=PNG + n.encode(), bundle_key=n) for i, n in enumerate(names)] + [
            {"id": n, "type": "screenshot_final", "data": PNG + n.encode() * 9999} for n in more])
    emu.run("wr_m", [dict(zipped, id="m0", type="screenshot_action", data=PNG + b"0", bundle_key="shot_0.png"),
                     dict(zipped, id="m1", type="llm_prompt", data=b"what now", bundle_key="prompt_0.txt")],
            screenshot_urls=[emu.api + "/v1/artifacts/stray%d/content?artifact_name=x" % i for i in range(pictures)] + [
                emu.api + "/v1/artifacts/%s/content?artifact_name=x" % n for n in more])


@pytest.mark.parametrize("late", ["m0", "m1", None])
def test_a_picture_that_comes_as_its_zip(pull, emu, late):
    """It is fetched last, since the other pictures of the ZIP are known by what the rows name."""
    stray(emu, 1)
    if late:
        emu.fault(late, "late", seconds=1)
    _, manifest, folder = pull("wr_m")
    got = {r["artifact_id"]: (folder / r["path"]).read_bytes() for r in manifest["artifacts"]}
    assert got == {"m0": PNG + b"0", "m1": b"what now", "stray0": PNG + b"screenshot_final_0.png"}
    (row,) = [r for r in manifest["artifacts"] if r["artifact_id"] == "stray0"]
    assert row["path"].endswith(".png") and row["notes"] == ["from-zip"]


def test_that_a_picture_came_as_its_zip_survives_a_kill(skyarc, emu, env, tmp_path):
    stray(emu, 1, more=["held"])
    emu.fault("held", "slow", times=9, steps=100, pause=0.2)
    args = ["pull", "--json", "-o", "bag/", "wr_m"]
    process = subprocess.Popen([SKYARC, *args], env=env, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    until(lambda: list((tmp_path / "bag.partial").glob("data/wr_m/*/*stray0.png")), process)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    emu.reset_faults()
    assert skyarc(*args, check=0).json()["kept"] == 3
    rows = json.loads((tmp_path / "bag/manifest.json").read_text())["artifacts"]
    notes = {r["artifact_id"]: r["notes"] for r in rows}
    assert notes.pop("stray0") == ["from-zip"] and notes.pop("held") == []
    assert sorted(notes.values()) == [[], ["holds-more"]]  # the member by whose URL the ZIP came


def test_a_picture_that_a_row_names_is_not_another_one(skyarc, emu, env, tmp_path):
    """After a kill nobody remembers whose ZIP it is: no picture that any row names is taken out of it."""
    stray(emu, 1, absent=True)
    emu.fault("stray0", "late", times=9, seconds=60)
    args = ["pull", "--json", "-o", "bag/", "wr_m"]
    process = subprocess.Popen([SKYARC, *args], env=env, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    journal = tmp_path / "bag.partial.journal"
    until(lambda: journal.exists() and all('"m%d"' % i in journal.read_text() for i in range(2)), process)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    emu.reset_faults()
    assert skyarc(*args, check=3).json()["kept"] == 2
    rows = json.loads((tmp_path / "bag/manifest.json").read_text())["artifacts"]
    (row,) = [r for r in rows if r["artifact_id"] == "stray0"]
    assert row["notes"] == ["suspect-content"]


def test_pictures_that_cannot_be_told_apart(pull, emu):
    """Neither is guessed: the ZIP is kept for each, and is suspect."""
    stray(emu, 2)
    _, manifest, _ = pull("wr_m", check=3)
    rows = [r for r in manifest["artifacts"] if r["artifact_id"].startswith("stray")]
    assert len(rows) == 2 and all("suspect-content" in r["notes"] and "from-zip" not in r["notes"] for r in rows)
