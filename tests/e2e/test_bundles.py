# SPDX-License-Identifier: MIT
"""A step's artifacts in one ZIP: fetched once, taken apart here."""
import base64
import contextlib
import hashlib
import io
import json
import random
import signal
import subprocess
import zipfile

import pytest

from conftest import SKYARC
from test_crash import journal_rows, until
from test_pull import check_bag, check_manifest


def contents(manifest):
    return sorted((r["artifact_id"], r["path"], r["sha256"], r["artifact_type"])
                  for r in manifest["artifacts"])


def fetches(emu):
    return [r["path"] for r in emu.log() if "/content" in r["path"] or r["role"] == "store"]


def test_forty_members_one_request(pull, emu):
    _, manifest, folder = pull("tsk_step")
    assert len(fetches(emu)) == 1
    assert len(manifest["artifacts"]) == 40
    assert {r["fetched_via"] for r in manifest["artifacts"]} == {"bundle"}
    check_bag(folder)
    check_manifest(manifest, folder)
    for row in manifest["artifacts"]:
        assert (folder / row["path"]).read_bytes() == emu.data(row["artifact_id"])
    assert not any("_zip" in p.name for p in folder.rglob("*"))
    emu.reset()
    _, singly, _ = pull("--bundles", "members", "tsk_step", name="b.tar.zst")
    assert len(fetches(emu)) == 40
    assert contents(singly) == contents(manifest)


def test_the_same_archive_from_every_storage(pull, emu):
    seen = []
    for storage in ("s3", "local", "gcs", "azure"):
        for how in ("auto", "members"):
            emu.reset()
            emu.storage(storage)
            _, manifest, folder = pull("--bundles", how, "tsk_step", name="%s-%s.tar" % (storage, how))
            seen.append(contents(manifest))
            wanted = 40 if (storage, how) == ("s3", "members") else 1
            assert len(fetches(emu)) == wanted, (storage, how)
            for row in manifest["artifacts"]:
                assert (folder / row["path"]).read_bytes() == emu.data(row["artifact_id"])
    assert all(one == seen[0] for one in seen)


def test_the_zip_is_kept_when_asked_for(pull, emu):
    _, manifest, folder = pull("-t", "bundles", "tsk_step")
    (row,) = manifest["artifacts"]
    assert row["artifact_id"] == "tsk_step_zip" and row["path"].endswith(".zip")
    assert (folder / row["path"]).read_bytes() == emu.data("tsk_step_zip")
    emu.reset()
    _, manifest, _ = pull("-t", "all", "tsk_step", name="b.tar")
    assert len(manifest["artifacts"]) == 41 and len(fetches(emu)) == 1


def test_a_filter_chooses_what_is_cheaper(pull, emu):
    _, manifest, _ = pull("-t", "screenshots", "tsk_step")
    assert len(manifest["artifacts"]) == 20 and len(fetches(emu)) == 1
    emu.reset()
    _, manifest, _ = pull("-t", "trace", "tsk_step", name="b.tar")  # one member: one request
    assert len(manifest["artifacts"]) == 1 and len(fetches(emu)) == 1
    assert "_zip" not in fetches(emu)[0]
    # two small members of a ZIP with a large recording: cheaper without the ZIP
    rows = [("rec_0.webm", "recording", random.Random(1).randbytes(3_000_000)), ("p_0.txt", "llm_prompt", b"a" * 99),
            ("p_1.txt", "llm_prompt", b"b" * 99)]
    bundle(emu, "tsk_big", rows)
    _, manifest, _ = pull("-t", "llm", "tsk_big", name="c.tar")
    assert sorted(r["artifact_id"] for r in manifest["artifacts"]) == ["tsk_big_1", "tsk_big_2"]
    assert {r["fetched_via"] for r in manifest["artifacts"]} == {"signed-url"}


