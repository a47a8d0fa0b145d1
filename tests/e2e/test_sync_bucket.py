# SPDX-License-Identifier: MIT
"""sync into a bucket: each run once, whatever is killed, lost or refused in between; a foreign reader (boto3, tar) finds
every volume whole; and commands read the volumes where they are."""
import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import time

import pytest

import authority
import fault_proxy
import object_store
from catalog import alter
from conftest import SKYARC
from test_shards import shard_of
from test_view_server import Viewer

pytestmark = pytest.mark.skipif(not object_store.program(), reason="versitygw is not here: scripts/get-versitygw")
pytest.importorskip("boto3")

DEST = "s3://runs/night"
QUICK = ("--settle", "0s")


def stamp(ago):
    return time.strftime("%Y-%m-%dT%H:%M:%S.000001", time.gmtime(time.time() - ago))


class Place:
    """A bucket behind a proxy, and the machine that syncs into it."""

    def __init__(self, emu, gateway, proxy, env, folder):
        self.emu, self.gateway, self.proxy, self.folder = emu, gateway, proxy, folder
        self.s3 = gateway.client()
        self.states = 0
        self.prefix = "night/"
        self.env = dict(env, **gateway.env(AWS_ENDPOINT_URL=proxy.url, AWS_EC2_METADATA_DISABLED="true"))
        self.machine()

    def dest(self):
        return "s3://runs/" + self.prefix.rstrip("/")

    def machine(self):
        """Another machine: it has no work directory yet."""
        self.states += 1
        self.state = self.folder / ("state%d" % self.states)
        self.env["XDG_STATE_HOME"] = str(self.state)

    def work(self):
        (found,) = (self.state / "skyarc/sync").iterdir()
        return found

    def forget(self):
        """The work directory is lost, and the lease of who was killed has expired."""
        shutil.rmtree(self.state, ignore_errors=True)
        self.expire()

    def expire(self):
        for key in self.keys("leases/"):
            self.delete(key)

    def make(self, ident, ended=90000, count=3, size=2000, **record):
        record = dict({"created_at": stamp(ended + 60), "finished_at": stamp(ended),
                       "run_request": {"prompt": "prompt of " + ident}}, **record)
        self.emu.run(ident, [{"id": "%s_%d" % (ident, i), "type": "html", "signing": "s3",
                              "data": b"<p>%s %d</p>" % (ident.encode(), i) * (size // 20)} for i in range(count)], **record)
        return ident

    def start(self, *args, **more):
        return subprocess.Popen([SKYARC, *map(str, args)], env=dict(self.env, **more), cwd=self.folder,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def run(self, *args, check=0, **more):
        process = self.start(*args, **more)
        self.out, err = process.communicate(timeout=180)
        self.err = err.decode(errors="replace")
        assert process.returncode >= 0, (args, process.returncode, self.err)
        assert "Sanitizer" not in self.err and object_store.SECRET not in self.err + self.out.decode(errors="replace")
        assert check is None or process.returncode == check, (args, process.returncode, self.err)
        return self.out

    def sync(self, *args, check=0, **more):
        return json.loads(self.run("sync", "--dest", self.dest(), "--json", *QUICK, *args, check=check, **more))

    def keys(self, folder=""):
        found = []
        for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket="runs", Prefix=self.prefix + folder):
            found += [item["Key"][len(self.prefix):] for item in page.get("Contents", [])]
        return found

    def volumes(self):
        return [key for key in self.keys() if re.fullmatch(r"\d{4}/\d\d/skyarc-.*\.tar\.zst", key)]

    def commits(self):
        return {key[len("commits/"):-len(".json")]: json.loads(self.get(key)) for key in self.keys("commits/")}

    def uploads(self):
        return self.s3.list_multipart_uploads(Bucket="runs").get("Uploads", [])

    def get(self, key):
        return self.s3.get_object(Bucket="runs", Key=self.prefix + key)["Body"].read()

    def put(self, key, body):
        self.s3.put_object(Bucket="runs", Key=self.prefix + key, Body=body)

    def delete(self, key):
        self.s3.delete_object(Bucket="runs", Key=self.prefix + key)

    def find(self, *args, check=0):
        return json.loads(self.run("find", DEST, "--json", *args, check=check))

    def check_all(self, runs):
        """Each of these runs is in one committed volume, and each volume is whole, as boto3 and tar read it."""
        commits = self.commits()
        assert sorted(commits) == sorted(self.volumes())
        held = {}
        for name, commit in commits.items():
            body = self.get(name)
            assert commit["size"] == len(body) and commit["sha256"] == hashlib.sha256(body).hexdigest()
            local = self.folder / name.rpartition("/")[2]
            local.write_bytes(body)
            listed = subprocess.run(["tar", "-tf", local], check=True, capture_output=True, text=True).stdout
            text = subprocess.run(["tar", "-xOf", local, [line for line in listed.splitlines() if line.endswith("/manifest.json")][0]],
                                  check=True, capture_output=True).stdout
            assert commit["manifest_sha256"] == hashlib.sha256(text).hexdigest()
            manifest = json.loads(text)
            assert [run["run_id"] for run in manifest["runs"]] == [run["run_id"] for run in commit["runs"]]
            for run in manifest["runs"]:
                assert run["run_id"] not in held, run
                held[run["run_id"]] = name
                paths = [row["path"] for row in manifest["artifacts"] if row["run_id"] == run["run_id"]]
                assert len(paths) == 3
            self.run("verify", local.name)
            local.unlink()
        assert sorted(held) == sorted(runs)
        assert not self.uploads()
        return held


@pytest.fixture
def place(emu, env, tmp_path):
    gateway = object_store.Gateway(tmp_path / "store")
    proxy = fault_proxy.Proxy(gateway.port, None)
    emu.clear()
    yield Place(emu, gateway, proxy, env, tmp_path)
    proxy.close()
    gateway.close()


def test_every_ended_run_once(place):
    ids = [place.make("tsk_%d" % i, ended=90000 + 3600 * i) for i in range(7)]
    place.make("tsk_on", status="running", finished_at=None)
    first = place.sync("--volume-runs", "3")
    assert (first["archived_runs"], first["volumes"], first["artifacts"], first["running_runs"]) == (7, 3, 21, 1)
    place.check_all(ids)
    assert not list(place.work().glob("*/*/*"))  # nothing is left of them here
    second = place.sync("--volume-runs", "3")
    assert (second["archived_runs"], second["volumes"], second["healed_volumes"]) == (0, 0, 0)
    assert {row["run_id"] for row in place.find("--runs")} == set(ids)


def test_readers(place, tmp_path):
    place.make("tsk_1")
    place.make("tsk_2", ended=95000)
    place.sync()
    data = place.emu.data("tsk_1_1")
    for machine in range(2):
        assert place.run("cat", DEST, "tsk_1_1") == data
        assert len(place.find("--run", "tsk_1")) == 3
        assert b"tsk_1_1" in place.run("list", DEST, "-r", "tsk_1", "--json")
        place.run("extract", DEST, "-r", "tsk_2", "-C", "out%d" % machine)
        assert list(tmp_path.glob("out%d/**/*tsk_2_0*" % machine))
        place.run("report", DEST, "-r", "tsk_1", "-o", "report%d.html" % machine)
        assert b"1 archive" in place.run("verify", DEST)
        # a new machine does not know for which times the service was asked: only the catalog has it
        place.run("audit", DEST, "-o", "audit%d.json" % machine, check=3 if machine else 0)
        assert "tsk_2" in (tmp_path / ("audit%d.json" % machine)).read_text()
        assert place.run("sync", "--dest", DEST, "--list-lost") == b""
        place.run("diff", DEST, "tsk_1", "tsk_2", check=None)
        assert "error" not in place.err
        (name,) = place.volumes()
        assert place.run("cat", DEST + "/" + name, "tsk_1_1") == data
        place.machine()


def test_readers_without_a_home(place, tmp_path):
    """Another machine, with one directory that can be written, which --work-dir names."""
    place.make("tsk_1")
    place.sync()
    nowhere = {"HOME": "/dev/null", "XDG_STATE_HOME": "", "STATE_DIRECTORY": ""}
    place.run("find", DEST, check=1, **nowhere)
    data = place.emu.data("tsk_1_1")
    for command in (["find", DEST], ["list", DEST, "-r", "tsk_1"], ["extract", DEST, "-r", "tsk_1", "-C", "out"],
                    ["report", DEST, "-r", "tsk_1", "-o", "report.html"], ["verify", DEST],
                    ["diff", DEST, "tsk_1", "tsk_1"], ["audit", DEST, "-o", "audit.json"],
                    ["hold", "--dest", DEST, "tsk_1"]):
        place.run(*command, "--work-dir", tmp_path / "work" / command[0], check=None, **nowhere)
        assert "error" not in place.err, (command, place.err)
        assert (tmp_path / "work" / command[0] / "catalog.db").exists(), command
    assert place.run("cat", DEST, "tsk_1_1", SKYARC_WORK_DIR=str(tmp_path / "work/cat"), **nowhere) == data
    shown = Viewer(dict(place.env, SKYARC_WORK_DIR=str(tmp_path / "work/view"), **nowhere), DEST, cwd=place.folder)
    try:
        assert b"tsk_1" in shown.ask("/view/tsk_1.json")[2]
    finally:
        assert shown.stop()[0] in (0, 130)


def test_view(place):
    place.make("tsk_1")
    place.make("tsk_2", ended=95000)
    place.sync("--volume-runs", "1")
    place.machine()
    shown = Viewer(place.env, DEST, cwd=place.folder)
    try:
        assert [b"tsk_%d" % i in shown.ask("/view/tsk_%d.json" % i)[2] for i in (1, 2)] == [True, True]
    finally:
        assert shown.stop()[0] in (0, 130)


def test_what_a_picture_costs(place):
    """One of many artifacts of a volume: at most three requests and 8 MiB, when the catalog knows it."""
    place.emu.run("tsk_big", [{"id": "big%d" % i, "type": "screenshot_final", "data": random.Random(i).randbytes(1_000_000),
                               "signing": "s3"} for i in range(40)], created_at=stamp(90060), finished_at=stamp(90000))
    place.sync()
    place.proxy.requests.clear()
    assert place.run("cat", DEST, "big7") == place.emu.data("big7")
    assert len(place.proxy.requests) <= 3, [(request.method, request.target) for request in place.proxy.requests]
    ranges = [re.fullmatch(r"bytes=(\d*)-(\d+)", request.header("range")) for request in place.proxy.requests]
    assert sum(int(found[2]) - int(found[1]) + 1 if found[1] else int(found[2]) for found in ranges) <= 8 << 20


def test_another_machine_goes_on(place):
    ids = [place.make("tsk_%d" % i) for i in range(3)]
    place.sync()
    place.machine()
    ids.append(place.make("tsk_new"))
    done = place.sync()
    assert (done["archived_runs"], done["healed_volumes"]) == (1, 1)
    place.check_all(ids)


def test_killed_at_any_time(place):
    """Fifty times; half of the times the work directory is lost, too."""
    dice = random.Random(19)
    ids = [place.make("tsk_first_%d" % i) for i in range(2)]
    began = time.monotonic()
    place.sync("--volume-runs", "1")
    took = time.monotonic() - began
    for turn in range(50):
        ids += [place.make("tsk_%d_%d" % (turn, i), ended=90000 + i) for i in range(2)]
        process = place.start("sync", "--dest", DEST, *QUICK, "--volume-runs", "1")
        time.sleep(dice.uniform(0, 1.2 * took))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if dice.random() < 0.5:
            place.forget()
    place.sync("--volume-runs", "1000")
    place.check_all(ids)
    assert place.sync()["archived_runs"] == 0
    assert not list(place.work().glob("*/*/*"))


STEPS = {
    "the volume": lambda r: r.method == "PUT" and r.target.split("?")[0].endswith(".tar.zst"),
    "the commit": lambda r: r.method == "PUT" and "/commits/" in r.target,
}


@pytest.mark.parametrize("lost", [False, True])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_a_step(place, step, when, lost):
    """The process dies when a request comes, or when the store has done it; the work directory may be lost with it."""
    ids = [place.make("tsk_%d" % i) for i in range(2)]
    processes = []

    def die(_request):
        processes[0].send_signal(signal.SIGKILL)
        processes[0].wait()

    place.proxy.fault(STEPS[step], **{when: die})
    if when == "before":
        place.proxy.faults[-1][3].instead = fault_proxy.error(503, "SlowDown")
    processes.append(place.start("sync", "--dest", DEST, *QUICK, "--volume-runs", "1"))
    processes[0].communicate(timeout=60)
    assert processes[0].returncode == -signal.SIGKILL
    if lost:
        place.forget()
    place.sync()
    place.check_all(ids)


ONCE = {
    "answer lost": {"cut": -1},
    "500": {"instead": fault_proxy.error(500, "InternalError")},
    "503": {"instead": fault_proxy.error(503, "SlowDown")},
    "reset": {"cut": -1, "instead": fault_proxy.error(500, "InternalError")},
}


@pytest.mark.parametrize("name", ONCE)
def test_a_fault_that_passes(place, name):
    ids = [place.make("tsk_%d" % i) for i in range(2)]
    for kind in ("put", "get", "head", "list", "uploads"):
        place.proxy.fault(kind, **ONCE[name])
    place.sync("--volume-runs", "1")
    place.check_all(ids)
    for kind in ("put", "get", "list"):
        place.proxy.fault(kind, **ONCE[name])
    place.run("hold", "--dest", DEST, "tsk_0", "--reason", "audit")
    assert [row["run_id"] for row in json.loads(place.run("hold", "--dest", DEST, "--json"))] == ["tsk_0"]


def test_an_upload_that_fails(place):
    """The volume stays here, is named, and is uploaded by the next sync, without a request to the service for it."""
    ids = [place.make("tsk_1")]
    place.proxy.fault(STEPS["the volume"], times=1000, instead=fault_proxy.error(403, "AccessDenied"))
    failed = place.sync("--retries", "0", check=1)
    assert "cannot upload volume" in failed["error"] and not place.volumes()
    assert len(list(place.work().glob("*/*/*.tar.zst"))) == 1
    place.proxy.clear()
    place.emu.forget("tsk_1")
    done = place.sync()
    assert done["archived_runs"] == 0
    place.check_all(ids)


def test_gone_cut_and_swapped(place):
    """What is changed in the bucket is found by the next list; its runs are fetched again, and nothing is deleted."""
    ids = [place.make("tsk_%d" % i, ended=90000 + i) for i in range(4)]
    place.sync("--volume-runs", "1")
    held = place.check_all(ids)
    whole = place.get(held["tsk_1"])
    place.delete(held["tsk_0"])
    place.put(held["tsk_1"], whole[:-100])
    place.put(held["tsk_2"], place.get(held["tsk_3"]))
    done = place.sync(check=3)
    assert (done["gone_volumes"], done["differing_volumes"], done["archived_runs"]) == (1, 2, 3)
    marks = [key for key in place.keys() if key.endswith(".differs.json")]
    assert sorted(marks) == sorted(held[run] + ".differs.json" for run in ("tsk_1", "tsk_2"))
    assert place.sync()["archived_runs"] == 0
    place.run("verify", DEST)
    # the good object is put back: it counts again
    place.put(held["tsk_1"], whole)
    assert place.sync()["healed_volumes"] == 1


def test_a_mark_of_any_number(place):
    """The first of two marks was deleted: the second one counts."""
    place.make("tsk_1")
    place.sync()
    (name,) = place.volumes()
    etag = place.s3.head_object(Bucket="runs", Key=place.prefix + name)["ETag"].strip('"')
    place.put(name + ".damaged-2.json", json.dumps({"version": 1, "volume": name, "etag": etag}).encode())
    place.machine()
    assert place.find("--runs", check=None) == []
    place.delete(name + ".damaged-2.json")
    place.machine()
    assert [row["run_id"] for row in place.find("--runs")] == ["tsk_1"]


def test_the_file_of_a_marked_volume_stays(place):
    """Killed before the file of the work directory is removed; meanwhile the object rots, and another machine finds that."""
    place.make("tsk_1")
    processes = []

    def die(_request):
        processes[0].send_signal(signal.SIGKILL)
        processes[0].wait()

    place.proxy.fault(lambda r: r.method == "PUT" and "/commits/" in r.target, after=die)
    processes.append(place.start("sync", "--dest", DEST, *QUICK))
    processes[0].communicate(timeout=60)
    (name,) = place.volumes()
    local = place.work() / name
    whole = local.read_bytes()
    stored = place.folder / "store/data/runs" / (place.prefix + name)
    rotten = bytearray(whole)
    rotten[len(whole) // 3] ^= 1
    with open(stored, "r+b") as out:
        out.write(rotten)
    mine = place.state
    place.machine()
    place.expire()
    assert place.sync(check=3)["differing_volumes"] == 1
    assert place.get(name) == bytes(rotten)
    place.env["XDG_STATE_HOME"] = str(mine)
    for _ in range(2):
        place.sync()
        assert local.read_bytes() == whole
        (command,) = re.findall(r"(aws s3 cp .*?) puts it in its place", place.err)
        (mark,) = re.findall(r"a mark of it: 's3://runs/([^']*)'", place.err)
    digest = hashlib.sha256(whole).hexdigest()
    assert str(local) in command and "s3://runs/" + place.prefix + name in command
    place.s3.put_object(Bucket="runs", Key=place.prefix + name, Body=whole, Metadata={"sha256": digest})
    place.s3.delete_object(Bucket="runs", Key=mark)
    place.sync()
    assert not local.exists() and place.get(name) == whole
    place.machine()
    assert place.sync("--verify-share", "1")["damaged_volumes"] == 0
    assert name in {row["volume"] for row in place.find("--runs")}


def test_a_copy_of_the_catalog_that_is_too_large(place):
    """It is not fetched: all volumes are read instead."""
    for i in range(17):
        place.make("tsk_%d" % i, ended=90000 + i, count=1)
    place.sync("--volume-runs", "1")
    (copy,) = [key for key in place.keys("catalog/") if key.endswith(".db")]
    os.truncate(place.folder / "store/data/runs" / (place.prefix + copy), 300 << 20)
    place.machine()
    place.proxy.requests.clear()
    assert len(place.find("--runs")) == 17
    assert "is too large" in place.err
    assert not [r for r in place.proxy.requests if r.method == "GET" and r.target.split("?")[0].endswith(".db")]


def test_gone_before_a_new_machine_looks(place):
    ids = [place.make("tsk_%d" % i, ended=90000 + i) for i in range(2)]
    place.sync("--volume-runs", "1")
    held = place.check_all(ids)
    place.delete(held["tsk_0"])
    place.machine()
    done = place.sync(check=3)
    assert (done["gone_volumes"], done["archived_runs"]) == (1, 1)
    place.machine()
    assert place.sync()["gone_volumes"] == 0


def test_swapped_before_a_new_machine_looks(place):
    """A new machine has no catalog to compare with, but the commit records."""
    ids = [place.make("tsk_%d" % i, ended=90000 + i) for i in range(2)]
    place.sync("--volume-runs", "1")
    held = place.check_all(ids)
    place.put(held["tsk_0"], place.get(held["tsk_1"]))
    place.machine()
    done = place.sync(check=3)
    assert (done["differing_volumes"], done["archived_runs"]) == (1, 1)


def test_holds_of_another_machine(place):
    place.make("tsk_1")
    place.sync()
    place.machine()
    place.run("hold", "--dest", DEST, "tsk_1", "--reason", "audit 7")
    place.machine()
    (hold,) = json.loads(place.run("hold", "--dest", DEST, "--json"))
    assert (hold["run_id"], hold["reason"]) == ("tsk_1", "audit 7")
    place.run("release", "--dest", DEST, "tsk_1")
    assert json.loads(place.run("hold", "--dest", DEST, "--json")) == []
    assert len(place.keys("log/")) == 2


def prune(place, *args, check=0):
    return json.loads(place.run("prune", "--dest", DEST, "--json", "--apply", *args, check=check))


def test_prune(place):
    ids = [place.make("tsk_%d" % i, ended=90000 + 86400 * i) for i in range(6)]
    place.sync("--volume-runs", "2", "--timestamp", "http://127.0.0.1:1")
    place.machine()
    place.run("hold", "--dest", DEST, "tsk_5", "--reason", "audit")
    place.machine()
    done = prune(place, "--keep-last", "1")
    assert (done["kept_runs"], done["removed_runs"], done["rewritten_volumes"], done["removed_volumes"]) == (2, 4, 2, 1)
    assert sorted(place.check_all(["tsk_0", "tsk_5"])) == ["tsk_0", "tsk_5"]
    assert not place.keys("tombstones/")
    assert place.sync()["archived_runs"] == 0
    place.machine()
    assert place.sync()["archived_runs"] == 0
    assert {row["run_id"] for row in place.find("--runs")} == {"tsk_0", "tsk_5"}
    assert len(ids) == 6


def removes(folder, end=""):
    return lambda r: r.method == "DELETE" and folder in r.target and r.target.split("?")[0].endswith(end)


MOMENTS = {
    "the tombstone": lambda r: r.method == "PUT" and "/tombstones/" in r.target,
    "the second look": lambda r: r.method == "GET" and "list-type" in r.target and "log" in r.target,
    "the log": lambda r: r.method == "PUT" and "/log/" in r.target,
    "the commit record": removes("/commits/"),
    "the volume": removes("/night/2", ".tar.zst"),
    "the end": removes("/tombstones/"),
}


@pytest.mark.parametrize("rewrite", [False, True])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_hold_that_comes_in_between(place, moment, when, rewrite):
    """A hold of another machine, at a request of prune: if hold says that the run is held, the run is still there."""
    place.make("tsk_0")
    place.make("tsk_1", ended=900000)
    place.sync("--volume-runs", "2" if rewrite else "1")
    said = []

    def hold(_request):
        env = dict(place.env, XDG_STATE_HOME=str(place.folder / "other"), AWS_ENDPOINT_URL=place.gateway.url)
        said.append(subprocess.run([SKYARC, "hold", "--dest", DEST, "tsk_1", "--reason", "audit"], env=env,
                                   cwd=place.folder, stderr=subprocess.PIPE, check=False))

    seen = []  # the first list of the log is that of the beginning
    place.proxy.fault(lambda r: MOMENTS[moment](r) and (seen.append(r) or moment != "the second look" or len(seen) == 2),
                      **{when: hold})
    done = place.run("prune", "--dest", DEST, "--json", "--apply", "--keep-days", "5", check=None)
    assert len(said) == 1 and done
    assert said[0].returncode in (0, 75), said
    runs = {run["run_id"] for commit in place.commits().values() for run in commit["runs"]}
    if said[0].returncode == 0 and (moment, when) != ("the end", "after"):  # then it was removed before
        assert "tsk_1" in runs
    if moment in ("the tombstone", "the second look") and when == "before":
        assert "tsk_1" in runs and "held meanwhile" in place.err
    if moment in ("the commit record", "the volume") or (moment, when) == ("the end", "before"):
        assert said[0].returncode == 75 and "tsk_1" not in runs
    place.run("prune", "--dest", DEST, "--json", "--apply", "--keep-days", "5")
    place.sync()
    place.check_all({"tsk_0", "tsk_1"} & runs)


def test_a_hold_of_a_parent_whose_child_is_gone(place):
    """A prune removes the child's volume, completely, before the hold's entry is written, and is killed then: hold says so."""
    for i in range(3):
        place.make("tsk_%d" % i, ended=90000 if i == 0 else 900000)
    place.sync("--volume-runs", "1")
    parent, child = [run["run_id"] for _, commit in sorted(place.commits().items()) for run in commit["runs"] if run["run_id"] != "tsk_0"]
    mine = place.state
    place.machine()
    place.run("hold", "--dest", DEST)
    alter(place.work(), "INSERT INTO parents(run_id, parent_id) VALUES('%s', '%s')" % (child, parent))
    proxy = fault_proxy.Proxy(place.gateway.port, None)
    processes, tombstones = [], []

    def die(_request):
        processes[0].send_signal(signal.SIGKILL)
        processes[0].wait()

    def prune_child(_request):
        processes.append(place.start("prune", "--dest", DEST, "--apply", "--keep-days", "5",
                                     XDG_STATE_HOME=str(mine), AWS_ENDPOINT_URL=proxy.url))
        processes[0].communicate(timeout=60)

    proxy.fault(lambda r: MOMENTS["the tombstone"](r) and (tombstones.append(r) or len(tombstones) == 2), instead=fault_proxy.error(403, "AccessDenied"),
                before=die)
    place.proxy.fault(MOMENTS["the log"], before=prune_child)
    place.run("hold", "--dest", DEST, parent, check=75)
    assert "too late" in place.err and not place.keys("tombstones/")
    runs = [run["run_id"] for commit in place.commits().values() for run in commit["runs"]]
    assert parent in runs and child not in runs
    proxy.close()
    assert "too late" not in place.run("hold", "--dest", DEST, parent).decode() + place.err  # nothing is removed at this moment


@pytest.mark.parametrize("rewrite", [False, True])
@pytest.mark.parametrize("moment", MOMENTS)
def test_prune_killed(place, moment, rewrite):
    """Killed at each of its steps: nothing that is kept is lost, and the next prune ends it."""
    place.make("tsk_0")
    place.make("tsk_1", ended=900000)
    place.sync("--volume-runs", "2" if rewrite else "1")
    processes = []

    def die(_request):
        processes[0].send_signal(signal.SIGKILL)
        processes[0].wait()

    place.proxy.fault(MOMENTS[moment], after=die)
    processes.append(place.start("prune", "--dest", DEST, "--apply", "--keep-days", "5"))
    processes[0].communicate(timeout=60)
    assert processes[0].returncode == -signal.SIGKILL
    place.sync()
    prune(place, "--keep-days", "5")
    place.check_all(["tsk_0"])
    assert place.sync()["archived_runs"] == 0


def test_a_pair_whose_tombstone_cannot_be_read(place):
    """Whether another machine is at work is not known: that is the error, and no other machine is told of."""
    place.make("tsk_0")
    place.make("tsk_1", ended=900000)
    place.sync()
    processes = []

    def die(_request):
        processes[0].send_signal(signal.SIGKILL)
        processes[0].wait()

    place.proxy.fault(MOMENTS["the log"], after=die)
    processes.append(place.start("prune", "--dest", DEST, "--apply", "--keep-days", "5"))
    processes[0].communicate(timeout=60)
    assert len(place.volumes()) == 2
    place.proxy.fault(lambda r: r.method == "GET" and "/tombstones/" in r.target, times=9, instead=fault_proxy.error(403, "AccessDenied"))
    place.run("sync", "--dest", DEST, *QUICK, check=1)
    assert "AccessDenied" in place.err and "another machine" not in place.err
    place.proxy.clear()
    place.sync()
    prune(place, "--keep-days", "5")
    place.check_all(["tsk_0"])


def entry(what, run):
    return json.dumps({"at_ms": 1, "what": what, "run_id": run, "volume": None, "reason": "x"}).encode() + b"\n"


def test_the_order_of_the_log_is_no_clock_s(place):
    """A machine whose clock is ahead by decades holds a run; a release that follows it counts, on every machine."""
    place.make("tsk_1")
    place.sync()
    place.put("log/0004102444800000-0123456789abcdef.jsonl", entry("hold", "tsk_1"))
    place.run("release", "--dest", DEST, "tsk_1")
    assert json.loads(place.run("hold", "--dest", DEST, "--json")) == []
    place.machine()
    assert json.loads(place.run("hold", "--dest", DEST, "--json")) == []
    place.run("hold", "--dest", DEST, "tsk_1", "--reason", "again")
    place.machine()
    assert [row["reason"] for row in json.loads(place.run("hold", "--dest", DEST, "--json"))] == ["again"]


def test_an_unreadable_entry_may_be_a_hold(place):
    place.make("tsk_0")
    place.make("tsk_1", ended=900000)
    place.sync("--volume-runs", "1")
    place.put("log/0001764000000000-0123456789abcdef.jsonl", entry("hold", "tsk_1")[:-20])
    place.put("log/notes.txt", b"of somebody else")
    place.sync()
    place.run("prune", "--dest", DEST, "--apply", "--keep-days", "5", check=1)
    assert "may be a hold" in place.err and len(place.volumes()) == 2
    place.delete("log/0001764000000000-0123456789abcdef.jsonl")
    place.machine()
    prune(place, "--keep-days", "5")
    place.check_all(["tsk_0"])


def test_a_hold_that_cannot_be_written(place):
    place.make("tsk_1")
    place.sync()
    place.proxy.fault("put", times=1000, instead=fault_proxy.error(403, "AccessDenied"))
    place.run("hold", "--dest", DEST, "tsk_1", "--reason", "x", check=1)
    assert "AccessDenied" in place.err
    place.proxy.clear()
    assert json.loads(place.run("hold", "--dest", DEST, "--json")) == []


def test_a_damaged_commit_record(place):
    """What it is a record of cannot be told: a new machine does not believe the volume; one that knows it does."""
    ids = [place.make("tsk_%d" % i) for i in range(2)]
    place.sync("--volume-runs", "1")
    held = place.check_all(ids)
    place.put("commits/%s.json" % held["tsk_0"], b"{")
    assert place.sync()["archived_runs"] == 0
    place.machine()
    assert len(place.find("--run", "tsk_1")) == 3 and "not what its commit record says" in place.err
    done = place.sync(check=3)
    assert (done["differing_volumes"], done["archived_runs"]) == (1, 1)
    assert held["tsk_0"] in place.volumes()


def test_dry_run(place):
    place.make("tsk_1")
    assert [row["run_id"] for row in json.loads(place.run("sync", "-n", "--dest", DEST, "--json", *QUICK))["due_runs"]] == ["tsk_1"]
    assert place.keys() == []
    place.sync()
    place.machine()
    assert json.loads(place.run("sync", "-n", "--dest", DEST, "--json", *QUICK))["due_runs"] == []


@pytest.mark.parametrize("file", ["catalog.db", "log.jsonl", "log.objects", "tails", "place"])
def test_a_file_of_the_work_directory_is_lost(place, file):
    ids = [place.make("tsk_%d" % i) for i in range(2)]
    place.sync("--volume-runs", "1")
    place.run("hold", "--dest", DEST, "tsk_0", "--reason", "audit")
    (place.work() / file).unlink()
    place.sync()
    place.check_all(ids)
    assert [row["run_id"] for row in json.loads(place.run("hold", "--dest", DEST, "--json"))] == ["tsk_0"]


def test_an_older_catalog(place):
    ids = [place.make("tsk_%d" % i) for i in range(2)]
    place.sync()
    shutil.copytree(place.work(), place.folder / "older")
    place.make("tsk_2")
    place.sync()
    for path in place.work().glob("*"):
        path.unlink() if path.is_file() else shutil.rmtree(path)
    shutil.copytree(place.folder / "older", place.work(), dirs_exist_ok=True)
    assert place.sync()["archived_runs"] == 0
    place.check_all(ids + ["tsk_2"])


def test_rebuild(place):
    ids = [place.make("tsk_%d" % i) for i in range(3)]
    place.sync("--volume-runs", "1")
    done = place.sync("--rebuild")
    assert done["healed_volumes"] == 3
    for key in place.keys("commits/"):
        place.delete(key)
    assert place.sync("--rebuild")["healed_volumes"] == 3  # by the volumes alone
    place.check_all(ids)


def large(place, count=4):
    """A run whose volume is sent in parts."""
    place.emu.run("tsk_large", [{"id": "large%d" % i, "type": "recording", "webm": 9_000_000 + i, "seed": i} for i in range(count)],
                  created_at=stamp(90060), finished_at=stamp(90000))


def whole(place):
    (name,) = place.volumes()
    body = place.get(name)
    assert place.commits()[name]["sha256"] == hashlib.sha256(body).hexdigest() and not place.uploads()
    assert place.s3.head_object(Bucket="runs", Key="night/" + name)["Metadata"]["sha256"] == place.commits()[name]["sha256"]


@pytest.mark.parametrize("kind", ["create", "part", "complete"])
@pytest.mark.parametrize("name", ONCE)
def test_a_large_volume(place, name, kind):
    large(place)
    place.proxy.fault(kind, **ONCE[name])
    place.sync()
    whole(place)


@pytest.mark.parametrize("kind", ["create", "part", "complete"])
def test_a_large_volume_killed(place, kind):
    """The next start aborts the upload that was broken off, and sends the volume, which is still here."""
    large(place)
    processes = []

    def die(_request):
        processes[0].send_signal(signal.SIGKILL)
        processes[0].wait()

    place.proxy.fault(kind, after=die)
    processes.append(place.start("sync", "--dest", DEST, *QUICK))
    processes[0].communicate(timeout=60)
    assert processes[0].returncode == -signal.SIGKILL
    place.emu.forget("tsk_large")
    place.sync()
    whole(place)
    assert not list(place.work().glob("*/*/*"))


def test_stopped_while_it_uploads(place):
    large(place)
    place.proxy.fault("part", after=lambda _request: processes[0].send_signal(signal.SIGTERM))
    processes = []
    processes.append(place.start("sync", "--dest", DEST, *QUICK))
    err = processes[0].communicate(timeout=60)[1].decode()
    assert processes[0].returncode == 128 + signal.SIGTERM and "the next sync resumes" in err
    assert not place.uploads()  # the last part may have been sent when the signal came
    place.sync()
    whole(place)


def test_keys_that_expire_while_it_uploads(place):
    large(place)
    place.proxy.fault("part", times=1000, instead=fault_proxy.error(400, "ExpiredToken"))
    assert "ExpiredToken" in place.sync(check=1)["error"]
    assert not place.volumes() and not place.uploads()
    place.proxy.clear()
    place.sync()
    whole(place)


REFUSED = {
    "list": lambda r: "list-type" in r.target,
    "put": lambda r: r.method == "PUT",
    "get": lambda r: r.method == "GET" and "?" not in r.target,
}


@pytest.mark.parametrize("kind", REFUSED)
def test_no_permission(place, kind):
    place.make("tsk_1")
    place.proxy.fault(REFUSED[kind], times=1000, instead=fault_proxy.error(403, "AccessDenied"))
    place.run("sync", "--dest", DEST, *QUICK, check=1)
    errors = [line for line in place.err.splitlines() if "error:" in line]
    assert len(errors) == 1 and "AccessDenied" in errors[0], place.err
    place.proxy.clear()
    place.sync()
    place.check_all(["tsk_1"])


def test_no_permission_to_see_unfinished_uploads(place):
    place.make("tsk_1")
    place.proxy.fault("uploads", times=1000, instead=fault_proxy.error(403, "AccessDenied"))
    place.sync()
    place.check_all(["tsk_1"])


def test_a_prefix_that_is_an_object(place):
    """versitygw refuses it by 409, which is no reason to start again later."""
    place.make("tsk_1")
    place.s3.put_object(Bucket="runs", Key="file", Body=b"1")
    place.run("sync", "--dest", "s3://runs/file/night", *QUICK, check=1)
    assert "409 ObjectParentIsFile" in place.err


def test_no_permission_to_delete(place):
    """Nothing is said to be removed that is there."""
    place.make("tsk_0")
    place.make("tsk_1", ended=900000)
    place.sync("--volume-runs", "1")
    place.proxy.fault(lambda r: r.method == "DELETE", times=1000, instead=fault_proxy.error(403, "AccessDenied"))
    place.run("prune", "--dest", DEST, "--apply", "--keep-days", "5", check=1)
    assert "AccessDenied" in place.err
    place.proxy.clear()
    assert len(place.volumes()) == 2
    prune(place, "--keep-days", "5")
    place.check_all(["tsk_0"])


def test_a_bucket_that_vanishes(place):
    place.make("tsk_1")
    place.proxy.fault("put", times=1000, instead=fault_proxy.error(404, "NoSuchBucket"))
    assert "NoSuchBucket" in place.sync(check=1)["error"]
    place.proxy.clear()
    place.sync()
    place.check_all(["tsk_1"])


def test_what_a_night_costs(place):
    """Requests of a sync without news do not grow with the volumes, below 1,000 objects."""
    for i in range(12):
        place.make("tsk_%d" % i, ended=90000 + i)
    place.sync("--volume-runs", "1")
    place.proxy.requests.clear()
    place.sync("--no-verify")
    kinds = [request.kind for request in place.proxy.requests]
    assert sorted(kinds) == ["get", "get", *["list"] * 5, "put", "put", "uploads"], [(r.method, r.target) for r in place.proxy.requests]
    place.machine()
    place.proxy.requests.clear()
    place.sync("--no-verify")
    assert len(place.proxy.requests) <= 10 + 12 * 4
    assert place.find("--run", "tsk_3")


def test_time_stamps(place, tmp_path):
    one = authority.Authority(tmp_path, "one")
    try:
        place.make("tsk_1")
        assert place.sync("--timestamp", one.url)["time_stamps_kept"] == 1
        (name,) = place.volumes()
        assert name + ".tsr" in place.keys() and not list(place.work().glob("*/*/*"))
        place.run("verify", "--tsa-ca", one.ca, DEST)
        place.proxy.requests.clear()
        assert place.sync("--timestamp", one.url)["time_stamps_kept"] == 0
        assert not [r for r in place.proxy.requests if r.target.endswith(".tsr")]  # the list tells that it is there
        place.delete(name + ".tsr")
        assert place.sync("--timestamp", one.url)["time_stamps_kept"] == 1
    finally:
        one.close()


def test_how_volumes_are_stored(place):
    place.make("tsk_1")
    place.sync("--s3-storage-class", "STANDARD_IA")
    put = [r for r in place.proxy.requests if r.method == "PUT" and r.target.endswith(".tar.zst")]
    assert [r.header("x-amz-storage-class") for r in put] == ["STANDARD_IA"]
    place.run("sync", "--dest", "vault", "--s3-storage-class", "STANDARD_IA", check=2)


def test_a_copy_of_the_catalog(place):
    """A new machine reads it and the volumes that came after it; what it says is checked."""
    ids = [place.make("tsk_%d" % i, ended=90000 + i) for i in range(17)]
    place.sync("--volume-runs", "1")
    assert len(place.keys("catalog/")) == 2
    ids.append(place.make("tsk_new"))
    place.sync()
    held = place.check_all(ids)
    place.machine()
    place.proxy.requests.clear()
    done = place.sync("--no-verify")
    assert (done["healed_volumes"], done["archived_runs"], done["gone_volumes"]) == (1, 0, 0)
    assert len(place.proxy.requests) < 24, [(r.method, r.target) for r in place.proxy.requests]
    place.machine()
    place.delete(held["tsk_0"])  # the copy names what is gone
    assert place.sync("--no-verify", check=3)["gone_volumes"] == 1
    place.machine()
    assert len(place.find("--run", "tsk_3")) == 3
    place.machine()
    (copy,) = [key for key in place.keys("catalog/") if key.endswith(".db")]
    place.put(copy, place.get(copy)[:-1])  # damaged
    assert place.sync("--no-verify")["healed_volumes"] >= 17
    assert "cannot be used" in place.err
    place.machine()
    place.put(copy, b"")
    assert place.sync("--rebuild")["healed_volumes"] >= 17


def test_prune_deletes_copies_of_the_catalog(place):
    for i in range(17):
        place.make("tsk_%d" % i, ended=90000 + 86400 * i)
    place.sync("--volume-runs", "1")
    assert place.keys("catalog/")
    prune(place, "--keep-last", "3")
    assert not place.keys("catalog/")
    place.machine()
    assert place.sync()["archived_runs"] == 0


def test_a_name_that_is_another_object(place):
    """What is under a volume's name and is not that volume is never replaced; nothing is stuck."""
    ids = [place.make("tsk_1")]
    place.proxy.fault(STEPS["the volume"], times=1000, instead=fault_proxy.error(403, "AccessDenied"))
    place.sync("--retries", "0", check=1)
    place.proxy.clear()
    (name,) = [str(path.relative_to(place.work())) for path in place.work().glob("*/*/*.tar.zst")]
    place.put(name, b"of somebody else")
    place.sync(check=3)
    assert place.get(name) == b"of somebody else"
    place.sync(check=None)
    assert [run["run_id"] for commit in place.commits().values() for run in commit["runs"]] == ids


def test_a_bucket_with_versions_and_locks(place):
    place.s3.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    place.make("tsk_0")
    place.make("tsk_1", ended=900000)
    dest = "s3://locked/night"
    lock = ("--s3-lock", "governance", "--s3-retain", "1d")
    place.run("sync", "--dest", dest, *QUICK, "--volume-runs", "1", *lock)
    listed = [item["Key"] for item in place.s3.list_objects_v2(Bucket="locked")["Contents"]]
    kept = {key: place.s3.head_object(Bucket="locked", Key=key).get("ObjectLockMode") for key in listed}
    assert {key.endswith(".tar.zst"): mode for key, mode in kept.items()} == {True: "GOVERNANCE", False: None}
    place.run("prune", "--dest", dest, "--apply", "--keep-days", "5")  # hidden by a delete marker
    assert len([key for key in (item["Key"] for item in place.s3.list_objects_v2(Bucket="locked")["Contents"])
                if key.endswith(".tar.zst")]) == 1
    assert len([v for v in place.s3.list_object_versions(Bucket="locked")["Versions"] if v["Key"].endswith(".tar.zst")]) == 2
    place.run("sync", "--dest", dest, *QUICK)
    place.run("verify", dest)


def test_two_at_once(place):
    large(place)
    place.proxy.fault("part", before=lambda _request: said.append(place.start("sync", "--dest", DEST, *QUICK).wait(60)))
    said = []
    place.sync()
    assert said == [75]
    whole(place)


def test_a_prefix_with_the_name_of_an_archive(place):
    """Such an address is read as an archive by 'verify' and others, so that nothing may be synced there."""
    before = place.keys()
    for command in (("sync",), ("prune", "--keep-days", "1"), ("hold", "tsk_1")):
        place.run(*command, "--dest", "s3://runs/night.tar.zst", check=2)
        assert "'s3://runs/night.tar.zst' has the name of an archive" in place.err
    assert place.keys() == before


def test_a_work_directory_of_another_bucket(place):
    place.make("tsk_1")
    place.sync("--work-dir", "work")
    place.run("sync", "--dest", "s3://runs/other", "--work-dir", "work", check=2)
    assert "another bucket or prefix than 's3://runs/other/'; give another --work-dir" in place.err


BAD = {
    "bucket": (dict(), "s3://nosuch/night", "nosuch"),
    "key": (dict(AWS_ACCESS_KEY_ID="AKIAWRONG"), DEST, ""),
    "secret": (dict(AWS_SECRET_ACCESS_KEY="wrong"), DEST, ""),
    "endpoint": (dict(AWS_ENDPOINT_URL="http://127.0.0.1:1"), DEST, "127.0.0.1"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_settings(place, what):
    more, dest, word = BAD[what]
    place.make("tsk_1")
    place.run("sync", "--dest", dest, *QUICK, "--retries", "0", check=1, **more)
    errors = [line for line in place.err.splitlines() if "error:" in line]
    assert len(errors) == 1 and word in errors[0], place.err
    assert not place.keys()


def shard(place, k, *args, check=0):
    place.prefix = "night/%d/" % k
    return place.sync(*args, check=check)


def shards_of_log(place):
    lines = [json.loads(line) for key in sorted(place.keys("log/")) for line in place.get(key).splitlines()]
    return [line["part"] for line in lines if line["what"] == "shard"]


def test_shards_have_prefixes_of_their_own(place):
    """Each run is in one prefix, also when a work directory is lost in between; another number of shards is refused everywhere."""
    ids = [place.make("tsk_%d" % i, ended=90000 + 60 * i) for i in range(12)]
    for k in (1, 2):
        mine = [i for i in ids if shard_of(i, 2) == k]
        done = shard(place, k, "--shard", "%d/2" % k)
        assert (done["shard"], done["archived_runs"], done["other_shard_runs"]) == ("%d/2" % k, len(mine), 12 - len(mine))
        assert mine and shards_of_log(place) == ["%d/2" % k]
        place.check_all(mine)
    (first,) = [work for work in (place.state / "skyarc/sync").iterdir() if "night/1" in (work / "place").read_text()]
    shutil.rmtree(first)
    ids += [place.make("tsk_new_%d" % i, ended=80000 + 60 * i) for i in range(6)]
    for k, args in ((1, ()), (2, ("--shard", "2/2"))):
        mine = [i for i in ids if shard_of(i, 2) == k]
        done = shard(place, k, *args)
        assert (done["shard"], done["archived_runs"]) == ("%d/2" % k, len([i for i in mine if "new" in i]))
        place.check_all(mine)
    for _ in range(2):
        before = place.keys()
        for args in ((), ("-n",), ("--rebuild",), ("--list-safe", "1")):
            place.run("sync", "--dest", place.dest(), *QUICK, "--shard", "1/3", *args, check=2)
            assert "'s3://runs/night/2' is filled with shard 2/2, not with shard 1/3: all machines" in place.err
        assert place.keys() == before and place.sync("-n")["shard"] == "2/2"
        place.machine()
    assert shard(place, 1, "--shard", "1/1", "--reshard")["archived_runs"] == len([i for i in ids if shard_of(i, 2) == 2])
    place.machine()
    done = place.sync()
    assert (done["shard"], done["archived_runs"], shards_of_log(place)) == (None, 0, ["1/2", "1/1"])
    place.check_all(ids)


@pytest.mark.parametrize("when, statuses", [("before", [75, 0]), ("after", [0, 2])])
def test_two_machines_begin_a_prefix(place, when, statuses):
    """Another machine divides the prefix in another way while this one does: one of the two archives."""
    ids = [place.make("tsk_%d" % i, ended=90000 + 60 * i) for i in range(6)]
    ended = []

    def other(_request):
        process = place.start("sync", "--dest", DEST, *QUICK, "--shard", "2/3", XDG_STATE_HOME=str(place.folder / "other"))
        process.communicate(timeout=60)
        ended.append(process.returncode)

    place.proxy.fault(lambda r: r.method == "PUT" and "/log/" in r.target, **{when: other})
    done = place.sync("--shard", "1/2", check=statuses[0])
    assert ended == statuses[1:]
    assert ("at the same time" in (done["error"] or "")) == (when == "before")
    place.check_all([i for i in ids if (shard_of(i, 3) == 2 if when == "before" else shard_of(i, 2) == 1)])


def test_signatures_go_with_their_volumes(place, tmp_path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    (tmp_path / "signers").write_text("a@example.org " + (tmp_path / "key.pub").read_text())
    place.make("tsk_1")
    place.sync("--sign", "key")
    (name,) = place.volumes()
    assert name + ".sig" in place.keys()
    place.run("verify", "--signers", "signers", DEST)


@pytest.mark.skipif(not shutil.which("moto_server"), reason="moto is not here: pip install 'moto[s3,server]'")
def test_a_second_server(place, emu):
    """moto: another implementation of lists, entity tags, conditions and parts."""
    with object_store.moto(place.folder) as port:
        place.proxy.upstream = port
        place.gateway.url = "http://127.0.0.1:%d" % port
        place.s3 = place.gateway.client()
        place.s3.create_bucket(Bucket="runs")
        ids = [place.make("tsk_0"), place.make("tsk_1", ended=900000)]
        place.sync("--volume-runs", "1")
        place.machine()
        place.run("hold", "--dest", DEST, "tsk_1", "--reason", "audit")
        prune(place, "--keep-days", "5")
        held = place.check_all(ids)
        place.delete(held["tsk_0"])
        assert place.sync(check=3)["gone_volumes"] == 1
        place.machine()
        place.run("release", "--dest", DEST, "tsk_1")
        prune(place, "--keep-days", "5")
        assert place.sync()["archived_runs"] == 0
        large(place)
        assert place.sync()["archived_runs"] == 1
        place.run("verify", DEST)
        assert not place.uploads()


def test_listen_says_no(place):
    place.run("listen", "--dest", DEST, check=2)
    assert "listen cannot write into an object store" in place.err


def test_an_object_that_was_written_again_is_not_safe(place):
    """Other bytes with the same size and end are not what was verified: its runs are not safe until all bytes were read."""
    random.seed(19)
    place.emu.run("tsk_1", [{"id": "tsk_1_0", "type": "html", "signing": "s3", "data": random.randbytes(300000)}],
                  created_at=stamp(3 * 86400 + 60), finished_at=stamp(3 * 86400), run_request={"prompt": "x"})
    place.sync()
    safe = ("sync", "--dest", DEST, "--list-safe", "1")
    assert place.run(*safe).split() == [b"tsk_1"]
    (name,) = place.volumes()
    whole = place.get(name)
    middle = len(whole) // 2
    place.put(name, whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1:])
    assert place.run(*safe, check=None).split() == []
    place.put(name, whole)
    assert place.run(*safe).split() == [b"tsk_1"]
