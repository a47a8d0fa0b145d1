# SPDX-License-Identifier: MIT
"""Unusual rows of the real server: new types, no bytes, unusual IDs, files on its disk."""
import base64
import hashlib
import io
import json
import urllib.parse
import zipfile

import pytest

from test_pull import check_bag, check_manifest

PNG = b"\x89PNG\r\n\x1a\n"


def by_id(manifest):
    return {r["artifact_id"]: r for r in manifest["artifacts"]}


def test_types_of_today(pull, emu):
    uri = "s3://b/v1/local/o_1/tsk_1/00_0_stp_1/2026-01-20T11:52:29.276851_%s_%s.%s"
    emu.run("tsk_n", [
        {"id": "n1", "type": "screenshot_pre_submit", "data": PNG + b"1"},
        {"id": "n2", "type": "html_pre_submit", "data": b"<p>"},
        {"id": "n3", "type": "unknown", "data": PNG + b"3", "uri": uri % ("n3", "screenshot_of_tomorrow", "png")},
        {"id": "n4", "type": "unknown", "data": b"<p>4", "uri": "s3://b/x/tomorrow.html"},
        {"id": "n5", "type": "unknown", "data": b"5", "uri": uri % ("n5", "../../etc", "x")},
        {"id": "n6", "type": "unknown", "data": b"6", "uri": None},
        {"id": "n8", "type": "unknown", "data": b"{}",
         "uri": "s3://b/v1/local/o_1/tsk_1/00_0_stp_1/2026-01-20T11:52:29.276851_thought_tree.json"}])
    _, manifest, folder = pull("tsk_n")
    check_bag(folder)
    check_manifest(manifest, folder)
    rows = by_id(manifest)
    assert rows["n3"]["artifact_type"] == "screenshot_of_tomorrow" and rows["n3"]["notes"] == ["typed-by-uri"]
    assert rows["n3"]["path"].startswith("data/tsk_n/screenshot_of_tomorrow/")
    assert rows["n8"]["artifact_type"] == "thought_tree" and rows["n8"]["notes"] == ["typed-by-uri"]
    assert rows["n4"]["artifact_type"] == "unknown" and rows["n4"]["path"].endswith(".html")
    assert rows["n5"]["artifact_type"] == rows["n6"]["artifact_type"] == "unknown"
    _, manifest, _ = pull("-t", "screenshots", "tsk_n", name="b.tar")
    assert set(by_id(manifest)) == {"n1"}
    _, manifest, _ = pull("-t", "html", "tsk_n", name="c.tar")
    assert set(by_id(manifest)) == {"n2"}
    emu.mode("today")  # a list by types never holds them
    _, manifest, _ = pull("-t", "unknown", "tsk_n", name="d.tar")
    assert set(by_id(manifest)) == {"n4", "n5", "n6"}


@pytest.mark.parametrize("signing", ["skyvern", "s3", "null", "file"])
def test_a_row_without_bytes_and_object_is_an_empty_file(pull, emu, signing):
    emu.run("tsk_z", [{"id": "z", "type": "browser_console_log", "data": b"", "ext": "log", "signing": signing},
                      {"id": "gone", "type": "skyvern_log", "data": b"12", "ext": "log", "signing": signing}])
    for ident in ("z", "gone"):
        emu.fault(ident, "status", times=99, status=404, body="<Error><Code>NoSuchKey</Code></Error>")
        emu.fault("content/" + ident, "status", times=99, status=404)
    _, manifest, folder = pull("tsk_z", check=3)
    check_bag(folder)
    check_manifest(manifest, folder)
    (row,) = manifest["artifacts"]
    assert (row["artifact_id"], row["size"], row["notes"]) == ("z", 0, ["no-object"])
    assert [m["artifact_id"] for m in manifest["missing"]] == ["gone"]
    emu.reset()
    emu.run("tsk_z", [{"id": "z", "type": "browser_console_log", "data": b"", "ext": "log"}])
    _, manifest, _ = pull("tsk_z", name="b.tar")
    assert manifest["artifacts"][0]["notes"] == []  # the object exists and is empty


@pytest.mark.parametrize("answer", ["denied", "broken", "longer"])
def test_a_row_of_no_bytes_whose_url_says_otherwise_is_missing(pull, emu, answer):
    """A 404 at the content endpoint alone does not make an empty file: older servers say it to everything."""
    emu.run("tsk_z", [{"id": "z", "type": "browser_console_log", "data": b"12345" if answer == "longer" else b"",
                       "ext": "log", "file_size": 0, "summed": False, "signing": "s3"}])
    emu.fault("content/z", "status", times=99, status=404)
    if answer != "longer":
        emu.fault("z", "status", times=99, status=403 if answer == "denied" else 500)
    _, manifest, _ = pull("--retries", "1", "tsk_z", check=3)
    assert not manifest["artifacts"]
    assert [m["artifact_id"] for m in manifest["missing"]] == ["z"]


