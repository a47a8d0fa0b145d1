# SPDX-License-Identifier: MIT
"""audit: what is archived of a period's runs, and what is not; the report as a page, a table and JSON."""
import csv
import json
import os
import re
import shutil
import subprocess

import pytest

from catalog import alter
from conftest import SKYARC, TESTS
from test_evidence import key  # noqa: F401
from test_sync import query, runs, stamp, sync, volumes  # noqa: F401
from test_sync_names import pair
from test_timestamp import tsa  # noqa: F401


@pytest.fixture
def audit(skyarc):
    """The report of a directory or archive as JSON; its runs by their IDs."""
    def run(*args, check=0):
        report = skyarc("audit", "--json", *args, check=check).json()
        report["by_id"] = {row["run_id"]: row for row in report["run_list"]}
        assert len(report["by_id"]) == len(report["run_list"]) == report["summary"]["run_count"]
        return report

    return run


def volume_of(tmp_path, run_id):
    ((name,),) = query(tmp_path, "SELECT v.name FROM volumes v JOIN runs r ON r.volume = v.id WHERE r.run_id = '%s'" % run_id)
    return name


def test_a_directory(skyarc, audit, sync, runs, emu, tmp_path):  # noqa: F811
    for name in "abcd":
        runs("tsk_" + name, ended=100_000)
    runs("tsk_on", status="running", finished_at=None)
    emu.fault("tsk_b_1", "status", times=99, status=404)
    sync(check=3)
    (volume,) = volumes(tmp_path)
    runs("tsk_new", ended=4000)
    skyarc("hold", "--dest", "vault", "--reason", "case 12", "tsk_c", check=0)
    report = audit("vault", check=3)
    found = {ident: row["verdict"] for ident, row in report["by_id"].items()}
    assert found == {"tsk_a": "complete", "tsk_b": "incomplete", "tsk_c": "complete", "tsk_d": "complete", "tsk_on": "waiting"}
    assert report["by_id"]["tsk_b"]["why"] == "1 artifact missing: gone"
    assert report["by_id"]["tsk_c"]["held"] and report["by_id"]["tsk_c"]["hold_reason"] == "case 12"
    assert report["by_id"]["tsk_a"]["archives"] == [volume] and not report["by_id"]["tsk_on"]["archives"]
    (archive,) = report["archives"]
    assert archive["state"] == "matches the catalog" and archive["run_count"] == 4 and archive["fault"] is None
    head = skyarc("cat", "vault/" + volume, "manifest.json", check=0).out
    assert archive["manifest_sha256"] == subprocess.run(["sha256sum"], input=head, stdout=subprocess.PIPE,
                                                        check=True).stdout.split()[0].decode()
    assert [(e["what"], e["run_id"]) for e in report["log"]] == [("hold", "tsk_c")]
    assert len(report["syncs"]) == 1 and report["syncs"][0]["outcome"] == "incomplete" and len(report["known"]) == 1
    lines = skyarc("audit", "vault", check=3).out.decode().splitlines()
    assert lines[0] == "5 runs: 3 complete, 0 archived, 1 incomplete, 1 waiting, 0 absent, 0 pruned"
    assert lines[1] == "1 held; 1 archive, 0 faults" and lines[2].startswith("tsk_b\tincomplete\t1 artifact missing") and len(lines) == 3
    assert not skyarc("audit", "-q", "vault", check=3).out


def test_removed_gone_and_not_yet(audit, skyarc, sync, runs, emu, tmp_path):  # noqa: F811
    runs("tsk_old", ended=900_000)
    runs("tsk_kept", ended=100_000)
    sync()
    skyarc("prune", "--dest", "vault", "--keep-days", "5", "--apply", check=0)
    runs("tsk_gone", ended=90_000)
    emu.fault("list/tsk_gone", "status", times=99, status=500)
    sync("--retries", "0", check=3)
    report = audit("vault", check=3)
    assert report["by_id"]["tsk_old"]["verdict"] == "pruned" and not report["by_id"]["tsk_old"]["archives"]
    assert report["by_id"]["tsk_kept"]["verdict"] == "complete"
    assert report["by_id"]["tsk_gone"]["verdict"] == "absent" and report["by_id"]["tsk_gone"]["why"]
    assert "prune" in [e["what"] for e in report["log"]]
    assert re.match("removed at 20.*Z: no rule", report["by_id"]["tsk_old"]["why"])


