# SPDX-License-Identifier: MIT
"""Opening archives again: list, cat, extract, verify; sound, damaged and hostile ones."""
import hashlib
import io
import json
import os
import shutil
import struct
import subprocess
import tarfile
import zipfile

import pytest

from conftest import extract

RUNS = ["tsk_demo1", "wr_demo2", "tsk_v2_demo2", "tsk_demo3"]
FORMATS = ["tar.zst", "tar.gz", "tar", "zip"]


@pytest.fixture
def made(skyarc, emu, tmp_path):
    """An archive with bodies of several frames, duplicates and small files."""
    emu.run("tsk_big", [{"id": "big%d" % i, "type": "recording", "webm": 9_000_000 + i, "seed": i,
                         "signing": "s3"} for i in range(2)])

    def make(name="a.tar.zst", *args):
        skyarc("pull", "-o", name, *RUNS, "tsk_big", *args, check=0)
        return tmp_path / name

    return make


def rows_of(archive, tmp_path):
    folder = extract(archive, tmp_path)
    return json.loads((folder / "manifest.json").read_text())["artifacts"], folder


@pytest.mark.parametrize("kind", FORMATS)
def test_all_formats(made, skyarc, tmp_path, emu, kind):
    archive = made("a." + kind)
    rows, folder = rows_of(archive, tmp_path)
    result = skyarc("verify", "--json", archive, check=0).json()[0]
    assert result["damages"] == 0 and result["artifacts"] == len(rows) and result["damage"] == []
    assert result["indexed"] is (kind in ("tar.zst", "tar.gz"))
    assert result["manifest_sha256"] == hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
    assert skyarc("list", "--json", archive, check=0).json() == rows
    skyarc("extract", "-C", "mine", archive, check=0)
    assert subprocess.run(["diff", "-r", folder, tmp_path / "mine" / "a"], check=True)
    for row in rows:
        mine = tmp_path / "mine" / "a" / row["path"]
        assert int(mine.stat().st_mtime) == int((folder / row["path"]).stat().st_mtime)
        if row["link"]:
            assert mine.samefile(tmp_path / "mine" / "a" / row["duplicate_of"])
    for row in rows[::7] + [r for r in rows if r["link"]]:
        want = emu.data(row["artifact_id"])
        assert skyarc("cat", archive, row["path"], check=0).out == want
        assert skyarc("cat", archive, row["artifact_id"], check=0).out == want
        assert skyarc("cat", archive, "a/" + row["path"], check=0).out == want
    for name in ("manifest.json", "bagit.txt", "data/tsk_demo1/run.json"):
        assert skyarc("cat", archive, name, check=0).out == (folder / name).read_bytes()
    skyarc("verify", "--quick", archive, check=0)
    for k in (1, 2, 3):
        skyarc("verify", "--share", "%d/3" % k, archive, check=0)


def test_list_filters(made, skyarc, tmp_path):
    archive = made()
    lines = skyarc("list", archive, check=0).out.decode().splitlines()
    assert lines[0].split() == ["RUN", "TYPE", "CREATED", "SIZE", "PATH"]
    rows = skyarc("list", "--json", "-t", "har", archive, check=0).json()
    assert {r["artifact_type"] for r in rows} == {"har"}
    rows = skyarc("list", "--json", "-r", "tsk_demo3", "-x", "screenshots,recordings", archive, check=0).json()
    assert {r["run_id"] for r in rows} == {"tsk_demo3"} and len(rows) == 7
    rows = skyarc("list", "--json", archive, "data/tsk_demo1/files", check=0).json()
    assert {r["artifact_type"] for r in rows} == {"download"}
    rows = skyarc("list", "--json", archive, "*/llm_*", check=0).json()
    assert rows and all("/llm_" in r["path"] for r in rows)


def test_extract_some(made, skyarc, tmp_path):
    archive = made()
    skyarc("extract", "-C", "x", "-t", "har", archive, check=0)
    found = [p for p in (tmp_path / "x").rglob("*") if p.is_file()]
    assert found and all(p.suffix == ".har" for p in found)
    skyarc("extract", "-C", "y", archive, "manifest.json", "data/tsk_demo3/html_scrape", check=0)
    assert sorted(p.name for p in (tmp_path / "y").rglob("*") if p.is_file()) == [
        "20260120T115229.276851Z_a_3html.html", "manifest.json"]
    assert "nothing in" in skyarc("extract", archive, "no/such", check=1).err


