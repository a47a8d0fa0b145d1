# SPDX-License-Identifier: MIT
"""All that a run produced: its record's own URLs, checksums, cold storage, local disks."""
import base64
import hashlib
import json
import os
import subprocess

import pytest

from test_pull import check_bag, check_manifest


def rows(manifest):
    return {(r["origin"], r["path"].rsplit("/", 1)[1]): r for r in manifest["artifacts"]}


def notes(manifest, run):
    return next(r["notes"] for r in manifest["runs"] if r["run_id"] == run)


def sha(data):
    return hashlib.sha256(data).hexdigest()


PNG = b"\x89PNG\r\n\x1a\n" + bytes(50)


def test_what_is_listed_is_not_stored_twice(pull, emu):
    """Every URL of the record leads to a listed artifact, in one form or another."""
    emu.run("tsk_x", [
        {"id": "r1", "type": "recording", "webm": 90000, "uri": "s3://artifacts/v1/o/run 1/rec.webm"},
        {"id": "s1", "type": "screenshot_final", "data": PNG, "uri": "s3://artifacts/v1/o/s1.png"},
        {"id": "d1", "type": "download", "data": b"a,b\n", "uri": "s3://artifacts/downloads/x8271"},
        {"id": "d2", "type": "download", "data": b"c,d\n", "uri": "s3://artifacts/downloads/x8272"},
    ], recording_url="https://artifacts.s3.amazonaws.com/v1/o/run%201/rec.webm?Signature=x&Expires=1",
        screenshot_urls=["https://s3.eu-1.amazonaws.com/artifacts/v1/o/s1.png?X-Amz-Signature=1",
                         emu.api + "/v1/artifacts/s1/content?expiry=1&kid=k&sig=" + "x" * 43],
        downloaded_files=[
            {"url": emu.api + "/v1/artifacts/d1/content?sig=1", "filename": "Invoice: May.csv",
             "checksum": sha(b"a,b\n"), "file_size": 4, "artifact_id": "d1"},
            {"url": "https://nowhere.example/y", "filename": "June.csv", "checksum": sha(b"c,d\n"),
             "file_size": 4, "artifact_id": None}])
    _, manifest, folder = pull("tsk_x")
    assert len(manifest["artifacts"]) == 4
    assert {r["origin"] for r in manifest["artifacts"]} == {"list"}
    names = {r["path"].rsplit("/", 1)[1] for r in manifest["artifacts"]}
    assert {"Invoice_ May.csv", "June.csv"} <= names
    assert notes(manifest, "tsk_x") == []


def test_files_of_one_checksum_keep_their_names(pull, emu):
    """The bytes are stored once; a name is never left out for them."""
    same = {"checksum": sha(b"a,b\n"), "file_size": 4}
    emu.run("tsk_o", [{"id": "f%d" % i, "type": "x", "data": b"a,b\n"} for i in range(4)])
    emu.run("tsk_x", [{"id": "d1", "type": "download", "data": b"a,b\n", "uri": "s3://artifacts/downloads/x8271"}],
            downloaded_files=[
                dict(same, url=emu.store + "/open/f0", filename="June.csv"),
                dict(same, url=emu.store + "/open/f1", filename="July.csv"),
                dict(same, url=emu.store + "/open/f2", filename="August.csv"),
                dict(same, url=emu.api + "/v1/artifacts/d1/content?sig=1", filename="May.csv", artifact_id="d1"),
                dict(same, url=emu.store + "/open/f3?again=1", filename="June.csv")])
    _, manifest, folder = pull("--duplicates", "link", "tsk_x")
    check_bag(folder)
    check_manifest(manifest, folder)
    files = [r for r in manifest["artifacts"] if r["artifact_type"] == "download"]
    assert sorted(r["path"].rsplit("/", 1)[1] for r in files) == ["August.csv", "July.csv", "June.csv", "May.csv"]
    assert {(folder / r["path"]).read_bytes() for r in files} == {b"a,b\n"}
    assert len([r for r in files if not r["duplicate_of"]]) == 1
    assert next(r for r in files if r["artifact_id"] == "d1")["path"].endswith("May.csv")


def test_a_file_with_an_id_is_no_other_of_the_same_bytes(pull, emu):
    emu.run("tsk_o", [{"id": "f1", "type": "x", "data": b"a,b\n"}])
    emu.run("tsk_x", [{"id": "d1", "type": "download", "data": b"a,b\n", "uri": "s3://artifacts/downloads/x8271"}],
            downloaded_files=[{"checksum": sha(b"a,b\n"), "file_size": 4, "artifact_id": "f1", "filename": "June.csv",
                               "url": emu.api + "/v1/artifacts/f1/content?sig=1"}])
    _, manifest, folder = pull("tsk_x")
    check_manifest(manifest, folder)
    assert {r["artifact_id"] for r in manifest["artifacts"]} == {"d1", "f1"}


