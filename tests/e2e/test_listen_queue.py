# SPDX-License-Identifier: MIT
"""The receiver's queue: acknowledged webhooks are archived, also after failures."""
import json
import os
import random
import resource
import signal
import subprocess
import time

import pytest

from conftest import SKYARC, extract
from test_faults import wait_for
from test_listen import listen, payload, sign  # noqa: F401 (a fixture)
from test_listen_load import MIB, memory

PNG = b"\x89PNG\r\n\x1a\n"


def page(ident, text=None):
    return {"id": ident, "type": "html", "data": text or b"<p>" + ident.encode()}


def post(one, emu, run, **more):
    body = payload(run, **more)
    code, answer = one.ask("POST", "/", body, sign(emu.key, body))
    assert code == 200 and answer["run_id"] == run
    return answer["state"]


def health(one, path="/healthz"):
    return one.ask("GET", path)[1]


def held(tmp_path, name):
    """The artifacts that an archive holds, by their IDs."""
    text = subprocess.run([SKYARC, "cat", tmp_path / "in" / name, "manifest.json"], check=True,
                          stdout=subprocess.PIPE).stdout
    manifest = json.loads(text)
    return {a["artifact_id"] for a in manifest["artifacts"]}, manifest


def queue(tmp_path):
    return sorted(p.name for p in (tmp_path / "in" / ".queue").iterdir())


def archives(tmp_path):
    return sorted(p.name for p in (tmp_path / "in").glob("*.tar*") if ".partial" not in p.name)


def asked(emu, run):
    return len([r for r in emu.log("api") if r["path"] == "/v1/runs/" + run])


# Several at a time


def test_a_slow_artifact_holds_nobody_up(listen, emu, tmp_path):  # noqa: F811
    emu.fault("a_3rec", "slow", times=9, steps=600, pause=0.1)
    one = listen()
    post(one, emu, "tsk_demo3")
    wait_for(lambda: [r for r in emu.log() if "a_3rec" in r["path"]])
    ids = ["tsk_q%d" % i for i in range(5)]
    for i in ids:
        emu.run(i, [page("p" + i)], status="failed")
        post(one, emu, i)
    wait_for(lambda: len(archives(tmp_path)) == 5, 20)
    assert "tsk_demo3.tar.zst" not in archives(tmp_path)
    wait_for(lambda: health(one)["active"] == 1)


def test_one_that_takes_long_makes_room(listen, emu, tmp_path):  # noqa: F811
    """With one place: the others pass, and it goes on from what it has."""
    emu.run("tsk_slow", [page("s%d" % i) for i in range(6)] + [
        {"id": "film", "type": "recording", "data": os.urandom(400000)}])
    emu.fault("film", "slow", times=1, steps=600, pause=0.1)
    one = listen("--runs", "1", "--patience", "1s")
    post(one, emu, "tsk_slow")
    wait_for(lambda: [r for r in emu.log() if "film" in r["path"]])
    post(one, emu, "tsk_demo3")
    wait_for(lambda: "tsk_demo3.tar.zst" in archives(tmp_path), 20)
    wait_for(lambda: "tsk_slow.tar.zst" in archives(tmp_path), 20)
    wait_for(lambda: not queue(tmp_path))
    assert len(held(tmp_path, "tsk_slow.tar.zst")[0]) == 7
    assert len([r for r in emu.log() if "/s0" in r["path"]]) == 1  # it was kept
    code, err = one.stop()
    assert code == 0 and "run 'tsk_slow' takes long; suspended, since other runs wait" in err