def test_what_is_there_stays(made, skyarc, tmp_path):
    archive = made()
    skyarc("extract", "-C", "x", archive, check=0)
    target = tmp_path / "x" / "a" / "manifest.json"
    target.write_text("mine")
    result = skyarc("extract", "-C", "x", "--json", archive, check=0)
    assert result.json()["kept"] > 50 and result.json()["files"] == 0 and "--force" in result.err
    assert target.read_text() == "mine"
    skyarc("extract", "-C", "x", "-f", archive, check=0)
    assert target.read_text() != "mine"
    subprocess.run(["sha256sum", "-c", "--quiet", "manifest-sha256.txt"], cwd=target.parent, check=True)
    assert not [p for p in (tmp_path / "x").rglob(".skyarc*")]


def test_repacked_by_gnu_tar(made, skyarc, tmp_path, emu):
    """No index any more: a plain scan, and the same answers."""
    archive = made()
    rows, folder = rows_of(archive, tmp_path)
    for name, how in (("r.tar.zst", "--zstd"), ("r.tar.gz", "-z"), ("r.tar", "--sort=name")):
        subprocess.run(["tar", how, "-cf", tmp_path / name, "-C", folder.parent, "a"], check=True)
        assert skyarc("list", "--json", name, check=0).json() == rows
        skyarc("extract", "-C", "from-" + name, name, check=0)
        subprocess.run(["diff", "-r", folder, tmp_path / ("from-" + name) / "a"], check=True)
    for name in ("r.tar.zst", "r.tar.gz"):
        assert skyarc("cat", name, "a_1har", check=0).out == emu.data("a_1har")
        assert skyarc("list", name, check=0).err.count("no index") == 1
        assert "no index" not in skyarc("list", "-q", name, check=0).err


def flip(path, at, to=None):
    data = bytearray(path.read_bytes())
    data[at] ^= 0xff
    (to or path).write_bytes(data)


def frames(path):
    data = path.read_bytes()
    count = struct.unpack("<IBI", data[-9:])[0]
    rows = list(struct.iter_unpack("<II", data[-9 - 8 * count:-9]))
    out, coded, plain = [], 0, 0
    for c, p in rows:
        out.append((coded, coded + c, plain, plain + p))
        coded, plain = coded + c, plain + p
    return out


