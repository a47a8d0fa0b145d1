# SPDX-License-Identifier: MIT
"""Several machines write in one prefix of a bucket: each run is committed once, whoever is paused, killed or too late."""
import glob
import json
import os
import re
import time

import pytest

import fault_proxy
import object_store
from conftest import SANITIZED
from test_shards import shard_of
from test_sync_bucket import DEST, QUICK, STEPS, place  # pylint: disable=unused-import

pytestmark = pytest.mark.skipif(not object_store.program(), reason="versitygw is not here: scripts/get-versitygw")
pytest.importorskip("boto3")

FAKETIME = next(iter(glob.glob("/usr/lib/*/faketime/libfaketime.so.1")), None)
needs_faketime = pytest.mark.skipif(not FAKETIME or SANITIZED, reason="libfaketime is not here, or a sanitizer has to be loaded first")
STEPS = dict(STEPS, decision=lambda r: r.method == "PUT" and "/sequence/" in r.target)


def other(place, *args, state="other", check=0):  # pylint: disable=redefined-outer-name
    """Another machine syncs; the lease of the first one has expired."""
    place.expire()
    process = place.start("sync", "--dest", place.dest(), "--json", *QUICK, *args, XDG_STATE_HOME=str(place.folder / state))
    out, err = process.communicate(timeout=120)
    assert check is None or process.returncode == check, (process.returncode, err)
    return json.loads(out)


def decisions(place):
    return [json.loads(place.get(key)) for key in place.keys("sequence/")]


def objects(place):
    """The volumes in the bucket, whether they count or not."""
    return sorted(place.volumes())


def check_decisions(place):
    """Numbers have no gap, each volume is decided once, and no run is committed twice by writers that did not know it."""
    made = decisions(place)
    assert [d["number"] for d in made] == list(range(1, len(made) + 1))
    assert sorted(d["volume"] for d in made if d["decision"] == "commit") == sorted(place.commits())


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_another_machine_overtakes(place, step, when):
    """A machine is paused at a step; another one archives the account in the meantime; then the first one wakes."""
    ids = [place.make("tsk_%d" % i, ended=90000 + i) for i in range(4)]
    done = []
    place.proxy.fault(STEPS[step], **{when: lambda _request: done.append(other(place, "--volume-runs", "3"))})
    mine = place.sync("--volume-runs", "2")
    place.check_all(ids)
    check_decisions(place)
    decided = (step, when) != ("the volume", "before")
    # the other machine commits a volume that is there, unless that is decided; else this one has lost all
    assert (done[0]["archived_runs"], mine["superseded_volumes"]) == ((2, 1) if decided else (4, 2))
    assert not list(place.work().glob("*/*/*"))
    assert (place.sync()["archived_runs"], place.sync()["superseded_volumes"]) == (0, 0)
    assert {row["run_id"] for row in place.find("--runs")} == set(ids)
    place.run("verify", DEST)


def commit_one_run(place):  # pylint: disable=redefined-outer-name
    """Another machine takes over, and is killed after its first volume, which has one run."""
    place.expire()
    process = place.start("sync", "--dest", DEST, *QUICK, "--volume-runs", "1", XDG_STATE_HOME=str(place.folder / "other"))
    place.proxy.fault(STEPS["the commit"], after=lambda _request: process.kill())
    process.wait(60)


def test_what_nobody_committed_is_due_again(place):
    """The other machine is killed after its first volume: the first one loses one with that run, and archives the rest."""
    ids = [place.make("tsk_%d" % i, ended=90000 + i) for i in range(3)]

    place.proxy.fault(STEPS["the volume"], before=lambda _request: commit_one_run(place))
    done = place.sync()
    assert (done["superseded_volumes"], done["archived_runs"]) == (1, 5)
    place.check_all(ids)
    check_decisions(place)


def test_what_only_the_loser_has_stays(place):
    """As above, and by then the service has nothing of the rest any more: the volume that lost is its only copy."""
    place.make("tsk_0", ended=90000)
    place.make("tsk_1", ended=90001)

    def overtake(_request):
        commit_one_run(place)
        (volume,) = place.commits()
        left.extend({"tsk_0", "tsk_1"} - set(next(d["runs"] for d in decisions(place) if d["volume"] == volume)))
        place.emu.forget(*left)

    left = []
    place.proxy.fault(STEPS["the volume"], before=overtake)
    place.sync(check=None)
    (kept,) = place.work().glob("*/*/*.superseded")
    assert "no volume has the rest" in place.err and str(kept) in place.err
    assert left[0] in place.run("list", "--json", kept).decode()
    place.expire()
    place.sync(check=None)
    assert kept.exists() and str(kept) in place.err
    check_decisions(place)