def bundle(emu, run, rows, whole=None, **more):
    """Add a bundled run; whole: other bytes of the ZIP."""
    if whole is None:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, _, data in rows:
                archive.writestr(name, data)
        whole = out.getvalue()
    uri = "s3://artifacts/%s.zip" % run
    listed = [dict({"id": run + "_zip", "type": "step_archive", "data": whole, "uri": uri}, **more)]
    listed += [dict({"id": "%s_%d" % (run, i), "type": kind, "data": data, "uri": uri,
                     "bundle_key": name, "member_of": run + "_zip"}, **more)
               for i, (name, kind, data) in enumerate(rows)]
    emu.run(run, listed)
    return whole


ROWS = [("a_0.txt", "llm_prompt", b"zero\n" * 30), ("a_1.txt", "llm_prompt", b"one\n" * 30),
        ("a_2.txt", "llm_prompt", b"two\n" * 30)]


def check_rows(manifest, folder, via):
    assert {r["artifact_id"]: (folder / r["path"]).read_bytes() for r in manifest["artifacts"]} == {
        "tsk_b_%d" % i: data for i, (_, _, data) in enumerate(ROWS)}
    assert {r["fetched_via"] for r in manifest["artifacts"]} == via


def test_a_parent_that_is_gone(pull, emu):
    bundle(emu, "tsk_b", ROWS)
    emu.fault("tsk_b_zip", "status", times=9, status=404)
    _, manifest, folder = pull("tsk_b")
    check_rows(manifest, folder, {"signed-url"})
    assert manifest["missing"] == []


def test_a_parent_that_is_not_listed(pull, emu):
    bundle(emu, "tsk_b", ROWS)
    listing = [r for r in json.loads(_list(emu, "tsk_b")) if r["artifact_type"] != "step_archive"]
    emu.fault("list/tsk_b", "raw", body=base64.b64encode(json.dumps(listing).encode()).decode())
    _, manifest, folder = pull("tsk_b")
    check_rows(manifest, folder, {"signed-url"})
    emu.storage("gcs")  # then the first member's request returns the ZIP
    emu.fault("list/tsk_b", "raw", body=base64.b64encode(json.dumps(listing).encode()).decode())
    before = len(fetches(emu))
    _, manifest, folder = pull("tsk_b", name="b.tar")
    check_rows(manifest, folder, {"bundle"})
    assert len(fetches(emu)) == before + 1


def _list(emu, run):
    import urllib.request
    request = urllib.request.Request(emu.api + "/v1/runs/%s/artifacts" % run,
                                     headers={"x-api-key": emu.key})
    with urllib.request.urlopen(request) as answer:
        return answer.read()


def zipped(entries, **more):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries:
            archive.writestr(name, data, **more)
    return out.getvalue()


def test_a_member_that_the_zip_lacks(pull, emu):
    bundle(emu, "tsk_b", ROWS, zipped([(n, d) for n, _, d in ROWS[:2]]))
    _, manifest, folder = pull("tsk_b")
    check_rows(manifest, folder, {"bundle", "signed-url"})
    emu.storage("local")  # such a server can only send the ZIP again
    _, manifest, _ = pull("tsk_b", name="b.tar", check=3)
    assert [(m["artifact_id"], m["reason"]) for m in manifest["missing"]] == [
        ("tsk_b_2", "not-in-bundle")]
    assert len(manifest["artifacts"]) == 2


@pytest.mark.parametrize("lacked", range(3))
def test_a_member_that_the_zip_lacks_may_be_asked_for_first(pull, emu, lacked):
    """The ZIP is not stored in its place, though no answer has shown before that it is the ZIP."""
    bundle(emu, "tsk_b", ROWS, zipped([(n, d) for i, (n, _, d) in enumerate(ROWS) if i != lacked]),
           summed=False, sized=False)
    emu.storage("local")
    emu.fault("tsk_b_zip", "status", times=99, status=404)
    _, manifest, folder = pull("tsk_b", check=3)
    assert [(m["artifact_id"], m["reason"]) for m in manifest["missing"]] == [("tsk_b_%d" % lacked, "not-in-bundle")]
    assert {r["artifact_id"]: (folder / r["path"]).read_bytes() for r in manifest["artifacts"]} == {
        "tsk_b_%d" % i: data for i, (_, _, data) in enumerate(ROWS) if i != lacked}