def test_a_period(audit, skyarc, sync, runs):  # noqa: F811
    runs("tsk_old", ended=900_000)
    runs("tsk_new", ended=100_000)
    sync()
    assert set(audit("--since", "3d", "vault")["by_id"]) == {"tsk_new"}
    old = audit("--until", "3d", "vault")
    assert set(old["by_id"]) == {"tsk_old"} and old["syncs"] == [] and old["since"] is None and old["until"]
    assert audit("--since", "2001-01-01", "--until", "2001-02-01", "vault")["by_id"] == {}
    # what was decided of these runs is told, whenever it was
    skyarc("hold", "--dest", "vault", "tsk_old", check=0)
    assert [e["run_id"] for e in audit("--until", "3d", "vault")["log"]] == ["tsk_old"]
    assert audit("--since", "2001-01-01", "--until", "2001-02-01", "vault")["log"] == []
    assert "is not before" in skyarc("audit", "--since", "1d", "--until", "2d", "vault", check=2).err


@pytest.mark.parametrize("harm", ["delete", "cut", "swap", "flip"])
def test_archives_that_are_not_as_they_were(audit, skyarc, sync, runs, tmp_path, harm):  # noqa: F811
    """The archive is named, its runs are incomplete, and the exit status is that of damage."""
    runs("tsk_a", ended=100_000)
    sync()
    runs("tsk_b", ended=90_000)
    sync()
    first, second = volume_of(tmp_path, "tsk_a"), volume_of(tmp_path, "tsk_b")
    path = tmp_path / "vault" / first
    if harm == "delete":
        path.unlink()
    elif harm == "cut":
        path.write_bytes(path.read_bytes()[:-100])
    elif harm == "flip":
        data = bytearray(path.read_bytes())
        data[-2000] ^= 1
        path.write_bytes(data)
    else:
        shutil.copy(tmp_path / "vault" / second, path)
    report = audit("vault", check=4)
    assert report["by_id"]["tsk_a"]["verdict"] == "incomplete" and "archive" in report["by_id"]["tsk_a"]["why"]
    assert report["by_id"]["tsk_b"]["verdict"] == "complete"
    bad = [a for a in report["archives"] if a["fault"]]
    assert [a["archive"] for a in bad] == [first] and report["summary"]["faults"] >= 1


def test_signatures_and_chain(audit, skyarc, key, tmp_path, sync, runs):  # noqa: F811
    key()
    key("other", who="someone@example.org")
    runs("tsk_a", ended=100_000)
    sync("--chain", "--sign", tmp_path / "key")
    runs("tsk_b", ended=90_000)
    sync("--chain", "--sign", tmp_path / "key")
    first, second = volume_of(tmp_path, "tsk_a"), volume_of(tmp_path, "tsk_b")
    report = audit("--signers", "key.signers", "vault")
    assert [a["signature"] for a in report["archives"]] == ["signed by backup@example.org"] * 2
    assert {a["archive"]: a["previous"] for a in report["archives"]} == {first: None, second: first.rpartition("/")[2]}
    assert audit("vault")["archives"][0]["signature"] == "signed, not checked"
    other = audit("--signers", "other.signers", "vault", check=4)
    assert [a["signature"] for a in other["archives"]] == ["not by an allowed signer"] * 2 and other["archives"][0]["doubt"]
    assert {row["verdict"] for row in other["run_list"]} == {"complete"} and not other["archives"][0]["fault"]
    (tmp_path / "vault" / first).unlink()
    broken = audit("--signers", "key.signers", "vault", check=4)
    assert any("previous archive" in (a["doubt"] or "") for a in broken["archives"] if a["archive"] == second)
    assert "cannot read" in skyarc("audit", "--signers", "none", "vault", check=1).err


