# SPDX-License-Identifier: MIT
"""A sync directory whose volumes, catalog or log were changed or removed."""
import base64
import hashlib
import json
import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import time

import pytest

from catalog import alter
from conftest import SKYARC
from test_sync import archived, query, runs, stamp, states, sync, volumes  # noqa: F401

DAY = 86400


@pytest.fixture
def vault(tmp_path):
    return tmp_path / "vault"


@pytest.fixture
def safe(skyarc):
    def run(*args, days="1", check=0):
        return skyarc("sync", "--dest", "vault", "--list-safe", days, *args, check=check).out.decode().split()
    return run


def flip(path, at=None):
    """One bit of a file, a quarter of it in, where a volume has its artifacts."""
    data = bytearray(path.read_bytes())
    at = len(data) // 4 if at is None else at
    data[at] ^= 64
    path.write_bytes(data)


def aside(vault):
    return sorted(p.name for p in vault.glob("*/*/*") if ".damaged" in p.name or ".differs" in p.name)


def consistency(vault):
    return sorted(str(p.relative_to(vault)) for p in vault.glob("*/*/skyarc-*.tar.zst"))


@pytest.fixture
def big(emu, runs):
    """A run whose volume is larger than what is looked at each night."""
    def make(ident, ended, count=3):
        emu.run(ident, [{"id": "%s_%d" % (ident, i), "type": "html", "signing": "s3",
                         "data": random.Random(ident + str(i)).randbytes(60_000)} for i in range(count)],
                created_at=stamp(ended + 60), finished_at=stamp(ended), run_request={"prompt": ident})
    return make


def three(big, sync, vault):
    """Three volumes of a run each."""
    for i, days in enumerate((40, 30, 20)):
        big("tsk_%d" % i, ended=days * DAY)
        sync()
        time.sleep(1.01 if i < 2 else 0)
    names = consistency(vault)
    assert len(names) == 3
    return names


def whole(sync, vault, skyarc, emu, tmp_path, ids):
    """Check that every artifact is in one volume, and that all volumes verify."""
    assert set(archived(tmp_path)) == {"%s_%d" % (r, i) for r in ids for i in range(3)}
    assert set(archived(tmp_path).values()) == {1}
    skyarc("verify", "vault", "-q", check=0)
    for ident in archived(tmp_path):
        assert skyarc("cat", "vault", ident, check=0).out == emu.data(ident)
    assert sync()["volumes"] == 0


def values(path):
    return dict(line.split() for line in path.read_text().splitlines() if not line.startswith("#"))


def test_damage_found_in_reading_back(skyarc, sync, runs, big, safe, vault, emu, tmp_path):
    names = three(big, sync, vault)
    assert safe() == ["tsk_0", "tsk_1", "tsk_2"]
    bad = vault / names[1]
    flip(bad)
    inode = bad.stat().st_ino
    runs("tsk_new", ended=10 * DAY)
    result = skyarc("sync", "--dest", "vault", "--json", "--verify-share", "1", "--metrics", "m", check=4)
    assert names[1] in result.err and "damaged" in result.err
    json_ = result.json()
    assert (json_["damaged_volumes"], json_["archived_runs"], json_["read_back_volumes"]) == (1, 2, 2)
    assert aside(vault) == [os.path.basename(names[1]) + ".damaged"]
    assert (vault / (names[1] + ".damaged")).stat().st_ino == inode
    assert values(tmp_path / "m")["skyarc_sync_success"] == "0.000"
    assert values(tmp_path / "m")["skyarc_sync_damaged_volumes"] == "1.000"
    whole(sync, vault, skyarc, emu, tmp_path, ["tsk_0", "tsk_1", "tsk_2", "tsk_new"])
    assert safe() == ["tsk_0", "tsk_1", "tsk_2", "tsk_new"]


def test_a_fresh_volume_that_is_damaged(skyarc, sync, runs, big, vault, emu, tmp_path):
    """Written, and killed before it was read back; the next night finds it damaged, and goes on."""
    big("tsk_a", ended=3 * DAY)
    sync()
    (name,) = consistency(vault)
    alter(vault, "DELETE FROM volumes", "UPDATE states SET state = 'due'",
          ("INSERT INTO intents VALUES(?, 'tsk_a\n')", (name,)))
    flip(vault / name)
    runs("tsk_b", ended=2 * DAY)
    result = skyarc("sync", "--dest", "vault", "--json", check=4)
    assert aside(vault) == [os.path.basename(name) + ".damaged"]
    assert result.json()["damaged_volumes"] == 1
    assert states(tmp_path) == {"tsk_a": "sealed", "tsk_b": "sealed"}
    whole(sync, vault, skyarc, emu, tmp_path, ["tsk_a", "tsk_b"])


def test_an_imported_volume_that_a_kill_left_as_intended(skyarc, sync, big, vault, emu, tmp_path):
    """Its run is due again, as another volume of it is lost: to import it again must not seal the run."""
    big("tsk_a", ended=3 * DAY)
    emu.fault("tsk_a_0", "status", status=500, times=99)
    sync("--retries", "0", check=3)
    (first,) = consistency(vault)
    emu.reset_faults()
    time.sleep(1.01)
    alter(vault, "UPDATE missing SET tries = 0", "UPDATE states SET next_ms = 0")
    sync()
    (second,) = set(consistency(vault)) - {first}
    alter(vault, ("INSERT INTO intents VALUES(?, 'tsk_a\n')", (second,)))
    (vault / first).write_bytes((vault / first).read_bytes() + bytes(512))
    result = skyarc("sync", "--dest", "vault", "--json", check=3)
    assert result.json()["differing_volumes"] == 1 and "is lost" not in result.err
    whole(sync, vault, skyarc, emu, tmp_path, ["tsk_a"])


