# SPDX-License-Identifier: MIT
"""The index for ratarmount: what is in it, and that ratarmount uses it."""
import ctypes.util
import os
import sqlite3
import subprocess
import sys
import tarfile
import time

import pytest

from reading import flip

READ_ALL = r"""
import os, sys
from ratarmountcore.mountsource.formats.tar import SQLiteIndexedTar
def forbidden(*args):
    raise SystemExit("the archive is indexed again")
SQLiteIndexedTar._create_index = forbidden
source = SQLiteIndexedTar(sys.argv[1], writeIndex=True, verifyModificationTime=True)
assert source.index.indexFilePath.endswith(".index.sqlite"), source.index.indexFilePath
def walk(folder):
    for name, info in sorted(source.list(folder).items()):
        path = folder.rstrip("/") + "/" + name
        if info.mode & 0o170000 == 0o040000:
            walk(path)
        elif info.linkname:
            print("link", path, "/" + info.linkname, sep="\t")
        else:
            with source.open(info) as file:
                data = file.read()
            assert len(data) == info.size
            out = os.path.join(sys.argv[2], path.strip("/").replace("/", "+"))
            open(out, "wb").write(data)
            print("file", path, out, sep="\t")
walk("/")
"""


def table(path, what):
    connection = sqlite3.connect("file:%s?mode=ro" % path, uri=True)
    rows = connection.execute(what).fetchall()
    connection.close()
    return rows


def stamp(path):
    found = os.stat(path)
    return found.st_ino, found.st_mtime_ns, found.st_size


@pytest.fixture
def indexed(made):
    """An archive with its index."""
    archive = made("a.tar.zst", "--ratarmount-index")
    index = archive.with_name(archive.name + ".index.sqlite")
    assert index.stat().st_mode & 0o777 == 0o600
    return archive, index


def test_it_has_what_the_tar_has(indexed, tmp_path):
    archive, index = indexed
    subprocess.run(["zstd", "-dqf", archive, "-o", tmp_path / "a.tar"], check=True)
    with tarfile.open(tmp_path / "a.tar") as tar:
        wanted = {("/" + os.path.dirname(m.name), os.path.basename(m.name), m.offset, m.offset_data, m.size,
                   float(m.mtime), 0o644 if m.islnk() else 0o100644, m.type, m.linkname, m.uid, m.gid, 0, 0, 0, 1)
                  for m in tar.getmembers()}
    rows = table(index, "SELECT * FROM files")
    assert {row for row in rows if row[7] != 5} == wanted
    assert any(row[8] for row in wanted)
    folders = {(row[0] + "/" + row[1]) for row in rows if row[7] == 5}
    parents = set()
    for row in wanted:
        parts = row[0].split("/")
        parents.update("/".join(parts[:i]) for i in range(2, len(parts) + 1))
    assert folders == parents and {row[6] for row in rows if row[7] == 5} == {0o040555}
    blocks = table(index, "SELECT * FROM zstdblocks ORDER BY 1")
    data = archive.read_bytes()
    assert blocks[0] == (0, 0) and len(blocks) == len(set(blocks))
    assert all(data[at:at + 4] in (b"\x28\xb5\x2f\xfd", b"\x5c\x2a\x4d\x18", b"\x5d\x2a\x4d\x18", b"\x5e\x2a\x4d\x18")
               for at, _ in blocks)
    assert data[blocks[-1][0]:blocks[-1][0] + 4] == b"\x5e\x2a\x4d\x18"
    assert table(index, "SELECT version, major, minor, patch FROM versions WHERE name = 'index'") == [("0.7.0", 0, 7, 0)]
    assert table(index, "PRAGMA integrity_check") == [("ok",)]


def test_long_paths(skyarc, tmp_path):
    name = "n" * 150
    skyarc("pull", "-o", name + ".tar.zst", "--ratarmount-index", "tsk_demo1", check=0)
    subprocess.run(["zstd", "-dqf", name + ".tar.zst"], cwd=tmp_path, check=True)
    with tarfile.open(tmp_path / (name + ".tar")) as tar:
        wanted = {(m.offset, m.offset_data) for m in tar.getmembers()}
    assert any(data - header > 512 for header, data in wanted)
    rows = table(tmp_path / (name + ".tar.zst.index.sqlite"), "SELECT offsetheader, offset FROM files WHERE type <> 5")
    assert set(rows) == wanted


