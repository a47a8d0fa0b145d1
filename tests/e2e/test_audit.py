# SPDX-License-Identifier: MIT
"""audit: what is archived of a period's runs, and what is not; the report as a page, a table and JSON."""
import csv
import json
import os
import re
import shutil
import subprocess

import pytest

from conftest import SKYARC, TESTS
from test_evidence import key  # noqa: F401
from test_sync import query, runs, stamp, sync, volumes  # noqa: F401
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
    assert "1 artifact missing" in report["by_id"]["tsk_b"]["why"]
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
    assert lines[0] == "5 runs: 3 complete, 0 archived, 1 incomplete, 1 waiting, 0 absent, 0 pruned; 1 held"
    assert lines[1] == "1 archive, 0 faults" and lines[2].startswith("tsk_b\tincomplete\t1 artifact missing") and len(lines) == 3
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


def test_a_period(audit, skyarc, sync, runs):  # noqa: F811
    runs("tsk_old", ended=900_000)
    runs("tsk_new", ended=100_000)
    sync()
    assert set(audit("--since", "3d", "vault")["by_id"]) == {"tsk_new"}
    old = audit("--until", "3d", "vault")
    assert set(old["by_id"]) == {"tsk_old"} and old["syncs"] == [] and old["since"] is None and old["until"]
    assert audit("--since", "2001-01-01", "--until", "2001-02-01", "vault")["by_id"] == {}
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
    assert [a["signature"] for a in other["archives"]] == ["not valid"] * 2 and other["archives"][0]["fault"]
    (tmp_path / "vault" / first).unlink()
    broken = audit("--signers", "key.signers", "vault", check=4)
    assert any("previous archive" in (a["fault"] or "") for a in broken["archives"] if a["archive"] == second)
    assert "cannot read" in skyarc("audit", "--signers", "none", "vault", check=1).err


def test_an_archive(audit, skyarc, emu, tmp_path):
    emu.fault("tsk_demo1_rec", "status", times=99, status=404)
    skyarc("pull", "-o", "a.tar.zst", "tsk_demo1", "tsk_demo3", "tsk_none", check=3)
    report = audit("a.tar.zst", check=3)
    assert report["archive"] == "a.tar.zst" and report["log"] == report["syncs"] == report["known"] == []
    assert report["by_id"]["tsk_demo3"]["verdict"] == "complete" and report["by_id"]["tsk_demo3"]["archives"] == ["a.tar.zst"]
    assert report["by_id"]["tsk_none"]["verdict"] == "incomplete"
    (archive,) = report["archives"]
    assert archive["signature"] == "not signed" and archive["size"] == (tmp_path / "a.tar.zst").stat().st_size
    (tmp_path / "text").write_text("nothing of the kind")
    assert skyarc("audit", "text", check=1).err and skyarc("audit", "none.tar.zst", check=1).err
    assert "catalog" in skyarc("audit", ".", check=1).err


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
    rows = list(csv.DictReader((tmp_path / "r.csv").read_text().splitlines()))
    assert rows[0]["run_id"] == "tsk_bad" and rows[0]["verdict"] == "complete"
    assert all(not cell or cell[0] not in "=+-@\t\r|" for cell in rows[0].values())
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
    assert (tmp_path / "r.csv").read_text().startswith('"run_id"')
    assert "No such file" in skyarc("audit", "-o", "none/r.csv", "a.tar.zst", check=1).err


def test_the_documented_audit(env, tsa, tmp_path):  # noqa: F811
    """Each command of docs/audit.md runs as it stands there, and what it promises is made."""
    with open(TESTS + "/../docs/audit.md", encoding="utf-8") as file:
        blocks = re.findall(r"^```sh\n(.*?)^```", file.read(), re.M | re.S)
    assert len(blocks) == 10
    one = tsa()
    (tmp_path / "tsa.pem").write_bytes(one.ca.read_bytes())
    os.symlink(SKYARC, tmp_path / "skyarc")
    path = "%s:%s" % (tmp_path, os.environ["PATH"])
    done = subprocess.run(["bash", "-euxo", "pipefail", "-c", "".join(blocks)], env=dict(env, PATH=path, TSA=one.url), cwd=tmp_path,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert 'Good "skyarc" signature for backup@example.org' in done.stdout and "case 12" in done.stdout + (
        tmp_path / "january.html").read_text()
    rows = list(csv.DictReader((tmp_path / "january.csv").read_text().splitlines()))
    assert "tsk_demo3" in [row["run_id"] for row in rows] and {row["signature"] for row in rows} == {
        "signed by backup@example.org"}
    assert all("by CN=tsa signer" in row["time_stamp"] for row in rows) and "Verification: OK" in done.stdout