@pytest.mark.parametrize("fault", [{"cut": -1}, {"instead": fault_proxy.error(503, "SlowDown")}, {"instead": fault_proxy.error(409, "ConditionalRequestConflict")}])
def test_a_decision_whose_answer_is_lost(place, fault):
    ids = [place.make("tsk_%d" % i) for i in range(2)]
    place.proxy.fault(STEPS["decision"], **fault)
    assert place.sync("--volume-runs", "1")["superseded_volumes"] == 0
    place.check_all(ids)
    check_decisions(place)


@pytest.mark.parametrize("lost", [False, True])
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_the_decision(place, when, lost):
    ids = [place.make("tsk_%d" % i) for i in range(2)]
    processes = []

    def die(_request):
        processes[0].kill()
        processes[0].wait()

    place.proxy.fault(STEPS["decision"], **{when: die})
    if when == "before":
        place.proxy.faults[-1][3].instead = fault_proxy.error(503, "SlowDown")
    processes.append(place.start("sync", "--dest", DEST, *QUICK))
    processes[0].communicate(timeout=60)
    if lost:
        place.forget()
    assert place.sync()["archived_runs"] == 0  # the volume is there
    place.check_all(ids)
    check_decisions(place)


def age(place, name, seconds):
    """The store says that an object was written some time ago."""
    path = "%s/data/runs/%s%s" % (place.gateway.folder, place.prefix, name)
    os.utime(path, (time.time() - seconds,) * 2)


def leave(place):
    """A shard's volume that was uploaded, and never committed; its machine is gone."""
    processes = []
    place.proxy.fault(STEPS["the volume"], after=lambda _request: processes[0].kill())
    processes.append(place.start("sync", "--dest", DEST, *QUICK, "--shard", "1/2"))
    processes[0].communicate(timeout=60)
    place.proxy.clear()
    place.forget()
    (name,) = place.volumes()
    return name


def test_what_was_left_is_collected(place):
    """Not while its writer may live; then by any shard, as soon as all of it is in other volumes; and its writer cannot come back."""
    ids = [place.make("tsk_%d" % i, ended=90000 + 60 * i) for i in range(8)]
    name = leave(place)
    for k in (1, 2):
        place.sync("--shard", "%d/2" % k)
        assert name in place.volumes()
    age(place, name, 3000)
    place.sync("--shard", "2/2")
    assert name in place.volumes()
    age(place, name, 4000)
    place.sync("--shard", "2/2")
    assert name not in place.volumes()
    assert [d["volume"] for d in decisions(place) if d["decision"] == "void"] == [name]
    place.check_all(ids)


def test_what_was_left_and_is_nowhere_else_is_committed(place):
    mine = [i for i in (place.make("tsk_%d" % i, ended=90000 + 60 * i) for i in range(8)) if shard_of(i, 2) == 1]
    name = leave(place)
    for ident in mine:
        place.emu.forget(ident)
    age(place, name, 4000)
    assert place.sync("--shard", "2/2")["archived_runs"] == 8 - len(mine)
    assert sorted(run["run_id"] for run in place.commits()[name]["runs"]) == sorted(mine)
    check_decisions(place)
    place.run("verify", DEST)


def test_a_writer_that_wakes_after_its_volume_was_collected(place):
    """It was declared void: its writer cannot commit what is deleted."""
    ids = [place.make("tsk_%d" % i, ended=90000 + 60 * i) for i in range(8)]

    def collect(_request):
        (name,) = place.volumes()
        other(place, "--shard", "1/2")
        age(place, name, 4000)
        other(place, "--shard", "2/2", state="third")
        assert name not in place.volumes()

    place.proxy.fault(STEPS["decision"], before=collect)
    done = place.sync("--shard", "1/2")
    assert done["superseded_volumes"] == 1
    place.check_all(ids)
    assert [d["decision"] for d in decisions(place)].count("void") == 1
    check_decisions(place)


