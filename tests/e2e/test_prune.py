# SPDX-License-Identifier: MIT
"""prune: removes runs that no rule keeps; kept runs are complete; pruned runs are not archived again."""
import json
import random
import shutil
import sqlite3
import subprocess
import time

import pytest

from conftest import extract
from test_sync import archived, query, runs, states, stamp, sync, volumes  # noqa: F401


@pytest.fixture
def prune(skyarc):
    def run(*args, check=0):
        return skyarc("prune", "--dest", "vault", "--json", *args, check=check).json()
    return run


def manifest_of(skyarc, name):
    return json.loads(skyarc("cat", "vault/" + name, "manifest.json", check=0).out)


def good(skyarc, tmp_path, emu):
    """Every volume verifies, and holds what the catalog says, byte by byte."""
    for name in volumes(tmp_path):
        skyarc("verify", "vault/" + name, check=0)
        shutil.rmtree(tmp_path / ("out-" + name.split("/")[-1]), ignore_errors=True)
        folder = extract(tmp_path / "vault" / name, tmp_path)
        subprocess.run(["sha256sum", "-c", "--quiet", "manifest-sha256.txt"], cwd=folder, check=True)
        for row in json.loads((folder / "manifest.json").read_text())["artifacts"]:
            assert (folder / row["path"]).read_bytes() == emu.data(row["artifact_id"])


def test_nothing_happens_without_apply(skyarc, sync, runs, prune, tmp_path):
    for days in (100, 50, 1):
        runs("tsk_%d" % days, ended=days * 86400)
        sync()
    before = volumes(tmp_path)
    for args in ([], ["--dry-run"]):
        result = prune("--keep-days", "60", *args)
        assert (result["kept_runs"], result["removed_runs"], result["removed_volumes"]) == (2, 1, 1)
        assert result["applied"] is False and volumes(tmp_path) == before
    text = skyarc("prune", "--dest", "vault", "--keep-days", "60", check=0).out.decode()
    assert "tsk_100  remove" in text and "nothing was changed (--apply removes them)" in text


def test_whole_volumes_go(skyarc, sync, runs, prune, emu, tmp_path):
    for days in (100, 50, 1):
        runs("tsk_%d" % days, ended=days * 86400)
        sync()
        time.sleep(1.01)
    result = prune("--keep-days", "60", "--apply")
    assert (result["removed_volumes"], result["rewritten_volumes"]) == (1, 0) and result["freed_bytes"] > 0
    assert len(volumes(tmp_path)) == 2
    assert states(tmp_path)["tsk_100"] == "pruned"
    log = query(tmp_path, "SELECT what, run_id, volume FROM log")
    assert [row[0] for row in log] == ["prune", "remove"] and log[0][1] == "tsk_100"
    before = len(emu.log("store"))
    assert sync()["archived_runs"] == 0 and len(emu.log("store")) == before
    for path in (tmp_path / "vault").glob("catalog.db*"):
        path.unlink()
    sync("--rebuild")
    assert sync()["archived_runs"] == 0  # pruned runs are not archived again
    assert states(tmp_path)["tsk_100"] == "pruned"


def test_a_volume_is_written_anew(skyarc, sync, runs, prune, emu, tmp_path):
    """With links whose file goes, links that stay, copies, and a view."""
    emu.run("tsk_x", [], created_at=stamp(1), finished_at=stamp(1))
    emu.clear()
    film = {"type": "recording", "webm": 300_000, "seed": 3, "signing": "s3", "summed": False}
    small = {"type": "html", "data": b"<p>the same small thing</p>", "signing": "s3", "summed": False}
    for ident, days in (("tsk_old", 100), ("tsk_a", 3), ("tsk_b", 2), ("tsk_lone", 99)):
        emu.run(ident, [dict(film, id=ident + "_film"), dict(film, id=ident + "_film2", seed=4),
                        dict(small, id=ident + "_same"),
                        {"id": ident + "_own", "type": "llm_prompt", "data": b"Prompt of %s" % ident.encode() * 999},
                        {"id": ident + "_empty", "type": "skyvern_log", "data": b"", "summed": False}],
                created_at=stamp(days * 86400 + 60), finished_at=stamp(days * 86400),
                run_request={"prompt": "prompt of " + ident})
    sync()
    (old,) = volumes(tmp_path)
    links = sum(a["link"] for a in manifest_of(skyarc, old)["artifacts"])
    assert links == 6
    result = prune("--keep-days", "60", "--apply")
    assert (result["kept_runs"], result["removed_runs"], result["rewritten_volumes"]) == (2, 2, 1)
    (new,) = volumes(tmp_path)
    assert new == old.replace(".tar.zst", "-r1.tar.zst")
    manifest = manifest_of(skyarc, new)
    assert {r["run_id"] for r in manifest["runs"]} == {"tsk_a", "tsk_b"}
    assert sorted(manifest["request"]["run_ids"]) == ["tsk_a", "tsk_b"]
    assert sum(a["link"] for a in manifest["artifacts"]) == 2
    assert manifest["totals"]["artifacts"] == 10 and manifest["totals"]["duplicates"] == 4
    good(skyarc, tmp_path, emu)
    import jsonschema
    import os
    with open(os.path.dirname(os.path.abspath(__file__)) + "/../../docs/manifest.schema.json", encoding="utf-8") as file:
        jsonschema.validate(manifest, json.load(file))
    top = tmp_path / ("out-" + new.split("/")[-1]) / new.split("/")[-1][:-8]
    assert "prompt of tsk_a" in (top / "view/tsk_a.js").read_text() and "tsk_old" not in (top / "index.html").read_text()
    assert not (top / "view/tsk_old.js").exists()
    assert skyarc("cat", "vault", "tsk_b_film", check=0).out == emu.data("tsk_b_film")
    assert skyarc("find", "vault", "-r", "tsk_old", check=1).out == b""
    assert set(archived(tmp_path).values()) == {1} and len(archived(tmp_path)) == 10
    assert sync()["archived_runs"] == 0
    again = prune("--keep-last", "1", "--apply")
    assert again["rewritten_volumes"] == 1 and volumes(tmp_path)[0].endswith("-r2.tar.zst")
    good(skyarc, tmp_path, emu)


