# SPDX-License-Identifier: MIT
"""A pull into a directory: the files of the tar, complete or absent, and resumed."""
import hashlib
import json
import os
import re
import resource
import signal
import stat
import subprocess

import pytest

from conftest import SKYARC, extract
from test_crash import fetched, journal_rows, many, start, until  # pylint: disable=unused-import

TAGS = ["bag-info.txt", "bagit.txt", "index.html", "manifest-sha256.txt", "manifest.json", "requests.jsonl",
        "tagmanifest-sha256.txt"]


def files(folder):
    return {str(p.relative_to(folder)): p for p in folder.rglob("*") if not p.is_dir()}


def groups(folder):
    """Groups of names that are hard links to one file."""
    same = {}
    for name, path in files(folder).items():
        same.setdefault(path.stat().st_ino, set()).add(name)
    return sorted(sorted(names) for names in same.values() if len(names) > 1)


def payload(folder):
    return {name: (path.read_bytes(), int(path.stat().st_mtime)) for name, path in files(folder).items()
            if name.startswith("data/") and not name.endswith("artifacts.json")}


def rows(folder):
    own = ("frame", "offset", "fetched_at", "attempts")
    return [{k: v for k, v in row.items() if k not in own}
            for row in json.loads((folder / "manifest.json").read_text())["artifacts"]]


def check_bag(folder):
    subprocess.run(["sha256sum", "-c", "--quiet", "--strict", "manifest-sha256.txt", "tagmanifest-sha256.txt"],
                   cwd=folder, check=True)
    named = {line.split("  ", 1)[1] for line in (folder / "manifest-sha256.txt").read_text().splitlines()}
    assert {name for name in files(folder) if name.startswith("data/")} == named
    assert sorted(p.name for p in folder.iterdir()) == sorted(TAGS + ["data", "view"])


def check_whole(emu, folder, plan):
    check_bag(folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert sorted(r["artifact_id"] for r in manifest["artifacts"]) == sorted(r["id"] for r in plan)
    assert not manifest["missing"]
    for row in manifest["artifacts"]:
        assert (folder / row["path"]).read_bytes() == emu.data(row["artifact_id"])


def leftovers(tmp_path):
    return sorted(p.name for p in tmp_path.iterdir() if ".partial" in p.name)


def test_the_same_as_tar(skyarc, emu, many, tmp_path):
    skyarc("pull", "-j", "1", "-o", "bag.tar", "tsk_many", check=0)
    result = skyarc("pull", "--json", "-j", "1", "-o", "bag/", "tsk_many", check=0).json()
    folder, twin = tmp_path / "bag", extract(tmp_path / "bag.tar", tmp_path)
    assert result["archive"] == "bag" and result["sha256"] is None and not result["incomplete"]
    assert result["manifest_sha256"] == hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
    assert payload(folder) == payload(twin)
    assert groups(folder) == groups(twin) and len(groups(folder)) > 4
    assert sorted(files(folder)) == sorted(files(twin))
    assert rows(folder) == rows(twin)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert {(r["frame"], r["offset"]) for r in manifest["artifacts"]} == {(None, None)}
    check_whole(emu, folder, many)
    assert leftovers(tmp_path) == []


def test_read_like_an_archive(skyarc, tmp_path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "key"], cwd=tmp_path, check=True)
    (tmp_path / "signers").write_text("me " + (tmp_path / "key.pub").read_text())
    skyarc("pull", "--sign", "key", "-o", "bag/", "tsk_demo1", "tsk_demo3", check=0)
    skyarc("pull", "-o", "twin.tar", "tsk_demo1", "tsk_demo3", check=0)
    verdict = skyarc("verify", "--signers", "signers", "bag/", check=0).out.decode()
    assert "bag: signed by me" in verdict and "bag: good, 30 artifacts" in verdict and "index" not in verdict
    assert skyarc("verify", "--against-api", "bag", check=0)
    whole = skyarc("list", "--json", "bag/", check=0).json()
    assert [row["path"] for row in whole] == [r["path"] for r in
                                              skyarc("list", "--json", "twin.tar", check=0).json()]
    for row in whole[:5]:
        assert skyarc("cat", "bag/", row["artifact_id"], check=0).out == (tmp_path / "bag" / row["path"]).read_bytes()
    assert skyarc("extract", "-C", "out", "bag/", check=0).out.decode().strip().endswith("out/bag")
    assert payload(tmp_path / "out/bag") == payload(tmp_path / "bag")
    assert skyarc("verify", "out/bag", check=0)
    assert skyarc("extract", "-C", "html", "-t", "html", "bag", check=0)
    assert {p.suffix for p in files(tmp_path / "html/bag/data").values()} <= {".html"}
    skyarc("report", "-o", "page.html", "bag/", check=0)
    assert "tsk_demo3" in (tmp_path / "page.html").read_text()


