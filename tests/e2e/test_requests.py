# SPDX-License-Identifier: MIT
"""requests.jsonl: what was asked of the API, when, with which answer; and that the records are those answers."""
import base64
import collections
import hashlib
import json
import re
import signal
import socket
import subprocess

import jsonschema
import pytest

from conftest import SKYARC, TESTS, extract
from test_crash import fetched, leftovers, many, start, until  # noqa: F401  pylint: disable=unused-import
from test_prune import prune  # noqa: F401  pylint: disable=unused-import
from test_pull import check_bag
from test_records import told  # noqa: F401  pylint: disable=unused-import
from test_sync import runs, sync, volumes  # noqa: F401  pylint: disable=unused-import

with open(TESTS + "/../docs/requests.schema.json", encoding="utf-8") as _file:
    SCHEMA = jsonschema.Draft202012Validator(json.load(_file))
RUNS = ["tsk_demo1", "wr_demo2", "tsk_v2_demo2", "tsk_demo3"]


class Log:
    """A log, each line of which is valid by the schema."""

    def __init__(self, text):
        self.text = text
        assert text.endswith("\n")
        self.lines = [json.loads(line) for line in text.splitlines()]
        for line in self.lines:
            SCHEMA.validate(line)
        self.header = self.lines[0]
        assert [line["line"] for line in self.lines].count("header") == 1 and self.header["line"] == "header"
        numbers = [line["number"] for line in self.of("request")]
        assert numbers == sorted(set(numbers))

    def of(self, kind):
        return [line for line in self.lines if line["line"] == kind]

    def request(self, number):
        (line,) = [line for line in self.of("request") if line["number"] == number]
        return line

    def record(self, path):
        (line,) = [line for line in self.of("record") if line["path"] == path]
        return line


@pytest.fixture
def log_of(skyarc):
    def read(archive):
        return Log(skyarc("cat", archive, "requests.jsonl", check=0).out.decode())
    return read


def asked(emu):
    """The API's requests as the emulator saw them, without downloads by signed URLs: method and path."""
    return collections.Counter((r["method"], r["path"]) for r in emu.log("api") if "sig=" not in r["path"])


def logged(log):
    return collections.Counter((line["method"], line["path"]) for line in log.of("request"))


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def check_records(log, folder):
    """Each record of the archive is the answer whose digest is in the log."""
    stored = {str(p.relative_to(folder)) for name in ("run.json", "artifacts.json", "records/*.json")
              for p in folder.glob("data/*/" + name)}
    assert {line["path"] for line in log.of("record")} == stored and stored
    for line in log.of("record"):
        assert line["sha256"] == sha256((folder / line["path"]).read_bytes())
        for page in line["pages"]:
            answer = log.request(page["number"])
            assert answer["http_status"] == 200
            assert (answer["sha256"], answer["rows"]) == (page["sha256"], page["rows"])
            assert line["joined"] or (len(line["pages"]) == 1 and page["sha256"] == line["sha256"])


def test_contents_by_the_api(skyarc, emu, log_of):
    """What comes by the content endpoint, with the key, was asked of the API; what comes by a signed URL was not."""
    emu.fault("a_1null", "status", status=503, times=1)
    skyarc("pull", "-o", "a.tar.zst", "tsk_demo1", check=0)
    log = log_of("a.tar.zst")
    seen = collections.Counter(r["path"] for r in emu.log("api") if "/content" in r["path"] and "sig=" not in r["path"])
    mine = [line for line in log.of("request") if "/content" in line["path"]]
    assert collections.Counter(line["path"] for line in mine) == seen and len(seen) == 3
    assert {(line["method"], line["run_id"], line["sha256"]) for line in mine} == {("GET", "tsk_demo1", None)}
    assert [(line["attempt"], line["http_status"]) for line in mine if "a_1null" in line["path"]] == [(1, 503), (2, 200)]
    skyarc("verify", "a.tar.zst", check=0)