def test_nobody_waits_for_the_slow_ones(listen, emu, tmp_path):  # noqa: F811
    """Two places, and three runs that do not end: what is new has a place."""
    for i in range(3):
        emu.run("tsk_slow%d" % i, [page("film%d" % i)])
        emu.fault("film%d" % i, "slow", times=99, steps=900, pause=0.1)
    one = listen("--runs", "2", "--patience", "1s")
    for i in range(3):
        post(one, emu, "tsk_slow%d" % i)
    time.sleep(3)
    for n in range(3):
        emu.run("tsk_q%d" % n, [page("q%d" % n)])
        post(one, emu, "tsk_q%d" % n)
        wait_for(lambda: "tsk_q%d.tar.zst" % n in archives(tmp_path), 15)


def test_memory_of_several(listen, emu, tmp_path):  # noqa: F811
    """Four large runs at a time share what one had."""
    for n in range(4):
        emu.run("tsk_big%d" % n, [{"id": "f%d_%d" % (n, i), "type": "recording",
                                   "data": PNG + random.Random(n * 10 + i).randbytes(6 * MIB)} for i in range(5)])
    one = listen("--no-report")
    for n in range(4):
        post(one, emu, "tsk_big%d" % n)
    wait_for(lambda: len(archives(tmp_path)) == 4, 60)
    assert memory(one.process) < 200 * MIB


# Missing artifacts that appear later


def test_an_artifact_that_answers_503_once(listen, emu, tmp_path):  # noqa: F811
    """The archive waits for it: it is not final, and the run is not known before it is whole."""
    emu.run("tsk_once", [page("o1"), page("o2"), page("o3")])
    emu.fault("o2", "status", times=4, status=503)
    one = listen("--retries", "0", "--again", "3s")
    post(one, emu, "tsk_once")
    wait_for(lambda: health(one)["failed"] == 1)
    assert health(one)["status"] == "incomplete" and health(one)["waiting"] == 1
    assert one.ask("GET", "/healthz/queue")[0] == 503 and one.ask("GET", "/healthz")[0] == 200
    assert post(one, emu, "tsk_once") == "queued"
    wait_for(lambda: archives(tmp_path) == ["tsk_once.tar.zst"] and not queue(tmp_path), 30)
    ids, manifest = held(tmp_path, "tsk_once.tar.zst")
    assert ids == {"o1", "o2", "o3"} and not manifest["missing"]
    assert len([r for r in emu.log() if "/o1" in r["path"]]) == 1  # what was here was kept
    assert health(one)["status"] == "ok" and one.ask("GET", "/healthz/queue")[0] == 200
    assert post(one, emu, "tsk_once") == "known"
    assert not list((tmp_path / "in").glob("*.partial*"))
    err = one.stop()[1]
    assert "1 artifact is missing" in err and "; next retry in 3 s" in err


def test_an_archive_that_waited_long_enough(listen, emu, tmp_path):  # noqa: F811
    """It is written and says what is missing; what comes then goes into a second one."""
    emu.run("tsk_long", [page("l1"), page("l2")])
    emu.fault("l2", "status", times=9999, status=503)
    one = listen("--retries", "0", "--again", "0s")
    post(one, emu, "tsk_long")
    wait_for(lambda: archives(tmp_path) == ["tsk_long.tar.zst"], 30)
    ids, manifest = held(tmp_path, "tsk_long.tar.zst")
    assert ids == {"l1"} and [m["artifact_id"] for m in manifest["missing"]] == ["l2"]
    first = (tmp_path / "in" / "tsk_long.tar.zst").read_bytes()
    assert queue(tmp_path) == ["tsk_long.json"] and health(one)["status"] == "incomplete"
    emu.reset_faults()
    wait_for(lambda: archives(tmp_path) == ["tsk_long.2.tar.zst", "tsk_long.tar.zst"], 30)
    wait_for(lambda: not queue(tmp_path))
    ids, manifest = held(tmp_path, "tsk_long.2.tar.zst")
    assert ids == {"l2"} and not manifest["missing"]
    assert manifest["runs"][0]["supplements"] == "tsk_long.tar.zst"
    assert (tmp_path / "in" / "tsk_long.tar.zst").read_bytes() == first
    assert extract(tmp_path / "in" / "tsk_long.2.tar.zst", tmp_path).name == "tsk_long.2"
    assert health(one)["status"] == "ok"


