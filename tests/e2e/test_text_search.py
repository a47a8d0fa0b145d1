# SPDX-License-Identifier: MIT
"""find --text and the index of texts: what is searched, --index-text, its limits, prune, rebuild and upgrade."""
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import time
import urllib.parse

import pytest

from catalog import alter
from conftest import SKYARC
from test_sync import query, stamp, sync, volumes  # noqa: F401
from test_view_server import view  # noqa: F401

DAY = 86400
# What version 6 of the catalog added.
DOWNGRADE = ("DROP TRIGGER runs_added", "DROP TRIGGER texts_added", "DROP TRIGGER texts_removed", "DROP TABLE text_index", "DROP TABLE texts",
             "DROP TABLE purges", "DROP TABLE shard", "ALTER TABLE volumes DROP COLUMN texts", "PRAGMA user_version = 5")


@pytest.fixture
def vault(tmp_path):
    return tmp_path / "vault"


@pytest.fixture
def make(emu):
    """A run with one file for each of these types: make(run, type=bytes)."""
    emu.clear()

    def run(ident, ended=2 * DAY, record=None, **files):
        rows = [{"id": "%s_%s" % (ident, kind), "type": kind, "data": data, "signing": "s3"} for kind, data in files.items()]
        emu.run(ident, rows, **dict({"created_at": stamp(ended + 60), "finished_at": stamp(ended),
                                     "run_request": {"prompt": "prompt of " + ident}}, **record or {}))
    return run


@pytest.fixture
def found(skyarc):
    """The runs that find --text finds, or (artifacts=True) the IDs of their artifacts."""
    def find(text, *args, artifacts=False):
        result = skyarc("find", "--json", *([] if artifacts else ["--runs"]), *args, "--text", text, "vault")
        assert result.code == (0 if result.json() else 1)
        return sorted(row["artifact_id" if artifacts else "run_id"] for row in result.json())
    return find


def in_files(vault, *words):
    """Which of these bytes are in a file of the catalog."""
    data = b"".join(path.read_bytes() for path in vault.glob("catalog.db*"))
    return [word for word in words if word in data]


def test_the_texts_of_a_run(make, sync, found, skyarc):
    """Also the title and the prompt of run_request, and words of two letters or of other scripts."""
    make("tsk_a", record={"run_request": {"prompt": "buy milk 牛乳を買う", "title": "Dairy of today"}, "output": {"litres": "forty two"}}, html=b"<p>a")
    make("tsk_b", record={"status": "failed", "failure_reason": 'The "Page" did not load; 100% _sure_', "title": "Dairy again"}, html=b"<p>b")
    sync()
    assert found("of TODAY") == ["tsk_a"] and found("dairy") == ["tsk_a", "tsk_b"]
    assert found("uy mil") == ["tsk_a"] and found("牛乳を") == ["tsk_a"] and found("forty t") == ["tsk_a"]
    assert found("牛乳") == ["tsk_a"] and found("買") == ["tsk_a"] and found("y m") == ["tsk_a"] and found("UY") == ["tsk_a"]
    assert found('"page" DID') == ["tsk_b"] and found("0% _s") == ["tsk_b"] and found("%") == ["tsk_b"] and found('"') == ["tsk_a", "tsk_b"]
    for text in ("milk OR page", "mil*", "title : dairy", "NEAR(buy milk)", "'; --", "((", "buy_milk", "-milk", "a" * 100_000):
        assert found(text) == [], text
    assert found("dairy", artifacts=True) == ["tsk_a_html", "tsk_b_html"]
    assert found("dairy", "--status", "failed") == ["tsk_b"] and found("dairy", "--limit", "1", artifacts=True) == ["tsk_a_html"]
    assert found("dairy", "--artifact", "tsk_b_html", artifacts=True) == ["tsk_b_html"] and found("milk", "--artifact", "tsk_b_html", artifacts=True) == []
    assert skyarc("find", "--runs", "--text", b"\xff\xfe\xfd", "vault", check=1).err


LLM = json.dumps({"model": "m", "messages": [{"role": "user", "content": [
    {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "iVBORunseen" * 300}},
    {"type": "text", "text": 'Choose the button "次へ進む" or zyxrequest'}]}]}).encode()


def texts_of(tmp_path):
    return query(tmp_path, "SELECT run_id, path, text FROM texts ORDER BY 1, 2, 3")