def test_of_an_existing_archive(indexed, skyarc, tmp_path):
    archive, index = indexed
    for what in ("SELECT * FROM files ORDER BY 1, 2, 3", "SELECT * FROM zstdblocks", "SELECT * FROM metadata"):
        first = table(index, what)
        index.write_bytes(b"something else")
        skyarc("verify", "--ratarmount-index", archive.name, check=0)
        assert table(index, what) == first
    assert index.stat().st_mode & 0o777 == 0o600
    assert not [p for p in os.listdir(tmp_path) if p.startswith(("skyarc-", index.name + "."))]


def test_none_of_a_damaged_archive(indexed, skyarc):
    archive, index = indexed
    index.unlink()
    flip(archive, 3000)
    skyarc("verify", "--ratarmount-index", archive.name, check=4)
    assert not index.exists()


@pytest.mark.parametrize("output", ("a.tar", "a.tar.gz", "a.zip", "a/", "-"))
def test_only_of_tar_zst(skyarc, tmp_path, output):
    result = skyarc("pull", "-o", output, "--ratarmount-index", "tsk_demo1", check=2)
    assert "--ratarmount-index" in result.err and "tar.zst" in result.err
    assert os.listdir(tmp_path) == ["home"]


def test_verify_refuses_other_formats(skyarc, made, tmp_path):
    made("a.tar.gz")
    result = skyarc("verify", "--ratarmount-index", "a.tar.gz", check=2)
    assert "a.tar.gz" in result.err and "ratarmount" in result.err
    assert not (tmp_path / "a.tar.gz.index.sqlite").exists()
    assert "one archive" in skyarc("verify", "--ratarmount-index", "a.tar.gz", "a.tar.gz", check=2).err


def test_a_failure_leaves_the_archive(skyarc, tmp_path):
    (tmp_path / "a.tar.zst.index.sqlite").mkdir()
    result = skyarc("pull", "-o", "a.tar.zst", "--ratarmount-index", "tsk_demo1", check=1)
    assert "'a.tar.zst' was written, but 'a.tar.zst.index.sqlite' was not" in result.err
    skyarc("verify", "a.tar.zst", check=0)
    assert sorted(os.listdir(tmp_path)) == ["a.tar.zst", "a.tar.zst.index.sqlite", "home"]


def test_ratarmount_reads_it(indexed, skyarc, tmp_path):
    pytest.importorskip("ratarmountcore.mountsource.formats.tar")
    archive, index = indexed
    before = stamp(index)
    out = tmp_path / "out"
    out.mkdir()
    names = sorted(os.listdir(tmp_path))
    result = subprocess.run([sys.executable, "-c", READ_ALL, archive, out], cwd=tmp_path, check=True, timeout=60,
                            stdout=subprocess.PIPE).stdout.decode()
    rows = [line.split("\t") for line in result.splitlines() if line.startswith(("file\t", "link\t"))]
    files = {path: where for kind, path, where in rows if kind == "file"}
    links = [(path, where) for kind, path, where in rows if kind == "link"]
    assert len(files) > 50 and len(links) > 5 and stamp(index) == before and sorted(os.listdir(tmp_path)) == names
    for path, where in list(files.items()) + [(path, files[target]) for path, target in links]:
        assert skyarc("cat", archive.name, path.split("/", 2)[2], check=0).out == open(where, "rb").read()


def test_ratarmount_mounts_it(indexed, skyarc, tmp_path):
    pytest.importorskip("ratarmount")
    library = os.environ.get("FUSE_LIBRARY_PATH") or ctypes.util.find_library("fuse")
    if not library or os.geteuid() or not os.path.exists("/dev/fuse"):
        pytest.skip("no FUSE here")
    archive, index = indexed
    before = stamp(index)
    (tmp_path / "mnt").mkdir()
    process = subprocess.Popen([sys.executable, "-m", "ratarmount", "-f", archive, tmp_path / "mnt"], cwd=tmp_path)
    try:
        for _ in range(200):
            if os.path.ismount(tmp_path / "mnt"):
                break
            assert process.poll() is None
            time.sleep(0.1)
        top = tmp_path / "mnt" / "a"
        found = [p for p in sorted(top.rglob("*")) if p.is_file()]
        assert len(found) > 70
        for path in found:
            assert path.read_bytes() == skyarc("cat", archive.name, path.relative_to(top), check=0).out
    finally:
        subprocess.run(["umount", tmp_path / "mnt"], check=False)
        process.terminate()
        process.wait(timeout=20)
    assert stamp(index) == before
