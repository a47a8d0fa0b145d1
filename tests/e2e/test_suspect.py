# SPDX-License-Identifier: MIT
"""Content checks: a page or an error document with status 200 is suspect."""
import hashlib
import io
import json
import signal
import subprocess
import time
import zipfile

import pytest

from conftest import SKYARC
from test_crash import until
from emulator.media import png, webm
from emulator.server import SIGN_IN, STORE_ERROR

EXT = {"recording": "webm", "har": "har"}
LIES = {"sign-in": SIGN_IN, "store-error": STORE_ERROR}


def row_of(manifest, ident):
    return next(r for r in manifest["artifacts"] if r["artifact_id"] == ident)


def kinds(emu):
    """One artifact of each type that has a look of its own, and what is right of it."""
    right = {"recording": webm(3000, 1), "screenshot": png(8, 8, 1), "screenshot_action": png(8, 8, 2),
             "trace": b"PK\x05\x06" + bytes(18), "pdf": b"%PDF-1.4\n%%EOF\n", "har": b'{"log": {}}',
             "llm_request": b'{"a": 1}', "skyvern_log": b"2026-01-01 went well\n"}
    emu.run("tsk_kinds", [{"id": "k_" + t, "type": t, "data": d, "ext": EXT.get(t, "bin"), "summed": False, "sized": False}
                          for t, d in right.items()])
    return {"k_" + t: d for t, d in right.items()}


@pytest.mark.parametrize("lie", LIES)
def test_told_once_the_second_way_is_taken(pull, emu, lie):
    right = kinds(emu)
    for ident in right:
        emu.fault(ident, lie)
    result, manifest, folder = pull("tsk_kinds")
    for ident, data in right.items():
        row = row_of(manifest, ident)
        assert (folder / row["path"]).read_bytes() == data, ident
        assert row["notes"] == [] and row["fetched_via"] == "renewed-url", row
    assert result.json()["suspect_contents"] == 0 and not result.json()["incomplete"]


@pytest.mark.parametrize("lie", LIES)
def test_told_by_every_url_the_content_endpoint_is_taken(pull, emu, lie):
    right = kinds(emu)
    for ident in right:
        emu.fault(ident, lie, times=2)
    _, manifest, folder = pull("tsk_kinds")
    for ident, data in right.items():
        row = row_of(manifest, ident)
        assert (folder / row["path"]).read_bytes() == data and row["fetched_via"] == "content-endpoint"


@pytest.mark.parametrize("lie", LIES)
def test_told_always_it_is_kept_and_named(pull, emu, skyarc, tmp_path, lie):
    right = kinds(emu)
    for ident in right:
        emu.fault(ident, lie, times=99)
    result, manifest, folder = pull("-v", "tsk_kinds", check=3)
    for ident in right:
        row = row_of(manifest, ident)
        assert (folder / row["path"]).read_bytes() == LIES[lie]
        assert "suspect-content" in row["notes"], row
        assert "'%s'" % ident in result.err
    assert "%d artifacts are kept, but their content does not match" % len(right) in result.err
    assert result.json()["suspect_contents"] == len(right) and result.json()["incomplete"] is True
    assert not manifest["missing"] and manifest["totals"]["artifacts"] == len(right)
    asked = [r for r in emu.log() if "k_pdf" in r["path"] and "artifacts/" in r["path"]]
    assert len(asked) <= 3, asked
    archive = tmp_path / "a.tar.zst"
    skyarc("verify", str(archive), check=0)
    listed = skyarc("list", "--json", str(archive), check=0).json()
    assert "suspect-content" in json.dumps(listed)


def test_the_last_of_the_ways_may_fail(pull, emu):
    """What came and was suspect is better than nothing: an old server has no content endpoint."""
    odd = b"not a picture that we know"
    emu.run("tsk_odd", [{"id": "o1", "type": "screenshot", "data": odd, "signing": "s3",
                         "summed": False, "sized": False}])
    emu.fault("content/o1", "status", status=404, times=99)
    _, manifest, folder = pull("tsk_odd", check=3)
    row = row_of(manifest, "o1")
    assert (folder / row["path"]).read_bytes() == odd and row["notes"] == ["suspect-content"]