def test_a_signature_that_is_gone(audit, skyarc, key, tmp_path, sync, runs):  # noqa: F811
    key()
    runs("tsk_a", ended=100_000)
    sync("--sign", tmp_path / "key")
    (signature,) = (tmp_path / "vault").glob("*/*/*.sig")
    signature.unlink()
    assert audit("vault")["archives"][0]["signature"] == "not signed"
    report = audit("--signers", "key.signers", "vault", check=4)
    assert report["archives"][0]["doubt"] == "is not signed" and report["by_id"]["tsk_a"]["verdict"] == "complete"
    signature.mkdir()
    assert audit("vault", check=4)["archives"][0]["signature"] == "not valid"
    signature.rmdir()
    os.mkfifo(signature)
    assert audit("vault", check=4)["archives"][0]["doubt"]


@pytest.mark.parametrize("rewrite", [False, True])
def test_a_chain_that_prune_cut(audit, skyarc, sync, runs, rewrite):  # noqa: F811
    """It is said, and is no fault: neither of the archive behind nor of its runs."""
    runs("tsk_old", ended=900_000)
    if rewrite:
        runs("tsk_with", ended=100_000)
    sync("--chain")
    runs("tsk_new", ended=90_000)
    sync("--chain")
    skyarc("prune", "--dest", "vault", "--keep-days", "5", "--apply", check=0)
    report = audit("vault")
    assert report["by_id"]["tsk_new"]["verdict"] == "complete" and report["summary"]["faults"] == 0
    (note,) = [a["note"] for a in report["archives"] if a["note"]]
    assert note.startswith("skyarc prune removed the archive before it at 20")


def test_the_second_id_of_a_run(audit, skyarc, sync, emu):
    """A hold under it counts, also one from before both were known to be one run."""
    emu.clear()
    skyarc("sync", "--dest", "vault", check=0)
    skyarc("hold", "--dest", "vault", "--reason", "case 7", "tsk_v2_7", check=0)
    pair(emu, ended=90_000)
    sync()
    row = audit("vault")["by_id"]["wr_7"]
    assert row["other_run_id"] == "tsk_v2_7" and row["held"] and row["hold_reason"] == "case 7"
    skyarc("release", "--dest", "vault", "tsk_v2_7", check=0)
    assert not audit("vault")["by_id"]["wr_7"]["held"]


@pytest.mark.parametrize("harm", ["delete", "break", "other", "cut", "nothing"])
def test_a_log_that_was_changed(audit, skyarc, sync, runs, tmp_path, harm):  # noqa: F811
    """It is told, and what the catalog knows to be held is held."""
    runs("tsk_a", ended=100_000)
    sync()
    skyarc("hold", "--dest", "vault", "--reason", "case 12", "tsk_a", check=0)
    log = tmp_path / "vault/log.jsonl"
    text = log.read_bytes()
    if harm == "delete":
        log.unlink()
    else:
        log.write_bytes({"break": text[:5] + b"\n", "other": text.replace(b"hold", b"hxld", 1), "cut": text[:-1],
                         "nothing": text}[harm])
    report = audit("vault", check=0 if harm == "nothing" else 4)
    assert report["by_id"]["tsk_a"]["held"] and report["by_id"]["tsk_a"]["hold_reason"] == "case 12"
    assert report["by_id"]["tsk_a"]["verdict"] == "complete"
    assert ["log.jsonl was changed" in f for f in report["directory_faults"]] == ([] if harm == "nothing" else [True])
    if harm == "nothing":
        with open(log, "ab") as file:
            file.write(b'{"nonsense\n')
        assert "1 unreadable line" in audit("vault", check=4)["directory_faults"][0]


