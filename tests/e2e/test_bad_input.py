# SPDX-License-Identifier: MIT
"""Wrong arguments, keys, paths and responses: one clear message each."""
import base64
import json
import os
import ssl
import subprocess

import pytest

from conftest import Emulator, certificate
from test_bundles import _list as listed


def one_line(result, *words):
    lines = [line for line in result.err.splitlines() if line.startswith("skyarc: error: ")]
    assert len(lines) == 1, result
    for word in words:
        assert word in lines[0], result
    assert "\x1b" not in result.err


def nothing_written(tmp_path):
    left = [p.name for p in tmp_path.iterdir() if p.is_file()]
    assert not left, left


@pytest.mark.parametrize("args,words", [
    ([], ["no run ID"]),
    (["tsk_1/../x"], ["'tsk_1/../x'", "not a run ID"]),
    (["tsk_1", "a b"], ["argument 2", "'a b'"]),
    ([""], ["''"]),
    (["x" * 129], ["not a run ID"]),
    (["\x1b[31mred"], ["\\x1b"]),
    (["--retires", "3", "tsk_1"], ["--retires", "did you mean '--retries'"]),
    (["--output"], ["--output", "FILE"]),
    (["-j", "0", "tsk_1"], ["--jobs", "0"]),
    (["-j", "many", "tsk_1"], ["--jobs", "many"]),
    (["-Z", "tsk_1"], ["'-Z'"]),
    (["--duplicates", "no", "tsk_1"], ["auto, link, copy"]),
    (["--format", "rar", "tsk_1"], ["rar", "tar.zst"]),
    (["-o", "x.rar", "tsk_1"], ["x.rar", "--format"]),
    (["-o", "x.zip", "-l", "12", "tsk_1"], ["--level", "1 to 9"]),
    (["-t", "a/b", "tsk_1"], ["a/b"]),
    (["--limit-rate", "fast", "tsk_1"], ["--limit-rate", "fast"]),
    (["--strict=yes please", "tsk_1"], ["--strict"]),
])
def test_usage(skyarc, emu, tmp_path, args, words):
    result = skyarc("pull", *args, check=2)
    one_line(result, *words)
    assert "--help" in result.err
    assert emu.log() == []
    nothing_written(tmp_path)


def test_unknown_command(skyarc):
    one_line(skyarc("pul", check=2), "did you mean 'pull'")
    assert skyarc(check=2).err.startswith("Usage: ")
    assert b"pull" in skyarc("--help", check=0).out
    assert skyarc("--version", check=0).out.startswith(b"skyarc ")
    assert skyarc("help", "pull", check=0).out == skyarc("pull", "--help", check=0).out


def test_missing_key(skyarc, tmp_path):
    one_line(skyarc("pull", "tsk_demo1", SKYVERN_API_KEY="", check=1), "SKYVERN_API_KEY")
    nothing_written(tmp_path)


def test_unreadable_key_files(skyarc, tmp_path):
    one_line(skyarc("pull", "--api-key-file", "none", "tsk_demo1", check=1), "'none'",
             "No such file")
    (tmp_path / "dir").mkdir()
    one_line(skyarc("pull", "--api-key-file", "dir", "tsk_demo1", check=1), "'dir'")
    for args in (["--api-key", "verysecret"], ["--api-key=verysecret"], ["tsk_demo1", "--api-key"]):
        result = skyarc("pull", *args, check=2)
        assert "--api-key may stand in the configuration file only" in result.err
        assert "verysecret" not in result.err and b"verysecret" not in result.out
    (tmp_path / "dir" / "empty").write_text("\n")
    one_line(skyarc("pull", "--api-key-file", "dir/empty", "tsk_demo1", check=1), "empty")
    nothing_written(tmp_path)


def test_refused_key(skyarc, emu, tmp_path):
    result = skyarc("pull", "tsk_demo1", "tsk_demo3", SKYVERN_API_KEY="sk-wrong-key-1234", check=1)
    assert " refused the API key (403" in result.err
    assert "sk-wrong-key" not in result.err
    result = skyarc("pull", "tsk_demo1", SKYVERN_API_KEY="sk-wrong-key-1234", check=1)
    one_line(result, "tsk_demo1", " refused the API key", "SKYVERN_API_KEY")
    nothing_written(tmp_path)