@pytest.mark.parametrize("runs", [2, 4])
def test_a_member_that_the_zip_lacks_is_asked_for_once_for_several_runs(pull, emu, runs):
    listed = dict(uri="s3://artifacts/tsk_b.zip", member_of="tsk_b_zip", type="llm_prompt", summed=False, sized=False)
    bundle(emu, "tsk_b", ROWS, zipped([(n, d) for n, _, d in ROWS[:2]]), summed=False, sized=False)
    rows = [row for row in json.loads(_list(emu, "tsk_b")) if row["artifact_id"] == "tsk_b_2"]
    names = ["tsk_b"] + ["tsk_c%d" % i for i in range(1, runs)]
    for name in names[1:]:
        emu.run(name, [dict(listed, id="tsk_b_2", data=ROWS[2][2], bundle_key=ROWS[2][0])])
        emu.fault("list/" + name, "raw", times=9, body=base64.b64encode(json.dumps(
            [dict(row, run_id=name) for row in rows]).encode()).decode())
    emu.storage("local")
    emu.fault("tsk_b_zip", "status", times=99, status=404)
    before = len(fetches(emu))
    _, manifest, _ = pull(*names, check=3)
    assert sorted((m["run_id"], m["artifact_id"], m["reason"]) for m in manifest["missing"]) == [
        (name, "tsk_b_2", "not-in-bundle") for name in names]
    assert sorted(r["artifact_id"] for r in manifest["artifacts"]) == ["tsk_b_0", "tsk_b_1"]
    assert sum("tsk_b_2" in path for path in fetches(emu)[before:]) <= 1


def test_a_zip_of_another_size_is_not_the_member(pull, emu):
    """It lacks the one member that is wanted; so no other member tells that it is the bundle's."""
    rows = [(n, "llm_prompt" if i == 2 else "html", d) for i, (n, _, d) in enumerate(ROWS)]
    bundle(emu, "tsk_b", rows, zipped([(n, d) for n, _, d in ROWS[:2]]), summed=False)
    emu.storage("local")
    emu.fault("tsk_b_zip", "status", times=99, status=404)
    _, manifest, _ = pull("-t", "llm", "tsk_b", check=3)
    assert manifest["artifacts"] == [] and [m["artifact_id"] for m in manifest["missing"]] == ["tsk_b_2"]


@pytest.mark.parametrize("kind", ["llm_prompt", "a_new_type"])
def test_a_zip_in_the_place_of_a_member_is_noted(pull, emu, kind):
    """The only wanted member, without size or checksum: nothing but its content tells that it is the bundle."""
    rows = [(n, kind if i == 2 else "html", d) for i, (n, _, d) in enumerate(ROWS)]
    bundle(emu, "tsk_b", rows, zipped([(n, d) for n, _, d in ROWS[:2]]), summed=False, sized=False)
    emu.storage("local")
    emu.fault("tsk_b_zip", "status", times=99, status=404)
    _, manifest, _ = pull("--allow-unknown-type", "-t", kind, "tsk_b", check=3)
    assert [r["notes"] for r in manifest["artifacts"]] == [["suspect-content"]]


def test_a_zip_that_lacks_the_member_brings_no_others(pull, emu):
    """It may be another step's, with entries of the same names."""
    wrong = zipped([(ROWS[0][0], b"of another step"), (ROWS[1][0], b"of another step")])
    bundle(emu, "tsk_b", ROWS, summed=False, sized=False)
    emu.storage("local")
    emu.fault("tsk_b_zip", "status", times=99, status=404)
    for i in range(3):  # whichever is asked for first
        emu.fault("tsk_b_%d" % i, "raw", body=base64.b64encode(
            wrong if i == 2 else zipped([(ROWS[2][0], b"of another step")])).decode())
    _, manifest, folder = pull("tsk_b", check=3)
    lost = [m["artifact_id"] for m in manifest["missing"] if m["reason"] == "not-in-bundle"]
    assert len(lost) == len(manifest["missing"]) > 0
    for row in manifest["artifacts"]:
        assert (folder / row["path"]).read_bytes() == emu.data(row["artifact_id"])


