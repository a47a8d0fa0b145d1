# SPDX-License-Identifier: MIT
"""hold and release: runs that prune keeps."""
import calendar
import fcntl
import json
import sqlite3
import time

import pytest

from test_sync import query, runs, sync  # noqa: F401


def test_hold_and_release(skyarc, sync, runs, tmp_path):
    runs("tsk_a", ended=100_000)
    sync()
    skyarc("hold", "--dest", "vault", "--reason", "case 12", "tsk_a", "tsk_later", check=0)
    lines = skyarc("hold", "--dest", "vault", check=0).out.decode().splitlines()
    assert [line.split("\t")[0::2] for line in lines] == [["tsk_a", "case 12"], ["tsk_later", "case 12"]]
    skyarc("release", "--dest", "vault", "tsk_later", check=0)
    assert "not held" in skyarc("release", "--dest", "vault", "tsk_later", check=1).err
    assert [h["run_id"] for h in skyarc("hold", "--dest", "vault", "--json", check=0).json()] == ["tsk_a"]
    whats = [w for (w,) in query(tmp_path, "SELECT what FROM log")]
    assert whats == ["hold", "hold", "release"]
    db = sqlite3.connect(tmp_path / "vault/catalog.db")
    for sql in ("DELETE FROM log", "UPDATE log SET what = 'x'"):
        with pytest.raises(sqlite3.DatabaseError):
            db.execute(sql)
    db.close()


def test_holds_as_json(skyarc, sync, runs, tmp_path):  # noqa: F811
    runs("tsk_a", ended=100_000)
    sync()
    assert skyarc("hold", "--dest", "vault", "--json", check=0).json() == []
    assert skyarc("hold", "--dest", "vault", check=0).out == b""
    skyarc("hold", "--dest", "vault", "tsk_a", check=0)
    (hold,) = skyarc("hold", "--dest", "vault", "--json", check=0).json()
    assert set(hold) == {"run_id", "since", "reason"} and (hold["run_id"], hold["reason"]) == ("tsk_a", "")
    assert abs(calendar.timegm(time.strptime(hold["since"][:19], "%Y-%m-%dT%H:%M:%S")) - time.time()) < 120
    skyarc("release", "--dest", "vault", "--reason", "over", "tsk_a", check=0)
    lines = [json.loads(line) for line in (tmp_path / "vault/log.jsonl").read_text().splitlines()]
    assert [(line["what"], line["run_id"], line.get("reason")) for line in lines] == [
        ("hold", "tsk_a", None), ("release", "tsk_a", "over")]


def test_one_wrong_run_changes_nothing(skyarc, sync, runs, tmp_path):  # noqa: F811
    runs("tsk_a", ended=100_000)
    sync()
    assert "'../x' is not a run ID" in skyarc("hold", "--dest", "vault", "tsk_a", "../x", check=2).err
    skyarc("hold", "--dest", "vault", "tsk_a", check=0)
    assert "'tsk_b' is not held" in skyarc("release", "--dest", "vault", "tsk_a", "tsk_b", check=1).err
    assert [h["run_id"] for h in skyarc("hold", "--dest", "vault", "--json", check=0).json()] == ["tsk_a"]


def test_while_another_is_at_it(skyarc, sync, runs, tmp_path):  # noqa: F811
    """A change waits, or is put off (75); the holds there are can be read all the same."""
    runs("tsk_a", ended=100_000)
    sync()
    skyarc("hold", "--dest", "vault", "tsk_a", check=0)
    with open(tmp_path / "vault/lock", "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        begin = time.monotonic()
        for command in ("hold", "release"):
            assert "another skyarc" in skyarc(command, "--dest", "vault", "tsk_a", check=75).err
        assert skyarc("hold", "--dest", "vault", check=0).out.startswith(b"tsk_a\t")
        assert time.monotonic() - begin < 5
        begin = time.monotonic()
        skyarc("release", "--dest", "vault", "--lock-wait", "1s", "tsk_a", check=75)
        assert time.monotonic() - begin >= 1
    skyarc("release", "--dest", "vault", "--lock-wait", "1s", "tsk_a", check=0)


@pytest.mark.parametrize("args,words", [
    (["hold", "tsk_a"], "--dest"), (["release", "tsk_a"], "--dest"), (["release", "--dest", "vault"], "no run ID given"),
    (["hold", "--dest", "vault", "--lock-wait", "soon", "tsk_a"], "--lock-wait"), (["hold", "--dest", "vault", "--bogus"], "--bogus")])
def test_usage(skyarc, args, words):
    assert words in skyarc(*args, check=2).err


def test_a_directory_that_is_none_of_sync(skyarc, tmp_path):
    (tmp_path / "empty").mkdir()
    for args in (["hold", "--dest", "empty"], ["hold", "--dest", "empty", "tsk_a"], ["release", "--dest", "empty", "tsk_a"],
                 ["hold", "-q", "--dest", "none", "tsk_a"]):
        result = skyarc(*args, check=1)
        assert result.err and result.out == b"" and not list((tmp_path / "empty").iterdir())
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("ident", ["tsk_/a", "tsk_\\u0000a", "tsk_a ", "", "x" * 129])
def test_a_hold_whose_run_is_damaged(skyarc, sync, runs, tmp_path, ident):  # noqa: F811
    """A line that is no entry may be a hold: prune removes nothing."""
    runs("tsk_a", ended=100 * 86400)
    sync("--since", "200d")
    skyarc("hold", "--dest", "vault", "tsk_a", check=0)
    log = tmp_path / "vault/log.jsonl"
    log.write_text(log.read_text().replace('"run_id": "tsk_a"', '"run_id": "%s"' % ident))
    assert '"tsk_a"' not in log.read_text()
    for path in (tmp_path / "vault").glob("catalog.db*"):
        path.unlink()
    before = sorted((tmp_path / "vault").glob("*/*/*.tar.zst"))
    got = skyarc("prune", "--dest", "vault", "--keep-days", "1", "--apply", check=1)
    assert "unreadable line" in got.err and before and sorted((tmp_path / "vault").glob("*/*/*.tar.zst")) == before, got