@pytest.mark.parametrize("more", [[], ["--no-dedupe"]], ids=" ".join)
def test_two_rows_of_one_id(pull, emu, more):
    """Other content is another artifact: both are kept, and noted; the same row twice is one."""
    emu.run("tsk_o", [{"id": "p1", "type": "html", "data": b"<p>the first"}, {"id": "p2", "type": "html", "data": b"<p>a second"}])
    row = {"artifact_type": "html", "artifact_id": "a", "created_at": "2026-02-03T04:05:06"}
    first = dict(row, uri="s3://b/one.html", signed_url=emu.store + "/open/p1")
    second = dict(row, uri="s3://b/two.html", signed_url=emu.store + "/open/p2")
    emu.run("tsk_p", [])
    for rows in ([first, second, dict(first)], [second, first, second]):
        emu.fault("list/tsk_p", "raw", body=base64.b64encode(json.dumps(rows).encode()).decode())
        _, manifest, folder = pull(*more, "tsk_p", name="%d.tar" % id(rows))
        check_bag(folder)
        check_manifest(manifest, folder)
        assert sorted((r["artifact_id"], r["uri"], (folder / r["path"]).read_bytes(), *r["notes"]) for r in manifest["artifacts"]) == [
            ("a", "s3://b/one.html", b"<p>the first", "same-id"), ("a", "s3://b/two.html", b"<p>a second", "same-id")]


@pytest.mark.parametrize("more", [[], ["--no-dedupe"]], ids=" ".join)
@pytest.mark.parametrize("other", [{"modified_at": "2026-02-03T04:05:09"}, {"file_size": 13}, {}], ids=str)
def test_two_versions_of_one_id(pull, emu, other, more):
    """The object is the same by its uri; a fact of the row or the URL's path says that the content may differ."""
    emu.run("tsk_o", [{"id": "p1", "type": "html", "data": b"<p>the first"}, {"id": "p2", "type": "html", "data": b"<p>the second"}])
    first = {"artifact_type": "html", "artifact_id": "a", "created_at": "2026-02-03T04:05:06", "modified_at": "2026-02-03T04:05:06",
             "file_size": 12 if "file_size" in other else None, "uri": "s3://b/one.html", "signed_url": emu.store + "/open/p1?sig=1"}
    second = dict(first, signed_url=emu.store + "/open/p2?sig=1", **other)
    again = dict(first, signed_url=emu.store + "/open/p1?sig=2")
    emu.run("tsk_p", [])
    for i, rows in enumerate(([first, second, again], [again, second, first])):
        emu.fault("list/tsk_p", "raw", body=base64.b64encode(json.dumps(rows).encode()).decode())
        _, manifest, folder = pull(*more, "tsk_p", name="%d.tar" % i)
        check_bag(folder)
        check_manifest(manifest, folder)
        assert sorted((folder / r["path"]).read_bytes() for r in manifest["artifacts"]) == [b"<p>the first", b"<p>the second"]
        assert [r["notes"] for r in manifest["artifacts"]] == [["same-id"]] * 2


@pytest.mark.parametrize("facts, lost", [({}, 1), ({"file_size": 12}, 1), ({"file_size": 12, "summed": True}, 0)], ids=str)
@pytest.mark.parametrize("url", [None, "denied"])
def test_the_content_endpoint_does_not_tell_rows_of_one_id_apart(pull, emu, url, facts, lost):
    """It is asked by the ID alone: without a checksum, the second row would get the bytes of the first."""
    emu.run("tsk_o", [{"id": "a", "type": "html", "data": b"<p>the first"}, {"id": "p2", "type": "html", "data": b"<p>a second."}])
    emu.fault("p2", "status", times=99, status=403)
    facts = dict(facts)
    sums = [{"checksum": hashlib.sha256(b).hexdigest()} for b in (b"<p>the first", b"<p>the first")] if facts.pop("summed", 0) else [{}, {}]
    row = dict({"artifact_type": "html", "artifact_id": "a", "created_at": "2026-02-03T04:05:06"}, **facts)
    rows = [dict(row, uri="s3://b/one.html", signed_url=emu.store + "/open/a", **sums[0]),
            dict(row, uri="s3://b/two.html", signed_url=url and emu.store + "/open/p2", **sums[1])]
    emu.run("tsk_p", [])
    emu.fault("list/tsk_p", "raw", times=9, body=base64.b64encode(json.dumps(rows).encode()).decode())
    _, manifest, folder = pull("--retries", "0", "--no-dedupe", "tsk_p", check=3 if lost else 0)
    assert [(m["artifact_id"], m["reason"]) for m in manifest["missing"]] == [("a", "denied" if url else "no-url")] * lost
    assert [(folder / r["path"]).read_bytes() for r in manifest["artifacts"]] == [b"<p>the first"] * (2 - lost)