@pytest.mark.parametrize("bad", range(3))
def test_that_a_zip_holds_more_is_noted_although_one_is_lost(pull, emu, bad):
    """The ZIP has no row; the member that it was the response to may be the damaged one."""
    whole = zipped([(n, d) for n, _, d in ROWS] + [("in_no_row.txt", b"a second thought")])
    bundle(emu, "tsk_b", ROWS, whole.replace(zlib_crc(ROWS[bad][2]), b"\1\2\3\4"), summed=False, sized=False)
    rows = [row for row in json.loads(_list(emu, "tsk_b")) if row["artifact_id"] != "tsk_b_zip"]
    emu.fault("list/tsk_b", "raw", times=9, body=base64.b64encode(json.dumps(rows).encode()).decode())
    emu.storage("local")
    _, manifest, _ = pull("tsk_b", check=3)
    assert sorted(r["notes"] for r in manifest["artifacts"]) == [[], ["holds-more"]]


@pytest.mark.parametrize("bad", range(3))
def test_an_entry_of_another_size_than_listed(pull, emu, bad):
    bundle(emu, "tsk_b", ROWS, summed=False)
    rows = [dict(row, file_size=row["file_size"] + (row["artifact_id"] == "tsk_b_%d" % bad)) for row in json.loads(_list(emu, "tsk_b"))]
    emu.fault("list/tsk_b", "raw", times=9, body=base64.b64encode(json.dumps(rows).encode()).decode())
    emu.storage("local")
    emu.fault("tsk_b_zip", "status", times=99, status=404)
    _, manifest, folder = pull("tsk_b", check=3)
    assert [(m["artifact_id"], m["reason"]) for m in manifest["missing"]] == [("tsk_b_%d" % bad, "bad-answer")]
    assert {r["artifact_id"]: (folder / r["path"]).read_bytes() for r in manifest["artifacts"]} == {
        "tsk_b_%d" % i: data for i, (_, _, data) in enumerate(ROWS) if i != bad}


def test_a_listed_size_that_the_checksum_contradicts(pull, emu):
    """The entry has the listed checksum: it is archived, and its row says that the list is wrong."""
    bundle(emu, "tsk_b", ROWS)
    rows = [dict(row, file_size=row["file_size"] + (row["artifact_id"] == "tsk_b_1")) for row in json.loads(_list(emu, "tsk_b"))]
    emu.fault("list/tsk_b", "raw", times=9, body=base64.b64encode(json.dumps(rows).encode()).decode())
    emu.storage("local")
    emu.fault("tsk_b_zip", "status", times=99, status=404)
    _, manifest, folder = pull("tsk_b")
    assert {r["artifact_id"]: r["notes"] for r in manifest["artifacts"]} == {"tsk_b_0": [], "tsk_b_1": ["other-size"], "tsk_b_2": []}
    assert {r["artifact_id"]: (folder / r["path"]).read_bytes() for r in manifest["artifacts"]} == {
        "tsk_b_%d" % i: data for i, (_, _, data) in enumerate(ROWS)}


