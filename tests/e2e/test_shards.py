# SPDX-License-Identifier: MIT
"""sync --shard: each run is archived by one shard, with the runs that it started, under whichever of its IDs."""
import json
import os
import subprocess
import sys

import pytest

from conftest import SKYARC
from test_child_runs import block, trigger
from test_sync import query, stamp

DAY = 86400
N = 3
SLURM = {"SLURM_ARRAY_TASK_ID": "1", "SLURM_ARRAY_TASK_MIN": "1", "SLURM_ARRAY_TASK_MAX": "3",
         "SLURM_ARRAY_TASK_STEP": "1", "SLURM_ARRAY_TASK_COUNT": "3"}

# XXH64 by its specification, so that skyarc's hash is compared with another program's
MASK = (1 << 64) - 1
PRIMES = (11400714785074694791, 14029467366897019727, 1609587929392839161, 9650029242287828579, 2870177450012600261)


def rotl(x, r):
    return (x << r | x >> 64 - r) & MASK


def xxh64(data):
    """XXH64, seed 0, of less than 32 bytes."""
    assert len(data) < 32
    p1, p2, p3, p4, p5 = PRIMES
    h, at = p5 + len(data) & MASK, 0
    while at + 8 <= len(data):
        lane = rotl(int.from_bytes(data[at:at + 8], "little") * p2 & MASK, 31) * p1 & MASK
        h = (rotl(h ^ lane, 27) * p1 + p4) & MASK
        at += 8
    if at + 4 <= len(data):
        h = (rotl(h ^ int.from_bytes(data[at:at + 4], "little") * p1 & MASK, 23) * p2 + p3) & MASK
        at += 4
    for byte in data[at:]:
        h = rotl(h ^ byte * p5 & MASK, 11) * p1 & MASK
    h = (h ^ h >> 33) * p2 & MASK
    h = (h ^ h >> 29) * p3 & MASK
    return h ^ h >> 32


def shard_of(ident, n=N):
    return xxh64(ident.encode()) % n + 1


def times(ended):
    return {"created_at": stamp(ended + 60), "finished_at": stamp(ended)}


def page(ident):
    return [{"id": ident + "_a", "type": "html", "data": b"<p>" + ident.encode()}]


@pytest.fixture
def account(emu):
    """56 runs in the list, 24 of them tasks v2, and 10 runs that some of these started: root -> its family."""
    emu.clear()
    emu.mode("today")
    families = {}

    def add(ident, children=(), **story):
        timeline = [block(ident), *(block(c) for c in children[:1]), *(trigger(ident, c) for c in children[1:])]
        emu.run(ident, page(ident), story=dict({"timeline": timeline} if ident.startswith("wr_") else {}, **story),
                run_type="workflow_run", **times((len(families) + 2) * 3600))
        families[ident] = {ident, *children}
        for child in children:
            emu.run(child, page(child), run_type="workflow_run", story={"child": True, "timeline": [block(child)]},
                    **times(40 * DAY))

    for i in range(20):
        add("wr_%d" % i, ["wr_%d_c%d" % (i, k) for k in range(2 if i < 3 else 0)])
    for i in range(24):  # the list names these by their tsk_v2_ IDs
        add("wr_v%d" % i, ["wr_v%d_c" % i] if i < 4 else [], alias="tsk_v2_%d" % i, app_url=i % 3 != 0)
    for i in range(12):
        add("tsk_%d" % i)
    return families


@pytest.fixture
def shard(skyarc):
    """Run a sync of shard K into its directory; its summary."""
    def run(k, *args, n=N, check=0, **more):
        return skyarc("sync", "--dest", "s%d" % k, "--json", "--shard", "%d/%d" % (k, n), *args, check=check,
                      **more).json()
    return run


def runs_in(tmp_path, folder):
    return {r for r, in json_runs(tmp_path / folder)}