def test_every_volume_is_gone(skyarc, sync, big, vault):
    names = three(big, sync, vault)
    for name in names:
        (vault / name).unlink()
    for args in ((), ("--json",)):
        result = skyarc("verify", "vault", *args, check=4)
        said = result.err + result.out.decode()
        assert said.count("is in the catalog but not in the directory") >= len(names) and all(n in said for n in names)


@pytest.mark.parametrize("how", ["gone", "cut", "longer", "tail", "swapped", "another", "no archive"])
def test_a_volume_that_is_not_what_it_was(skyarc, sync, runs, big, safe, vault, emu, tmp_path, how):
    names = three(big, sync, vault)
    paths = [vault / n for n in names]
    hurt = {0}
    if how == "gone":
        paths[0].unlink()
    elif how == "cut":
        os.truncate(paths[0], paths[0].stat().st_size - 5000)
    elif how == "longer":
        paths[0].write_bytes(paths[0].read_bytes() + bytes(512))
    elif how == "tail":
        flip(paths[0], paths[0].stat().st_size - 700)
    elif how == "swapped":
        paths[0].rename(vault / "x")
        paths[1].rename(paths[0])
        (vault / "x").rename(paths[1])
        hurt = {0, 1}
    elif how == "another":
        shutil.copy(paths[1], paths[0])
    elif how == "no archive":
        paths[0].write_bytes(b"nothing\n")
    left = sorted({"tsk_0", "tsk_1", "tsk_2"} - {"tsk_%d" % i for i in hurt})
    assert sorted(safe(check=3)) == left  # without any sync between
    assert "vault" in skyarc("verify", "vault", check=4).err
    result = skyarc("sync", "--dest", "vault", "--json", "--metrics", "m", check=3)
    assert names[0] in result.err
    both = result.json()["gone_volumes"] + result.json()["differing_volumes"]
    assert both == len(hurt) and result.json()["archived_runs"] == len(hurt)
    assert aside(vault) == ([] if how == "gone" else [os.path.basename(names[i]) + ".differs" for i in hurt])
    assert values(tmp_path / "m")["skyarc_sync_success"] == "0.000"
    assert sync()["gone_volumes"] == 0  # told once
    whole(sync, vault, skyarc, emu, tmp_path, ["tsk_0", "tsk_1", "tsk_2"])
    assert sorted(safe()) == ["tsk_0", "tsk_1", "tsk_2"]


def replace(path, how, tmp_path):
    """Move a volume away, and put something that is not a regular file in its place."""
    kept = tmp_path / ("kept-" + path.name)
    shutil.move(path, kept)
    if how == "fifo":
        os.mkfifo(path)
    elif how == "directory":
        path.mkdir()
        (path / "file").write_text("x")
    elif how == "socket":
        with socket.socket(socket.AF_UNIX) as sock:
            folder = os.open(path.parent, os.O_RDONLY)
            sock.bind("/proc/self/fd/%d/%s" % (folder, path.name))  # a socket's path is short
            os.close(folder)
    else:
        path.symlink_to({"device": "/dev/zero", "moved": kept, "dangling": tmp_path / "nowhere",
                         "loop": path}[how])
    return kept


KINDS = ["fifo", "directory", "socket", "device", "moved", "dangling", "loop"]


@pytest.mark.parametrize("how", KINDS)
def test_a_volume_that_is_no_file_any_more(skyarc, sync, big, safe, vault, emu, tmp_path, how):
    names = three(big, sync, vault)
    path = vault / names[0]
    replace(path, how, tmp_path)
    mode = path.lstat().st_mode
    assert safe(check=3) == ["tsk_1", "tsk_2"]  # without any sync between
    assert "not a regular file" in skyarc("verify", "vault", check=4).err
    result = skyarc("sync", "--dest", "vault", "--json", "--metrics", "m", check=3)
    assert names[0] in result.err and "regular file" in result.err
    json_ = result.json()
    assert (json_["differing_volumes"], json_["gone_volumes"], json_["archived_runs"]) == (1, 0, 1)
    assert json_["unreadable_volumes"] == 0
    assert aside(vault) == [os.path.basename(names[0]) + ".differs"]
    assert (vault / (names[0] + ".differs")).lstat().st_mode == mode
    assert values(tmp_path / "m")["skyarc_sync_success"] == "0.000"
    whole(sync, vault, skyarc, emu, tmp_path, ["tsk_0", "tsk_1", "tsk_2"])
    assert safe() == ["tsk_0", "tsk_1", "tsk_2"]


@pytest.mark.parametrize("how", KINDS)
def test_a_volume_that_is_no_file_and_unknown(skyarc, sync, big, vault, emu, tmp_path, how):
    """The catalog is made again, and meets it."""
    names = three(big, sync, vault)
    replace(vault / names[0], how, tmp_path)
    result = skyarc("sync", "--dest", "vault", "--json", "--rebuild", check=3)
    assert names[0] in result.err and "not a regular file" in result.err
    assert aside(vault) == [os.path.basename(names[0]) + ".differs"]
    sync()
    whole(sync, vault, skyarc, emu, tmp_path, ["tsk_0", "tsk_1", "tsk_2"])