def test_what_will_not_come_is_said(listen, emu, tmp_path):  # noqa: F811
    """An artifact that is gone: archived without it, set aside, and no retry."""
    emu.run("tsk_gone", [page("g1"), page("g2")])
    emu.fault("g2", "status", times=9999, status=404)
    one = listen("--again", "0s")
    post(one, emu, "tsk_gone")
    wait_for(lambda: queue(tmp_path) == ["tsk_gone.incomplete"], 30)
    assert archives(tmp_path) == ["tsk_gone.tar.zst"]
    assert health(one)["status"] == "incomplete" and health(one)["incomplete"] == 1
    before = asked(emu, "tsk_gone")
    emu.reset_faults()
    assert post(one, emu, "tsk_gone") == "queued"  # it is asked for: perhaps it is there again
    wait_for(lambda: queue(tmp_path) == [])
    assert asked(emu, "tsk_gone") == before + 1
    assert held(tmp_path, "tsk_gone.2.tar.zst")[0] == {"g2"}
    assert health(one)["status"] == "ok"


def test_a_second_attempt(listen, emu, tmp_path):  # noqa: F811
    """Its webhook is another one: what is new is archived, and what is not is not."""
    emu.run("tsk_twice", [page("t1"), page("t2")], status="failed")
    one = listen()
    assert post(one, emu, "tsk_twice", status="failed") == "queued"
    wait_for(lambda: archives(tmp_path) == ["tsk_twice.tar.zst"] and not queue(tmp_path))
    before = len(emu.log())
    assert post(one, emu, "tsk_twice", status="failed") == "known"
    emu.run("tsk_twice", [page("t1"), page("t2"), page("t3")], status="completed")
    assert post(one, emu, "tsk_twice", status="completed") == "queued"
    wait_for(lambda: archives(tmp_path) == ["tsk_twice.2.tar.zst", "tsk_twice.tar.zst"] and not queue(tmp_path))
    ids, manifest = held(tmp_path, "tsk_twice.2.tar.zst")
    assert ids == {"t3"} and manifest["runs"][0]["status"] == "completed"
    assert not [r for r in emu.log()[before:] if "/t1" in r["path"]]
    for status in ("failed", "completed"):  # either is known now, also after a restart
        assert post(one, emu, "tsk_twice", status=status) == "known"
    assert one.stop()[0] == 0
    two = listen()
    assert post(two, emu, "tsk_twice", status="failed") == "known"


def test_an_artifact_that_changed(listen, emu, tmp_path):  # noqa: F811
    """Other bytes under one ID are new, once."""
    emu.run("tsk_other", [page("o1"), page("o2")], status="failed")
    one = listen()
    post(one, emu, "tsk_other", status="failed")
    wait_for(lambda: archives(tmp_path) == ["tsk_other.tar.zst"] and not queue(tmp_path))
    emu.run("tsk_other", [dict(page("o1"), data=b"<p>other bytes", modified_at="2026-11-26T11:00:00"), page("o2")],
            status="completed")
    post(one, emu, "tsk_other", status="completed")
    wait_for(lambda: len(archives(tmp_path)) == 2 and not queue(tmp_path))
    ids, manifest = held(tmp_path, "tsk_other.2.tar.zst")
    assert ids == {"o1"} and manifest["artifacts"][0]["size"] == len(b"<p>other bytes")
    post(one, emu, "tsk_other", status="completed", output={"b": 2})
    wait_for(lambda: not queue(tmp_path))
    assert len(archives(tmp_path)) == 2