def json_runs(folder):
    """The IDs in the manifests of all volumes below a folder."""
    for volume in sorted(folder.glob("*/*/*.tar.zst")):
        done = subprocess.run([SKYARC, "cat", volume, "manifest.json"], check=True, stdout=subprocess.PIPE)
        for run in json.loads(done.stdout)["runs"]:
            yield (run["run_id"],)


def by_root(families, member):
    return next(root for root, all_of in families.items() if member in all_of)


def test_each_run_is_in_one_shard(account, shard, skyarc, emu, tmp_path):
    assert {shard_of(root) for root in account} == {1, 2, 3}
    # a family whose members would be of several shards by their own IDs, and two IDs of different shards
    assert any(len({shard_of(m) for m in members}) > 1 for members in account.values())
    assert any(shard_of("wr_v%d" % i) != shard_of("tsk_v2_%d" % i) for i in range(24))
    found = []
    for k in (1, 2, 3):
        result = shard(k)
        mine = {root for root in account if shard_of(root) == k}
        archived = [r for r, in json_runs(tmp_path / ("s%d" % k))]
        assert sorted(archived) == sorted(m for root in mine for m in account[root])
        assert (result["shard"], result["other_shard_runs"], result["undecided_runs"]) == (
            "%d/3" % k, len(account) - len(mine), 0)
        assert result["new_runs"] == len(mine) and result["archived_runs"] == len(archived)
        found += archived
    assert sorted(found) == sorted(m for members in account.values() for m in members) and len(found) == 66
    before = len(emu.log())
    for k in (1, 2, 3):
        skyarc("verify", "s%d" % k, check=0)
        assert shard(k)["archived_runs"] == 0
        assert sorted(r for r, in json_runs(tmp_path / ("s%d" % k))) == sorted(f for f in found if shard_of(
            by_root(account, f)) == k)
    asked = [r["path"] for r in emu.log()[before:]]
    assert not [p for p in asked if "tsk_v2_" in p], "which shard it is of is asked for once"


def test_the_summary_and_the_metrics_name_the_shard(account, shard, skyarc, tmp_path):
    result = skyarc("sync", "-v", "--dest", "s1", "--shard", "1/3", "--metrics", "m.prom", check=0)
    others = len([r for r in account if shard_of(r) != 1])
    assert "; shard 1/3, other shards: %d, shard not known yet: 0" % others in result.err
    text = (tmp_path / "m.prom").read_text()
    assert 'skyarc_sync_success{shard="1/3"} 1.000\n' in text
    assert 'skyarc_sync_other_shard_runs{shard="1/3"} %d.000\n' % others in text
    assert all("{shard=" in line for line in text.splitlines() if line[0] != "#")
    ended = [line for line in text.splitlines() if line.startswith("skyarc_sync_last_success_timestamp_seconds")]
    skyarc("sync", "--dest", "s1", "--metrics", "m.prom", check=1, SKYVERN_API_KEY="wrong")
    text = (tmp_path / "m.prom").read_text()
    assert ended[0] in text.splitlines() and 'skyarc_sync_success{shard="1/3"} 0.000' in text
    skyarc("sync", "--dest", "all", "--metrics", "all.prom", check=0)
    assert "{" not in (tmp_path / "all.prom").read_text()


def test_a_preview_has_the_same_runs(account, shard, skyarc, tmp_path):
    for k in (1, 2, 3):
        preview = shard(k, "-n")
        assert {r["run_id"] for r in preview["due_runs"]} == {r for r in account if shard_of(r) == k}
        assert preview["shard"] == "%d/3" % k and preview["undecided_runs"] == 0
        assert preview["other_shard_runs"] == len(account) - len(preview["due_runs"])
    assert not (tmp_path / "s1").exists()
    assert b"shard 2/3; other shards: " in skyarc("sync", "-n", "--dest", "s2", "--shard", "2/3", check=0).out