def test_lists_that_were_not_read(audit, skyarc, sync, runs, emu):  # noqa: F811
    """Without the service's list nobody knows that there was no other run."""
    runs("tsk_a", ended=100_000)
    runs("tsk_old", ended=900_000)
    sync("--since", "5d")
    assert "before 20" in audit("vault", check=3)["directory_gaps"][0]
    assert audit("--since", "4d", "vault")["directory_gaps"] == []
    assert "before 20" in audit("--since", "60d", "--until", "10d", "vault", check=3)["directory_gaps"][0]
    sync()
    assert audit("vault")["directory_gaps"] == []
    assert "after 20" in audit("--since", "2090-01-01", "vault", check=3)["directory_gaps"][0]
    emu.fault("runs", "status", times=99, status=500)
    skyarc("sync", "--dest", "vault", "--retries", "0", check=1)
    lines = skyarc("audit", "vault", check=3).out.decode().splitlines()
    assert lines[0].startswith("gap\truns created after 20") and lines[1].startswith("2 runs:")
    assert audit("--until", "1d", "vault")["directory_gaps"] == []


def test_a_volume_that_the_catalog_lacks(audit, sync, runs, tmp_path):  # noqa: F811
    runs("tsk_a", ended=100_000)
    sync()
    catalog = (tmp_path / "vault/catalog.db").read_bytes()
    runs("tsk_b", ended=90_000)
    sync()
    lost = volume_of(tmp_path, "tsk_b")
    (tmp_path / "vault/catalog.db").write_bytes(catalog)
    for path in (tmp_path / "vault").glob("catalog.db-*"):
        path.unlink()
    report = audit("vault", check=3)
    assert any(lost in gap and "not in the catalog" in gap for gap in report["directory_gaps"])


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to drop rights")
def test_a_copy_that_cannot_be_written(audit, skyarc, sync, runs, tmp_path):  # noqa: F811
    """An auditor gets a read-only copy."""
    runs("tsk_a", ended=100_000)
    sync()
    subprocess.run(["cp", "-a", tmp_path / "vault", tmp_path / "copy % #?"], check=True)
    target = tmp_path / "mounted"
    target.mkdir()
    done = subprocess.run(["unshare", "-m", "sh", "-ec", 'mount --bind "$1" "$2"; mount -o remount,bind,ro "$2"; shift 2; exec "$@"',
                           "sh", tmp_path / "copy % #?", target, SKYARC, "audit", "mounted"], cwd=tmp_path, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode and re.search("mount|unshare", done.stderr.replace("mounted", "")):
        pytest.skip("cannot mount here")
    assert done.returncode == 0 and "1 complete" in done.stdout, done


def test_archives_that_lack_something(audit, skyarc, emu, tmp_path):
    """What an archive's manifest says of its runs."""
    skyarc("pull", "-o", "types.tar.zst", "-t", "recording", "tsk_demo1", check=0)
    report = audit("types.tar.zst")
    assert report["run_list"][0]["verdict"] == "archived" and "filter" in report["run_list"][0]["why"]
    emu.run("tsk_none", [], status="completed")
    skyarc("pull", "-o", "none.tar.zst", "tsk_none")
    row = audit("none.tar.zst")["run_list"][0]
    assert row["verdict"] == "archived" and "no artifacts" in row["why"]
    emu.run("tsk_sum", [{"id": "bad", "type": "html", "data": b"<p>x", "checksum": "0" * 64}])
    skyarc("pull", "-o", "sum.tar.zst", "tsk_sum", check=3)
    row = audit("sum.tar.zst", check=3)["run_list"][0]
    assert row["verdict"] == "incomplete" and "checksum-mismatch" in row["why"]
    pair(emu, ended=90_000)
    emu.fault("v1/runs/wr_7/tags", "status", times=99, status=500)
    skyarc("pull", "-o", "records.tar.zst", "--retries", "0", "wr_7", check=3)
    row = audit("records.tar.zst", check=3)["run_list"][0]
    assert row["verdict"] == "incomplete" and "could not be fetched" in row["why"]
    emu.reset_faults()
    skyarc("pull", "-o", "cut.tar.zst", "tsk_demo1", check=0)
    with open(tmp_path / "cut.tar.zst", "r+b") as file:
        file.truncate((tmp_path / "cut.tar.zst").stat().st_size - 200)
    assert "index" in audit("cut.tar.zst", check=4)["archives"][0]["fault"]


def test_many_runs_in_the_sandbox(audit, sync, runs, tmp_path):  # noqa: F811
    """More than SQLite sorts without a temporary file, which the sandbox forbids."""
    runs("tsk_a", ended=100_000)
    sync()
    alter(tmp_path / "vault",
          "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 120000) INSERT INTO states(run_id, state,"
          " status, created_at) SELECT printf('tsk_%06d', i), 'pruned', 'completed', 1000000 * i FROM n")
    report = audit("--since", "1970-01-01", "vault")
    assert report["summary"]["run_count"] == 120001 and report["run_list"][5]["run_id"] == "tsk_000006"


def test_an_archive(audit, skyarc, emu, tmp_path):
    emu.fault("tsk_demo1_rec", "status", times=99, status=404)
    skyarc("pull", "-o", "a.tar.zst", "tsk_demo1", "tsk_demo3", "tsk_none", check=3)
    report = audit("a.tar.zst", check=3)
    assert report["archive"] == "a.tar.zst" and report["log"] == report["syncs"] == report["known"] == []
    assert report["by_id"]["tsk_demo3"]["verdict"] == "complete" and report["by_id"]["tsk_demo3"]["archives"] == ["a.tar.zst"]
    assert report["by_id"]["tsk_none"]["verdict"] == "incomplete"
    rows = skyarc("list", "--json", "a.tar.zst", check=0).json()
    assert report["summary"]["bytes"] == sum(row["size"] for row in rows) > 0
    (archive,) = report["archives"]
    assert archive["signature"] == "not signed" and archive["size"] == (tmp_path / "a.tar.zst").stat().st_size
    (tmp_path / "text").write_text("nothing of the kind")
    assert skyarc("audit", "text", check=1).err and skyarc("audit", "none.tar.zst", check=1).err
    assert "catalog" in skyarc("audit", ".", check=1).err


def table(path):
    return list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))