def test_unknown_runs(pull, emu):
    result, manifest, _ = pull("tsk_nope", "tsk_demo3", check=3)
    assert "run 'tsk_nope' is unknown" in result.err
    assert manifest["missing"] == [{"artifact_id": None, "run_id": "tsk_nope", "artifact_type": None,
                                    "reason": "run-not-found", "http_status": 404, "attempts": 1}]
    one_line(pull("tsk_nope", "tsk_demo3", "--strict", name="b.tar", check=1)[0], "tsk_nope")
    one_line(pull("tsk_nope", name="c.tar", check=1)[0], "tsk_nope")


def test_existing_archives_stay(skyarc, emu, tmp_path):
    target = tmp_path / "old.tar"
    target.write_text("precious")
    one_line(skyarc("pull", "-o", "old.tar", "tsk_demo1", check=1), "'old.tar' exists", "--force")
    assert target.read_text() == "precious" and emu.log() == []
    skyarc("pull", "-f", "-o", "old.tar", "tsk_demo1", check=0)
    assert target.stat().st_size > 100000
    emu.fault("a_1html", "status", times=99, status=404)
    before = target.read_bytes()
    skyarc("pull", "-f", "--strict", "-o", "old.tar", "tsk_demo1", check=1)
    assert target.read_bytes() == before


def test_outputs_that_cannot_be(skyarc, emu, tmp_path):
    (tmp_path / "d.tar").mkdir()
    one_line(skyarc("pull", "-o", "d.tar", "tsk_demo1", check=1), "is a directory")
    one_line(skyarc("pull", "-o", "no/such/x.tar", "tsk_demo1", check=1), "no/such/x.tar")
    assert emu.log() == []
    if os.path.exists("/dev/full"):
        result = skyarc("pull", "-o", "/dev/full", "--format", "tar", "tsk_demo1", check=1)
        one_line(result, "/dev/full", "No space left")
    nothing_written(tmp_path)


def test_a_read_only_directory(skyarc, tmp_path):
    one_line(skyarc("pull", "-o", "/proc/x.tar", "tsk_demo1", check=1), "/proc/x.tar")


def test_no_space(skyarc, emu, tmp_path):
    """A file size limit fails writes as a full disk does."""
    import resource
    import signal

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

    from conftest import SKYARC
    env = dict(os.environ, SKYVERN_API_KEY=emu.key, SKYVERN_BASE_URL=emu.api)
    for name in ("n.tar.zst", "n.tar.gz", "n.tar", "n.zip"):
        process = subprocess.run([SKYARC, "pull", "-o", name, "tsk_demo1", "wr_demo2"], env=env,
                                 cwd=tmp_path, preexec_fn=limit, stderr=subprocess.PIPE)
        assert process.returncode == 1, process
        assert b"File too large" in process.stderr
        left = sorted(p.name for p in tmp_path.iterdir() if p.name.startswith("n."))
        assert left in ([], [name + ".partial", name + ".partial.journal"])
        for path in left:
            (tmp_path / path).unlink()


@pytest.mark.parametrize("text,words", [
    (b"<html>gateway</html>", ["tsk_demo1"]),
    (b'[{"artifact_id": "a", "artifact_', ["tsk_demo1"]),
    (b"", ["tsk_demo1"]),
    (b"{}", ["not a JSON array"]),
    (b"[" * 10000 + b"]" * 10000, ["tsk_demo1", "deep"]),
    (b'["\xff"]', ["tsk_demo1"]),
    (b"[1 2]", ["tsk_demo1"]),
    (b'[{"a"}]', ["tsk_demo1"]),
    (b"[tru]", ["tsk_demo1"]),
])
def test_lists_that_are_none(skyarc, emu, tmp_path, text, words):
    emu.fault("list/tsk_demo1", "raw", times=9, body=base64.b64encode(text).decode())
    one_line(skyarc("pull", "tsk_demo1", check=1), "list the artifacts of run 'tsk_demo1'", *words)
    nothing_written(tmp_path)


def test_a_list_without_end(skyarc, emu, tmp_path):
    emu.fault("list/tsk_demo1", "huge", times=9, size=300 << 20)
    one_line(skyarc("pull", "tsk_demo1", check=1), "tsk_demo1", "larger than")
    nothing_written(tmp_path)


@pytest.mark.parametrize("row", [1, None, "x", {}, [], {"artifact_id": None}, {"artifact_id": 7},
                                 {"artifact_id": "a" * 70_000}], ids=lambda row: repr(row)[:30])