def test_a_webhook_with_nothing_new(listen, emu, tmp_path):  # noqa: F811
    emu.run("tsk_same", [page("m1")], status="completed")
    one = listen()
    post(one, emu, "tsk_same")
    wait_for(lambda: archives(tmp_path) and not queue(tmp_path))
    assert post(one, emu, "tsk_same", output={"b": 2}) == "queued"
    wait_for(lambda: not queue(tmp_path))
    assert archives(tmp_path) == ["tsk_same.tar.zst"] and asked(emu, "tsk_same") == 2
    assert not list((tmp_path / "in").glob("*.partial*"))


def test_a_record_that_changed(listen, emu, tmp_path):  # noqa: F811
    """No new artifact, but the run ended otherwise: its record is archived."""
    emu.run("tsk_record", [page("r1")], status="failed")
    one = listen()
    post(one, emu, "tsk_record", status="failed")
    wait_for(lambda: archives(tmp_path) and not queue(tmp_path))
    emu.run("tsk_record", [page("r1")], status="completed")
    post(one, emu, "tsk_record", status="completed")
    wait_for(lambda: len(archives(tmp_path)) == 2 and not queue(tmp_path))
    ids, manifest = held(tmp_path, "tsk_record.2.tar.zst")
    assert not ids and manifest["runs"][0]["status"] == "completed"


def test_a_webhook_while_its_run_is_archived(listen, emu, tmp_path):  # noqa: F811
    emu.run("tsk_busy", [page("b1"), page("b2")], status="failed")
    emu.fault("b2", "slow", times=1, steps=30, pause=0.1)
    one = listen()
    post(one, emu, "tsk_busy", status="failed")
    wait_for(lambda: [r for r in emu.log() if "/b2" in r["path"]])
    emu.run("tsk_busy", [page("b1"), page("b2"), page("b3")], status="completed")
    assert post(one, emu, "tsk_busy", status="completed") == "queued"
    assert post(one, emu, "tsk_busy", status="completed") == "known"
    wait_for(lambda: not queue(tmp_path), 30)
    assert archives(tmp_path) == ["tsk_busy.2.tar.zst", "tsk_busy.tar.zst"]
    assert held(tmp_path, "tsk_busy.2.tar.zst")[0] == {"b3"}