@pytest.mark.parametrize("name", ["a.tar.zst", "a.tar.gz", "a.tar", "a.zip", "a/"])
def test_each_format(skyarc, emu, log_of, tmp_path, name):
    skyarc("pull", "-o", name, *RUNS, check=0)
    seen = asked(emu)
    archive = tmp_path / name
    log = log_of(name)
    assert logged(log) == seen
    folder = archive if name == "a/" else extract(archive, tmp_path)
    check_bag(folder)
    check_records(log, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    (row,) = [d for d in manifest["documents"] if d["path"] == "requests.jsonl"]
    assert (row["size"], row["sha256"]) == (len(log.text), sha256(log.text.encode()))
    assert re.search(r"^%s  requests\.jsonl$" % row["sha256"], (folder / "tagmanifest-sha256.txt").read_text(), re.M)
    skyarc("verify", name, check=0)
    skyarc("extract", "-C", "x", name, "requests.jsonl", check=0)
    assert (tmp_path / "x/a/requests.jsonl").read_text() == log.text
    assert skyarc("cat", name, "a/requests.jsonl", check=0).out.decode() == log.text
    for run in manifest["runs"]:
        (counts,) = [line for line in log.of("run") if line["run_id"] == run["run_id"]]
        assert (counts["expected"], counts["received"]) == (run["counts"]["listed"], run["counts"]["archived"])


def test_what_the_header_says(skyarc, emu, told, log_of):  # noqa: F811
    emu.skew(-7200)
    skyarc("pull", "-o", "a.tar", "wr_f", check=0)
    log = log_of("a.tar")
    assert log.header["service"] == emu.api
    assert log.header["service_version"] == json.loads(
        skyarc("cat", "a.tar", "data/wr_f/records/version.json", check=0).out)["version"]
    assert -7200_000 - 1000 <= log.header["clock_offset_ms"] <= -7200_000 + 1000
    assert (log.header["lost"], log.header["removed"], log.header["sessions"]) == (0, 0, 1)
    (session,) = log.of("session")
    assert session["tool"] == skyarc("--version", check=0).out.decode().strip().replace(" ", "/")
    notes = subprocess.run(["readelf", "-n", SKYARC], stdout=subprocess.PIPE, check=True).stdout.decode()
    assert session["build"] == (re.findall(r"Build ID: ([0-9a-f]+)", notes) + [None])[0]
    assert session["host"] is None and socket.gethostname() not in log.text
    skyarc("pull", "-f", "--log-host", "-o", "a.tar", "wr_f", check=0)
    assert log_of("a.tar").of("session")[0]["host"] == socket.gethostname()


def test_retries(skyarc, emu, log_of):
    emu.fault("run/tsk_demo3", "status", times=1, status=503)
    emu.fault("list/tsk_demo3", "status", times=2, status=429, headers={"retry-after-ms": "20"},
              body={"detail": "slow down"})
    emu.fault("run/tsk_demo1", "drop", times=3)  # libcurl itself repeats a request on an idle connection
    skyarc("pull", "-o", "a.tar", "tsk_demo3", "tsk_demo1", check=0)
    log = log_of("a.tar")
    dropped = ("GET", "/v1/runs/tsk_demo1")
    assert {k: n for k, n in logged(log).items() if k != dropped} == {k: n for k, n in asked(emu).items() if k != dropped}

    def attempts(path):
        return [(line["attempt"], line["http_status"], line["failure"]) for line in log.of("request") if line["path"] == path]

    assert attempts("/v1/runs/tsk_demo3") == [(1, 503, None), (2, 200, None)]
    assert attempts("/v1/runs/tsk_demo3/artifacts") == [(1, 429, None), (2, 429, None), (3, 200, None)]
    cut = attempts(dropped[1])
    assert cut == [(i + 1, None, "network-error") for i in range(len(cut) - 1)] + [(len(cut), 200, None)] and len(cut) > 1
    busy = next(line for line in log.of("request") if line["http_status"] == 429)
    assert busy["sha256"] == sha256(b'{"detail": "slow down"}') and busy["bytes"] == 23
    skyarc("verify", "a.tar", check=0)


def test_answers_that_are_no_records(skyarc, emu, told, log_of):
    page = base64.b64encode(b"<html>sign in</html>").decode()
    emu.fault("v1/runs/wr_f/tags", "raw", times=9, body=page)
    emu.fault("v1/runs/wr_f/heal_episodes", "status", times=9, status=400, body="x" * 5000)
    emu.fault("v1/browser_sessions/pbs_1", "raw", times=9, body=base64.b64encode(b"[1").decode())
    skyarc("pull", "-o", "a.tar", "wr_f", check=3)
    log = log_of("a.tar")
    lines = {line["path"]: line for line in log.of("request")}
    tags, heal = lines["/v1/runs/wr_f/tags"], lines["/v1/runs/wr_f/heal_episodes"]
    assert (tags["http_status"], tags["failure"], tags["bytes"]) == (200, "bad-answer", 20)
    assert tags["sha256"] == sha256(b"<html>sign in</html>")
    assert (heal["http_status"], heal["bytes"], heal["sha256"]) == (400, 5000, None)
    assert lines["/v1/browser_sessions/pbs_1"]["sha256"] == sha256(b"[1")
    skyarc("verify", "a.tar", check=0)


def test_pages(skyarc, emu, told, log_of, tmp_path):
    skyarc("pull", "-o", "a.tar", "wr_f", "tsk_1", check=0)
    log = log_of("a.tar")
    assert logged(log) == asked(emu)
    check_records(log, extract(tmp_path / "a.tar", tmp_path))
    actions = log.record("data/wr_f/records/session-actions.json")
    assert actions["joined"] and [page["rows"] for page in actions["pages"]] == [100, 100, 30, 0]
    episodes = log.record("data/wr_f/records/fallback-episodes.json")
    assert episodes["joined"] and [page["rows"] for page in episodes["pages"]] == [100, 20]
    assert {log.request(page["number"])["rows_expected"] for page in episodes["pages"]} == {120}
    listed = log.record("data/wr_f/artifacts.json")
    assert listed["joined"] and len(listed["pages"]) > 1  # of the run, and of the task of its block
    assert not log.record("data/wr_f/run.json")["joined"]
    skyarc("verify", "a.tar", check=0)


def test_a_run_that_is_not_there(skyarc, emu, log_of):
    skyarc("pull", "-o", "a.tar", "tsk_demo3", "tsk_nobody", check=3)
    log = log_of("a.tar")
    (line,) = [line for line in log.of("request") if line["path"] == "/v1/runs/tsk_nobody"]
    assert line["http_status"] == 404 and line["run_id"] == "tsk_nobody" and line["sha256"]
    assert not [line for line in log.of("record") if line["run_id"] == "tsk_nobody"]
    skyarc("verify", "a.tar", check=0)


@pytest.mark.parametrize("name", ["c.tar.zst", "c/"])
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_interrupted_and_resumed(skyarc, env, emu, many, log_of, tmp_path, name, how):
    """The requests of all attempts are in the log, also of one that was killed while it asked."""
    for row in many[::9]:
        emu.fault(row["id"], "slow", steps=4, pause=0.05)
    process = start(env, tmp_path, name=name)
    until(lambda: len(fetched(emu)) > len(many) // 2, process)
    process.send_signal(how)
    process.communicate()
    first = asked(emu)
    assert len(first) >= 2 and leftovers(tmp_path) == [name.strip("/") + ".partial", name.strip("/") + ".partial.journal"]
    emu.reset_faults()
    emu.fault("list/tsk_many", "late", times=1, seconds=30)
    process = start(env, tmp_path, name=name)
    until(lambda: sum(asked(emu).values()) >= sum(first.values()) + 2, process)
    until(lambda: (tmp_path / (name.strip("/") + ".partial.journal")).read_text().count('"began"') == 2, process)
    until(lambda: (tmp_path / (name.strip("/") + ".partial.journal")).read_text().count("/v1/runs/tsk_many") >= 3, process)
    process.kill()
    process.communicate()
    emu.reset_faults()
    skyarc("pull", "-j", "4", "-o", name, "tsk_many", check=0)
    log = log_of(name)
    assert log.header["sessions"] == 3 and [line["session"] for line in log.of("session")] == [1, 2, 3]
    per = collections.Counter(line["session"] for line in log.of("request"))
    assert sum(per[s] for s in (1, 2, 3)) == len(log.of("request")) and min(per[s] for s in (1, 2, 3)) >= 1
    done = collections.Counter(line["path"] for line in log.of("request") if line["session"] == 1)
    assert done["/v1/runs/tsk_many"] == 1 and done["/v1/runs/tsk_many/artifacts"] == 1
    assert all(line["sha256"] for line in log.of("request") if line["session"] == 1 and line["http_status"] == 200)
    assert {log.request(page["number"])["session"] for line in log.of("record") for page in line["pages"]} == {3}
    assert not logged(log) - asked(emu)
    skyarc("verify", name, check=0)


def test_a_journal_cannot_put_words_in_the_log(skyarc, env, emu, many, log_of, tmp_path):
    """Notes of a journal that have no valid MAC are not believed."""
    process = start(env, tmp_path)
    emu.fault("w11", "late", times=9, seconds=30)
    until(lambda: len(fetched(emu)) > len(many) // 2, process)
    process.kill()
    process.communicate()
    emu.reset_faults()
    journal = tmp_path / "c.tar.zst.partial.journal"
    lines = journal.read_text().splitlines(True)
    notes = [line for line in lines if "request_log" in line]
    assert len(notes) > 4
    forged = notes[1].replace("/v1/runs/", "/v1/forged/")
    bare = '{"request_log": {"began": 1, "tool": "forged"}}\n'
    journal.write_text("".join([lines[0], bare, forged] + lines[1:]))
    skyarc("pull", "-o", "c.tar.zst", "tsk_many", check=0)
    log = log_of("c.tar.zst")
    assert "forged" not in log.text and log.header["sessions"] == 2
    skyarc("verify", "c.tar.zst", check=0)


def rewrite(folder, path, change):
    """Change a document of a bag, with its digest in the manifest and in BagIt's files."""
    old = (folder / path).read_bytes()
    new = change(old)
    assert new != old
    (folder / path).write_bytes(new)
    manifest = json.loads((folder / "manifest.json").read_text())
    (row,) = [d for d in manifest["documents"] if d["path"] == path]
    row.update(size=len(new), sha256=sha256(new))
    (folder / "manifest.json").write_text(json.dumps(manifest))
    for name in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
        lines = [line.split("  ", 1) for line in (folder / name).read_text().splitlines()]
        (folder / name).write_text("".join("%s  %s\n" % (sha256((folder / p).read_bytes()), p) for _, p in lines))
    total = sum(p.stat().st_size for p in (folder / "data").rglob("*") if p.is_file())
    info = (folder / "bag-info.txt").read_text()
    (folder / "bag-info.txt").write_text(re.sub(r"(Payload-Oxum: )\d+", r"\g<1>%d" % total, info))
    lines = [line.split("  ", 1) for line in (folder / "tagmanifest-sha256.txt").read_text().splitlines()]
    (folder / "tagmanifest-sha256.txt").write_text(
        "".join("%s  %s\n" % (sha256((folder / p).read_bytes()), p) for _, p in lines))


@pytest.mark.parametrize("path", ["run.json", "artifacts.json", "records/timeline.json", "records/session-actions.json"])
def test_a_changed_record_is_found(skyarc, told, tmp_path, path):
    """Also if the manifest and BagIt's files were made anew: the log knows the service's answer."""
    skyarc("pull", "-o", "a/", "wr_f", check=0)
    path = "data/wr_f/" + path
    rewrite(tmp_path / "a", path, lambda old: old.replace(b"e", b"E", 1))
    result = skyarc("verify", "a", check=4)
    assert "'%s': has a different SHA-256 in requests.jsonl" % path in result.err
    assert "1 defect" in result.out.decode()


def _edit(line, **what):
    return json.dumps(dict(json.loads(line), **what))


def _answers(text):
    """Another digest for the answer to the request for the record."""
    return "\n".join(_edit(line, sha256="0" * 64) if '"path": "/v1/runs/wr_f"' in line else line
                     for line in text.split("\n"))


@pytest.mark.parametrize("change,word", [
    (_answers, "has another SHA-256 there"),
    (lambda text: "".join(line for line in text.splitlines(True) if '"path": "/v1/runs/wr_f"' not in line), "is not there"),
    (lambda text: "".join(line for line in text.splitlines(True) if "wr_f/run.json" not in line),
     "'data/wr_f/run.json': is not in requests.jsonl"),
    (lambda text: text.replace("data/wr_f/run.json", "data/wr_f/ran.json"), "not in manifest.json"),
    (lambda text: text.split("\n", 1)[1], "there is no header"),
    (lambda text: text[:-10], "the last line is incomplete"),
    (lambda text: text + "{\n", "line "),
    (lambda text: text + "x" * ((1 << 20) + 1) + "\n", "a line is too long"),
    (lambda text: "", "is empty"),
])
def test_a_changed_log_is_found(skyarc, told, tmp_path, change, word):
    skyarc("pull", "-o", "a/", "wr_f", check=0)
    rewrite(tmp_path / "a", "requests.jsonl", lambda old: change(old.decode()).encode())
    assert word in skyarc("verify", "a", check=4).err


def test_a_changed_log_with_the_old_digest(skyarc, tmp_path):
    skyarc("pull", "-o", "a/", "tsk_demo3", check=0)
    path = tmp_path / "a/requests.jsonl"
    path.write_text(path.read_text().replace('"attempt": 1', '"attempt": 2', 1))
    assert "'requests.jsonl': has a different SHA-256 than in the manifest" in skyarc("verify", "a", check=4).err


def test_volumes(skyarc, sync, runs, prune, log_of, tmp_path):
    """A volume has the requests of its runs, and those that chose them; a pruned run leaves none."""
    for ident, days in (("tsk_old", 100), ("tsk_new", 1)):
        runs(ident, ended=days * 86400)
    sync()
    (name,) = volumes(tmp_path)
    log = log_of("vault/" + name)
    assert {line["run_id"] for line in log.of("record")} == {"tsk_old", "tsk_new"}
    lists = [line for line in log.of("request") if line["run_id"] is None and line["path"].startswith("/v1/runs?")]
    assert lists and all(line["rows"] is not None and line["sha256"] for line in lists)
    result = prune("--keep-days", "60", "--apply")
    assert (result["removed_volumes"], result["rewritten_volumes"]) == (0, 1)
    (name,) = volumes(tmp_path)
    skyarc("verify", "vault/" + name, check=0)
    after = log_of("vault/" + name)
    assert "tsk_old" not in after.text
    assert [line for line in log.lines[1:] if line.get("run_id") != "tsk_old"] == after.lines[1:]
    gone = sum(line.get("run_id") == "tsk_old" for line in log.lines)
    assert after.header == dict(log.header, removed=gone) and gone
    check_records(after, extract(tmp_path / "vault" / name, tmp_path))


def test_no_secret_is_in_it(skyarc, emu, told, log_of):
    emu.fault("v1/runs/wr_f/tags", "status", times=9, status=404, body={"detail": "key %s is unknown" % emu.key})
    skyarc("pull", "-o", "a/", *RUNS, "wr_f", check=0)
    text = log_of("a").text
    for secret in emu.secrets() + [b"SECRETSIG"]:
        assert secret.decode() not in text
    skyarc("verify", "a", check=0)


def test_none_of_a_run_that_was_put_off(skyarc, runs, sync, log_of, tmp_path):
    """A volume that is full has no lines of the runs that come into the next one."""
    for i in range(4):
        runs("tsk_s%d" % i, ended=(9 - i) * 86400)
    sync("--volume-size", "1k")
    names = volumes(tmp_path)
    assert len(names) > 1
    for name in names:
        log = log_of("vault/" + name)
        manifest = json.loads(skyarc("cat", "vault/" + name, "manifest.json", check=0).out)
        own = {run["run_id"] for run in manifest["runs"]}
        assert {line["run_id"] for line in log.lines if line.get("run_id")} == own


def test_what_submits_is_logged(skyarc, emu, log_of):
    """The POST is the first request: by the digest of its answer, without what was submitted."""
    emu.script(["running", "completed"])
    out = skyarc("submit", "-p", "the secret prompt", "--header", "Authorization=Bearer s3cret", "-o", "run.tar.zst", "--interval", "50ms",
                 "--json", check=None)
    assert out.code in (0, 3), out.err
    log = log_of("run.tar.zst")
    posts = [line for line in log.of("request") if line["method"] == "POST"]
    assert len(posts) == 1 and [r["path"] for r in emu.log("api") if r["method"] == "POST"] == [posts[0]["path"]]
    assert posts[0] == log.of("request")[0]
    assert (posts[0]["run_id"], posts[0]["http_status"], posts[0]["attempt"], posts[0]["failure"]) == (None, 200, 1, None)
    again = skyarc("submit", "--json", "-p", "the secret prompt", "--header", "Authorization=Bearer s3cret", check=0).out
    again = again.rstrip(b"\n").replace(b"tsk_v2_1002", b"tsk_v2_1001")  # the same answer, as it is printed: redacted
    assert posts[0]["sha256"] == sha256(again) and b"s3cret" not in again
    assert "secret prompt" not in log.text and "s3cret" not in log.text and emu.key not in log.text
    skyarc("verify", "run.tar.zst", check=0)
    gets = [line for line in log.of("request") if line["method"] == "GET" and line["path"].endswith("/" + log.of("run")[0]["run_id"])]
    assert len(gets) <= 2  # not each look at whether it has ended