@pytest.mark.parametrize("how", KINDS)
def test_a_volume_that_is_no_file_and_whose_run_is_gone(skyarc, sync, big, vault, emu, tmp_path, how):
    """prune finds it, too, and removes nothing; what the service has no more is lost until the volume is back."""
    names = three(big, sync, vault)
    kept = replace(vault / names[0], how, tmp_path)
    emu.forget("tsk_0")
    result = skyarc("prune", "--dest", "vault", "--apply", "--keep-days", "9", check=3)
    assert names[0] in result.err and aside(vault) == [os.path.basename(names[0]) + ".differs"]
    assert kept.exists()
    assert sync(check=3)["lost_runs"] == 1
    assert skyarc("sync", "--dest", "vault", "--list-lost", check=0).out.startswith(b"tsk_0\t")
    shutil.move(kept, vault / names[0])
    assert sync()["lost_runs"] == 0
    skyarc("verify", "vault", check=0)


@pytest.mark.parametrize("which", ["old", "new"])
def test_one_of_a_pair_is_no_file(skyarc, sync, big, vault, emu, tmp_path, which):
    """A crash of prune left a volume and its rewritten one, and one of them was replaced by a FIFO."""
    names = three(big, sync, vault)
    old = vault / names[0]
    new = vault / names[0].replace(".tar", "-r1.tar")
    if which == "old":
        shutil.move(old, new)
        os.mkfifo(old)
    else:
        os.mkfifo(new)
    result = sync(check=3)
    assert result["differing_volumes"] >= 1 and result["archived_runs"] == (which == "old")
    assert old.name + ".differs" in aside(vault) if which == "old" else aside(vault) == [new.name + ".differs"]
    whole(sync, vault, skyarc, emu, tmp_path, ["tsk_0", "tsk_1", "tsk_2"])


def test_a_volume_whose_change_decodes_to_the_same(skyarc, sync, runs, safe, vault, tmp_path):
    """A time in a gzip header, which no reader of archives looks at: the catalog knows the tail's digest."""
    runs("tsk_a", ended=30 * DAY)
    sync("--format", "tar.gz")
    (path,) = vault.glob("*/*/*.tar.gz")
    flip(path, 4)
    skyarc("verify", path, check=0)
    result = skyarc("verify", "vault", check=4)
    assert path.name in result.err and "tail" in result.err
    assert safe(check=3) == []
    assert sync("--format", "tar.gz", check=3)["differing_volumes"] == 1
    skyarc("verify", "vault", check=0)


def supplemented(runs, sync, vault):
    """Write a run into two volumes; the name of the first."""
    runs("tsk_a", ended=3 * DAY, count=2)
    sync()
    (first,) = consistency(vault)
    alter(vault, "UPDATE states SET state = 'open', next_ms = 0")
    runs("tsk_a", ended=3 * DAY, count=3)
    assert sync()["supplements"] == 1
    return first


def test_the_first_of_two_volumes_is_lost(skyarc, sync, runs, safe, vault, emu, tmp_path):
    first = supplemented(runs, sync, vault)
    alter(vault, "UPDATE states SET next_ms = 0")
    assert sync()["sealed_runs"] in (0, 1) and safe() == ["tsk_a"]
    (vault / first).unlink()
    assert safe(check=3) == []
    result = sync(check=3)
    assert (result["gone_volumes"], result["artifacts"]) == (1, 2)
    whole(sync, vault, skyarc, emu, tmp_path, ["tsk_a"])


def test_the_first_of_two_volumes_is_lost_and_the_catalog_too(skyarc, sync, runs, safe, vault, emu, tmp_path):
    """The second names the first, which nobody remembers: the run is not sealed without it."""
    first = supplemented(runs, sync, vault)
    (vault / first).unlink()
    for path in vault.glob("catalog.db*"):
        path.unlink()
    sync("--rebuild")
    assert safe() == []
    sync()
    whole(sync, vault, skyarc, emu, tmp_path, ["tsk_a"])


def test_what_the_service_does_not_have_any_more_is_lost(skyarc, sync, runs, big, safe, vault, emu, tmp_path):
    names = three(big, sync, vault)
    emu.forget("tsk_1", "tsk_2")
    big("tsk_2", ended=20 * DAY, count=2)  # it lacks an artifact by now
    for name in names[1:]:
        (vault / name).unlink()
    result = skyarc("sync", "--dest", "vault", "--json", "--metrics", "m", check=3)
    assert result.json()["lost_runs"] == 2 and "tsk_1" in result.err
    assert states(tmp_path)["tsk_1"] == "lost"

    def lost(check=0):
        return skyarc("sync", "--dest", "vault", "--list-lost", check=check).out.decode().splitlines()

    assert sorted(line.split("\t")[0] for line in lost()) == ["tsk_1", "tsk_2"]
    assert values(tmp_path / "m")["skyarc_sync_lost_runs"] == "2.000"
    assert safe() == ["tsk_0"]
    again = skyarc("sync", "--dest", "vault", "--json", check=0)  # told once, and listed for ever
    assert again.json()["lost_runs"] == 2


def test_what_is_lost_is_lost_for_a_catalog_made_again(skyarc, sync, runs, big, safe, vault, emu, tmp_path):
    names = three(big, sync, vault)
    emu.forget("tsk_1", "tsk_2")
    big("tsk_2", ended=20 * DAY, count=2)
    for name in names[1:]:
        (vault / name).unlink()
    sync(check=3)
    for path in vault.glob("catalog.db*"):
        path.unlink()
    sync("--rebuild")
    sync(check=3)
    lost = skyarc("sync", "--dest", "vault", "--list-lost", check=0).out.decode().splitlines()
    assert safe() == ["tsk_0"]
    assert sorted(line.split("\t")[0] for line in lost) == ["tsk_1", "tsk_2"]