def test_what_the_service_vouches_for_is_not_suspect(pull, emu):
    odd = b"not a picture that we know"
    emu.run("tsk_sum", [{"id": "s1", "type": "screenshot", "data": odd,
                         "checksum": hashlib.sha256(odd).hexdigest()}])
    result, manifest, _ = pull("tsk_sum")
    assert row_of(manifest, "s1")["notes"] == [] and result.json()["retries"] == 0


def test_files_are_judged_by_their_names(pull, emu):
    emu.run("tsk_files", [{"id": "f%d" % i, "type": "download", "filename": name, "data": data,
                           "uri": "s3://b/downloads/" + name, "summed": False}
                          for i, (name, data) in enumerate([
                              ("a.pdf", SIGN_IN), ("b.zip", STORE_ERROR), ("c.csv", SIGN_IN),
                              ("d.html", SIGN_IN), ("e.xml", STORE_ERROR), ("f", SIGN_IN),
                              ("g.pdf", b"%PDF-1.7\n"), ("h.png", png(4, 4, 1)), ("i.pdf", b"")])])
    _, manifest, _ = pull("tsk_files", check=3)
    suspects = {r["artifact_id"] for r in manifest["artifacts"] if "suspect-content" in r["notes"]}
    assert suspects == {"f0", "f1", "f2"}


@pytest.mark.parametrize("times,status", [(1, 0), (99, 3)])
def test_a_large_lie_does_not_pass_through(pull, emu, times, status):
    """Larger than the memory for bodies: judged before the first byte is in the archive."""
    idents = ["big%d" % i for i in range(6)]
    emu.run("tsk_big", [{"id": ident, "type": "recording", "webm": 14_000_000 + i, "seed": i, "signing": "s3",
                         "summed": False, "sized": False} for i, ident in enumerate(idents)])
    for ident in idents:
        emu.fault(ident, "other-bytes", times=times)  # of the right length
    _, manifest, folder = pull("tsk_big", check=status)
    for ident in idents:
        row = row_of(manifest, ident)
        right = emu.data(ident)
        assert (folder / row["path"]).read_bytes() == (bytes(len(right)) if status else right)
        assert ("suspect-content" in row["notes"]) == bool(status)


def test_members_of_a_bundle(pull, emu):
    """A ZIP that is no ZIP is asked for again; a member that is wrong in it, by itself."""
    shot, prompt = png(8, 8, 3), b"prompt"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        packed.writestr("screenshot_0.png", SIGN_IN)
        packed.writestr("llm_prompt_0.txt", prompt)
    uri = "s3://b/step_archive.zip"
    emu.run("tsk_zip", [
        {"id": "z0", "type": "step_archive", "data": out.getvalue(), "uri": uri,
         "summed": False, "sized": False},
        {"id": "z1", "type": "screenshot", "summed": False, "sized": False, "data": shot, "uri": uri, "bundle_key": "screenshot_0.png"},
        {"id": "z2", "type": "llm_prompt", "data": prompt, "uri": uri, "bundle_key": "llm_prompt_0.txt"}])
    emu.fault("z0", "sign-in")
    _, manifest, folder = pull("--bundles", "zip", "tsk_zip")
    assert (folder / row_of(manifest, "z1")["path"]).read_bytes() == shot
    assert (folder / row_of(manifest, "z2")["path"]).read_bytes() == prompt
    assert row_of(manifest, "z2")["fetched_via"] == "bundle"
    assert all("suspect-content" not in r["notes"] for r in manifest["artifacts"])


def test_sync_tells_it_once(skyarc, emu):
    emu.run("tsk_once", [{"id": "n1", "type": "recording", "data": webm(3000, 1),
                          "summed": False, "sized": False}])
    emu.fault("n1", "sign-in", times=99)
    emu.fault("content/n1", "sign-in", times=99)
    first = skyarc("sync", "--dest", "vault", check=3)
    assert "'n1'" in first.err
    second = skyarc("sync", "--dest", "vault", check=0)
    assert "n1" not in second.err
    third = skyarc("sync", "--dest", "vault", "--list-safe", "1", check=0)
    assert b"tsk_once" not in third.out and b"tsk_demo1" in third.out