def test_a_row_that_changed_between_two_pages(pull, emu):
    """It is the same artifact, listed twice: one content, and nothing missing."""
    emu.run("tsk_o", [{"id": "p1", "type": "html", "data": b"<p>the first"}])
    row = {"artifact_type": "html", "artifact_id": "a", "created_at": "2026-02-03T04:05:06", "modified_at": "2026-02-03T04:05:06",
           "uri": "s3://b/one.html", "signed_url": emu.store + "/open/p1?sig=1"}
    rows = [row, dict(row, modified_at="2026-02-03T04:05:07", signed_url=emu.store + "/open/p1?sig=2")]
    emu.run("tsk_p", [])
    emu.fault("list/tsk_p", "raw", body=base64.b64encode(json.dumps(rows).encode()).decode())
    _, manifest, folder = pull("tsk_p")
    check_bag(folder)
    check_manifest(manifest, folder)
    assert {(folder / r["path"]).read_bytes() for r in manifest["artifacts"]} == {b"<p>the first"}
    assert not manifest["missing"] and len({r["path"] for r in manifest["artifacts"]}) == len(manifest["artifacts"])


@pytest.mark.parametrize("ident", ["a_odd id", "a_odd.~\u00fc", "a;b=c&d", "a%2Fb", "a#b?c", "a+b\"<>"])
def test_odd_ids(pull, emu, ident):
    """Their signed URL counts, and so does the content endpoint."""
    emu.run("tsk_o", [{"id": ident, "type": "html", "data": b"<p>odd", "signing": "null"}])
    _, manifest, folder = pull("tsk_o")
    check_manifest(manifest, folder)
    (row,) = manifest["artifacts"]
    assert row["fetched_via"] == "content-endpoint" and (folder / row["path"]).read_bytes() == b"<p>odd"
    # as the service signs them: the ID is not escaped
    emu.run("tsk_p", [{"id": ident, "type": "html", "data": b"<p>odd", "signing": emu.store + "/open/" + ident}])
    if not set(ident) & set("%#?\u00fc"):
        _, manifest, folder = pull("tsk_p", name="b.tar")
        assert manifest["artifacts"][0]["fetched_via"] == "signed-url"


def test_an_id_that_no_server_finds(pull, emu):
    emu.run("tsk_o", [{"id": "a/../b", "type": "html", "data": b"<p>1", "signing": "null"},
                      {"id": "a/b", "type": "html", "data": b"<p>2", "signing": "s3"}])
    _, manifest, _ = pull("tsk_o", check=3)
    assert [(m["artifact_id"], m["reason"]) for m in manifest["missing"]][0] == ("a/../b", "no-url")


def test_a_signed_url_is_sent_as_it_is(pull, emu):
    emu.run("tsk_d", [{"id": "dots", "type": "html", "data": b"<p>", "signing": emu.store + "/open/x/../y/./dots?sig=1%2F2+3"}])
    _, manifest, _ = pull("tsk_d")
    assert manifest["artifacts"][0]["fetched_via"] == "signed-url"
    assert [r["path"] for r in emu.log("store")] == ["/open/x/../y/./dots?sig=1%2F2+3"]


@pytest.fixture
def disk(tmp_path, emu):
    """A server's own disk; its content endpoint gives nothing."""
    root = tmp_path / "artifacts"
    root.mkdir()

    def put(name, data):
        (root / name).write_bytes(data)
        return "file://%s/%s" % (root, name)

    put.root = root
    return put


def test_names_on_the_servers_disk(pull, emu, disk):
    """Those of downloads are percent-encoded, all others are not."""
    plain = disk("tab two.webm", b"\x1a\x45\xdf\xa3webm2")
    percent = disk("50%25.html", b"<p>%")
    down = disk("a?b#c & d.txt", b"down")
    encoded = "file://" + urllib.parse.quote(down[7:])
    raw = disk("as it is 50%25.csv", b"raw")
    rows = [{"id": "w", "type": "recording", "uri": plain}, {"id": "p", "type": "html", "uri": percent},
            {"id": "d", "type": "download", "uri": encoded}, {"id": "r", "type": "download", "uri": raw}]
    emu.mode("today")
    emu.world(sessions={"pbs_1": {"browser_session_id": "pbs_1", "downloaded_files": [], "recordings": [
        {"url": disk("tab one.webm", b"\x1a\x45\xdf\xa3webm1"), "filename": "tab one.webm", "artifact_id": None}]}})
    emu.run("wr_d", [dict(r, data=b"never", signing="file", sized=False, summed=False) for r in rows],
            browser_session_id="pbs_1", recording_url="file://%s/tab one.webm" % disk.root,
            downloaded_files=[{"url": encoded, "filename": "a?b#c & d.txt", "artifact_id": "d"}])
    for r in rows:
        emu.fault("content/" + r["id"], "status", times=99, status=404)
    _, manifest, folder = pull("--local-root", disk.root, "wr_d")
    check_manifest(manifest, folder)
    got = {r["artifact_id"]: (folder / r["path"]).read_bytes() for r in manifest["artifacts"]}
    assert got == {"w": b"\x1a\x45\xdf\xa3webm2", "p": b"<p>%", "d": b"down", "r": b"raw",
                   None: b"\x1a\x45\xdf\xa3webm1"}  # the session's recording, once
    assert {r["fetched_via"] for r in manifest["artifacts"]} == {"local-root"}