def test_a_volume_that_comes_back(skyarc, sync, runs, big, safe, vault, emu, tmp_path):
    names = three(big, sync, vault)
    shutil.move(vault / names[1], tmp_path / "kept")
    emu.forget("tsk_1")
    assert sync(check=3)["lost_runs"] == 1
    shutil.move(tmp_path / "kept", vault / names[1])
    assert sync("--verify-share", "1")["lost_runs"] == 0
    assert sorted(archived(tmp_path)) == sorted("tsk_%d_%d" % (i, k) for i in range(3) for k in range(3))
    assert query(tmp_path, "SELECT DISTINCT state FROM states") == [("sealed",)]
    assert sorted(safe()) == ["tsk_0", "tsk_2"]  # of the other there is nothing to be removed any more


def test_reading_back_goes_round(sync, runs, safe, vault, tmp_path):
    for i in range(6):
        runs("tsk_%d" % i, ended=(40 - i) * DAY, size=200_000)
        sync()
        time.sleep(1.01)
    alter(vault, "UPDATE volumes SET verified_ms = verified_ms - 86400000, entered_ms = entered_ms - 86400000")
    order = []
    for _ in range(4):
        sync("--verify-share", "3")
        order += [n for (n,) in query(tmp_path, "SELECT name FROM volumes WHERE verified_ms > entered_ms ORDER BY name")
                  if n not in order]
        assert 2 <= len(order) <= 3  # a day's share, and no more on that day
    for _ in range(2):
        alter(vault, "UPDATE volumes SET verified_ms = verified_ms - 86400000, entered_ms = entered_ms - 86400000")
        sync("--verify-share", "3")
    assert not query(tmp_path, "SELECT 1 FROM volumes WHERE verified_ms <= entered_ms")
    assert order == consistency(vault)[:len(order)]  # oldest first


def test_verified_within(sync, runs, safe, vault, tmp_path):
    runs("tsk_a", ended=40 * DAY)
    sync()
    assert safe() == ["tsk_a"] and safe("--verified-within", "1h") == ["tsk_a"]
    alter(vault, "UPDATE volumes SET verified_ms = verified_ms - 2 * 3600000")
    assert safe() == ["tsk_a"] and safe("--verified-within", "1h") == []
    alter(vault, "UPDATE volumes SET verified_ms = verified_ms - 31 * 86400000")
    assert safe() == [] and safe("--verified-within", "40d") == ["tsk_a"]
    alter(vault, "UPDATE volumes SET verified_ms = verified_ms + 99 * 86400000")
    assert safe() == []  # a time that is still to come is none
    sync()
    assert safe() == ["tsk_a"]


def test_verify_finds_a_swap_without_a_catalog(skyarc, sync, runs, big, vault):
    names = three(big, sync, vault)
    for path in vault.glob("catalog.db*"):
        path.unlink()
    shutil.copy(vault / names[0], vault / names[1])
    assert names[1] in skyarc("verify", "vault", check=4).err


@pytest.mark.parametrize("version,said", [(99, "newer skyarc"), (1, "older skyarc")])
def test_verify_says_that_a_catalog_cannot_be_used(skyarc, sync, runs, big, vault, version, said):
    """Without the catalog, a volume replaced by another valid archive may go unseen: exit status 3, not 0."""
    three(big, sync, vault)
    assert "catalog_error" not in skyarc("verify", "vault", "--json", check=0).json()[-1]
    alter(vault, "PRAGMA user_version = %d" % version)
    result = skyarc("verify", "vault", check=3)
    assert said in result.err and "cannot compare the volumes of 'vault' with its catalog" in result.err
    assert b"vault: 3 archives, " in result.out and b"not compared with the catalog" in result.out
    document = skyarc("verify", "vault", "--json", check=3).json()[-1]
    assert said in document["catalog_error"] and document["breaks"] == []


def test_a_damage_counts_more_than_a_catalog_that_cannot_be_used(skyarc, sync, runs, big, vault):
    names = three(big, sync, vault)
    alter(vault, "PRAGMA user_version = 99")
    (vault / names[1]).unlink()
    (vault / names[0]).write_bytes(b"no archive\n")
    assert "newer skyarc" in skyarc("verify", "vault", check=4).err


def test_verify_finds_what_is_gone(skyarc, sync, runs, big, vault):
    names = three(big, sync, vault)
    (vault / names[2]).unlink()
    result = skyarc("verify", "vault", "--json", check=4)
    assert names[2] in result.err
    assert any(names[2] in (b["archive"] or "") for b in result.json()[-1]["breaks"])


@pytest.mark.parametrize("what", ["gone", "older", "log first"])
def test_holds_outlive_the_catalog(skyarc, sync, runs, vault, emu, tmp_path, what):
    for i in range(3):
        runs("tsk_%d" % i, ended=(60 - i) * DAY)
    sync("--volume-runs", "1")
    shutil.copytree(vault, tmp_path / "before")
    skyarc("hold", "--dest", "vault", "--reason", "case 12", "tsk_1", check=0)
    skyarc("prune", "--dest", "vault", "--keep-last", "2", "--apply", check=0)
    assert len(consistency(vault)) == 2
    assert states(tmp_path)["tsk_0"] == "pruned"
    for path in vault.glob("catalog.db*"):
        path.unlink()
    if what != "gone":  # as a backup, or a kill between log and catalog, leaves it
        shutil.copy(tmp_path / "before/catalog.db", vault / "catalog.db")
    before = len(emu.log("store"))
    if what != "log first":
        skyarc("sync", "--dest", "vault", check=0)
        assert len(emu.log("store")) == before  # what was pruned is not archived again
    skyarc("prune", "--dest", "vault", "--keep-last", "1", "--apply", check=0)
    assert sorted(archived(tmp_path)) == ["tsk_%d_%d" % (i, k) for i in (1, 2) for k in range(3)]
    lines = skyarc("hold", "--dest", "vault", check=0).out.decode().splitlines()
    assert [line.split("\t")[0::2] for line in lines] == [["tsk_1", "case 12"]]
    skyarc("release", "--dest", "vault", "tsk_1", check=0)
    skyarc("prune", "--dest", "vault", "--keep-last", "1", "--apply", check=0)
    assert sorted(archived(tmp_path)) == ["tsk_2_%d" % k for k in range(3)]
    sync()
    assert len(emu.log("store")) == before