def test_the_schedulers_name_the_shard(account, skyarc, tmp_path):
    first = skyarc("sync", "--dest", "a", "--json", "--shard", "auto/3", check=0, JOB_COMPLETION_INDEX="1").json()
    assert first["shard"] == "2/3"
    for k, task in enumerate((4, 6, 8), 1):
        env = dict(SLURM, SLURM_ARRAY_TASK_ID=str(task), SLURM_ARRAY_TASK_MIN="4", SLURM_ARRAY_TASK_MAX="8",
                   SLURM_ARRAY_TASK_STEP="2")
        assert skyarc("sync", "--dest", "b%d" % k, "--json", "--shard", "auto", check=0, **env).json()["shard"] == (
            "%d/3" % k)
        assert skyarc("sync", "--dest", "b%d" % k, "--json", "--shard", "auto/3", check=0, **env).json()[
            "archived_runs"] == 0
    assert runs_in(tmp_path, "a") == runs_in(tmp_path, "b2")
    # as each option, by a variable or in the configuration
    (tmp_path / "home/.config/skyarc").mkdir(parents=True)
    (tmp_path / "home/.config/skyarc/config").write_text("shard = auto/3\n")
    assert skyarc("sync", "--dest", "c", "--json", check=0, JOB_COMPLETION_INDEX="1").json()["shard"] == "2/3"
    assert skyarc("sync", "--dest", "d", "--json", check=0, SKYARC_SHARD="1/3").json()["shard"] == "1/3"


@pytest.mark.parametrize("given, env, words", [
    ("0/4", {}, ["'0/4'", "K from 1 to N"]), ("5/4", {}, ["'5/4'"]), ("1/0", {}, ["'1/0'"]), ("x", {}, ["'x'"]),
    ("-1/4", {}, ["'-1/4'"]), ("1/99999999999999999999", {}, ["K/N"]), ("1/1000001", {}, ["at most 1000000"]),
    ("auto/4", {"JOB_COMPLETION_INDEX": "4"}, ["JOB_COMPLETION_INDEX is 4", "below 4"]),
    ("auto/4", {"JOB_COMPLETION_INDEX": "x\x1b[31m"}, ["JOB_COMPLETION_INDEX is 'x\\x1b[31m'"]),
    ("auto", {"JOB_COMPLETION_INDEX": "1"}, ["JOB_COMPLETION_INDEX", "auto/N"]),
    ("auto", {}, ["JOB_COMPLETION_INDEX", "SLURM_ARRAY_TASK_ID", "neither"]),
    ("auto/3", dict(SLURM, JOB_COMPLETION_INDEX="1"), ["both", "JOB_COMPLETION_INDEX", "SLURM_ARRAY_TASK_ID"]),
    ("auto/4", SLURM, ["SLURM_ARRAY_TASK_COUNT is 3", "4"]),
    ("auto", dict(SLURM, SLURM_ARRAY_TASK_STEP="0"), ["SLURM_ARRAY_TASK_STEP is 0"]),
    ("auto", dict(SLURM, SLURM_ARRAY_TASK_MIN="2"), ["SLURM_ARRAY_TASK_ID is 1", "SLURM_ARRAY_TASK_MIN"]),
    ("auto", dict(SLURM, SLURM_ARRAY_TASK_ID="9"), ["SLURM_ARRAY_TASK_ID is 9"]),
    ("auto", dict(SLURM, SLURM_ARRAY_TASK_MAX="9"), ["SLURM_ARRAY_TASK_COUNT is 3", "SLURM_ARRAY_TASK_MAX"]),
    ("auto", {"SLURM_ARRAY_TASK_ID": "1"}, ["SLURM_ARRAY_TASK_MIN is not set"]),
])
def test_a_wrong_shard_is_one_clear_line(skyarc, emu, tmp_path, given, env, words):
    result = skyarc("sync", "--dest", "s", "--shard=" + given, check=2, **env)
    line = result.err.splitlines()[0]
    assert "--shard: " in line and all(word in line for word in words), line
    assert "\x1b" not in result.err and not (tmp_path / "s").exists() and not emu.log()