@pytest.mark.parametrize("bad", range(3))
def test_a_damaged_entry_does_not_keep_the_others(pull, emu, bad):
    """Each response is the ZIP with the damaged entry: it is asked for twice, and the pull ends."""
    whole = zipped([(n, d) for n, _, d in ROWS]).replace(zlib_crc(ROWS[bad][2]), b"\1\2\3\4")
    bundle(emu, "tsk_b", ROWS, whole, summed=False, sized=False)
    emu.storage("local")
    emu.fault("tsk_b_zip", "status", times=99, status=404)
    rows = [dict(row, run_id="tsk_c") for row in json.loads(_list(emu, "tsk_b")) if row["artifact_id"] == "tsk_b_%d" % bad]
    emu.run("tsk_c", [dict(id="tsk_b_%d" % bad, type="llm_prompt", data=ROWS[bad][2], uri="s3://artifacts/tsk_b.zip",
                           bundle_key=ROWS[bad][0], member_of="tsk_b_zip", summed=False, sized=False)])
    emu.fault("list/tsk_c", "raw", times=9, body=base64.b64encode(json.dumps(rows).encode()).decode())
    before = len(fetches(emu))
    _, manifest, folder = pull("--timeout", "20s", "tsk_b", "tsk_c", check=3)
    assert [(m["run_id"], m["artifact_id"], m["reason"]) for m in manifest["missing"]] == [
        (run, "tsk_b_%d" % bad, "bad-answer") for run in ("tsk_b", "tsk_c")]  # what is one is lost together
    assert {r["artifact_id"]: (folder / r["path"]).read_bytes() for r in manifest["artifacts"]} == {
        "tsk_b_%d" % i: data for i, (_, _, data) in enumerate(ROWS) if i != bad}
    assert len(fetches(emu)) - before <= 5


def test_a_zip_without_a_row_that_holds_more_and_lacks_a_member(pull, emu):
    whole = zipped([(n, d) for n, _, d in ROWS[:2]] + [("in_no_row.txt", b"a second thought")])
    bundle(emu, "tsk_b", ROWS, whole, summed=False, sized=False)
    rows = [row for row in json.loads(_list(emu, "tsk_b")) if row["artifact_id"] != "tsk_b_zip"]
    emu.fault("list/tsk_b", "raw", times=9, body=base64.b64encode(json.dumps(rows).encode()).decode())
    emu.storage("local")
    _, manifest, _ = pull("tsk_b", check=3)
    assert [(m["artifact_id"], m["reason"]) for m in manifest["missing"]] == [("tsk_b_2", "not-in-bundle")]
    assert sorted(r["notes"] for r in manifest["artifacts"]) == [[], ["holds-more"]]