def test_the_log_is_flushed_and_its_directory(skyarc, sync, runs, vault, tmp_path):
    """Before a hold is told of as made, the line is on the disk, and so is the name of its file."""
    (tmp_path / "tell.c").write_text("""
        #include <stdio.h>
        #include <stdlib.h>
        #include <unistd.h>
        int fsync(int fd)
        {
            char link[64], path[4096] = "";
            FILE *file = fopen(getenv("TELL"), "a");
            snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
            if (readlink(link, path, sizeof(path) - 1) > 0 && file)
                fprintf(file, "%s\\n", path);
            return file ? fclose(file) : 0;
        }
        int fdatasync(int fd)
        {
            return fsync(fd);
        }
    """)
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", tmp_path / "tell.so", tmp_path / "tell.c"], check=True)
    runs("tsk_a", ended=60 * DAY)
    sync()
    skyarc("hold", "--dest", "vault", "--reason", "one", "tsk_a", check=0, LD_PRELOAD=str(tmp_path / "tell.so"),
           TELL=str(tmp_path / "told"), ASAN_OPTIONS="verify_asan_link_order=0")
    told = (tmp_path / "told").read_text().splitlines()
    assert str(vault / "log.jsonl") in told
    assert str(vault) in told[told.index(str(vault / "log.jsonl")):]


def test_a_log_that_was_cut_or_lost(skyarc, sync, runs, vault, tmp_path):
    runs("tsk_a", ended=60 * DAY)
    sync()
    skyarc("hold", "--dest", "vault", "--reason", "one", "tsk_a", check=0)
    skyarc("hold", "--dest", "vault", "--reason", "two", "tsk_b", check=0)
    lines = (vault / "log.jsonl").read_text().splitlines(True)
    (vault / "log.jsonl").write_text(lines[0])
    result = skyarc("prune", "--dest", "vault", "--keep-days", "1", "--apply", check=0)
    assert "log.jsonl" in result.err and len(consistency(vault)) == 1
    (vault / "log.jsonl").unlink()
    result = skyarc("hold", "--dest", "vault", check=0)
    assert "log.jsonl" in result.err and len(result.out.splitlines()) == 2
    assert sorted(json.loads(l)["run_id"] for l in (vault / "log.jsonl").read_text().splitlines()) == ["tsk_a", "tsk_b"]
    (vault / "log.jsonl").unlink()
    sync("--rebuild")  # the catalog that goes is the last one to know
    assert len(skyarc("hold", "--dest", "vault", check=0).out.splitlines()) == 2


def test_a_torn_line_of_the_log(skyarc, sync, runs, vault, tmp_path):
    runs("tsk_a", ended=60 * DAY)
    sync()
    skyarc("hold", "--dest", "vault", "--reason", "one", "tsk_a", check=0)
    with open(vault / "log.jsonl", "a", encoding="utf-8") as file:
        file.write('{"at_ms": 12, "what": "ho')
    skyarc("hold", "--dest", "vault", "--reason", "two", "tsk_b", check=0)
    lines = [json.loads(line) for line in (vault / "log.jsonl").read_text().splitlines()]
    assert [line["run_id"] for line in lines] == ["tsk_a", "tsk_b"]
    # a line in the middle that cannot be read may have been a hold: nothing is removed
    text = (vault / "log.jsonl").read_text().splitlines(True)
    (vault / "log.jsonl").write_text(text[0][:20] + "\n" + text[1])
    for path in vault.glob("catalog.db*"):
        path.unlink()
    result = skyarc("prune", "--dest", "vault", "--keep-days", "1", "--apply", check=1)
    assert "log.jsonl" in result.err and len(consistency(vault)) == 1


@pytest.mark.parametrize("old, new", [('"hold"', '"holf"'), ('"what"', '"whau"'), ('"run_id"', '"run^id"')])
@pytest.mark.parametrize("again", [False, True])
def test_a_line_of_the_log_that_means_nothing_may_be_a_hold(skyarc, sync, runs, vault, tmp_path, old, new, again):
    """One byte of it has changed, and it is valid JSON all the same."""
    runs("tsk_a", ended=60 * DAY)
    sync()
    skyarc("hold", "--dest", "vault", "--reason", "one", "tsk_a", check=0)
    text = (vault / "log.jsonl").read_text()
    assert old in text
    (vault / "log.jsonl").write_text(text.replace(old, new))
    for path in vault.glob("catalog.db*"):
        path.unlink()
    if again:
        sync()
    result = skyarc("prune", "--dest", "vault", "--keep-days", "1", "--apply", check=1)
    assert "log.jsonl" in result.err and len(consistency(vault)) == 1
    (vault / "log.jsonl").write_text(text)  # repaired
    skyarc("prune", "--dest", "vault", "--keep-days", "1", "--apply", check=0)
    assert len(consistency(vault)) == 1