def test_what_is_not_listed_is_fetched(pull, emu):
    emu.run("tsk_y", [{"id": "h", "type": "html", "data": b"<p>"}])
    emu.run("tsk_other", [
        {"id": "rec", "type": "recording", "webm": 70000}, {"id": "shot", "type": "x", "data": PNG},
        {"id": "file", "type": "x", "data": b"%PDF-1.4 x"}])
    emu.run("tsk_y", [{"id": "h", "type": "html", "data": b"<p>"}],
            recording_url=emu.store + "/open/rec",
            screenshot_urls=[emu.store + "/open/shot", emu.store + "/open/shot?again=1"],
            downloaded_files=[{"url": emu.store + "/open/file", "filename": "../up/Report.pdf",
                               "checksum": sha(b"%PDF-1.4 x"), "file_size": 10,
                               "modified_at": "2026-02-03T04:05:06", "artifact_id": None}])
    result, manifest, folder = pull("tsk_y")
    check_bag(folder)
    check_manifest(manifest, folder)
    by = {r["origin"]: r for r in manifest["artifacts"]}
    assert set(by) == {"list", "recording_url", "screenshot_urls", "downloaded_files"}
    assert by["recording_url"]["artifact_id"] is None
    assert by["recording_url"]["path"].endswith(".webm")
    assert by["downloaded_files"]["path"] == "data/tsk_y/files/Report.pdf"
    assert by["downloaded_files"]["checksum"] == sha(b"%PDF-1.4 x")
    assert os.stat(folder / by["downloaded_files"]["path"]).st_mtime == 1770091506
    assert "recording_url that is not in its artifact list" in result.err
    assert "recording-url-unlisted" in notes(manifest, "tsk_y")
    for request in emu.log("store"):
        assert "x-api-key" not in request["headers"]


def test_expired_urls_of_the_record_are_renewed(pull, emu):
    """They are in no list: the record is asked for again."""
    emu.run("tsk_o", [{"id": "rec", "type": "x", "data": b"....ftypmp42"}])
    emu.run("tsk_p", [{"id": "h", "type": "html", "data": b"x"}], recording_url=emu.store + "/open/rec?v=1")
    emu.fault("rec", "status", times=1, status=403)
    _, manifest, _ = pull("tsk_p")
    row = next(r for r in manifest["artifacts"] if r["origin"] == "recording_url")
    assert row["fetched_via"] == "renewed-url"
    assert len([r for r in emu.log("api") if r["path"] == "/v1/runs/tsk_p"]) == 2


def test_two_runs_extras_do_not_meet(pull, emu):
    emu.run("tsk_o", [{"id": "one", "type": "x", "data": b"one"}, {"id": "two", "type": "x", "data": b"two"}])
    for run, what in (("tsk_p", "one"), ("tsk_q", "two")):
        emu.run(run, [], downloaded_files=[{"url": emu.store + "/open/" + what, "filename": "f.txt"}])
    _, manifest, folder = pull("tsk_p", "tsk_q")
    assert {r["run_id"]: (folder / r["path"]).read_bytes() for r in manifest["artifacts"]} == {
        "tsk_p": b"one", "tsk_q": b"two"}


def test_filters_hold_for_extras(pull, emu):
    emu.run("tsk_o", [{"id": "one", "type": "x", "data": b"one"}])
    emu.run("tsk_p", [{"id": "h", "type": "har", "data": b"{}"}],
            downloaded_files=[{"url": emu.store + "/open/one", "filename": "f.txt"}],
            recording_url=emu.store + "/open/one", screenshot_urls=[emu.store + "/open/one"])
    _, manifest, _ = pull("-t", "har", "tsk_p")
    assert [r["artifact_type"] for r in manifest["artifacts"]] == ["har"]
    _, manifest, _ = pull("-t", "files", "tsk_p", name="b.tar")
    assert [r["origin"] for r in manifest["artifacts"]] == ["downloaded_files"]


def test_a_wrong_sum_is_fetched_once_more(pull, emu):
    emu.fault("a_1html", "other-bytes", times=1)
    _, manifest, folder = pull("tsk_demo1")
    row = next(r for r in manifest["artifacts"] if r["artifact_id"] == "a_1html")
    assert row["checksum_mismatch"] is False
    assert (folder / row["path"]).read_bytes() == emu.data("a_1html")
    assert len([r for r in emu.log() if "/a_1html/" in r["path"]]) == 2
    emu.reset()
    emu.fault("a_1html", "other-bytes", times=9)
    result, manifest, folder = pull("tsk_demo1", name="b.tar", check=3)
    row = next(r for r in manifest["artifacts"] if r["artifact_id"] == "a_1html")
    assert row["checksum_mismatch"] is True
    assert len([r for r in emu.log() if "/a_1html/" in r["path"]]) == 2