def test_sync_tells_it_once_of_a_run_that_is_listed_again(skyarc, emu):
    """A run that has just ended is listed once more after a while; what is suspect stays told."""
    now = time.time()
    stamps = [time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now - s)) for s in (400, 300)]
    emu.run("tsk_new", [{"id": "n2", "type": "recording", "data": webm(3000, 1), "summed": False, "sized": False}],
            created_at=stamps[0], finished_at=stamps[1])
    emu.fault("n2", "sign-in", times=99)
    sync = ["sync", "--dest", "vault", "--settle", "1s"]
    skyarc(*sync, check=3)
    for _ in range(2):
        time.sleep(1.1)
        result = skyarc(*sync, check=0)
        assert "n2" not in result.err


def test_strict_takes_nothing_suspect(pull, emu, skyarc, tmp_path):
    emu.run("tsk_strict", [{"id": "x1", "type": "recording", "data": SIGN_IN, "summed": False, "sized": False}])
    result, _, _ = pull("--strict", "tsk_strict", check=1)
    assert "'x1' (recording) of run 'tsk_strict'" in result.err and "--strict" in result.err
    assert not list(tmp_path.glob("*.tar*")), list(tmp_path.iterdir())
    pull("tsk_strict", check=3)


def test_strict_takes_no_wrong_checksum(pull, emu, tmp_path):
    emu.run("tsk_sums", [{"id": "y1", "type": "html", "data": b"<p>", "checksum": "0" * 64},
                         {"id": "y2", "type": "html", "data": b"<p>2", "checksum": "1" * 64}])
    result, _, _ = pull("--strict", "--retries", "0", "tsk_sums", check=1)
    assert "'y1' (html) of run 'tsk_sums' does not have the checksum" in result.err
    assert "and more is missing or wrong" in result.err
    assert not list(tmp_path.glob("*.tar*"))


@pytest.mark.parametrize("count", [2, 10, 15])
def test_up_to_ten_are_named(pull, emu, count):
    emu.run("tsk_ten", [{"id": "n%02d" % i, "type": "pdf", "data": b"%d nope" % i, "summed": False, "sized": False}
                        for i in range(count)])
    result, _, _ = pull("tsk_ten", check=3)
    assert [i for i in range(count) if "'n%02d' (pdf)" % i in result.err] == list(range(min(count, 10)))
    assert ("and %d more" % (count - 10) in result.err) is (count > 10)


@pytest.mark.parametrize("first", ["html", "screenshot"])
@pytest.mark.parametrize("name", ["bag/", "a.tar.zst"])
def test_each_of_two_equal_files_is_judged_by_its_own_type_after_a_kill(skyarc, emu, env, tmp_path, name, first):
    """A page in the place of a picture is suspect, though it is a link to a page that is none, and the other way round."""
    page = b"<html><body>please sign in" + b"<p>" * 2000
    rows = [{"id": "page", "type": "html", "data": page, "ext": "html", "summed": False, "sized": False},
            {"id": "shot", "type": "screenshot", "data": page, "ext": "png", "summed": False, "sized": False}]
    emu.run("tsk_two", rows)
    if first == "screenshot":
        emu.fault("page", "late", times=1, seconds=1)
    emu.fault("a_3rec", "slow", times=9, steps=100, pause=0.2)
    args = ["pull", "--json", "-o", name, "tsk_two", "tsk_demo3"]
    process = subprocess.Popen([SKYARC, *args], env=env, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    journal = tmp_path / (name.strip("/") + ".partial.journal")
    until(lambda: journal.exists() and all('"%s"' % r["id"] in journal.read_text() for r in rows), process)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    emu.reset_faults()
    assert skyarc(*args, check=3).json()["kept"] >= 2
    manifest = json.loads(skyarc("list", "--json", name, check=0).out)
    rows = {r["artifact_id"]: r for r in (manifest if isinstance(manifest, list) else manifest["artifacts"])}
    skyarc("verify", name, check=0)
    assert rows["page"]["link"] or rows["shot"]["link"]
    assert rows["page"]["notes"] == [] and rows["shot"]["notes"] == ["suspect-content"]
    assert rows["page"]["media_type"] == "text/html"