@pytest.mark.parametrize("seed", range(6))
def test_bytes_of_the_catalog(skyarc, sync, runs, vault, emu, tmp_path, seed):
    """Twenty random bytes changed: noticed, said, and made again; or they were of no use."""
    rng = random.Random(seed)
    for i in range(4):
        runs("tsk_%d" % i, ended=(60 - i) * DAY)
    sync("--volume-runs", "1")
    skyarc("hold", "--dest", "vault", "--reason", "x", "tsk_1", check=0)
    tables = ["SELECT name, size, manifest_sha256 FROM volumes ORDER BY 1", "SELECT run_id, state FROM states ORDER BY 1",
              "SELECT run_id, artifact_id, path FROM artifacts ORDER BY 1, 2", "SELECT run_id, reason FROM holds"]
    before = [query(tmp_path, t) for t in tables]
    data = bytearray((vault / "catalog.db").read_bytes())
    at = rng.randrange(len(data) - 20)
    for i in range(20):
        data[at + i if seed % 2 else rng.randrange(len(data))] ^= rng.randrange(1, 256)
    (vault / "catalog.db").write_bytes(data)
    result = skyarc("sync", "--dest", "vault", "--json", check=0)
    assert result.json()["catalog_remade"] and "catalog.db" in result.err
    assert result.json()["archived_runs"] == 0
    assert [query(tmp_path, t) for t in tables] == before
    assert query(tmp_path, "PRAGMA integrity_check") == [("ok",)]


def test_a_catalog_of_a_newer_skyarc(skyarc, sync, runs, vault, tmp_path):
    runs("tsk_a", ended=3 * DAY)
    sync()
    alter(vault, "PRAGMA user_version = 99")
    for args in (["sync", "--dest", "vault"], ["find", "vault"], ["hold", "--dest", "vault", "tsk_a"],
                 ["prune", "--dest", "vault", "--keep-last", "1"]):
        assert "newer skyarc" in skyarc(*args, check=1).err
    result = skyarc("sync", "--dest", "vault", "--rebuild", "--json", check=0)
    assert "newer skyarc" in result.err and result.json()["healed_volumes"] == 1
    (kept,) = vault.glob("catalog.db.newer*")
    db = sqlite3.connect(kept)
    assert db.execute("PRAGMA user_version").fetchone() == (99,)
    db.close()
    assert sync()["archived_runs"] == 0


def test_a_rebuild_that_skips_a_volume(skyarc, sync, runs, big, vault, tmp_path):
    names = three(big, sync, vault)
    (vault / names[1]).write_bytes(b"no archive\n")
    result = skyarc("sync", "--dest", "vault", "--rebuild", "--json", check=4)
    assert names[1] in result.err and result.json()["healed_volumes"] == 2
    assert aside(vault) == [os.path.basename(names[1]) + ".damaged"]


def test_a_rebuild_seals_nothing_early(skyarc, sync, runs, vault, tmp_path):
    """A run that had only just been archived may still grow, also when the catalog is made again later."""
    runs("tsk_a", ended=DAY - 4)
    sync("--settle", "1s")
    assert states(tmp_path) == {"tsk_a": "open"}
    time.sleep(4.1)
    for path in vault.glob("catalog.db*"):
        path.unlink()
    sync("--rebuild", "--settle", "1s")
    assert states(tmp_path) == {"tsk_a": "open"}


def test_an_end_that_only_the_record_has(emu, skyarc, sync, runs, safe, tmp_path):
    runs("tsk_a", ended=40 * DAY)
    emu.fault("runs", "no-ends", times=99)
    sync()
    assert query(tmp_path, "SELECT finished_at IS NULL FROM states") == [(0,)]
    assert safe() == ["tsk_a"]


def test_a_clock_that_was_ahead(sync, runs, vault, tmp_path):
    """What was put off by a clock that ran years ahead is not left for years."""
    runs("tsk_a", ended=1200)
    sync("--settle", "1s")
    alter(vault, "UPDATE states SET next_ms = next_ms + 86400000 * 700, listed_ms = listed_ms + 86400000 * 700")
    assert sync("--settle", "1s")["sealed_runs"] == 1


def test_a_catalog_of_the_first_release(skyarc, sync, runs, vault, tmp_path):
    runs("tsk_a", ended=3 * DAY)
    sync()
    rows = query(tmp_path, "SELECT name, state FROM volumes, states")
    for path in vault.glob("catalog.db*"):
        path.unlink()
    db = sqlite3.connect(vault / "catalog.db")
    with open(os.path.dirname(os.path.abspath(__file__)) + "/../data/catalog-1.sql", encoding="utf-8") as file:
        db.executescript(file.read())
    db.close()
    assert "older skyarc" in skyarc("find", "vault", check=1).err
    assert sync(check=3)["gone_volumes"] == 1  # the volume that it tells of is another directory's
    assert set(rows) < set(query(tmp_path, "SELECT name, state FROM volumes, states"))
    assert query(tmp_path, "PRAGMA user_version") == [(6,)]
    assert ("tsk_old", "lost") in states(tmp_path).items()
    lines = skyarc("hold", "--dest", "vault", check=0).out.decode()
    assert "tsk_old" in lines  # its hold stands in no log: it is written there
    assert "tsk_old" in (vault / "log.jsonl").read_text()


def summed(data):
    return hashlib.sha256(data).hexdigest()


def one(emu, ident, ended=3 * DAY, data=b"<p>right</p>" * 50, **row):
    """A run with two artifacts; the second is what the test is about."""
    emu.run(ident, [{"id": ident + "_0", "type": "html", "signing": "s3", "data": b"<p>" + ident.encode()},
                    {"id": ident + "_1", "type": "html", "signing": "s3", "data": data, **row}],
            created_at=stamp(ended + 60), finished_at=stamp(ended), run_request={"prompt": ident})