def test_a_wrong_sum_of_a_large_body(pull, emu):
    big = [{"id": "b%d" % i, "type": "recording", "webm": 9_000_000 + i, "seed": i, "signing": "s3"}
           for i in range(9)]
    emu.run("tsk_big", big)
    for i in (1, 4):
        emu.fault("b%d" % i, "other-bytes", times=1)
    emu.fault("b7", "other-bytes", times=9)
    _, manifest, folder = pull("tsk_big", check=3)
    for row in manifest["artifacts"]:
        data = (folder / row["path"]).read_bytes()
        assert row["checksum_mismatch"] is (row["artifact_id"] == "b7")
        assert (data == emu.data(row["artifact_id"])) is (row["artifact_id"] != "b7")


def test_cold_storage(pull, emu):
    cold = "<Error><Code>InvalidObjectState</Code></Error>"
    emu.run("tsk_cold", [{"id": "c1", "type": "html", "data": b"1", "signing": "s3", "archived": True},
                         {"id": "c2", "type": "html", "data": b"2", "signing": "s3"},
                         {"id": "c3", "type": "html", "data": b"3"}])
    emu.fault("c1", "status", times=9, status=403, body=cold)
    emu.fault("c2", "status", times=9, status=403, body=cold)
    result, manifest, _ = pull("tsk_cold", check=3)
    assert {m["artifact_id"]: (m["reason"], m["attempts"]) for m in manifest["missing"]} == {
        "c1": ("archived", 1), "c2": ("archived", 1)}
    assert result.json()["retries"] == 0


def test_har_from_storage_is_stored_plain(pull, emu):
    plain = json.dumps({"log": {"entries": [{"n": i} for i in range(500)]}}).encode()
    coded = subprocess.run(["zstd", "-qc"], input=plain, stdout=subprocess.PIPE, check=True).stdout
    uri = "s3://b/run/2026_har.har.zst"
    emu.run("tsk_har", [
        {"id": "h1", "type": "har", "data": coded, "signing": "s3", "uri": uri + "1.har.zst"},
        # the content endpoint sends it decoded; the service's checksum is of the stored form
        {"id": "h2", "type": "har", "data": plain, "uri": uri, "checksum": sha(coded), "file_size": 9},
        {"id": "h3", "type": "har", "data": coded[:-9], "signing": "s3", "uri": "s3://b/3.har.zst"}])
    _, manifest, folder = pull("tsk_har")
    by = {r["artifact_id"]: r for r in manifest["artifacts"]}
    assert (folder / by["h1"]["path"]).read_bytes() == plain and by["h1"]["path"].endswith(".har")
    assert by["h1"]["encoded"] == {"encoding": "zstd", "size": len(coded), "sha256": sha(coded)}
    assert by["h1"]["sha256"] == by["h2"]["sha256"] == sha(plain)
    assert by["h2"]["encoded"] is None and not by["h2"]["checksum_mismatch"]
    assert by["h3"]["path"].endswith(".har.zst") and by["h3"]["notes"] == ["not-unpacked"]


