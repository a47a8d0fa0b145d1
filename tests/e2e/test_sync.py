# SPDX-License-Identifier: MIT
"""sync: every run that has ended, once; the catalog, and monitoring."""
import base64
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
import threading

import pytest

from catalog import alter
from conftest import SKYARC


def stamp(ago):
    """The time this many seconds ago, in the format of records."""
    return time.strftime("%Y-%m-%dT%H:%M:%S.000001", time.gmtime(time.time() - ago))


@pytest.fixture
def runs(emu):
    """A run with some artifacts that ended this long ago."""
    emu.clear()

    def make(ident, ended=7200, count=3, size=2000, **record):
        record = dict({"created_at": stamp(ended + 60), "finished_at": stamp(ended),
                       "run_request": {"prompt": "prompt of " + ident}}, **record)
        emu.run(ident, [{"id": "%s_%d" % (ident, i), "type": "html", "signing": "s3",
                         "data": b"<p>%s %d</p>" % (ident.encode(), i) * (size // 20)}
                        for i in range(count)], **record)
        return ident
    return make


@pytest.fixture
def sync(skyarc, tmp_path):
    def run(*args, check=0, **more):
        result = skyarc("sync", "--dest", "vault", "--json", *args, check=check, **more)
        return result.json()
    return run


def volumes(tmp_path):
    return sorted(str(p.relative_to(tmp_path / "vault")) for p in (tmp_path / "vault").glob("*/*/*"))


def query(tmp_path, sql):
    db = sqlite3.connect(tmp_path / "vault/catalog.db")
    try:
        return db.execute(sql).fetchall()
    finally:
        db.close()


def states(tmp_path):
    return dict(query(tmp_path, "SELECT run_id, state FROM states"))


def archived(tmp_path):
    """How often each artifact is in a volume, by the catalog."""
    return dict(query(tmp_path, "SELECT artifact_id, count(*) FROM artifacts GROUP BY 1"))


def test_every_ended_run_once(sync, runs, emu, skyarc, tmp_path):
    for i in range(5):
        runs("tsk_%d" % i, ended=3600 * (i + 1))
    runs("tsk_on", status="running", finished_at=None)
    first = sync()
    assert (first["archived_runs"], first["volumes"], first["artifacts"]) == (5, 1, 15)
    assert first["running_runs"] == 1
    (name,) = volumes(tmp_path)
    year, month, base = name.split("/")
    assert base.startswith("skyarc-%s%s" % (year, month)) and base.endswith("Z.tar.zst")
    assert states(tmp_path)["tsk_on"] == "running"
    again = sync()
    assert (again["archived_runs"], again["volumes"]) == (0, 0)
    assert set(archived(tmp_path).values()) == {1}
    runs("tsk_on")  # it has ended meanwhile, and another one
    runs("tsk_new", ended=4000)
    third = sync()
    assert (third["archived_runs"], third["volumes"]) == (2, 1)
    skyarc("verify", "vault/" + volumes(tmp_path)[1], check=0)
    assert len(archived(tmp_path)) == 21 and set(archived(tmp_path).values()) == {1}


def test_rows_that_name_no_run(sync, runs, emu, tmp_path):
    """An error, and what is named is archived; the rest when it has a name again."""
    runs("tsk_a")
    runs("tsk_b")
    row = {"run_id": "tsk_a", "status": "completed", "created_at": stamp(7260), "finished_at": stamp(7200)}
    text = json.dumps([row, dict(row, run_id=None, id="tsk_b")]).encode()
    emu.fault("runs", "raw", body=base64.b64encode(text).decode())
    summary = sync(check=3)
    assert summary["unread_rows"] == 1 and summary["archived_runs"] == 1
    assert states(tmp_path) == {"tsk_a": "open"}
    assert sync()["archived_runs"] == 1 and set(states(tmp_path)) == {"tsk_a", "tsk_b"}


def test_nothing_new_costs_one_request(sync, runs, emu):
    for i in range(150):
        runs("tsk_%03d" % i, ended=200_000 + 60 * i, count=1)
    sync()
    before = len(emu.log())
    result = sync()
    assert result["archived_runs"] == 0
    new = emu.log()[before:]
    assert len(new) == 1 and new[0]["path"].startswith("/v1/runs?")


def test_a_run_is_sealed_by_a_second_list(sync, runs, emu, tmp_path):
    runs("tsk_a", ended=1200)
    assert sync("--settle", "1s")["archived_runs"] == 1
    assert states(tmp_path) == {"tsk_a": "open"}
    time.sleep(1.1)
    before = len(emu.log())
    result = sync("--settle", "1s")
    assert result["sealed_runs"] == 1 and result["volumes"] == 0
    assert states(tmp_path) == {"tsk_a": "sealed"}
    assert len([r for r in emu.log()[before:] if "/artifacts" in r["path"]]) == 1
    before = len(emu.log())
    sync("--settle", "1s")
    assert len(emu.log()) == before + 1


def test_a_run_that_has_only_just_ended_is_left(sync, runs, tmp_path):
    runs("tsk_a", ended=5)
    result = sync("--settle", "1m")
    assert (result["archived_runs"], result["waiting_runs"]) == (0, 1)
    assert result["oldest_waiting_run"]
    assert sync("--settle", "1s")["archived_runs"] == 1


def test_what_came_later_is_a_supplement(sync, runs, emu, skyarc, tmp_path):
    runs("tsk_a", ended=1200, count=2)
    sync("--settle", "1s")
    (first,) = volumes(tmp_path)
    runs("tsk_a", ended=1200, count=4)
    time.sleep(1.1)
    result = sync("--settle", "1s")
    assert (result["supplements"], result["volumes"], result["artifacts"]) == (1, 1, 2)
    second = volumes(tmp_path)[1]
    manifest = json.loads(skyarc("cat", "vault/" + second, "manifest.json", check=0).out)
    assert manifest["runs"][0]["supplements"] == first
    assert {a["artifact_id"] for a in manifest["artifacts"]} == {"tsk_a_2", "tsk_a_3"}
    assert set(archived(tmp_path).values()) == {1}
    fetched = [r["path"].split("/")[-1].split("?")[0] for r in emu.log("store")]
    assert sorted(fetched) == sorted(set(fetched))  # nothing twice
    time.sleep(1.1)
    assert sync("--settle", "1s")["sealed_runs"] == 1


def test_volumes_are_cut(sync, runs, tmp_path):
    for i in range(9):
        runs("tsk_%d" % i, ended=7200 + i, count=2, size=100_000)
    assert sync("--volume-runs", "4")["volumes"] == 3
    counts = [c for _, c in query(tmp_path, "SELECT volume, count(*) FROM runs GROUP BY 1")]
    assert counts == [4, 4, 1]
    for i in range(9):
        runs("tsk_b%d" % i, ended=3600 + i, count=2, size=100_000)
    assert sync("--volume-size", "500k")["volumes"] == 3
    assert set(archived(tmp_path).values()) == {1}
    # oldest first
    ends = [r for (r,) in query(tmp_path, "SELECT max(created_at) FROM runs GROUP BY volume ORDER BY volume")]
    assert ends[:3] == sorted(ends[:3]) and ends[3:] == sorted(ends[3:])


def test_the_catalog_is_made_again(sync, runs, skyarc, tmp_path):
    for i in range(4):
        runs("tsk_%d" % i, ended=100_000 + i)
        sync()
    skyarc("hold", "--dest", "vault", "--reason", "audit 7", "tsk_1", check=0)
    tables = ["SELECT name, size, manifest_sha256 FROM volumes ORDER BY 1",
              "SELECT r.run_id, v.name, status, created_at, finished_at, prompt, artifacts, missing, bytes"
              " FROM runs r JOIN volumes v ON v.id = volume ORDER BY 1",
              "SELECT run_id, artifact_id, type, path, hex(sha256), size FROM artifacts a"
              " JOIN objects o ON o.id = a.object ORDER BY 1, 2",
              "SELECT run_id, state FROM states ORDER BY 1", "SELECT run_id, reason FROM holds",
              "SELECT what, run_id, reason, at_ms FROM log"]
    before = [query(tmp_path, sql) for sql in tables]
    assert all(before)
    for path in (tmp_path / "vault").glob("catalog.db*"):
        path.unlink()
    assert sync("--rebuild")["healed_volumes"] == 4
    assert [query(tmp_path, sql) for sql in tables] == before
    assert sync()["archived_runs"] == 0
    (tmp_path / "vault/catalog.db").unlink()  # without --rebuild it heals as well
    assert sync()["archived_runs"] == 0
    assert len(volumes(tmp_path)) == 4


def test_a_broken_catalog_is_made_again(sync, runs, skyarc, tmp_path):
    runs("tsk_a")
    sync()
    (tmp_path / "vault/catalog.db").write_bytes(b"this is no database at all, but long enough" * 50)
    for path in (tmp_path / "vault").glob("catalog.db-*"):
        path.unlink()
    assert "'skyarc sync' rebuilds the catalog" in skyarc("find", "vault", check=1).err
    result = skyarc("sync", "--dest", "vault", "--json", check=0)
    assert "catalog.db.damaged" in result.err
    assert (result.json()["healed_volumes"], result.json()["archived_runs"]) == (1, 0)
    assert sync("--rebuild")["healed_volumes"] == 1


@pytest.mark.parametrize("moment", ["intent", "partial", "between"])
def test_a_crash_is_healed(sync, runs, emu, env, tmp_path, moment):
    for i in range(30):
        runs("tsk_%02d" % i, ended=100_000 + i, count=4, size=60_000)
    if moment == "between":  # the volume exists, but the catalog lacks it
        sync()
        (name,), = query(tmp_path, "SELECT name FROM volumes")
        alter(tmp_path / "vault", "DELETE FROM volumes", "UPDATE states SET state = 'due'",
              ("INSERT INTO intents VALUES(?, ?)", (name, "\n".join("tsk_%02d" % i for i in range(30)))))
    else:
        if moment == "partial":
            emu.fault("tsk_29_3", "slow", times=9, steps=100, pause=0.2)
            for i in range(0, 30, 3):
                emu.fault("tsk_%02d_0" % i, "slow", steps=3, pause=0.1)
        process = subprocess.Popen([SKYARC, "sync", "--dest", "vault", "-j", "4"], env=env, cwd=tmp_path,
                                   stderr=subprocess.DEVNULL)
        end = time.monotonic() + 20
        want = 1 if moment == "intent" else 100
        while len(emu.log("store")) < want and time.monotonic() < end:
            time.sleep(0.005)
        time.sleep(1.3 if moment == "partial" else 0)
        process.kill()
        process.wait()
        emu.reset_faults()
    result = sync()
    assert result["healed_volumes"] >= 1 or moment == "intent"
    assert len(volumes(tmp_path)) == 1
    assert len(archived(tmp_path)) == 120 and set(archived(tmp_path).values()) == {1}
    assert not query(tmp_path, "SELECT * FROM intents")
    assert sync()["archived_runs"] == 0


def test_what_fails_is_tried_again_and_what_is_gone_is_told_once(sync, runs, emu, skyarc, tmp_path):
    runs("tsk_a", ended=100_000)
    emu.fault("tsk_a_1", "status", times=99, status=500)
    emu.fault("tsk_a_2", "status", times=99, status=404)
    first = sync("--retries", "0", check=3)
    assert first["missing"] == 2
    assert states(tmp_path) == {"tsk_a": "open"}
    alter(tmp_path / "vault", "UPDATE states SET next_ms = 0")
    again = sync("--retries", "0", check=3)  # fails again: no volume for nothing
    assert again["volumes"] == 0 and len(volumes(tmp_path)) == 1
    (tries, next_ms), = query(tmp_path, "SELECT tries, next_ms FROM states")
    assert tries == 1 and next_ms > time.time() * 1000 + 3_000_000
    before = len(emu.log())
    assert sync()["missing"] == 0 and len(emu.log()) == before + 1  # not yet
    emu.reset_faults()
    alter(tmp_path / "vault", "UPDATE states SET next_ms = 0")
    third = sync()
    assert (third["volumes"], third["artifacts"], third["missing"]) == (1, 1, 0)
    assert query(tmp_path, "SELECT artifact_id, final FROM missing") == [("tsk_a_2", 1)]
    assert not [r for r in emu.log("store")[-1:] if "tsk_a_2" in r["path"]]


def test_runs_that_fail_do_not_stop_the_others(sync, runs, emu, tmp_path):
    runs("tsk_bad", ended=200_000)
    for i in range(3):
        runs("tsk_%d" % i, ended=100_000 + i)
    emu.fault("list/tsk_bad", "status", times=99, status=500)
    result = sync("--retries", "0", check=3)
    assert (result["archived_runs"], result["failed_runs"]) == (3, 1)
    assert states(tmp_path)["tsk_bad"] == "due"
    assert sync()["archived_runs"] == 0  # put off
    emu.reset_faults()
    alter(tmp_path / "vault", "UPDATE states SET next_ms = 0")
    assert sync()["archived_runs"] == 1


def test_a_status_that_a_run_comes_to_have(sync, runs, tmp_path):
    """A filter by status must not miss a run that was still going on while newer ones had ended."""
    runs("tsk_slow", ended=20_000, status="running", finished_at=None)
    runs("tsk_good", ended=9000)
    runs("tsk_bad", ended=8000, status="failed")
    assert sync("--status", "failed")["archived_runs"] == 1
    assert states(tmp_path) == {"tsk_bad": "open", "tsk_slow": "running"}
    runs("tsk_slow", ended=20_000, status="failed", finished_at=stamp(1000))
    assert sync("--status", "failed")["archived_runs"] == 1
    assert set(states(tmp_path)) == {"tsk_bad", "tsk_slow"}
    assert sync()["archived_runs"] == 1  # another filter lists all of it
    assert set(archived(tmp_path).values()) == {1} and len(archived(tmp_path)) == 9


def test_the_schema_has_a_version(sync, skyarc, runs, tmp_path):
    runs("tsk_a")
    sync()
    db = sqlite3.connect(tmp_path / "vault/catalog.db")
    assert db.execute("PRAGMA user_version").fetchone() == (6,)
    assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert not db.execute("PRAGMA foreign_key_check").fetchall()
    db.close()
    alter(tmp_path / "vault", "PRAGMA user_version = 99")
    assert "newer skyarc" in skyarc("sync", "--dest", "vault", check=1).err
    assert "newer skyarc" in skyarc("find", "vault", check=1).err


def test_ids_from_a_file(sync, runs, emu, skyarc, tmp_path):
    runs("tsk_old", ended=10_000_000)
    runs("tsk_new", ended=100_000)
    assert sync("--since", "30d")["archived_runs"] == 1
    (tmp_path / "ids").write_text("tsk_old\ntsk_nobody\n")
    result = sync("--since", "30d", "-i", "ids")
    assert result["archived_runs"] == 1
    assert states(tmp_path) == {"tsk_old": "sealed", "tsk_new": "sealed", "tsk_nobody": "gone"}
    runs("tsk_older", ended=9_000_000)
    assert sync("--since", "30d")["archived_runs"] == 0
    assert sync()["archived_runs"] == 1  # further back than it was listed so far


def test_the_services_window_is_told(skyarc, emu, runs, tmp_path):
    emu.many(10050, record={"finished_at": stamp(0), "status": "running"})
    result = skyarc("sync", "--dest", "vault", check=3, timeout=120)
    assert "newest 10000 runs" in result.err and "--input" in result.err


def test_one_at_a_time(sync, runs, emu, env, skyarc, tmp_path):
    runs("tsk_a", ended=100_000)
    emu.fault("tsk_a_0", "slow", times=9, steps=30, pause=0.1)
    process = subprocess.Popen([SKYARC, "sync", "--dest", "vault"], env=env, cwd=tmp_path)
    end = time.monotonic() + 10
    while not emu.log("store") and time.monotonic() < end:
        time.sleep(0.02)
    second = skyarc("sync", "--dest", "vault", check=75)
    assert "PID %d on " % process.pid in second.err and "since 20" in second.err
    waiting = skyarc("sync", "--dest", "vault", "--lock-wait", "20s", check=0)
    assert "another" not in waiting.err
    assert process.wait(20) == 0
    process = subprocess.Popen([SKYARC, "sync", "--dest", "vault"], env=env, cwd=tmp_path)
    process.kill()
    process.wait()
    skyarc("sync", "--dest", "vault", check=0)  # no lock outlives its holder


def test_silence_from_cron(skyarc, runs, tmp_path):
    runs("tsk_a", ended=100_000)
    for _ in range(2):
        result = skyarc("sync", "--dest", "vault", check=0)
        assert result.out == b"" and result.err == ""
    assert "1 run" not in skyarc("sync", "--dest", "vault", check=0).err
    assert "0 runs in 0 volumes" in skyarc("sync", "--dest", "vault", "-v", check=0).err


def test_metrics_and_ping(skyarc, runs, emu, tmp_path):
    seen = []

    class Switch(BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append((self.path, self.headers.get("x-api-key")))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"OK")

        def log_message(self, *args):
            pass

    switch = HTTPServer(("127.0.0.1", 0), Switch)
    threading.Thread(target=switch.serve_forever, daemon=True).start()
    url = "http://127.0.0.1:%d/uuid" % switch.server_address[1]
    runs("tsk_a", ended=100_000)
    skyarc("sync", "--dest", "vault", "--metrics", "m.prom", "--ping", url, check=0)
    text = (tmp_path / "m.prom").read_text()
    values = dict(line.split() for line in text.splitlines() if not line.startswith("#"))
    success = float(values["skyarc_sync_last_success_timestamp_seconds"])
    assert abs(success - time.time()) < 60 and values["skyarc_sync_success"] == "1.000"
    assert values["skyarc_sync_runs"] == "1.000" and values["skyarc_sync_artifacts"] == "3.000"
    emu.fault("runs", "status", times=99, status=500)
    skyarc("sync", "--dest", "vault", "--retries", "0", "--metrics", "m.prom", "--ping", url, check=1)
    values = dict(line.split() for line in (tmp_path / "m.prom").read_text().splitlines()
                  if not line.startswith("#"))
    assert float(values["skyarc_sync_last_success_timestamp_seconds"]) == success
    assert values["skyarc_sync_success"] == "0.000"
    skyarc("sync", "--dest", "vault", "--retries", "0", "--metrics", "new.prom", check=1)  # a new file: the catalog knows
    values = dict(line.split() for line in (tmp_path / "new.prom").read_text().splitlines() if not line.startswith("#"))
    assert abs(float(values["skyarc_sync_last_success_timestamp_seconds"]) - success) < 5
    switch.shutdown()
    assert seen == [("/uuid/start", None), ("/uuid", None), ("/uuid/start", None), ("/uuid/fail", None)]
    emu.reset_faults()
    result = skyarc("sync", "--dest", "vault", "--ping", "http://127.0.0.1:9/x", check=0)
    assert "--ping" in result.err  # the monitoring service is unavailable: only a warning


def test_list_safe(skyarc, sync, runs, emu, tmp_path):
    runs("tsk_old", ended=40 * 86400)
    runs("tsk_new", ended=86400 * 3)
    runs("tsk_lacks", ended=40 * 86400)
    emu.fault("tsk_lacks_0", "status", times=99, status=404)
    sync(check=3)
    def safe(*args):
        return skyarc("sync", "--dest", "vault", "--list-safe", *args, check=0).out.decode().split()
    assert safe("30") == ["tsk_old"]
    assert safe("1") == ["tsk_old", "tsk_new"]
    alter(tmp_path / "vault", "UPDATE volumes SET verified_ms = NULL")
    assert safe("1") == []


def test_syncs_are_remembered(sync, runs, emu, env, skyarc, tmp_path):
    runs("tsk_a", ended=100_000)
    emu.fault("tsk_a_0", "status", times=99, status=404)
    sync(check=3)
    emu.fault("runs", "status", times=99, status=500)
    skyarc("sync", "--dest", "vault", "--retries", "0", check=1)
    emu.reset_faults()
    runs("tsk_b", ended=90_000)
    emu.fault("tsk_b_0", "slow", times=9, steps=100, pause=0.1)
    for number in (signal.SIGTERM, signal.SIGKILL):
        before = len(emu.log("store"))
        process = subprocess.Popen([SKYARC, "sync", "--dest", "vault"], env=env, cwd=tmp_path,
                                   stderr=subprocess.DEVNULL)
        end = time.monotonic() + 10
        while len(emu.log("store")) == before and time.monotonic() < end:
            time.sleep(0.02)
        process.send_signal(number)
        process.wait(10)
    emu.reset_faults()
    sync()
    rows = query(tmp_path, "SELECT outcome, runs, artifacts, missing, error, ended_ms >= began_ms FROM syncs ORDER BY id")
    assert [r[0] for r in rows] == ["incomplete", "failed", "stopped", "killed", "done"]
    assert rows[0][1:4] == (1, 2, 1) and "cannot list runs" in rows[1][4] and rows[4][1:3] == (1, 3)


def test_usage(skyarc, tmp_path):
    for args, words in [(["sync"], "--dest"), (["sync", "--dest", "d", "tsk_1"], "no operand"),
                        (["sync", "--dest", "d", "-o", "x.tar"], "unknown option '-o'"),
                        (["sync", "--dest", "d", "--format", "zip"], "tar.zst"),
                        (["sync", "--dest", "d", "--strict"], "--strict")]:
        assert words in skyarc(*args, check=2).err


def test_stopped_by_a_signal(runs, emu, env, sync, tmp_path):
    for i in range(10):
        runs("tsk_%d" % i, ended=100_000 + i, size=50_000)
    emu.fault("tsk_9_2", "slow", times=9, steps=100, pause=0.2)
    process = subprocess.Popen([SKYARC, "sync", "--dest", "vault"], env=env, cwd=tmp_path,
                               stderr=subprocess.PIPE)
    end = time.monotonic() + 10
    while len(emu.log("store")) < 30 and time.monotonic() < end:
        time.sleep(0.02)
    time.sleep(1)  # until all but the slow one have been received
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=10)
    assert process.returncode == 128 + signal.SIGTERM and b"the next sync resumes" in err
    emu.reset_faults()
    before = len(emu.log("store"))
    assert sync()["healed_volumes"] >= 1
    assert len(emu.log("store")) - before <= 3
    assert len(archived(tmp_path)) == 30 and set(archived(tmp_path).values()) == {1}


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze here")
def test_the_units(tmp_path):
    top = os.path.dirname(os.path.abspath(__file__)) + "/../../contrib/"
    for name in ("skyarc-sync.service", "skyarc-sync.timer", "skyarc-listen.service"):
        with open(top + name, encoding="utf-8") as file:
            text = file.read().replace("/usr/bin/skyarc", SKYARC).replace("man:skyarc(1)", "man:ls(1)")
        (tmp_path / name).write_text(text)
    done = subprocess.run(["systemd-analyze", "verify", *(str(p) for p in tmp_path.glob("skyarc-*"))],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0 and b"skyarc" not in done.stdout, done.stdout


def test_priorities_under_systemd(env, runs, emu, tmp_path):
    emu.fault("runs", "status", times=99, status=500)
    with open(tmp_path / "journal", "wb") as file:
        st = os.fstat(file.fileno())
        for stream in ("%d:%d" % (st.st_dev, st.st_ino), "1:2"):
            subprocess.run([SKYARC, "sync", "--dest", "vault", "--retries", "0"], cwd=tmp_path, stderr=file,
                           env=dict(env, JOURNAL_STREAM=stream), check=False)
    first, second = (tmp_path / "journal").read_text().splitlines()
    assert first.startswith("<3>skyarc: error: ") and second.startswith("skyarc: error: ")


def test_a_run_that_cannot_be_listed_is_no_success(skyarc, runs, emu, tmp_path):
    """The metrics and the ping say so; the exit status is 3."""
    runs("tsk_a", ended=100_000)
    runs("tsk_b", ended=100_000)
    emu.fault("list/tsk_b", "status", times=99, status=500)
    skyarc("sync", "--dest", "vault", "--retries", "0", "--metrics", "m.prom", check=3)
    values = dict(line.split() for line in (tmp_path / "m.prom").read_text().splitlines() if not line.startswith("#"))
    assert values["skyarc_sync_success"] == "0.000" and values["skyarc_sync_failed_runs"] == "1.000", values
    assert values["skyarc_sync_runs"] == "1.000" and values["skyarc_sync_last_success_timestamp_seconds"] == "0.000"
    again = skyarc("sync", "--dest", "vault", "--retries", "0", "--metrics", "m.prom", "-v", check=0)
    assert "0 runs failed, 0 running, 1 waiting, in " in again.err
    assert "\nskyarc_sync_waiting_runs 1.000\n" in (tmp_path / "m.prom").read_text()


@pytest.mark.parametrize("command", [["sync"], ["hold", "tsk_a"], ["prune", "--keep-days", "1", "--apply"]], ids=lambda c: c[0])
def test_a_log_that_is_no_file(skyarc, runs, sync, tmp_path, command):
    runs("tsk_a", ended=100_000)
    sync()
    (tmp_path / "vault/log.jsonl").unlink(missing_ok=True)
    os.mkfifo(tmp_path / "vault/log.jsonl")
    got = skyarc(command[0], "--dest", "vault", *command[1:])
    assert got.code in (1, 2) and "log.jsonl' is not a regular file" in got.err and "truncate" not in got.err, got