def hours(tmp_path, count):
    """So many hours go by, for what is put off."""
    alter(tmp_path / "vault", "UPDATE states SET next_ms = next_ms - %d WHERE next_ms > 0" % (count * 3600_000))


def test_a_wrong_checksum_is_never_safe(skyarc, sync, runs, safe, emu, tmp_path):
    runs("tsk_good", ended=3 * DAY)
    one(emu, "tsk_bad", checksum=summed(b"something else"))
    result = skyarc("sync", "--dest", "vault", "--json", check=3)
    assert result.json()["checksum_mismatches"] == 1
    assert "artifact 'tsk_bad_1' of run 'tsk_bad' does not have the checksum that the service gave" in result.err
    assert safe() == ["tsk_good"]
    for night in (2, 3):  # fetched anew, a few times
        hours(tmp_path, 2)
        assert sync(check=3)["checksum_mismatches"] == 1, night
        assert safe() == ["tsk_good"]
    for _ in range(3):  # then it is sealed, and told no more
        hours(tmp_path, 24)
        assert sync(check=0)["artifacts"] == 0
        assert safe() == ["tsk_good"]
    assert states(tmp_path)["tsk_bad"] == "sealed"
    assert archived(tmp_path)["tsk_bad_1"] == 3 and archived(tmp_path)["tsk_bad_0"] == 1
    assert query(tmp_path, "SELECT reason, final FROM missing") == [("checksum-mismatch", 1)]
    sync("--rebuild")
    assert query(tmp_path, "SELECT reason, final FROM missing") == [("checksum-mismatch", 1)]
    sync("--verify-share", "1")
    assert safe() == ["tsk_good"]


def test_a_wrong_checksum_that_is_mended(skyarc, sync, runs, safe, emu, tmp_path):
    right = b"<p>right</p>" * 50
    one(emu, "tsk_1", data=b"<p>wrong</p>" * 50, checksum=summed(right))
    sync(check=3)
    assert safe() == []
    emu.replace("tsk_1_1", right)
    hours(tmp_path, 2)
    assert sync(check=0)["supplements"] == 1
    assert skyarc("cat", "vault", "tsk_1_1", check=0).out == right
    assert query(tmp_path, "SELECT * FROM missing") == []
    hours(tmp_path, 1)
    sync(check=0)
    assert safe() == ["tsk_1"]
    sync("--rebuild")
    sync("--verify-share", "1")
    assert safe() == ["tsk_1"]


CHANGES = {"size": {"data": b"<p>longer</p>" * 60},
           "time": {"data": b"<p>other</p>" * 50, "modified_at": "2026-01-20T11:52:30.000001"},
           "checksum": {"data": b"<p>other</p>" * 50}}


@pytest.mark.parametrize("what", CHANGES)
def test_what_changed_at_the_service_is_not_safe(skyarc, sync, runs, safe, emu, tmp_path, what):
    runs("tsk_same", ended=4 * DAY)
    times = stamp(3 * DAY + 60), stamp(3 * DAY)

    def serve(**row):
        row = {"summed": what == "checksum", **row}
        emu.run("tsk_1", [{"id": "tsk_1_0", "type": "html", "signing": "s3", "data": b"<p>1"},
                          {"id": "tsk_1_1", "type": "html", "signing": "s3", **row}],
                created_at=times[0], finished_at=times[1])

    serve(data=b"<p>right</p>" * 50)
    sync()
    assert safe() == ["tsk_same", "tsk_1"]
    serve(**CHANGES[what])
    assert sync()["volumes"] == 0  # a sealed run is not listed each night
    result = skyarc("sync", "--dest", "vault", "--list-safe", "1", check=3)
    assert result.out == b"tsk_same\n"
    assert "run 'tsk_1' is not listed as safe" in result.err and "artifact 'tsk_1_1'" in result.err
    assert sync()["supplements"] == 1  # archived anew: beside what it was
    assert skyarc("cat", "vault", "tsk_1_1", check=0).out == CHANGES[what]["data"]
    assert archived(tmp_path)["tsk_1_1"] == 2 and archived(tmp_path)["tsk_1_0"] == 1
    assert safe() == ["tsk_same", "tsk_1"]
    skyarc("verify", "vault", "-q", check=0)
    sync("--rebuild")
    sync("--verify-share", "1")
    assert safe() == ["tsk_same", "tsk_1"]


def test_the_newer_version_of_an_artifact_is_lost(skyarc, sync, runs, safe, emu, vault, tmp_path):
    """An older version in another volume does not make up for it."""
    one(emu, "tsk_1")
    sync()
    newer = b"<p>newer and longer</p>" * 60
    one(emu, "tsk_1", data=newer)
    skyarc("sync", "--dest", "vault", "--list-safe", "1", check=3)
    before = consistency(vault)
    assert sync()["supplements"] == 1
    (volume,) = set(consistency(vault)) - set(before)
    (vault / volume).unlink()
    assert sync(check=3)["artifacts"] == 1  # fetched again, in the same night
    assert skyarc("cat", "vault", "tsk_1_1", check=0).out == newer
    hours(tmp_path, 1)
    sync(check=0)
    assert safe() == ["tsk_1"]
    (vault / before[0]).unlink()  # the first part and an older version
    assert sync(check=3)["artifacts"] == 1
    assert archived(tmp_path) == {"tsk_1_0": 1, "tsk_1_1": 1}