def test_logs_and_llm_texts(make, sync, found, skyarc, tmp_path, vault):
    make("tsk_a", browser_console_log=b"TypeError: zyxconsole is undefined\n" + "購入ボタン".encode(), skyvern_log=b"step 1 zyxlog\0\xff after",
         skyvern_log_raw=b'{"event": "zyxraw \\u8cb7\\u3046\\u3082\\u306e"}\n{"event": "second zyxline"}\n', llm_prompt=b"You see zyxprompt",
         llm_request=LLM, llm_response=b'{"choices": [{"message": {"content": "{\\"why\\": \\"zyxanswer\\"}"}}]}', html=b"<p>zyxhtml")
    make("tsk_b", llm_prompt=b"another")
    sync()
    assert found("zyxconsole") == []
    log = skyarc("sync", "-v", "--dest", "vault", "--index-text", check=0).err
    assert "LLM texts of 1 volume were added to the index" in log
    for word in ("zyxconsole", "ZYXlog", "zyxraw", "zyxline", "zyxprompt", "zyxrequest", "zyxanswer", "購入ボタン", "購入", "買うもの", "次へ進む",
                 'button "次へ', '"why": "zyxa', "after", "\ufffd aft"):
        assert found(word) == ["tsk_a"], word
    assert found("zyxhtml") == [] and found("iVBORunseen") == []
    assert len(found("zyxlog", artifacts=True)) == 7 and found("zyxlog", "-t", "llm_prompt", artifacts=True) == ["tsk_a_llm_prompt"]
    assert found("zyxlog", "--artifact", "tsk_a_html", artifacts=True) == ["tsk_a_html"]
    assert "were added" not in skyarc("sync", "-v", "--dest", "vault", "--index-text", check=0).err
    before = texts_of(tmp_path)
    sync("--rebuild", "--index-text")
    assert texts_of(tmp_path) == before
    make("tsk_c", skyvern_log=b"later zyxthird")
    sync()  # without the option, new volumes are left out, and the others stay
    assert found("zyxthird") == [] and found("zyxlog") == ["tsk_a"]
    sync("--index-text")
    assert found("zyxthird") == ["tsk_c"]
    sync("--rebuild")
    assert found("zyxthird") == [] and found("zyxlog") == [] and found("prompt of") == ["tsk_a", "tsk_b", "tsk_c"]
    assert {path.stat().st_mode & 0o777 for path in vault.glob("catalog.db*")} == {0o600}


def test_from_the_configuration(make, sync, found, tmp_path):
    make("tsk_a", skyvern_log=b"zyxlog")
    (tmp_path / "home/.config/skyarc").mkdir(parents=True)
    (tmp_path / "home/.config/skyarc/config").write_text("index-text = true\n")
    sync()
    assert found("zyxlog") == ["tsk_a"]


@pytest.mark.parametrize("form", ["tar", "tar.gz"])
def test_other_formats_and_same_contents(make, sync, found, form, tmp_path):
    """A file that is a link to another run's has its text in both; also if that one is of a type that is not indexed."""
    same = b"The same zyxwords in two runs\n" * 200
    make("tsk_a", skyvern_log=same, html=b"<p>zyxpage" * 500)
    make("tsk_b", skyvern_log=same, skyvern_log_raw=b"<p>zyxpage" * 500)
    sync("--index-text", "--format", form)
    assert len(volumes(tmp_path)) == 1
    assert found("zyxwords") == ["tsk_a", "tsk_b"] and found("zyxpage") == ["tsk_b"]


def test_limits(make, sync, found, tmp_path):
    """Long texts are cut at a character, and those of a run at its limit: first logs, then answers, then prompts."""
    long = "zyxbegin ".encode() + "ä".encode() * 2_500_000 + b"zyxend"
    make("tsk_a", skyvern_log=long, llm_prompt=long.replace(b"zyx", b"zyyp"), llm_response=long.replace(b"zyx", b"zyyr"),
         browser_console_log=long.replace(b"zyx", b"zyyc"), browser_session_action_log=long.replace(b"zyx", b"zyya"))
    make("tsk_b", llm_prompt=b"of another zyxrun")
    sync("--index-text")
    sizes = query(tmp_path, "SELECT length(CAST(text AS BLOB)) FROM texts WHERE path IS NOT NULL AND run_id = 'tsk_a'")
    assert len(sizes) == 4 and all((256 << 10) - 1 <= size <= 256 << 10 for (size,) in sizes)
    assert not any("\ufffd" in text for _, _, text in texts_of(tmp_path))
    for word in ("zyxbegin", "zyycbegin", "zyyabegin", "zyyrbegin"):
        assert found(word) == ["tsk_a"], word
    assert found("zyypbegin") == [] and found("zyxend") == [] and found("zyxrun") == ["tsk_b"]