HOSTILE = "=HYPERLINK(\"http://x\",\"y\")</td><script>alert(1)</script>\n\u202e@SUM(A1)"


def test_hostile_texts(audit, skyarc, emu, tmp_path):
    """Nothing is a formula, markup, or an unseen character."""
    record = {"title": HOSTILE, "status": "failed", "failure_reason": HOSTILE}
    emu.run("tsk_bad", [{"id": "h", "type": "html", "data": b"x"}], **record)
    skyarc("pull", "-o", "a.tar.zst", "tsk_bad", check=0)
    for name in ("r.csv", "r.html", "r.json"):
        skyarc("audit", "-o", name, "a.tar.zst", check=0)
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    raw = (tmp_path / "r.csv").read_bytes()
    assert raw.count(b"\r\n") == 2 and raw.count(b"\n") == 2
    rows = table(tmp_path / "r.csv")
    assert rows[0]["run_id"] == "tsk_bad" and rows[0]["verdict"] == "complete"
    assert all(not cell or cell[0] not in "=+-@\t\r|" for cell in rows[0].values())
    for title in (";=1+1;", " =1", "\u00a0+1", "\uff1d1+1", "a; -1"):
        emu.run("tsk_bad", [{"id": "h", "type": "html", "data": b"x"}], **dict(record, title=title))
        skyarc("pull", "-f", "-o", "b.tar.zst", "tsk_bad", check=0)
        skyarc("audit", "-f", "-o", "b.csv", "b.tar.zst", check=0)
        assert table(tmp_path / "b.csv")[0]["title"].startswith("'"), title
    assert rows[0]["title"].startswith("'=HYPERLINK(\"http://x\"") and "\u202e" not in rows[0]["title"]
    page = (tmp_path / "r.html").read_text()
    assert "<script" not in page and "\u202e" not in page and "default-src 'none'" in page
    assert json.loads((tmp_path / "r.json").read_text())["run_list"][0]["title"] == HOSTILE


