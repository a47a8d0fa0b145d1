# SPDX-License-Identifier: MIT
"""The files of an interrupted pull, and how the next pull resumes."""
import json
import os
import random
import resource
import signal
import subprocess
import time

import pytest

from conftest import SKYARC, extract
from emulator import lost

COUNT = 120


@pytest.fixture
def many(emu):
    """A run of small and larger things, equal ones and members of a bundle among them."""
    rows = []
    for i in range(COUNT):
        data = (b"<p>%d</p>" % (i // 2)) * (50 + 37 * i)
        rows.append({"id": "x%03d" % i, "type": "html", "data": data, "signing": "s3"})
    for i in range(12):
        rows.append({"id": "w%02d" % i, "type": "recording", "webm": 400_000 + 250_000 * (i // 2),
                     "seed": i // 2, "signing": "s3", "summed": i % 3 > 0})
    for i in range(8):  # the same object under several names
        rows.append({"id": "s%02d" % i, "type": "screenshot", "data": b"\x89PNG\r\n\x1a\n" + bytes(90000 + i // 4),
                     "uri": "s3://b/same%d" % (i // 4), "signing": "s3"})
    emu.run("tsk_many", rows)
    return rows


def start(env, cwd, *args, name="c.tar.zst"):
    return subprocess.Popen([SKYARC, "pull", "--json", "-j", "4", "-o", name, *map(str, args), "tsk_many"],
                            env=env, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def until(condition, process, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


def fetched(emu):
    return [r["path"].split("/")[-1].split("?")[0] for r in emu.log("store")]


def check_whole(skyarc, emu, tmp_path, name, rows):
    skyarc("verify", name, check=0)
    folder = extract(tmp_path / name, tmp_path)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert sorted(r["artifact_id"] for r in manifest["artifacts"]) == sorted(r["id"] for r in rows)
    assert not manifest["missing"]
    for row in manifest["artifacts"]:
        assert (folder / row["path"]).read_bytes() == emu.data(row["artifact_id"])
    subprocess.run(["sha256sum", "-c", "--quiet", "manifest-sha256.txt"], cwd=folder, check=True)
    return manifest, folder


def journal_rows(path):
    """The rows of a journal: its other lines are notes, which keep the log of requests."""
    lines = [json.loads(line[:line.rindex("}") + 1]) for line in path.read_text().splitlines()[1:]]
    return [line for line in lines if "request_log" not in line]


def leftovers(tmp_path):
    return sorted(p.name for p in tmp_path.iterdir() if ".partial" in p.name)


@pytest.mark.parametrize("name", ["c.tar.zst", "c.tar.gz", "c.tar"])
@pytest.mark.parametrize("when", [0.3, 0.6, 0.9])
def test_a_killed_pull_is_gone_on_with(skyarc, env, emu, many, tmp_path, name, when):
    for row in many[::9]:
        emu.fault(row["id"], "slow", steps=4, pause=0.05)
    process = start(env, tmp_path, name=name)
    until(lambda: len(fetched(emu)) >= when * len(many), process)
    process.kill()
    process.communicate()
    assert leftovers(tmp_path) == [name + ".partial", name + ".partial.journal"]
    assert not (tmp_path / name).exists()
    lines = journal_rows(tmp_path / (name + ".partial.journal"))
    first = set(fetched(emu))
    size = (tmp_path / (name + ".partial")).stat().st_size
    emu.reset_faults()
    before = len(emu.log("store"))
    result = skyarc("pull", "--json", "-j", "4", "-o", name, "tsk_many", check=0)
    again = [r["path"].split("/")[-1].split("?")[0] for r in emu.log("store")[before:]]
    manifest, folder = check_whole(skyarc, emu, tmp_path, name, many)
    assert leftovers(tmp_path) == []
    kept = result.json()["kept"]
    assert kept + len(set(again)) <= len(many)
    ids = {row["artifact_id"] for row in lines}
    assert len(first) >= len(ids & set(again))
    if size > 3_000_000 and len(lines) > 20:
        assert kept > 0
    # the offline view has kept texts once, and the same ones as a view that is made of the whole archive
    view = (folder / "view/tsk_many.js").read_text()
    paths = [row["path"].removeprefix("data/tsk_many/") for row in manifest["artifacts"] if row["artifact_type"] == "html"]
    copied = [path for path in paths if '["%s",0,"' % path in view]
    assert copied and all(view.count('["%s",0,"' % path) == 1 for path in copied)
    skyarc("report", "-o", "again", name, check=0)
    (again,) = (tmp_path / "again").glob("*/view/tsk_many.js")
    assert sorted(again.read_text().split("\n")) == sorted(view.split("\n"))


@pytest.mark.parametrize("rate, seconds", [(1_000_000, 9.5), (8_000_000, 5)])
def test_what_a_kill_loses_of_open_frames(skyarc, env, emu, tmp_path, rate, seconds):
    """Texts of the last six seconds and 18 MiB at most, a second of packed data, and what is in transfer."""
    size = rate // 20
    rng = random.Random(29)
    words = [b"%08x " % rng.getrandbits(32) for _ in range(size // 9)]
    rows = []
    for i in range(int(rate * seconds * 1.3 / size)):
        rng.shuffle(words)
        rows.append({"id": "t%03d" % i, "type": ["html", "llm_prompt", "skyvern_log"][i % 3], "data": b"".join(words)})
    emu.run("tsk_many", rows)
    process = start(env, tmp_path, "--limit-rate", rate, "--no-report")
    until(lambda: fetched_texts(emu), process)
    time.sleep(seconds)
    assert process.poll() is None
    process.kill()
    killed = time.time()
    process.communicate()
    before = fetched_texts(emu)
    skyarc("pull", "-o", "c.tar.zst", "--no-report", "tsk_many", check=0)
    ((bytes_lost, age),) = lost.by_kills(emu.log(), [killed], {row["id"]: len(row["data"]) for row in rows})
    assert age < 6 + 1 + 0.5
    assert bytes_lost <= (18 << 20) + rate + 4 * size
    assert 0 < bytes_lost < 0.9 * sum(len(row["data"]) for row in rows if row["id"] in before)


def fetched_texts(emu):
    return {lost.name_of(r["path"]) for r in emu.log() if "/content" in r["path"]}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stopped_pull_keeps_what_has_come(skyarc, env, emu, many, tmp_path, number):
    emu.fault("w10", "slow", times=9, steps=100, pause=0.2)
    process = start(env, tmp_path)
    until(lambda: len(set(fetched(emu))) >= len(many) - 40, process)
    time.sleep(0.5)
    process.send_signal(number)
    _, err = process.communicate(timeout=10)
    assert process.returncode == 128 + number
    assert b"artifacts are kept in 'c.tar.zst.partial': run the same command again to resume" in err
    kept = int(err.split(b" artifacts are kept")[0].split()[-1])
    assert kept > 80
    emu.reset_faults()
    before = len(emu.log("store"))
    result = skyarc("pull", "--json", "-o", "c.tar.zst", "tsk_many", check=0)
    assert result.json()["kept"] == kept
    check_whole(skyarc, emu, tmp_path, "c.tar.zst", many)
    assert len(emu.log("store")) - before <= len(many) - kept


def test_a_second_signal_stops_at_once(env, emu, many, tmp_path):
    emu.fault("w10", "slow", times=9, steps=100, pause=0.2)
    process = start(env, tmp_path)
    until(lambda: len(set(fetched(emu))) > 60, process)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=5)
    assert b"Sanitizer" not in err, err
    assert process.returncode in (128 + signal.SIGINT, 128 + signal.SIGTERM)
    assert not (tmp_path / "c.tar.zst").exists()


def interrupted(env, emu, many, tmp_path, share=0.9):
    emu.fault("w10", "slow", times=9, steps=100, pause=0.2)
    process = start(env, tmp_path)
    until(lambda: len(set(fetched(emu))) >= share * len(many) - 5, process)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    emu.reset_faults()


def test_a_torn_and_a_damaged_tail_are_cut(skyarc, env, emu, many, tmp_path):
    interrupted(env, emu, many, tmp_path)
    partial = tmp_path / "c.tar.zst.partial"
    data = partial.read_bytes()
    for size in (len(data) - 1, len(data) * 2 // 3, 700, 3, 0):
        partial.write_bytes(data[:size])
        (tmp_path / "c.tar.zst").unlink(missing_ok=True)
        subprocess.run(["rm", "-rf", str(tmp_path / "out-c.tar.zst")], check=True)
        journal = (tmp_path / "c.tar.zst.partial.journal")
        saved = journal.read_bytes()
        skyarc("pull", "-o", "c.tar.zst", "tsk_many", check=0)
        check_whole(skyarc, emu, tmp_path, "c.tar.zst", many)
        journal.write_bytes(saved)
    rng = random.Random(4)
    for _ in range(6):
        bad = bytearray(data)
        for _ in range(3):
            bad[rng.randrange(len(bad))] ^= 1 << rng.randrange(8)
        partial.write_bytes(bad)
        (tmp_path / "c.tar.zst").unlink()
        subprocess.run(["rm", "-rf", str(tmp_path / "out-c.tar.zst")], check=True)
        journal.write_bytes(saved)
        skyarc("pull", "-o", "c.tar.zst", "tsk_many", check=0)
        check_whole(skyarc, emu, tmp_path, "c.tar.zst", many)


def test_a_journal_that_lies_is_not_believed(skyarc, env, emu, many, tmp_path):
    interrupted(env, emu, many, tmp_path)
    journal = tmp_path / "c.tar.zst.partial.journal"
    lines = journal.read_text().splitlines()
    rows = journal_rows(journal)
    rows[20]["sha256"] = "0" * 64
    rows[40]["artifact_id"], rows[41]["artifact_id"] = rows[41]["artifact_id"], rows[40]["artifact_id"]
    rows[50]["path"] = "data/tsk_many/../../x"
    rows.append(dict(rows[3], run_id="tsk_other"))
    text = [lines[0]] + [json.dumps(r) for r in rows] + ["{", "", "[]", '{"path": 3}', '{"torn']
    journal.write_text("\n".join(text))
    skyarc("pull", "-o", "c.tar.zst", "tsk_many", check=0)
    check_whole(skyarc, emu, tmp_path, "c.tar.zst", many)


def test_bytes_that_another_put_there_are_not_believed(skyarc, env, emu, many, tmp_path):
    """Archive and journal altered together: what says so is a MAC by a key of this user."""
    emu.run("tsk_many", [dict(r, summed=False) for r in many])
    interrupted(env, emu, many, tmp_path)
    lines = (tmp_path / "c.tar.zst.partial.journal").read_text().splitlines()
    (tmp_path / "home/.local/state/skyarc/key").write_text("0" * 64)  # as if another user owned it
    result = skyarc("pull", "--json", "-o", "c.tar.zst", "tsk_many", check=0)
    assert len(lines) > 80 and result.json()["kept"] == 0
    check_whole(skyarc, emu, tmp_path, "c.tar.zst", many)


@pytest.mark.parametrize("kind", ["fifo", "link", "hard link", "writable", "another's"])
def test_a_planted_partial_is_not_ours(skyarc, emu, many, tmp_path, kind):
    if kind == "another's" and os.geteuid():
        pytest.skip("only root gives a file away")
    other = tmp_path / "other"
    other.write_bytes(b"somebody's")
    for name in ("c.tar.zst.partial", "c.tar.zst.partial.journal"):
        if kind == "fifo":
            os.mkfifo(tmp_path / name)
        elif kind == "link":
            (tmp_path / name).symlink_to(other)
        elif kind == "hard link":
            os.link(other, tmp_path / name)
        else:
            (tmp_path / name).write_bytes(b"planted")
            (tmp_path / name).chmod(0o666 if kind == "writable" else 0o600)
            os.chown(tmp_path / name, 65534 if kind == "another's" else -1, -1)
    held = open(tmp_path / "c.tar.zst.partial", "r+b") if kind in ("writable", "another's") else None
    skyarc("pull", "-o", "c.tar.zst", "tsk_many", check=0)
    if held:  # a process that created it does not lock the archive
        held.write(b"later")
        held.close()
    check_whole(skyarc, emu, tmp_path, "c.tar.zst", many)
    assert other.read_bytes() == b"somebody's"
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("what", ["size", "time", "created", "uri"])
def test_another_size_or_time_in_the_list_is_another_version(skyarc, env, emu, many, tmp_path, what):
    emu.run("tsk_many", [dict(r, summed=False) for r in many])
    interrupted(env, emu, many, tmp_path)
    changed = [dict(r, summed=False) for r in many]
    for row in changed[:60]:
        if what == "size":
            row["data"] = row["data"][:-4] + b"!"
        else:
            row["data"] = row["data"].replace(b"p", b"q")
            row.update({"time": {"modified_at": "2026-02-02T10:00:00.000000"}, "created": {"created_at": "2026-02-02T10:00:00.000000"},
                        "uri": {"uri": "s3://bucket/other/%s.html" % row["id"]}}[what])
    emu.run("tsk_many", changed)
    skyarc("pull", "-o", "c.tar.zst", "tsk_many", check=0)
    check_whole(skyarc, emu, tmp_path, "c.tar.zst", changed)


def test_another_request_begins_anew(skyarc, env, emu, many, tmp_path):
    interrupted(env, emu, many, tmp_path)
    result = skyarc("pull", "--json", "-o", "c.tar.zst", "-x", "html", "tsk_many", check=0)
    assert result.json()["kept"] == 0
    check_whole(skyarc, emu, tmp_path, "c.tar.zst", [r for r in many if r["type"] != "html"])
    assert leftovers(tmp_path) == []


def test_an_artifact_that_changed_meanwhile_is_fetched_again(skyarc, env, emu, many, tmp_path):
    interrupted(env, emu, many, tmp_path)
    changed = [dict(r) for r in many]
    changed[10]["data"] = b"<p>another</p>" * 500
    emu.run("tsk_many", changed)
    skyarc("pull", "-o", "c.tar.zst", "tsk_many", check=0)
    check_whole(skyarc, emu, tmp_path, "c.tar.zst", changed)


def test_what_is_left_survives_a_service_that_is_away(skyarc, env, emu, many, tmp_path):
    interrupted(env, emu, many, tmp_path)
    partial = (tmp_path / "c.tar.zst.partial").read_bytes()
    emu.fault("list/tsk_many", "status", times=99, status=500)
    skyarc("pull", "--retries", "0", "-o", "c.tar.zst", "tsk_many", check=1)
    assert (tmp_path / "c.tar.zst.partial").read_bytes() == partial
    emu.reset_faults()
    assert skyarc("pull", "--json", "-o", "c.tar.zst", "tsk_many", check=0).json()["kept"] > 80


def test_members_of_a_bundle_are_kept(skyarc, env, emu, tmp_path):
    """The demo's bundles: interrupted behind them, nothing of them is fetched again."""
    emu.fault("a_1rec", "slow", times=9, steps=100, pause=0.2)
    process = subprocess.Popen([SKYARC, "pull", "-o", "b.tar.zst", "tsk_v2_demo2", "tsk_demo3",
                                "tsk_demo1"], env=env, cwd=tmp_path, stderr=subprocess.PIPE)
    until(lambda: any("a_1rec" in r["path"] for r in emu.log("store")), process)
    time.sleep(1.5)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=10)
    emu.reset_faults()
    before = len(emu.log())
    result = skyarc("pull", "--json", "-o", "b.tar.zst", "tsk_v2_demo2", "tsk_demo3", "tsk_demo1")
    assert result.json()["kept"] > 20
    skyarc("verify", "b.tar.zst", check=0)
    contents = [r for r in emu.log()[before:] if "/content" in r["path"] or r["role"] == "store"]
    assert len(contents) <= result.json()["totals"]["artifacts"] - result.json()["kept"] + 2


def test_strict_and_zip_leave_nothing(skyarc, env, emu, many, tmp_path):
    emu.fault("x010", "status", times=99, status=404)
    skyarc("pull", "--strict", "-o", "c.tar.zst", "tsk_many", check=1)
    assert leftovers(tmp_path) == []
    emu.reset_faults()
    for ident in ("w10", "w11"):
        emu.fault(ident, "slow", times=9, steps=100, pause=0.2)
    before = len(fetched(emu))
    process = start(env, tmp_path, name="c.zip")
    until(lambda: len(set(fetched(emu)[before:])) > 100, process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)
    assert b"nothing was written" in err
    assert leftovers(tmp_path) == []


def test_a_full_disk_keeps_what_is_whole(skyarc, env, emu, many, tmp_path):
    """By a limit on the file's size, which is a write that fails as good as any."""
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (3 << 20, 3 << 20))
    process = subprocess.run([SKYARC, "pull", "-o", "c.tar.zst", "tsk_many"], env=env, cwd=tmp_path,
                             preexec_fn=limit, stderr=subprocess.PIPE, timeout=60, check=False)
    assert process.returncode == 1, process.stderr
    assert b"c.tar.zst.partial" in process.stderr and b"too large" in process.stderr
    assert not (tmp_path / "c.tar.zst").exists()
    result = skyarc("pull", "--json", "-o", "c.tar.zst", "tsk_many", check=0)
    assert result.json()["kept"] > 0
    check_whole(skyarc, emu, tmp_path, "c.tar.zst", many)


def test_a_read_only_directory_says_so(skyarc, emu, tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root writes anywhere")
    (tmp_path / "ro").mkdir(mode=0o500)
    result = skyarc("pull", "-o", "ro/a.tar.zst", "tsk_demo1", check=1)
    assert "Permission denied" in result.err


def test_no_secret_in_what_is_left_nor_told(skyarc, env, emu, many, tmp_path):
    """The unfinished archive, its journal, all that is said, and the process's own title."""
    for ident in ("w10", "w11"):
        emu.fault(ident, "slow", times=9, steps=100, pause=0.2)
    process = subprocess.Popen([SKYARC, "pull", "-vv", "-o", "c.tar.zst", "tsk_many"], env=env,
                               cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    until(lambda: len(set(fetched(emu))) > 100, process)
    time.sleep(0.3)
    title = open("/proc/%d/cmdline" % process.pid, "rb").read()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=10)
    assert b"/bucket/x001" in err  # hosts and paths are shown
    left = [(tmp_path / name).read_bytes() for name in leftovers(tmp_path)]
    for text in [title, out, err, *left]:
        for word in [*emu.secrets(), b"Signature=", b"sig=", b"X-Amz-", b"AWSAccessKeyId"]:
            assert word not in text


def test_no_core_is_dumped(env, emu, tmp_path):
    """The key and signed URLs are in memory: a crash leaves none of it."""
    if b"__asan_init" in open(SKYARC, "rb").read():
        pytest.skip("a leak checker must look in")
    emu.fault("a_1rec", "slow", times=9, steps=100, pause=0.2)
    process = subprocess.Popen(
        [SKYARC, "pull", "-o", "c.tar.zst", "tsk_demo1"], env=env, cwd=tmp_path,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (-1, -1)))
    until(lambda: any("a_1rec" in r["path"] for r in emu.log("store")), process)
    process.send_signal(signal.SIGQUIT)
    _, status = os.waitpid(process.pid, 0)
    process.returncode = 0
    assert os.WIFSIGNALED(status) and not os.WCOREDUMP(status)
    assert not list(tmp_path.glob("core*"))