def test_a_row_that_cannot_be_read_is_an_error_of_its_run(skyarc, emu, tmp_path, row):
    """Nobody can say what is lost with it: such a list is none."""
    import json
    rows = [row, {"artifact_id": "only"}]
    emu.fault("list/tsk_demo1", "raw", times=9, body=base64.b64encode(json.dumps(rows).encode()).decode())
    one_line(skyarc("pull", "--retries", "0", "tsk_demo1", check=1), "tsk_demo1", "no artifact_id")
    nothing_written(tmp_path)
    result = skyarc("pull", "--retries", "0", "-o", "a.tar.zst", "tsk_demo1", "tsk_demo3", check=3)
    assert "tsk_demo1" in result.err and "no artifact_id" in result.err


@pytest.mark.parametrize("names", [{"run_id": "tsk_other"}, {"workflow_run_id": "wr_other"},
                                   {"run_id": "wr_1", "workflow_run_id": "wr_2", "task_id": "tsk_3"}, {"task_id": "tsk_other"}])
def test_a_row_of_another_run_is_refused(skyarc, emu, tmp_path, names):
    import json
    rows = [dict(names, artifact_id="a_strange", artifact_type="html")]
    emu.fault("list/tsk_demo1", "raw", times=9, body=base64.b64encode(json.dumps(rows).encode()).decode())
    one_line(skyarc("pull", "--retries", "0", "tsk_demo1", check=1), "tsk_demo1", "a_strange", "another run")
    nothing_written(tmp_path)


@pytest.mark.parametrize("files", [
    {"downloaded_files": {"items": []}}, {"downloaded_files": [{"link": "https://h/f", "filename": "f"}]}, {"downloaded_files": ["f"]},
    {"downloaded_files": [{"url": "https://h/f", "file_size": "7"}]}, {"downloaded_files": [{"url": "https://h/f", "checksum": 7}]},
    {"screenshot_urls": "https://h/s"}, {"screenshot_urls": [{"url": "https://h/s"}]}, {"recording_url": {"url": "https://h/r"}}],
    ids=json.dumps)
def test_a_file_of_a_record_that_cannot_be_read_is_an_error_of_its_run(skyarc, emu, tmp_path, files):
    """The record names a file that would not be archived, and nobody would say so."""
    emu.run("tsk_odd", [{"id": "o", "type": "html", "data": b"x"}], **files)
    one_line(skyarc("pull", "--retries", "0", "-o", "a.tar", "tsk_odd", check=1), "tsk_odd", "1 file that it names cannot be read")
    nothing_written(tmp_path)
    skyarc("sync", "--dest", "v", "--settle", "0s", "--retries", "0", "-q", check=3)
    assert b"tsk_odd" not in skyarc("sync", "--dest", "v", "--list-safe", "1", check=0).out


def test_a_file_of_a_record_that_only_its_id_names(pull, emu):
    emu.run("tsk_o", [{"id": "f1", "type": "download", "data": b"a,b\n"}])
    emu.run("tsk_odd", [{"id": "o", "type": "html", "data": b"x"}], screenshot_urls=[None], recording_url=None,
            downloaded_files=[None, {"artifact_id": "f1", "url": None, "filename": "June.csv"}])
    _, manifest, folder = pull("tsk_odd")
    (row,) = [row for row in manifest["artifacts"] if row["artifact_id"] == "f1"]
    assert row["path"].endswith("June.csv") and (folder / row["path"]).read_bytes() == b"a,b\n"


@pytest.mark.parametrize("fact,code", [({"checksum": "0" * 64}, 3), ({"file_size": 5999}, 3), ({"file_size": 6000}, 0)], ids=json.dumps)
def test_a_row_again_with_a_fact_that_it_lacked(pull, emu, fact, code):
    """What one of two rows of an ID states, and the other does not, is not passed over."""
    emu.run("tsk_odd", [{"id": "o", "type": "html", "data": b"x" * 6000}])
    (row,) = json.loads(listed(emu, "tsk_odd"))
    row.update(checksum=None, file_size=None)
    emu.fault("list/tsk_odd", "raw", times=9, body=base64.b64encode(json.dumps([row, {**row, **fact}]).encode()).decode())
    _, manifest, _ = pull("--retries", "0", "tsk_odd", check=code)
    assert len(manifest["artifacts"]) + len(manifest["missing"]) == 2
    assert all("same-id" in row["notes"] for row in manifest["artifacts"])