def test_an_older_catalog_is_upgraded(make, sync, found, skyarc, tmp_path, vault):
    make("tsk_a", record={"title": "Dairy of today"}, skyvern_log=b"zyxlog")
    make("tsk_b", record={"run_request": {}, "output": None}, skyvern_log=b"zyxlog")
    sync()
    rows = {table: query(tmp_path, "SELECT * FROM %s ORDER BY 1, 2" % table) for table in ("runs", "artifacts", "states", "objects", "syncs")}
    alter(vault, *DOWNGRADE)
    assert "older skyarc; the next sync migrates it" in skyarc("find", "--text", "dairy", "vault", check=1).err
    skyarc("hold", "--dest", "vault", "--reason", "x", "tsk_b", check=0)  # migrates it, too
    assert {table: query(tmp_path, "SELECT * FROM %s ORDER BY 1, 2" % table) for table in rows} == rows
    assert not list(vault.glob("catalog.db.*"))
    assert found("dairy of") == ["tsk_a"] and found("prompt of") == ["tsk_a"] and found("ry") == ["tsk_a"] and found("zyxlog") == []
    sync("--index-text")
    assert found("zyxlog") == ["tsk_a", "tsk_b"] and query(tmp_path, "PRAGMA user_version") == [(6,)]


def test_what_is_pruned_is_in_no_file(make, sync, found, skyarc, tmp_path, vault):
    words = [b"zqjxgone", b"zqjxwhole", b"zqjxpromptgone"]
    make("tsk_whole", ended=101 * DAY, skyvern_log=b"the zqjxwhole volume")
    sync("--index-text")
    time.sleep(1.01)
    make("tsk_old", ended=100 * DAY, record={"run_request": {"prompt": "zqjxpromptgone"}}, skyvern_log=b"say zqjxgone now")
    make("tsk_new", skyvern_log=b"say zyxstays now")
    sync("--index-text")
    assert found("zqjxgone") == ["tsk_old"] and in_files(vault, *words) == words
    skyarc("prune", "--dest", "vault", "--keep-days", "60", check=0)
    assert in_files(vault, *words) == words
    summary = skyarc("prune", "--dest", "vault", "--keep-days", "60", "--apply", "--json", check=0).json()
    assert (summary["removed_volumes"], summary["rewritten_volumes"], summary["texts_left"]) == (1, 1, False)
    assert in_files(vault, *words, b"zqjx", b"zqj", b"qjx") == []
    assert found("zqjxgone") == [] and found("zqjxpromptgone") == [] and found("zyxstays") == ["tsk_new"]
    assert in_files(vault, b"zyxstays") == [b"zyxstays"]
    sync("--rebuild", "--index-text")
    assert found("zqjxgone") == [] and found("zyxstays") == ["tsk_new"]


def test_prune_that_was_killed(make, sync, found, skyarc, tmp_path, vault):
    """The volume is gone, and the catalog still has its texts, as an older copy of it does."""
    make("tsk_old", ended=100 * DAY, skyvern_log=b"say zqjxgone now")
    sync("--index-text")
    time.sleep(1.01)
    make("tsk_new", skyvern_log=b"say zyxstays now")
    sync("--index-text")
    shutil.copy(vault / "catalog.db", tmp_path / "older.db")
    skyarc("prune", "--dest", "vault", "--keep-days", "60", "--apply", check=0)
    assert in_files(vault, b"zqjxgone") == []
    shutil.copy(tmp_path / "older.db", vault / "catalog.db")
    assert found("zqjxgone") == ["tsk_old"]
    sync()
    assert in_files(vault, b"zqjxgone", b"zqjx", b"qjx") == [] and found("zyxstays") == ["tsk_new"] and not list(vault.glob("catalog.db.*"))


def test_prune_without_room(make, skyarc, disk):
    """The runs are removed, and that their texts are left is told; with room, the next sync removes them."""
    folder, room = disk
    room(64 << 20)
    where = folder / "vault"
    make("tsk_old", ended=100 * DAY, skyvern_log=b"say zqjxgone now", llm_prompt=b"stay away")
    skyarc("sync", "--dest", where, "--index-text", check=0)
    time.sleep(1.01)
    for i in range(6):
        make("tsk_%d" % i, skyvern_log=os.urandom(120_000).hex().encode())
    skyarc("sync", "--dest", where, "--index-text", check=0)
    assert in_files(where, b"zqjxgone") == [b"zqjxgone"]
    room(sum(p.stat().st_size for p in where.rglob("*") if p.is_file()) + (1 << 20))
    result = skyarc("prune", "--dest", where, "--keep-days", "60", "--apply", "--json", check=3)
    assert result.json()["texts_left"] is True and result.json()["removed_runs"] == 1 and "may still be in the catalog's file" in result.err
    room(64 << 20)
    skyarc("sync", "--dest", where, check=0)
    assert in_files(where, b"zqjxgone") == [] and not list(where.glob("catalog.db.*"))
    assert skyarc("find", "--runs", "--text", "say zqjx", where, check=1).out == b""