def test_a_member_on_the_servers_disk_is_taken_out_of_its_zip(pull, emu, disk):
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr("shot_0.png", PNG + b"0")
        archive.writestr("prompt_0.txt", b"what now")
    uri = disk("step.zip", whole.getvalue())
    emu.run("tsk_m", [{"id": "m%d" % i, "type": kind, "data": b"never", "uri": uri, "bundle_key": name,
                       "signing": "file", "sized": False, "summed": False}
                      for i, (kind, name) in enumerate([("screenshot_action", "shot_0.png"), ("llm_prompt", "prompt_0.txt")])])
    for i in range(2):
        emu.fault("content/m%d" % i, "status", times=99, status=404)
    _, manifest, folder = pull("--local-root", disk.root, "tsk_m")
    check_manifest(manifest, folder)
    assert {r["artifact_id"]: (folder / r["path"]).read_bytes() for r in manifest["artifacts"]} == {
        "m0": PNG + b"0", "m1": b"what now"}
    assert not [r for r in manifest["artifacts"] if r["path"].endswith(".zip")]


def test_only_a_compressed_har_may_have_another_size(pull, emu):
    plain = b'{"log": {"entries": []}}'
    emu.run("tsk_h", [
        {"id": "coded", "type": "har", "data": plain, "uri": "s3://b/1.har.zst", "file_size": 9, "summed": False},
        {"id": "plain", "type": "har", "data": plain, "uri": "s3://b/2.har", "file_size": 9, "summed": False}])
    _, manifest, folder = pull("--retries", "0", "tsk_h", check=3)
    assert [(m["artifact_id"], m["reason"]) for m in manifest["missing"]] == [("plain", "length-mismatch")]
    assert (folder / manifest["artifacts"][0]["path"]).read_bytes() == plain


def test_a_har_without_a_length_is_whole(pull, emu):
    """Where no size vouches for a HAR, an error document or the beginning of one is no success."""
    whole = b'{"log": {"entries": [%s]}}' % b", ".join(b'{"n": "}%d"}' % i for i in range(900))
    bodies = {"error": b'{"error":"no access"}', "begin": whole[:30], "half": whole[:len(whole) // 2]}
    emu.run("tsk_h", [{"id": name, "type": "har", "data": data, "uri": "s3://b/%s.har.zst" % name,
                       "file_size": 12345, "summed": False} for name, data in {**bodies, "whole": whole}.items()])
    _, manifest, folder = pull("--retries", "0", "tsk_h", check=3)
    check_manifest(manifest, folder)
    rows = by_id(manifest)
    assert {name: rows[name]["notes"] for name in rows} == {**dict.fromkeys(bodies, ["suspect-content"]), "whole": []}
    assert (folder / rows["whole"]["path"]).read_bytes() == whole
    # one that is whole by another way is kept, and is no matter
    emu.run("tsk_i", [{"id": "cut", "type": "har", "data": whole, "uri": "s3://b/cut.har.zst", "file_size": 12345, "summed": False,
                       "signing": emu.store + "/open/begin"}])
    _, manifest, folder = pull("tsk_i", name="b.tar")
    assert (folder / manifest["artifacts"][0]["path"]).read_bytes() == whole and not manifest["artifacts"][0]["notes"]
    # a checksum vouches for any content
    emu.run("tsk_j", [{"id": "sum", "type": "har", "data": b'{"a": 1}', "uri": "s3://b/s.har.zst", "file_size": 12345}])
    _, manifest, _ = pull("tsk_j", name="c.tar")
    assert not manifest["artifacts"][0]["notes"]


@pytest.mark.parametrize("uri", ["s3://b/a.har?x=.zst", "s3://b/a.har#.zst"])
def test_a_query_is_no_suffix(pull, emu, uri):
    emu.run("tsk_h", [{"id": "h", "type": "har", "data": b'{"log": {}}', "uri": uri, "file_size": 12345, "summed": False}])
    _, manifest, _ = pull("--retries", "0", "tsk_h", check=3)
    assert [m["reason"] for m in manifest["missing"]] == ["length-mismatch"]