def test_a_directory_remembers_its_shard(account, shard, skyarc, tmp_path):
    shard(1)
    before = runs_in(tmp_path, "s1")
    for other in ("2/3", "1/4", "1/1"):
        for args in (["--json"], ["-n"], ["--rebuild"]):
            result = skyarc("sync", "--dest", "s1", "--shard", other, *args, check=2)
            assert "'s1' is filled with shard 1/3, not with " in result.err and "--reshard" in result.err
        assert "is filled with shard 1/3" in skyarc("sync", "--dest", "s1", "--shard", other, "--list-safe", 1,
                                                    check=2).err
    result = skyarc("sync", "--dest", "s1", "--json", check=0).json()  # without the option, it goes on
    assert result["shard"] == "1/3" and result["archived_runs"] == 0
    (entry,) = map(json.loads, (tmp_path / "s1/log.jsonl").read_text().splitlines())
    assert (entry["what"], entry["part"], entry["reason"]) == ("shard", "1/3", "1/3; before: all runs")
    # also a catalog that is made anew, and one that is lost
    assert skyarc("sync", "--dest", "s1", "--json", "--rebuild", check=0).json()["shard"] == "1/3"
    for name in (tmp_path / "s1").glob("catalog.db*"):
        name.unlink()
    result = skyarc("sync", "--dest", "s1", "--json", check=0)
    assert result.json()["shard"] == "1/3" and runs_in(tmp_path, "s1") == before
    # the log is lost: the catalog has its entries, and gives them back
    (tmp_path / "s1/log.jsonl").unlink()
    assert skyarc("sync", "--dest", "s1", "--json", check=0).json()["shard"] == "1/3"
    assert '"part": "1/3"' in (tmp_path / "s1/log.jsonl").read_text()
    assert skyarc("sync", "--dest", "s1", "--reshard", check=2).err
    # a directory of all runs is no shard
    skyarc("sync", "--dest", "all", check=0)
    assert "is filled with all runs, not with shard 1/3" in skyarc("sync", "--dest", "all", "--shard", "1/3", check=2).err
    assert skyarc("sync", "--dest", "all", "--json", "--shard", "1/1", check=0).json()["shard"] is None


def test_another_number_of_shards(account, shard, skyarc, emu, tmp_path):
    """The runs that a directory has stay, those of its new shard come; a run that it only waited for goes."""
    waiting = [r for r in ("wr_w%d" % i for i in range(200)) if shard_of(r) == 1 and shard_of(r, 4) != 1][0]
    emu.run(waiting, page(waiting), status="running", run_type="workflow_run", created_at=stamp(60), finished_at=None)
    for k in (1, 2, 3):
        shard(k)
    before = runs_in(tmp_path, "s1")
    assert (waiting, "running") in query_of(tmp_path, "s1", "SELECT run_id, state FROM states")
    preview = skyarc("sync", "-n", "--dest", "s1", "--json", "--shard", "1/4", "--reshard", check=0).json()
    result = skyarc("sync", "--dest", "s1", "--json", "--shard", "1/4", "--reshard", check=0).json()
    news = {r for r in account if shard_of(r, 4) == 1} - before
    assert news and {r["run_id"] for r in preview["due_runs"]} == news
    assert runs_in(tmp_path, "s1") == before | {m for root in news for m in account[root]}
    assert result["shard"] == "1/4" and result["new_runs"] == len(news)
    assert not query_of(tmp_path, "s1", "SELECT 1 FROM states WHERE run_id = '%s'" % waiting)
    for k in (2, 3, 4):
        skyarc("sync", "--dest", "s%d" % k, "--shard", "%d/4" % k, "--reshard", check=0)
    everything = set().union(*(runs_in(tmp_path, "s%d" % k) for k in (1, 2, 3, 4)))
    assert everything == {m for members in account.values() for m in members}
    assert (waiting, "running") in query_of(tmp_path, "s%d" % shard_of(waiting, 4), "SELECT run_id, state FROM states")
    # each names as safe what is of its shard now, and all together name each run once
    for k in (1, 2, 3, 4):
        skyarc("sync", "--dest", "s%d" % k, "--settle", "0s", check=0)
    safe = []
    for k in (1, 2, 3, 4):
        result = skyarc("sync", "--dest", "s%d" % k, "--list-safe", "1", check=0)
        safe += result.out.decode().split()
        assert "of other shards than %d/4" % k in result.err or k == 4
    old = {m for root, members in account.items() for m in members if m != root or safe_root(account, root)}
    assert sorted(safe) == sorted(old) and old