def test_what_changed_before_the_second_list(sync, runs, safe, emu, tmp_path):
    one(emu, "tsk_1", ended=7200, summed=False)
    sync()
    one(emu, "tsk_1", ended=7200, summed=False, data=b"<p>other and longer</p>" * 60)
    hours(tmp_path, 1)
    assert sync()["supplements"] == 1
    assert archived(tmp_path) == {"tsk_1_0": 1, "tsk_1_1": 2}
    hours(tmp_path, 1)
    assert sync()["sealed_runs"] == 1


def test_what_cannot_be_asked_about_is_not_safe(skyarc, sync, runs, safe, emu):
    runs("tsk_1", ended=3 * DAY)
    runs("tsk_2", ended=3 * DAY)
    sync()
    assert safe() == ["tsk_1", "tsk_2"]
    emu.fault("list/tsk_2", "status", times=99, status=400)
    result = skyarc("sync", "--dest", "vault", "--list-safe", "1", check=3)
    assert result.out == b"tsk_1\n" and "run 'tsk_2' is not listed as safe" in result.err
    emu.reset_faults()
    runs("tsk_2", ended=3 * DAY, count=4)
    assert skyarc("sync", "--dest", "vault", "--list-safe", "1", check=3).out == b"tsk_1\n"
    emu.forget("tsk_2")
    assert safe() == ["tsk_1"]


def test_what_an_older_manifest_does_not_tell(sync, runs, safe, emu, tmp_path):
    """Whether it is as it was archived: by its checksum, or since it was not modified after that."""
    times = {"created_at": stamp(3 * DAY + 60), "finished_at": stamp(3 * DAY)}
    row = {"id": "a_1", "type": "html", "signing": "s3", "data": b"<p>1", "summed": False}
    emu.run("tsk_1", [row], **times)
    emu.run("tsk_2", [{**row, "id": "a_2", "summed": True}], **times)
    sync()
    alter(tmp_path / "vault", "UPDATE artifacts SET listed = NULL")
    assert safe() == ["tsk_1", "tsk_2"]
    emu.run("tsk_1", [{**row, "modified_at": stamp(-3600)}], **times)
    emu.run("tsk_2", [{**row, "id": "a_2", "summed": True, "modified_at": stamp(-3600)}], **times)
    assert safe(check=3) == ["tsk_2"]


@pytest.mark.parametrize("bundles", ["zip", "members", "auto"])
def test_all_kinds_of_artifacts_can_be_safe(skyarc, sync, safe, tmp_path, bundles):
    """ZIPs that are taken apart, HARs that are compressed at rest, files that a record names."""
    sync("--bundles", bundles)
    have = {run for run, state in states(tmp_path).items() if state == "sealed"}
    lacking = {run for (run,) in query(tmp_path, "SELECT DISTINCT run_id FROM missing")}
    assert len(have - lacking) > 4
    assert set(safe()) == have - lacking


def test_a_run_with_a_zip_is_sealed(sync, tmp_path):
    """Its members are archived, and not the ZIP: that is no more of the run."""
    sync()
    alter(tmp_path / "vault", "UPDATE states SET state = 'open', next_ms = 0 WHERE run_id = 'tsk_step'")
    result = sync()
    assert (result["sealed_runs"], result["supplements"]) == (1, 0)
    assert states(tmp_path)["tsk_step"] == "sealed"


@pytest.mark.parametrize("args", [[], ["--list-safe", "1"]])
def test_a_signal_while_lists_are_fetched_once_more(env, emu, sync, runs, tmp_path, args):
    for i in range(6):
        runs("tsk_%d" % i, ended=3 * DAY)
    sync()
    if not args:
        alter(tmp_path / "vault", "UPDATE states SET state = 'open', next_ms = 0")
    for i in range(6):
        emu.fault("list/tsk_%d" % i, "silence", times=9, seconds=4)
    before = len(emu.log("api"))
    process = subprocess.Popen([SKYARC, "sync", "--dest", "vault", *args], env=env, cwd=tmp_path,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    end = time.monotonic() + 10
    while len(emu.log("api")) < before + 6 and time.monotonic() < end:
        time.sleep(0.02)
    time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, out) == (128 + signal.SIGTERM, b""), err
    assert b"Sanitizer" not in err
    emu.reset_faults()
    sync()
    assert set(states(tmp_path).values()) == {"sealed"}


def test_one_of_two_artifacts_of_one_id_is_missing(sync, runs, emu, safe, tmp_path):
    """What is archived under an ID is not what is missing under it: the run is not safe."""
    emu.run("tsk_o", [{"id": "p1", "type": "html", "data": b"<p>the first"}, {"id": "p2", "type": "html", "data": b"<p>a second"}],
            created_at=stamp(9 * DAY), finished_at=stamp(9 * DAY))
    row = {"artifact_type": "html", "artifact_id": "a", "created_at": "2026-02-03T04:05:06"}
    rows = [dict(row, uri="s3://b/one.html", signed_url=emu.store + "/open/p1"),
            dict(row, uri="s3://b/two.html", signed_url=emu.store + "/open/p2")]
    runs("tsk_p", ended=3 * DAY, count=0)
    emu.fault("list/tsk_p", "raw", body=base64.b64encode(json.dumps(rows).encode()).decode(), times=-1)
    emu.fault("p2", "status", status=503, times=-1)
    emu.fault("a", "status", status=503, times=-1)
    assert sync("--retries", "0", check=3)["missing"] == 2  # one of tsk_o, too
    assert query(tmp_path, "SELECT count(*) FROM artifacts WHERE artifact_id = 'a'") == [(1,)]
    assert "tsk_p" not in safe(check=None)
    sync("--retries", "0", check=None)
    assert "tsk_p" not in safe(check=None)