def test_shards_in_one_prefix(place):
    """Catalog, find and verify have the runs of all; nobody fetches what is of another shard; a new machine knows its shard."""
    ids = [place.make("tsk_%d" % i, ended=90000 + 60 * i) for i in range(24)]
    for k in (1, 2, 3):
        done = place.sync("--shard", "%d/3" % k, "--work-dir", "work%d" % k)
        assert (done["shard"], done["archived_runs"]) == ("%d/3" % k, sum(shard_of(i, 3) == k for i in ids))
    place.check_all(ids)
    for k in (1, 2, 3):
        before = len(place.emu.log())
        done = place.sync("--shard", "%d/3" % k, "--work-dir", "work%d" % k)
        assert done["archived_runs"] == 0 and done["waiting_runs"] == 0
        mine = {i for i in ids if shard_of(i, 3) == k}
        asked = [path for path in (str(request) for request in place.emu.log()[before:]) if "/artifacts" in path]
        assert all(any(i in path for i in mine) for path in asked), asked
    for k in (1, 2):  # a work directory speaks of its shard
        place.run("sync", "--dest", DEST, "--work-dir", "work1", "--list-safe", "1", "--shard", "%d/3" % k, check=(0, 2)[k - 1])
    place.machine()
    assert {row["run_id"] for row in place.find("--runs")} == set(ids)
    place.run("sync", "--dest", DEST, *QUICK, check=2)
    assert "name one of them with --shard K/3" in place.err
    place.run("sync", "--dest", DEST, *QUICK, "--shard", "1/4", check=2)
    assert "not with shard 1/4" in place.err
    ids += [place.make("tsk_new_%d" % i, ended=80000 + 60 * i) for i in range(12)]
    for k in (1, 2, 3):
        assert place.sync("--shard", "%d/3" % k)["shard"] == "%d/3" % k
        place.machine()
    place.check_all(ids)
    assert b"3 of 3 shards fill this prefix" in place.run("doctor", "--dest", DEST, check=None)
    place.run("hold", "--dest", DEST, ids[0], "--reason", "audit")
    place.run("prune", "--dest", DEST, "--apply", "--keep-days", "1")
    kept = sorted([ids[0], *ids[24:]])  # held, or ended less than a day ago
    assert sorted(run["run_id"] for commit in place.commits().values() for run in commit["runs"]) == kept
    for k in (1, 2, 3):
        assert place.sync("--shard", "%d/3" % k)["archived_runs"] == 0
    place.run("verify", DEST)


def test_shards_at_the_same_time(place):
    ids = [place.make("tsk_%d" % i, ended=90000 + 60 * i) for i in range(30)]
    processes = [place.start("sync", "--dest", DEST, *QUICK, "--volume-runs", "2", "--shard", "%d/3" % k, "--work-dir", "work%d" % k) for k in (1, 2, 3)]
    for process in processes:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    place.check_all(ids)
    check_decisions(place)


def lease(place, name="all", **more):
    said = dict({"version": 1, "generation": 7, "owner": "0123456789abcdef", "session": "fedcba9876543210", "host": "elsewhere",
                 "seconds": 60}, **more)
    place.put("leases/%s.json" % name, json.dumps(said).encode())


def test_a_lease_keeps_the_second_off_until_it_expires(place):
    ids = [place.make("tsk_1")]
    lease(place)
    began = time.monotonic()
    place.run("sync", "--dest", DEST, *QUICK, check=75)
    assert time.monotonic() - began < 15 and not place.volumes()
    assert "'s3://runs/night' is being archived by another process, on elsewhere" in place.err
    age(place, "leases/all.json", 58)
    place.run("sync", "--dest", DEST, *QUICK, check=75)
    age(place, "leases/all.json", 62)
    place.run("sync", "--dest", DEST, *QUICK)
    assert "it is taken over" in place.err
    place.check_all(ids)
    assert json.loads(place.get("leases/all.json"))["generation"] == 8
    assert json.loads(place.get("leases/all.json"))["seconds"] == 0
    lease(place, "2-of-2")
    place.run("sync", "--dest", "s3://runs/shards", *QUICK, "--shard", "1/2")  # another prefix, another shard


def test_who_was_killed_takes_its_own_lease_at_once(place):
    place.make("tsk_1")
    processes = []
    place.proxy.fault(STEPS["the volume"], before=lambda _request: processes[0].kill())
    processes.append(place.start("sync", "--dest", DEST, *QUICK))
    processes[0].communicate(timeout=60)
    assert json.loads(place.get("leases/all.json"))["seconds"] == 60
    place.run("sync", "--dest", DEST, *QUICK, check=75, XDG_STATE_HOME=str(place.folder / "other"))
    place.sync()
    place.check_all(["tsk_1"])