def test_verified_among_archives(skyarc, tmp_path):
    """A directory of archives may hold bags: these are no folders to look into."""
    (tmp_path / "night").mkdir()
    skyarc("pull", "-o", "night/a/", "tsk_demo1", check=0)
    skyarc("pull", "-o", "night/b.tar.zst", "tsk_demo3", check=0)
    done = skyarc("verify", "night", check=0)
    assert "night/a: good" in done.out.decode() and "night/b.tar.zst: good" in done.out.decode()
    victim = sorted(p for p in files(tmp_path / "night/a/data").values() if p.stat().st_size > 10)[0]
    data = bytearray(victim.read_bytes())
    data[5] ^= 1
    victim.write_bytes(data)
    done = skyarc("verify", "night", check=4)
    assert "night/a: DAMAGED" in done.out.decode() and "night/b.tar.zst: good" in done.out.decode()
    assert "has a different SHA-256 than in the manifest" in done.err and " at " not in done.err


def grow(folder, row):
    with open(folder / row, "ab") as file:
        file.write(b"x")


def replace_by_link(folder, row):
    os.rename(folder / row, folder.parent / "elsewhere")
    os.symlink(folder.parent / "elsewhere", folder / row)


@pytest.mark.parametrize("change,word", [
    (grow, "in the manifest"),
    (lambda folder, row: os.unlink(folder / row), "not in the archive"),
    (lambda folder, row: (folder / "data/added").write_text("x"), "was added"),
    (replace_by_link, "is not a regular file"),
    (lambda folder, row: os.mkfifo(folder / "data/pipe"), "is not a regular file"),
    (lambda folder, row: grow(folder, "bag-info.txt"), "bag-info.txt"),
    (lambda folder, row: grow(folder, "manifest.json"), "manifest.json"),
])
def test_what_was_changed_is_found(skyarc, tmp_path, change, word):
    skyarc("pull", "-o", "bag/", "tsk_demo1", check=0)
    folder = tmp_path / "bag"
    change(folder, rows(folder)[0]["path"])
    done = skyarc("verify", "bag")
    assert done.code == 4 and word in done.err + done.out.decode(), done.err
    assert "good" not in done.out.decode()


@pytest.mark.parametrize("mode,folders", [(None, 0o700), ("0640", 0o750), ("0644", 0o755), ("0660", 0o770)])
def test_modes(skyarc, tmp_path, mode, folders):
    skyarc("pull", "--format", "dir", "-o", "bag", *(["--mode", mode] if mode else []), "tsk_demo1", check=0)
    for path in [tmp_path / "bag", *(tmp_path / "bag").rglob("*")]:
        want = folders if path.is_dir() else int(mode or "600", 8)
        assert stat.S_IMODE(path.stat().st_mode) == want, path


def test_a_foreign_validator(skyarc, tmp_path):
    bagit = pytest.importorskip("bagit")
    skyarc("pull", "-o", "bag/", "tsk_demo1", "tsk_demo3", check=0)
    bagit.Bag(str(tmp_path / "bag")).validate()
    (tmp_path / "bag/data/added").write_text("x")
    with pytest.raises(bagit.BagValidationError):
        bagit.Bag(str(tmp_path / "bag")).validate()


def test_other_options(skyarc, tmp_path):
    out = skyarc("pull", "-o", "bag/", "--dry-run", "tsk_demo1", check=0).out
    assert b"artifacts" in out and not (tmp_path / "bag").exists() and leftovers(tmp_path) == []
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "key"], cwd=tmp_path, check=True)
    skyarc("pull", "-o", "bag/", "--no-report", "--sign", "key", "--anchor-command",
           'echo "$SKYARC_ARCHIVE $SKYARC_HEAD" > head', "tsk_demo1", check=0)
    head = hashlib.sha256((tmp_path / "bag/manifest.json").read_bytes()).hexdigest()
    assert (tmp_path / "head").read_text() == "bag %s\n" % head
    assert (tmp_path / "bag.sig").read_text().startswith("-----BEGIN SSH SIGNATURE")
    assert not (tmp_path / "bag/index.html").exists()