def test_the_page_in_a_browser(skyarc, sync, runs, emu, browser, tmp_path):  # noqa: F811
    runs("tsk_a", ended=100_000, title="Invoices of <October>")
    runs("tsk_b", ended=100_000)
    emu.fault("tsk_b_1", "status", times=99, status=404)
    sync(check=3)
    skyarc("audit", "-o", "r.html", "vault", check=3)
    browser.open((tmp_path / "r.html").as_uri())
    text = browser.ask("document.body.innerText")
    assert "Audit of vault" in text and "1 of 2 runs have gaps" in text and "Invoices of <October>" in text
    assert [h for h in re.findall(r"^(?:Runs with gaps|Archives|Holds, removals and losses|Syncs|All runs|What was checked)$",
                                  text, re.M)] == ["Runs with gaps", "Archives", "Holds, removals and losses", "Syncs",
                                                   "All runs", "What was checked"]
    assert browser.ask("document.querySelectorAll('script, img, link').length") == 0


@pytest.mark.parametrize("args,words", [
    ([], "expected one directory or archive"), (["a", "b"], "expected one"), (["-o", "r.pdf", "a"], ".html, .csv or .json"),
    (["--since", "soon", "a"], "--since")])
def test_usage(skyarc, args, words):
    assert words in skyarc("audit", *args, check=2).err


def test_an_existing_report_is_kept(skyarc, made, tmp_path):
    made("a.tar.zst")
    (tmp_path / "r.csv").write_text("mine")
    assert "--force" in skyarc("audit", "-o", "r.csv", "a.tar.zst", check=1).err and (tmp_path / "r.csv").read_text() == "mine"
    skyarc("audit", "-f", "-o", "r.csv", "a.tar.zst", check=0)
    assert (tmp_path / "r.csv").read_bytes().startswith(b'\xef\xbb\xbf"run_id"')
    assert "No such file" in skyarc("audit", "-o", "none/r.csv", "a.tar.zst", check=1).err


def test_the_documented_audit(env, tsa, tmp_path):  # noqa: F811
    """Each command of docs/audit.md runs as it stands there, and what it promises is made."""
    with open(TESTS + "/../docs/audit.md", encoding="utf-8") as file:
        blocks = re.findall(r"^```sh\n(.*?)^```", file.read(), re.M | re.S)
    assert len(blocks) == 13
    one = tsa()
    (tmp_path / "tsa.pem").write_bytes(one.ca.read_bytes())
    os.symlink(SKYARC, tmp_path / "skyarc")
    path = "%s:%s" % (tmp_path, os.environ["PATH"])
    done = subprocess.run(["bash", "-euxo", "pipefail", "-c", "".join(blocks)], env=dict(env, PATH=path, TSA=one.url), cwd=tmp_path,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert 'Good "skyarc" signature for backup@example.org' in done.stdout and "case 12" in done.stdout + (
        tmp_path / "january.html").read_text()
    assert '{"line": "header", ' in done.stdout  # the log of the requests
    assert re.search(r'"line": "run", "run_id": "tsk_demo3", "listed": 10, "expected": 10, "received": 10', done.stdout)
    rows = table(tmp_path / "january.csv")
    assert "tsk_demo3" in [row["run_id"] for row in rows] and {row["signature"] for row in rows} == {
        "signed by backup@example.org"}
    assert (tmp_path / "for-others.tar.zst").exists()
    assert all("by CN=tsa signer" in row["time_stamp"] for row in rows) and "Verification: OK" in done.stdout