@pytest.mark.parametrize("kind", ["not a zip", "cut", "twice", "encrypted", "bomb", "bad crc"])
def test_zips_that_are_traps(pull, emu, kind):
    """Whatever the ZIP is, the members come one by one."""
    good = zipped([(n, d) for n, _, d in ROWS])
    with pytest.warns(UserWarning) if kind == "twice" else open("/dev/null"):
        whole = {"not a zip": lambda: b"PK? no",
                 "cut": lambda: good[:len(good) // 2],
                 "twice": lambda: zipped([(ROWS[0][0], b"evil")] + [(n, d) for n, _, d in ROWS]),
                 "encrypted": lambda: good.replace(b"PK\x03\x04\x14\x00\x00\x00", b"PK\x03\x04\x14\x00\x01\x00")
                 .replace(b"PK\x01\x02\x14\x03\x14\x00\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01\x00"),
                 "bomb": lambda: zipped([("bomb", b"")] + [(ROWS[0][0], bytes(200 << 20))]),
                 "bad crc": lambda: good.replace(zlib_crc(ROWS[0][2]), b"\1\2\3\4")}[kind]()
    bundle(emu, "tsk_b", ROWS, whole)
    _, manifest, folder = pull("--max-size", "64m", "tsk_b")
    kept = [r for r in manifest["artifacts"] if r["artifact_id"] == "tsk_b_zip"]
    assert [(r["notes"], (folder / r["path"]).read_bytes()) for r in kept] == (
        [(["holds-more"], whole)] if kind == "twice" else [])
    manifest["artifacts"] = [r for r in manifest["artifacts"] if r not in kept]
    assert {r["artifact_id"]: (folder / r["path"]).read_bytes() for r in manifest["artifacts"]} == {
        "tsk_b_%d" % i: data for i, (_, _, data) in enumerate(ROWS)}


@pytest.mark.parametrize("what", ["more", "twins"])
def test_a_zip_that_holds_more_is_kept_whole(pull, emu, env, tmp_path, what):
    """Nothing that it holds goes: what no row names, and which of two of one name is meant."""
    entries = [(n, d) for n, _, d in ROWS] + [("in_no_row.txt" if what == "more" else ROWS[1][0], b"a second thought")]
    with pytest.warns(UserWarning) if what == "twins" else contextlib.nullcontext():
        whole = zipped(entries)
    bundle(emu, "tsk_b", ROWS, whole)
    _, manifest, folder = pull("tsk_b")
    check_bag(folder)
    check_manifest(manifest, folder)
    zips = [r for r in manifest["artifacts"] if r["artifact_id"] == "tsk_b_zip"]
    assert [(r["notes"], (folder / r["path"]).read_bytes()) for r in zips] == [(["holds-more"], whole)]
    manifest["artifacts"] = [r for r in manifest["artifacts"] if r not in zips]
    check_rows(manifest, folder, {"bundle"} if what == "more" else {"signed-url"})
    # rows of unwanted types name their entries, too; and what no row names is of no wanted type
    _, manifest, _ = pull("-t", "llm", "tsk_b", name="b.tar")
    assert [r["artifact_id"] for r in manifest["artifacts"] if r["notes"]] == (["tsk_b_zip"] if what == "twins" else [])
    emu.storage("local")  # members' URLs give the ZIP
    emu.fault("tsk_b_zip", "status", times=99, status=404)
    _, manifest, folder = pull("tsk_b", name="c.tar", check=0 if what == "more" else 3)
    check_manifest(manifest, folder)
    zips = [r for r in manifest["artifacts"] if r["artifact_id"] == "tsk_b_zip"]
    assert [(folder / r["path"]).read_bytes() for r in zips] == [whole]


def interrupt(emu, env, tmp_path, args, files):
    """Stop a pull of tsk_b and tsk_demo3 into bag/ when it has this many files of tsk_b."""
    emu.fault("a_3rec", "slow", times=9, steps=100, pause=0.2)
    process = subprocess.Popen([SKYARC, *args], env=env, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    until(lambda: len(list((tmp_path / "bag.partial").glob("data/tsk_b/*/*"))) == files, process)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)


@pytest.mark.parametrize("gone", [False, True])
def test_a_zip_that_holds_more_and_was_lost_by_a_kill(skyarc, emu, env, tmp_path, gone):
    """Its members are not kept without it: all is fetched as if nothing had been there."""
    whole = zipped([(n, d) for n, _, d in ROWS] + [("in_no_row.txt", b"a second thought")])
    bundle(emu, "tsk_b", ROWS, whole)
    args = ["pull", "--json", "--bundles", "zip", "-o", "bag/", "tsk_b", "tsk_demo3"]
    interrupt(emu, env, tmp_path, args, len(ROWS) + 1)
    (lost,) = (tmp_path / "bag.partial").glob("data/tsk_b/*/*.zip")
    lost.unlink()
    emu.reset_faults()
    if gone:
        emu.fault("tsk_b_zip", "status", times=99, status=404)
        emu.fault("a_3rec", "slow", times=9, steps=100, pause=0.2)
        process = subprocess.Popen([SKYARC, *args], env=env, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        journal = tmp_path / "bag.partial.journal"
        until(lambda: journal.read_text().count('"tsk_b_0"') == 2, process)  # it was stored again
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
        emu.reset_faults()
        emu.fault("tsk_b_zip", "status", times=99, status=404)
    before = len(fetches(emu))
    skyarc(*args, check=0)
    again = [path for path in fetches(emu)[before:] if "tsk_b_" in path and "tsk_b_zip" not in path]
    assert not gone or not again  # what came without the ZIP is kept without it
    check_bag(tmp_path / "bag")
    manifest = json.loads((tmp_path / "bag/manifest.json").read_text())
    zips = [(r["notes"], (tmp_path / "bag" / r["path"]).read_bytes()) for r in manifest["artifacts"]
            if r["artifact_id"] == "tsk_b_zip"]
    assert zips == ([] if gone else [(["holds-more"], whole)])
    assert manifest["missing"] == []
    assert sorted(r["artifact_id"] for r in manifest["artifacts"] if r["bundle_key"]) == [
        "tsk_b_%d" % i for i in range(len(ROWS))]


@pytest.mark.parametrize("mode, storage", [("zip", "s3"), ("members", "local")])
def test_rows_that_anybody_may_have_written_do_not_say_that_there_was_no_zip(skyarc, emu, env, tmp_path, mode, storage):
    """The members are kept, since the service's checksums prove them; their ZIP, which holds more, is fetched again."""
    whole = zipped([(n, d) for n, _, d in ROWS] + [("in_no_row.txt", b"a second thought")])
    bundle(emu, "tsk_b", ROWS, whole)
    emu.storage(storage)
    args = ["pull", "--json", "--bundles", mode, "-o", "bag/", "tsk_b", "tsk_demo3"]
    interrupt(emu, env, tmp_path, args, len(ROWS) + 1)
    (lost,) = (tmp_path / "bag.partial").glob("data/tsk_b/*/*.zip")
    lost.unlink()
    journal = tmp_path / "bag.partial.journal"
    lines = journal.read_text().splitlines()
    rows = journal_rows(journal)
    assert sum("beside_zip" in row for row in rows) == len(ROWS)
    journal.write_text("".join(line + "\n" for line in [lines[0]] + [
        json.dumps({k: v for k, v in row.items() if k != "beside_zip"}) for row in rows if row["artifact_id"] != "tsk_b_zip"]))
    emu.reset_faults()
    assert skyarc(*args, check=0).json()["kept"] >= len(ROWS)
    manifest = json.loads((tmp_path / "bag/manifest.json").read_text())
    assert [(r["notes"], (tmp_path / "bag" / r["path"]).read_bytes()) for r in manifest["artifacts"]
            if r["artifact_id"] == "tsk_b_zip"] == [(["holds-more"], whole)]


@pytest.mark.parametrize("jobs", [1, 8])
def test_an_entry_that_several_rows_name(pull, emu, jobs):
    """Each gets it, whichever is asked for; and not the one for which it has the wrong size."""
    data = ROWS[0][2]
    whole = zipped([(ROWS[0][0], data)])
    uri = "s3://artifacts/tsk_b.zip"
    emu.run("tsk_b", [dict(id="tsk_b_zip", type="step_archive", data=whole, uri=uri, summed=False)] + [
        dict(id="tsk_b_%d" % i, type="llm_prompt", data=data, uri=uri, bundle_key=ROWS[0][0], member_of="tsk_b_zip",
             summed=False, sized=i > 3) for i in range(5)])
    rows = [dict(row, file_size=1 if row["artifact_id"] == "tsk_b_4" else row["file_size"]) for row in json.loads(_list(emu, "tsk_b"))]
    emu.fault("list/tsk_b", "raw", times=9, body=base64.b64encode(json.dumps(rows).encode()).decode())
    emu.storage("local")
    emu.fault("tsk_b_zip", "status", times=99, status=404)
    _, manifest, folder = pull("-j", str(jobs), "tsk_b", check=3)
    assert [(m["artifact_id"], m["reason"]) for m in manifest["missing"]] == [("tsk_b_4", "bad-answer")]
    assert {r["artifact_id"]: (folder / r["path"]).read_bytes() for r in manifest["artifacts"]} == {"tsk_b_%d" % i: data for i in range(4)}


@pytest.mark.parametrize("kept", ["a member", "the ZIP"])
def test_a_note_that_a_zip_holds_more_survives_a_kill(skyarc, emu, env, tmp_path, kept):
    """It is a member's note if the ZIP has no row."""
    whole = zipped([(n, d) for n, _, d in ROWS] + [("in_no_row.txt", b"a second thought")])
    bundle(emu, "tsk_b", ROWS, whole)
    listing = [row for row in json.loads(_list(emu, "tsk_b")) if kept != "a member" or row["artifact_id"] != "tsk_b_zip"]
    emu.fault("list/tsk_b", "raw", times=9, body=base64.b64encode(json.dumps(listing).encode()).decode())
    emu.storage("gcs")  # the first member's request returns the ZIP
    args = ["pull", "--json", "-o", "bag/", "tsk_b", "tsk_demo3"]
    interrupt(emu, env, tmp_path, args, len(ROWS) + (kept != "a member"))
    emu.reset_faults()
    emu.fault("list/tsk_b", "raw", times=9, body=base64.b64encode(json.dumps(listing).encode()).decode())
    before = len(fetches(emu))
    skyarc(*args, check=0)
    assert not [path for path in fetches(emu)[before:] if "tsk_b" in path]
    manifest = json.loads((tmp_path / "bag/manifest.json").read_text())
    noted = [r["artifact_id"] for r in manifest["artifacts"] if "holds-more" in r["notes"]]
    assert len(noted) == 1 and (noted[0] == "tsk_b_zip") == (kept != "a member")


def zlib_crc(data):
    import struct
    import zlib
    return struct.pack("<I", zlib.crc32(data))


def test_a_bundle_under_two_run_ids(pull, emu):
    _, manifest, _ = pull("wr_demo2", "tsk_v2_demo2")
    members = [r for r in manifest["artifacts"] if r["bundle_key"]]
    assert len(members) == 4
    assert sorted(r["fetched_via"] for r in members) == ["bundle", "bundle", "joined", "joined"]
    assert len([p for p in fetches(emu) if "a_2zip" in p or "a_2m" in p]) == 1


def test_a_wrong_sum_in_the_zip_is_asked_for_alone(pull, emu):
    bundle(emu, "tsk_b", ROWS, zipped([(ROWS[0][0], b"spoilt")] + [(n, d) for n, _, d in ROWS[1:]]))
    _, manifest, folder = pull("tsk_b")
    check_rows(manifest, folder, {"bundle", "signed-url"})
    emu.storage("azure")
    _, manifest, folder = pull("tsk_b", name="b.tar", check=3)
    row = next(r for r in manifest["artifacts"] if r["artifact_id"] == "tsk_b_0")
    assert row["checksum_mismatch"] and (folder / row["path"]).read_bytes() == b"spoilt"


def test_strict_counts_no_parents(pull, emu):
    bundle(emu, "tsk_b", ROWS)
    emu.fault("tsk_b_zip", "status", times=9, status=404)
    pull("--strict", "tsk_b")


def test_large_members_go_through_files(pull, emu):
    rows = [("r_%d.webm" % i, "recording", bytes([i]) * 5_000_000) for i in range(6)]
    bundle(emu, "tsk_b", rows)
    for name in ("a.tar.zst", "a.zip"):
        _, manifest, folder = pull("tsk_b", "--bundles", "zip", name=name)
        assert len(manifest["artifacts"]) == 6
        for i, row in enumerate(sorted(manifest["artifacts"], key=lambda r: r["artifact_id"])):
            assert row["sha256"] == hashlib.sha256(rows[i][2]).hexdigest()
        check_bag(folder)


def test_the_time_is_up_while_a_zip_arrives(pull, emu):
    emu.fault("tsk_step_zip", "slow", times=9, steps=50, pause=0.2)
    _, manifest, _ = pull("--timeout", "1s", "tsk_step", check=3)
    assert len(manifest["missing"]) == 40 and {m["reason"] for m in manifest["missing"]} == {"timeout"}


def test_dry_run_lists_members(skyarc):
    rows = skyarc("pull", "-n", "--json", "--records", "none", "tsk_step", check=0).json()
    assert len(rows) == 40 and not any("_zip" in r["artifact_id"] for r in rows)