@pytest.mark.parametrize("form, left", [("half", 0), ("one byte", 0), ("half", 1)], ids=["half", "one byte", "whole elsewhere"])
def test_a_compressed_har_that_is_cut_is_suspect(pull, emu, form, left):
    """Its Content-Length is right, and no size or checksum is listed: the stream itself ends early."""
    plain = json.dumps({"log": {"entries": [{"n": i} for i in range(500)]}}).encode()
    coded = subprocess.run(["zstd", "-qc"], input=plain, stdout=subprocess.PIPE, check=True).stdout
    cut = coded[:-1] if form == "one byte" else coded[:len(coded) // 2]
    emu.run("tsk_har", [{"id": "h", "type": "har", "data": coded, "signing": "s3", "uri": "s3://b/h.har.zst", "summed": False,
                         "sized": False}])
    emu.fault("h", "raw", times=1 if left else 99, body=base64.b64encode(cut).decode())
    _, manifest, folder = pull("--retries", "1", "tsk_har", check=0 if left else 3)
    (row,) = manifest["artifacts"]
    assert (folder / row["path"]).read_bytes() == (plain if left else cut)
    assert sorted(row["notes"]) == ([] if left else ["not-unpacked", "suspect-content"])


@pytest.mark.parametrize("body", [b"", b"<html>Service Unavailable</html>", b'{"log": {}}'], ids=["empty", "error page", "another"])
def test_a_har_has_the_length_that_is_listed(pull, emu, body):
    """Its object may be compressed, and then has another: nothing else has."""
    emu.run("tsk_har", [{"id": "h", "type": "har", "data": b'{"log": "%s"}' % (b"x" * 12334), "signing": "s3",
                         "summed": False}])
    for where in ("h", "content/h"):
        emu.fault(where, "raw", times=99, body=base64.b64encode(body).decode())
    _, manifest, _ = pull("--retries", "1", "tsk_har", check=3)
    assert [m["reason"] for m in manifest["missing"]] == ["length-mismatch"]


def test_recordings_are_odd(pull, emu):
    open_end = (b"\x1a\x45\xdf\xa3\x84\x42\x82\x81w" + b"\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff"
                + b"webm" + bytes(300))
    mp4 = b"\x00\x00\x00\x18ftypmp42" + bytes(500)
    emu.run("tsk_rec", [{"id": "r1", "type": "recording", "data": open_end, "ext": "mp4"},
                        {"id": "r2", "type": "recording", "data": mp4, "ext": "webm"},
                        {"id": "r3", "type": "recording", "data": b"<Error>no</Error>", "ext": "webm"}])
    _, manifest, _ = pull("tsk_rec")
    by = {r["artifact_id"]: r for r in manifest["artifacts"]}
    assert by["r1"]["notes"] == ["named-otherwise", "unfinished"] and by["r1"]["path"].endswith(".webm")
    assert by["r2"]["notes"] == ["named-otherwise"] and by["r2"]["path"].endswith(".mp4")
    assert by["r2"]["media_type"] == "video/mp4"
    assert by["r3"]["notes"] == ["not-a-video"]
    assert "several-recordings" in notes(manifest, "tsk_rec")


def test_what_one_would_expect(pull, emu):
    emu.run("tsk_bare", [{"id": "h", "type": "html", "data": b"x"}])
    result, manifest, _ = pull("tsk_bare")
    assert notes(manifest, "tsk_bare") == ["no-recording", "no-final-screenshot"]
    assert "run 'tsk_bare' is completed but has no recording" in result.err
    result, manifest, _ = pull("-t", "html", "tsk_bare", name="b.tar")
    assert notes(manifest, "tsk_bare") == [] and result.err == ""
    emu.run("wr_plain", [], run_type="workflow_run")
    emu.run("tsk_failed", [], status="failed",
            failure_reason="Webhook delivery failed with status 500", output={"ok": 1})
    result, manifest, _ = pull("wr_plain", "tsk_failed", name="c.tar")
    assert notes(manifest, "wr_plain") == ["no-artifacts"]
    assert notes(manifest, "tsk_failed") == ["webhook-failed"]


@pytest.fixture
def disk(tmp_path, emu):
    root = tmp_path / "artifacts"
    (root / "o_1" / "run").mkdir(parents=True)
    (root / "o_1" / "run" / "page.html").write_bytes(b"<p>from disk</p>")
    (tmp_path / "secret").write_bytes(b"root:x:0")
    os.symlink(tmp_path / "secret", root / "o_1" / "run" / "link.html")
    os.symlink("page.html", root / "o_1" / "run" / "inner.html")
    where = str(root)
    paths = {"l1": where + "/o_1/run/page.html", "l2": "/data/artifacts/o_1/run/page.html",
             "l3": where + "/o_1/run/link.html", "l4": where + "/../secret", "l5": str(tmp_path / "secret"),
             "l6": where + "/o_1/run/inner.html", "l7": where + "/o_1/run"}
    emu.run("tsk_disk", [{"id": i, "type": "html", "data": b"never", "signing": "file", "checksum": None,
                          "file_size": None, "uri": "file://" + p} for i, p in paths.items()])
    for i in paths:
        emu.fault("content/" + i, "status", times=99, status=404)
    return root


def test_local_root(pull, disk):
    _, manifest, folder = pull("--local-root", disk, "tsk_disk", check=3)
    by = {r["artifact_id"]: (r["fetched_via"], (folder / r["path"]).read_bytes())
          for r in manifest["artifacts"]}
    assert by == {i: ("local-root", b"<p>from disk</p>") for i in ("l1", "l2", "l6")}
    assert {m["artifact_id"] for m in manifest["missing"]} == {"l3", "l4", "l5", "l7"}


def test_no_local_root_no_disk(pull, disk):
    _, manifest, _ = pull("tsk_disk", check=3)
    assert len(manifest["missing"]) == 7


def test_the_content_endpoint_comes_before_the_disk(pull, disk, emu):
    emu.run("tsk_d2", [{"id": "z", "type": "html", "data": b"by api", "signing": "null",
                        "uri": "file://%s/o_1/run/page.html" % disk}])
    _, manifest, folder = pull("--local-root", disk, "tsk_d2")
    (row,) = manifest["artifacts"]
    assert row["fetched_via"] == "content-endpoint"