def query_of(tmp_path, folder, sql):
    (tmp_path / "vault").unlink(missing_ok=True)
    (tmp_path / "vault").symlink_to(folder)
    try:
        return query(tmp_path, sql)
    finally:
        (tmp_path / "vault").unlink()


def safe_root(account, root):
    """Whether it ended more than a day ago: times are by the order in which the runs were made."""
    return (list(account).index(root) + 2) * 3600 >= DAY


def test_new_directories_from_a_date_on(account, shard, skyarc, emu, tmp_path):
    """Without --reshard: the old directories up to a time, new ones from then on; each run once."""
    when = stamp(20 * 3600)[:19] + "Z"
    for k in (1, 2):
        skyarc("sync", "--dest", "old%d" % k, "--shard", "%d/2" % k, "--until", when, check=0)
    for k in (1, 2, 3):
        skyarc("sync", "--dest", "new%d" % k, "--shard", "%d/3" % k, "--since", when, check=0)
    found = [r for name in ("old1", "old2", "new1", "new2", "new3") for r, in json_runs(tmp_path / name)]
    assert sorted(found) == sorted(m for members in account.values() for m in members)
    assert all(list(json_runs(tmp_path / name)) for name in ("old1", "old2", "new1", "new2", "new3"))


def test_given_runs(account, shard, skyarc, tmp_path):
    """The same file can be given to all shards: each takes its own, by either ID, and says how many it left out."""
    given = ["wr_0", "wr_1", "wr_2", "wr_3", "tsk_v2_0", "wr_v0", "tsk_v2_1", "tsk_0"]
    (tmp_path / "ids").write_text("\n".join(given) + "\n")
    roots = {"wr_0", "wr_1", "wr_2", "wr_3", "wr_v0", "wr_v1", "tsk_0"}
    until = stamp(1000 * DAY)[:10]  # nothing of the list
    for k in (1, 2, 3):
        result = skyarc("sync", "-v", "--dest", "s%d" % k, "--json", "--shard", "%d/3" % k, "-i", "ids", "--until", until,
                        check=0)
        mine = {r for r in roots if shard_of(r) == k}
        assert runs_in(tmp_path, "s%d" % k) == {m for root in mine for m in account[root]}
        assert result.json()["other_shard_runs"] == len(roots - mine)
        for root in roots - mine:
            if not root.startswith("wr_v"):
                assert "run '%s' is of another shard: not archived here" % root in result.err
        if roots - mine:
            assert "left to " in result.err


def test_a_shard_that_cannot_be_looked_up(account, shard, skyarc, emu, tmp_path):
    """A task v2 whose workflow run is not known is left undecided, and said; no shard takes it by chance."""
    for on in ("api/v2/tasks/tsk_v2_3", "v1/runs/tsk_v2_3/timeline"):
        emu.fault(on, "status", times=999, status=500)
    for k in (1, 2, 3):
        result = skyarc("sync", "--dest", "s%d" % k, "--json", "--retries", 0, "--shard", "%d/3" % k, check=3)
        assert "it is not known which shard run 'tsk_v2_3' is of: " in result.err and "500" in result.err
        assert (result.json()["undecided_runs"], result.json()["failed_runs"]) == (1, 1)
        assert "wr_v3" not in runs_in(tmp_path, "s%d" % k)
        report = skyarc("audit", "--json", "s%d" % k, check=3).json()
        (row,) = [r for r in report["run_list"] if r["run_id"] == "tsk_v2_3"]
        assert row["verdict"] == "absent" and "shard" in row["why"]
    emu.reset_faults()
    for k in (1, 2, 3):
        alter_states(tmp_path, k)
        result = shard(k)
        assert result["undecided_runs"] == 0 and result["archived_runs"] == (2 if shard_of("wr_v3") == k else 0)
        assert ("wr_v3" in runs_in(tmp_path, "s%d" % k)) == (shard_of("wr_v3") == k)