def test_strict_leaves_nothing(skyarc, emu, tmp_path):
    emu.fault("a_1html", "status", status=404, times=50)
    skyarc("pull", "--strict", "-o", "bag/", "tsk_demo1", check=1)
    assert not (tmp_path / "bag").exists() and leftovers(tmp_path) == []


@pytest.mark.parametrize("args,word", [
    (["--format", "dir", "-o", "-"], "standard output"), (["--format", "zip", "-o", "bag/"], "names a directory"),
    (["-l", "3", "-o", "bag/"], "--level"), (["-o", "./"], "does not name"), (["-o", "x/../"], "does not name"),
    (["-o", "/"], "does not name")])
def test_nonsense(skyarc, tmp_path, args, word):
    assert word in skyarc("pull", *args, "tsk_demo1", check=2).err
    assert list(tmp_path.glob("*.partial")) == []


def test_not_for_a_series_of_volumes(skyarc):
    assert "--format" in skyarc("sync", "--format", "dir", "--dest", "vault", check=2).err


def test_an_existing_directory(skyarc, tmp_path):
    bag = tmp_path / "bag"
    bag.mkdir()
    skyarc("pull", "-o", "bag/", "tsk_demo1", check=0)  # an empty directory may be replaced
    before = {n: p.read_bytes() for n, p in files(bag).items()}
    result = skyarc("pull", "-o", "bag/", "tsk_demo3", check=None)
    assert result.code not in (0, 3) and "--force" in result.err
    assert {n: p.read_bytes() for n, p in files(bag).items()} == before
    skyarc("pull", "-f", "-o", "bag/", "tsk_demo3", check=0)
    check_bag(bag)
    assert (bag / "data/tsk_demo3").is_dir() and not (bag / "data/tsk_demo1").exists()
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("what", ["home", "file", "link", "partial", "inside"])
def test_what_is_not_ours_stays(skyarc, tmp_path, what):
    """--force replaces a bag, and nothing else."""
    mine = tmp_path / ("bag.partial" if what == "partial" else "bag")
    if what == "file":
        mine.write_text("mine")
    elif what == "inside":
        skyarc("pull", "-o", "bag/", "tsk_demo1", check=0)
        (mine / "data/tsk_demo1/notes.txt").write_text("mine")
    elif what == "link":
        (tmp_path / "real").mkdir()
        mine.symlink_to("real")
    else:
        (mine / "letters").mkdir(parents=True)
        (mine / "bagit.txt").write_text("x")
        (mine / "letters/one").write_text("mine")
    result = skyarc("pull", "-f", "-o", "bag/", "tsk_demo1", check=None)
    assert result.code not in (0, 3) and any(w in result.err for w in ("other things", "not a directory", "symbolic link", "notes.txt"))
    if what in ("home", "partial"):
        assert (mine / "letters/one").read_text() == "mine"
    assert mine.is_symlink() == (what == "link")
    assert what != "inside" or (mine / "data/tsk_demo1/notes.txt").read_text() == "mine"


@pytest.mark.parametrize("when", [0.3, 0.6, 0.9])
def test_a_killed_pull_is_gone_on_with(skyarc, env, emu, many, tmp_path, when):
    for row in many[::9]:
        emu.fault(row["id"], "slow", steps=4, pause=0.05)
    process = start(env, tmp_path, name="bag/")
    until(lambda: len(fetched(emu)) >= when * len(many), process)
    process.kill()
    process.communicate()
    assert leftovers(tmp_path) == ["bag.partial", "bag.partial.journal"] and not (tmp_path / "bag").exists()
    stored = {row["artifact_id"] for row in journal_rows(tmp_path / "bag.partial.journal")}
    emu.reset_faults()
    before = len(emu.log("store"))
    result = skyarc("pull", "--json", "-j", "4", "-o", "bag/", "tsk_many", check=0).json()
    check_whole(emu, tmp_path / "bag", many)
    assert leftovers(tmp_path) == []
    again = [r["path"].split("/")[-1].split("?")[0] for r in emu.log("store")[before:]]
    assert result["kept"] >= len(stored) - 4
    assert len(stored & set(again)) <= 4  # those whose group was torn
    view = (tmp_path / "bag/view/tsk_many.js").read_text()
    skyarc("report", "-o", "again", "bag", check=0)
    assert sorted((tmp_path / "again/bag/view/tsk_many.js").read_text().split("\n")) == sorted(view.split("\n"))


