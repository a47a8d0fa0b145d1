# SPDX-License-Identifier: MIT
"""Bodies are fetched while further runs are still listed."""
import os
import signal
import subprocess
import time

import pytest

from conftest import SKYARC, extract
from test_child_runs import block, trigger

LATE = 1.5  # seconds that the last list takes
RUNS = ["tsk_e%d" % i for i in range(5)]
BIG = 400_000  # more than may be fetched twice


def rows_of(i):
    rows = [{"id": "e%d_%02d" % (i, k), "type": "html", "data": b"<p>%d of %d</p>" % (k, i) * (20 + k),
             "signing": "s3"} for k in range(8)]
    rows += [{"id": "e%d_d%d" % (i, k), "type": "download", "data": b"%d %d" % (i, k) * 9,
              "uri": "s3://b/%d/%d/same.csv" % (i, k), "signing": "s3"} for k in range(2)]
    return rows


@pytest.fixture
def runs(emu):
    rows = {run: rows_of(i) for i, run in enumerate(RUNS)}
    for run in rows:
        emu.run(run, rows[run])
    return rows


def store_log(emu):
    return [(r["path"].split("/")[-1].split("?")[0], r["at"]) for r in emu.log("store")]


def answered(emu, run, since):
    """When the late list of a run was answered."""
    return LATE + min(r["at"] for r in emu.log("api")
                      if r["at"] > since and "/%s/artifacts" % run in r["path"])


def essence(manifest):
    """What does not depend on times and routes."""
    return ([(r["run_id"], r.get("listed"), r.get("error")) for r in manifest["runs"]],
            [(r["run_id"], r["artifact_id"], r["path"], r["sha256"]) for r in manifest["artifacts"]],
            [(r["run_id"], r["artifact_id"], r["reason"]) for r in manifest["missing"]])


def test_bodies_come_while_the_last_list_is_awaited(pull, emu, runs):
    _, at_once, _ = pull(*RUNS, name="b.tar.zst")
    before = len(emu.log("store"))
    emu.fault("list/" + RUNS[-1], "late", seconds=LATE)
    asked = time.time()
    result, manifest, folder = pull(*RUNS)
    log = store_log(emu)[before:]
    assert len(log) == 50
    end = answered(emu, RUNS[-1], asked)
    for name, at in log:
        assert (at > end) == name.startswith("e4_")
    assert essence(manifest) == essence(at_once)
    assert result.code == 0 and len(manifest["artifacts"]) == 50
    assert (folder / "data/tsk_e2/files/same~2.csv").read_bytes() == b"2 1" * 9


def test_the_first_list_comes_last(pull, emu, runs):
    """Runs are planned in the order of the request: all others wait for the first one."""
    _, at_once, _ = pull(*RUNS, name="b.tar.zst")
    emu.fault("list/" + RUNS[0], "late", seconds=0.5)
    _, manifest, _ = pull(*RUNS)
    assert essence(manifest) == essence(at_once)


@pytest.mark.parametrize("args, code", [((), 3), (("--strict",), 1)])
def test_the_last_run_does_not_exist(pull, emu, runs, args, code):
    seen = []
    for name in ("b.tar.zst", "a.tar.zst"):
        result, manifest, _ = pull(*args, *RUNS[:-1], "tsk_none", name=name, check=code)
        lines = sorted(line for line in result.err.splitlines() if not args or "warning" not in line)  # of runs planned by then
        seen.append((lines, manifest and essence(manifest)))
        emu.fault("list/tsk_none", "late", seconds=0.6)
    assert seen[0] == seen[1] and seen[0][0]


def test_strict_begins_early_too(pull, emu, runs, tmp_path):
    """If then a run is missing, nothing is left of the bodies that were fetched."""
    emu.fault("list/" + RUNS[-1], "late", times=2, seconds=LATE)
    asked = time.time()
    _, manifest, _ = pull("--strict", *RUNS, check=0)
    end = answered(emu, RUNS[-1], asked)
    assert sum(at < end for _, at in store_log(emu)) == 40 and len(manifest["artifacts"]) == 50
    before = len(emu.log("store"))
    emu.fault("v1/runs/tsk_none", "late", seconds=LATE)
    result, _, _ = pull("--strict", *RUNS, "tsk_none", name="b.tar.zst", check=1)
    assert len(emu.log("store")) > before and "tsk_none" in result.err
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("b.tar")]