def test_a_flipped_byte_spoils_one_frame(made, skyarc, tmp_path, emu):
    archive = made()
    rows, folder = rows_of(archive, tmp_path)
    for number, (begin, end, first, last) in enumerate(frames(archive)[:-2]):
        hurt = tmp_path / "hurt.tar.zst"
        flip(archive, (begin + end) // 2, hurt)
        touched = {r["path"] for r in rows if r["offset"] < last and
                   r["offset"] + 512 + (0 if r["link"] else r["size"]) > first}
        into = tmp_path / ("o%d" % number)
        result = skyarc("extract", "-k", "-C", into, hurt, check=4)
        lost = {r["path"] for r in rows if not (into / "a" / r["path"]).exists()}
        manifest_hurt = first <= int(max(r["offset"] for r in rows)) + 10**9 and "manifest.json" in result.err
        if not manifest_hurt:
            links = {r["path"] for r in rows if r["link"] and r["duplicate_of"] in touched}
            assert lost <= touched | links, (number, lost - touched)
            assert lost and all(p in result.err for p in lost)
        else:
            assert not lost
        for row in rows:
            if row["path"] not in lost:
                assert (into / "a" / row["path"]).read_bytes() == emu.data(row["artifact_id"])
        shutil.rmtree(into)
        assert skyarc("verify", hurt, check=4).err
        good = next(r for r in rows if r["path"] not in touched and not r["link"])
        if not manifest_hurt:
            assert skyarc("cat", hurt, good["path"], check=0).out == emu.data(good["artifact_id"])
        if number > 6:
            break


@pytest.mark.parametrize("kind", FORMATS)
def test_damage_is_found_everywhere(made, skyarc, tmp_path, kind):
    archive = made("a." + kind, "-x", "recordings")
    size = archive.stat().st_size
    data = archive.read_bytes()
    silent = []
    for i in range(60):
        at = size * i // 60 + 3
        flip(archive, at, tmp_path / ("h." + kind))
        result = skyarc("verify", "h." + kind)
        if result.code != 4:
            silent.append((at, result.code, data[at]))
    # padding and header fields that nobody reads (owner names, padding) are no content
    assert len(silent) <= (6 if kind in ("tar", "zip") else 0), silent
    for cut in (size // 2, size - 1, 100, 0):
        (tmp_path / "cut").write_bytes(data[:cut])
        assert skyarc("verify", "cut").code == 4


def test_extract_stops_at_damage_unless_told(made, skyarc, tmp_path):
    archive = made()
    flip(archive, 50_000)
    result = skyarc("extract", "-C", "x", archive, check=4)
    assert "--keep-going" in result.err


def repack(folder, name, change):
    """Change an extracted bag, fix up nothing, pack it by Python's tarfile."""
    change(folder)
    with tarfile.open(folder.parent / name, "w") as tar:
        tar.add(folder, "a")
    return folder.parent / name


@pytest.mark.parametrize("what,word", [
    ("content", "SHA-256"), ("added", "was added"), ("removed", "not in the archive"),
    ("run.json", "run.json"), ("oxum", "Payload-Oxum"), ("bagit", "bagit.txt"),
    ("sums", "manifest-sha256.txt"), ("manifest", "tagmanifest"), ("tag", "index.html"),
])
def test_verify_tells_each_change(made, skyarc, tmp_path, what, word):
    archive = made("a.tar", "-x", "recordings")
    _, folder = rows_of(archive, tmp_path)
    victim = next(folder.glob("data/tsk_demo1/html_scrape/*"))

    def change(top):
        if what == "content":
            victim.write_bytes(victim.read_bytes()[:-1] + b"!")
        elif what == "added":
            (top / "data/tsk_demo1/html_scrape/new.html").write_text("x")
        elif what == "removed":
            victim.unlink()
        elif what == "run.json":
            (top / "data/tsk_demo1/run.json").write_text("{}")
        elif what == "oxum":
            info = top / "bag-info.txt"
            info.write_text(info.read_text().replace("Payload-Oxum: ", "Payload-Oxum: 1"))
        elif what == "bagit":
            (top / "bagit.txt").write_text("BagIt-Version: 0.97\n")
        elif what == "sums":
            sums = top / "manifest-sha256.txt"
            sums.write_text("".join(sums.read_text().splitlines(True)[1:]))
        elif what == "manifest":
            text = (top / "manifest.json").read_text()
            (top / "manifest.json").write_text(text.replace('"tsk_demo3"', '"tsk_demo4"', 1))
        elif what == "tag":
            (top / "index.html").write_text("<script>alert(1)</script>")

    changed = repack(folder, "c.tar", change)
    result = skyarc("verify", changed, check=4)
    assert word in result.err, result


def test_index_and_headers_must_agree(made, skyarc, tmp_path):
    """A manifest that points elsewhere, properly packed again, is refused."""
    import zlib
    archive = made("a.tar.gz", "-x", "recordings")
    data = archive.read_bytes()
    locator = len(data) - 74 + 16
    frame, coded, plain, size, table = struct.unpack("<QQQQQ", data[locator + 8:locator + 48])
    text = zlib.decompressobj(31).decompress(data[coded:])
    manifest = json.loads(text[512:512 + size])
    one, two = [r for r in manifest["artifacts"] if not r["link"]][3:5]
    for field in ("offset", "path"):
        swapped = text
        a, b = json.dumps(one[field]).encode(), json.dumps(two[field]).encode()
        if len(a) != len(b):
            continue
        swapped = swapped.replace(b'"%s": ' % field.encode() + a, b'"%s": @@' % field.encode())
        swapped = swapped.replace(b'"%s": ' % field.encode() + b, b'"%s": ' % field.encode() + a)
        swapped = swapped.replace(b"@@", b)
        bad = rewrite(data, coded, text, swapped, locator)
        (tmp_path / "bad.tar.gz").write_bytes(bad)
        assert skyarc("verify", "bad.tar.gz", check=4).err
        if field == "offset":
            assert "disagree" in skyarc("cat", "bad.tar.gz", one["path"], check=4).err
    for at in range(8, 48, 8):  # each number of the locator
        bad = bytearray(data)
        bad[locator + at] ^= 1
        (tmp_path / "bad.tar.gz").write_bytes(bad)
        assert skyarc("list", "bad.tar.gz").code in (1, 4)
        assert skyarc("verify", "bad.tar.gz", check=4).err


def rewrite(data, coded, text, other, locator):
    """The archive with its manifest's member replaced (same plain length) and the table mended."""
    import gzip
    table_at = struct.unpack("<Q", data[locator + 40:locator + 48])[0]
    old_members, at = [], coded
    new = gzip.compress(other, mtime=0)
    tail = bytearray(data[table_at:])
    # the manifest and the tag files are the last frames: put all of it into one
    count = 0
    rows_at = 16
    total = struct.unpack("<H", tail[14:16])[0] // 8
    rows = list(struct.iter_unpack("<II", tail[rows_at:rows_at + 8 * total]))
    offset, keep = 0, []
    for c, p in rows:
        if offset >= coded:
            break
        keep.append((c, p))
        offset += c
    keep.append((len(new), len(other)))
    body = b"".join(struct.pack("<II", *r) for r in keep)
    head = bytes(tail[:10]) + struct.pack("<H", len(body) + 4) + b"ST" + struct.pack("<H", len(body))
    foot = b"\x03\0" + bytes(8)
    last = bytearray(data[-74:])
    last[16 + 40:16 + 48] = struct.pack("<Q", offset + len(new))
    return data[:coded] + new + head + body + foot + bytes(last)


def tar_with(path, members, manifest=None):
    """A tar that is hostile: (name, type, target or bytes)."""
    with tarfile.open(path, "w") as tar:
        for name, kind, value in members:
            info = tarfile.TarInfo(name)
            info.type = kind
            if isinstance(value, bytes):
                info.size = len(value)
                tar.addfile(info, io.BytesIO(value))
            else:
                info.linkname = value or ""
                tar.addfile(info)
        text = json.dumps(manifest or {"schema": "x", "runs": [], "artifacts": [], "missing": []}).encode()
        info = tarfile.TarInfo("a/manifest.json")
        info.size = len(text)
        tar.addfile(info, io.BytesIO(text))


def row(path, data, **more):
    return dict(dict(path=path, run_id="r", artifact_id=path, size=len(data), link=False,
                     sha256=hashlib.sha256(data).hexdigest()), **more)


def manifest_of(*rows):
    return {"schema": "x", "runs": [], "documents": [], "artifacts": list(rows), "missing": []}


@pytest.mark.parametrize("listed", [True, False])
def test_extraction_never_leaves_its_directory(skyarc, tmp_path, listed):
    """Also when the manifest lists what it should not, where it can be read at all."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("precious")
    evil = [
        ("../escape1", tarfile.REGTYPE, b"1"), ("a/data/../../escape2", tarfile.REGTYPE, b"2"),
        ("/tmp/skyarc-escape3", tarfile.REGTYPE, b"3"), ("a/data/./x", tarfile.REGTYPE, b"4"),
        ("a//data/y", tarfile.REGTYPE, b"5"), ("a/data/sym", tarfile.SYMTYPE, str(outside)),
        ("a/data/sym/escape6", tarfile.REGTYPE, b"6"), ("a/data/sym2", tarfile.SYMTYPE, "../../../outside"),
        ("a/data/hard", tarfile.LNKTYPE, "../outside/precious"), ("a/data/hard2", tarfile.LNKTYPE, "/etc/passwd"),
        ("a/data/hard3", tarfile.LNKTYPE, "a/data/sym/precious"), ("a/data/dev", tarfile.CHRTYPE, None),
        ("a/data/fifo", tarfile.FIFOTYPE, None), ("a/data/ok", tarfile.REGTYPE, b"ok"),
        ("a/data/" + "n" * 300, tarfile.REGTYPE, b"7"), ("a/data/.skyarc-1-0", tarfile.REGTYPE, b"8"),
        ("a/data/okdir", tarfile.DIRTYPE, None), ("a/data/hardok", tarfile.LNKTYPE, "a/data/ok"),
    ]
    rows = [row("data/ok", b"ok"), row("data/hardok", b"ok", link=True, duplicate_of="data/ok")]
    if listed:
        rows += [row("data/hard", b"precious"), row("data/hard2", b"x"), row("data/hard3", b"precious"),
                 row("data/sym", b""), row("data/sym2", b""), row("data/dev", b""), row("data/fifo", b"")]
    tar_with(tmp_path / "evil.tar", evil, manifest_of(*rows))
    for name, how in (("evil.tar", None), ("evil.tar.gz", ["gzip", "-k"]), ("evil.tar.zst", ["zstd", "-qk"])):
        if how:
            subprocess.run(how + [tmp_path / "evil.tar"], check=True)
        into = tmp_path / "in" / name
        into.parent.mkdir(exist_ok=True)
        result = skyarc("extract", "-k", "-C", into, name, check=4)
        files = sorted(str(p.relative_to(into)) for p in into.rglob("*") if not p.is_dir())
        assert files == ["a/data/hardok", "a/data/ok", "a/manifest.json"]
        assert (into / "a/data/hardok").samefile(into / "a/data/ok")
        assert os.listdir(outside) == ["precious"] and (outside / "precious").stat().st_nlink == 1
        assert sorted(os.listdir(into.parent)) == sorted(p.name for p in into.parent.iterdir())
        assert not (tmp_path / "escape1").exists() and not os.path.exists("/tmp/skyarc-escape3")
        assert not (into.parent / "escape1").exists() and not (into.parent / "escape2").exists()
        assert "no manifest names it" in result.err
        assert not listed or "neither a file nor a hard link" in result.err


def test_links_on_the_disk_are_not_followed(made, skyarc, tmp_path):
    """The directory itself was prepared by somebody."""
    archive = made("a.tar.zst", "-x", "recordings")
    outside = tmp_path / "outside"
    outside.mkdir()
    into = tmp_path / "in"
    (into / "a").mkdir(parents=True)
    os.symlink(outside, into / "a" / "data")
    os.symlink(outside / "m", into / "a" / "manifest.json")
    skyarc("extract", "-k", "-C", into, archive, check=4)
    assert not list(outside.iterdir())


def test_zip_names(skyarc, tmp_path):
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr("../escape", "x")
        archive.writestr("a/data/ok", "ok")
        archive.writestr("a/data/unlisted", "no")
        archive.writestr("a/manifest.json", json.dumps(manifest_of(row("data/ok", b"ok"))))
    skyarc("extract", "-k", "-C", "in", "evil.zip", check=4)
    assert not (tmp_path / "escape").exists() and (tmp_path / "in/a/data/ok").read_text() == "ok"
    assert sorted(os.listdir(tmp_path / "in/a/data")) == ["ok"]


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"artifacts": [{}]}', b'{"artifacts": [{"path": 1}]}',
                                  b'{"artifacts": [' + b"[" * 500 + b']}', b'{"artifacts": [{"path": "' + b"x" * (2 << 20) + b'"}]}',
                                  b'{"artifacts": []} x', b'\xff' * 50], ids=range(9))
def test_manifests_that_are_none(skyarc, tmp_path, text):
    with tarfile.open(tmp_path / "m.tar", "w") as tar:
        info = tarfile.TarInfo("a/manifest.json")
        info.size = len(text)
        tar.addfile(info, io.BytesIO(text))
    assert skyarc("verify", "m.tar", check=4).err
    for command in (["list", "m.tar"], ["cat", "m.tar", "x"], ["extract", "-C", "x", "m.tar"]):
        assert skyarc(*command).code in (1, 4)


@pytest.mark.parametrize("command", [["list"], ["cat"], ["cat", "a"], ["extract"], ["verify"],
                                     ["verify", "--share", "3/2", "x"], ["verify", "--share", "x", "x"]])
def test_usage(skyarc, command):
    skyarc(*command, check=2)


def test_files_that_are_no_archives(skyarc, tmp_path):
    (tmp_path / "text").write_text("hello" * 1000)
    (tmp_path / "dir").mkdir()
    for name in ("text", "dir", "none", "/dev/null"):
        for command in ("list", "extract"):
            assert skyarc(command, name).code in (2 if name in ("dir", "/dev/null") else 1, 4)
        assert skyarc("verify", name).code == {"text": 4, "dir": 1, "none": 1, "/dev/null": 2}[name]
    assert skyarc("cat", "text", "x").code == 1
    archive = tmp_path / "o.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(tmp_path / "text", "text")
    assert "skyarc did not write it" in skyarc("list", "o.tar", check=1).err


def test_not_found(made, skyarc):
    archive = made()
    assert "there is no 'x/y'" in skyarc("cat", archive, "x/y", check=1).err


def test_a_reader_that_goes(made, skyarc, env, tmp_path):
    from conftest import SKYARC
    archive = made()
    done = subprocess.run("%s cat %s big0 | head -c 10" % (SKYARC, archive), shell=True, env=env,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path)
    assert len(done.stdout) == 10 and done.stderr == b""


def test_memory_stays_flat(made, skyarc, tmp_path):
    """A cat decodes one frame of an archive, whatever its size."""
    import resource
    from conftest import SKYARC
    archive = made()
    code = ("import resource, subprocess, sys; subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True);"
            "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)")
    done = subprocess.run(["/usr/bin/python3", "-c", code, SKYARC, "cat", str(archive), "a_1shot1"],
                          stdout=subprocess.PIPE, check=True)
    if b"__asan" not in open(SKYARC, "rb").read() and b"__tsan" not in open(SKYARC, "rb").read():
        assert int(done.stdout) < 16 * 1024
    assert resource