def test_who_lost_the_lease_stops(place):
    """Within the time of a renewal; what was committed counts, and nothing is archived after that."""
    for i in range(6):
        place.make("tsk_%d" % i, ended=90000 + i)

    def take(_request):
        lease(place)
        time.sleep(20)

    place.proxy.fault(STEPS["the volume"], before=take)
    done = place.sync("--volume-runs", "1", check=75)
    assert "is being archived by another process now" in done["error"], done
    assert len(place.commits()) < 6
    assert json.loads(place.get("leases/all.json"))["host"] == "elsewhere"  # it is not released by who lost it


def test_who_waits_before_it_has_the_lease_sees_what_was_archived(place):
    """The list was read, then another machine archived everything, and released the lease."""
    ids = [place.make("tsk_%d" % i, ended=90000 + i) for i in range(3)]
    place.sync()
    ids += [place.make("tsk_new_%d" % i, ended=80000 + i) for i in range(3)]
    done = []
    place.proxy.fault(lambda r: r.method == "PUT" and "/leases/" in r.target, before=lambda _request: done.append(other(place)))
    mine = place.sync(check=None)
    assert done[0]["archived_runs"] == 3 and (mine["archived_runs"], mine["superseded_volumes"]) == (0, 0)
    place.check_all(ids)


def test_a_store_that_decides_no_races(place):
    """It is found once, before anything is archived by shards."""
    place.make("tsk_1")
    place.proxy.fault(lambda r: r.header("if-none-match") and "skyarc-probe" in r.target, times=10000,
                      instead=fault_proxy.error(501, "NotImplemented"))
    place.run("sync", "--dest", DEST, *QUICK, "--shard", "1/2", check=1)
    assert "no shards can be archived there" in place.err and not place.volumes()
    place.proxy.clear()
    probes = []
    for _ in range(2):
        place.proxy.requests.clear()
        place.sync("--shard", "1/2")
        probes.append(sum("skyarc-probe" in request.target for request in place.proxy.requests))
    assert probes[0] > 300 and probes[1] == 0


def test_a_store_that_demands_checksums(place):
    """As AWS does in a bucket with a default retention: the probe of the conditions sends them, too."""
    ids = [i for i in (place.make("tsk_%d" % i) for i in range(4)) if shard_of(i, 2) == 1]
    place.proxy.fault(lambda r: r.method == "PUT" and not r.header("x-amz-checksum-sha256"), times=10000,
                      instead=fault_proxy.error(400, "InvalidRequest"))
    assert place.sync("--shard", "1/2")["archived_runs"] == len(ids)
    place.check_all(ids)


def test_a_volume_that_was_committed_for_its_writer_stays(place):
    """A writer lost a run to another volume, which is gone since; then its own volume was committed, as one that was left behind."""
    ids = [place.make("tsk_%d" % i) for i in range(2)]

    def overtake(_request):
        (mine,) = place.volumes()
        for number, name in enumerate(("2026/01/skyarc-20260101T000000Z-123456789.tar.zst", mine), 1):
            place.put("sequence/%016d.json" % number, json.dumps(
                {"version": 1, "number": number, "decision": "commit", "volume": name, "session": "0123456789abcdef", "runs": ids[:number]}).encode())

    place.proxy.fault(STEPS["decision"], before=overtake)
    assert place.sync()["superseded_volumes"] == 0
    place.check_all(ids)
    assert len(decisions(place)) == 2


def test_what_has_a_commit_record_stays(place):
    """Of a skyarc that made no decisions, killed before it removed the file; then another machine committed a supplement."""
    ids = [place.make("tsk_1")]
    place.sync()
    (name,) = place.volumes()
    (place.work() / name).parent.mkdir(parents=True, exist_ok=True)
    (place.work() / name).write_bytes(place.get(name))
    (place.work() / "decisions").unlink(missing_ok=True)
    place.put("sequence/%016d.json" % 1, json.dumps(
        {"version": 1, "number": 1, "decision": "commit", "volume": "2026/01/skyarc-20260101T000000Z-123456789.tar.zst",
         "session": "0123456789abcdef", "runs": ids}).encode())
    assert place.sync()["superseded_volumes"] == 0
    place.check_all(ids)
    assert not (place.work() / name).exists()


def test_what_a_writer_deletes_was_declared_void(place):
    """Else another machine could commit it, as one that was left behind, while it is being deleted."""
    ids = [place.make("tsk_%d" % i, ended=90000 + i) for i in range(2)]
    seen = []
    place.proxy.fault(STEPS["decision"], before=lambda _request: seen.extend([place.volumes(), place.put("sequence/%016d.json" % 1, json.dumps(
        {"version": 1, "number": 1, "decision": "commit", "volume": "2026/01/skyarc-20260101T000000Z-123456789.tar.zst",
         "session": "0123456789abcdef", "runs": ids}).encode())]))
    assert place.sync()["superseded_volumes"] == 1
    place.check_all(ids)
    assert [d["volume"] for d in decisions(place) if d["decision"] == "void"] == seen[0]
    assert seen[0][0] not in place.volumes()