def test_equal_artifacts_of_later_runs(pull, emu, runs):
    """A small one may be fetched again; a large one, and one of a session, is fetched once."""
    small = {"type": "html", "data": b"<p>equal</p>" * 50, "uri": "s3://b/small", "signing": "s3"}
    large = {"type": "har", "data": b"{}" * BIG, "uri": "s3://b/large", "signing": "s3"}
    session = {"type": "recording", "webm": 9000, "seed": 3, "uri": "s3://b/rec", "signing": "s3", "summed": False}
    for i in (0, 3, 4):
        emu.run(RUNS[i], [dict(small, id="small%d" % i), dict(large, id="large%d" % i),
                          dict(session, id="rec%d" % i)])
    emu.fault("list/" + RUNS[-1], "late", seconds=0.8)
    _, manifest, folder = pull(*RUNS)
    asked = [name for name, _ in store_log(emu)]
    assert sum(name.startswith("large") for name in asked) == 1
    assert 1 <= sum(name.startswith("small") for name in asked) <= 3  # that of the last run, or more
    rows = {r["artifact_id"]: r for r in manifest["artifacts"]}
    for kind in ("small", "large", "rec"):
        assert len({rows["%s%d" % (kind, i)]["sha256"] for i in (0, 3, 4)}) == 1
        for i in (0, 3, 4):
            path = folder / rows["%s%d" % (kind, i)]["path"]
            assert path.read_bytes() == emu.data("%s%d" % (kind, i))
    assert sum(bool(rows["small%d" % i]["duplicate_of"]) for i in (0, 3, 4)) == 2


def test_a_run_with_children_is_planned_at_the_end(pull, emu):
    """Its children are listed last, and come before the runs that were asked for after it."""
    emu.mode("today")
    for i in range(4):
        emu.run("wr_e%d" % i, rows_of(i), story={
            "timeline": [block("wr_e%d" % i), *([trigger("wr_e1", "wr_child")] if i == 1 else [])]})
    emu.run("wr_child", rows_of(4), story={"child": True, "timeline": [block("wr_child")]})
    order = ["wr_e%d" % i for i in range(4)]
    _, at_once, _ = pull(*order, name="b.tar.zst")
    before = len(emu.log("store"))
    emu.fault("list/wr_e3", "late", seconds=LATE)
    asked = time.time()
    _, manifest, _ = pull(*order)
    assert essence(manifest) == essence(at_once)
    assert [r["run_id"] for r in manifest["runs"]] == ["wr_e0", "wr_e1", "wr_child", "wr_e2", "wr_e3"]
    end = answered(emu, "wr_e3", asked)
    for name, at in store_log(emu)[before:]:
        assert (at < end) == name.startswith("e0_")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_attempt_that_ends_while_runs_are_listed(skyarc, env, emu, runs, tmp_path, number):
    """What it has is kept, although the last run has an artifact that is equal to one of the first run."""
    emu.run(RUNS[-1], rows_of(4) + [dict(rows_of(0)[0], id="twin")])
    emu.fault("list/" + RUNS[-1], "late", seconds=8)
    process = subprocess.Popen([SKYARC, "pull", "--json", "-o", "a.tar.zst", *RUNS], env=env, cwd=tmp_path,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    end = time.monotonic() + 7
    while len(store_log(emu)) < 40 and time.monotonic() < end:
        time.sleep(0.02)
    time.sleep(0.3)
    process.send_signal(number)
    process.communicate()
    fetched = len(store_log(emu))
    assert fetched == 40
    assert not os.path.exists(tmp_path / "a.tar.zst")
    emu.reset_faults()
    result = skyarc("pull", "--json", "-o", "a.tar.zst", *RUNS, check=0)
    if number == signal.SIGINT:
        assert result.json()["kept"] == 40
        assert len(store_log(emu)) == fetched + 11
    skyarc("verify", "a.tar.zst", check=0)
    folder = extract(tmp_path / "a.tar.zst", tmp_path)
    assert sum(len(files) for _, _, files in os.walk(folder / "data" / RUNS[4] / "html")) == 9
    assert not list(tmp_path.glob("*.partial*"))


def test_many_runs(pull, emu):
    """More runs than are listed at a time, of which some fail; some have nothing."""
    runs = ["tsk_m%03d" % i for i in range(150)]
    for i, run in enumerate(runs):
        if i % 7 != 3:
            emu.run(run, [{"id": "m%03d_%d" % (i, k), "type": "html", "data": b"<p>%d %d</p>" % (i, k),
                           "signing": "s3"} for k in range(i % 4)])
    _, at_once, _ = pull(*runs, name="b.tar.zst", check=3)
    for run in runs[70::20]:
        emu.fault("list/" + run, "late", seconds=0.4)
    _, manifest, _ = pull(*runs, check=3)
    assert essence(manifest) == essence(at_once)
    assert len(manifest["artifacts"]) == sum(i % 4 for i in range(150) if i % 7 != 3)