@pytest.mark.parametrize("name", ["tar", "tar.gz"])
def test_other_formats(skyarc, sync, runs, prune, emu, tmp_path, name):
    runs("tsk_old", ended=86400 * 90)
    runs("tsk_new", ended=86400 * 2)
    sync("--format", name)
    prune("--keep-days", "60", "--apply")
    assert volumes(tmp_path)[0].endswith("-r1." + name)
    good(skyarc, tmp_path, emu)


def test_signatures_go_with_their_volumes(skyarc, sync, runs, prune, tmp_path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], check=True)
    runs("tsk_old", ended=86400 * 90)
    sync("--sign", str(tmp_path / "key"))
    runs("tsk_b", ended=86400 * 80)
    runs("tsk_c", ended=86400 * 2)
    sync("--sign", str(tmp_path / "key"))
    assert len([v for v in volumes(tmp_path) if v.endswith(".sig")]) == 2
    prune("--keep-days", "60", "--apply")
    assert [v.endswith("-r1.tar.zst") for v in volumes(tmp_path)] == [True]


def test_holds_and_statuses(skyarc, sync, runs, prune, tmp_path):
    runs("tsk_a", ended=86400 * 90)
    runs("tsk_b", ended=86400 * 91)
    runs("tsk_c", ended=86400 * 92, status="failed", failure_reason="x")
    sync()
    skyarc("hold", "--dest", "vault", "--reason", "audit", "tsk_b", check=0)
    result = prune("--keep-days", "1", "--keep-status", "failed", "--apply")
    kept = {s["run_id"]: s["rule"] for s in result["steps"] if s["what"] == "keep"}
    assert kept == {"tsk_b": "held", "tsk_c": "status"}
    kept = {s["run_id"]: s["rules"] for s in result["steps"] if s["what"] == "keep"}
    assert kept == {"tsk_b": ["held"], "tsk_c": ["--keep-status failed"]}
    result = prune("--keep-days", "93", "--keep-status", "completed,failed", "--keep-last", "1")
    kept = {s["run_id"]: s["rules"] for s in result["steps"]}
    assert kept["tsk_c"] == ["--keep-days 93", "--keep-status failed"]
    skyarc("release", "--dest", "vault", "tsk_b", check=0)
    assert prune("--keep-days", "1", "--keep-status", "failed", "--apply")["removed_runs"] == 1
    assert [r for (r,) in query(tmp_path, "SELECT run_id FROM runs")] == ["tsk_c"]


def test_a_crash_leaves_one_of_the_two(skyarc, sync, runs, prune, emu, tmp_path):
    runs("tsk_old", ended=86400 * 90)
    runs("tsk_new", ended=86400 * 2)
    sync()
    (old,) = volumes(tmp_path)
    shutil.copy(tmp_path / "vault" / old, tmp_path / "saved")
    shutil.copytree(tmp_path / "vault", tmp_path / "copy")
    prune("--keep-days", "60", "--apply")
    (new,) = volumes(tmp_path)
    # killed before the old volume is removed: both exist, and the new one is ignored
    shutil.copy(tmp_path / "saved", tmp_path / "vault" / old)
    shutil.copy(tmp_path / "copy/catalog.db", tmp_path / "vault/catalog.db")
    result = skyarc("sync", "--dest", "vault", check=0)
    assert "still exists" in result.err and volumes(tmp_path) == [old]
    assert set(archived(tmp_path).values()) == {1} and len(archived(tmp_path)) == 6
    # killed after its removal, before the catalog is updated
    prune("--keep-days", "60", "--apply")
    assert volumes(tmp_path) == [new]
    shutil.copy(tmp_path / "copy/catalog.db", tmp_path / "vault/catalog.db")
    result = skyarc("sync", "--dest", "vault", check=0)
    assert len(archived(tmp_path)) == 3 and set(archived(tmp_path).values()) == {1}
    good(skyarc, tmp_path, emu)
    before = len(emu.log("store"))
    sync()
    assert len(emu.log("store")) == before