def test_the_other_copy_of_what_was_left_is_gone(place):
    """What was left is the only copy then, and is committed, not deleted."""
    ids = [place.make("tsk_%d" % i, ended=90000 + 60 * i) for i in range(8)]
    name = leave(place)
    for k in (1, 2):
        place.sync("--shard", "%d/2" % k)
    mine = [i for i in ids if shard_of(i, 2) == 1]
    (second,) = [other for other, commit in place.commits().items() if {run["run_id"] for run in commit["runs"]} == set(mine)]
    for ident in mine:
        place.emu.forget(ident)
    place.delete(second)
    age(place, name, 4000)
    place.sync("--shard", "2/2", check=None)
    assert name in place.commits() and name in place.volumes()
    assert {row["run_id"] for row in place.find("--runs", check=None)} == set(ids)


def test_a_volume_that_vanishes_before_it_is_committed_for_its_writer(place):
    """Another machine removed it at the same moment: no error."""
    place.make("tsk_1")
    processes = []
    place.proxy.fault(STEPS["the commit"], before=lambda _request: processes[0].kill(), instead=fault_proxy.error(503, "SlowDown"))
    processes.append(place.start("sync", "--dest", DEST, *QUICK))
    processes[0].communicate(timeout=60)
    place.forget()
    (name,) = place.volumes()
    place.proxy.clear()
    place.proxy.fault(lambda r: r.method in ("GET", "HEAD") and r.target.split("?")[0].endswith(name), before=lambda _request: place.delete(name))
    assert place.sync()["archived_runs"] == 1
    place.check_all(["tsk_1"])


def test_pruned_while_another_machine_lists(place):
    """The log was read before, and the list after the prune: the volume is not lost, and its runs do not come back."""
    for i in range(2):
        place.make("tsk_%d" % i)
    place.sync()

    def prune(_request):
        process = place.start("prune", "--dest", DEST, "--apply", "--keep-days", "1", XDG_STATE_HOME=str(place.folder / "other"))
        assert process.wait(60) == 0, process.stderr.read()

    place.proxy.fault(lambda r: r.method == "GET" and re.search(r"[?&]prefix=night%2F(&|$)", r.target), before=prune)
    assert place.sync()["archived_runs"] == 0
    assert not place.commits() and place.proxy.faults[0][2] == 0
    assert not any(b'"lose"' in place.get(key) for key in place.keys("log/"))


def clock(**settings):
    """The environment for a wrong clock; timers go on as usual."""
    return dict(settings, LD_PRELOAD=FAKETIME, FAKETIME_DONT_FAKE_MONOTONIC="1", DONT_FAKE_MONOTONIC="1")


@needs_faketime
def test_a_fast_clock_removes_no_tombstone(place):
    """It is that of a prune at work, which a hold must see."""
    place.make("tsk_1")
    place.sync()
    place.put("tombstones/%s.json" % place.volumes()[0], b"{}")
    place.sync(**clock(FAKETIME="+40d"))
    assert place.keys("tombstones/")
    age(place, place.keys("tombstones/")[0], 90000)
    place.sync()
    assert not place.keys("tombstones/")


@needs_faketime
def test_a_prune_that_is_paused_for_days(place):
    """Its tombstone is gone, so that a hold has not seen it: when it wakes, nothing is removed."""
    place.make("tsk_1")
    place.sync()
    now = place.folder / "now"
    now.write_text("+0d\n")

    def pause(_request):
        now.write_text("+2d\n")
        place.delete(place.keys("tombstones/")[0])
        process = place.start("hold", "--dest", DEST, "tsk_1", "--reason", "audit", XDG_STATE_HOME=str(place.folder / "other"))
        assert process.wait(60) == 0, process.stderr.read()

    place.proxy.fault(lambda r: r.method == "PUT" and "/log/" in r.target, before=pause)
    place.run("prune", "--dest", DEST, "--apply", "--keep-days", "1", check=75,
              **clock(FAKETIME_TIMESTAMP_FILE=str(now), FAKETIME_NO_CACHE="1"))
    assert "was paused" in place.err
    place.check_all(["tsk_1"])
    place.sync()
    assert [row["run_id"] for row in place.find("--runs")] == ["tsk_1"]
    place.check_all(["tsk_1"])