@pytest.mark.parametrize("name", [5, {}, "", [], True])
def test_a_run_id_that_is_none_is_an_error_of_its_run(skyarc, emu, tmp_path, name):
    import json
    rows = [{"run_id": "tsk_demo1", "artifact_id": "a"}, {"run_id": name, "artifact_id": "b", "task_id": "tsk_demo1"}]
    emu.fault("list/tsk_demo1", "raw", times=9, body=base64.b64encode(json.dumps(rows).encode()).decode())
    one_line(skyarc("pull", "--retries", "0", "tsk_demo1", check=1), "tsk_demo1", "1 row has a run_id that is not an ID")
    nothing_written(tmp_path)
    record = {"run_id": name, "status": "completed"}
    emu.fault("run/tsk_demo3", "raw", times=9, body=base64.b64encode(json.dumps(record).encode()).decode())
    one_line(skyarc("pull", "--retries", "0", "tsk_demo3", check=1), "tsk_demo3", "has a run_id that is not an ID")
    nothing_written(tmp_path)


@pytest.mark.parametrize("more", [{"run_id": None}, {"task_id": "tsk_demo1"}, {"workflow_run_id": None}, {"task_id": 7}])
def test_a_record_without_a_run_id(skyarc, emu, more):
    import json
    emu.fault("run/tsk_demo1", "raw", body=base64.b64encode(json.dumps({"status": "completed", **more}).encode()).decode())
    skyarc("pull", "tsk_demo1", check=0)


@pytest.mark.parametrize("record,words", [
    ({"status": "completed", "task_id": "tsk_other"}, "tsk_other"),
    ({"status": "completed", "run_id": None, "workflow_run_id": "wr_other"}, "wr_other"),
    ({"run_id": "tsk_other", "status": "completed"}, "tsk_other"),
    ({"detail": "no"}, "neither run_id nor status"), ({}, "neither run_id nor status"),
    ({"run": {"run_id": "tsk_demo1", "status": "completed"}}, "neither run_id nor status")])
def test_a_record_of_another_run_is_refused(skyarc, emu, tmp_path, record, words):
    import json
    emu.fault("run/tsk_demo1", "raw", times=9, body=base64.b64encode(json.dumps(record).encode()).decode())
    one_line(skyarc("pull", "--retries", "0", "tsk_demo1", check=1), "tsk_demo1", words)
    nothing_written(tmp_path)


def test_rows_that_are_strange(pull, emu):
    import json
    rows = [{"artifact_id": "only"},
            {"artifact_id": "../../../etc/x", "artifact_type": "../..", "signed_url": 5,
             "file_size": None, "archived": "maybe", "created_at": "yesterday"}]
    emu.fault("list/tsk_demo1", "raw", body=base64.b64encode(json.dumps(rows).encode()).decode())
    result, manifest, folder = pull("--retries", "0", "tsk_demo1", check=3)
    assert {m["artifact_id"]: m["reason"] for m in manifest["missing"]} == {
        "only": "gone", "../../../etc/x": "no-url"}


@pytest.mark.parametrize("fact", [
    {"file_size": "6000"}, {"file_size": 6000.0}, {"file_size": -1}, {"file_size": []}, {"file_size": True}, {"file_size": 1 << 70},
    {"checksum": 7}, {"checksum": {"sha256": "0" * 64}}, {"modified_at": 1769000000}, {"artifact_type": 3}, {"artifact_type": []}],
    ids=json.dumps)
def test_a_fact_of_another_type_is_an_error_of_the_run(skyarc, emu, tmp_path, fact):
    """What is fetched could not be judged by it: a body cut short would count as whole."""
    emu.run("tsk_odd", [{"id": "o%d" % i, "type": "html", "data": b"x" * 6000} for i in range(2)])
    rows = json.loads(listed(emu, "tsk_odd"))
    rows[1].update(fact)
    emu.fault("list/tsk_odd", "raw", times=9, body=base64.b64encode(json.dumps(rows).encode()).decode())
    one_line(skyarc("pull", "--retries", "0", "-o", "a.tar", "tsk_odd", check=1), "tsk_odd", "cannot be read")
    nothing_written(tmp_path)
    skyarc("sync", "--dest", "v", "--settle", "0s", "--retries", "0", "-q", check=3)
    assert b"tsk_odd" not in skyarc("sync", "--dest", "v", "--list-safe", "1", check=0).out


@pytest.mark.parametrize("checksum", ["sha256:%s", "%s0", "d41d8cd98f00b204e9800998ecf8427e"])
def test_a_checksum_in_another_form_is_not_the_contents(pull, emu, checksum):
    import hashlib
    emu.run("tsk_odd", [{"id": "o", "type": "html", "data": b"x" * 6000}])
    rows = json.loads(listed(emu, "tsk_odd"))
    rows[0]["checksum"] = checksum.replace("%s", hashlib.sha256(b"x" * 6000).hexdigest())
    emu.fault("list/tsk_odd", "raw", times=9, body=base64.b64encode(json.dumps(rows).encode()).decode())
    _, manifest, _ = pull("tsk_odd", check=3)
    assert [row["checksum_mismatch"] for row in manifest["artifacts"]] == [True]