def test_prune_while_another_reads(make, sync, found, skyarc, tmp_path, vault):
    """A reader that stays keeps the old pages: that is said, and the next command removes them."""
    make("tsk_old", ended=100 * DAY, skyvern_log=b"say zqjxgone now")
    make("tsk_new", skyvern_log=b"say zyxstays now")
    sync("--index-text")
    alter(vault, "INSERT INTO purges(id) VALUES(1)")  # as a prune leaves it that is killed before its end
    sync()
    assert query(tmp_path, "SELECT * FROM purges") == []
    reader = sqlite3.connect("file:%s/catalog.db?mode=ro" % vault, isolation_level=None, uri=True)
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM runs").fetchone() == (2,)
    result = skyarc("prune", "--dest", "vault", "--keep-days", "60", "--apply", "--json", check=3, timeout=120)
    assert result.json()["texts_left"] is True and "another process is reading" in result.err
    reader.close()
    assert found("zqjxgone") == [] and query(tmp_path, "SELECT * FROM purges") == [(1,)]
    sync()
    assert query(tmp_path, "SELECT * FROM purges") == [] and in_files(vault, b"zqjxgone") == []


def test_the_index_is_altered(make, sync, found, skyarc, vault):
    make("tsk_a", skyvern_log=b"zyxlog")
    sync("--index-text")
    shutil.copytree(vault, str(vault) + "-good")
    alter(vault, "INSERT INTO text_index(text_index) VALUES('delete-all')")
    assert found("zyxlog") == []
    result = skyarc("verify", "vault", check=4)
    assert "full-text index" in result.err and "--rebuild" in result.err
    sync("--rebuild", "--index-text")
    assert found("zyxlog") == ["tsk_a"]
    skyarc("verify", "vault", check=0)
    skyarc("verify", str(vault) + "-good", check=0)


def test_the_server_searches_it(make, sync, view, vault):
    make("tsk_a", record={"title": "Dairy"}, skyvern_log="say zyxlog 次へ".encode())
    make("tsk_b", record={"title": "Other"}, skyvern_log=b"nothing")
    sync("--index-text")
    one = view(vault)
    for text, runs_of in (("zyxlog", ["tsk_a"]), ("ZYXL", ["tsk_a"]), ("次へ", ["tsk_a"]), ("prompt of", ["tsk_a", "tsk_b"]), ("dairy", ["tsk_a"]), ('"*', [])):
        status, _, body = one.ask("/search?q=" + urllib.parse.quote(text))
        assert status == 200 and sorted(row[0] for row in json.loads(body)["runs"]) == runs_of, text


def test_a_damaged_text_is_left_out(make, sync, found, skyarc, tmp_path, vault):
    """The other texts of the volume are indexed, and the damage is told."""
    make("tsk_a", skyvern_log=b"zyxfirst is damaged", browser_console_log=b"zyxsecond is whole")
    make("tsk_b", ended=3 * DAY, skyvern_log=b"zyxthird", html=b"zyxpage " * 50_000)
    sync("--format", "tar")
    (name,) = volumes(tmp_path)
    data = bytearray((vault / name).read_bytes())
    at = data.index(b"zyxfirst")
    assert at < len(data) - (64 << 10)  # else the volume counts as another one
    data[at] ^= 1
    (vault / name).write_bytes(data)
    result = skyarc("sync", "--dest", "vault", "--index-text", "--no-verify")
    assert "skyvern_log" in result.err and "is not in the index of texts" in result.err
    assert found("first is dam") == [] and found("zyxsecond") == ["tsk_a"] and found("zyxthird") == ["tsk_b"]


def test_killed_while_it_indexes(make, sync, found, env, tmp_path, vault):
    """A volume is imported with its texts, or not at all; the next sync goes on."""
    for i in range(12):
        make("tsk_%d" % i, **{kind: b"zyx%d " % i + os.urandom(60_000).hex().encode() for kind in ("skyvern_log", "llm_prompt", "llm_response")})
    for delay in (0.3, 0.6, 0.9):
        process = subprocess.Popen([SKYARC, "sync", "--dest", "vault", "--index-text", "--volume-runs", "3"], env=env, cwd=tmp_path,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait(30)
        if (vault / "catalog.db").exists() and process.returncode == -signal.SIGKILL:
            reader = sqlite3.connect("file:%s/catalog.db?mode=ro" % vault, uri=True)  # which writes no pages
            try:
                rows = reader.execute("SELECT v.texts, (SELECT count(*) FROM texts t WHERE t.volume = v.id AND t.path IS NOT NULL),"
                                      " (SELECT count(*) FROM artifacts a WHERE a.volume = v.id) FROM volumes v").fetchall()
            except sqlite3.OperationalError:
                continue  # it was killed before it made the tables
            finally:
                reader.close()
            assert all(texts == 1 and indexed == artifacts for texts, indexed, artifacts in rows), rows
    sync("--index-text")
    assert all(found("zyx%d " % i) == ["tsk_%d" % i] for i in range(12))