@pytest.mark.parametrize("catalog", ["older", "none"])
@pytest.mark.parametrize("command", ["hold", "release", "prune"])
def test_who_comes_first_after_a_crash(skyarc, sync, runs, prune, tmp_path, command, catalog):
    """A command that makes the catalog again ends what a killed prune left, and reads the old volume for that."""
    runs("tsk_old", ended=86400 * 90)
    runs("tsk_new", ended=86400 * 2)
    sync()
    skyarc("hold", "--dest", "vault", "tsk_new", check=0)
    (old,) = volumes(tmp_path)
    shutil.copytree(tmp_path / "vault", tmp_path / "copy")
    prune("--keep-days", "60", "--apply")
    shutil.copytree(tmp_path / "copy", tmp_path / "vault", dirs_exist_ok=True)
    if catalog == "none":
        (tmp_path / "vault/catalog.db").unlink()
    more = ["--keep-days", "60"] if command == "prune" else ["tsk_new"]
    result = skyarc(command, "--dest", "vault", *more, check=0)
    if command == "prune" or catalog == "none":  # hold and release only read the log otherwise
        assert "still exists" in result.err and volumes(tmp_path) == [old]


def test_a_damaged_volume_stays(skyarc, sync, runs, prune, emu, tmp_path):
    """Damage that only reading finds: the volume stays, and the others are gone on with."""
    runs("tsk_other", ended=86400 * 95)
    sync()
    (other,) = volumes(tmp_path)
    runs("tsk_old", ended=86400 * 90)
    emu.run("tsk_new", [{"id": "tsk_new_0", "type": "html", "data": random.Random(1).randbytes(200_000)}],
            created_at=stamp(86400 * 2), finished_at=stamp(86400 * 2))
    sync()
    (name,) = set(volumes(tmp_path)) - {other}
    path = tmp_path / "vault" / name
    data = bytearray(path.read_bytes())
    data[len(data) // 4] ^= 64
    path.write_bytes(data)
    result = skyarc("prune", "--dest", "vault", "--json", "--keep-days", "60", "--apply", check=4)
    assert name in result.err and volumes(tmp_path) == [name]
    assert (result.json()["removed_runs"], result.json()["stayed_runs"]) == (1, 1)
    assert path.read_bytes() == data
    assert not list((tmp_path / "vault").rglob("*.partial"))
    assert query(tmp_path, "SELECT verified_ms FROM volumes") == [(None,)]
    result = skyarc("sync", "--dest", "vault", "--json", check=4)  # it is read back first of all
    assert result.json()["damaged_volumes"] == 1 and (tmp_path / "vault" / (name + ".damaged")).exists()
    assert states(tmp_path) == {"tsk_old": "sealed", "tsk_new": "sealed", "tsk_other": "pruned"}
    prune("--keep-days", "60", "--apply")
    assert [n for n in volumes(tmp_path) if "damaged" not in n][0].endswith("-r1.tar.zst")


def test_a_swapped_volume_is_not_removed(skyarc, sync, runs, prune, tmp_path):
    """A held run's bytes under the name of a volume that no rule keeps."""
    runs("tsk_a", ended=86400 * 91)
    sync()
    runs("tsk_b", ended=86400 * 90)
    sync()
    skyarc("hold", "--dest", "vault", "tsk_b", check=0)
    first, second = (query(tmp_path, "SELECT v.name FROM volumes v JOIN runs r ON r.volume = v.id"
                           " WHERE run_id = '%s'" % r)[0][0] for r in ("tsk_a", "tsk_b"))
    vault = tmp_path / "vault"
    kept = (vault / second).read_bytes()
    (vault / first).rename(vault / "x")
    (vault / second).rename(vault / first)
    (vault / "x").rename(vault / second)
    prune("--keep-days", "60", "--apply", check=3)
    assert kept in [path.read_bytes() for path in vault.glob("*/*/*")]


def test_usage(skyarc, sync, runs, tmp_path):
    runs("tsk_a")
    sync()
    for args, words in [([], "all runs would be removed"), (["--keep-last", "0"], "at least 1"),
                        (["--keep-last", "1", "--apply", "--dry-run"], "exclude each other"),
                        (["--keep-last", "1", "tsk_a"], "no operand")]:
        assert words in skyarc("prune", "--dest", "vault", *args, check=2).err
    assert "no catalog" in skyarc("prune", "--dest", ".", "--keep-last", "1", check=1).err