@pytest.mark.parametrize("args", [["-t", "recordings"], ["-t", "har,html_scrape"], ["-x", "recordings"]], ids=" ".join)
def test_a_row_without_a_type_passes_a_filter_of_types(pull, emu, args):
    """Nobody knows whether it is asked for."""
    emu.run("tsk_odd", [{"id": "o", "type": "html", "data": b"x"}])
    rows = json.loads(listed(emu, "tsk_odd"))
    del rows[0]["artifact_type"]
    emu.fault("list/tsk_odd", "raw", times=9, body=base64.b64encode(json.dumps(rows).encode()).decode())
    _, manifest, _ = pull(*args, "tsk_odd")
    assert [row["artifact_id"] for row in manifest["artifacts"]] == ["o"]


def test_nobody_there(skyarc, tmp_path):
    result = skyarc("pull", "--base-url", "http://127.0.0.1:1", "--retries", "0", "tsk_1", check=1)
    one_line(result, "tsk_1", "127.0.0.1")
    for bad in ("ftp://x", "not a url", "http://", "file:///etc", "http://me:pw@h/"):
        one_line(skyarc("pull", "--base-url", bad, "tsk_1", check=1), "base URL")
    nothing_written(tmp_path)


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    ca, both = certificate(folder, "127.0.0.1", "IP:127.0.0.1")
    emulator = Emulator("--tls", both)
    emulator.ca = ca
    emulator.context = ssl.create_default_context(cafile=emulator.ca)
    yield emulator
    emulator.close()


def test_tls(skyarc, tls, tmp_path):
    env = {"SKYVERN_BASE_URL": tls.api}
    result = skyarc("pull", "-o", "t.tar", "tsk_demo3", check=1, **env)
    one_line(result, "certificate", "--ca-file")
    skyarc("pull", "-o", "t.tar", "--ca-file", tls.ca, "tsk_demo3", check=0, **env)
    one_line(skyarc("pull", "-o", "u.tar", "--ca-file", "none", "tsk_demo3", check=1, **env),
             "CA file 'none'")


def test_https_never_becomes_http(skyarc, tls, emu, tmp_path):
    """The list of an https API names plain http URLs: fetched by the content endpoint instead."""
    import json
    import urllib.request
    body = json.dumps({"id": "tsk_plain", "artifacts": [
        {"id": "p1", "type": "html", "data": base64.b64encode(b"x").decode(),
         "signing": emu.store + "/open/a_1html"}]}).encode()
    urllib.request.urlopen(urllib.request.Request(tls.api + "/_control/run", body),
                           context=tls.context).read()
    skyarc("pull", "-o", "p.tar", "--ca-file", tls.ca, "tsk_plain", check=0,
           SKYVERN_BASE_URL=tls.api)
    assert emu.log("store") == []


def test_names_from_hostile_pages(pull, emu, tmp_path):
    """Whatever a page called a download: it lies in its folder, under a name of its own."""
    names = ["../../../up", "/etc/passwd", "..", ".", "", "a/../../b", "C:\\windows\\x", "nul", "COM1.txt", "aux.tar.gz",
             "\u202eexe.txt", "a\nb", "a\x00b", "\x1b[31mred", "%2e%2e%2fx", "x" * 4096, "x" * 4095 + "y", "Same.TXT",
             "same.txt", "SAME.txt", "dot.", "blank ", " lead", "\u00e9", "e\u0301", "\ud83d\ude00", "-rf", "~", "*?<>|"]
    emu.run("tsk_names", [{"id": "n%02d" % i, "type": "download", "data": b"%d" % i, "filename": name,
                           "uri": "s3://b/o/downloads/%s" % name} for i, name in enumerate(names)])
    _, manifest, folder = pull("tsk_names")
    paths = [a["path"] for a in manifest["artifacts"]]
    assert len(paths) == len(names) and len({p.lower() for p in paths}) == len(names)
    for path in paths:
        parts = path.split("/")
        assert parts[:3] == ["data", "tsk_names", "files"] and len(parts) == 4
        assert len(parts[3].encode()) <= 255 and not set(parts[3]) & set('\\:*?"<>|%\u202e\n\x1b\0')
        assert parts[3].split(".")[0].upper() not in ("NUL", "COM1", "AUX", "CON")
    inside = {p.resolve() for p in folder.rglob("*")}
    assert all(str(p).startswith(str(folder.resolve())) for p in inside)