def alter_states(tmp_path, k):
    from catalog import alter
    alter(tmp_path / ("s%d" % k), "UPDATE states SET next_ms = 0")


def test_a_task_that_has_no_workflow_run_yet(emu, shard, skyarc, tmp_path):
    """It is undecided while it runs; when it has ended without one, its own ID decides."""
    emu.clear()
    emu.mode("today")
    emu.run("tsk_v2_9", page("t"), status="running", story={"lists": ["tsk_v2_9"]}, created_at=stamp(600), finished_at=None)
    for k in (1, 2, 3):
        result = shard(k)
        assert (result["undecided_runs"], result["archived_runs"], result["waiting_runs"]) == (1, 0, 0)
        assert shard(k)["undecided_runs"] == 1
    emu.run("tsk_v2_9", page("t"), story={"lists": ["tsk_v2_9"]}, **times(3600))
    for k in (1, 2, 3):
        result = shard(k, check=None)
        assert result["undecided_runs"] == 0
        assert result["archived_runs"] == (1 if shard_of("tsk_v2_9") == k else 0)
        assert result["other_shard_runs"] == (0 if shard_of("tsk_v2_9") == k else 1)


def test_who_speaks_of_which_shard(account, shard, skyarc, tmp_path):
    """audit, doctor and hold say it."""
    shard(1)
    report = skyarc("audit", "--json", "s1", check=0).json()
    assert report["shard"] == "1/3" and report["directory_gaps"] == []
    assert {r["run_id"] for r in report["run_list"]} == runs_in(tmp_path, "s1")
    assert [(e["what"], e["reason"]) for e in report["log"]] == [("shard", "1/3; before: all runs")]
    assert b"shard 1/3 of the account" in skyarc("audit", "s1", check=0).out
    skyarc("audit", "-o", "r.html", "s1", check=0)
    assert "Only shard 1/3 of the account" in (tmp_path / "r.html").read_text()
    assert "shard" in skyarc("doctor", "--dest", "s1").out.decode() and b"1/3" in skyarc("doctor", "--dest", "s1").out
    other = next(r for r in account if shard_of(r) != 1 and r.startswith("wr_"))
    result = skyarc("hold", "--dest", "s1", "--reason", "x", other, check=0)
    assert "not of shard 1/3" in result.err and "hold it in the directory of its shard" in result.err
    mine = next("wr_z%d" % i for i in range(99) if shard_of("wr_z%d" % i) == 1)
    assert "it is held in case it will be archived" in skyarc("hold", "--dest", "s1", "--reason", "x", mine, check=0).err
    skyarc("sync", "--dest", "all", check=0)
    assert skyarc("audit", "--json", "all", check=0).json()["shard"] is None


def test_processes_at_the_same_time(account, env, emu, tmp_path):
    """All shards run at once, and all are killed at some time; the next ones finish."""
    def start(k):
        return subprocess.Popen([SKYARC, "sync", "--dest", tmp_path / ("s%d" % k), "--shard", "auto/3"],
                                env=dict(env, JOB_COMPLETION_INDEX=str(k - 1)), stderr=subprocess.PIPE)

    for wait in (0.05, 0.15, 0.3):
        running = [start(k) for k in (1, 2, 3)]
        for process in running:
            try:
                process.wait(wait)
            except subprocess.TimeoutExpired:
                process.kill()
            process.communicate()
    for process in [start(k) for k in (1, 2, 3)]:
        assert process.communicate(timeout=60)[1] is not None and process.returncode == 0
    found = [r for k in (1, 2, 3) for r, in json_runs(tmp_path / ("s%d" % k))]
    assert sorted(found) == sorted(m for members in account.values() for m in members)