def test_an_archive_that_is_damaged(listen, emu, tmp_path):  # noqa: F811
    """It is left as it is, and what it should hold is archived once more."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "tsk_demo3.tar.zst").write_bytes(b"no archive")
    one = listen()
    post(one, emu, "tsk_demo3")
    wait_for(lambda: "tsk_demo3.2.tar.zst" in archives(tmp_path) and not queue(tmp_path))
    assert (tmp_path / "in" / "tsk_demo3.tar.zst").read_bytes() == b"no archive"
    assert held(tmp_path, "tsk_demo3.2.tar.zst")[0]
    assert "keeping it unchanged" in one.stop()[1]


# The queue on the disk


def test_killed_at_any_time(listen, emu, tmp_path):  # noqa: F811
    """What was answered 2xx is archived, however often it is killed."""
    dice = random.Random(3)
    answered = set()
    for n in range(40):
        emu.run("tsk_k%02d" % n, [page("k%02d" % n)])
    todo = ["tsk_k%02d" % n for n in range(40)]
    for _ in range(6):
        one = listen()
        for run in todo[:7]:
            assert post(one, emu, run) in ("queued", "known")
            answered.add(run)
        todo = todo[7:]
        time.sleep(dice.random() * 0.3)
        one.process.kill()
        one.process.communicate()
    one = listen()
    wait_for(lambda: not queue(tmp_path), 60)
    assert set(archives(tmp_path)) == {r + ".tar.zst" for r in answered} and len(answered) >= 39
    for name in archives(tmp_path):
        assert subprocess.run([SKYARC, "verify", "-q", tmp_path / "in" / name], check=False).returncode == 0
    assert not list((tmp_path / "in").glob("*.partial*"))


def test_what_was_not_finished_is_swept(listen, emu, tmp_path):  # noqa: F811
    for name in (".queue", ".listen"):
        (tmp_path / "in" / name).mkdir(parents=True, mode=0o700)
    (tmp_path / "in" / ".queue" / "tsk_demo3.json.Ab3xYz").write_text("{")
    (tmp_path / "in" / ".queue" / "tsk_demo1.json").write_bytes(b"not json")
    (tmp_path / "in" / ".queue" / "a b.json").write_bytes(b"{}")
    (tmp_path / "in" / ".listen" / "tsk_x.known.Ab3xYz").write_text("0")
    (tmp_path / "in" / "tsk_y.tar.zst.partial.journal").write_text("{}")
    one = listen()
    wait_for(lambda: archives(tmp_path) == ["tsk_demo1.tar.zst"])
    wait_for(lambda: queue(tmp_path) == ["a b.json"])
    assert "the webhook of run 'tsk_demo1'" in one.stop()[1]
    assert not list((tmp_path / "in").glob("*.partial*"))  # its archive had got its name
    assert sorted(p.name for p in (tmp_path / "in" / ".listen").iterdir()) == ["lock", "tsk_demo1.known"]


def test_one_at_a_time(listen, skyarc):  # noqa: F811
    listen()
    result = skyarc("listen", "--dest", "in", "--addr", "127.0.0.1:0", check=75)
    assert "another skyarc" in result.err


def test_the_queue_is_ours(skyarc, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "else").mkdir()
    (tmp_path / "in" / ".queue").symlink_to(tmp_path / "else")
    assert "'in/.queue' must be a directory" in skyarc("listen", "--dest", "in", "--addr", "127.0.0.1:0", check=1).err
    (tmp_path / "in" / ".queue").unlink()
    (tmp_path / "in" / ".queue").mkdir()
    (tmp_path / "in" / ".queue").chmod(0o777)
    assert "not writable by others" in skyarc("listen", "--dest", "in", "--addr", "127.0.0.1:0", check=1).err


def test_a_queue_that_does_not_move(listen, emu, tmp_path):  # noqa: F811
    """The service is away: said by /healthz, and over when it is back."""
    emu.fault("run/tsk_demo3", "status", times=9999, status=500)
    one = listen("--retries", "0", "--again", "1s", "--stuck-after", "1s")
    assert health(one)["status"] == "ok"
    post(one, emu, "tsk_demo3")
    wait_for(lambda: health(one)["status"] == "stuck", 20)
    assert health(one)["queued"] == 1 and one.ask("GET", "/healthz/queue")[0] == 503
    emu.reset_faults()
    wait_for(lambda: archives(tmp_path) == ["tsk_demo3.tar.zst"], 30)
    wait_for(lambda: health(one)["status"] == "ok")


def test_a_full_disk_is_no_200(listen, emu, tmp_path):  # noqa: F811
    """What cannot be kept is not answered as if it were."""
    one = listen(preexec_fn=lambda: resource.setrlimit(
        resource.RLIMIT_FSIZE, (1000, 1000)))
    body = payload("tsk_demo3", output="x" * 5000)
    assert one.ask("POST", "/", body, sign(emu.key, body))[0] == 503
    assert queue(tmp_path) == []
    assert one.ask("GET", "/healthz")[0] == 200  # SIGXFSZ does not end the receiver
    code, err = one.stop()
    assert code == 0 and "File too large" in err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_it_ends_with_several_at_work(listen, emu, tmp_path, number):  # noqa: F811
    for n in range(6):
        emu.run("tsk_s%d" % n, [page("x%d" % n)])
        emu.fault("x%d" % n, "slow", times=9, steps=600, pause=0.1)
    one = listen()
    for n in range(6):
        post(one, emu, "tsk_s%d" % n)
    wait_for(lambda: health(one)["active"] == 4)
    begin = time.monotonic()
    code, _ = one.stop(number)
    assert code == 0 and time.monotonic() - begin < 10
    assert len(queue(tmp_path)) == 6