@pytest.fixture
def stopped(env, emu, many, tmp_path):
    """A pull that Ctrl-C ended; returns the number of artifacts reported as kept."""
    emu.fault("w10", "slow", times=9, steps=100, pause=0.2)
    process = start(env, tmp_path, name="bag/")
    until(lambda: len(set(fetched(emu))) >= len(many) - 40, process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert b"artifacts are kept in 'bag.partial': run the same command again to resume" in err
    emu.reset_faults()
    return int(err.split(b" artifacts are kept")[0].split()[-1])


def resume(skyarc, emu, tmp_path, plan):
    before = len(emu.log("store"))
    result = skyarc("pull", "--json", "-o", "bag/", "tsk_many", check=0).json()
    check_whole(emu, tmp_path / "bag", plan)
    assert leftovers(tmp_path) == []
    return result["kept"], len(emu.log("store")) - before


def test_a_stopped_pull_keeps_what_has_come(skyarc, emu, many, stopped, tmp_path):
    assert stopped > 80
    kept, asked = resume(skyarc, emu, tmp_path, many)
    assert kept == stopped and asked <= len(many) - kept


def test_hostile_things_in_partial(skyarc, emu, many, stopped, tmp_path):
    """What a journal names is hashed; what nobody wrote, or others can write, does not stay."""
    partial, outside = tmp_path / "bag.partial", tmp_path / "outside"
    outside.mkdir()
    (outside / "keep").write_text("mine")
    folder = partial / "data/tsk_many"
    lines = journal_rows(tmp_path / "bag.partial.journal")
    singles = [partial / r["path"] for r in lines if r["artifact_id"][0] == "w" and not r.get("duplicate_of")
               and (partial / r["path"]).stat().st_nlink == 1]
    small = [partial / r["path"] for r in lines if r["artifact_id"][0] == "x" and not r.get("duplicate_of")]
    assert len(small) >= 6
    small[0].write_bytes(bytes(len(small[0].read_bytes())))      # other content of the same size
    copy = small[1].read_bytes()
    small[1].unlink()
    (outside / "same").write_bytes(copy)
    small[1].symlink_to(outside / "same")                        # the right content, through a symbolic link
    small[2].unlink()
    os.mkfifo(small[2])
    os.link(small[3], outside / "hard")                          # it has another hard link
    small[4].chmod(0o666)
    os.utime(small[5], (1, 1))
    (folder / "html" / "stray.html").write_text("stray")
    (folder / "out").symlink_to(outside)
    os.mkfifo(folder / "pipe")
    (folder / "open").mkdir()
    (folder / "open").chmod(0o777)
    (folder / "open/x").write_text("x")
    (partial / "manifest.json").symlink_to(outside / "keep")
    kept, _ = resume(skyarc, emu, tmp_path, many)
    assert 5 <= stopped - kept <= 5 + 12 and singles is not None
    assert (outside / "keep").read_text() == "mine" and (outside / "same").read_bytes() == copy
    assert all(not p.is_symlink() for p in (tmp_path / "bag").rglob("*"))
    times = {int(p.stat().st_mtime) for p in (tmp_path / "bag/data/tsk_many/html").iterdir()}
    assert 1 not in times


def test_a_journal_that_lies(skyarc, emu, many, stopped, tmp_path):
    """Bytes and a row that fit each other, but that we did not write."""
    journal = tmp_path / "bag.partial.journal"
    lines = journal.read_text().splitlines()
    index, row = next((i, json.loads(line.rpartition(" ")[0])) for i, line in enumerate(lines[1:], 1)
                      if '"x0' in line and "duplicate_of" not in line)
    path = tmp_path / "bag.partial" / row["path"]
    false = b"<p>false</p>".ljust(row["size"], b" ")[:row["size"]]
    path.write_bytes(false)
    lines[index] = lines[index].replace(row["sha256"], hashlib.sha256(false).hexdigest())
    journal.write_text("\n".join(lines) + "\n")
    kept, _ = resume(skyarc, emu, tmp_path, many)
    assert kept < stopped


def test_links_in_the_place_of_partial(skyarc, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/keep").write_text("mine")
    (tmp_path / "bag.partial").symlink_to("outside")
    skyarc("pull", "-o", "bag/", "tsk_demo1", check=0)
    check_bag(tmp_path / "bag")
    assert [p.name for p in (tmp_path / "outside").iterdir()] == ["keep"]
    (tmp_path / "two.partial").mkdir()
    (tmp_path / "two.partial").chmod(0o777)
    result = skyarc("pull", "-o", "two/", "tsk_demo1", check=None)
    assert result.code not in (0, 3) and "others can write" in result.err


def test_one_at_a_time(skyarc, env, emu, many, tmp_path):
    emu.fault("w10", "slow", times=9, steps=100, pause=0.2)
    process = start(env, tmp_path, name="bag/")
    until(lambda: len(fetched(emu)) > 10, process)
    result = skyarc("pull", "-o", "bag/", "tsk_many", check=None)
    assert result.code not in (0, 3) and "another skyarc is writing 'bag'" in result.err
    process.kill()
    process.communicate()


def test_a_full_disk(skyarc, env, emu, many, tmp_path):
    """A file that may not be written: what came before is kept, and the rest is said."""
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    done = subprocess.run([SKYARC, "pull", "-o", "bag/", "tsk_many"], env=env, cwd=tmp_path, preexec_fn=limit,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    assert done.returncode not in (0, 3) and b"bag.partial" in done.stderr
    assert not (tmp_path / "bag").exists()
    resume(skyarc, emu, tmp_path, many)


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_the_swap(skyarc, env, tmp_path, when):
    """kill -9 as the new directory changes places with the old one: one of the two is there, whole."""
    (tmp_path / "kill.c").write_text("""
        #define _GNU_SOURCE
        #include <signal.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        #include <sys/syscall.h>
        #include <unistd.h>
        int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
        {
            long rc = -1;
            if (!(flags & RENAME_EXCHANGE) || strcmp(getenv("KILLED"), "before") != 0)
                rc = syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
            if (flags & RENAME_EXCHANGE)
                raise(SIGKILL);
            return (int)rc;
        }
    """)
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", tmp_path / "kill.so", tmp_path / "kill.c"], check=True)
    skyarc("pull", "-o", "bag/", "tsk_demo1", check=0)
    old = {name: path.read_bytes() for name, path in files(tmp_path / "bag").items()}
    done = subprocess.run([SKYARC, "pull", "-f", "-o", "bag/", "tsk_demo3"], cwd=tmp_path, check=False,
                          env=dict(env, LD_PRELOAD=str(tmp_path / "kill.so"), KILLED=when,
                                   ASAN_OPTIONS="verify_asan_link_order=0"))
    assert done.returncode == -signal.SIGKILL
    bag, partial = tmp_path / "bag", tmp_path / "bag.partial"
    replaced, other = (bag, partial) if when == "before" else (partial, bag)
    assert {name: path.read_bytes() for name, path in files(replaced).items()} == old
    check_bag(other)
    assert (other / "data/tsk_demo3").is_dir()
    result = skyarc("pull", "-o", "bag/", "tsk_demo3", check=None)  # neither is touched without --force
    assert result.code not in (0, 3) and "--force" in result.err and partial.is_dir()
    check_bag(bag)
    skyarc("pull", "-f", "-o", "bag/", "tsk_demo3", check=0)
    check_bag(bag)
    assert (bag / "data/tsk_demo3").is_dir() and not (bag / "data/tsk_demo1").exists()
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("count, size", [(7, 1_000_000), (20, 220_000), (600, 8000)])
def test_a_small_disk_keeps_what_is_said(skyarc, emu, disk, small, count, size):
    """As for an archive: what is said to be kept is what the next attempt finds, and goes on from."""
    rows = [{"id": "f%d" % i, "type": "recording", "webm": size, "seed": i} for i in range(count)]
    rows += [{"id": "g%d" % i, "type": "recording", "webm": size, "seed": i} for i in range(0, count, 2)]
    emu.run("tsk_full", rows)
    said = 0
    for kept in (None, "kept"):
        result = skyarc("pull", "-v", "-o", "disk/bag/", "tsk_full", check=1)
        assert "No space left" in result.err and "run the same command again to resume" in result.err
        if kept:
            assert re.search(r"resuming an interrupted attempt: (\d+) artifact", result.err)[1] == str(said)
        said = int(re.search(r"(\d+) artifacts? (?:is|are) kept in 'disk/bag.partial'", result.err).group(1))
        assert 0 < said < len(rows) and not (small / "bag").exists()
    disk[1](64 << 20)
    assert skyarc("pull", "--json", "-o", "disk/bag/", "tsk_full", check=0).json()["kept"] == said
    check_whole(emu, small / "bag", rows)
    assert sorted(p.name for p in small.iterdir()) == ["bag", "other"]
